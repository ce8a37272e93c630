// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

using namespace safetensors;
using namespace testing;

TEST_CASE("iterators are random-access, and work with the algorithms") {
  using iterator = header::iterator;
  static_assert(std::random_access_iterator<iterator>);
  static_assert(std::random_access_iterator<file::iterator>);
  static_assert(std::random_access_iterator<metadata_view::iterator>);
  static_assert(std::sized_sentinel_for<iterator, iterator>);
  const auto parsed = parse(make_many(100));
  const iterator begin = parsed->begin(), end = parsed->end();
  CHECK(std::distance(begin, end) == 100);
  CHECK(end - begin == 100);
  CHECK(begin[7].name() == "layer.7");
  CHECK((begin + 7)->name() == "layer.7");
  CHECK((*(3 + begin)).name() == "layer.3");
  iterator at = begin;
  CHECK((at++)->name() == "layer.0");
  CHECK((++at)->name() == "layer.2");
  CHECK((at--)->name() == "layer.2");
  CHECK((--at)->name() == "layer.0");
  CHECK((at += 5)->name() == "layer.5");
  CHECK((at -= 4)->name() == "layer.1");
  CHECK(begin < at);
  CHECK(std::count_if(begin, end, [](const tensor_info& tensor) {
          return tensor.name().ends_with('5');
        }) == 10);
  CHECK(std::lower_bound(begin, end, 42u, [](const tensor_info& tensor, std::uint64_t offset) {
          return tensor.data_offsets().begin < offset;
        })->name() == "layer.42");
  const std::vector<tensor_info> copied(begin, end);
  CHECK(copied.size() == 100);
  CHECK(std::make_reverse_iterator(end)->name() == "layer.99");
}
