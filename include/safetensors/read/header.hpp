// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// The typed tensor index of a file, without its data.
#pragma once

#include <safetensors/read/source.hpp>
#include <safetensors/read/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
struct header_door;
}

/// A field of a tensor's entry. Valid while its header exists.
struct entry_field {
  std::string_view tensor;  ///< the tensor's name, not escaped
  std::string_view field;   ///< the field's name, not escaped
};

/// Returns what a file seems to be, by its first bytes. Pass at least 9 bytes; up to 4 KiB identify
/// more kinds. A safetensors file has a length that fits in the file, and then a brace, or spaces
/// and a brace. It may still be invalid: only opening checks that. A file that is cut within its
/// header is unknown. `file_size` may be unknown_size.
[[nodiscard]] SAFETENSORS_DECL file_kind looks_like(std::span<const std::byte> first_bytes,
                                                    std::uint64_t file_size);

/// The validated tensor index of a file. Movable, and empty when moved from.
/// - Owns its text and tables, so it can be read whatever happens to the file.
/// - Its memory is a fixed number of heap blocks. They have about twice the header's length,
///   more if the header is mostly numbers.
/// - Names are found in constant time, without allocating.
///
/// Errors of reading, in this order (errc has the conditions):
/// - header_too_small, header_too_large, header_truncated, invalid_utf8;
/// - in the order of the text, header_not_object, invalid_json, too_deep, duplicate_field,
///   invalid_metadata, invalid_entry, missing_field, unknown_dtype, invalid_shape, and
///   invalid_offsets for what is not two integers;
/// - duplicate_metadata_key, then duplicate_tensor;
/// - tensor by tensor in data order, invalid_offsets, size_overflow, partial_byte, size_mismatch;
/// - missing_bytes, trailing_bytes, or with unknown_size, size_overflow for the end of the file.
///
/// At each step, the error may be out_of_memory, or the error that the source returns. That is io,
/// or one of the library's own codes, such as missing_bytes if the file is truncated at the same
/// time.
class header : public tensor_collection<tensor_info> {
 public:
  header() noexcept;                ///< no file: no tensors, sizes of 0
  header(header&& other) noexcept;  ///< views of `other` become views of this header
  /// Move assignment. Views of the header that is overwritten become invalid.
  header& operator=(header&& other) noexcept;
  ~header();

  /// Returns the size of the length prefix and the header together, in bytes, from the first 8
  /// bytes of the file. A remote reader fetches that many next. `file_size` may be unknown_size.
  /// Errors: header_too_small if `first8` or the file has fewer than 8 bytes; header_too_large if
  /// the header is longer than max_header_bytes; header_truncated if the file ends within the
  /// header.
  static result<std::uint64_t> try_bytes_needed(std::span<const std::byte> first8,
                                                std::uint64_t file_size,
                                                const read_options& options = {});
  /// Reads a header from a buffer with at least the first try_bytes_needed() bytes of the file.
  /// Copies them: borrows `head` until the call returns. If `file_size` is unknown_size, the rules
  /// about the file's end are not checked.
  /// Errors: those of reading; header_truncated also if the buffer is shorter.
  static result<header> try_parse(std::span<const std::byte> head, std::uint64_t file_size,
                                  const read_options& options = {});
  /// Opens a file, reads only its header, and closes the file. Errors: those of
  /// file_source::try_open(), then those of reading.
  static result<header> try_open(path_ref path, const read_options& options = {});
  /// Reads a header from any source, which it borrows until the call returns. Reads at most the
  /// first 4 KiB, then the rest of the header.
  /// If size() is unknown_size, each later read asks for at most as many bytes as were received so
  /// far (at least 4096). A false header length therefore costs at most twice the bytes really
  /// received, plus 4 KiB.
  /// For the text of an error, up to 4 KiB after the header may be read if size() is known.
  ///
  /// From a sequential_source, reads the 8 bytes of the length and then the header, so that the
  /// source is at the first byte of data afterwards. The rules about the file's end are not
  /// checked.
  ///
  /// Errors: those of reading.
  template <class Source>
  static result<header> try_read(Source&& source, const read_options& options = {}) {
    (void)detail::expect_source<std::remove_reference_t<Source>>();
    if constexpr (byte_source<std::remove_reference_t<Source>>)
      return read_from(detail::source_ref(source), options);
    else
      return read_from(detail::stream_ref(source), options);
  }

  /// Returns the first byte of data in the file: 8 + the header's length.
  [[nodiscard]] std::uint64_t data_start() const noexcept {
    return table() == nullptr ? 0 : table()->data_start();
  }
  /// Returns the size of all tensors together, in bytes.
  [[nodiscard]] std::uint64_t data_size() const noexcept {
    return table() == nullptr ? 0 : table()->data_size;
  }
  /// Returns data_start() + data_size(), without bytes after the last tensor.
  [[nodiscard]] std::uint64_t file_size() const noexcept { return data_start() + data_size(); }

  /// Returns the first field, in the order of the text, that the format does not define, or
  /// nothing. Readers ignore such fields, and a program that writes the file again loses them.
  /// Valid while the header exists.
  [[nodiscard]] std::optional<entry_field> unknown_field() const& noexcept;
  void unknown_field() const&& = delete;

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open() or the other `try_` twin, and throws safetensors::error if that fails.
  explicit header(path_ref path, const read_options& options = {})
      : header(try_open(path, options).value()) {}
  [[nodiscard]] static std::uint64_t bytes_needed(std::span<const std::byte> first8,
                                                  std::uint64_t file_size,
                                                  const read_options& options = {}) {
    return try_bytes_needed(first8, file_size, options).value();
  }
  [[nodiscard]] static header parse(std::span<const std::byte> head, std::uint64_t file_size,
                                    const read_options& options = {}) {
    return try_parse(head, file_size, options).value();
  }
  template <class Source>
  [[nodiscard]] static header read(Source&& source, const read_options& options = {}) {
    return try_read(source, options).value();
  }
#endif

 private:
  friend detail::header_door;
  explicit header(std::unique_ptr<detail::tensor_table> table) noexcept;
  static result<header> read_from(const detail::source_ref& source, const read_options& options);
  static result<header> read_from(const detail::stream_ref& source, const read_options& options);
  std::unique_ptr<detail::tensor_table> owned_;  // table()
};

// Connects a header with its table.
struct detail::header_door {
  static const tensor_table* table(const header& index) noexcept { return index.table(); }
  static header make(std::unique_ptr<tensor_table> table) noexcept {
    return header(std::move(table));
  }
  static void set_path(header& index, std::string path) noexcept {
    index.owned_->path = std::move(path);
  }
};

}  // namespace safetensors::inline SAFETENSORS_ABI
