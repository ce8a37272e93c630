// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

// Rules about the length prefix and the file's end.

TEST_CASE("a file has at least 8 bytes") {
  for (std::size_t size = 0; size < 8; ++size) {
    const failure found = failure_of(std::string(size, '\0'));
    CHECK(found.code == errc::header_too_small);
    CHECK(found.offset == 0);
  }
}

TEST_CASE("the header's length is checked against the limit first") {
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff";
  CHECK(code_of(huge) == errc::header_too_large);
  CHECK(code_of("\x01\xe1\xf5\x05" + std::string(4, '\0')) ==
        errc::header_too_large);  // 100,000,001
  CHECK(code_of(std::string("\x00\xe1\xf5\x05", 4) + std::string(4, '\0')) ==
        errc::header_truncated);
  CHECK(code_of(huge, {.max_header_bytes = unknown_size}) == errc::header_too_large);

  const std::string file = make_file("{}");
  CHECK(parse(file, {.max_header_bytes = 2}).has_value());
  CHECK(code_of(file, {.max_header_bytes = 1}) == errc::header_too_large);
}

TEST_CASE("a header of exactly the limit is read") {
  const std::string file = make_file("{}" + std::string(100'000'000 - 2, ' '));
  CHECK(parse(file).has_value());
}

TEST_CASE("the file holds the whole header") {
  std::string file = make_file("{}");
  file.pop_back();
  const failure found = failure_of(file);
  CHECK(found.code == errc::header_truncated);
  CHECK(found.offset == 9);
  CHECK(code_of("\x09" + std::string(7, '\0') + "{}      ") == errc::header_truncated);
}

TEST_CASE("the empty model is valid, with any padding of white space") {
  for (const char* text : {"{}", "{}      ", " {}", "\t\r\n {\n} \t", "{\"__metadata__\":{}}",
                           "{\"__metadata__\":null}"}) {
    const auto parsed = parse(make_file(text));
    REQUIRE(parsed.has_value());
    CHECK(parsed->empty());
    CHECK(parsed->metadata().empty());
    CHECK(parsed->data_start() == 8 + std::string_view(text).size());
    CHECK(parsed->data_size() == 0);
    CHECK(parsed->file_size() == parsed->data_start());
  }
}

TEST_CASE("bytes behind the last tensor are an error that an option forgives") {
  const std::string file = make_tensor_file("U8", "[3]", 3) + "four";
  const failure found = failure_of(file);
  CHECK(found.code == errc::trailing_bytes);
  CHECK(found.offset == file.size() - 4);
  const auto parsed = parse(file, {.allow_trailing_bytes = true});
  REQUIRE(parsed.has_value());
  CHECK(parsed->file_size() == file.size() - 4);
  CHECK(code_of(make_file("{}") + "x") == errc::trailing_bytes);
}

TEST_CASE("a file that was cut short is an error that no option forgives") {
  std::string file = make_tensor_file("U8", "[3]", 3);
  file.pop_back();
  const failure found = failure_of(file);
  CHECK(found.code == errc::missing_bytes);
  CHECK(found.offset == file.size());
  CHECK(code_of(file, {.allow_trailing_bytes = true}) == errc::missing_bytes);
}

TEST_CASE("a file longer than 2^64 bytes cannot be, even if its size is not known") {
  const std::string shape = std::to_string(std::numeric_limits<std::uint64_t>::max() / 8);
  std::string entries = "{";
  std::uint64_t begin = 0;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t end = begin + std::numeric_limits<std::uint64_t>::max() / 8;
    entries += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":{\"dtype\":\"U8\",\"shape\":[" +
               shape + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) +
               "]}";
    begin = end;
  }
  const std::string file = make_file(entries + "}");
  const auto bytes = std::as_bytes(std::span(file));
  CHECK(header::try_parse(bytes, unknown_size).error().code == errc::size_overflow);
  CHECK(header::try_parse(bytes, file.size()).error().code == errc::missing_bytes);
}
