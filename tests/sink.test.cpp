// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "writing.hpp"

#include <cstdio>
#include <cstring>
#include <new>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace safetensors;
using namespace testing;

namespace {

// A positional sink: a block of memory, which counts how often it was committed.
struct block_sink {
  std::string* bytes;
  int* commits;
  std::error_code write_at(std::uint64_t offset, std::span<const std::byte> next) {
    std::memcpy(bytes->data() + offset, next.data(), next.size());
    return {};
  }
  result<void> try_commit() { return ++*commits, result<void>(); }
};

}  // namespace

TEST_CASE("sequential sinks take tensors in plan order: a vector, a stream, a FILE, a struct") {
  const std::vector<tensor_data> tensors = model_data();
  const std::string wanted = serialized(tensors);
  const temporary_folder folder;
  const auto write_all = [&](auto sink) {
    auto out = basic_writer<decltype(sink)>::try_start(std::move(sink),
                                                       *write_plan::try_make(specs_of(tensors)));
    REQUIRE(out.has_value());
    const borrowed_file model =
        *borrowed_file::try_from(std::as_bytes(std::span(std::as_const(wanted))));
    for (const tensor_view tensor : model)
      for (const std::byte each : tensor.bytes())
        check_ok(out->try_append(tensor.name(), std::span(&each, 1)));
    check_ok(out->try_finish());
  };

  std::vector<std::byte> bytes;
  write_all(function_sink{[&](auto next) { bytes.insert(bytes.end(), next.begin(), next.end()); }});
  CHECK(std::equal(bytes.begin(), bytes.end(), std::as_bytes(std::span(wanted)).begin(),
                   std::as_bytes(std::span(wanted)).end()));

  std::ostringstream stream;
  write_all(function_sink{[&](std::span<const std::byte> next) {
    return static_cast<bool>(
        stream.write(reinterpret_cast<const char*>(next.data()), std::ssize(next)));
  }});
  CHECK(stream.str() == wanted);

  std::FILE* file = std::fopen((folder / "m").string().c_str(), "wb");
  REQUIRE(file != nullptr);
  write_all(function_sink{[=](std::span<const std::byte> next) {
    return std::fwrite(next.data(), 1, next.size(), file) == next.size();
  }});
  std::fclose(file);
  CHECK(read_file(folder / "m") == wanted);

  std::string text;
  write_all(small_sink{&text, wanted.size()});
  CHECK(text == wanted);
}

TEST_CASE("a positional sink is committed once, when all is written") {
  const std::vector<tensor_data> tensors{{"b", {6}, weights}, {"a", {1}, step}};
  std::string bytes(serialized(tensors).size(), '\0');
  int commits = 0;
  auto out = basic_writer<block_sink>::try_start(block_sink{&bytes, &commits},
                                                 *write_plan::try_make(specs_of(tensors)));
  REQUIRE(out.has_value());
  check_ok(out->try_append("b", weights));
  check_ok(out->try_append("a", step));
  CHECK(commits == 0);
  check_ok(out->try_finish());
  check_ok(out->try_finish());
  CHECK(commits == 1);
  CHECK(bytes == serialized(tensors));
}

TEST_CASE("a positional sink that lacks the last byte is not committed") {
  const std::vector<tensor_data> tensors{{"b", {6}, weights}, {"a", {1}, step}};
  std::string bytes(serialized(tensors).size(), '\0');
  int commits = 0;
  auto out = basic_writer<block_sink>::try_start(block_sink{&bytes, &commits},
                                                 *write_plan::try_make(specs_of(tensors)));
  REQUIRE(out.has_value());
  check_ok(out->try_append("a", step));
  check_ok(out->try_append("b", std::as_bytes(std::span(weights)).first(23)));
  const auto done = out->try_finish();
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::incomplete_write);
  CHECK(done.error().tensor == "b");
  CHECK(commits == 0);
}

TEST_CASE("a sink's error is told with the tensor and the byte of the file") {
  std::string bytes;
  auto plan = *write_plan::try_make({{"a", dtype::f32, {2}}, {"b", dtype::f32, {4}}});
  const std::uint64_t start = plan.header().data_start();
  auto out = basic_writer<small_sink>::try_start(
      small_sink{&bytes, static_cast<std::size_t>(start) + 12}, std::move(plan));
  REQUIRE(out.has_value());
  check_ok(out->try_append("a", std::span(weights).first(2)));
  const auto done = out->try_append("b", std::span(weights).first(4));
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::io);
  CHECK(done.error().system == std::errc::no_space_on_device);
  CHECK(done.error().tensor == "b");
  CHECK(done.error().offset == start + 8);
  CHECK(basic_writer<small_sink>::try_start(small_sink{&bytes, bytes.size() + 7},
                                            *write_plan::try_make({}))
            .error()
            .code == errc::io);
}

#if SAFETENSORS_EXCEPTIONS
TEST_CASE("a sink or a source that throws has failed") {
  const auto plan = [] { return write_plan::make({{"a", dtype::f32, {6}}}); };
  std::string bytes;
  std::size_t room = 1000;
  basic_writer out{function_sink{[&](std::span<const std::byte> next) {
                     if (bytes.size() + next.size() > room) throw std::bad_alloc();
                     bytes.append(next.size(), 'x');
                   }},
                   plan()};
  room = bytes.size() + 10;
  CHECK_THROWS_AS(out.append("a", weights), std::bad_alloc);
  room = 1000;
  CHECK(out.try_append("a", weights).error().code == errc::incomplete_write);
  CHECK(out.try_finish().error().message().find("an exception ended") != std::string::npos);

  basic_writer copy{function_sink{[](std::span<const std::byte>) {}}, plan()};
  const function_source source{
      24, [](std::uint64_t, std::span<std::byte>) -> std::error_code { throw std::bad_alloc(); }};
  CHECK_THROWS_AS(copy.append_from("a", function_source(source), {0, 24}), std::bad_alloc);
  CHECK(copy.try_finish().error().code == errc::incomplete_write);
}
#endif
