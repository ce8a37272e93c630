// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Sources of bytes: anything that reads by position.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/path.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// Options for reading a header.
struct read_options {
  /// The longest header that is read, in bytes. The default is the format's limit, and servers can
  /// lower it. Raising it above 4 GiB - 65 has no effect. Reading takes at most 6 times the
  /// header's length plus 64 KiB of memory, whatever the header holds, and 8 times to read a
  /// sequential_source into memory.
  std::uint64_t max_header_bytes = 100'000'000;
  /// Accepts bytes after the last tensor. Some Stable Diffusion 1.5 files have four.
  bool allow_trailing_bytes = false;

  /// Makes options of opening a mapped file, with the defaults for the rest.
  operator open_options() const noexcept;
  /// Compares all members.
  friend constexpr bool operator==(const read_options&, const read_options&) noexcept = default;
};

/// Options for opening a mapped file: `file model(path, {.mode = map_mode::copy_on_write})`.
struct open_options {
  read_options read{};                  ///< for the header
  map_mode mode = map_mode::read_only;  ///< what may be done with the bytes
  /// How the bytes will be read. Only speed depends on it. It has no effect where a system takes
  /// no such advice. But populate reads all pages on every system.
  access_advice access = access_advice::normal;

  /// Compares all members.
  friend constexpr bool operator==(const open_options&, const open_options&) noexcept = default;
};
inline read_options::operator open_options() const noexcept { return {.read = *this}; }

/// Anything that reads bytes by position: a virtual file system, a member of an archive, an HTTP
/// client. size() returns bytes, or unknown_size. read_at() fills the whole span, or returns an
/// error. If it has a member path() that returns text, failures contain that path.
template <class Source>
concept byte_source = requires(Source& source, std::uint64_t at, std::span<std::byte> to) {
  { source.size() } -> std::convertible_to<std::uint64_t>;
  { source.read_at(at, to) } -> std::convertible_to<std::error_code>;
};

/// A byte_source whose read_at() is const, by which it promises that several threads may call it at
/// once. Make a lambda `mutable` if that is not so.
template <class Source>
concept concurrent_byte_source =
    byte_source<Source> &&
    requires(const Source& source, std::uint64_t at, std::span<std::byte> to) {
      { source.read_at(at, to) } -> std::convertible_to<std::error_code>;
    };

/// Anything that reads bytes from front to back: a pipe, standard input, a socket. read() fills the
/// beginning of the span and returns the number of bytes; 0 is the end. If it has a member path()
/// that returns text, failures contain that path.
template <class Source>
concept sequential_source = requires(Source& source, std::span<std::byte> to) {
  { source.read(to) } -> std::same_as<result<std::size_t>>;
};

/// A byte_source made of a size, a callable, and a label for failures, which may be left out:
///
///     function_source source{size, [&](std::uint64_t at, std::span<std::byte> to)
///                                      -> std::error_code { … }, "weights in models.zip"};
template <class Read> struct function_source {
  static_assert(
      std::is_invocable_r_v<std::error_code, Read&, std::uint64_t, std::span<std::byte>>,
      "the callable takes an offset and a span to fill, and returns std::error_code, not bool");

  std::uint64_t bytes = 0;  ///< the size in bytes, or unknown_size
  Read read;                ///< called by read_at()
  std::string label{};      ///< shown in failures in place of a path
  /// Returns the size in bytes, or unknown_size.
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes; }
  ///@{
  /// Fills `to` from byte `offset` on, or returns an error.
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to) {
    return read(offset, to);
  }
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to) const
      requires std::invocable<const Read&, std::uint64_t, std::span<std::byte>> {
    return read(offset, to);
  }
  ///@}
  /// Returns the label. Valid while this object exists and is not changed.
  [[nodiscard]] std::string_view path() const noexcept { return label; }
};
///@{
/// Deduces Read.
template <class Read> function_source(std::uint64_t, Read) -> function_source<Read>;
template <class Read> function_source(std::uint64_t, Read, std::string) -> function_source<Read>;
///@}

