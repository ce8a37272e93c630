// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Types of parameters. They borrow until the call returns, so use them for nothing else.
#pragma once

#include <safetensors/base/dtype.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// A span that can also be made of `{a, b, c}`. Borrows the elements until the call returns.
template <class Item> class list_of : public std::span<const Item> {
 public:
  using std::span<const Item>::span;
  constexpr list_of() noexcept = default;  ///< an empty list
  /// Borrows `{a, b, c}` until the call returns.
  constexpr list_of(std::initializer_list<Item> items SAFETENSORS_LIFETIMEBOUND) noexcept
      : std::span<const Item>(std::data(items), items.size()) {}
  /// Borrows the elements of a span, a vector or an array.
  constexpr list_of(std::span<const Item> items) noexcept : std::span<const Item>(items) {}
  /// Does not compile, and says what to write instead.
  template <standard_integer Integer> requires std::same_as<Item, dim_range>
  constexpr list_of(std::initializer_list<Integer>) noexcept {
    static_assert(
        detail::is_never<Integer>,
        "a lone number is not a range: write pick(i) for element i, or {begin, end}, as in "
        "slice({{0, 8}, pick(3)})");
  }
};

/// Matches every size in tensor_info::matches() and tensor_info::try_expect().
inline constexpr std::uint64_t any_size = (std::numeric_limits<std::uint64_t>::max)();
/// Stands for the end of the dimension or of the file, as the end of a range.
inline constexpr std::uint64_t to_end = (std::numeric_limits<std::uint64_t>::max)();
/// Stands for the size of a file whose size is not known: see header.
inline constexpr std::uint64_t unknown_size = (std::numeric_limits<std::uint64_t>::max)();

/// A shape as a parameter. Borrows the sizes until the call returns. It is `{rows, 768, any_size}`
/// with integers of any types, mixed or not, or any contiguous range of integers. A negative number
/// reads as 2^64-1 and makes the shape invalid: it matches no tensor, and byte_size() returns
/// nothing for it.
class shape_ref {
 public:
  /// One size, made of an integer of any type.
  struct dimension {
    std::uint64_t size;  ///< in elements
    bool valid;          ///< false if the integer is negative
    /// Converts any integer.
    template <standard_integer Integer> constexpr dimension(Integer value) noexcept
        : size(std::in_range<std::uint64_t>(value) ? static_cast<std::uint64_t>(value) : any_size),
          valid(std::in_range<std::uint64_t>(value)) {}
  };

  constexpr shape_ref() noexcept = default;  ///< the shape of a scalar
  /// Borrows `{rows, 768}`.
  constexpr shape_ref(std::initializer_list<dimension> list SAFETENSORS_LIFETIMEBOUND) noexcept
      : list_(std::data(list)), size_(list.size()) {
    for (const dimension& each : list) valid_ = valid_ && each.valid;
  }
  /// Borrows a vector, an array or a span of integers.
  template <class Range> requires standard_integer<std::remove_cv_t<element_of<const Range>>>
  constexpr shape_ref(const Range& range SAFETENSORS_LIFETIMEBOUND) noexcept
      : shape_ref(std::span(std::data(range), std::size(range))) {}
  /// Borrows the integers of a span, not the span.
  template <class Integer, std::size_t Extent> requires standard_integer<std::remove_cv_t<Integer>>
  constexpr shape_ref(std::span<Integer, Extent> range) noexcept;

  /// Returns the number of dimensions.
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  /// Returns the size of dimension i in elements. i must be less than size().
  [[nodiscard]] constexpr std::uint64_t operator[](std::size_t i) const noexcept;
  /// Returns true if no size is negative.
  [[nodiscard]] constexpr bool valid() const noexcept { return valid_; }

 private:
  const dimension* list_ = nullptr;
  const std::uint64_t* words_ = nullptr;
  const void* other_ = nullptr;
  std::uint64_t (*get_)(const void*, std::size_t) = nullptr;
  std::size_t size_ = 0;
  bool valid_ = true;
};

/// Returns how many bytes a tensor of this dtype and shape fills. Returns nothing if a size is
/// negative, if the product overflows 64 bits, or if the tensor would end within a byte.
[[nodiscard]] constexpr std::optional<std::uint64_t> byte_size(dtype type,
                                                               shape_ref shape) noexcept;

