// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

// Real files of other writers. SAFETENSORS_MODELS names a folder with more of them.

#include <cstring>

namespace {

void read_all_ways(const std::filesystem::path& path) {
  CAPTURE(path.string());
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  const auto read = memory_file::try_open(path);
  REQUIRE(read.has_value());
  const auto head = header::try_open(path);
  REQUIRE(head.has_value());
  const std::string bytes = read_file(path);
  CHECK(head->file_size() == bytes.size());
  std::uint64_t end = 0;
  for (const tensor_view tensor : *mapped) {
    const auto [first, last] = tensor.file_range();
    CHECK(tensor.data_offsets().begin == end);
    end = tensor.data_offsets().end;
    CHECK(last - first == tensor.bytes().size());
    CHECK(std::memcmp(tensor.bytes().data(), bytes.data() + first, tensor.bytes().size()) == 0);
    const auto same = read->find(tensor.name());
    REQUIRE(same.has_value());
    CHECK(std::memcmp(same->bytes().data(), tensor.bytes().data(), tensor.bytes().size()) == 0);
    CHECK(same->aligned_to(tensor.data_offsets().begin % 64 == 0 ? 64 : 1));
    CHECK(head->find(tensor.name())->file_range() == tensor.file_range());
    CHECK(byte_size(tensor.dtype(), tensor.shape()) == tensor.byte_size());
  }
  CHECK(end == head->data_size());
}

}  // namespace

TEST_CASE("committed models are read alike by every way") {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_file("examples/data")))
    if (entry.path().extension() == ".safetensors") read_all_ways(entry.path()), ++found;
  CHECK(found >= 2);
}

TEST_CASE("more models are read alike by every way") {
  const char* folder = std::getenv("SAFETENSORS_MODELS");
  if (folder == nullptr || !std::filesystem::is_directory(folder)) {
    MESSAGE("skipped: SAFETENSORS_MODELS names no folder with models");
    return;
  }
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") read_all_ways(entry.path()), ++found;
  MESSAGE("models read: ", found);
  CHECK(found > 0);
}
