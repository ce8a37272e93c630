// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace safetensors;
using namespace testing;

TEST_CASE("metadata maps strings to strings, anywhere in the header") {
  for (
      const char* text :
      {R"({"__metadata__":{"b":"2","a":"1","":""},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"b":"2","a":"1","":""}})"}) {
    const auto parsed = parse(make_file(text, 1));
    REQUIRE(parsed.has_value());
    const metadata_view metadata = parsed->metadata();
    CHECK(metadata.size() == 3);
    CHECK(metadata.to_map() == metadata_map{{"", ""}, {"a", "1"}, {"b", "2"}});
    CHECK(metadata.begin()->first == "");
    CHECK(metadata.begin()[2].second == "2");
    CHECK(metadata.find("b") == "2");
    CHECK_FALSE(metadata.find("c").has_value());
  }
}

TEST_CASE("metadata is in the order of its keys' bytes, however much they have in common") {
  std::mt19937 random(1);
  for (const std::size_t longest : {2u, 9u, 40u}) {
    for (const std::string_view letters :
         {std::string_view("ab"), std::string_view("a\0", 2), std::string_view("\x7f\n\0a", 4)}) {
      metadata_map wanted;
      for (int i = 0; i != 500; ++i) {
        std::string key = std::string(random() % 3 * 8, 'a') + (i % 2 == 0 ? "\u00e9" : "");
        for (std::size_t left = random() % longest; left != 0; --left)
          key += letters[random() % letters.size()];
        wanted.emplace(key, std::to_string(i));
      }
      std::vector<std::pair<std::string, std::string>> pairs(wanted.begin(), wanted.end());
      std::shuffle(pairs.begin(), pairs.end(), random);
      std::string text;
      for (const auto& [key, value] : pairs)
        text += (text.empty() ? "" : ",") + nlohmann::json(key).dump() + ":\"" + value + "\"";
      const auto parsed = parse(make_file("{\"__metadata__\":{" + text + "}}"));
      REQUIRE(parsed.has_value());
      CHECK(std::ranges::equal(parsed->metadata(), wanted, {}, {}, [](const auto& pair) {
        return metadata_view::value_type(pair.first, pair.second);
      }));
      // The later one of any two is named.
      const std::string& twin = pairs[random() % pairs.size()].first;
      const std::string again = "," + nlohmann::json(twin).dump() + ":\"\"";
      const failure told = failure_of(make_file("{\"__metadata__\":{" + text + again + "}}"));
      CHECK(told.code == errc::duplicate_metadata_key);
      CHECK(told.offset > 8 + 17 + text.size());
    }
  }
}

TEST_CASE("metadata is a borrowed range, a plain map, and empty by default") {
  static_assert(std::ranges::borrowed_range<metadata_view>);
  static_assert(std::ranges::random_access_range<metadata_view>);
  const auto index = parse(make_file(R"({"__metadata__":{"b":"2","a":"1"}})"));
  REQUIRE(index.has_value());
  const std::map<std::string, std::string> map = index->metadata().to_map();
  CHECK(map == std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}});
  const auto found =
      std::ranges::find(index->metadata(), std::pair<std::string_view, std::string_view>("b", "2"));
  CHECK(found - index->metadata().begin() == 1);

  const metadata_view none;
  CHECK(none.empty());
  CHECK(none.begin() == none.end());
  CHECK_FALSE(none.find("a").has_value());
  CHECK(none.to_map().empty());
}
