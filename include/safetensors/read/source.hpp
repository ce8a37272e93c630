// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Where bytes come from: anything that reads by position.
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
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// What is accepted.
struct read_options {
  /// Longest header that is read, in bytes. The default is the format's limit; servers lower it.
  /// Raising it over 4 GiB has no effect.
  std::uint64_t max_header_bytes = 100'000'000;
  /// Accept bytes after the last tensor: some Stable Diffusion 1.5 files have four.
  bool allow_trailing_bytes = false;
};

/// Anything that gives bytes by position: a virtual file system, an archive's member, an HTTP
/// client. size() is in bytes, or unknown_size; read_at fills the whole span or returns an error. A
/// member path() that gives text, if there is one, goes into failures.
template <class S>
concept byte_source = requires(S& source, std::uint64_t at, std::span<std::byte> to) {
  { source.size() } -> std::convertible_to<std::uint64_t>;
  { source.read_at(at, to) } -> std::convertible_to<std::error_code>;
};

/// A byte_source from a size and a callable:
///
///     function_source source{size, [&](std::uint64_t at, std::span<std::byte> to)
///                                      -> std::error_code { … }};
template <class Read> struct function_source {
  std::uint64_t bytes;  ///< what size() tells, or unknown_size
  Read read;            ///< what read_at() calls
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes; }  ///< bytes
  /// Fills `to` from `offset` on, or returns an error.
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to) {
    return read(offset, to);
  }
};
template <class Read> function_source(std::uint64_t, Read) -> function_source<Read>;  ///< deduces

namespace detail {

struct source_door;

// A byte_source of any type, borrowed for a call: bodies that are compiled once take it.
class source_ref {
 public:
  template <byte_source S> explicit source_ref(S& source)
      : source_(const_cast<void*>(static_cast<const void*>(std::addressof(source)))),
        size_(source.size()),
        read_([](void* of, std::uint64_t at, std::span<std::byte> to) -> std::error_code {
          return static_cast<S*>(of)->read_at(at, to);
        }) {
    if constexpr (requires { std::string(source.path()); })
      path_ = [](void* of) { return std::string(static_cast<S*>(of)->path()); };
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }  // when it was borrowed
  [[nodiscard]] std::error_code read_at(std::uint64_t at, std::span<std::byte> to) const {
    return read_(source_, at, to);
  }
  // Empty if the source has no path.
  [[nodiscard]] std::string path() const { return path_ == nullptr ? "" : path_(source_); }

 private:
  void* source_;
  std::uint64_t size_;
  std::error_code (*read_)(void*, std::uint64_t, std::span<std::byte>);
  std::string (*path_)(void*) = nullptr;
};

}  // namespace detail

/// A regular file, or a part of one, as a byte_source. Reads by position, so that threads and
/// forked processes can share it. It keeps reading the file that it opened, even if the path is
/// reused.
class file_source {
 public:
  file_source() noexcept = default;                      ///< no file, of 0 bytes
  file_source(file_source&& other) noexcept;             ///< leaves no file
  file_source& operator=(file_source&& other) noexcept;  ///< closes this, leaves no file
  ~file_source();                                        ///< closes what try_open() opened

  /// Opens a file for reading. Does not wait on a FIFO. Errors: io if the path cannot be opened or
  /// leads to something that is not a regular file.
  static result<file_source> try_open(path_ref path);
  /// A file that you have opened and will close after this object's end, or `size` bytes of it from
  /// `offset` on (a member of an archive). Errors: io, missing_bytes (it ends before offset +
  /// size).
  static result<file_source> try_borrow(native_handle handle, std::uint64_t offset = 0,
                                        std::uint64_t size = to_end);

  /// In bytes, when it was opened or locked.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Fills `to` from byte `offset` of the part on. Errors: missing_bytes (beyond its end), the
  /// operating system's.
  [[nodiscard]] std::error_code read_at(std::uint64_t offset,
                                        std::span<std::byte> to) const noexcept;
  [[nodiscard]] native_handle handle() const noexcept { return handle_; }  ///< of the whole file
  /// As UTF-8; empty if the file was not opened by its path. Ends with the object or its move.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  /// Where the part begins within the file, in bytes.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  /// Takes the exclusive advisory lock of the whole file (flock; on Windows a share mode), without
  /// waiting; succeeds again if this object has it. Afterwards, size() is the file's size at that
  /// moment. The path may lead to another file by then: is_same_file() and
  /// output_options::only_over find that out. Programs that do not take the lock are not affected,
  /// except on SMB, where other descriptors cannot read a locked file. The lock ends when this
  /// object closes the file; on POSIX, a borrowed handle keeps it until its owner closes it. Call
  /// it from one thread at a time.
  ///
  /// Errors: io, with std::errc::resource_unavailable_try_again, if somebody else has the lock (on
  /// Windows, also if the file is open without sharing its deletion); io, with another error of the
  /// system, if the file cannot be locked.
  result<void> try_lock();
  /// Returns true if both read the same file, by whatever paths; false if the system cannot say.
  [[nodiscard]] bool is_same_file(const file_source& other) const noexcept;

#if SAFETENSORS_EXCEPTIONS
  /// As try_open() and try_borrow(), throwing safetensors::error.
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
  detail::file_facts facts_{};           // of the whole file, when it was opened
  native_handle lock_ = invalid_handle;  // holds the lock where handle_ cannot
  std::string path_{};
};

// Of a file_source, to those who compare files.
struct detail::source_door {
  static const file_facts& facts(const file_source& source) noexcept { return source.facts_; }
};

}  // namespace safetensors::inline SAFETENSORS_ABI
