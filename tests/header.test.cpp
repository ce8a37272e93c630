// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The index as an object. What it rejects is in layout, json and entries.
#include "support.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

using namespace safetensors;
using namespace testing;

TEST_CASE("how many bytes to fetch first is told by the first 8") {
  const std::string file = make_tensor_file("U8", "[3]", 3);
  const auto bytes = std::as_bytes(std::span(file));
  CHECK(*header::try_bytes_needed(bytes.first(8), file.size()) == file.size() - 3);
  CHECK(*header::try_bytes_needed(bytes.first(8), unknown_size) == file.size() - 3);
  CHECK(header::try_bytes_needed(bytes.first(7), file.size()).error().code ==
        errc::header_too_small);
  CHECK(header::try_bytes_needed(bytes.first(8), 20).error().code == errc::header_truncated);
}

TEST_CASE("a header can be parsed without the data, and without knowing the file's size") {
  const std::string file = make_tensor_file("U8", "[3]", 3);
  const auto head = std::as_bytes(std::span(file)).first(file.size() - 3);
  CHECK(header::try_parse(head, file.size()).has_value());
  CHECK((*header::try_parse(head, unknown_size)).file_size() == file.size());
  CHECK(header::try_parse(head, file.size() - 1).error().code == errc::missing_bytes);
  const failure cut = header::try_parse(head.first(head.size() - 1), file.size()).error();
  CHECK(cut.code == errc::header_truncated);
  CHECK(cut.offset == head.size() - 1);
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
  auto parsed = parse(make_many(3));
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
