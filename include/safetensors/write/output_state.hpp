// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// What the bodies of writing share: a layout and its tensors, the state of a file that is being
// written, and what writing needs of an operating system. Each system has its own files with the
// bodies.
#pragma once

#include <safetensors/base/dtype.hpp>
#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/path.hpp>
#include <safetensors/detail/block.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system.hpp>
#include <safetensors/read/source.hpp>
#include <safetensors/write/output.hpp>
#include <safetensors/write/plan.hpp>
#include <safetensors/write/sink.hpp>
#include <safetensors/write/tensor_data.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- tensors with their bytes

// A plan, and the tensors of which it was made, in the file's order.
struct layout {
  write_plan plan;
  block<const tensor_spec*> tensors;
};
// Lays out tensors, and validates that their bytes fit.
SAFETENSORS_DECL result<layout> lay_out_data(const tensor_list<tensor_data>& tensors,
                                             const layout_options& options);
// Says how to write elements of another dtype.
SAFETENSORS_DECL std::string conversion_advice(dtype to);

//-- what has the name

// POSIX: the rights of a file that is replaced.
struct file_rights {
  std::uint32_t mode = 0, owner = 0, group = 0;
  bool with_owner = false;  // false where a link is replaced
};

// What has a name that is to be written: a regular file, a link, or nothing.
struct name_holder {
  bool is_link = false;
  std::uint32_t owner = 0;           // of the file or the link that has the name
  std::optional<file_facts> file{};  // which has the name, or to which the link leads
  file_rights rights{};              // of the file
};

//-- failures

// Detail and advice of a failure that may be found while memory for text cannot be allocated.
struct reason {
  const char *what = nullptr, *advice = "";
};

SAFETENSORS_DECL failure reason_failure(errc code, reason why);
// Makes a failure of an error that a sink returned for bytes from `offset` on.
SAFETENSORS_DECL failure sink_failure(sink_ref sink, std::uint64_t offset, std::error_code error);

inline constexpr const char* cannot_write = "cannot write it";
inline constexpr const char* cannot_follow = "cannot follow the symbolic link";
inline constexpr const char* cannot_sync = "cannot sync it";
inline constexpr const char* cannot_close = "cannot close it";
inline constexpr const char* cannot_create_temporary =
    "cannot create a temporary file in its folder";
inline constexpr const char* cannot_take_place = "the new file cannot take its place";
inline constexpr const char* already_there = "a file of this name exists";
inline constexpr const char* replace_advice = "replace = true replaces it";
inline constexpr const char* without_rename = "atomic = false writes without renaming";
inline constexpr reason mapped_here{
    "this process has mapped the file, which writing in place would empty",
    "load it with memory_file, or leave atomic = true"};
inline constexpr reason link_in_place{"it is a symbolic link, which cannot be replaced in place",
                                      "link_mode::follow writes the file that it leads to"};
inline constexpr reason reads_itself{
    "the source is the file that is written, which writing in place would empty",
    "leave atomic = true"};

//-- the state

// A file that is being written.
struct open_output {
  // In place, the first write opens an existing file, and so empties it.
  enum class stage_of_target : std::uint8_t { untouched, changing, open, refused };

  native_handle file = invalid_handle;
  native_handle second = invalid_handle;  // POSIX: of the same file, for work after closing `file`
  native_handle folder = invalid_handle;  // POSIX: holds both names
  native_handle origin = invalid_handle;  // POSIX: where a relative path begins
  os::path_text given{};                  // POSIX: the path, if it must still lead to only_over
  os::path_text target{};
  os::path_text unfinished{};             // the name that is removed unless it is committed
  file_identity own{};                    // POSIX: of the file that was opened under that name
  bool is_begun = false;                  // Windows: that file was opened
  bool tried = false, committed = false;  // to commit it
  // The process that removes the file. A copy of this object in a forked process does not.
  std::uint64_t process = os::process_number();
  std::uint64_t size = 0;
  std::atomic<std::uint64_t> written = 0;  // bytes in total
  output_options options{};
  std::optional<file_facts> only_over{};  // of options.only_over, which need not exist any more
  std::optional<file_rights> rights{};    // of the file that had the name at the start
  file_facts in_place{};                  // of the target at the start, if it is written itself
  std::atomic<stage_of_target> stage = stage_of_target::open;
  std::error_code refusal{};
  reason why{};        // of the refusal
  std::string path{};  // as UTF-8

  // Returns the stage once no thread is changing it.
  stage_of_target settled() const noexcept;
  // Opens the target if that is still to be done. One thread does it, and the others wait.
  std::error_code ready() noexcept;
  // Ends the writing: every later write returns this code.
  std::error_code refuse(errc code, reason words) noexcept;
};

// What writers ask of a file_sink, which may have been moved from.
struct output_door {
  // Returns true if it writes in place and the existing file still has its bytes.
  static bool is_untouched(const file_sink& file) noexcept;
  // In place, fails for good if the source is the target.
  static std::error_code check_source(file_sink& file, const file_source& source) noexcept;
  // Describes an error of write_at().
  static failure failure_of(const file_sink& file, std::error_code error);
};

//-- rules about the target

// Says why a name no longer leads to the wanted file. Returns null if it does.
SAFETENSORS_DECL const char* what_changed(const file_facts& wanted,
                                          const std::optional<file_facts>& found) noexcept;
SAFETENSORS_DECL result<void> check_only_over(const std::optional<file_facts>& wanted,
                                              const std::optional<file_facts>& found);
SAFETENSORS_DECL result<void> expect_not_refused(const open_output& output,
                                                 const name_holder& holder);
// Fails if the target, which is to be emptied now, is not what it was at the start, or is mapped.
// Sets output.why.
SAFETENSORS_DECL std::error_code check_in_place(open_output& output,
                                                const std::optional<file_facts>& now) noexcept;
// Keeps the existing target until the first write. Fails if this process maps the target.
SAFETENSORS_DECL result<void> start_in_place(open_output& output, const file_facts& target);
SAFETENSORS_DECL failure no_room_failure(std::error_code error, std::uint64_t size);
// Returns a name that no other process and no other thread uses, and another one each time.
SAFETENSORS_DECL std::string temporary_name();

//-- operating systems

namespace os {
SAFETENSORS_DECL result<void> create(open_output& output, const path_ref& path);
// Opens the target, and so empties it.
SAFETENSORS_DECL std::error_code open_in_place(open_output& output) noexcept;
SAFETENSORS_DECL std::error_code write_at(native_handle handle, std::uint64_t offset,
                                          std::span<const std::byte> bytes) noexcept;
// Copies at most `size` bytes within the system, and returns how many. 0: the system cannot, or
// cannot copy these.
SAFETENSORS_DECL std::uint64_t copy(native_handle from, std::uint64_t from_offset, native_handle to,
                                    std::uint64_t to_offset, std::uint64_t size) noexcept;
// Asks the system to bring these bytes to the disk while more are written. Does not wait.
SAFETENSORS_DECL void start_syncing(native_handle handle, std::uint64_t offset,
                                    std::uint64_t size) noexcept;
SAFETENSORS_DECL result<void> commit(open_output& output);
// Closes what is open, and removes the file unless it was committed.
SAFETENSORS_DECL void discard(open_output& output) noexcept;
}  // namespace os

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
