// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <algorithm>
#include <random>

using namespace safetensors;
using namespace testing;

#include <iterator>
#include <numeric>
#include <set>

namespace {

std::string many(std::size_t count, std::string_view prefix = "layer.") {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::string(prefix) + std::to_string(i) +
            "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" + std::to_string(i) + "," +
            std::to_string(i + 1) + "]}";
  return make_file(text + "}", count);
}

}  // namespace

TEST_CASE("every name is found, and no other") {
  for (const std::size_t count : {1u, 2u, 3u, 5u, 6u, 100u, 10'000u}) {
    const auto parsed = parse(many(count));
    REQUIRE(parsed.has_value());
    CHECK(parsed->size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "layer." + std::to_string(i);
      const auto found = parsed->find(name);
      REQUIRE(found.has_value());
      CHECK(found->name() == name);
      CHECK(found->data_offsets().begin == i);
    }
    for (const std::string& name : {std::string(), std::string("layer."),
                                    "layer." + std::to_string(count), std::string("Layer.0")}) {
      CHECK_FALSE(parsed->contains(name));
      CHECK_FALSE(parsed->find(name).has_value());
    }
  }
}

TEST_CASE("names that differ in one byte anywhere are distinct, at every length") {
  std::string text = "{";
  std::vector<std::string> names;
  for (std::size_t length = 0; length < 70; ++length)
    for (const char* letters : {"ab", "ba"}) {
      std::string name(length, 'x');
      if (length > 1) name[length / 3] = letters[0], name[length - 1] = letters[1];
      if (!names.empty() && names.back() == name) continue;
      names.push_back(name);
      text += (text.size() == 1 ? "\"" : ",\"") + name +
              "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
    }
  const auto parsed = parse(make_file(text + "}"));
  REQUIRE(parsed.has_value());
  CHECK(parsed->size() == names.size());
  for (const std::string& name : names) CHECK(parsed->find(name)->name() == name);
}

TEST_CASE("a missing tensor is named by the failure") {
  const auto parsed = parse(many(1));
  const auto missing = parsed->try_at("layer.7");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == errc::tensor_not_found);
  CHECK(missing.error().tensor == "layer.7");
#if defined(__cpp_exceptions)
  CHECK_THROWS_WITH_AS((void)parsed->at("layer.7"),
                       "tensor \"layer.7\": the file has no tensor of this name", error);
  CHECK(parsed->at("layer.0").name() == "layer.0");
  CHECK((*parsed)["layer.0"].name() == "layer.0");
#endif
}

