// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>
#include <type_traits>
#include <utility>

TEST_CASE("every code has a name and a sentence of its own") {
  std::vector<std::string_view> names, sentences;
  for (int number = 1; number < 1000; ++number) {
    const auto code = static_cast<errc>(number);
    if (name(code) == "unknown") continue;
    names.push_back(name(code));
    sentences.push_back(describe(code));
    CHECK(make_error_code(code).value() == number);
    CHECK(make_error_code(code).message() == describe(code));
    CHECK(describe(code).back() != '.');
  }
  CHECK(names.size() >= 38);  // codes are only added
  for (auto* list : {&names, &sentences}) {
    std::sort(list->begin(), list->end());
    CHECK(std::adjacent_find(list->begin(), list->end()) == list->end());
  }
}

TEST_CASE("the numbers of the codes never change") {
  CHECK(static_cast<int>(errc::header_too_small) == 1);
  CHECK(static_cast<int>(errc::missing_bytes) == 21);
  CHECK(static_cast<int>(errc::tensor_not_found) == 101);
  CHECK(static_cast<int>(errc::shape_mismatch) == 109);
  CHECK(static_cast<int>(errc::read_only) == 110);
  CHECK(static_cast<int>(errc::reserved_name) == 201);
  CHECK(static_cast<int>(errc::invalid_option) == 204);
  CHECK(static_cast<int>(errc::target_changed) == 205);
  CHECK(static_cast<int>(errc::out_of_memory) == 901);
  CHECK(static_cast<int>(errc::io) == 902);
}

TEST_CASE("the guide's table is that of the codes, with their numbers and rules") {
  std::string guide = read_file(source_file("docs/guide.md"));
  std::erase(guide, '\\');  // Markdown's escapes
  const std::size_t begin = guide.find("\n## Error codes\n");
  const std::size_t end = guide.find("\n## ", begin + 1);
  REQUIRE(end != guide.npos);
  std::size_t rows = 0, codes = 0;
  for (std::size_t at = begin; (at = guide.find("\n| `", at + 1)) < end;) ++rows;
  for (std::size_t number = 1, at = begin; number < 1000; ++number) {
    const auto code = static_cast<errc>(number);
    if (name(code) == "unknown") continue;
    std::string row = "\n| `";
    row.append(name(code)).append("` | ").append(std::to_string(number)).append(" | ");
    row.append(describe(code)).append(" | ");
    CAPTURE(row);
    at = guide.find(row, at);
    REQUIRE(at < end);
    ++codes;
  }
  CHECK(rows == codes);
}

TEST_CASE("codes work with std::error_code") {
  const std::error_code code = errc::size_mismatch;
  CHECK(code == errc::size_mismatch);
  CHECK(code != errc::io);
  CHECK(std::error_code(12345, error_category()).message() == "unknown error");
  CHECK(std::string_view(code.category().name()) == "safetensors");
}

TEST_CASE("a message has path, tensor, detail, system's error, byte and advice") {
  const failure everything{.code = errc::io,
                           .system = std::make_error_code(std::errc::no_such_file_or_directory),
                           .offset = 152,
                           .path = "m.safetensors",
                           .tensor = "embed",
                           .detail = "what was found",
                           .advice = "what to do"};
  CHECK(everything.message() == "m.safetensors: tensor \"embed\": what was found: " +
                                    everything.system.message() + " (byte 152); what to do");
  failure unnamed = everything;
  unnamed.tensor = "";
  CHECK(says(unnamed, {"m.safetensors: tensor \"\": what"}));
  unnamed.tensor.reset();
  CHECK(says(unnamed, {"m.safetensors: what was found"}));
  // The rule's sentence is there only where nothing else is.
  CHECK(failure{.code = errc::invalid_json}.message() == "the header must be valid JSON");
  CHECK(failure{.code = errc::header_too_large, .offset = 0}.message() ==
        "the header must not be longer than the limit (byte 0)");
}

TEST_CASE("a message is one safe line, whatever a file holds") {
  const failure hostile{
      .code = errc::unknown_dtype,
      .path = "a\nb",
      .tensor = "\x1b[31m\"red\"\r\n" + std::string(1, '\0') + std::string(5000, 'x'),
      .detail = "\xe2\x80\xae txt\xc2\x9b \"cut...\" C:\\x",
      .advice = "\x1b[31m"};
  const std::string line = hostile.message();
  CHECK(line.size() < 1000);
  CHECK(line.find("tensor \"\\x1b[31m\\\"red\\\"\\x0d\\n\\x00xxx") != line.npos);
  CHECK(line.find("xxx...\": ") != line.npos);  // the name is cut, the sentence is not
  CHECK(line.ends_with("\\u202e txt\\u009b \"cut...\" C:\\x; \\x1b[31m"));
  for (const char c : line) CHECK(static_cast<unsigned char>(c) >= 0x20);
}

