// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// POSIX: creates, writes and commits files.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/block.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system_posix.ipp>
#include <safetensors/write/output_state.hpp>
#include <safetensors/write/path_posix.ipp>
#include <safetensors/write/rights_posix.ipp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

//-- bytes

#if defined(__GLIBC__) || defined(__BIONIC__)
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite64(file, from, size, static_cast<file_offset>(offset));
}
#else
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite(file, from, size, static_cast<file_offset>(offset));
}
#endif

SAFETENSORS_DECL std::error_code write_at(native_handle handle, std::uint64_t offset,
                                          std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = uninterrupted([&] {
      return write_to(handle, bytes.data(), (std::min)(bytes.size(), std::size_t{1} << 30), offset);
    });
    if (written < 0) return last_error();
    if (written == 0) return std::make_error_code(std::errc::io_error);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

SAFETENSORS_DECL std::uint64_t copy([[maybe_unused]] native_handle from,
                                    [[maybe_unused]] std::uint64_t from_offset,
                                    [[maybe_unused]] native_handle to,
                                    [[maybe_unused]] std::uint64_t to_offset,
                                    [[maybe_unused]] std::uint64_t size) noexcept {
#if defined(__linux__) && !defined(__BIONIC__) && (!defined(__GLIBC__) || __GLIBC_MINOR__ >= 27)
  auto in = static_cast<file_offset>(from_offset), out = static_cast<file_offset>(to_offset);
  const auto asked = static_cast<std::size_t>((std::min)(size, std::uint64_t{1} << 30));
  const ssize_t copied =
      uninterrupted([&] { return ::copy_file_range(from, &in, to, &out, asked, 0); });
  return copied < 0 ? 0 : static_cast<std::uint64_t>(copied);
#else
  return 0;
#endif
}

SAFETENSORS_DECL void start_syncing([[maybe_unused]] int file,
                                    [[maybe_unused]] std::uint64_t offset,
                                    [[maybe_unused]] std::uint64_t size) noexcept {
#if defined(SYNC_FILE_RANGE_WRITE) && (!defined(__ANDROID_API__) || __ANDROID_API__ >= 26)
  // If this fails, so does the sync at the end.
  (void)::sync_file_range(file, static_cast<file_offset>(offset), static_cast<file_offset>(size),
                          SYNC_FILE_RANGE_WRITE);
#endif
}

inline int sync(int file) noexcept {
#ifdef F_FULLFSYNC
  if (::fcntl(file, F_FULLFSYNC) == 0) return 0;  // fsync leaves bytes in the drive's memory
#endif
  return ::fsync(file);
}

// Makes room for a file, where the file system can. Signals may interrupt that again and again.
inline std::error_code make_room([[maybe_unused]] int file,
                                 [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef __linux__
  constexpr int most_tries = 8;
  for (int tries = 0; tries != most_tries; ++tries) {
#if defined(__GLIBC__) || defined(__BIONIC__)
    if (::fallocate64(file, 0, 0, static_cast<file_offset>(size)) == 0) return {};
#else
    if (::fallocate(file, 0, 0, static_cast<file_offset>(size)) == 0) return {};
#endif
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return last_error();
    if (errno != EINTR) return {};
  }
#endif
  return {};
}

//-- the name that is removed unless it is committed

inline constexpr const char* lost_name = "the file that was written was replaced or removed";

// Remembers which file was opened under the name.
inline std::error_code remember_own(open_output& output) noexcept {
  file_status status{};
  if (status_of(output.file, status) == 0) {
    output.own = identity_of(status);
    return {};
  }
  const std::error_code error = last_error();
  ::unlinkat(output.folder, output.unfinished.c_str(), 0);
  return error;
}

// Fails if something else has the name now. While a descriptor of the file is open, no other file
// gets its number.
inline std::error_code check_own(const open_output& output) noexcept {
  file_status named{};
  if (status_at(output.folder, output.unfinished.c_str(), named, AT_SYMLINK_NOFOLLOW) != 0)
    return last_error();
  return identity_of(named) == output.own ? std::error_code() : make_error_code(errc::io);
}

//-- creating

inline result<void> open_temporary(open_output& output, bool is_private) {
  constexpr int attempts = 100;
  for (int i = 0; i < attempts && output.file == invalid_handle; ++i) {
    std::string name = temporary_name();
    output.file =
        open_at(output.folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                is_private ? 0600 : 0666);
    if (output.file != invalid_handle)
      output.unfinished = std::move(name);
    else if (errno != EEXIST && errno != EINTR)
      break;
  }
  if (output.file == invalid_handle) return source_failure(last_error(), cannot_create_temporary);
  if (const std::error_code error = remember_own(output))
    return source_failure(error, cannot_examine);
#ifdef __wasi__  // which cannot duplicate descriptors
  output.second = open_at(output.folder, output.unfinished.c_str(), O_RDONLY | O_NOFOLLOW, 0);
#else
  output.second = ::fcntl(output.file, F_DUPFD_CLOEXEC, 0);
#endif
  if (output.second == invalid_handle) return source_failure(last_error(), "cannot open it twice");
  if (!output.options.preallocate) return {};
  if (const std::error_code error = make_room(output.file, output.size))
    return no_room_failure(error, output.size);
  return {};
}

inline int open_target(const open_output& output, int more_flags) noexcept {
  const auto open = [&](int flags) {
    return uninterrupted([&] {
      return open_at(output.folder, output.target.c_str(),
                     O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | flags, 0666);
    });
  };
  const int file = open(more_flags | O_NONBLOCK);
  if (file >= 0 || errno != EAGAIN) return file;
  return open(more_flags);  // it is a regular file, so somebody holds a lease on it
}

SAFETENSORS_DECL std::error_code open_in_place(open_output& output) noexcept {
  file_status status{};
  std::optional<file_facts> now;
  if (status_at(output.folder, output.target.c_str(), status, AT_SYMLINK_NOFOLLOW) == 0)
    now = facts_of(status);
  else if (errno != ENOENT)
    return last_error();
  if (const std::error_code error = check_in_place(output, now)) return error;
  if (output.only_over) {
    result<name_holder> along{name_holder()};
    if (!try_allocating([&] { along = look_along_path(output); }))
      return std::make_error_code(std::errc::not_enough_memory);
    if (!along) return along.error().system ? along.error().system : make_error_code(errc::io);
    output.why = {what_changed(*output.only_over, along->file)};
    if (output.why.what != nullptr) return make_error_code(errc::target_changed);
  }
  // O_TRUNC, not ftruncate, which mounts of object stores lack.
  output.file = open_target(output, O_TRUNC);
  if (output.file == invalid_handle) return last_error();
  if (const std::error_code error = remember_own(output)) return error;
  if (output.own == output.in_place.identity) return {};
  output.own = {};  // another file, which came in the last microseconds, is not removed as well
  return make_error_code(errc::target_changed);
}

// Remembers the path, if it must still lead to only_over later.
inline result<void> remember_path(open_output& output, const std::string& path,
                                  const descriptor& origin) {
  if (!output.only_over) return {};
  output.given = path;
  if (!origin.is_open()) return {};
  output.origin = open_folder_again(origin.get()).release();
  if (output.origin != invalid_handle) return {};
  return source_failure(last_error(), "cannot open its folder twice");
}

// Walks to the name that is written, and examines what has it.
inline result<name_holder> find_target(path_walk& walk, descriptor origin, std::string path,
                                       link_mode links) {
  if (auto gone = walk.go(std::move(origin), std::move(path)); !gone)
    return std::move(gone).error();
  if (walk.name().empty()) return source_failure(std::errc::is_a_directory, cannot_write);
  result<name_holder> found = look(walk.folder(), walk.name());
  if (!found || !found->is_link || links != link_mode::follow) return found;
  if (auto end = walk.follow_all(); !end) return std::move(end).error();
  return look(walk.folder(), walk.name());
}

inline result<void> expect_target(const open_output& output, const path_walk& walk,
                                  const name_holder& found) {
  const output_options& options = output.options;
  if (auto allowed = expect_not_refused(output, found); !allowed) return allowed;
  if (found.is_link && !options.atomic) return reason_failure(errc::invalid_option, link_in_place);
  if (auto same = check_only_over(output.only_over, found.file); !same) return same;
  if (!found.is_link && !found.file) return {};
  if (!options.replace)
    return source_failure(std::errc::file_exists, already_there, replace_advice);
  return expect_replaceable(walk.folder(), walk.name(), found, options.atomic);
}

SAFETENSORS_DECL result<void> create(open_output& output, const path_ref& path) {
  result<std::string> text = native_path(path);
  if (!text) return std::move(text).error();
  if (output.size > static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)()))
    return source_failure(std::errc::file_too_large, cannot_write);
  const output_options& options = output.options;
  path_walk walk;
  descriptor origin = text->starts_with('/') ? descriptor() : open_folder(AT_FDCWD, ".");
  if (auto remembered = remember_path(output, *text, origin); !remembered) return remembered;
  const result<name_holder> found =
      find_target(walk, std::move(origin), *std::move(text), options.links);
  if (!found) return found.error();
  if (auto can = expect_target(output, walk, *found); !can) return can;

  output.target = walk.name();
  // fsync needs a descriptor that is open for reading.
  output.folder = !options.durable ? walk.release_folder() : uninterrupted([&] {
    return ::openat(walk.folder(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  });
  if (output.folder == invalid_handle)
    return source_failure(last_error(), "cannot open its folder");
  if (found->file) output.rights = found->rights;
  if (options.atomic) {
    if (auto can = expect_renaming(output.folder); !can) return can;
    return open_temporary(output, found->file.has_value());
  }

  output.unfinished = output.target;
  if (found->file) return start_in_place(output, *found->file);
  output.file = open_target(output, O_CREAT | O_EXCL);
  if (output.file == invalid_handle) return source_failure(last_error(), cannot_write);
  if (const std::error_code error = remember_own(output))
    return source_failure(error, cannot_examine);
  return {};
}

//-- committing

// Gives the new file the rights of what has the name now, and fails if the new file may not take
// its place.
inline result<void> prepare_to_replace(const open_output& output) {
  constexpr int most_rounds = 8;
  for (int round = 0; round != most_rounds; ++round) {
    const result<name_holder> now = look(output.folder, output.target);
    if (!now) return now.error();
    if (auto allowed = expect_not_refused(output, *now); !allowed) return allowed;
    if (auto same = check_only_over(output.only_over, now->file); !same) return same;
    if (output.only_over) {
      const result<name_holder> along = look_along_path(output);
      if (!along) return along.error();
      if (auto same = check_only_over(output.only_over, along->file); !same) return same;
    }
    const auto rights = now->file ? std::optional(now->rights) : output.rights;
    if (!rights) return {};
    const result<bool> changed = give_rights(output.second, *rights, output.options.keep_mode);
    if (!changed) return changed.error();
    if (!*changed || !output.options.durable) return {};
    // A sync takes long, so the name is looked at again.
    if (sync(output.second) != 0) return source_failure(last_error(), cannot_sync);
  }
  return failure{.code = errc::target_changed, .detail = "its permissions keep changing"};
}

// With `replace = false`, nothing happens between the check and the renaming.
inline bool rename_to_target(open_output& output) noexcept {
  const int folder = output.folder;
  const char *from = output.unfinished.c_str(), *to = output.target.c_str();
  bool renamed = false;
  if (output.options.replace) {
    renamed = ::renameat(folder, from, folder, to) == 0;
    if (!renamed) return false;
  }
// The kernel's headers define RENAME_NOREPLACE for older C libraries too.
#if defined(RENAME_NOREPLACE) && (!defined(__GLIBC__) || __GLIBC_MINOR__ >= 28) && \
    (!defined(__ANDROID_API__) || __ANDROID_API__ >= 30)
  if (!renamed) {
    renamed = ::renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0;
    if (!renamed && errno != ENOSYS && errno != EINVAL) return false;
  }
#endif
  if (!renamed && ::linkat(folder, from, folder, to, 0) != 0) return false;
  // A linked file has its other name removed now, or else when the rest is discarded.
  if (renamed || ::unlinkat(folder, from, 0) == 0) output.unfinished.clear();
  return true;
}

inline result<void> take_place(open_output& output) {
  if (output.options.replace)
    if (auto prepared = prepare_to_replace(output); !prepared) return prepared;
  if (const std::error_code error = check_own(output)) return source_failure(error, lost_name);
  ::close(std::exchange(output.second, invalid_handle));  // some mounts rename no open file
  if (rename_to_target(output)) return {};
  const std::error_code error = last_error();
  if (error == std::errc::operation_not_permitted)
    if (const auto now = look(output.folder, output.target); now)
      if (auto can = expect_replaceable(output.folder, output.target, *now, true); !can) return can;
  const bool cannot_rename =
      error == std::errc::function_not_supported || error == std::errc::operation_not_supported ||
      error == std::errc::not_supported || error == std::errc::operation_not_permitted;
  return source_failure(error, cannot_take_place, cannot_rename ? without_rename : "");
}

SAFETENSORS_DECL result<void> commit(open_output& output) {
  if (output.options.durable && sync(output.file) != 0)
    return source_failure(last_error(), cannot_sync);
  if (!output.options.atomic)
    if (const std::error_code error = check_own(output)) return source_failure(error, lost_name);
  // Network file systems report only now what could not be written.
  if (::close(std::exchange(output.file, invalid_handle)) != 0 && errno != EINTR)
    return source_failure(last_error(), cannot_close);
  if (!output.options.atomic)
    output.unfinished.clear();
  else if (auto placed = take_place(output); !placed)
    return placed;
  // Some file systems have folders that cannot be synced, and say so by EINVAL.
  if (output.options.durable && sync(output.folder) != 0 && errno != EINVAL)
    return source_failure(last_error(),
                          "the new file is in its place, but its folder cannot be synced");
  return {};
}

SAFETENSORS_DECL void discard(open_output& output) noexcept {
  if (output.own != file_identity{} && !output.unfinished.empty() &&
      output.process == process_number() && !check_own(output))
    ::unlinkat(output.folder, output.unfinished.c_str(), 0);
  for (const int opened : {output.file, output.second, output.folder, output.origin})
    if (opened != invalid_handle) ::close(opened);
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os
