// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Windows: files, mappings, randomness.
#pragma once

#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system.hpp>

// Declares the few functions that are used, as in the SDK. Users therefore do not get <windows.h>
// and its macros.
struct _SECURITY_ATTRIBUTES;
struct _OVERLAPPED;
struct _BY_HANDLE_FILE_INFORMATION;
union _LARGE_INTEGER;
extern "C" {
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long,
                                                  _SECURITY_ATTRIBUTES*, unsigned long,
                                                  unsigned long, void*);
__declspec(dllimport) unsigned long __stdcall GetFileType(void*);
__declspec(dllimport) int __stdcall GetFileSizeEx(void*, _LARGE_INTEGER*);
__declspec(dllimport) int __stdcall GetFileInformationByHandle(void*, _BY_HANDLE_FILE_INFORMATION*);
__declspec(dllimport) void* __stdcall ReOpenFile(void*, unsigned long, unsigned long,
                                                 unsigned long);
__declspec(dllimport) int __stdcall ReadFile(void*, void*, unsigned long, unsigned long*,
                                             _OVERLAPPED*);
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) void* __stdcall CreateFileMappingW(void*, _SECURITY_ATTRIBUTES*,
                                                         unsigned long, unsigned long,
                                                         unsigned long, const wchar_t*);
#ifdef _WIN64
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long,
                                                    unsigned long, unsigned long long);
#else
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long,
                                                    unsigned long, unsigned long);
