// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// Windows: creates, writes and commits files.
#pragma once

#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system_windows.ipp>
#include <safetensors/write/output_state.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

// The few functions that are used, declared as in the SDK, so that <windows.h> and its macros stay
// out.
struct _WIN32_FIND_DATAW;
extern "C" {
__declspec(dllimport) void* __stdcall FindFirstFileW(const wchar_t*, _WIN32_FIND_DATAW*);
__declspec(dllimport) int __stdcall FindClose(void*);
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*,
                                              _OVERLAPPED*);
__declspec(dllimport) int __stdcall FlushFileBuffers(void*);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall DeleteFileW(const wchar_t*);
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t*);
__declspec(dllimport) unsigned long __stdcall GetFinalPathNameByHandleW(void*, wchar_t*,
                                                                        unsigned long,
                                                                        unsigned long);
__declspec(dllimport) unsigned long __stdcall SetFilePointer(void*, long, long*, unsigned long);
__declspec(dllimport) int __stdcall SetEndOfFile(void*);
}

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

//-- what has a name

// Returns true for a name for a symbolic link. Other reparse points, such as files of a cloud, are
// files.
inline bool is_symbolic_link(const std::wstring& path, unsigned long attributes) noexcept {
  constexpr unsigned long reparse_point = 0x400, link_tag = 0xA000000Cu;
  if ((attributes & reparse_point) == 0) return false;
  std::uint32_t words[148]{};  // WIN32_FIND_DATAW
  constexpr std::size_t tag = 9;
  void* const search = FindFirstFileW(path.c_str(), reinterpret_cast<_WIN32_FIND_DATAW*>(words));
  if (search == invalid_handle) return false;
  FindClose(search);
  return words[tag] == link_tag;
}

// Opens what a path leads to, to ask about it.
inline native_handle open_to_ask(const std::wstring& path) noexcept {
  constexpr unsigned long share_all = 7, open_existing = 3, normal = 0x80;
  return CreateFileW(path.c_str(), 0, share_all, nullptr, open_existing, normal, nullptr);
}

// Examines what has a name that is to be written.
inline result<name_holder> look(const std::wstring& path) {
  constexpr unsigned long directory = 0x10;
  name_holder holder;
  const unsigned long attributes = GetFileAttributesW(path.c_str());
  if (attributes == ~0ul) {
    const unsigned long error = GetLastError();
    if (error == 2 || error == 3) return holder;  // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
    return source_failure(last_error(), cannot_examine);
  }
  if ((attributes & directory) != 0) return source_failure(std::errc::is_a_directory, cannot_write);
  holder.is_link = is_symbolic_link(path, attributes);
  const native_handle file = open_to_ask(path);
  if (file == invalid_handle) {
    const unsigned long error = GetLastError();
    // ERROR_CANT_RESOLVE_FILENAME: the link leads to nothing but links.
    const bool nowhere = error == 2 || error == 3 || error == 1921;
    if (holder.is_link && nowhere) return holder;
    return source_failure(last_error(), cannot_examine);
  }
  const result<file_facts> regular = regular_file_facts(file);
  CloseHandle(file);
  if (!regular) return regular.error();
  holder.file = *regular;
  return holder;
}

inline result<void> follow_link(std::wstring& path) {
  constexpr unsigned long most = 0x8000;
  const native_handle file = open_to_ask(path);
  if (file == invalid_handle) return source_failure(last_error(), cannot_follow);
  std::wstring found(most, L'\0');
  const unsigned long length = GetFinalPathNameByHandleW(file, found.data(), most, 0);
  const std::error_code error = last_error();
  CloseHandle(file);
  if (length == 0 || length >= most) return source_failure(error, cannot_follow);
  path.assign(found, 0, length);
  return {};
}

// Fails if the name does not lead to what it must lead to.
inline result<void> expect_holder(const open_output& output, const name_holder& holder) {
  if (auto allowed = expect_not_refused(output, holder); !allowed) return allowed;
  if (holder.is_link && !output.options.atomic && output.options.links != link_mode::follow)
    return reason_failure(errc::invalid_option, link_in_place);
  return check_only_over(output.only_over, holder.file);
}

//-- creating

inline native_handle open_to_write(const std::wstring& path, unsigned long disposition) noexcept {
  constexpr unsigned long generic_write = 0x40000000u, share_read_delete = 5, normal = 0x80;
  return CreateFileW(path.c_str(), generic_write, share_read_delete, nullptr, disposition, normal,
                     nullptr);
}
inline constexpr unsigned long create_new = 1, create_always = 2;

