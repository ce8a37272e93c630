// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The functions of libc that the library calls on files, defined in the program itself, so that
// they are found before libc's (and before a sanitizer's, which are weak).
#undef _FORTIFY_SOURCE  // its inline functions would be defined twice
#include "system_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <type_traits>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace testing {
namespace {

watched_calls* watching = nullptr;

bool is_folder(int file) {
  const int flags = ::fcntl(file, F_GETFL);
  return flags >= 0 && (flags & O_DIRECTORY) != 0;
}
bool is_folder(const char*) { return false; }

// The list of mappings is read and closed, and the files in it are looked at by their paths.
bool is_of_mappings(std::string_view name, int file) {
  if (file == AT_FDCWD) return name == "fstatat64";
  if (name != "close") return false;
  char target[64];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ::ssize_t size = ::readlink(link.c_str(), target, sizeof target);
  return size > 0 && std::string_view(target, static_cast<std::size_t>(size)).ends_with("/maps");
}
bool is_of_mappings(std::string_view, const char*) { return false; }

// The function that would be called without this file; `own` tells its type.
template <class Function> Function* in_libc(const char* name, Function*) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

template <class Function, class First, class... Others>
auto call(const char* name, Function* own, First first, Others... others) {
  using answer = std::invoke_result_t<Function*, First, Others...>;
  const auto real = in_libc(name, own);
  const int error = watching == nullptr
                        ? 0
                        : watching->note({name, is_folder(first), is_of_mappings(name, first)});
  if (watching != nullptr && error == 0 && std::string_view(name) == "fsync") return answer{};
  if (error == 0) return real(first, others...);
  if (std::string_view(name) == "close") real(first, others...);
  errno = error;
  return answer{-1};
}

// What a write is to do of what it is asked.
std::size_t piece(std::size_t size) {
  const bool cut = watching != nullptr && watching->disturbs_next(disturbance::cut_short);
  return cut ? (size + 1) / 2 : size;
}

}  // namespace

void watched_calls::begin() { watching = this; }
void watched_calls::end() { watching = nullptr; }

const system_call* watched_calls::disturbed() const {
  return fault_.call != 0 && fault_.call <= calls_.size() ? &calls_[fault_.call - 1] : nullptr;
}

bool watched_calls::disturbs_next(disturbance what) const {
  const std::size_t next = calls_.size() + 1;
  return fault_.what == what && fault_.call != 0 &&
         (next == fault_.call || (fault_.later_too && next > fault_.call));
}

int watched_calls::note(system_call call) {
  const bool fails = disturbs_next(disturbance::failure) || call.name == fault_.every;
  if (disturbs_next(disturbance::kill)) ::raise(SIGKILL);
  calls_.push_back(call);
  if (fails) return fault_.error;
  if (!old_system_) return 0;
  if (call.name == "fallocate64") return EOPNOTSUPP;
  return call.name == "copy_file_range" || call.name == "renameat2" ? ENOSYS : 0;
}

}  // namespace testing

using testing::call;

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const ::mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, ::mode_t) : 0;
  va_end(more);
  return call("open", &::open, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const ::mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, ::mode_t) : 0;
  va_end(more);
  return call("openat64", &::openat64, folder, path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const ::mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, ::mode_t) : 0;
  va_end(more);
  return call("openat", &::openat, folder, path, flags, mode);
}
int fstat64(int file, struct ::stat64* status) noexcept {
  return call("fstat64", &::fstat64, file, status);
}
int fstatat64(int folder, const char* path, struct ::stat64* status, int flags) noexcept {
  return call("fstatat64", &::fstatat64, folder, path, status, flags);
}
int fchown(int file, ::uid_t owner, ::gid_t group) noexcept {
  return call("fchown", &::fchown, file, owner, group);
}
int fchmod(int file, ::mode_t mode) noexcept { return call("fchmod", &::fchmod, file, mode); }
int fallocate64(int file, int mode, ::off64_t offset, ::off64_t size) {
  return call("fallocate64", &::fallocate64, file, mode, offset, size);
}
::ssize_t pread64(int file, void* to, std::size_t size, ::off64_t offset) {
  return call("pread64", &::pread64, file, to, size, offset);
}
::ssize_t pwrite64(int file, const void* from, std::size_t size, ::off64_t offset) {
  if (testing::watching != nullptr && testing::watching->disturbs_next(testing::disturbance::kill))
    (void)testing::in_libc("pwrite64", &::pwrite64)(file, from, size / 2, offset);
  return call("pwrite64", &::pwrite64, file, from, testing::piece(size), offset);
}
::ssize_t copy_file_range(int from, ::off64_t* in, int to, ::off64_t* out, std::size_t size,
                          unsigned flags) {
  return call("copy_file_range", &::copy_file_range, from, in, to, out, testing::piece(size),
              flags);
}
int sync_file_range(int file, ::off64_t offset, ::off64_t size, unsigned flags) {
  return call("sync_file_range", &::sync_file_range, file, offset, size, flags);
}
int fsync(int file) { return call("fsync", &::fsync, file); }
int close(int file) { return call("close", &::close, file); }
int renameat(int folder, const char* from, int to_folder, const char* to) noexcept {
  return call("renameat", &::renameat, folder, from, to_folder, to);
}
int renameat2(int folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  return call("renameat2", &::renameat2, folder, from, to_folder, to, flags);
}
int linkat(int folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  return call("linkat", &::linkat, folder, from, to_folder, to, flags);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return call("unlinkat", &::unlinkat, folder, path, flags);
}
::ssize_t readlinkat(int folder, const char* path, char* to, std::size_t size) noexcept {
  return call("readlinkat", &::readlinkat, folder, path, to, size);
}
int statx(int folder, const char* path, int flags, unsigned mask, struct ::statx* status) noexcept {
  return call("statx", &::statx, folder, path, flags, mask, status);
}
int fstatfs(int file, struct ::statfs* status) noexcept {
  return call("fstatfs", &::fstatfs, file, status);
}
int faccessat(int folder, const char* path, int mode, int flags) noexcept {
  return call("faccessat", &::faccessat, folder, path, mode, flags);
}
::ssize_t lgetxattr(const char* path, const char* name, void* to, std::size_t size) noexcept {
  return call("lgetxattr", &::lgetxattr, path, name, to, size);
}
int flock(int file, int operation) noexcept { return call("flock", &::flock, file, operation); }
int fremovexattr(int file, const char* name) noexcept {
  return call("fremovexattr", &::fremovexattr, file, name);
}

}  // extern "C"
