// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writing tensor by tensor. (claims.test.cpp: several threads, and a sink that calls its writer.)
#include "writing.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace safetensors;
using namespace testing;
using namespace std::string_literals;

TEST_CASE("C64 is written from pairs of floats and from words of 64 bits") {
  const std::vector<std::uint64_t> pairs{0x400000003F800000};  // 1 + 2i
  const std::string bytes = serialized({{"c", dtype::c64, {1}, pairs}});
  CHECK(bytes.ends_with("\x00\x00\x80\x3F\x00\x00\x00\x40"s));
  std::string appended;
  auto out = basic_writer<small_sink>::try_start(small_sink{&appended, 1000},
                                                 *write_plan::try_make({{"c", dtype::c64, {1}}}));
  REQUIRE(out.has_value());
  check_ok(out->try_append_bits("c", pairs));
  check_ok(out->try_finish());
  CHECK(appended == bytes);
}

TEST_CASE("tensors are appended in any order and in pieces of any size to a file") {
  const temporary_folder folder;
  const auto path = folder / "model.safetensors";
  auto plan = write_plan::try_make(specs_of(model_data()), {.metadata = {{"format", "pt"}}});
  REQUIRE(plan.has_value());
  auto out = writer::try_create(path, *std::move(plan));
  REQUIRE(out.has_value());
  check_ok(out->try_append("weight", std::span(weights).first(1)));
  CHECK(out->try_remaining("weight").value_or(0) == 20);
  CHECK(out->try_remaining("none").value_or(0) == 0);
  CHECK_FALSE(out->try_remaining("unknown").has_value());
  check_ok(out->try_append_bits("half", words));
  check_ok(out->try_append("flags", std::as_bytes(std::span(flags))));
  check_ok(out->try_append("weight", std::span(weights).subspan(1, 0)));
  check_ok(out->try_append("weight", std::span(weights).subspan(1)));
  check_ok(out->try_append("step", step));
  CHECK_FALSE(std::filesystem::exists(path));
  check_ok(out->try_finish());
  check_ok(out->try_finish());
  CHECK(read_file(path) == serialized(model_data(), {.metadata = {{"format", "pt"}}}));
}

TEST_CASE("wrong appends are errors that name the tensor, and the first one sticks") {
  const auto start = [](std::string& bytes) {
    auto out = basic_writer<small_sink>::try_start(
        small_sink{&bytes, 1000},
        *write_plan::try_make({{"a", dtype::f32, {2}}, {"b", dtype::f32, {1}}}));
    REQUIRE(out.has_value());
    return *std::move(out);
  };
  const std::vector<float> three{1, 2, 3};
  const std::vector<double> doubles{1};
  const auto check_sticks = [](auto& out, const result<void>& done, errc code,
                               std::string_view tensor) {
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == code);
    CHECK(done.error().tensor == tensor);
    const auto later = out.try_append("a", std::span<const float>());
    REQUIRE_FALSE(later.has_value());
    CHECK(later.error().message() == done.error().message());
    CHECK(out.try_finish().error().code == code);
  };
  std::string bytes;
  auto out = start(bytes);
  check_sticks(out, out.try_append("c", three), errc::tensor_not_found, "c");
  out = start(bytes = "");
  check_sticks(out, out.try_append("a", three), errc::wrong_length, "a");
  out = start(bytes = "");
  check_sticks(out, out.try_append("a", doubles), errc::dtype_mismatch, "a");
  out = start(bytes = "");
  check_sticks(out, out.try_append_bits("a", words), errc::dtype_mismatch, "a");
  out = start(bytes = "");
  const auto early = out.try_append("b", std::span(three).first(1));
  CHECK(says(early.error(), {"tensor \"b\"", "of \"a\" come first"}));
  check_sticks(out, early, errc::wrong_order, "b");
  out = start(bytes = "");
  check_ok(out.try_append("a", std::span(three).first(1)));
  check_sticks(out, out.try_finish(), errc::incomplete_write, "a");
}

TEST_CASE("a finished writer and one that was moved from take nothing more") {
  std::string bytes;
  auto out = basic_writer<small_sink>::try_start(small_sink{&bytes, 1000},
                                                 *write_plan::try_make({{"a", dtype::f32, {6}}}));
  REQUIRE(out.has_value());
  basic_writer<small_sink> moved = *std::move(out);
  CHECK(out->try_append("a", weights).error().code == errc::wrong_order);
  CHECK(out->try_finish().error().code == errc::wrong_order);
  check_ok(moved.try_append("a", weights));
  check_ok(moved.try_finish());
  CHECK(moved.try_append("a", std::span<const float>()).error().code == errc::wrong_order);
}

