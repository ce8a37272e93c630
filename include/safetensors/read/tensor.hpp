// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// A tensor: its entry in the header, and its bytes.
#pragma once

#include <safetensors/base/parameters.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/read/range.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace safetensors::inline SAFETENSORS_ABI {

class slice_layout;
class slice_view;
namespace detail {
struct tensor_door;
}

/// A tensor's entry in the header: everything but the bytes. Trivially copyable; lives as long as
/// its header.
class tensor_info {
 public:
  /// UTF-8. It may be empty or hold NUL, and is not NUL-terminated.
  [[nodiscard]] std::string_view name() const noexcept { return table_->name(*record_); }
  /// The type of the elements.
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return record_->dtype(); }
  /// Sizes in elements, slowest dimension first; empty for a scalar.
  [[nodiscard]] std::span<const std::uint64_t> shape() const noexcept {
    return table_->shape(*record_);
  }
  [[nodiscard]] std::size_t ndim() const noexcept { return shape().size(); }  ///< dimensions
  /// Number of elements; 1 for a scalar.
  [[nodiscard]] std::uint64_t element_count() const noexcept {
    return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));  // found to fit
  }
  /// Bytes of all elements together.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return record_->end - record_->begin; }
  /// As written in the header: bytes from the end of the header.
  [[nodiscard]] byte_range data_offsets() const noexcept { return {record_->begin, record_->end}; }
  /// Absolute bytes of the file: what pread, an HTTP range or your own reader wants.
  [[nodiscard]] byte_range file_range() const noexcept {
    const std::uint64_t start = table_->data_start();
    return {start + record_->begin, start + record_->end};
  }

  /// Whether dtype and shape are these; any_size stands for every size.
  [[nodiscard]] bool matches(safetensors::dtype type, shape_ref wanted) const noexcept;
  /// The same with a failure that says what was wanted and what is there.
  /// Errors: dtype_mismatch, shape_mismatch.
  result<void> try_expect(safetensors::dtype type, shape_ref wanted) const;
  /// The shape in integers of your own. Errors: does_not_fit (a size is too large for N),
  /// out_of_memory.
  template <standard_integer N> result<std::vector<N>> try_shape_as() const;
  /// The shape into a buffer of yours; returns the number of dimensions.
  /// Errors: does_not_fit (too many dimensions, or one too large). Nothing is ever truncated; after
  /// an error, what the buffer holds is unspecified.
  template <element_buffer R> requires standard_integer<element_of<R>>
  result<std::size_t> try_copy_shape(R&& to) const;
  /// Where a slice lies in the file: one range per leading dimension, the others are whole.
  /// Errors: invalid_slice (too many ranges, out of range, or a sub-byte dtype cut within a byte),
  /// out_of_memory.
  result<slice_layout> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// As its `try_` twin, throwing safetensors::error.
  void expect(safetensors::dtype type, shape_ref wanted) const { try_expect(type, wanted).value(); }
  template <standard_integer N> [[nodiscard]] std::vector<N> shape_as() const {
    return try_shape_as<N>().value();
  }
  template <element_buffer R> requires standard_integer<element_of<R>>
  std::size_t copy_shape(R&& to) const {
    return try_copy_shape(to).value();
  }
  [[nodiscard]] slice_layout slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::tensor_door;
  tensor_info(const detail::tensor_table& table, const detail::record& entry) noexcept
      : table_(&table), record_(&entry) {}
  const detail::tensor_table* table_;
  const detail::record* record_;
};