SAFETENSORS_DECL std::error_code open_in_place(open_output& output) noexcept {
  std::optional<file_facts> now;
  if (const native_handle file = open_to_ask(output.target); file != invalid_handle) {
    now = facts_of(file);
    CloseHandle(file);
  }
  if (const std::error_code error = check_in_place(output, now)) return error;
  output.file = open_to_write(output.target, create_always);
  if (output.file == invalid_handle) return last_error();
  output.is_begun = true;
  return {};
}

// Makes room for the whole file.
inline result<void> make_room(open_output& output) {
  auto high = static_cast<long>(output.size >> 32);
  constexpr unsigned long failed = ~0ul;  // or a position that looks like it
  if ((SetFilePointer(output.file, static_cast<long>(output.size), &high, 0) == failed &&
       GetLastError() != 0) ||
      SetEndOfFile(output.file) == 0)
    return no_room_failure(last_error(), output.size);
  return {};
}

SAFETENSORS_DECL result<void> create(open_output& output, const path_ref& path) {
  result<std::wstring> target = native_path(path);
  if (!target) return std::move(target).error();
  output.target = *std::move(target);
  if (output.target.empty())
    return source_failure(std::errc::no_such_file_or_directory, empty_path);
  const result<name_holder> found = look(output.target);
  if (!found) return found.error();
  if (auto expected = expect_holder(output, *found); !expected) return expected;
  if (found->is_link && output.options.links == link_mode::follow)
    if (auto followed = follow_link(output.target); !followed) return followed;
  if ((found->is_link || found->file) && !output.options.replace)
    return source_failure(std::errc::file_exists, already_there, replace_advice);

  std::wstring name = output.target;
  if (output.options.atomic) {
    const std::string temporary = temporary_name();
    name.resize(name.find_last_of(L"\\/:") + 1);
    name.append(temporary.begin(), temporary.end());
  } else if (found->file) {
    output.unfinished = std::move(name);
    return start_in_place(output, *found->file);
  }
  output.file = open_to_write(name, create_new);
  if (output.file == invalid_handle)
    return source_failure(last_error(),
                          output.options.atomic ? cannot_create_temporary : cannot_write);
  output.unfinished = std::move(name);
  output.is_begun = true;
  if (output.options.atomic && output.options.preallocate) return make_room(output);
  return {};
}

//-- bytes

SAFETENSORS_DECL std::error_code write_at(native_handle handle, std::uint64_t offset,
                                          std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    file_position position(offset);
    const auto asked = static_cast<unsigned long>((std::min)(bytes.size(), std::size_t{1} << 30));
    unsigned long written = 0;
    if (WriteFile(handle, bytes.data(), asked, &written, position.get()) == 0) return last_error();
    if (written == 0) return std::make_error_code(std::errc::io_error);
    bytes = bytes.subspan(written);
    offset += written;
  }
  return {};
}

SAFETENSORS_DECL std::uint64_t copy(native_handle, std::uint64_t, native_handle, std::uint64_t,
                                    std::uint64_t) noexcept {
  return 0;
}

SAFETENSORS_DECL void start_syncing(native_handle, std::uint64_t, std::uint64_t) noexcept {}

//-- the end

SAFETENSORS_DECL result<void> commit(open_output& output) {
  if (output.options.durable && FlushFileBuffers(output.file) == 0)
    return source_failure(last_error(), cannot_sync);
  if (CloseHandle(std::exchange(output.file, invalid_handle)) == 0)
    return source_failure(last_error(), cannot_close);
  if (output.options.atomic && output.options.replace) {
    const result<name_holder> now = look(output.target);
    if (!now) return now.error();
    if (auto expected = expect_holder(output, *now); !expected) return expected;
  }
  const unsigned long flags = (output.options.replace ? 1 /* MOVEFILE_REPLACE_EXISTING */ : 0) |
                              (output.options.durable ? 8 /* MOVEFILE_WRITE_THROUGH */ : 0);
  if (output.options.atomic &&
      MoveFileExW(output.unfinished.c_str(), output.target.c_str(), flags) == 0)
    return source_failure(last_error(), cannot_take_place,
                          "close or unmap the old file first; memory_file keeps no file open");
  output.unfinished.clear();
  return {};
}

SAFETENSORS_DECL void discard(open_output& output) noexcept {
  if (output.file != invalid_handle) CloseHandle(output.file);
  if (output.is_begun && !output.unfinished.empty()) DeleteFileW(output.unfinished.c_str());
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os
