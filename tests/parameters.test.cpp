// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

using namespace safetensors;
using namespace testing;

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

TEST_CASE("ranges of a dimension are compared by all members") {
  static_assert(dim_range(1, 3) == dim_range(1, 3));
  static_assert(dim_range() == dim_range(0, to_end));
  static_assert(dim_range(1, 2) != dim_range(1, 3));
  static_assert(dim_range(1, 2) != pick(1));
  CHECK(std::vector<dim_range>{2}.size() == 2);  // whole dimensions
}
