// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#ifndef _WIN32
#include <fcntl.h>
#endif

namespace {

const std::string model = make_tensor_file("U8", "[2,3]", 6);

// What a framework's own reader looks like; counts what is asked of it.
struct counting_source {
  std::string bytes;
  std::uint64_t told_size;
  std::size_t calls = 0;
  std::uint64_t furthest = 0;
  [[nodiscard]] std::uint64_t size() const { return told_size; }
  std::error_code read_at(std::uint64_t at, std::span<std::byte> to) {
    ++calls;
    furthest = std::max<std::uint64_t>(furthest, at + to.size());
    if (at + to.size() > bytes.size()) return std::make_error_code(std::errc::io_error);
    std::memcpy(to.data(), bytes.data() + at, to.size());
    return {};
  }
};

std::string long_header(std::size_t bytes) {
  const std::string text = R"({"t":{"dtype":"U8","shape":[2,3],"data_offsets":[0,6]}})";
  return make_file(text + std::string(bytes - text.size(), ' '), 6);
}

}  // namespace

TEST_CASE("a header is read from any source, in two reads at most, and no data with it") {
  counting_source small{model, model.size()};
  CHECK(header::try_read(small).has_value());
  CHECK(small.calls == 1);
  counting_source large{long_header(100'000), 100'014};
  const auto parsed = header::try_read(large);
  REQUIRE(parsed.has_value());
  CHECK(parsed->contains("t"));
  CHECK(large.calls == 2);
  CHECK(large.furthest == 100'008);
}

TEST_CASE("a source that does not know its size is read in steps, and its end is not judged") {
  for (const std::size_t length : {100u, 4096u, 5000u, 1'000'000u}) {
    counting_source source{long_header(length), unknown_size};
    const auto parsed = header::try_read(source);
    REQUIRE(parsed.has_value());
    CHECK(parsed->file_size() == source.bytes.size());
    CHECK(source.furthest == 8 + length);
  }
  counting_source lying{"\xff\xff\xf0\x05" + std::string(4, '\0') + "{}", unknown_size};
  CHECK(header::try_read(lying).error().code == errc::io);
  CHECK(lying.furthest < 10'000);
  counting_source source{model, unknown_size};
  const failure found = memory_file::try_read(source).error();
  CHECK(found.code == errc::missing_bytes);
  CHECK(says(found, {"no size"}));
}

TEST_CASE("a source's error is passed on") {
  counting_source broken{model.substr(0, 20), model.size()};
  const failure found = header::try_read(broken).error();
  CHECK(found.code == errc::io);
  CHECK(found.system == std::errc::io_error);
  auto ours = function_source{
      model.size(),
      [](std::uint64_t, std::span<std::byte>) -> std::error_code { return errc::missing_bytes; }};
  CHECK(header::try_read(ours).error().code == errc::missing_bytes);
  auto memory = function_source{model.size(), [](std::uint64_t, std::span<std::byte>) {
                                  return std::make_error_code(std::errc::not_enough_memory);
                                }};
  CHECK(header::try_read(memory).error().code == errc::out_of_memory);
}

TEST_CASE("a source that fails once its header was read fails the whole file") {
  for (const std::errc reason : {std::errc::io_error, std::errc::not_enough_memory}) {
    std::size_t calls = 0;
    auto source = function_source{
        model.size(), [&](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
          if (++calls > 1) return std::make_error_code(reason);
          std::memcpy(to.data(), model.data() + at, to.size());
          return {};
        }};
    const failure found = memory_file::try_read(source).error();
    CHECK(calls == 2);
    CHECK(found.code == (reason == std::errc::io_error ? errc::io : errc::out_of_memory));
    CHECK(found.system == reason);
  }
}

TEST_CASE("a source larger than any memory is out of memory once its header was read") {
  for (const std::uint64_t size : {unknown_size - 1, unknown_size - 100, unknown_size / 2}) {
    counting_source source{model, size};
    const read_options trailing{.allow_trailing_bytes = true};
    source.bytes.resize(4096);
    CHECK(memory_file::try_read(source, trailing).error().code == errc::out_of_memory);
    CHECK(source.calls == 1);
  }
}

TEST_CASE("no size of a source wraps around to little memory") {
  constexpr std::uint64_t addresses = (std::numeric_limits<std::size_t>::max)();
  std::size_t refused = 0;
  for (std::size_t letters = 1; letters <= 64; ++letters)  // the data starts at every alignment
    for (std::uint64_t less = 1; less <= 200; ++less) {
      const std::string file = make_tensor_file("U8", "[2,3]", 6, std::string(letters, 't'));
      counting_source source{file + std::string(4096, '\0'), addresses - less};
      const auto read = memory_file::try_read(source, {.allow_trailing_bytes = true});
      refused += !read && read.error().code == errc::out_of_memory ? 1u : 0u;
    }
  CHECK(refused == 64 * 200);
}

TEST_CASE("a lambda, a vector and a FILE are sources in a line each") {
  const std::vector<std::byte> vector(
      reinterpret_cast<const std::byte*>(model.data()),
      reinterpret_cast<const std::byte*>(model.data()) + model.size());
  CHECK(header::try_parse(vector, vector.size()).has_value());

  auto lambda = function_source{vector.size(), [&](std::uint64_t at, std::span<std::byte> to) {
                                  std::copy_n(vector.begin() + static_cast<std::ptrdiff_t>(at),
                                              to.size(), to.begin());
                                  return std::error_code();
                                }};
  const auto read = memory_file::try_read(lambda);
  REQUIRE(read.has_value());
  CHECK(read->find("t")->bytes()[5] == std::byte{5});

  CHECK(header::try_read(counting_source{model, model.size()}).has_value());  // a temporary will do

  std::FILE* stream = std::tmpfile();
  REQUIRE(stream != nullptr);
  REQUIRE(std::fwrite(model.data(), 1, model.size(), stream) == model.size());
  auto stdio = function_source{
      model.size(), [&](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
        const bool good = std::fseek(stream, static_cast<long>(at), SEEK_SET) == 0 &&
                          std::fread(to.data(), 1, to.size(), stream) == to.size();
        return good ? std::error_code() : std::make_error_code(std::errc::io_error);
      }};
  CHECK(header::try_read(stdio).has_value());
  std::fclose(stream);
#if defined(__cpp_exceptions)
  CHECK(header::read(lambda).size() == 1);
  CHECK(memory_file::read(lambda).size() == 1);
  CHECK(header::parse(vector, vector.size()).size() == 1);
  CHECK(header::bytes_needed(vector, vector.size()) == model.size() - 6);
#endif
}

TEST_CASE("a file source reads by position, and not beyond its end") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  auto source = file_source::try_open(folder / "m");
  REQUIRE(source.has_value());
  CHECK(source->size() == model.size());
  std::byte byte{};
  CHECK_FALSE(source->read_at(model.size() - 1, std::span(&byte, 1)));
  CHECK(byte == std::byte{5});
  CHECK(source->read_at(model.size(), std::span(&byte, 1)) == errc::missing_bytes);
  CHECK(source->read_at(unknown_size, std::span(&byte, 1)) == errc::missing_bytes);
  CHECK_FALSE(source->read_at(model.size(), {}));
  file_source moved = *std::move(source);
  file_source assigned;
  assigned = std::move(moved);
  CHECK(assigned.size() == model.size());
  CHECK(moved.size() == 0);  // it is promised
  CHECK(header::try_read(assigned).has_value());
}

#ifndef _WIN32
TEST_CASE("a file is read by a handle of the caller's, whose position does not move") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  const int handle = ::open((folder / "m").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(handle >= 0);
  REQUIRE(::lseek(handle, 3, SEEK_SET) == 3);
  {
    auto source = file_source::try_borrow(handle);
    REQUIRE(source.has_value());
    CHECK(header::try_read(*source).has_value());
    CHECK(file::try_read(*source).has_value());
    CHECK(memory_file::try_read(*source).has_value());
  }
  CHECK(::lseek(handle, 0, SEEK_CUR) == 3);
  const auto mapped = file::try_from(*mapped_bytes::try_map(handle, 0, model.size()));
  CHECK(::close(handle) == 0);
  CHECK(mapped->find("t")->bytes()[5] == std::byte{5});
  CHECK(file_source::try_borrow(handle).error().code == errc::io);
  CHECK(mapped_bytes::try_map(-1, 0, 1).error().system == std::errc::bad_file_descriptor);
}

TEST_CASE("a handle that may only be written to is neither mapped nor read") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  const int handle = ::open((folder / "m").c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(handle >= 0);
  const failure refused = mapped_bytes::try_map(handle, 0, model.size()).error();
  CHECK(refused.code == errc::io);
  CHECK(refused.system == std::errc::permission_denied);
  CHECK(says(refused, {"cannot map it", "memory_file", "file_source"}));
  auto source = file_source::try_borrow(handle);
  REQUIRE(source.has_value());
  CHECK(header::try_read(*source).error().system == std::errc::bad_file_descriptor);
  CHECK(::close(handle) == 0);
}

#if defined(__cpp_exceptions)
TEST_CASE("sources and mappings have throwing twins") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  file_source source(folder / "m");
  const header index = header::read(source);
  CHECK(index.size() == 1);
  CHECK(file_source::borrow(source.handle(), 8).size() == model.size() - 8);
  CHECK(mapped_bytes(folder / "m").size() == model.size());
  CHECK(mapped_bytes::map(source.handle(), 8, 2).size() == 2);
  CHECK(mapped_bytes::load(source, index).size() == model.size());
  CHECK(owned_bytes::load(source, index).size() == model.size());

  const auto code_thrown_by = [](auto&& call) {
    try {
      (void)call();
    } catch (const error& thrown) {
      return thrown.info().code;
    }
    return errc();
  };
  CHECK(code_thrown_by([&] { return file_source(folder / "none"); }) == errc::io);
  CHECK(code_thrown_by([&] { return mapped_bytes(folder / "none"); }) == errc::io);
  CHECK(code_thrown_by([&] { return file_source::borrow(source.handle(), 1000); }) ==
        errc::missing_bytes);
  CHECK(code_thrown_by([&] { return mapped_bytes::map(source.handle(), 1000, 1); }) ==
        errc::missing_bytes);
  REQUIRE(::truncate((folder / "m").c_str(), 10) == 0);
  CHECK(code_thrown_by([&] { return mapped_bytes::load(source, index); }) == errc::missing_bytes);
  CHECK(code_thrown_by([&] { return owned_bytes::load(source, index); }) == errc::missing_bytes);
}
#endif

TEST_CASE("a member of an archive is a part of a file, at any byte") {
  for (const std::size_t before : {1u, 4095u, 4096u, 5000u, 70'001u}) {
    const temporary_folder folder;
    write_file(folder / "archive", std::string(before, 'a') + model + "behind");
    const auto archive = file_source::try_open(folder / "archive");
    REQUIRE(archive.has_value());
    auto mapped = mapped_bytes::try_map(archive->handle(), before, model.size());
    REQUIRE(mapped.has_value());
    CHECK(mapped->size() == model.size());
    const auto first = file::try_from(*std::move(mapped));
    REQUIRE(first.has_value());
    CHECK(first->find("t")->bytes()[5] == std::byte{5});
    auto member = file_source::try_borrow(archive->handle(), before, model.size());
    REQUIRE(member.has_value());
    const auto second = file::try_read(*member);
    REQUIRE(second.has_value());
    CHECK(second->find("t")->bytes()[5] == std::byte{5});
    const auto third = memory_file::try_read(*member);
    REQUIRE(third.has_value());
    CHECK(third->find("t")->bytes()[5] == std::byte{5});

    CHECK(file_source::try_borrow(archive->handle(), before, model.size() + 7).error().code ==
          errc::missing_bytes);
    CHECK(file_source::try_borrow(archive->handle(), unknown_size - 1).error().code ==
          errc::missing_bytes);
    CHECK(mapped_bytes::try_map(archive->handle(), before, unknown_size - 1).error().code ==
          errc::missing_bytes);
    CHECK(mapped_bytes::try_map(archive->handle(), before, 0).has_value());
  }
}

TEST_CASE("a file that shrinks while it is read is an error") {
  const temporary_folder folder;
  write_file(folder / "m", long_header(100'000));
  auto source = file_source::try_open(folder / "m");
  REQUIRE(source.has_value());
  REQUIRE(::truncate((folder / "m").c_str(), 5000) == 0);
  CHECK(header::try_read(*source).error().code == errc::missing_bytes);
  CHECK(memory_file::try_read(*source).error().code == errc::missing_bytes);
}
#endif

TEST_CASE("a function's label stands in failures where a path stands") {
  const auto fails = [](std::uint64_t, std::span<std::byte>) {
    return std::make_error_code(std::errc::io_error);
  };
  function_source source{model.size(), fails, "weights in models.zip"};
  CHECK(says(header::try_read(source).error(), {"weights in models.zip: "}));
  CHECK(memory_file::try_read(source).error().path == "weights in models.zip");
  CHECK(header::try_read(function_source{model.size(), fails}).error().path.empty());
  const auto reads = [](std::uint64_t at, std::span<std::byte> to) {
    std::memcpy(to.data(), model.data() + at, to.size());
    return std::error_code();
  };
  const auto index = header::try_read(function_source{model.size(), reads, "label"});
  REQUIRE(index.has_value());
  CHECK(index->try_at("none").error().path == "label");
}

TEST_CASE("a source whose read_at is const may be shared by threads") {
  static_assert(concurrent_byte_source<file_source>);
  static_assert(!concurrent_byte_source<counting_source>);
  const auto pure = [](std::uint64_t, std::span<std::byte>) { return std::error_code(); };
  static_assert(concurrent_byte_source<function_source<decltype(pure)>>);
  int calls = 0;
  auto counting = [calls](std::uint64_t, std::span<std::byte>) mutable {
    return ++calls, std::error_code();
  };
  static_assert(!concurrent_byte_source<function_source<decltype(counting)>>);
  CHECK(byte_source<function_source<decltype(counting)>>);
}

TEST_CASE("reading a part of a file fails with the path and the byte") {
  const temporary_folder folder;
  write_file(folder / "m", model);
  const auto source = file_source::try_open(folder / "m");
  REQUIRE(source.has_value());
  std::array<std::byte, 6> data{};
  CHECK(source->try_read(model.size() - 6, data).has_value());
  CHECK(data[5] == std::byte{5});
  const failure past = source->try_read(model.size() - 5, data).error();
  CHECK(past.code == errc::missing_bytes);
  CHECK(past.offset == model.size() - 5);
  CHECK(says(past, {"/m: "}));
  const auto part = file_source::try_borrow(source->handle(), 8);
  REQUIRE(part.has_value());
  CHECK(part->try_read(model.size() - 8, data).error().offset == model.size() - 8);
#if defined(__cpp_exceptions)
  CHECK_NOTHROW(source->read(0, data));
  CHECK_THROWS_AS(source->read(model.size(), data), error);
#endif
}

TEST_CASE("a tensor is read from a source into the caller's memory") {
  const auto index = parse(model);
  REQUIRE(index.has_value());
  const tensor_info tensor = *index->find("t");
  counting_source source{model, model.size()};
  std::array<std::byte, 6> data{};
  CHECK(try_read_into(source, tensor, data).has_value());
  CHECK(std::memcmp(data.data(), "\0\1\2\3\4\5", 6) == 0);
  CHECK(source.calls == 1);
  const failure small = try_read_into(source, tensor, std::span(data).first(5)).error();
  CHECK(small.code == errc::wrong_length);
  CHECK(source.calls == 1);
  counting_source cut{model.substr(0, model.size() - 1), model.size()};
  const failure found = try_read_into(cut, tensor, data).error();
  CHECK(found.code == errc::io);
  CHECK(found.tensor == "t");
  CHECK(found.offset == tensor.file_range().begin);

  const temporary_folder folder;
  write_file(folder / "cut", model.substr(0, model.size() - 1));
  const auto file = file_source::try_open(folder / "cut");
  REQUIRE(file.has_value());
  const failure ends = try_read_into(*file, tensor, data).error();
  CHECK(ends.code == errc::missing_bytes);
  CHECK(says(ends, {"/cut: ", "\"t\"", "ends before"}));
#if defined(__cpp_exceptions)
  CHECK_NOTHROW(read_into(source, tensor, data));
  CHECK_THROWS_AS(read_into(*file, tensor, data), error);
#endif
}

namespace {
// A pipe: gives at most `step` bytes at once.
struct stream {
  std::string bytes;
  std::size_t step = 3, at = 0;
  std::optional<failure> fails{};  // at the end, instead of ending
  result<std::size_t> read(std::span<std::byte> to) {
    const std::size_t got = std::min({to.size(), step, bytes.size() - at});
    if (got == 0 && fails && !to.empty()) return *fails;
    std::memcpy(to.data(), bytes.data() + at, got);
    at += got;
    return got;
  }
  [[nodiscard]] std::string path() const { return "pipe"; }
};
}  // namespace

TEST_CASE("a stream is read once, from front to back") {
  static_assert(sequential_source<stream>);
  static_assert(!byte_source<stream>);
  for (const std::size_t step : {1u, 3u, 8u, 100'000u}) {
    const std::string bytes = long_header(10'000);
    stream from{bytes, step};
    const auto index = header::try_read(from);
    REQUIRE(index.has_value());
    CHECK(index->contains("t"));
    CHECK(from.at == index->data_start());
    const auto read = memory_file::try_read(stream{bytes, step});
    REQUIRE(read.has_value());
    CHECK(std::memcmp(read->find("t")->bytes().data(), "\0\1\2\3\4\5", 6) == 0);
    CHECK(read->find("t")->aligned_to(64));
    CHECK(std::memcmp(read->storage().data(), bytes.data(), bytes.size()) == 0);
    CHECK(read->storage().size() == bytes.size());
    CHECK(read->try_at("u").error().path == "pipe");
  }
}

TEST_CASE("a function is a stream, with a label for failures") {
  std::string_view left = model;
  function_stream from{[&](std::span<std::byte> to) -> result<std::size_t> {
                         const std::size_t got = std::min(to.size(), left.size());
                         std::memcpy(to.data(), left.data(), got);
                         left.remove_prefix(got);
                         return got;
                       },
                       "a pipe"};
  static_assert(sequential_source<decltype(from)>);
  const auto read = memory_file::try_read(from);
  REQUIRE(read.has_value());
  CHECK(read->contains("t"));
  CHECK(header::try_read(from).error().path == "a pipe");  // which has ended
  function_stream fails{[](std::span<std::byte>) -> result<std::size_t> {
    return failure{.code = errc::io, .path = "socket 7", .detail = "closed"};
  }};
  CHECK(header::try_read(fails).error().path == "socket 7");
  CHECK(memory_file::try_read(fails).error().path == "socket 7");
}

TEST_CASE("a stream that ends early, or goes on, has the failure of such a file") {
  for (std::size_t length = 0; length < model.size(); ++length) {
    CAPTURE(length);
    const std::string cut = model.substr(0, length);
    const failure found = memory_file::try_read(stream{cut}).error();
    const failure wanted = borrowed_file::try_from(std::as_bytes(std::span(cut))).error();
    CHECK(found.code == wanted.code);
    CHECK(found.offset == wanted.offset);
    CHECK(found.detail == wanted.detail);
    CHECK(found.path == "pipe");
  }
  const failure more = memory_file::try_read(stream{model + "x"}).error();
  CHECK(more.code == errc::trailing_bytes);
  CHECK(says(more, {"allow_trailing_bytes"}));
  CHECK(more.offset == model.size());
  stream rest{model + "rest"};
  CHECK(memory_file::try_read(rest, {.allow_trailing_bytes = true}).has_value());
  CHECK(rest.at == model.size());
  CHECK(memory_file::try_read(stream{make_file("{}")}).has_value());
}

TEST_CASE("a stream's own failure is passed on, and a stream that lies is found out") {
  const failure broken{.code = errc::io, .detail = "the line is dead"};
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{3}, std::size_t{20}, model.size() - 2, model.size()}) {
    CAPTURE(length);
    const failure found =
        memory_file::try_read(stream{model.substr(0, length), 3, 0, broken}).error();
    CHECK(found.code == errc::io);
    CHECK(says(found, {"pipe: the line is dead"}));
  }
  struct liar {
    result<std::size_t> read(std::span<std::byte> to) { return to.size() + 1; }
  };
  CHECK(header::try_read(liar()).error().code == errc::wrong_length);
  // A false length costs no more than what was received.
  stream lying{"\xff\xff\xf0\x05" + std::string(4, '\0') + "{}"};
  CHECK(header::try_read(lying).error().code == errc::header_truncated);
}
