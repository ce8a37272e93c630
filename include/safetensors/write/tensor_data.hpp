// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
/// @file
/// Tensors that are to be written: what they are, and where their bytes are.
#pragma once

#include <safetensors/base/dtype.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/detail/block.hpp>
#include <safetensors/read/metadata.hpp>
#include <safetensors/read/tensor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
SAFETENSORS_DECL bool has_negative_size(const tensor_spec& spec) noexcept;
}  // namespace detail

/// A contiguous range of elements that can be read: a vector of float, an array, a span.
template <class Range>
concept element_range = requires(const Range& range) {
  std::size(range);
  requires element<std::remove_cv_t<element_of<const Range>>>;
};
/// A contiguous range of raw words: unsigned integers, 2 bytes wide for BF16 and F16.
template <class Range>
concept word_range = requires(const Range& range) {
  std::size(range);
  requires standard_unsigned<std::remove_cv_t<element_of<const Range>>>;
};
/// A contiguous range of any 1-byte type: std::byte, char, bool, unsigned char.
template <class Range>
concept raw_range = requires(const Range& range) {
  std::size(range);
  requires sizeof(element_of<const Range>) == 1;
  requires std::is_trivially_copyable_v<element_of<const Range>>;
};
/// A range whose elements exist after the expression: a variable, or a span over one. A temporary
/// vector is not one.
template <class Range>
concept lasting_range = std::is_lvalue_reference_v<Range> ||
                        std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>;

namespace detail {

template <class Range> constexpr void explain_data() noexcept {
  constexpr bool is_raw = raw_range<Range>;
  if constexpr (std::is_pointer_v<std::remove_cvref_t<Range>>)
    static_assert(is_never<Range>, "a pointer has no length: pass std::span(pointer, count)");
  else if constexpr (!lasting_range<Range> && (is_raw || element_range<Range>))
    static_assert(is_never<Range>,
                  "the bytes of a temporary are gone when they are written: keep it in a variable, "
                  "and pass that");
  else if constexpr (is_raw)
    static_assert(is_never<Range>, "bytes need a dtype: {name, dtype::bf16, {2, 3}, bytes}");
  else
    static_assert(
        is_never<Range>,
        "no dtype has elements of this type: specialise safetensors::dtype_traits for your "
        "own type, or pass a dtype with raw words: {name, dtype::bf16, {2, 3}, words}");
}

}  // namespace detail

/// Describes a tensor without its bytes.
struct tensor_spec {
  std::string name{};                  ///< UTF-8; anything but "__metadata__"
  safetensors::dtype dtype{};          ///< the type of its elements
  std::vector<std::uint64_t> shape{};  ///< in elements, slowest dimension first; empty for a scalar

  tensor_spec() = default;  ///< Makes a description whose members are set afterwards.
  /// Copies name and shape: `{"w", dtype::f32, {rows, 768}}`. A negative size is kept as 2^64-1. A
  /// plan rejects the tensor as invalid_shape until the shape is changed.
  tensor_spec(std::string_view name, safetensors::dtype dtype, shape_ref shape);
  tensor_spec(const tensor_info& tensor);  ///< Describes a tensor that was read.

  /// Compares name, dtype and shape.
  friend bool operator==(const tensor_spec& a, const tensor_spec& b) {
    return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape;
  }

 private:
  friend bool detail::has_negative_size(const tensor_spec& spec) noexcept;
  bool given_negative_size_ = false;  // counts only while the shape holds such a size, 2^64-1
};

/// Describes a tensor and says where its bytes are. Owns the name and the shape. Borrows the bytes,
/// which must exist until the tensor is written; a temporary range does not compile.
struct tensor_data : tensor_spec {
  std::span<const std::byte> bytes{};  ///< all elements, row-major
  /// Width in bytes of the words in `bytes`, which have the machine's byte order. They are written
  /// little-endian. 1 if the bytes are as in a file.
  std::size_t word_bytes = 1;
  /// The dtype of the elements in `bytes`, if it is known. It must be equal to `dtype`, unless
  /// word_bytes is 1.
  std::optional<safetensors::dtype> elements{};

  /// Deleted, because bytes would be compared by their place or by their values.
  friend bool operator==(const tensor_data&, const tensor_data&) = delete;