TEST_CASE("tensors are copied from sources, by name and across tensors") {
  const temporary_folder folder;
  const std::string bytes = serialized(model_data());
  write_file(folder / "in", bytes);
  const auto source = file_source::try_open(folder / "in");
  REQUIRE(source.has_value());
  const auto index = header::try_read(*source);
  REQUIRE(index.has_value());
  const std::vector<tensor_spec> specs(index->begin(), index->end());

  auto out = writer::try_create(folder / "by name", *write_plan::try_make(specs));
  REQUIRE(out.has_value());
  for (const tensor_info tensor : *index)
    check_ok(out->try_append_from(tensor.name(), *source, tensor.file_range()));
  check_ok(out->try_finish());
  CHECK(read_file(folder / "by name") == bytes);

  out = writer::try_create(folder / "across", *write_plan::try_make(specs));
  REQUIRE(out.has_value());
  const std::uint64_t begin = index->data_start(), end = index->file_size();
  check_ok(out->try_append_from(*source, {begin, begin + 5}));
  check_ok(out->try_append_from(*source, {begin + 5, end}));
  check_ok(out->try_append_from(*source, {end, end}));
  check_ok(out->try_finish());
  CHECK(read_file(folder / "across") == bytes);

  std::string copy;
  auto to_sink = basic_writer<small_sink>::try_start(small_sink{&copy, bytes.size()},
                                                     *write_plan::try_make(specs));
  REQUIRE(to_sink.has_value());
  function_source memory{bytes.size(), [&](std::uint64_t at, std::span<std::byte> to) {
                           std::memcpy(to.data(), bytes.data() + at, to.size());
                           return std::error_code();
                         }};
  check_ok(to_sink->try_append_from(memory, {begin, end}));
  check_ok(to_sink->try_finish());
  CHECK(copy == bytes);
}

TEST_CASE("a source that cannot be read is told by its own path and byte") {
  struct broken_source {
    [[nodiscard]] std::uint64_t size() const { return 100; }
    [[nodiscard]] const char* path() const { return "its path"; }
    std::error_code read_at(std::uint64_t, std::span<std::byte>) {
      return std::make_error_code(std::errc::connection_reset);
    }
  };
  const temporary_folder folder;
  auto out = writer::try_create(folder / "out", *write_plan::try_make({{"a", dtype::u8, {8}}}));
  REQUIRE(out.has_value());
  const auto done = out->try_append_from("a", broken_source(), {20, 28});
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::io);
  CHECK(done.error().system == std::errc::connection_reset);
  CHECK(done.error().path == "its path");
  CHECK(done.error().offset == 20);
  CHECK(out->try_finish().error().message() == done.error().message());
  CHECK(header::try_read(broken_source()).error().path == "its path");
}

TEST_CASE("a source that ends early, or holds more than is missing, is an error") {
  const temporary_folder folder;
  write_file(folder / "in", "0123456789");
  const auto source = file_source::try_open(folder / "in");
  const auto start = [&] {
    return *writer::try_create(
        folder / "out", *write_plan::try_make({{"a", dtype::u8, {8}}, {"b", dtype::u8, {8}}}));
  };
  auto out = start();
  CHECK(out.try_append_from("a", *source, {4, 12}).error().code == errc::missing_bytes);
  out = start();
  CHECK(out.try_append_from("a", *source, {0, 9}).error().code == errc::wrong_length);
  out = start();
  check_ok(out.try_append_from(*source, {0, 9}));
  CHECK(out.try_remaining("b").value_or(0) == 7);
  CHECK(out.try_append_from(*source, {0, 8}).error().code == errc::wrong_length);
  out = start();
  check_ok(out.try_append_from("b", *source, {0, 1}));
  const auto mixed = out.try_append_from(*source, {0, 9});
  CHECK(mixed.error().code == errc::wrong_order);
  CHECK(mixed.error().tensor == "b");
  CHECK(files_in(folder / "") == 2);  // the last of them is still being written
}

TEST_CASE("a writer destroyed before it is finished leaves nothing, and the old file as it was") {
  const temporary_folder folder;
  for (const bool atomic : {true, false}) {
    {
      auto out = writer::try_create(folder / "new", *write_plan::try_make({{"a", dtype::u8, {6}}}),
                                    {.atomic = atomic});
      REQUIRE(out.has_value());
      CHECK(files_in(folder / "") == 1);
    }
    CHECK(files_in(folder / "") == 0);
  }
  write_file(folder / "old", "old");
  {
    auto out = writer::try_create(folder / "old", *write_plan::try_make({{"a", dtype::u8, {6}}}));
  }
  CHECK(read_file(folder / "old") == "old");
  CHECK(files_in(folder / "") == 1);
  {
    auto out = writer::try_create(folder / "old", *write_plan::try_make({{"a", dtype::u8, {6}}}));
    REQUIRE(out.has_value());
    out = writer::try_create(folder / "other", *write_plan::try_make({}));
    check_ok(out->try_finish());
  }
  CHECK(files_in(folder / "") == 2);
}

