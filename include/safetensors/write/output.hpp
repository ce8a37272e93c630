// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
/// @file
/// A new file, which appears under its name only when it is complete.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/path.hpp>
#include <safetensors/read/source.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
struct open_output;
struct output_door;
}  // namespace detail

/// Options for writing a file to a path.
struct output_options {
  /// true: writes a temporary file beside the target and renames it at the end. The target is
  /// always the old file or the complete new one.
  ///
  /// false, for mounts that cannot rename: writes the target itself, and save() does so from front
  /// to back.
  /// - An existing file keeps its bytes until the first byte is written, or until finish() if there
  ///   is nothing to append. After that, an unfinished file is removed. Other hard links keep the
  ///   partial bytes.
  /// - Do not read the target in another way than by append_from(), which rejects it. No other
  ///   thread or process may use the target at the same time.
  /// - Do not write a file that this process has mapped, by mapped_bytes or otherwise. On Linux,
  ///   the library looks for the mapping in /proc/self/maps, and rejects the target. On Windows,
  ///   the system itself refuses to empty a mapped file. On other systems, such as macOS, the
  ///   target is not rejected, and reading the mapping afterwards ends the program.
  ///
  /// Errors: invalid_option if the target is a link and `links` is not `follow`; invalid_option if
  /// this process has mapped the target (found on Linux only); invalid_option if append_from() is
  /// given the target itself.
  bool atomic = true;
  /// false: a file or a link that exists, or is created before commit(), is an error (io, with
  /// std::errc::file_exists) and stays as it is.
  bool replace = true;
  /// true: reserves space for the whole file at the start, where the file system can. A full disk
  /// is then found before a byte is written. Set it to false to share blocks with the source. It
  /// has no effect in place.
  bool preallocate = true;
  /// true: the file and its name survive a loss of power once finish() or save() has returned.
  bool durable = false;
  /// Selects what happens to a symbolic link that has the name.
  link_mode links = link_mode::replace;
  /// true: commit() fails if the mode bits cannot be set. They are those of the old file, reduced
  /// if its group or its access list is not kept. false: accepts the bits that the file system
  /// gives. It has no effect on Windows.
  bool keep_mode = true;
  /// If set, the path must lead to this source's file, unchanged in size and time since the source
  /// was opened or locked; else target_changed. try_create() checks this. commit() checks it again,
  /// just before the rename; with `atomic = false`, the first write does. The source is borrowed
  /// until try_create() returns.
  const file_source* only_over = nullptr;

  /// Compares all members.
  friend constexpr bool operator==(const output_options&, const output_options&) noexcept = default;
};

/// A new file: a positional_sink that several threads may write to at once. Owns the file until
/// commit(): if destroyed before, it removes what it wrote. A program that is killed leaves a file
/// called `.safetensors-….tmp`, which nobody takes for a model.
///
/// Threads and processes may make files for one path at once. Each commit() replaces the file as a
/// whole, and the last one stays. After fork, destroying the child's copy does not remove the file.
/// Only one of the two processes may write and commit.
///
/// What happens to the old file, which has the name (POSIX):
/// - If the old file is a symbolic link, the new file replaces the link, unless
///   `output_options::links` says otherwise. A link is an error if it is in /proc. So is a link to
///   something that is not a regular file or that cannot be looked at.
/// - Without an old file, the new file gets the permissions that the umask leaves.
/// - A new file that replaces an old one is private (0600, yours) until commit(). It then gets the
///   owner, group and permissions that the old file has at that moment, without set-user-ID and
///   set-group-ID. If the old file is gone, the new one gets those that the old one had at the
///   start.
/// - If the owner cannot be kept, the new file stays yours. If the group cannot be kept, the new
///   group gets nothing, and others get only what group and others both had.
/// - A new file that replaces a link gets the permissions of the file that the link led to, and is
///   yours.
/// - Access control lists and extended attributes are not kept. If the old file has a list, the
///   group gets what the list gives to it. Neither group nor others get more than any user or group
///   that the list names.
/// - Other hard links keep the old file, and mappings of it stay intact.
///
/// Sticky folders (POSIX, for root too):
/// - Where others may write to the folder, a link is followed or replaced only if it is trusted: it
///   belongs to you or to the folder's owner.
/// - Where group or others may write to the folder, the same holds for replacing or writing a file.
///
/// On Windows, a file that somebody maps or has open may refuse to be replaced: then commit()
/// fails, and the old file stays.
///
/// After a move, path() is empty, size() is 0, and write_at() and try_commit() fail.
class file_sink {
 public:
  file_sink(file_sink&&) noexcept;  ///< Leaves the other one without a file.
  /// Removes what this one began, and leaves the other one without a file.
  file_sink& operator=(file_sink&&) noexcept;
  ~file_sink();  ///< Removes what was not committed.

  /// Creates a file of which all `size` bytes are to be written.
  ///
  /// Errors: out_of_memory if the object cannot be allocated; io, with the system's error, if the
  /// folder cannot be opened or the name has something that is not a regular file; invalid_option
  /// if `links` refuses a link or, with `atomic = false`, does not follow it; target_changed as
  /// `only_over` says; io if a file exists and `replace` is false, if the file cannot be replaced,
  /// or if there is not enough space; invalid_option if this process has mapped a file that is to
  /// be written in place (found on Linux only).
  static result<file_sink> try_create(path_ref path, std::uint64_t size,
                                      const output_options& options = {});

  /// Writes bytes from `offset` on. Errors: wrong_length if they end past `size`; in place, what
  /// try_create() returns for the file that is emptied now; the operating system's if it cannot
  /// write.
  [[nodiscard]] std::error_code write_at(std::uint64_t offset,
                                         std::span<const std::byte> bytes) noexcept;
  /// Lets the system copy bytes [from.begin, from.end) of a file to `offset`, without moving them
  /// through the program; the file system may even share them. Returns how many were copied, from
  /// the first one on: 0 where the system cannot. Copy the rest by reading and writing. In place,
  /// a source that is the target ends the writing: write_at() and try_commit() then fail.
  [[nodiscard]] std::uint64_t copy_at(std::uint64_t offset, const file_source& source,
                                      byte_range from) noexcept;
  /// Gives the file its name, after syncing the file if it is to be durable. Does nothing once it
  /// has succeeded. An error is final. The target is then as it was, except where the message says
  /// that only the folder could not be synced.
  ///
  /// Errors: wrong_order if this object was moved from; io if an earlier call of this function has
  /// failed; incomplete_write if fewer than size() bytes were written (their number is counted:
  /// writing a byte twice can hide a hole); in place, what write_at() returns for a file that is
  /// emptied now; io if the system fails; invalid_option if `links` refuses a link that has the
  /// name by now; target_changed as `only_over` says.
  result<void> try_commit();
  /// Returns the path as UTF-8. Valid while this object exists and is not moved.
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept;  ///< Returns the bytes that are to be written.

#if SAFETENSORS_EXCEPTIONS
  ///@{
  /// Does what try_create() and try_commit() do, and throws safetensors::error if that fails.
  file_sink(path_ref path, std::uint64_t size, const output_options& options = {})
      : file_sink(try_create(path, size, options).value()) {}
  void commit() { try_commit().value(); }
  ///@}
#endif

 private:
  friend detail::output_door;
  explicit file_sink(std::unique_ptr<detail::open_output> state) noexcept;
  std::unique_ptr<detail::open_output> state_;
};

}  // namespace safetensors::inline SAFETENSORS_ABI
