// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <cstdint>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string_view>

using namespace safetensors;

TEST_CASE("there are 22 dtypes, each with its spelling, width and order") {
  struct facts {
    dtype type;
    std::string_view text;
    int bits;
  };
  constexpr facts all[] = {
      {dtype::boolean, "BOOL", 8},
      {dtype::f4, "F4", 4},
      {dtype::f6_e2m3, "F6_E2M3", 6},
      {dtype::f6_e3m2, "F6_E3M2", 6},
      {dtype::u8, "U8", 8},
      {dtype::i8, "I8", 8},
      {dtype::f8_e5m2, "F8_E5M2", 8},
      {dtype::f8_e4m3, "F8_E4M3", 8},
      {dtype::f8_e8m0, "F8_E8M0", 8},
      {dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
      {dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
      {dtype::i16, "I16", 16},
      {dtype::u16, "U16", 16},
      {dtype::f16, "F16", 16},
      {dtype::bf16, "BF16", 16},
      {dtype::i32, "I32", 32},
      {dtype::u32, "U32", 32},
      {dtype::f32, "F32", 32},
      {dtype::c64, "C64", 64},
      {dtype::f64, "F64", 64},
      {dtype::i64, "I64", 64},
      {dtype::u64, "U64", 64},
  };
  CHECK(std::size(all) == std::size(detail::dtypes));
  for (int i = 0; const facts& each : all) {
    CHECK(to_string(each.type) == each.text);
    CHECK(bit_width(each.type) == each.bits);
    CHECK(write_order(each.type) == i++);
    CHECK(dtype_from_string(each.text) == each.type);
  }
}

TEST_CASE("a dtype is only known by its exact spelling") {
  for (const char* text :
       {"", "u8", "U8 ", " U8", "I4", "C128", "F8_E4M3FN", "bf16", "BOOLEAN", "F", "F320"})
    CHECK_FALSE(dtype_from_string(text).has_value());
  CHECK_FALSE(dtype_from_string(std::string_view("U8\0", 3)).has_value());
}

TEST_CASE("the dtype of a C++ type goes by kind and width") {
  CHECK(dtype_traits<float>::value == dtype::f32);
  CHECK(dtype_traits<double>::value == dtype::f64);
  CHECK(dtype_traits<std::int8_t>::value == dtype::i8);
  CHECK(dtype_traits<std::uint16_t>::value == dtype::u16);
  CHECK(dtype_traits<int>::value == dtype::i32);
  CHECK(dtype_traits<long long>::value == dtype::i64);
  CHECK(dtype_traits<unsigned long long>::value == dtype::u64);
  CHECK(dtype_traits<long>::value == (sizeof(long) == 8 ? dtype::i64 : dtype::i32));
  static_assert(element<float> && element<unsigned char> && element<signed char>);
  static_assert(!element<bool> && !element<char> && !element<std::byte> && !element<char8_t> &&
                !element<const float>);
}

TEST_CASE("the spelling of a dtype is a C string, and is printed") {
  for (int number = 0; number < 22; ++number) {
    const auto type = static_cast<dtype>(number);
    const std::string_view text = to_string(type);
    CHECK(std::strlen(text.data()) == text.size());
    CHECK(format_as(type) == text);
    std::ostringstream out;
    out << type;
    CHECK(out.str() == text);
  }
}
