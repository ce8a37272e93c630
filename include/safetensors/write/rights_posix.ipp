// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// POSIX: modes, access lists and owners, and which names may be replaced.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system_posix.ipp>
#include <safetensors/write/output_state.hpp>
#include <safetensors/write/path_posix.ipp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <sys/xattr.h>
#endif

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

//-- the mode of a file

#ifdef __linux__
inline constexpr const char* access_list = "system.posix_acl_access";

// Returns the mode for a file without the access list that a file of this mode has.
// - The group gets what the list gives to it. The mode's group bits are only the most that the list
//   gives to anybody but the owner and the others.
// - A user or group that the list names is then one of the others, or of the group. Neither of
//   these gets more than the list gives to any of those.
inline std::uint32_t mode_without_list(std::uint32_t mode, std::span<const unsigned char> list) {
  // 4 bytes of version; then entries: tag, rights, number, in 2, 2 and 4 bytes, little-endian.
  constexpr std::size_t header_bytes = 4, entry_bytes = 8;
  enum tag : unsigned char { user = 2, own_group = 4, group = 8 };
  const std::uint32_t mask = mode >> 3 & 7;
  std::uint32_t group_rights = mask, other_rights = mode & 7;
  bool has_own_group = false;
  for (std::size_t at = header_bytes; at + entry_bytes <= list.size(); at += entry_bytes) {
    const std::uint32_t rights = list[at + 2] & mask;
    if (list[at] == user || list[at] == own_group) group_rights &= rights;
    if (list[at] == user || list[at] == group) other_rights &= rights;
    has_own_group = has_own_group || list[at] == own_group;
  }
  return has_own_group ? (mode & 0700) | group_rights << 3 | other_rights : mode & 0700;
}
#endif

// Returns the mode bits that give nobody more than the file gives.
inline std::uint32_t mode_of([[maybe_unused]] int folder, [[maybe_unused]] const char* name,
                             const file_status& status) {
  const std::uint32_t mode = status.st_mode & 0777u;
#ifdef __linux__
  if ((mode & 077) == 0) return mode;
  unsigned char list[1024];
  const std::string path = join("/proc/self/fd/", static_cast<std::uint64_t>(folder), "/", name);
  ssize_t size = ::lgetxattr(path.c_str(), access_list, list, sizeof list);
  if (size < 0 && errno == ENOENT) {  // there is no /proc
    const descriptor file(
        open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0));
    size = ::fgetxattr(file.get(), access_list, list, sizeof list);
  }
  if (size < 0 && (errno == ENODATA || errno == EOPNOTSUPP || errno == ENOSYS)) return mode;
  return mode_without_list(mode, {list, static_cast<std::size_t>((std::max)(size, ssize_t{0}))});
#else
  return mode;
#endif
}

inline file_rights rights_of(int folder, const char* name, const file_status& status,
                             bool with_owner) {
  return {mode_of(folder, name, status), static_cast<std::uint32_t>(status.st_uid),
          static_cast<std::uint32_t>(status.st_gid), with_owner};
}

//-- what has a name

// Examines what has a name that is to be written. Fails if it may not be replaced, or not followed
// if it is a link.
inline result<name_holder> look(int folder, const std::string& name) {
  name_holder holder;
  auto status = status_in(folder, name.c_str());
  path_walk walk;
  if (status && *status) holder.owner = (*status)->st_uid;
  if (status && *status && S_ISLNK((*status)->st_mode)) {
    holder.is_link = true;
    const auto followed = walk.follow(open_folder_again(folder), name);
    status = followed ? walk.follow_all() : followed.error();
    if (!status)
      for (const auto nowhere :
           {std::errc::no_such_file_or_directory, std::errc::not_a_directory,
            std::errc::filename_too_long, std::errc::too_many_symbolic_link_levels})
        if (status.error().system == nowhere) return holder;
  }
  if (!status) return std::move(status).error();
  if (!*status) return holder;
  if (auto regular = expect_regular(**status); !regular) return std::move(regular).error();
  if (!holder.is_link)
    if (auto own = expect_own(folder, **status, S_IWGRP | S_IWOTH, "it"); !own)
      return std::move(own).error();
  holder.file = facts_of(**status);
  holder.rights = holder.is_link ? rights_of(walk.folder(), walk.name().c_str(), **status, false)
                                 : rights_of(folder, name.c_str(), **status, true);
  return holder;
}

// Does what look() does, along the whole path, whose folders may be others by now.
inline result<name_holder> look_along_path(const open_output& output) {
  path_walk walk;
  descriptor origin =
      output.origin != invalid_handle ? open_folder_again(output.origin) : descriptor();
  if (auto gone = walk.go(std::move(origin), output.given); !gone) {
    const std::error_code error = gone.error().system;
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
      return name_holder();
    return std::move(gone).error();
  }
  return look(walk.folder(), walk.name());
}

//-- what can be replaced

// Returns true if a file of another owner can be renamed in a sticky folder. Root needs CAP_FOWNER
// for that.
inline bool may_rename_any() noexcept {
#ifdef __linux__
  constexpr unsigned version = 0x20080522, fowner = 3;  // _LINUX_CAPABILITY_VERSION_3, CAP_FOWNER
  struct {
    std::uint32_t version;
    int process;
  } header{version, 0};
  struct {
    std::uint32_t effective, permitted, inheritable;
  } sets[2]{};
  return ::syscall(SYS_capget, &header, sets) != 0 || (sets[0].effective >> fowner & 1) != 0;
#else
  return own_user() == 0;
#endif
}