#endif
__declspec(dllimport) int __stdcall UnmapViewOfFile(const void*);
#ifdef _WIN64
__declspec(dllimport) int __stdcall VirtualUnlock(void*, unsigned long long);
#else
__declspec(dllimport) int __stdcall VirtualUnlock(void*, unsigned long);
#endif
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned int, unsigned long, const char*,
                                                        int, wchar_t*, int);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned int, unsigned long, const wchar_t*,
                                                        int, char*, int, const char*, int*);
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
__declspec(dllimport) void __stdcall Sleep(unsigned long);
int __cdecl rand_s(unsigned int*);
}

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail::os {

inline constexpr unsigned code_page_utf8 = 65001;

inline std::error_code last_error() noexcept {
  return {static_cast<int>(GetLastError()), std::system_category()};
}

SAFETENSORS_DECL result<path_text> native_path(const path_ref& path) {
  std::wstring wide(path_door::wide(path));
  const std::string_view utf8 = path_door::utf8(path);
  if (!path_door::is_wide(path) && !utf8.empty()) {
    // A longer text is cut here. Its wide form is then still too long for Windows, wherever the cut
    // is.
    constexpr std::size_t most_bytes = 3 * std::size_t{0x8000};
    const int length = static_cast<int>((std::min)(utf8.size(), most_bytes));
    wide.resize(static_cast<std::size_t>(length));
    const int used = MultiByteToWideChar(code_page_utf8, 8 /* MB_ERR_INVALID_CHARS */, utf8.data(),
                                         length, wide.data(), length);
    if (used == 0) return source_failure(last_error(), "the path is not valid UTF-8");
    wide.resize(static_cast<std::size_t>(used));
  }
  if (wide.find(L'\0') != wide.npos)
    return source_failure(std::errc::invalid_argument, path_holds_nul);
  return wide;
}

// Returns no identity if the file system has none.
inline file_facts facts_of(native_handle handle) noexcept {
  std::uint32_t words[13]{};  // BY_HANDLE_FILE_INFORMATION
  constexpr std::size_t time = 5, volume = 7, size = 8, index = 11;
  if (GetFileInformationByHandle(handle, reinterpret_cast<_BY_HANDLE_FILE_INFORMATION*>(words)) ==
      0)
    return {};
  const auto high_first = [&](std::size_t i) {
    return std::uint64_t{words[i]} << 32 | words[i + 1];
  };
  if (high_first(index) == 0) return {};
  return {.size = high_first(size),
          .identity = {words[volume], high_first(index)},
          .modified = std::uint64_t{words[time + 1]} << 32 | words[time]};
}

SAFETENSORS_DECL result<file_facts> regular_file_facts(native_handle handle) {
  if (GetFileType(handle) != 1 /* FILE_TYPE_DISK */)
    return source_failure(std::errc::invalid_argument, not_regular);
  const file_facts facts = facts_of(handle);
  if (facts.identity != file_identity{}) return facts;
  std::int64_t size = 0;  // the file system has no such facts
  if (GetFileSizeEx(handle, reinterpret_cast<_LARGE_INTEGER*>(&size)) == 0)
    return source_failure(last_error(), cannot_examine);
  return file_facts{.size = static_cast<std::uint64_t>(size)};
}

SAFETENSORS_DECL result<void> try_lock(native_handle handle, native_handle& lock) {
  constexpr unsigned long read_and_delete = 0x80010000u, share_read = 1;
  if (lock != invalid_handle) return {};
  lock = ReOpenFile(handle, read_and_delete, share_read, 0);
  if (lock != invalid_handle) return {};
  if (GetLastError() == 32 /* ERROR_SHARING_VIOLATION */)
    return source_failure(std::errc::resource_unavailable_try_again, locked_elsewhere);
  return source_failure(last_error(), cannot_lock);
}

SAFETENSORS_DECL result<native_handle> open_to_read(const path_ref& path) {
  const result<std::wstring> wide = native_path(path);
  if (!wide) return wide.error();
  constexpr unsigned long generic_read = 0x80000000u, share_all = 7, open_existing = 3,
                          normal = 0x80;
  const native_handle handle =
      CreateFileW(wide->c_str(), generic_read, share_all, nullptr, open_existing, normal, nullptr);
  if (handle == invalid_handle) return source_failure(last_error(), cannot_open);
  return handle;
}

struct file_position {  // OVERLAPPED
  explicit file_position(std::uint64_t offset) noexcept
      : low(static_cast<std::uint32_t>(offset)), high(static_cast<std::uint32_t>(offset >> 32)) {}
  [[nodiscard]] _OVERLAPPED* get() noexcept { return reinterpret_cast<_OVERLAPPED*>(this); }

  std::uintptr_t internal[2] = {};
  std::uint32_t low, high;
  void* event = nullptr;
};

SAFETENSORS_DECL std::error_code read_at(native_handle handle, std::uint64_t offset,
                                         std::span<std::byte> to) noexcept {
  while (!to.empty()) {
    file_position position(offset);
    const auto asked = static_cast<unsigned long>((std::min)(to.size(), std::size_t{1} << 30));
    unsigned long got = 0;
    if (ReadFile(handle, to.data(), asked, &got, position.get()) == 0 &&
        GetLastError() != 38 /* ERROR_HANDLE_EOF */)
      return last_error();
    if (got == 0) return make_error_code(errc::missing_bytes);
    to = to.subspan(got);
    offset += got;
  }
  return {};
}

SAFETENSORS_DECL void close(native_handle handle) noexcept { CloseHandle(handle); }

SAFETENSORS_DECL std::size_t map_granularity() noexcept { return 65536; }

SAFETENSORS_DECL result<std::byte*> map(native_handle handle, std::uint64_t offset,
                                        std::size_t size, bool writable) {
  void* mapping = CreateFileMappingW(
      handle, nullptr, writable ? 8 /* PAGE_WRITECOPY */ : 2 /* PAGE_READONLY */, 0, 0, nullptr);
  if (mapping == nullptr) return source_failure(last_error(), cannot_map, map_advice(writable));
  void* view = MapViewOfFile(mapping, writable ? 1 /* FILE_MAP_COPY */ : 4 /* FILE_MAP_READ */,
                             static_cast<unsigned long>(offset >> 32),
                             static_cast<unsigned long>(offset), size);
  const std::error_code error = last_error();
  CloseHandle(mapping);
  if (view == nullptr) return source_failure(error, cannot_map, map_advice(writable));
  return static_cast<std::byte*>(view);
}

SAFETENSORS_DECL void unmap(std::byte* data, std::size_t) noexcept { UnmapViewOfFile(data); }
SAFETENSORS_DECL void advise(std::span<std::byte> pages, access_advice advice) noexcept {
  if (advice == access_advice::populate) touch(pages);
}
SAFETENSORS_DECL void drop(std::span<std::byte> pages) noexcept {
  if (!pages.empty())
    VirtualUnlock(pages.data(), pages.size());  // removes pages that are not locked
}

SAFETENSORS_DECL bool random_bytes(void* to, std::size_t size) noexcept {
  for (auto* at = static_cast<unsigned char*>(to); size != 0; ++at, --size) {
    unsigned int drawn = 0;
    if (rand_s(&drawn) != 0) return false;
    *at = static_cast<unsigned char>(drawn);
  }
  return true;
}

SAFETENSORS_DECL std::uint64_t process_number() noexcept { return GetCurrentProcessId(); }

// Windows itself does not allow a mapped file to be emptied.
SAFETENSORS_DECL bool is_mapped(file_identity) noexcept { return false; }

SAFETENSORS_DECL void pause() noexcept { Sleep(1); }

}  // namespace detail::os

SAFETENSORS_DECL std::string path_ref::to_utf8() const {
  if (!is_wide_) return std::string(utf8_);
  const int length = static_cast<int>((std::min)(wide_.size(), std::size_t{0x7FFF}));
  std::string utf8(3 * static_cast<std::size_t>(length), '\0');
  const int used = length == 0
                       ? 0
                       : WideCharToMultiByte(detail::os::code_page_utf8, 0, wide_.data(), length,
                                             utf8.data(), 3 * length, nullptr, nullptr);
  utf8.resize(static_cast<std::size_t>(used));
  return utf8;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