/// A sequential_source made of a callable, and a label for failures, which may be left out:
///
///     function_stream stream{[&](std::span<std::byte> to) -> result<std::size_t> { … }, "stdin"};
template <class Read> struct function_stream {
  static_assert(
      std::is_same_v<std::invoke_result_t<Read&, std::span<std::byte>>, result<std::size_t>>,
      "the callable takes a span to fill, and returns "
      "safetensors::result<std::size_t>: the number of bytes, and 0 at the end");

  Read read;            ///< fills the beginning of a span, and returns the number of bytes
  std::string label{};  ///< shown in failures in place of a path
  /// Returns the label. Valid while this object exists and is not changed.
  [[nodiscard]] std::string_view path() const noexcept { return label; }
};
///@{
/// Deduces Read.
template <class Read> function_stream(Read) -> function_stream<Read>;
template <class Read> function_stream(Read, std::string) -> function_stream<Read>;
///@}

namespace detail {

struct source_door;

// Borrows a byte_source of any type until the call returns. Bodies that are compiled once use it.
class source_ref {
 public:
  template <byte_source Source> requires(!std::same_as<std::remove_cv_t<Source>, source_ref>)
  explicit source_ref(Source& source) noexcept
      // The functions below restore the type, const included.
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
      : source_(const_cast<void*>(static_cast<const void*>(std::addressof(source)))),
        size_([](void* of) -> std::uint64_t { return static_cast<Source*>(of)->size(); }),
        read_([](void* of, std::uint64_t at, std::span<std::byte> to) -> std::error_code {
          return static_cast<Source*>(of)->read_at(at, to);
        }) {
    if constexpr (requires { std::string(source.path()); })
      path_ = [](void* of) { return std::string(static_cast<Source*>(of)->path()); };
  }
  [[nodiscard]] std::uint64_t size() const { return size_(source_); }
  [[nodiscard]] std::error_code read_at(std::uint64_t at, std::span<std::byte> to) const {
    return read_(source_, at, to);
  }
  // Returns an empty text if the source has no path.
  [[nodiscard]] std::string path() const { return path_ == nullptr ? "" : path_(source_); }

 private:
  void* source_;
  std::uint64_t (*size_)(void*);
  std::error_code (*read_)(void*, std::uint64_t, std::span<std::byte>);
  std::string (*path_)(void*) = nullptr;
};

// Borrows a sequential_source of any type, as source_ref borrows a byte_source.
class stream_ref {
 public:
  template <sequential_source Source> requires(!std::same_as<std::remove_cv_t<Source>, stream_ref>)
  explicit stream_ref(Source& source) noexcept
      : source_(std::addressof(source)), read_([](void* of, std::span<std::byte> to) {
          return static_cast<Source*>(of)->read(to);
        }) {
    if constexpr (requires { std::string(source.path()); })
      path_ = [](void* of) { return std::string(static_cast<Source*>(of)->path()); };
  }
  [[nodiscard]] result<std::size_t> read(std::span<std::byte> to) const {
    return read_(source_, to);
  }
  // Returns an empty text if the source has no path.
  [[nodiscard]] std::string path() const { return path_ == nullptr ? "" : path_(source_); }

 private:
  void* source_;
  result<std::size_t> (*read_)(void*, std::span<std::byte>);
  std::string (*path_)(void*) = nullptr;
};

// Says what a source is, where something else is read. A class, because g++ instantiates functions
// after it has reported other errors.
template <class Source> struct expect_source {
  static_assert(byte_source<Source> || sequential_source<Source>,
                "a source has size() and read_at(offset, span), which returns std::error_code, not "
                "bool; or it has read(span), which returns safetensors::result<std::size_t>");
};

template <class Source> struct expect_positions {
  static_assert(byte_source<Source>,
                "the source reads by position: it has size() and read_at(offset, span), which "
                "returns std::error_code, not bool");
};

}  // namespace detail

