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

namespace detail {
struct tensor_door;
}

/// A tensor's entry in the header: everything but the bytes. Trivially copyable. Owns nothing:
/// valid while its header or file exists, even after that is moved.
class tensor_info {
 public:
  /// Makes an entry of no tensor: without a name, dimensions, elements and bytes.
  tensor_info() noexcept : tensor_info(detail::no_table(), detail::no_record) {}
  /// Returns the name in UTF-8. It may be empty or hold NUL, and is not NUL-terminated. Valid while
  /// the header exists.
  [[nodiscard]] std::string_view name() const noexcept { return table_->name(*record_); }
  /// Returns the type of the elements.
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return record_->dtype(); }
  /// Returns the sizes in elements, slowest dimension first. Empty for a scalar. Valid while the
  /// header exists.
  [[nodiscard]] std::span<const std::uint64_t> shape() const noexcept {
    return table_->shape(*record_);
  }
  /// Returns the number of dimensions.
  [[nodiscard]] std::size_t ndim() const noexcept { return shape().size(); }
  /// Returns a new vector with one stride per dimension, in elements. All are 0 if the tensor has
  /// no elements. Errors: out_of_memory if the vector cannot be allocated (without exceptions, the
  /// program ends).
  result<std::vector<std::uint64_t>> try_strides() const;
  /// Returns the number of elements, which is 1 for a scalar.
  [[nodiscard]] std::uint64_t element_count() const noexcept {
    return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));  // validated to fit
  }
  /// Returns the size of all elements together, in bytes.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return record_->end - record_->begin; }
  /// Returns data_offsets as written in the header: bytes from the end of the header.
  [[nodiscard]] byte_range data_offsets() const noexcept { return {record_->begin, record_->end}; }
  /// Returns the range of absolute bytes in the file, for pread, an HTTP range or your own reader.
  [[nodiscard]] byte_range file_range() const noexcept {
    const std::uint64_t start = table_->data_start();
    return {start + record_->begin, start + record_->end};
  }

  /// Returns true if dtype and shape are these. any_size matches every size.
  [[nodiscard]] bool matches(safetensors::dtype type, shape_ref wanted) const noexcept;
  /// Checks that dtype and shape are these. any_size matches every size. The failure says what was
  /// wanted and what was found.
  /// Errors: dtype_mismatch if the dtype is another one; shape_mismatch if the shape is another
  /// one.
  result<void> try_expect(safetensors::dtype type, shape_ref wanted) const;
  /// Returns the shape in integers of type Integer.
  /// Errors: out_of_memory if the vector cannot be allocated (without exceptions, the program
  /// ends); does_not_fit if a size is too large for Integer.
  template <standard_integer Integer> result<std::vector<Integer>> try_shape_as() const;
  /// Copies the shape into your own buffer, and returns the number of dimensions. Nothing is ever
  /// truncated. After an error, the contents of the buffer are unspecified.
  /// Errors: does_not_fit if the buffer has room for fewer dimensions; does_not_fit if a size is
  /// too large for the buffer's integers.
  template <element_buffer Buffer> requires standard_integer<element_of<Buffer>>
  result<std::size_t> try_copy_shape(Buffer&& to) const;
  /// Returns where the bytes of a slice are in the file. `ranges` has one range per leading
  /// dimension. The other dimensions are whole.
  /// Errors: invalid_slice if there are more ranges than dimensions, or a range is not valid for
  /// its dimension; out_of_memory if the layout cannot be allocated (without exceptions, the
  /// program ends); invalid_slice if a sub-byte dtype is cut within a byte.
  result<slice_layout> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// Calls its `try_` twin, and throws safetensors::error if that fails.
  void expect(safetensors::dtype type, shape_ref wanted) const { try_expect(type, wanted).value(); }
  [[nodiscard]] std::vector<std::uint64_t> strides() const { return try_strides().value(); }
  template <standard_integer Integer> [[nodiscard]] std::vector<Integer> shape_as() const {
    return try_shape_as<Integer>().value();
  }
  template <element_buffer Buffer> requires standard_integer<element_of<Buffer>>
  std::size_t copy_shape(Buffer&& to) const {
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

/// A tensor whose bytes are in memory. Trivially copyable. Owns nothing: valid while its file
/// object exists, even after that is moved.
///
/// Typed access is zero copy and checked. A failure of dtype_mismatch names both dtypes. Files may
/// place tensors at any byte (misaligned_data), and hosts may be big-endian (foreign_byte_order).
/// The copying functions work on both.
class tensor_view : public tensor_info {
 public:
  tensor_view() noexcept = default;  ///< a view of no tensor: without elements and bytes
  /// Returns the bytes as in the file: little-endian, row-major, at any alignment. Valid while the
  /// file object exists.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {data_, static_cast<std::size_t>(byte_size())};
  }
  /// Returns true if bytes() starts at a multiple of `alignment` bytes. `alignment` must not be 0.
  [[nodiscard]] bool aligned_to(std::size_t alignment) const noexcept {
    return detail::is_aligned(data_, alignment);
  }

  /// Returns the elements in place. Valid while the file object exists.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); foreign_byte_order if Element is
  /// wider than a byte and the host is big-endian; misaligned_data if bytes() does not start at a
  /// multiple of alignof(Element). A tensor without elements has only the first error.
  template <class Element> result<std::span<const Element>> try_as() const;
  /// Returns the raw words of the elements in place, for any dtype that is exactly as wide as Word:
  /// BF16 as std::uint16_t, BOOL as std::uint8_t. Valid while the file object exists.
  /// Errors: dtype_mismatch if dtype() has another width than Word; then as try_as().
  template <standard_unsigned Word> result<std::span<const Word>> try_bits() const;
  /// Copies the elements, from any alignment into host byte order. `to` must not overlap bytes().
  /// Errors: dtype_mismatch if the elements of `to` are not of the type of dtype(); wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <class Buffer> result<void> try_copy_to(Buffer&& to) const;
  /// Copies the raw words, from any alignment into host byte order. `to` must not overlap bytes().
  /// Errors: dtype_mismatch if dtype() has another width than the elements of `to`; wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  result<void> try_copy_bits(Buffer&& to) const;
  /// Copies bytes() unchanged. `to` must not overlap bytes(). Errors: wrong_length if `to` does not
  /// have exactly byte_size() bytes.
  result<void> try_copy_bytes(std::span<std::byte> to) const;
  /// Returns a copy of the elements, in host byte order.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); out_of_memory if the vector
  /// cannot be allocated (without exceptions, the program ends).
  template <class Element> result<std::vector<Element>> try_to_vector() const;
  /// Returns the element of a tensor that has only one, in host byte order.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); wrong_length if there is not
  /// exactly one element.
  template <class Element> result<Element> try_item() const;
  /// Returns a strided view. `ranges` has one range per leading dimension. The other dimensions are
  /// whole. Errors: as tensor_info::try_slice().
  result<slice_view> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// Calls its `try_` twin, and throws safetensors::error if that fails.
  template <class Element> [[nodiscard]] std::span<const Element> as() const {
    return try_as<Element>().value();
  }
  template <standard_unsigned Word> [[nodiscard]] std::span<const Word> bits() const {
    return try_bits<Word>().value();
  }
  template <class Buffer> void copy_to(Buffer&& to) const { try_copy_to(to).value(); }
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  void copy_bits(Buffer&& to) const {
    try_copy_bits(to).value();
  }
  void copy_bytes(std::span<std::byte> to) const { try_copy_bytes(to).value(); }
  template <class Element> [[nodiscard]] std::vector<Element> to_vector() const {
    return try_to_vector<Element>().value();
  }
  template <class Element> [[nodiscard]] Element item() const {
    return try_item<Element>().value();
  }
  [[nodiscard]] slice_view slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::entry_of<tensor_view>;
  tensor_view(const tensor_info& info, const std::byte* first) noexcept
      : tensor_info(info), data_(first) {}
  // Copies `count` elements of checked dtype, whose words have `word_bytes` bytes.
  result<void> copy_words(std::span<std::byte> to, std::size_t count, std::size_t word_bytes) const;
  const std::byte* data_ = nullptr;  // the tensor's first byte
};

