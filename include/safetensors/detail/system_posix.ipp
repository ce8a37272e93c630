// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// POSIX: files, mappings, randomness.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef __wasi__  // which has neither locks nor mappings
#include <sys/file.h>
#include <sys/mman.h>
#endif
#if __has_include(<sys/random.h>) && (!defined(__ANDROID_API__) || __ANDROID_API__ >= 28)
#include <sys/random.h>
#define SAFETENSORS_DETAIL_GETENTROPY
#endif

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail::os {

// Where off_t may have 32 bits, the calls with 64 bits have their own names. A header cannot set
// _FILE_OFFSET_BITS.
#if defined(__GLIBC__) || defined(__BIONIC__)
using file_offset = ::off64_t;
using file_status = struct ::stat64;
inline int status_of(int file, file_status& status) noexcept { return ::fstat64(file, &status); }
inline int status_at(int folder, const char* name, file_status& status, int flags) noexcept {
  return ::fstatat64(folder, name, &status, flags);
}
inline int open_file(const char* path, int flags) noexcept { return ::open64(path, flags); }
inline ssize_t read_from(int file, void* to, std::size_t size, std::uint64_t offset) noexcept {
  return ::pread64(file, to, size, static_cast<file_offset>(offset));
}
inline void* map_file(std::size_t size, int protection, int flags, int file,
                      std::uint64_t offset) noexcept {
  return ::mmap64(nullptr, size, protection, flags, file, static_cast<file_offset>(offset));
}
#else
using file_offset = ::off_t;
using file_status = struct ::stat;
inline int status_of(int file, file_status& status) noexcept { return ::fstat(file, &status); }
inline int status_at(int folder, const char* name, file_status& status, int flags) noexcept {
  return ::fstatat(folder, name, &status, flags);
}
inline int open_file(const char* path, int flags) noexcept { return ::open(path, flags); }
inline ssize_t read_from(int file, void* to, std::size_t size, std::uint64_t offset) noexcept {
  return ::pread(file, to, size, static_cast<file_offset>(offset));
}
#ifndef __wasi__
inline void* map_file(std::size_t size, int protection, int flags, int file,
                      std::uint64_t offset) noexcept {
  return ::mmap(nullptr, size, protection, flags, file, static_cast<file_offset>(offset));
}
#endif
#endif

inline std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

// Repeats a call that a signal interrupts.
template <class Call> auto uninterrupted(Call&& call) noexcept {
  auto answer = call();
  while (answer < 0 && errno == EINTR) answer = call();
  return answer;
}

inline file_identity identity_of(const file_status& status) noexcept {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

inline file_facts facts_of(const file_status& status) noexcept {
#ifdef __APPLE__
  const ::timespec& time = status.st_mtimespec;
#else
  const ::timespec& time = status.st_mtim;
#endif
  return {static_cast<std::uint64_t>(status.st_size), identity_of(status),
          static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
              static_cast<std::uint64_t>(time.tv_nsec)};
}

inline result<void> expect_regular(const file_status& status) {
  if (S_ISREG(status.st_mode)) return {};
  return source_failure(
      S_ISDIR(status.st_mode) ? std::errc::is_a_directory : std::errc::invalid_argument,
      not_regular);
}

SAFETENSORS_DECL result<file_facts> regular_file_facts(native_handle handle) {
  file_status status{};
  if (status_of(handle, status) != 0) return source_failure(last_error(), cannot_examine);
  if (auto regular = expect_regular(status); !regular) return std::move(regular).error();
  return facts_of(status);
}

SAFETENSORS_DECL result<path_text> native_path(const path_ref& path) {
  std::string copy(path_door::utf8(path));
  if (copy.find('\0') == copy.npos) return copy;
  return source_failure(std::errc::invalid_argument, path_holds_nul);
}

SAFETENSORS_DECL result<native_handle> open_to_read(const path_ref& path) {
  const result<std::string> text = native_path(path);
  if (!text) return text.error();
  // Without O_NONBLOCK, a FIFO waits for its writer. Without O_NOCTTY, a terminal may become the
  // controlling terminal of this process.
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  int file = uninterrupted([&] { return open_file(text->c_str(), flags | O_NONBLOCK); });
  std::error_code error = file < 0 ? last_error() : std::error_code();
  // Another process, such as a file server, holds a lease on the file. It releases the lease
  // while this call waits.
  file_status status{};
  if (error == std::errc::resource_unavailable_try_again &&
      status_at(AT_FDCWD, text->c_str(), status, 0) == 0 && S_ISREG(status.st_mode)) {
    file = uninterrupted([&] { return open_file(text->c_str(), flags); });
    error = last_error();
  }
  if (file < 0) return source_failure(error, text->empty() ? empty_path : cannot_open);
  return file;
}

#ifdef __wasi__
SAFETENSORS_DECL result<void> try_lock(native_handle, native_handle&) {
  return source_failure(std::errc::not_supported, cannot_lock);
}
#else
SAFETENSORS_DECL result<void> try_lock(native_handle handle, native_handle& lock) {
  const auto take = [](int file) {
    return uninterrupted([&] { return ::flock(file, LOCK_EX | LOCK_NB); }) == 0;
  };
  if (take(lock != invalid_handle ? lock : handle)) return {};
  std::error_code error = last_error();
#ifdef __linux__
  // NFS locks only files that are open for writing.
  if (error == std::errc::bad_file_descriptor && lock == invalid_handle &&
      handle != invalid_handle) {
    const std::string path = join("/proc/self/fd/", static_cast<std::uint64_t>(handle));
    lock = uninterrupted([&] { return open_file(path.c_str(), O_RDWR | O_CLOEXEC); });
    if (lock != invalid_handle && take(lock)) return {};
    if (lock != invalid_handle) error = last_error();
  }
#endif
  return source_failure(
      error, error == std::errc::resource_unavailable_try_again ? locked_elsewhere : cannot_lock);
}
#endif

SAFETENSORS_DECL std::error_code read_at(native_handle handle, std::uint64_t offset,
                                         std::span<std::byte> to) noexcept {
  while (!to.empty()) {
    const ssize_t got = uninterrupted([&] {
      return read_from(handle, to.data(), (std::min)(to.size(), std::size_t{1} << 30), offset);
    });
    if (got < 0) return last_error();
    if (got == 0) return make_error_code(errc::missing_bytes);
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

SAFETENSORS_DECL void close(native_handle handle) noexcept { ::close(handle); }

SAFETENSORS_DECL std::size_t map_granularity() noexcept {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

#ifdef __wasi__
SAFETENSORS_DECL result<std::byte*> map(native_handle, std::uint64_t, std::size_t, bool writable) {
  return source_failure(std::errc::not_supported, cannot_map, map_advice(writable));
}
SAFETENSORS_DECL void unmap(std::byte*, std::size_t) noexcept {}
SAFETENSORS_DECL void advise(std::span<std::byte>, access_advice) noexcept {}
SAFETENSORS_DECL void drop(std::span<std::byte>) noexcept {}
#else
SAFETENSORS_DECL result<std::byte*> map(native_handle handle, std::uint64_t offset,
                                        std::size_t size, bool writable) {
  int flags = MAP_PRIVATE;
#ifdef MAP_NORESERVE
  // Few pages are usually written to, so no memory is reserved for a copy of the whole file.
  if (writable) flags |= MAP_NORESERVE;
#endif
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* base = map_file(size, protection, flags, handle, offset);
  if (base == MAP_FAILED) return source_failure(last_error(), cannot_map, map_advice(writable));
  return static_cast<std::byte*>(base);
}

SAFETENSORS_DECL void unmap(std::byte* data, std::size_t size) noexcept { ::munmap(data, size); }

SAFETENSORS_DECL void advise(std::span<std::byte> pages, access_advice advice) noexcept {
  if (pages.empty() || advice == access_advice::normal) return;
  const bool is_sequential = advice == access_advice::sequential;
  ::madvise(pages.data(), pages.size(), is_sequential ? MADV_SEQUENTIAL : MADV_WILLNEED);
  if (advice != access_advice::populate) return;
#ifdef MADV_POPULATE_READ  // Linux 5.14; unlike touching, it returns where a file is truncated
  if (::madvise(pages.data(), pages.size(), MADV_POPULATE_READ) == 0 || errno != EINVAL) return;
#endif
  touch(pages);
}
SAFETENSORS_DECL void drop(std::span<std::byte> pages) noexcept {
  if (!pages.empty()) ::madvise(pages.data(), pages.size(), MADV_DONTNEED);
}
#endif

#ifdef __linux__
// Returns true if the line of /proc/self/maps names the file. A line has address, rights, offset,
// device, inode, and a path in which a line break is \012.
inline bool line_maps(char* line, file_identity file) noexcept {
  char* const path = std::strchr(line, '/');
  if (path == nullptr) return false;
  // A name that is gone says nothing about a file that still has another one.
  if (std::string_view(path).ends_with(" (deleted)")) {
    const char* inode = line;
    for (int field = 0; field != 4; ++field) inode = std::strchr(inode, ' ') + 1;
    return std::strtoull(inode, nullptr, 10) == file.node;
  }
  char* end = path;
  for (const char* from = path; *from != '\0'; ++end) {
    const bool is_break = std::strncmp(from, "\\012", 4) == 0;
    *end = is_break ? '\n' : *from;
    from += is_break ? 4 : 1;
  }
  *end = '\0';
  // The line's device may differ from stat's, as on btrfs, so the path is examined.
  file_status status{};
  return status_at(AT_FDCWD, path, status, 0) == 0 && identity_of(status) == file;
}

SAFETENSORS_DECL bool is_mapped(file_identity file) noexcept {
  constexpr std::size_t longest = 4096 + 128;  // a path, and the fields before it
  char buffer[2 * longest];
  const int maps = uninterrupted([] { return open_file("/proc/self/maps", O_RDONLY | O_CLOEXEC); });
  if (maps < 0) return false;
  bool found = false;
  std::size_t size = 0;
  for (;;) {
    const ssize_t got =
        uninterrupted([&] { return ::read(maps, buffer + size, sizeof buffer - size); });
    if (got <= 0 || found) break;
    size += static_cast<std::size_t>(got);
    char *line = buffer, *const end = buffer + size;
    for (char* next; !found && (next = std::find(line, end, '\n')) != end; line = next + 1) {
      *next = '\0';
      found = line_maps(line, file);
    }
    if (line == buffer && size == sizeof buffer) line = end;  // a line longer than any path needs
    size = static_cast<std::size_t>(end - line);
    std::memmove(buffer, line, size);
  }
  ::close(maps);
  return found;
}
#else
SAFETENSORS_DECL bool is_mapped(file_identity) noexcept { return false; }
#endif

#ifdef SAFETENSORS_DETAIL_GETENTROPY
SAFETENSORS_DECL bool random_bytes(void* to, std::size_t size) noexcept {
  return ::getentropy(to, size) == 0;
}
#undef SAFETENSORS_DETAIL_GETENTROPY
#else
SAFETENSORS_DECL bool random_bytes(void*, std::size_t) noexcept { return false; }
#endif

SAFETENSORS_DECL std::uint64_t process_number() noexcept {
#ifdef __wasi__
  return 0;
#else
  return static_cast<std::uint64_t>(::getpid());
#endif
}

SAFETENSORS_DECL void pause() noexcept {
  const ::timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
  ::nanosleep(&moment, nullptr);
}

}  // namespace detail::os

SAFETENSORS_DECL std::string path_ref::to_utf8() const { return std::string(utf8_); }

}  // namespace safetensors::inline SAFETENSORS_ABI