/// A tensor whose bytes are in memory. Trivially copyable, owns nothing; lives as long as its file
/// object, whose moves it survives. Typed access is zero copy and checked: dtype_mismatch names
/// both dtypes; misaligned_data (files may place tensors at any byte) and foreign_byte_order (a
/// big-endian host) have the copying functions as the way out.
class tensor_view : public tensor_info {
 public:
  /// As in the file: little-endian, row-major, at any alignment.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {data_, static_cast<std::size_t>(byte_size())};
  }
  /// Returns true if bytes() start at a multiple of `alignment` bytes. `alignment` must not be 0.
  [[nodiscard]] bool aligned_to(std::size_t alignment) const noexcept {
    return detail::is_aligned(data_, alignment);
  }

  /// The elements. Errors: dtype_mismatch, misaligned_data, foreign_byte_order.
  template <element T> result<std::span<const T>> try_as() const;
  /// The elements' raw words, for any dtype as wide as W: BF16 as std::uint16_t, BOOL as
  /// std::uint8_t. Errors: as try_as.
  template <standard_unsigned W> result<std::span<const W>> try_bits() const;
  /// Copies the elements, from any alignment into host byte order. Errors: dtype_mismatch,
  /// wrong_length.
  template <element_buffer R> result<void> try_copy_to(R&& to) const;
  /// Copies the raw words, from any alignment into host byte order. Errors: dtype_mismatch,
  /// wrong_length.
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  result<void> try_copy_bits(R&& to) const;
  /// Copies bytes() as they are. `to` must not overlap them. Errors: wrong_length.
  result<void> try_copy_bytes(std::span<std::byte> to) const;
  /// A copy of the elements, in host byte order. Errors: dtype_mismatch, out_of_memory (a program
  /// without exceptions ends).
  template <element T> result<std::vector<T>> try_to_vector() const;
  /// The one element of a one-element tensor. Errors: dtype_mismatch, wrong_length.
  template <element T> result<T> try_item() const;
  /// A strided view: one range per leading dimension, the others are whole. Errors: invalid_slice,
  /// out_of_memory.
  result<slice_view> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// As its `try_` twin, throwing safetensors::error.
  template <element T> [[nodiscard]] std::span<const T> as() const { return try_as<T>().value(); }
  template <standard_unsigned W> [[nodiscard]] std::span<const W> bits() const {
    return try_bits<W>().value();
  }
  template <element_buffer R> void copy_to(R&& to) const { try_copy_to(to).value(); }
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  void copy_bits(R&& to) const {
    try_copy_bits(to).value();
  }
  void copy_bytes(std::span<std::byte> to) const { try_copy_bytes(to).value(); }
  template <element T> [[nodiscard]] std::vector<T> to_vector() const {
    return try_to_vector<T>().value();
  }
  template <element T> [[nodiscard]] T item() const { return try_item<T>().value(); }
  [[nodiscard]] slice_view slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::entry_of<tensor_view>;
  tensor_view(const tensor_info& info, const std::byte* first) noexcept
      : tensor_info(info), data_(first) {}
  // Copies `count` elements of checked dtype, whose words have `word_bytes` bytes.
  result<void> copy_words(std::span<std::byte> to, std::size_t count, std::size_t word_bytes) const;
  const std::byte* data_;  // the tensor's first byte
};