  /// Borrows the bytes of a tensor that was read.
  tensor_data(const tensor_view& tensor);
  /// Borrows elements and takes their dtype: `{"w", {rows, 768}, weights}`.
  template <class Range> requires lasting_range<Range> && element_range<Range>
  tensor_data(std::string_view tensor_name, shape_ref sizes, Range&& values)
      : tensor_spec(tensor_name, dtype_traits<std::remove_cv_t<element_of<Range>>>::value, sizes),
        bytes(std::as_bytes(std::span(std::data(values), std::size(values)))),
        word_bytes(detail::swap_unit(dtype)),
        elements(dtype) {
    static_assert(detail::has_dtype_width<std::remove_cv_t<element_of<Range>>>,
                  "dtype_traits must name a dtype of the type's width");
  }
  /// Borrows bytes as in a file, of any dtype: `{"w", dtype::f4, {2, 32}, bytes}`.
  template <class Range> requires lasting_range<Range> && raw_range<Range>
  tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes, Range&& raw)
      : tensor_spec(tensor_name, type, sizes),
        bytes(std::as_bytes(std::span(std::data(raw), std::size(raw)))) {}
  /// Borrows raw words that are as wide as an element: `{"w", dtype::bf16, {rows, 768}, words}`.
  template <class Range> requires(lasting_range<Range> && word_range<Range> && !raw_range<Range>)
  tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes, Range&& words)
      : tensor_spec(tensor_name, type, sizes),
        bytes(std::as_bytes(std::span(std::data(words), std::size(words)))),
        word_bytes(sizeof(element_of<Range>)) {}
  ///@{
  /// Does not compile, and says what to pass instead.
  template <class Range> requires(!lasting_range<Range> || !element_range<Range>)
  tensor_data(std::string_view, shape_ref, Range&&) {
    detail::explain_data<Range>();
  }
  template <class Range>
  requires(!lasting_range<Range> || (!element_range<Range> && !raw_range<Range>))
  tensor_data(std::string_view, safetensors::dtype, shape_ref, Range&&) {
    detail::explain_data<Range>();
  }
  ///@}
  /// Borrows elements, which must have this dtype.
  template <class Range>
  requires(lasting_range<Range> && element_range<Range> && !word_range<Range> && !raw_range<Range>)
  tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes,
              Range&& values)
      : tensor_data(tensor_name, sizes, values) {
    dtype = type;
  }
};

namespace detail {
template <class Range, class Item>
concept range_of = requires(Range& range) {
  std::end(range);
  { *std::begin(range) } -> std::convertible_to<Item>;
};
}  // namespace detail

/// Tensors as a parameter; Item is tensor_spec or tensor_data. It is made of `{a, b, c}`, or of any
/// range of what converts to Item: a file, a header, a vector, a filtered view of one. Borrows
/// until the call returns. Copies descriptions that are not Items, but never the bytes of tensors.
///
/// A file or a header brings its metadata along. A view of one has none: pass
/// `model.metadata().to_map()` as layout_options::metadata.
template <class Item> class tensor_list {
 public:
  tensor_list() noexcept = default;  ///< an empty list
  /// Borrows `{a, b, c}`.
  tensor_list(std::initializer_list<Item> items SAFETENSORS_LIFETIMEBOUND) noexcept
      : items_(std::data(items), items.size()) {}
  /// Borrows the Items of a contiguous range. Else makes an Item of each element of the range.
  /// Borrows the metadata_view of a range that has one, such as a file.
  template <detail::range_of<Item> Range> tensor_list(Range&& tensors SAFETENSORS_LIFETIMEBOUND) {
    if constexpr (std::convertible_to<Range&, std::span<const Item>>)
      items_ = tensors;
    else
      copy(tensors);
    if constexpr (requires { metadata_view(tensors.metadata()); }) metadata_ = tensors.metadata();
  }
  tensor_list(const tensor_list&) = delete;
  tensor_list& operator=(const tensor_list&) = delete;
  ~tensor_list() = default;

  /// Returns the tensors. Valid while this object exists.
  [[nodiscard]] std::span<const Item> items() const noexcept { return items_; }
  /// Returns the metadata of the file or header that this was made of, or none.
  [[nodiscard]] metadata_view metadata() const noexcept { return metadata_; }
  /// Returns false if the tensors could not be copied, because memory could not be allocated.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

 private:
  template <class Range> void copy(Range& tensors) {
    complete_ = detail::try_allocating([&] {
      if constexpr (requires { std::size(tensors); })
        copied_.reserve(static_cast<std::size_t>(std::size(tensors)));
      for (auto&& tensor : tensors) copied_.push_back(Item(std::forward<decltype(tensor)>(tensor)));
    });
    items_ = copied_;
  }
  std::vector<Item> copied_{};
  std::span<const Item> items_{};
  metadata_view metadata_{};
  bool complete_ = true;
};

}  // namespace safetensors::inline SAFETENSORS_ABI
