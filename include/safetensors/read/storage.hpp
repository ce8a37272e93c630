// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// The bytes of a file: mapped, read into memory, or your own.
#pragma once

#include <safetensors/read/header.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {

SAFETENSORS_DECL result<void> read_into(const source_ref& source, const tensor_info& tensor,
                                        std::span<std::byte> to);
}  // namespace detail

/// A regular file of any size, or a part of one, mapped into memory. Owns the mapping. No
/// descriptor stays open.
/// - The mapping stays with the file that was opened. The bytes are the same if another file gets
///   its path, as when writer.hpp replaces it, and if it is removed.
/// - Bytes that are written into the file itself may show.
/// - If the file is truncated, the rest of its last page is zeros. Access to a page past it ends
///   the program (SIGBUS). Windows does not allow the truncation of a mapped file. Use owned_bytes
///   where a file may be truncated.
/// - A child of fork has the mapping too, and unmaps it for itself alone.
class mapped_bytes {
 public:
  mapped_bytes() noexcept = default;  ///< no bytes
  /// Maps a whole file.
  /// Errors: io if the path cannot be opened, or leads to something that is not a regular file;
  /// out_of_memory if the file does not fit in the address space, or the system allows no more
  /// mappings; io if the system cannot map the file.
  static result<mapped_bytes> try_open(path_ref path, map_mode mode = map_mode::read_only);
  /// Maps `size` bytes of a file from any byte `offset` on, up to its end if `size` is to_end.
  /// Borrows the handle until the call returns, and you may close it then.
  /// Errors: io if the handle is not one of a regular file; missing_bytes if the file ends before
  /// offset + size; then as try_open().
  static result<mapped_bytes> try_map(native_handle handle, std::uint64_t offset,
                                      std::uint64_t size, map_mode mode = map_mode::read_only);
  /// Maps all of a source. Errors: as try_map(), with missing_bytes if the file has been truncated
  /// since the source was opened.
  static result<mapped_bytes> try_load(const file_source& source, const header& index,
                                       const open_options& options = {});

  /// Returns the first byte; null if there are no bytes.
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }
  /// Returns the number of bytes.
  [[nodiscard]] std::size_t size() const noexcept {
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }
  /// Returns the bytes to be changed; empty unless the mode is copy_on_write. Valid while this
  /// object exists.
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept;
  /// Asks the system to read bytes that are needed soon, and does not wait. Ignores bytes past the
  /// end. It has no effect on Windows.
  void prefetch(byte_range bytes) const noexcept;
  /// Takes the pages that hold only these bytes out of this process's memory. The system reads them
  /// again when they are accessed. It has no effect if the mode is copy_on_write, because it would
  /// lose changes. macOS frees the pages only when memory is short. On Windows, pages that the
  /// program has locked are unlocked.
  void drop(byte_range bytes) const noexcept;
  /// Returns the path that was passed to try_open(), as UTF-8; empty if the bytes were mapped
  /// otherwise.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open(), try_map() or try_load(), and throws safetensors::error if that fails.
  explicit mapped_bytes(path_ref path, map_mode mode = map_mode::read_only)
      : mapped_bytes(try_open(path, mode).value()) {}
  [[nodiscard]] static mapped_bytes map(native_handle handle, std::uint64_t offset,
                                        std::uint64_t size, map_mode mode = map_mode::read_only) {
    return try_map(handle, offset, size, mode).value();
  }
  [[nodiscard]] static mapped_bytes load(const file_source& source, const header& index,
                                         const open_options& options = {}) {
    return try_load(source, index, options).value();
  }
#endif

 private:
  struct unmap {
    std::size_t size;
    std::size_t lead;  // bytes that are mapped before the first one, from the start of its page
    map_mode mode;
    void operator()(std::byte* first) const noexcept;
  };
  static result<mapped_bytes> map_source(const file_source& source, map_mode mode);
  // Returns the pages that hold these bytes. only_whole: without pages that hold other bytes, too.
  [[nodiscard]] std::span<std::byte> pages_of(byte_range bytes, bool only_whole) const noexcept;
  std::unique_ptr<std::byte, unmap> bytes_;
  std::string path_{};
};

/// A whole file read into memory. Owns its bytes, so that what happens to the file later does not
/// matter. Use it for file systems on which mapping is slow or dangerous, and for sources that are
/// not files. Tensor data starts at an address that is a multiple of 64 bytes, whatever the
/// header's length.
class owned_bytes {
 public:
  /// Reads all of a source, whose header is `index`. Borrows both until the call returns.
  /// Errors: missing_bytes if the source has unknown_size; out_of_memory if the bytes cannot be
  /// allocated; any error that the source returns.
  template <byte_source Source>
  static result<owned_bytes> try_load(Source& source, const header& index) {
    return load_from(detail::source_ref(source), index.data_start());
  }

  /// Returns the first byte.
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }
  /// Returns the number of bytes.
  [[nodiscard]] std::size_t size() const noexcept {
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }
  /// Returns the bytes to be changed. Valid while this object exists.
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept { return {bytes_.get(), size()}; }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_load(), and throws safetensors::error if it fails.
  template <byte_source Source>
  [[nodiscard]] static owned_bytes load(Source& source, const header& index) {
    return try_load(source, index).value();
  }
#endif

 private:
  template <class Storage> friend class basic_file;
  static constexpr std::size_t alignment = 64;
  static result<owned_bytes> allocate(std::uint64_t size, std::uint64_t data_start,
                                      const char* advice);
  static result<owned_bytes> load_from(const detail::source_ref& source, std::uint64_t data_start);
  static result<std::pair<header, owned_bytes>> load_stream(const detail::stream_ref& source,
                                                            const read_options& options);
  struct release {
    std::size_t size;
    std::size_t lead;  // bytes of the heap block before the first one
    void operator()(std::byte* first) const noexcept {
      ::operator delete(first - lead, std::align_val_t(alignment));
    }
  };
  std::unique_ptr<std::byte, release> bytes_;
};

/// Reads the bytes of one tensor from a source into your own memory, without mapping the file.
/// `tensor` is of the header of the same file. Borrows all until the call returns. Several threads
/// may read at once from a concurrent_byte_source.
/// Errors: wrong_length if `to` does not have exactly byte_size() bytes; any error that the source
/// returns, such as missing_bytes, with the source's path, the tensor, and its first byte.
template <class Source>
result<void> try_read_into(Source&& source, const tensor_info& tensor, std::span<std::byte> to) {
  (void)detail::expect_positions<std::remove_reference_t<Source>>();
  return detail::read_into(detail::source_ref(source), tensor, to);
}
#if SAFETENSORS_EXCEPTIONS
/// Calls try_read_into(), and throws safetensors::error if it fails.
template <class Source>
void read_into(Source&& source, const tensor_info& tensor, std::span<std::byte> to) {
  try_read_into(source, tensor, to).value();
}
#endif

/// A type that holds a whole file in memory: contiguous bytes of any one-byte type, such as
/// std::vector<char> or std::span<const std::byte>.
template <class Storage>
concept byte_storage = std::movable<Storage> && requires(const Storage& storage) {
  { std::size(storage) } -> std::convertible_to<std::size_t>;
  requires sizeof(*std::data(storage)) == 1;
  requires std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::data(storage))>>;
};
/// A storage that can be made from a source, once the header of the source has been validated.
template <class Storage, class Source>
concept loadable_storage =
    byte_storage<Storage> && byte_source<Source> && requires(Source& source, const header& index) {
      { Storage::try_load(source, index) } -> std::same_as<result<Storage>>;
    };

}  // namespace safetensors::inline SAFETENSORS_ABI