namespace detail {

// Between tensors and the table's records.
struct tensor_door {
  static tensor_info make(const tensor_table& table, const record& entry) noexcept {
    return {table, entry};
  }
  static const tensor_table& table(const tensor_info& tensor) noexcept { return *tensor.table_; }
  static const record& entry(const tensor_info& tensor) noexcept { return *tensor.record_; }
};

template <> struct entry_of<tensor_info> {
  static tensor_info make(const tensor_table& table, const std::byte*, std::size_t i) noexcept {
    return tensor_door::make(table, table.records[i]);
  }
};
template <> struct entry_of<tensor_view> {
  static tensor_view make(const tensor_table& table, const std::byte* data,
                          std::size_t i) noexcept {
    const record& entry = table.records[i];
    return {tensor_door::make(table, entry),
            data == nullptr ? nullptr : data + static_cast<std::size_t>(entry.begin)};
  }
};

//-- what tensor_view and slice_view share; a slice passes the tensor that it is cut from

template <element T> result<void> expect_element(const tensor_info& tensor) {
  static_assert(has_dtype_width<T>, "dtype_traits<T>::value must be a dtype as wide as T");
  if (tensor.dtype() == dtype_traits<T>::value) return {};
  return dtype_failure(tensor, dtype_traits<T>::value);
}

template <class W> result<void> expect_width(const tensor_info& tensor) {
  if (static_cast<std::size_t>(bit_width(tensor.dtype())) == 8 * sizeof(W)) return {};
  return width_failure(tensor, sizeof(W));
}

// Checks that elements of type T can be used where they are.
template <class T> result<void> expect_usable(const tensor_info& tensor, const std::byte* data) {
  constexpr bool is_native = sizeof(T) == 1 || std::endian::native == std::endian::little;
  if (is_native && is_aligned(data, alignof(T))) return {};
  return place_failure(tensor, sizeof(T), alignof(T));
}

// A span over bytes whose dtype was checked. An empty one needs no alignment.
template <class T> result<std::span<const T>> in_place(const tensor_info& tensor,
                                                       const std::byte* data, std::uint64_t bytes) {
  if (bytes == 0) return std::span<const T>();
  if (auto usable = expect_usable<T>(tensor, data); !usable) return std::move(usable).error();
  return std::span<const T>(reinterpret_cast<const T*>(data),
                            static_cast<std::size_t>(bytes) / sizeof(T));
}

template <class R> std::span<std::byte> writable_bytes_of(R& to) noexcept {
  return std::as_writable_bytes(std::span<element_of<R>>(std::data(to), std::size(to)));
}

template <element T, class View>
result<std::vector<T>> to_vector(const View& view, const tensor_info& tensor) {
  if (auto same = expect_element<T>(tensor); !same) return std::move(same).error();
  std::vector<T> values;
  if (!try_allocating([&] { values.resize(static_cast<std::size_t>(view.element_count())); }))
    return memory_failure(tensor, "a copy of its elements");
  if (auto copied = view.try_copy_to(values); !copied) return std::move(copied).error();
  return values;
}

}  // namespace detail

template <element_buffer R> requires standard_integer<element_of<R>>
result<std::size_t> tensor_info::try_copy_shape(R&& to) const {
  const auto sizes = shape();
  if (std::size(to) < sizes.size()) return detail::rank_failure(*this, std::size(to));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!std::in_range<element_of<R>>(sizes[i])) return detail::dimension_failure(*this, i);
    std::data(to)[i] = static_cast<element_of<R>>(sizes[i]);
  }
  return sizes.size();
}

template <standard_integer N> result<std::vector<N>> tensor_info::try_shape_as() const {
  std::vector<N> sizes;
  if (!detail::try_allocating([&] { sizes.resize(ndim()); }))
    return detail::memory_failure(*this, "a copy of its shape");
  if (auto copied = try_copy_shape(sizes); !copied) return std::move(copied).error();
  return sizes;
}

template <element T> result<std::span<const T>> tensor_view::try_as() const {
  if (auto same = detail::expect_element<T>(*this); !same) return std::move(same).error();
  return detail::in_place<T>(*this, data_, byte_size());
}

template <standard_unsigned W> result<std::span<const W>> tensor_view::try_bits() const {
  if (auto same = detail::expect_width<W>(*this); !same) return std::move(same).error();
  return detail::in_place<W>(*this, data_, byte_size());
}

template <element_buffer R> result<void> tensor_view::try_copy_to(R&& to) const {
  if (auto same = detail::expect_element<element_of<R>>(*this); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), detail::swap_unit(dtype()));
}

template <element_buffer R> requires standard_unsigned<element_of<R>>
result<void> tensor_view::try_copy_bits(R&& to) const {
  if (auto same = detail::expect_width<element_of<R>>(*this); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), sizeof(element_of<R>));
}

template <element T> result<std::vector<T>> tensor_view::try_to_vector() const {
  return detail::to_vector<T>(*this, *this);
}

template <element T> result<T> tensor_view::try_item() const {
  if (auto same = detail::expect_element<T>(*this); !same) return std::move(same).error();
  if (element_count() != 1) return detail::item_failure(*this);
  T value{};
  if (auto copied = try_copy_to(std::span(&value, 1)); !copied) return std::move(copied).error();
  return value;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
