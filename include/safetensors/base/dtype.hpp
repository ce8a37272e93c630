// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Element types, and the C++ types that represent them.
#pragma once

#include <safetensors/base/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// Returns the width of one element in bits: 4, 6, 8, 16, 32 or 64. `type` must be an enumerator,
/// here and wherever no error says otherwise.
[[nodiscard]] constexpr int bit_width(dtype type) noexcept;
/// Returns the dtype's place in the reference implementation's order. Canonical files are sorted by
/// it, highest first.
[[nodiscard]] constexpr int write_order(dtype type) noexcept;
/// Returns the spelling in files, such as "BF16". It is NUL-terminated: its data() is a C string.
[[nodiscard]] constexpr std::string_view to_string(dtype type) noexcept;
/// Returns the dtype with exactly this spelling, or nothing. Case matters.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_string(std::string_view text) noexcept;

/// An integer type that holds numbers: not bool, and not a character type.
template <class Type>
concept standard_integer =
    std::integral<Type> && std::same_as<Type, std::remove_cv_t<Type>> &&
    !std::same_as<Type, bool> && !std::same_as<Type, char> && !std::same_as<Type, wchar_t> &&
    !std::same_as<Type, char8_t> && !std::same_as<Type, char16_t> && !std::same_as<Type, char32_t>;

/// An unsigned standard_integer; used for raw words.
template <class Type>
concept standard_unsigned = standard_integer<Type> && std::unsigned_integral<Type>;

/// Maps a C++ element type to its dtype, which must have exactly the same width. Specialise it for
/// your own half or complex type, before its first use:
///
///     template <> struct safetensors::dtype_traits<half> {
///       static constexpr auto value = safetensors::dtype::f16;
///     };
template <class Type> struct dtype_traits {};
/// Maps float to F32.
template <> struct dtype_traits<float> {
  static constexpr dtype value = dtype::f32;  ///< F32
};
/// Maps double to F64.
template <> struct dtype_traits<double> {
  static constexpr dtype value = dtype::f64;  ///< F64
};
/// Maps integers to I8 to I64 and U8 to U64 by their width, so that long and long long both work.
template <standard_integer Type> requires(sizeof(Type) <= 8) struct dtype_traits<Type> {
  /// The integer dtype with the width and the sign of Type.
  static constexpr dtype value =
      sizeof(Type) == 1   ? (std::is_signed_v<Type> ? dtype::i8 : dtype::u8)
      : sizeof(Type) == 2 ? (std::is_signed_v<Type> ? dtype::i16 : dtype::u16)
      : sizeof(Type) == 4 ? (std::is_signed_v<Type> ? dtype::i32 : dtype::u32)
                          : (std::is_signed_v<Type> ? dtype::i64 : dtype::u64);
};

/// A type that tensors can be read as: it has dtype_traits and is trivially copyable.
template <class Type>
concept element = std::is_trivially_copyable_v<Type> && requires {
  { dtype_traits<Type>::value } -> std::convertible_to<dtype>;
};
/// The element type of a contiguous range, such as a vector, an array or a span.
template <class Range> using element_of =
    std::remove_reference_t<decltype(*std::data(std::declval<Range&>()))>;
/// A contiguous range of elements, to be filled.
template <class Range>
concept element_buffer = requires(Range& r) { std::size(r); } && element<element_of<Range>>;

namespace detail {

struct dtype_facts {
  std::string_view name;
  int bits;
};
// Indexed by dtype. The numbers of dtype are also the reference's order so far.
inline constexpr dtype_facts dtypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(std::size(dtypes) == static_cast<std::size_t>(dtype::u64) + 1);

}  // namespace detail

constexpr int bit_width(dtype type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].bits;
}
constexpr int write_order(dtype type) noexcept { return static_cast<int>(type); }
constexpr std::string_view to_string(dtype type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].name;
}

/// Writes to_string(type).
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to, dtype type) {
  return to << to_string(type);
}
/// Returns what {fmt} 10 or later formats: to_string(type). For std::format, include
/// safetensors/format.hpp.
[[nodiscard]] constexpr std::string_view format_as(dtype type) noexcept { return to_string(type); }

constexpr std::optional<dtype> dtype_from_string(std::string_view text) noexcept {
  for (std::size_t i = 0; i < std::size(detail::dtypes); ++i)
    if (detail::dtypes[i].name == text) return static_cast<dtype>(i);
  return std::nullopt;
}

namespace detail {

// Multiplies with a check: on overflow, returns false and leaves `product` unchanged. Two factors
// below 2^32 never overflow, so they need no division.
constexpr bool multiply(std::uint64_t& product, std::uint64_t factor) noexcept {
  if ((product | factor) >> 32 != 0 && factor != 0 &&
      product > (std::numeric_limits<std::uint64_t>::max)() / factor)
    return false;
  product *= factor;
  return true;
}

struct tensor_size {
  errc broken;  // the rule that dtype and shape break, or errc{}
  std::uint64_t elements, bits;
};

// Returns what dtype and shape need. Where a number overflows, it is 0.
template <class Shape> constexpr tensor_size measure(dtype type, const Shape& shape) noexcept {
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (!multiply(elements, shape[i])) return {errc::size_overflow, 0, 0};
  std::uint64_t bits = elements;
  if (!multiply(bits, static_cast<std::uint64_t>(bit_width(type))))
    return {errc::size_overflow, elements, 0};
  return {bits % 8 == 0 ? errc{} : errc::partial_byte, elements, bits};
}

// Returns how many bytes are swapped together. An element of a C64 is two numbers of 4 bytes.
constexpr std::size_t swap_unit(dtype type) noexcept {
  return type == dtype::c64 ? 4 : static_cast<std::size_t>(bit_width(type)) / 8;
}

template <class Type> inline constexpr bool has_dtype_width =
    8 * sizeof(Type) == bit_width(dtype_traits<Type>::value);

}  // namespace detail
}  // namespace safetensors::inline SAFETENSORS_ABI