// Older C libraries have no statx, though the kernel's headers may define what it returns.
#if (!defined(__GLIBC__) || __GLIBC_MINOR__ >= 28) && \
    (!defined(__ANDROID_API__) || __ANDROID_API__ >= 30)
#define SAFETENSORS_DETAIL_STATX
#endif

// Fails if the name cannot be replaced, as far as the system says so beforehand.
inline result<void> expect_replaceable(int folder, const std::string& name,
                                       const name_holder& holder, bool atomic) {
#if defined(SAFETENSORS_DETAIL_STATX) && defined(STATX_ATTR_MOUNT_ROOT)
  struct ::statx found{};
  if (::statx(folder, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &found) ==
      0) {
    if ((found.stx_attributes & STATX_ATTR_IMMUTABLE) != 0)
      return source_failure(std::errc::operation_not_permitted, "it is immutable");
    if ((found.stx_attributes & STATX_ATTR_APPEND) != 0)
      return source_failure(std::errc::operation_not_permitted, "it is append-only");
    if (atomic && (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
      return source_failure(std::errc::device_or_resource_busy, "it is a mount point");
  }
#endif
  if (!atomic) {
    if (::faccessat(folder, name.c_str(), W_OK, AT_EACCESS) != 0 &&
        (errno == EACCES || errno == EROFS))
      return source_failure(last_error(), cannot_write);
    return {};
  }
  if (holder.owner == own_user()) return {};
  file_status parent{};
  if (status_of(folder, parent) != 0) return source_failure(last_error(), cannot_examine);
  if ((parent.st_mode & S_ISVTX) == 0 || parent.st_uid == own_user() || may_rename_any()) return {};
  return source_failure(
      std::errc::operation_not_permitted,
      "it belongs to another user, in a sticky folder where only its owner may replace it");
}

// Fails if files in a folder cannot be renamed, as far as the system says so beforehand.
inline result<void> expect_renaming([[maybe_unused]] int folder) {
#if defined(SAFETENSORS_DETAIL_STATX) && defined(STATX_ATTR_APPEND)
  struct ::statx found{};
  if (::statx(folder, "", AT_EMPTY_PATH, STATX_TYPE, &found) == 0 &&
      (found.stx_attributes & STATX_ATTR_APPEND) != 0)
    return source_failure(std::errc::operation_not_permitted,
                          "files in its folder cannot be renamed, as it is append-only",
                          without_rename);
#endif
  return {};
}
#undef SAFETENSORS_DETAIL_STATX

//-- the rights of the new file

// Gives a file owner and group, or the group alone, as far as the system allows.
inline void give_owner([[maybe_unused]] int file,
                       [[maybe_unused]] const file_rights& rights) noexcept {
#ifndef __wasi__
  const auto give_to = [&](::uid_t owner) {
    return uninterrupted([&] { return ::fchown(file, owner, rights.group); }) == 0;
  };
  if (!give_to(rights.owner)) (void)give_to(static_cast<::uid_t>(-1));
#endif
}

inline failure mode_failure(std::error_code error, std::uint32_t given, std::uint32_t wanted) {
  const auto octal = [](std::uint32_t bits) {
    return join(std::uint64_t{bits >> 6 & 7}, std::uint64_t{bits >> 3 & 7},
                std::uint64_t{bits & 7});
  };
  return source_failure(error,
                        join("the new file has the mode ", octal(given),
                             ", which cannot be changed to ", octal(wanted)),
                        "keep_mode = false accepts that");
}

// Gives a new file the rights of the one that it replaces, reduced if the group cannot be kept.
// Returns true if that changed anything.
inline result<bool> give_rights(int file, const file_rights& rights, bool keep_mode) {
  file_status before{}, now{};
  if (status_of(file, before) != 0) return source_failure(last_error(), cannot_examine);
  if (rights.with_owner && (before.st_uid != rights.owner || before.st_gid != rights.group))
    give_owner(file, rights);
  std::uint32_t most = 0777;
#ifdef __linux__
  // The group's bits would bring a list to life that the folder gives to new files.
  if (::fremovexattr(file, access_list) != 0 && errno != ENODATA && errno != EOPNOTSUPP &&
      errno != ENOSYS)
    most = 0700;
#endif
  if (status_of(file, now) != 0) return source_failure(last_error(), cannot_examine);
  std::uint32_t mode = rights.mode & most;
  if (rights.with_owner && now.st_gid != rights.group)
    mode = (mode & 0700) | (mode & mode >> 3 & 07);  // the bits are meant for the other group
  std::error_code error;
  if ((now.st_mode & 0777u) != mode) {
    if (uninterrupted([&] { return ::fchmod(file, static_cast<::mode_t>(mode)); }) != 0)
      error = last_error();
    if (status_of(file, now) != 0) return source_failure(last_error(), cannot_examine);
  }
  if (const std::uint32_t given = now.st_mode & 0777u; given != mode && keep_mode)
    return mode_failure(error, given, mode);
  return before.st_mode != now.st_mode || before.st_uid != now.st_uid ||
         before.st_gid != now.st_gid;
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os