namespace detail {

// Connects tensors with the table's records.
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
    return {tensor_door::make(table, entry), data + static_cast<std::size_t>(entry.begin)};
  }
};

//-- used by tensor_view and slice_view; a slice passes the tensor from which it is cut

template <class Element> result<void> expect_element(const tensor_info& tensor) {
  static_assert(
      element<Element>,
      "no dtype has elements of this type: specialise safetensors::dtype_traits for your "
      "own type; bits<std::uint8_t>() reads BOOL, and bits<std::uint16_t>() BF16 and F16");
  static_assert(has_dtype_width<Element>, "dtype_traits must name a dtype of the type's width");
  if (tensor.dtype() == dtype_traits<Element>::value) return {};
  return dtype_failure(tensor, dtype_traits<Element>::value);
}

template <class Word> result<void> expect_width(const tensor_info& tensor) {
  if (static_cast<std::size_t>(bit_width(tensor.dtype())) == 8 * sizeof(Word)) return {};
  return width_failure(tensor, sizeof(Word));
}

// Checks that elements of type Element can be used in place.
template <class Element>
result<void> expect_usable(const tensor_info& tensor, const std::byte* data) {
  constexpr bool is_native = sizeof(Element) == 1 || std::endian::native == std::endian::little;
  if (is_native && is_aligned(data, alignof(Element))) return {};
  return place_failure(tensor, sizeof(Element), alignof(Element));
}

