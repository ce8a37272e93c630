// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

using namespace safetensors;
using namespace testing;

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