/// Bytes [begin, end) of a file or of its data section.
struct byte_range {
  std::uint64_t begin = 0;  ///< the first byte
  std::uint64_t end = 0;    ///< the byte after the last one
  /// Returns the number of bytes; 0 if the range ends before it begins.
  [[nodiscard]] constexpr std::uint64_t size() const noexcept {
    return end > begin ? end - begin : 0;
  }
  /// Compares both ends.
  friend constexpr bool operator==(byte_range, byte_range) noexcept = default;
};

/// Elements [begin, end) of a dimension. `{}` is all of it, `{2, 5}` is 2, 3 and 4, and
/// `{2, to_end}` is the rest. A lone `{2}` does not compile: see pick(). As in Python and
/// std::span, begin <= end <= size is valid. Negative numbers never are.
struct dim_range {
  std::uint64_t begin = 0;     ///< the first element
  std::uint64_t end = to_end;  ///< the element after the last one
  /// The range has one element, and its dimension disappears from the slice's shape.
  bool drop = false;

  constexpr dim_range() noexcept = default;  ///< all of the dimension
  /// Selects elements [first, last). The integers may have any types.
  template <standard_integer First, standard_integer Last>
  constexpr dim_range(First first, Last last, bool drop_dimension = false) noexcept
      : drop(drop_dimension) {
    const bool valid = std::in_range<std::uint64_t>(first) && std::in_range<std::uint64_t>(last);
    begin = valid ? static_cast<std::uint64_t>(first) : to_end;
    end = valid ? static_cast<std::uint64_t>(last) : 0;
  }
  /// Compares all members.
  friend constexpr bool operator==(const dim_range&, const dim_range&) noexcept = default;
};

/// Selects only element i. The dimension disappears from the slice's shape.
template <standard_integer Integer> [[nodiscard]] constexpr dim_range pick(Integer i) noexcept {
  const dim_range from(i, to_end);
  return {from.begin, from.begin == to_end ? 0 : from.begin + 1, true};
}

/// Returns part `part`, counted from 0, of `parts` of a dimension of `size` elements, cut at
/// multiples of `granule` elements. Each part has ceil(size / granule / parts) granules, except for
/// the last ones, which have fewer or none. Returns a range without elements if `parts` or
/// `granule` is 0, or if `part` is at least `parts`.
[[nodiscard]] constexpr dim_range shard_range(std::uint64_t size, std::uint64_t part,
                                              std::uint64_t parts,
                                              std::uint64_t granule = 1) noexcept;

template <class Integer, std::size_t Extent> requires standard_integer<std::remove_cv_t<Integer>>
constexpr shape_ref::shape_ref(std::span<Integer, Extent> range) noexcept : size_(range.size()) {
  using integer = std::remove_cv_t<Integer>;
  if constexpr (std::same_as<integer, std::uint64_t>) {
    words_ = range.data();
  } else {
    other_ = range.data();
    get_ = [](const void* data, std::size_t i) {
      return dimension(static_cast<const integer*>(data)[i]).size;
    };
    for (std::size_t i = 0; i < size_; ++i)
      valid_ = valid_ && std::in_range<std::uint64_t>(range[i]);
  }
}

constexpr std::uint64_t shape_ref::operator[](std::size_t i) const noexcept {
  return get_ != nullptr ? get_(other_, i) : list_ != nullptr ? list_[i].size : words_[i];
}

constexpr std::optional<std::uint64_t> byte_size(dtype type, shape_ref shape) noexcept {
  const detail::tensor_size size = detail::measure(type, shape);
  if (!shape.valid() || size.broken != errc{}) return std::nullopt;
  return size.bits / 8;
}

constexpr dim_range shard_range(std::uint64_t size, std::uint64_t part, std::uint64_t parts,
                                std::uint64_t granule) noexcept {
  if (parts == 0 || granule == 0) return {size, size};
  const auto ceil_divide = [](std::uint64_t a, std::uint64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
  };
  const std::uint64_t granules = ceil_divide(size, granule), each = ceil_divide(granules, parts);
  // Without the clamp, the product could overflow.
  const auto end_of = [&](std::uint64_t i) {
    return each == 0 || i >= ceil_divide(granules, each) ? size : i * each * granule;
  };
  return {end_of(part), part == to_end ? size : end_of(part + 1)};
}

}  // namespace safetensors::inline SAFETENSORS_ABI
