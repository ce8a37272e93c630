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

namespace safetensors::inline SAFETENSORS_ABI {

/// What may be done with mapped bytes.
enum class map_mode : std::uint8_t {
  read_only,      ///< they are only read
  copy_on_write,  ///< writable_bytes() may be changed, the file never is; pages that are written to
                  ///< need memory, and where none is left, Linux ends the program
};

/// A regular file of any size, or a part of one, mapped into memory; no descriptor stays open.
///
/// It stays with the file that it opened: the bytes are the same when another file takes its name,
/// as when writer.hpp replaces it, and when it is removed. What is written into the file itself may
/// show. If it is truncated, the rest of its last page is zeros, and access to a page behind it
/// ends the program (SIGBUS; Windows does not let it be truncated): use owned_bytes where that may
/// happen. A child of fork has the mapping too, and ends it for itself alone.
class mapped_file {
 public:
  mapped_file() noexcept = default;  ///< no bytes
  /// The whole file. Errors: io, out_of_memory (it does not fit in the address space, or the system
  /// allows no more mappings), missing_bytes (it was cut meanwhile).
  static result<mapped_file> try_open(path_ref path, map_mode mode = map_mode::read_only);
  /// A part of a file at any offset, up to its end if size is to_end; the handle stays yours and
  /// may be closed. Errors: as above, missing_bytes (the file ends before offset + size).
  static result<mapped_file> try_map(native_handle handle, std::uint64_t offset, std::uint64_t size,
                                     map_mode mode = map_mode::read_only);
  /// All of a source. Errors: as those of try_open().
  static result<mapped_file> try_load(const file_source& source, const header& index);

  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }  ///< null if empty
  [[nodiscard]] std::size_t size() const noexcept {                              ///< bytes
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept;  ///< empty unless copy_on_write
  /// Returns the path by which it was opened, as UTF-8; empty if it was not opened by a path.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }

#if SAFETENSORS_EXCEPTIONS
  /// As try_open(), try_map() and try_load(), throwing safetensors::error.
  explicit mapped_file(path_ref path, map_mode mode = map_mode::read_only)
      : mapped_file(try_open(path, mode).value()) {}
  [[nodiscard]] static mapped_file map(native_handle handle, std::uint64_t offset,
                                       std::uint64_t size, map_mode mode = map_mode::read_only) {
    return try_map(handle, offset, size, mode).value();
  }
  [[nodiscard]] static mapped_file load(const file_source& source, const header& index) {
    return try_load(source, index).value();
  }
#endif

 private:
  struct unmap {
    std::size_t size;
    std::size_t lead;  // bytes mapped before the first one, from the page's start
    map_mode mode;
    void operator()(std::byte* first) const noexcept;
  };
  static result<mapped_file> map_source(const file_source& source, map_mode mode);
  std::unique_ptr<std::byte, unmap> bytes_;
  std::string path_{};
};

/// A whole file read into memory: for file systems on which mapping is slow or dangerous, and for
/// sources that are no files. Whatever happens to the file later does not matter. Tensor data
/// starts at a multiple of 64, whatever the header's length.
class owned_bytes {
 public:
  /// Reads all of a source whose header is index. Errors: what the source returns, out_of_memory,
  /// missing_bytes (a source of unknown_size).
  template <byte_source S> static result<owned_bytes> try_load(S& source, const header& index) {
    return load_from(detail::source_ref(source), index.data_start());
  }

  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }  ///< the first
  [[nodiscard]] std::size_t size() const noexcept {                              ///< bytes
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }

#if SAFETENSORS_EXCEPTIONS
  /// As try_load(), throwing safetensors::error.
  template <byte_source S> [[nodiscard]] static owned_bytes load(S& source, const header& index) {
    return try_load(source, index).value();
  }
#endif

 private:
  static constexpr std::size_t alignment = 64;
  static result<owned_bytes> load_from(const detail::source_ref& source, std::uint64_t data_start);
  struct release {
    std::size_t size;
    std::size_t lead;  // bytes of the heap block before the first one
    void operator()(std::byte* first) const noexcept {
      ::operator delete(first - lead, std::align_val_t(alignment));
    }
  };
  std::unique_ptr<std::byte, release> bytes_;
};

/// The whole file in memory: contiguous bytes of any one-byte type, such as std::vector<char> or
/// std::span<const std::byte>.
template <class S>
concept byte_storage = std::movable<S> && requires(const S& storage) {
  { std::size(storage) } -> std::convertible_to<std::size_t>;
  requires sizeof(*std::data(storage)) == 1;
  requires std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::data(storage))>>;
};
/// A storage that can be made from a source, once its header has been found valid.
template <class S, class Source>
concept loadable_storage =
    byte_storage<S> && byte_source<Source> && requires(Source& source, const header& index) {
      { S::try_load(source, index) } -> std::same_as<result<S>>;
    };

}  // namespace safetensors::inline SAFETENSORS_ABI