#if SAFETENSORS_EXCEPTIONS
TEST_CASE("the throwing functions do what the others do, and throw their failures") {
  const temporary_folder folder;
  const auto path = folder / "m";
  const auto code = [](auto&& call) {
    try {
      call();
    } catch (const error& thrown) {
      return thrown.info().code;
    }
    return errc{};
  };
  const std::string wanted = serialized({{"w", {2, 3}, weights}, {"h", dtype::bf16, {3}, words}});
  const std::vector<tensor_spec> specs{{"w", dtype::f32, {2, 3}}, {"h", dtype::bf16, {3}}};

  save(path, {{"w", {2, 3}, weights}, {"h", dtype::bf16, {3}, words}});
  CHECK(read_file(path) == wanted);
  CHECK(serialize({{"w", {2, 3}, weights}, {"h", dtype::bf16, {3}, words}}).size() ==
        wanted.size());
  CHECK(code([&] { save(path, {{"w", {2}, weights}}); }) == errc::size_mismatch);
  CHECK(code([&] { (void)serialize({{"w", {2}, weights}}); }) == errc::size_mismatch);

  writer out(path, write_plan::make(specs));
  out.append("w", std::span(weights).first(2));
  const auto in_file = std::as_bytes(std::span(wanted)).last(24 + 6).first(24);
  out.append("w", in_file.subspan(8));
  out.append_bits("h", words);
  out.finish();
  CHECK(read_file(path) == wanted);

  const file_source source(path);
  const header index = header::read(source);
  std::vector<std::byte> bytes;
  basic_writer copy{
      function_sink{[&](auto next) { bytes.insert(bytes.end(), next.begin(), next.end()); }},
      write_plan::make(specs)};
  copy.append_from("w", source, index["w"].file_range());
  copy.append_from(source, index["h"].file_range());
  copy.finish();
  CHECK(std::ranges::equal(bytes, std::as_bytes(std::span(wanted))));
  CHECK(code([&] { copy.append("w", weights); }) == errc::wrong_order);
  CHECK(code([&] { copy.append("w", in_file); }) == errc::wrong_order);
  CHECK(code([&] { copy.append_bits("h", words); }) == errc::wrong_order);
  CHECK(code([&] { copy.append_from("w", source, {}); }) == errc::wrong_order);
  CHECK(code([&] { copy.append_from(source, {}); }) == errc::wrong_order);
  CHECK(code([&] { copy.finish(); }) == errc::wrong_order);

  file_sink file(folder / "out", 3);
  CHECK_FALSE(file.write_at(0, std::as_bytes(std::span("abc", 3))));
  file.commit();
  CHECK(read_file(folder / "out") == "abc");
  CHECK(code([&] { file_sink(folder / "missing" / "m", 3); }) == errc::io);
}
#endif

TEST_CASE("what remains of a tensor that is not planned is an error, which does not stick") {
  const temporary_folder folder;
  auto out = writer::try_create(folder / "m", *write_plan::try_make({{"w", dtype::f32, {6}}}));
  REQUIRE(out.has_value());
  const failure found = out->try_remaining("x").error();
  CHECK(found.code == errc::tensor_not_found);
  CHECK(found.tensor == "x");
  CHECK(says(found, {"/m: ", "\"x\""}));
#if defined(__cpp_exceptions)
  CHECK(out->remaining("w") == 24);
  CHECK_THROWS_AS((void)out->remaining("x"), error);
#endif
  check_ok(out->try_append("w", weights));
  CHECK(*out->try_remaining("w") == 0);
  check_ok(out->try_finish());
}

TEST_CASE("bytes are appended from ranges of any 1-byte type that is no element") {
  enum class raw : unsigned char { one = 1 };
  std::string bytes;
  auto out = basic_writer<small_sink>::try_start(small_sink{&bytes, 1000},
                                                 *write_plan::try_make({{"w", dtype::f32, {4}}}));
  REQUIRE(out.has_value());
  check_ok(out->try_append("w", std::vector<std::byte>(3)));
  check_ok(out->try_append("w", std::string("abcd")));
  check_ok(out->try_append("w", std::array{true, false}));
  check_ok(out->try_append("w", std::vector{raw::one, raw::one}));
  const char letters[] = {'x', 'y', 'z', 'u'};
  check_ok(out->try_append("w", letters));
  check_ok(out->try_append("w", std::as_bytes(std::span(letters)).first(1)));
  check_ok(out->try_finish());
  CHECK(bytes.ends_with(std::string("\0\0\0abcd\1\0\1\1xyzux", 16)));
}
