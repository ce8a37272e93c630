// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <array>
#include <cfloat>

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
  CHECK(std::size(all) == 22);
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

TEST_CASE("byte_size multiplies with care") {
  static_assert(byte_size(dtype::f32, {2, 3}) == 24);
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  CHECK(byte_size(dtype::f64, {}) == 8);
  CHECK(byte_size(dtype::u8, {0, most, most}) == 0);
  CHECK_FALSE(byte_size(dtype::u8, {most, most, 0}).has_value());
  CHECK_FALSE(byte_size(dtype::u8, {most}).has_value());  // its bits overflow
  CHECK(byte_size(dtype::u8, {most / 8}) == most / 8);
  CHECK(byte_size(dtype::f4, {1, 2}) == 1);
  CHECK_FALSE(byte_size(dtype::f4, {3}).has_value());
  CHECK_FALSE(byte_size(dtype::f4, {}).has_value());
  CHECK(byte_size(dtype::f6_e2m3, {4}) == 3);
  CHECK_FALSE(byte_size(dtype::f6_e3m2, {2}).has_value());
}

TEST_CASE("a shape is given in integers of any type, and negative ones are never valid") {
  const int rows = 2;
  const std::int64_t columns = 3;
  const unsigned char depth = 4;
  CHECK(byte_size(dtype::u8, {rows, columns, depth}) == 24);
  CHECK(byte_size(dtype::u8, std::vector<std::int64_t>{2, 3}) == 6);
  CHECK(byte_size(dtype::u8, std::array<std::uint64_t, 2>{2, 3}) == 6);
  const short plain[] = {5, 5};
  CHECK(byte_size(dtype::u8, plain) == 25);
  CHECK_FALSE(byte_size(dtype::u8, {rows, -1}).has_value());
  CHECK_FALSE(byte_size(dtype::u8, std::vector<int>{-1, -1}).has_value());
}

TEST_CASE("shards cover a dimension in whole granules, the last ones clamped") {
  const auto cut = [](std::uint64_t size, std::uint64_t parts, std::uint64_t granule) {
    std::vector<std::uint64_t> borders;
    std::uint64_t end = 0;
    for (std::uint64_t part = 0; part < parts; ++part) {
      const dim_range range = shard_range(size, part, parts, granule);
      CHECK(range.begin == end);
      end = range.end;
      borders.push_back(end);
    }
    CHECK(end == size);
    return borders;
  };
  using borders = std::vector<std::uint64_t>;
  CHECK(cut(8, 4, 1) == borders{2, 4, 6, 8});
  CHECK(cut(10, 4, 1) == borders{3, 6, 9, 10});
  CHECK(cut(100, 4, 32) == borders{32, 64, 96, 100});
  CHECK(cut(32000, 3, 64) == borders{10688, 21376, 32000});
  CHECK(cut(2, 4, 1) == borders{1, 2, 2, 2});
  CHECK(cut(0, 2, 1) == borders{0, 0});
  constexpr auto most = std::numeric_limits<std::uint64_t>::max() - 1;
  CHECK(cut(most, 2, 1) == borders{most / 2, most});
  CHECK(cut(most, 3, most).back() == most);
  CHECK(shard_range(8, 4, 4).begin == 8);
  CHECK(shard_range(8, std::numeric_limits<std::uint64_t>::max(), 4).end == 8);
  CHECK(shard_range(8, 0, 0).begin == shard_range(8, 0, 0).end);
}
