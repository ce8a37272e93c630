// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// POSIX: descriptors, and the walk along a path that sees every link.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system_posix.ipp>
#include <safetensors/write/output_state.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

#if defined(__GLIBC__) || defined(__BIONIC__)
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat64(folder, name, flags, mode);
}
#else
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat(folder, name, flags, mode);
}
#endif

// Owns a descriptor, and closes it.
class descriptor {
 public:
  explicit descriptor(int file = invalid_handle) noexcept : file_(file) {}
  descriptor(descriptor&& other) noexcept : file_(std::exchange(other.file_, invalid_handle)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~descriptor() {
    if (file_ != invalid_handle) ::close(file_);
  }
  [[nodiscard]] int get() const noexcept { return file_; }
  [[nodiscard]] bool is_open() const noexcept { return file_ != invalid_handle; }
  [[nodiscard]] int release() noexcept { return std::exchange(file_, invalid_handle); }

 private:
  int file_;
};

// Unreadable folders can be opened too, where the system allows that.
#if defined(O_PATH)
inline constexpr int folder_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
#elif defined(O_SEARCH) && !defined(__wasi__)  // which then opens nothing in it for reading
inline constexpr int folder_flags = O_SEARCH | O_DIRECTORY | O_CLOEXEC;
#else
inline constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
#endif

inline descriptor open_folder(int parent, const char* name, int more_flags = 0) noexcept {
  return descriptor(
      uninterrupted([&] { return ::openat(parent, name, folder_flags | more_flags); }));
}

inline descriptor open_folder_again(int folder) noexcept {
#ifdef __wasi__  // which cannot duplicate descriptors
  return open_folder(folder, ".");
#else
  return descriptor(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
#endif
}

// Examines what has a name, if anything does. A link is not followed.
inline result<std::optional<file_status>> status_in(int folder, const char* name) {
  file_status status{};
  if (status_at(folder, name, status, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(status);
  if (errno == ENOENT) return std::optional<file_status>();
  return source_failure(last_error(), cannot_examine);
}

inline ::uid_t own_user() noexcept {
#ifdef __wasi__
  return 0;  // as every file's owner
#else
  return ::geteuid();
#endif
}

// In a sticky folder that `others` may write to, anything that belongs neither to us nor to the
// folder's owner may be a trap. Linux checks this with fs.protected_symlinks and
// fs.protected_regular; this function always does.
inline result<void> expect_own(int folder, const file_status& status, ::mode_t others,
                               std::string_view what) {
  if (status.st_uid == own_user()) return {};
  file_status parent{};
  if (status_of(folder, parent) != 0) return source_failure(last_error(), cannot_examine);
  if ((parent.st_mode & S_ISVTX) == 0 || (parent.st_mode & others) == 0 ||
      status.st_uid == parent.st_uid)
    return {};
  return source_failure(std::errc::permission_denied,
                        join(what,
                             " belongs to another user, in a sticky folder that others may "
                             "write to"));
}

inline bool is_in_procfs([[maybe_unused]] int folder) noexcept {
#ifdef __linux__
  constexpr auto magic = 0x9fa0;  // PROC_SUPER_MAGIC
  struct ::statfs status{};
  return ::fstatfs(folder, &status) == 0 && status.f_type == magic;
#else
  return false;
#endif
}

// Walks along a path, from folder to folder, so that it sees every link.
class path_walk {
 public:
  // From a folder, unless the path is absolute, to the folder of the path's last name.
  result<void> go(descriptor origin, std::string path) {
    if (path.empty()) return source_failure(std::errc::no_such_file_or_directory, empty_path);
    rest_ = std::move(path);
    folder_ = std::move(origin);
#ifdef __wasi__
    // A path begins with the name of a folder that the host opened, and "/" is seldom one.
    if (const std::size_t slash = rest_.rfind('/'); slash != rest_.npos) {
      folder_ = open_folder(AT_FDCWD, slash == 0 ? "/" : rest_.substr(0, slash).c_str());
      rest_ = rest_.substr(slash + 1);
    }
#endif
    return go_on();
  }
  // From a folder along the link that has this name in it.
  result<void> follow(descriptor folder, std::string link_name) {
    if (!folder.is_open()) return cannot_open_folder();
    folder_ = std::move(folder);
    name_ = std::move(link_name);
    return follow();
  }
  // Along the link that has the last name.
  result<void> follow() {
    in_chain_ = true;
    if (auto allowed = check_link(name_); !allowed) return allowed;
    if (auto read = put_link_first(name_, ""); !read) return read;
    return go_on();
  }
  // To the end of a chain of links. Returns what is there, if anything.
  result<std::optional<file_status>> follow_all() {
    for (;;) {
      if (name_.empty())  // the link's text ends in a slash
        return source_failure(std::errc::is_a_directory, cannot_write);
      auto status = status_in(folder(), name_.c_str());
      if (!status || !*status || !S_ISLNK((*status)->st_mode)) return status;
      if (auto followed = follow(); !followed) return std::move(followed).error();
    }
  }
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }
  [[nodiscard]] int release_folder() noexcept { return folder_.release(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // the last one

 private:
  result<void> go_on() {
    for (;;) {
      if (rest_.starts_with('/')) {
        folder_ = open_folder(AT_FDCWD, "/");
        rest_ = rest_.substr((std::min)(rest_.find_first_not_of('/'), rest_.size()));
      }
      if (!folder_.is_open()) return cannot_open_folder();
      const std::size_t slash = rest_.find('/');
      name_ = rest_.substr(0, slash);
      if (slash == rest_.npos) {
        rest_.clear();
        return {};
      }
      rest_ = rest_.substr((std::min)(rest_.find_first_not_of('/', slash), rest_.size()));
      if (auto entered = enter(name_); !entered) return entered;
    }
  }
  result<void> enter(const std::string& name) {
    descriptor inner = open_folder(folder(), name.c_str(), O_NOFOLLOW);
    if (!inner.is_open()) {
      if (errno != ELOOP && errno != ENOTDIR && errno != EMLINK) return cannot_open_folder();
      const std::error_code error = last_error();
      const auto status = status_in(folder(), name.c_str());
      if (!status) return status.error();
      if (!*status || !S_ISLNK((*status)->st_mode)) return source_failure(error, no_folder);
      if (auto allowed = check_link(name); !allowed) return allowed;
      if (!is_in_procfs(folder())) return put_link_first(name, "/");
      inner = open_folder(folder(), name.c_str());  // the text of such a link is not a path
      if (!inner.is_open()) return cannot_open_folder();
    }
    folder_ = std::move(inner);
    return {};
  }
  result<void> check_link(const std::string& name) {
    const auto status = status_in(folder(), name.c_str());
    if (!status) return status.error();
    if (!*status) return source_failure(std::errc::no_such_file_or_directory, cannot_follow);
    if (in_chain_ && is_in_procfs(folder()))
      return source_failure(std::errc::invalid_argument,
                            "it leads to an open file, which cannot be replaced");
    return expect_own(folder(), **status, S_IWOTH, "a link in its path");
  }
  result<void> put_link_first(const std::string& name, std::string_view separator) {
    constexpr int most_links = 40;
    if (++links_ > most_links)
      return source_failure(std::errc::too_many_symbolic_link_levels, cannot_follow);
    char link[4096];
    const ssize_t length = ::readlinkat(folder(), name.c_str(), link, sizeof link);
    if (length < 0) return source_failure(last_error(), cannot_follow);
    if (length == sizeof link) return source_failure(std::errc::filename_too_long, cannot_follow);
    rest_ = join(std::string_view(link, static_cast<std::size_t>(length)), separator, rest_);
    return {};
  }
  static result<void> cannot_open_folder() { return source_failure(last_error(), no_folder); }

  static constexpr const char* no_folder = "cannot open its folder";
  descriptor folder_{};
  std::string name_{}, rest_{};
  int links_ = 0;
  bool in_chain_ = false;  // of links that begins at the name that is written
};

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os
