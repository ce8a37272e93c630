// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <cstddef>
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
  const auto mapped = mapped_file::try_open(folder / "empty");
  REQUIRE(mapped.has_value());
  CHECK(mapped->size() == 0);
}

TEST_CASE("copy-on-write bytes can be changed, the file's cannot") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  auto mapped = mapped_file::try_open(folder / "m", map_mode::copy_on_write);
  REQUIRE(mapped.has_value());
  REQUIRE(mapped->writable_bytes().size() == model.size());
  mapped->writable_bytes().back() = std::byte{99};
  const auto changed = file::try_from(*std::move(mapped));
  REQUIRE(changed.has_value());
  CHECK(changed->find("t")->bytes().back() == std::byte{99});
  CHECK(read_file(folder / "m") == model);
  auto plain = mapped_file::try_open(folder / "m");
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
