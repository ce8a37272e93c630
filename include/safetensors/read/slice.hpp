// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// A slice of a tensor: where its bytes are, and the bytes.
#pragma once

#include <safetensors/read/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace safetensors::inline SAFETENSORS_ABI {

/// Where a slice lies in its file. Owns its numbers; valid while the tensor's header exists. When
/// moved from, it has no dimensions and no runs.
class slice_layout {
 public:
  slice_layout(const slice_layout&) = default;             ///< copies the numbers
  slice_layout& operator=(const slice_layout&) = default;  ///< copies the numbers
  slice_layout(slice_layout&& other) noexcept;             ///< leaves no runs
  slice_layout& operator=(slice_layout&& other) noexcept;  ///< leaves no runs
  ~slice_layout() = default;

  [[nodiscard]] tensor_info tensor() const noexcept { return tensor_; }  ///< what it is cut from
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return tensor_.dtype(); }  ///< its own
  /// In elements, without the dimensions that were picked; lives as long as this object.
  [[nodiscard]] std::span<const std::uint64_t> shape() const& noexcept {
    return {numbers_.data(), ndim()};
  }
  void shape() const&& = delete;
  /// In elements; all 0 if the tensor has no elements. Lives as long as this object.
  [[nodiscard]] std::span<const std::uint64_t> strides() const& noexcept {
    return {numbers_.data() + ndim(), ndim()};
  }
  void strides() const&& = delete;
  [[nodiscard]] std::size_t ndim() const noexcept { return numbers_.size() / 2; }  ///< dimensions
  /// Elements of all runs.
  [[nodiscard]] std::uint64_t element_count() const noexcept {
    return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));
  }
  /// Of all runs.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return runs_.count * runs_.bytes; }

  /// The slice is this many contiguous pieces, all of one size and as long as can be; 0 if it has
  /// no elements.
  [[nodiscard]] std::uint64_t run_count() const noexcept { return runs_.count; }
  [[nodiscard]] bool contiguous() const noexcept { return runs_.count <= 1; }  ///< one run, or none
  /// Absolute bytes of run i < run_count() in the file, in row-major order: for HTTP ranges and
  /// pread.
  [[nodiscard]] byte_range file_run(std::uint64_t i) const noexcept {
    std::uint64_t at = runs_.first_byte;
    for (std::size_t d = runs_.outer; d-- > 0; i /= shape()[d])
      at += i % shape()[d] * (strides()[d] * static_cast<std::uint64_t>(bit_width(dtype())) / 8);
    return {at, at + runs_.bytes};
  }

 private:
  friend tensor_info;
  friend tensor_view;
  explicit slice_layout(const tensor_info& tensor) noexcept : tensor_(tensor) {}
  tensor_info tensor_;
  std::vector<std::uint64_t> numbers_{};  // shape, then strides
  struct {
    std::uint64_t first_byte = 0;  // of the file
    std::uint64_t bytes = 0;       // of each run
    std::uint64_t count = 0;
    std::size_t outer = 0;  // leading dimensions that distinguish the runs
  } runs_{};
};

/// A slice whose bytes are in memory; lives as long as its file object.
class slice_view : public slice_layout {
 public:
  /// The bytes of run i < run_count(), as in the file.
  [[nodiscard]] std::span<const std::byte> run(std::uint64_t i) const noexcept;
  /// Copies the slice row-major, in the file's byte order. row_stride is the distance in bytes
  /// between the rows (the last dimension) in `to`; 0 packs them. `to` must not overlap the file's
  /// bytes in memory. Errors: wrong_length (packed rows do not fill `to` exactly, others do not fit
  /// in it or overlap), invalid_slice (rows of a sub-byte dtype that are not whole bytes).
  result<void> try_copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const;
  /// Copies the elements row-major, in host byte order. Errors: dtype_mismatch, wrong_length.
  template <element_buffer R> result<void> try_copy_to(R&& to) const;
  /// Copies the raw words row-major, in host byte order. Errors: dtype_mismatch, wrong_length.
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  [[nodiscard]] result<void> try_copy_bits(R&& to) const;
  /// A copy of the elements, in host byte order. Errors: as tensor_view::try_to_vector.
  template <element T> result<std::vector<T>> try_to_vector() const;
  /// The raw words, zero copy. Errors: not_contiguous, and those of tensor_view::try_bits.
  template <standard_unsigned W> result<std::span<const W>> try_bits() const;
  /// The elements, zero copy. Errors: not_contiguous, and those of tensor_view::try_as.
  template <element T> result<std::span<const T>> try_as() const;
  /// The first element, to be used with shape() and strides() (mdspan, DLPack). Errors: those of
  /// tensor_view::try_as.
  template <element T> result<const T*> try_data() const;

#if SAFETENSORS_EXCEPTIONS
  /// As its `try_` twin, throwing safetensors::error.
  void copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const {
    try_copy_bytes(to, row_stride).value();
  }
  template <element_buffer R> void copy_to(R&& to) const { try_copy_to(to).value(); }
  template <element T> [[nodiscard]] std::span<const T> as() const { return try_as<T>().value(); }
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  void copy_bits(R&& to) const {
    try_copy_bits(to).value();
  }
  template <element T> [[nodiscard]] std::vector<T> to_vector() const {
    return try_to_vector<T>().value();
  }
  template <standard_unsigned W> [[nodiscard]] std::span<const W> bits() const {
    return try_bits<W>().value();
  }
  template <element T> [[nodiscard]] const T* data() const { return try_data<T>().value(); }
#endif

 private:
  friend tensor_view;
  result<void> expect_contiguous() const;
  // Copies `count` elements of checked dtype, whose words have `word_bytes` bytes.
  result<void> copy_words(std::span<std::byte> to, std::size_t count, std::size_t word_bytes) const;
  slice_view(slice_layout layout, const std::byte* first) noexcept
      : slice_layout(std::move(layout)), first_(first) {}
  const std::byte* first_;
};

template <element_buffer R> result<void> slice_view::try_copy_to(R&& to) const {
  if (auto same = detail::expect_element<element_of<R>>(tensor()); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), detail::swap_unit(dtype()));
}

template <element_buffer R> requires standard_unsigned<element_of<R>>
result<void> slice_view::try_copy_bits(R&& to) const {
  if (auto same = detail::expect_width<element_of<R>>(tensor()); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), sizeof(element_of<R>));
}

template <element T> result<std::vector<T>> slice_view::try_to_vector() const {
  return detail::to_vector<T>(*this, tensor());
}

template <element T> result<std::span<const T>> slice_view::try_as() const {
  if (auto same = detail::expect_element<T>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<T>(tensor(), first_, byte_size());
}

template <standard_unsigned W> result<std::span<const W>> slice_view::try_bits() const {
  if (auto same = detail::expect_width<W>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<W>(tensor(), first_, byte_size());
}

template <element T> result<const T*> slice_view::try_data() const {
  if (auto same = detail::expect_element<T>(tensor()); !same) return std::move(same).error();
  if (byte_size() != 0)
    if (auto usable = detail::expect_usable<T>(tensor(), first_); !usable)
      return std::move(usable).error();
  return reinterpret_cast<const T*>(first_);
}

#if SAFETENSORS_EXCEPTIONS
inline slice_layout tensor_info::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
inline slice_view tensor_view::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI
