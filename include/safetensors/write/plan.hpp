// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
/// @file
/// The layout of a file that is to be written.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/detail/block.hpp>
#include <safetensors/read/header.hpp>
#include <safetensors/read/metadata.hpp>
#include <safetensors/write/tensor_data.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
class plan_builder;
}  // namespace detail

/// Options for the contents of a file.
struct layout_options {
  /// UTF-8. If it is empty and the tensors are those of a file or a header, the new file gets its
  /// metadata, unless keep_metadata is false.
  metadata_map metadata{};
  tensor_order order = tensor_order::canonical;  ///< the reference's order, or your own
  /// A power of two, in bytes. The header is padded with spaces, so that the data starts at a
  /// multiple of this number, and always of 8. Tensors follow each other without gaps, as the
  /// format demands.
  std::uint64_t data_alignment = 8;
  /// Longest header that is written, in bytes, with its padding. The default is what readers accept
  /// by default. Raising it over 4 GiB has no effect.
  std::uint64_t max_header_bytes = 100'000'000;
  /// false: the new file has only the metadata of `metadata`.
  bool keep_metadata = true;

  /// Compares all members.
  friend bool operator==(const layout_options&, const layout_options&) = default;
};

/// The validated layout of a file: owns the header that will be written. Does no I/O.
///
/// With the default options the bytes are those of the reference implementation, with two
/// exceptions. Metadata keys are sorted (there, their order is random). Empty metadata is left out.
class write_plan {
 public:
  /// Makes an empty plan, like one that was moved from. No writer accepts it.
  write_plan() noexcept = default;

  /// Lays out the tensors, which are borrowed until the call returns. They are
  /// `{{"w", dtype::f32, {2, 3}}}`, a model, or any range of specs, of tensor_info or of
  /// tensor_view. Failures name the tensor.
  ///
  /// Errors, in this order:
  /// - invalid_option if data_alignment is not a power of two;
  /// - for each tensor, invalid_utf8 if its name is not valid UTF-8; reserved_name if it is
  ///   "__metadata__"; unknown_dtype if its dtype is not an enumerator; invalid_shape if a size is
  ///   negative or if there are more than 2^27-1 dimensions; size_overflow if its size does not fit
  ///   in 64 bits; partial_byte if it does not fill whole bytes;
  /// - invalid_utf8 if metadata is not valid UTF-8;
  /// - size_overflow if all tensors together are too large; header_too_large if the header is
  ///   longer than max_header_bytes; duplicate_tensor if two tensors have one name;
  /// - out_of_memory if memory cannot be allocated.
  static result<write_plan> try_make(const tensor_list<tensor_spec>& tensors,
                                     const layout_options& options = {});

  /// Returns the tensors in the file's order; file_range() says where each one goes. Valid while
  /// this plan exists. After a move, ask the new plan: the old one no longer describes the file.
  [[nodiscard]] const safetensors::header& header() const& noexcept { return header_; }
  void header() const&& = delete;
  /// Returns the bytes in front of the data: 8 bytes of length, and the header. Valid while this
  /// plan exists.
  [[nodiscard]] std::span<const std::byte> header_bytes() const& noexcept {
    return std::as_bytes(std::span(text_.data(), text_.size()));
  }
  void header_bytes() const&& = delete;
  /// Returns the size of the whole file in bytes.
  [[nodiscard]] std::uint64_t file_size() const noexcept { return header_.file_size(); }

#if SAFETENSORS_EXCEPTIONS
  /// Does what try_make() does, and throws safetensors::error if that fails.
  [[nodiscard]] static write_plan make(const tensor_list<tensor_spec>& tensors,
                                       const layout_options& options = {}) {
    return try_make(tensors, options).value();
  }
#endif

 private:
  friend detail::plan_builder;
  write_plan(safetensors::header index, detail::block<char> text) noexcept
      : header_(std::move(index)), text_(std::move(text)) {}
  safetensors::header header_;
  detail::block<char> text_;  // length prefix, header, padding
};

}  // namespace safetensors::inline SAFETENSORS_ABI