TEST_CASE("a result holds a value or a failure") {
  result<std::string> good = std::string("value");
  CHECK(good.has_value());
  CHECK(*good == "value");
  CHECK(good->size() == 5);
  CHECK(*std::move(good) == "value");

  const result<std::string> bad = errc::wrong_length;
  CHECK_FALSE(bad);
  CHECK(bad.error().code == errc::wrong_length);
  CHECK(bad.error().offset == failure::no_offset);

  CHECK(result<void>().has_value());
  CHECK(result<void>(errc::io).error().code == errc::io);
}

TEST_CASE("a result of a temporary is a value, so that it cannot dangle") {
  static_assert(std::is_same_v<decltype(*std::declval<result<header>>()), header>);
  static_assert(std::is_same_v<decltype(*std::declval<result<header>&>()), header&>);
  static_assert(std::is_same_v<decltype(*std::declval<const result<header>&>()), const header&>);
  static_assert(std::is_nothrow_move_constructible_v<header> &&
                std::is_nothrow_move_constructible_v<file>);
  static_assert(!std::is_copy_constructible_v<header> && !std::is_copy_constructible_v<file>);
}

#if defined(__cpp_exceptions)
TEST_CASE("the exception carries the failure, and copying it does not throw") {
  static_assert(std::is_nothrow_copy_constructible_v<error>);
  try {
    (void)result<int>(failure{.code = errc::size_mismatch, .offset = 7, .tensor = "w"}).value();
    FAIL("it must throw");
  } catch (const std::system_error& caught) {
    CHECK(caught.code() == errc::size_mismatch);
    const error copy = dynamic_cast<const error&>(caught);
    CHECK(copy.info().tensor == "w");
    CHECK(copy.info().offset == 7);
    CHECK(std::string_view(copy.what()) == copy.info().message());
    error source = copy;
    const error moved = std::move(source);
    CHECK(source.info().offset == moved.info().offset);
  }
  CHECK_NOTHROW(result<void>().value());
  CHECK_THROWS_AS(result<void>(errc::io).value(), error);
}
#endif

TEST_CASE("a result is followed, transformed, or replaced by another value") {
  static_assert(std::is_same_v<result<int>::error_type, failure>);
  const result<int> four(4), none(errc::io);
  CHECK(four.value_or(5) == 4);
  CHECK(none.value_or(5) == 5);
  CHECK(result<std::string>("a").value_or("b") == "a");
  CHECK(result<std::string>(errc::io).value_or("b") == "b");
  CHECK(result<std::string>(errc::io).value_or({}).empty());
  const auto has_value_or = [](auto of, auto other) { return requires { of.value_or(other); }; };
  CHECK_FALSE(has_value_or(result<std::vector<int>>(errc::io), 5));  // which is no vector

  const auto half = [](int value) { return value / 2.0; };
  static_assert(std::is_same_v<decltype(four.transform(half)), result<double>>);
  CHECK(*four.transform(half) == 2.0);
  CHECK(none.transform(half).error().code == errc::io);
  int seen = 0;
  const result<void> done = four.transform([&](int value) { seen = value; });
  CHECK(done.has_value());
  CHECK(seen == 4);
  CHECK(*done.transform([] { return 7; }) == 7);

  const auto positive = [](int value) {
    return value > 0 ? result<int>(value) : result<int>(errc::does_not_fit);
  };
  CHECK(*four.and_then(positive) == 4);
  CHECK(result<int>(-1).and_then(positive).error().code == errc::does_not_fit);
  CHECK(none.and_then(positive).error().code == errc::io);
  result<int> changed(1);
  CHECK(*changed.and_then([](int& value) { return result<int>(++value); }) == 2);
  CHECK(*changed == 2);
  CHECK(done.and_then([]() -> result<void> { return errc::wrong_order; }).error().code ==
        errc::wrong_order);
}

TEST_CASE("a result that is a temporary gives its value away") {
  using owner = std::unique_ptr<int>;
  const auto taken = [](owner value) { return *value; };
  CHECK(*result<owner>(std::make_unique<int>(1)).transform(taken) == 1);
  CHECK(*result<owner>(std::make_unique<int>(2)).and_then([](owner value) {
    return result<int>(*value);
  }) == 2);
  CHECK(*result<owner>(std::make_unique<int>(3)).value_or(nullptr) == 3);
  CHECK(result<owner>(errc::io).value_or(nullptr) == nullptr);
  failure what{.code = errc::io, .detail = std::string(100, 'x')};
  CHECK(result<owner>(what).transform(taken).error().detail == what.detail);
}

TEST_CASE("codes and failures are printed by streams and formatters") {
  const failure what{.code = errc::io, .path = "m", .detail = "cannot open it"};
  std::ostringstream text;
  text << errc::io << ' ' << what;
  CHECK(text.str() == "io m: cannot open it");
  CHECK(format_as(errc::invalid_offsets) == "invalid_offsets");
  CHECK(format_as(what) == what.message());
}
