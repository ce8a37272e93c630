// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace {
const std::string model = make_tensor_file("U8", "[2,3]", 6);
}  // namespace

TEST_CASE("data that is read into memory is aligned, whatever the header's length") {
  for (std::size_t padding = 0; padding < 70; ++padding) {
    const std::string text =
        R"({"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})" + std::string(padding, ' ');
    const temporary_folder folder;
    write_file(folder / "m", make_file(text, 8));
    const auto read = memory_file::try_open(folder / "m");
    REQUIRE(read.has_value());
    CHECK(read->find("t")->aligned_to(64));
  }
}

TEST_CASE("an empty file maps to nothing") {
  const temporary_folder folder;
  write_file(folder / "empty", "");
  const auto mapped = mapped_bytes::try_open(folder / "empty");
  REQUIRE(mapped.has_value());
  CHECK(mapped->size() == 0);
}

TEST_CASE("copy-on-write bytes can be changed, the file's cannot") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  auto mapped = mapped_bytes::try_open(folder / "m", map_mode::copy_on_write);
  REQUIRE(mapped.has_value());
  REQUIRE(mapped->writable_bytes().size() == model.size());
  mapped->writable_bytes().back() = std::byte{99};
  const auto changed = file::try_from(*std::move(mapped));
  REQUIRE(changed.has_value());
  CHECK(changed->find("t")->bytes().back() == std::byte{99});
  CHECK(read_file(folder / "m") == model);
  auto plain = mapped_bytes::try_open(folder / "m");
  CHECK(plain->writable_bytes().empty());
}

namespace {
// Promises more than it holds.
struct short_storage {
  std::vector<char> bytes;
  [[nodiscard]] const char* data() const { return bytes.data(); }
  [[nodiscard]] std::size_t size() const { return bytes.size(); }
  static result<short_storage> try_load(const file_source&, const header&) {
    return short_storage{};
  }
};
}  // namespace

TEST_CASE("a storage that holds less than its source is refused") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  CHECK(basic_file<short_storage>::try_open(folder / "m").error().code == errc::missing_bytes);
}

TEST_CASE("advice about mapped bytes changes no byte") {
  const temporary_folder folder;
  const std::string large = make_tensor_file("U8", "[300000]", 300'000);
  write_file(folder / "m", large);
  for (const access_advice access : {access_advice::normal, access_advice::sequential,
                                     access_advice::will_need, access_advice::populate}) {
    const auto opened = file::try_open(folder / "m", {.access = access});
    REQUIRE(opened.has_value());
    const tensor_view tensor = *opened->find("t");
    const auto same = [&] {
      return std::memcmp(tensor.bytes().data(), large.data() + opened->header().data_start(),
                         300'000) == 0;
    };
    opened->prefetch(tensor);
    opened->prefetch({0, to_end});
    CHECK(same());
    opened->drop(tensor);
    CHECK(same());
    for (const std::uint64_t begin :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4096}, to_end})
      for (const std::uint64_t end : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{8192},
                                      std::uint64_t{299'999}, to_end}) {
        opened->drop({begin, end});
        opened->prefetch({begin, end});
      }
    CHECK(same());
  }
  file().prefetch({0, 1});
  file().drop({0, 1});
  mapped_bytes().drop({0, to_end});
}

#if defined(__linux__)
namespace {
// The bytes of a file's mapping that are in this process's memory.
std::size_t resident(const file& opened) {
  std::ifstream maps("/proc/self/smaps");
  char place[32];
  std::snprintf(
      place, sizeof place, "%lx-",
      static_cast<unsigned long>(reinterpret_cast<std::uintptr_t>(opened.storage().data())));
  constexpr std::string_view field = "Rss:";
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    found = found || line.starts_with(place);
    if (found && line.starts_with(field)) return std::stoul(line.substr(field.size())) * 1024;
  }
  return 0;
}
}  // namespace

TEST_CASE("populate reads all pages, and drop takes out those that hold nothing else") {
  const temporary_folder folder;
  constexpr std::size_t size = 1'000'000;
  write_file(
      folder / "m",
      make_file("{\"a\":{\"dtype\":\"U8\",\"shape\":[500000],\"data_offsets\":[0,500000]},"
                "\"b\":{\"dtype\":\"U8\",\"shape\":[500000],\"data_offsets\":[500000,1000000]}}",
                size));
  const auto opened = file::try_open(folder / "m", {.access = access_advice::populate});
  REQUIRE(opened.has_value());
  CHECK(resident(*opened) >= size);
  opened->drop(*opened->find("a"));
  const std::size_t left = resident(*opened);
  CHECK(left < 520'000);
  CHECK(left >= 500'000);
  opened->drop({0, to_end});
  CHECK(resident(*opened) == 0);
}
#endif

TEST_CASE("what was written to a copy survives drop") {
  const temporary_folder folder;
  write_file(folder / "m", make_tensor_file("U8", "[10000]", 10'000));
  auto opened = file::try_open(folder / "m", {.mode = map_mode::copy_on_write});
  REQUIRE(opened.has_value());
  const auto bytes = opened->try_writable_as<std::uint8_t>("t");
  REQUIRE(bytes.has_value());
  for (std::uint8_t& byte : *bytes) byte = 7;
  opened->drop({0, to_end});
  CHECK(std::ranges::all_of(*bytes, [](std::uint8_t byte) { return byte == 7; }));
}