TEST_CASE("iterators are random-access, and work with the algorithms") {
  using iterator = header::iterator;
  static_assert(std::random_access_iterator<iterator>);
  static_assert(std::random_access_iterator<file::iterator>);
  static_assert(std::random_access_iterator<metadata_view::iterator>);
  static_assert(std::sized_sentinel_for<iterator, iterator>);
  const auto parsed = parse(many(100));
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

TEST_CASE("names that collide under known keys do not under this process's") {
  const detail::hash_keys known{{1, 0x4242'4242'4242'4242, 3, 4}, {5, 6}};
  std::set<std::uint64_t> with_known, with_ours;
  constexpr std::size_t count = 1000;
  for (std::size_t i = 0; i != count; ++i) {
    // The key hides the first eight bytes, and then every product is zero.
    const std::string name = "BBBBBBBB" + std::to_string(10'000'000 + i);
    with_known.insert(detail::hash_name(name, known));
    with_ours.insert(detail::hash_name(name, detail::process_keys()));
  }
  CHECK(with_known.size() == 1);
  CHECK(with_ours.size() == count);
}

TEST_CASE("views, iterators and metadata survive the header's move") {
  auto parsed = parse(make_file(
      R"({"__metadata__":{"k":"v"},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1));
  const tensor_info tensor = *parsed->find("t");
  const metadata_view metadata = parsed->metadata();
  header moved = *std::move(parsed);
  header again;
  again = std::move(moved);
  CHECK(tensor.name() == "t");
  CHECK(metadata.find("k") == "v");
  CHECK(again.size() == 1);
}

TEST_CASE("an empty and a moved-from header hold nothing") {
  header empty;
  auto parsed = parse(many(3));
  header full = *std::move(parsed);
  const header taken = std::move(full);
  for (const header* each : {&empty, &full}) {  // it is promised
    CHECK(each->size() == 0);
    CHECK(each->empty());
    CHECK(each->begin() == each->end());
    CHECK_FALSE(each->contains("layer.0"));
    CHECK(each->metadata().empty());
    CHECK(each->metadata().begin() == each->metadata().end());
    CHECK_FALSE(each->metadata().find("k").has_value());
    CHECK(each->data_start() == 0);
    CHECK(each->file_size() == 0);
    CHECK(each->try_at("layer.0").error().code == errc::tensor_not_found);
  }
  CHECK(taken.size() == 3);
}

TEST_CASE("matches compares dtype and shape, with wildcards") {
  const auto parsed = parse(make_tensor_file("F32", "[2,3]", 24));
  const tensor_info tensor = *parsed->find("t");
  CHECK(tensor.matches(dtype::f32, {2, 3}));
  CHECK(tensor.matches(dtype::f32, {any_size, 3}));
  CHECK(tensor.matches(dtype::f32, {any_size, any_size}));
  CHECK_FALSE(tensor.matches(dtype::f32, {any_size}));
  CHECK_FALSE(tensor.matches(dtype::f32, {}));
  CHECK_FALSE(tensor.matches(dtype::f32, {3, 2}));
  CHECK_FALSE(tensor.matches(dtype::f16, {2, 3}));
  CHECK_FALSE(tensor.matches(dtype::f32, {-1, 3}));  // no wildcard: NumPy's -1 is not ours
  CHECK(tensor.matches(dtype::f32, std::vector<int>{2, 3}));
  CHECK(tensor.matches(dtype::f32, tensor.shape()));
  const auto scalar = parse(make_tensor_file("F32", "[]", 4));
  CHECK(scalar->find("t")->matches(dtype::f32, {}));
}

TEST_CASE("a tensor that is not as expected is named, with both shapes") {
  const auto parsed = parse(make_tensor_file("F32", "[2,3]", 24));
  const tensor_info tensor = *parsed->find("t");
  CHECK(tensor.try_expect(dtype::f32, {any_size, 3}).has_value());
  CHECK(tensor.try_expect(dtype::bf16, {2, 3}).error().code == errc::dtype_mismatch);
  const failure wrong = tensor.try_expect(dtype::f32, {4, any_size, 3}).error();
  CHECK(wrong.code == errc::shape_mismatch);
  CHECK(wrong.tensor == "t");
  CHECK(says(wrong, {"[2,3], not [4,any,3]"}));
}

TEST_CASE("shapes are given in any integer, never truncated") {
  const auto parsed = parse(make_tensor_file("U8", "[0,300,3]", 0));
  const tensor_info tensor = *parsed->find("t");
  CHECK(*tensor.try_shape_as<int>() == std::vector<int>{0, 300, 3});
  CHECK(*tensor.try_shape_as<std::int64_t>() == std::vector<std::int64_t>{0, 300, 3});
  const failure narrow = tensor.try_shape_as<std::uint8_t>().error();
  CHECK(narrow.code == errc::does_not_fit);
  CHECK(narrow.tensor == "t");
  std::int32_t sizes[4] = {-1, -1, -1, -1};
  CHECK(*tensor.try_copy_shape(sizes) == 3);
  CHECK(sizes[1] == 300);
  CHECK(sizes[3] == -1);
  CHECK(tensor.try_copy_shape(std::span(sizes, 2)).error().code == errc::does_not_fit);
#if defined(__cpp_exceptions)
  CHECK(tensor.shape_as<long>() == std::vector<long>{0, 300, 3});
  CHECK(tensor.copy_shape(sizes) == 3);
  CHECK_THROWS_AS((void)tensor.shape_as<signed char>(), error);
#endif
}

TEST_CASE("tensors in any order in the header, however many, come in the order of their data") {
  for (const std::size_t count : {2u, 255u, 256u, 257u, 5000u}) {
    CAPTURE(count);
    struct entry {
      std::size_t number;
      std::uint64_t begin, end;
    };
    std::vector<entry> entries;
    std::mt19937 random(static_cast<unsigned>(count));
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {  // a third is empty, some are far apart
      const std::uint64_t size = i % 3 == 0 ? 0 : i % 100 == 1 ? 1u << 25 : random() % 5000;
      entries.push_back({i, at, at + size});
      at += size;
    }
    std::shuffle(entries.begin(), entries.end(), random);
    std::string text = "{";
    for (const entry& each : entries)
      text += (text.size() == 1 ? "\"" : ",\"") + std::to_string(each.number) +
              "\":{\"dtype\":\"U8\",\"shape\":[" + std::to_string(each.end - each.begin) +
              "],\"data_offsets\":[" + std::to_string(each.begin) + "," + std::to_string(each.end) +
              "]}";
    const std::string head = make_file(text + "}");
    const auto index = header::try_parse(std::as_bytes(std::span(head)), head.size() + at);
    REQUIRE(index.has_value());
    // By first byte, then by last, then as in the header.
    std::stable_sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    REQUIRE(index->size() == count);
    for (std::size_t i = 0; const tensor_info tensor : *index) {
      const entry& wanted = entries[i++];
      CHECK(tensor.name() == std::to_string(wanted.number));
      CHECK(tensor.data_offsets() == byte_range{wanted.begin, wanted.end});
      const auto found = index->find(tensor.name());
      REQUIRE(found.has_value());
      CHECK(found->data_offsets() == tensor.data_offsets());
    }
  }
}

TEST_CASE("the hash of a name depends on every key") {
  const detail::hash_keys keys{
      {0x0123456789ABCDEF, 0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0}, {}};
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string name(length, 'x');
    for (std::size_t i = 0; i < std::size(keys.key); ++i)
      for (int bit = 0; bit < 64; bit += 9) {
        detail::hash_keys other = keys;
        other.key[i] ^= std::uint64_t{1} << bit;
        CHECK(detail::hash_name(name, other) != detail::hash_name(name, keys));
      }
  }
}

TEST_CASE("names that are much alike have hashes of their own, whatever the keys") {
  std::set<std::string> names{"b" + std::string(7, 'c'), "b" + std::string(8, 'c')};
  for (std::size_t length = 0; length < 100; ++length)
    for (const char filling : {'a', '\0', '\xff'}) {
      const std::string same(length, filling);
      names.insert(same);
      for (std::size_t at = 0; at < length; ++at)
        for (int bit = 0; bit < 8; ++bit) {
          std::string changed = same;
          changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
          names.insert(changed);
        }
    }
  // The length made up for in the byte that it would meet first.
  for (std::size_t n = 16; n < 33; ++n)
    names.insert("12345678" + std::string(1, static_cast<char>('a' ^ (n + 8))) + "bcdefgh" +
                 std::string(n - 8, 'a'));
  std::string letters = "abcdefg";
  do names.insert(letters + "0" + letters);
  while (std::next_permutation(letters.begin(), letters.end()));
  std::mt19937_64 random(1);
  for (int round = 0; round < 3; ++round) {
    const detail::hash_keys keys{{random(), random(), random(), random()}, {}};
    std::set<std::uint64_t> hashes;
    for (const std::string& name : names) hashes.insert(detail::hash_name(name, keys));
    CHECK(hashes.size() == names.size());
  }
}