// Returns a span over bytes whose dtype was checked. An empty span needs no alignment.
template <class Element> result<std::span<const Element>> in_place(const tensor_info& tensor,
                                                                   const std::byte* data,
                                                                   std::uint64_t bytes) {
  if (bytes == 0) return std::span<const Element>();
  if (auto usable = expect_usable<Element>(tensor, data); !usable) return std::move(usable).error();
  return std::span<const Element>(reinterpret_cast<const Element*>(data),
                                  static_cast<std::size_t>(bytes) / sizeof(Element));
}

template <class Buffer>
concept contiguous_range = requires(Buffer& buffer) {
  std::size(buffer);
  std::data(buffer);
};

// As expect_source.
template <class Buffer> struct expect_buffer {
  static_assert(!std::is_pointer_v<std::remove_cvref_t<Buffer>>,
                "a pointer has no length: pass std::span(pointer, count)");
  static_assert(!contiguous_range<Buffer> || element_buffer<Buffer> ||
                    std::is_const_v<element_of<Buffer>>,
                "no dtype has elements of this type: specialise safetensors::dtype_traits for your "
                "own type, or fill raw words by copy_bits()");
  static_assert(element_buffer<Buffer>,
                "the buffer is a contiguous range of elements that can be changed, such as a "
                "std::vector<float>, an array or a std::span<float>");
};

template <class Buffer> std::span<std::byte> writable_bytes_of(Buffer& to) noexcept {
  return std::as_writable_bytes(std::span<element_of<Buffer>>(std::data(to), std::size(to)));
}

template <class Element, class View>
result<std::vector<Element>> to_vector(const View& view, const tensor_info& tensor) {
  if (auto same = expect_element<Element>(tensor); !same) return std::move(same).error();
  std::vector<Element> values;
  if (!try_allocating([&] { values.resize(static_cast<std::size_t>(view.element_count())); }))
    return memory_failure(tensor, "a copy of its elements");
  if (auto copied = view.try_copy_to(values); !copied) return std::move(copied).error();
  return values;
}

}  // namespace detail

template <element_buffer Buffer> requires standard_integer<element_of<Buffer>>
result<std::size_t> tensor_info::try_copy_shape(Buffer&& to) const {
  const auto sizes = shape();
  if (std::size(to) < sizes.size()) return detail::rank_failure(*this, std::size(to));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!std::in_range<element_of<Buffer>>(sizes[i])) return detail::dimension_failure(*this, i);
    std::data(to)[i] = static_cast<element_of<Buffer>>(sizes[i]);
  }
  return sizes.size();
}

template <standard_integer Integer> result<std::vector<Integer>> tensor_info::try_shape_as() const {
  std::vector<Integer> sizes;
  if (!detail::try_allocating([&] { sizes.resize(ndim()); }))
    return detail::memory_failure(*this, "a copy of its shape");
  if (auto copied = try_copy_shape(sizes); !copied) return std::move(copied).error();
  return sizes;
}

template <class Element> result<std::span<const Element>> tensor_view::try_as() const {
  if (auto same = detail::expect_element<Element>(*this); !same) return std::move(same).error();
  return detail::in_place<Element>(*this, data_, byte_size());
}

template <standard_unsigned Word> result<std::span<const Word>> tensor_view::try_bits() const {
  if (auto same = detail::expect_width<Word>(*this); !same) return std::move(same).error();
  return detail::in_place<Word>(*this, data_, byte_size());
}

template <class Buffer> result<void> tensor_view::try_copy_to(Buffer&& to) const {
  (void)detail::expect_buffer<Buffer>();
  if (auto same = detail::expect_element<element_of<Buffer>>(*this); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), detail::swap_unit(dtype()));
}

template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
result<void> tensor_view::try_copy_bits(Buffer&& to) const {
  if (auto same = detail::expect_width<element_of<Buffer>>(*this); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), sizeof(element_of<Buffer>));
}

template <class Element> result<std::vector<Element>> tensor_view::try_to_vector() const {
  return detail::to_vector<Element>(*this, *this);
}

template <class Element> result<Element> tensor_view::try_item() const {
  if (auto same = detail::expect_element<Element>(*this); !same) return std::move(same).error();
  if (element_count() != 1) return detail::item_failure(*this);
  Element value{};
  if (auto copied = try_copy_to(std::span(&value, 1)); !copied) return std::move(copied).error();
  return value;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