/// A regular file, or a part of one, as a byte_source. Reads by position, so that threads and
/// forked processes can share it. It keeps reading the file that it opened, even if the path is
/// reused.
class file_source {
 public:
  file_source() noexcept = default;           ///< no file, and a size of 0 bytes
  file_source(file_source&& other) noexcept;  ///< leaves `other` without a file
  /// Closes the file of this object, and leaves `other` without one.
  file_source& operator=(file_source&& other) noexcept;
  ~file_source();  ///< closes the file if try_open() opened it

  /// Opens a file for reading. Does not wait on a FIFO. Errors: io if the path cannot be opened, or
  /// leads to something that is not a regular file.
  static result<file_source> try_open(path_ref path);
  /// Borrows the handle of a file that you have opened: close it only after this object is
  /// destroyed. Reads `size` bytes of the file from byte `offset` on, such as a member of an
  /// archive. to_end reads up to the end of the file.
  /// Errors: io if the handle is not one of a regular file; missing_bytes if the file ends before
  /// offset + size.
  static result<file_source> try_borrow(native_handle handle, std::uint64_t offset = 0,
                                        std::uint64_t size = to_end);

  /// Returns the size of the part in bytes, as it was when the file was opened or locked.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Fills `to` from byte `offset` of the part on.
  /// Errors: missing_bytes if the part or the file ends before the end of `to`; the operating
  /// system's error if the file cannot be read.
  [[nodiscard]] std::error_code read_at(std::uint64_t offset,
                                        std::span<std::byte> to) const noexcept;
  /// Fills `to` from byte `offset` of the part on. The failure has the path, and `offset`.
  /// Errors: missing_bytes if the part or the file ends before the end of `to`; io if the system
  /// cannot read.
  result<void> try_read(std::uint64_t offset, std::span<std::byte> to) const;
  /// Returns the handle of the whole file. Valid while this object exists.
  [[nodiscard]] native_handle handle() const noexcept { return handle_; }
  /// Returns the path as UTF-8; empty if the file was not opened by its path. Becomes invalid when
  /// this object is moved or destroyed.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  /// Returns the byte of the file at which the part begins.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  /// Takes the exclusive advisory lock of the whole file (flock, on Windows a share mode), without
  /// waiting. Succeeds again if this object has the lock. Call it from one thread at a time.
  /// - Afterwards, size() is the file's size at that moment. A borrowed part keeps its size.
  /// - The path may lead to another file by then: is_same_file() and output_options::only_over find
  ///   that out.
  /// - Programs that do not take the lock are not affected, except on SMB: there, other descriptors
  ///   cannot read a locked file.
  /// - The lock ends when this object closes the file. On POSIX, a borrowed handle keeps it until
  ///   its owner closes the handle, except on NFS, where the lock ends with this object.
  ///
  /// Errors: io with std::errc::resource_unavailable_try_again if somebody else has the lock, or on
  /// Windows if the file is open without sharing its deletion; io with another error of the system
  /// if the file cannot be locked.
  result<void> try_lock();
  /// Returns true if both objects read the same file, by whatever paths. Returns false if the
  /// system cannot say.
  [[nodiscard]] bool is_same_file(const file_source& other) const noexcept;

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open() or the other `try_` twin, and throws safetensors::error if that fails.
  void read(std::uint64_t offset, std::span<std::byte> to) const { try_read(offset, to).value(); }
  explicit file_source(path_ref path) : file_source(try_open(path).value()) {}
  [[nodiscard]] static file_source borrow(native_handle handle, std::uint64_t offset = 0,
                                          std::uint64_t size = to_end) {
    return try_borrow(handle, offset, size).value();
  }
#endif

 private:
  friend detail::source_door;
  void swap(file_source& other) noexcept;
  native_handle handle_ = invalid_handle;
  bool owned_ = false;
  std::uint64_t offset_ = 0, size_ = 0;
  detail::file_facts facts_{};           // of the whole file, when it was opened or locked
  native_handle lock_ = invalid_handle;  // holds the lock where handle_ cannot
  std::string path_{};
};

// Shows the facts of a file_source to code that compares files.
struct detail::source_door {
  static const file_facts& facts(const file_source& source) noexcept { return source.facts_; }
};

}  // namespace safetensors::inline SAFETENSORS_ABI
