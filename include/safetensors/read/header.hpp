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
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
struct header_door;
}

/// A field of a tensor's entry; valid while its header exists.
struct entry_field {
  std::string_view tensor;  ///< the tensor's name, not escaped
  std::string_view field;   ///< the field's name, not escaped
};

/// The validated tensor index of a file. Owns its text and tables (a fixed number of heap blocks,
/// in all about 1.7 times the header's length, more if it is mostly numbers), and so can be read
/// whatever happens to the file; movable, and empty when moved from. Names are found in constant
/// time, without allocating.
///
/// Errors of reading, in this order: header_too_small, header_too_large, header_truncated,
/// invalid_utf8; then those of JSON and of the entries (header_not_object, invalid_json, too_deep,
/// duplicate_…, invalid_…, missing_field, unknown_dtype); then, tensor by tensor in data order,
/// invalid_offsets, size_overflow, partial_byte, size_mismatch; then uncovered_bytes,
/// missing_bytes. Any of them may be out_of_memory instead, or what the source returns: io, or a
/// code of ours, such as missing_bytes if it was cut meanwhile.
class header : public tensor_range<tensor_info> {
 public:
  header() noexcept;                           ///< of no file: no tensors, sizes of 0
  header(header&& other) noexcept;             ///< views of `other` are views of this
  header& operator=(header&& other) noexcept;  ///< the same; views of this end
  ~header();

  /// The length prefix and the header together, in bytes, told by the file's first 8: what a remote
  /// reader fetches next. file_size may be unknown_size. Errors: header_too_small,
  /// header_too_large, header_truncated.
  static result<std::uint64_t> try_bytes_needed(std::span<const std::byte> first8,
                                                std::uint64_t file_size,
                                                const read_options& options = {});
  /// From a buffer with at least the first try_bytes_needed() bytes of the file; they are copied.
  /// With unknown_size as file_size, the rules about the file's end are not checked. Errors: those
  /// of reading; header_truncated also if the buffer is shorter.
  static result<header> try_parse(std::span<const std::byte> head, std::uint64_t file_size,
                                  const read_options& options = {});
  /// From a file: reads only the header, and closes. Errors: those of file_source and of reading.
  static result<header> try_open(path_ref path, const read_options& options = {});
  /// From any source; reads 4 KiB, then the rest of the header. One of unknown_size is only trusted
  /// with as much memory again as it has filled already. Errors: those of reading.
  template <byte_source S>
  static result<header> try_read(S&& source, const read_options& options = {}) {
    return read_from(detail::source_ref(source), options);
  }

  /// The first byte of data in the file: 8 + the header's length.
  [[nodiscard]] std::uint64_t data_start() const noexcept {
    return table() == nullptr ? 0 : table()->data_start();
  }
  /// Bytes of all tensors.
  [[nodiscard]] std::uint64_t data_size() const noexcept {
    return table() == nullptr ? 0 : table()->data_size;
  }
  /// data_start() + data_size().
  [[nodiscard]] std::uint64_t file_size() const noexcept { return data_start() + data_size(); }

  /// Returns the first field, in the order of the text, that the format does not define. Readers
  /// ignore such fields; whoever writes the file again loses them.
  [[nodiscard]] std::optional<entry_field> unknown_field() const& noexcept;
  void unknown_field() const&& = delete;

#if SAFETENSORS_EXCEPTIONS
  /// As try_open() and the other `try_` twins, throwing safetensors::error.
  explicit header(path_ref path, const read_options& options = {})
      : header(try_open(path, options).value()) {}
  [[nodiscard]] static std::uint64_t bytes_needed(std::span<const std::byte> first8,
                                                  std::uint64_t file_size,
                                                  const read_options& options = {}) {
    return try_bytes_needed(first8, file_size, options).value();
  }
  [[nodiscard]] static header parse(std::span<const std::byte> head, std::uint64_t file_size,
                                    const read_options& options = {});
  template <byte_source S>
  [[nodiscard]] static header read(S&& source, const read_options& options = {}) {
    return try_read(source, options).value();
  }
#endif

 private:
  friend detail::header_door;
  explicit header(std::unique_ptr<detail::tensor_table> table) noexcept;
  static result<header> read_from(const detail::source_ref& source, const read_options& options);
  std::unique_ptr<detail::tensor_table> owned_;  // table()
};

#if SAFETENSORS_EXCEPTIONS
inline header header::parse(std::span<const std::byte> head, std::uint64_t file_size,
                            const read_options& options) {
  return try_parse(head, file_size, options).value();
}
#endif

// Between a header and its table.
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
