// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writing: all at once, tensor by tensor, to files and to sinks of one's own.
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <thread>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

using namespace safetensors;
using namespace testing;
using namespace std::string_literals;

namespace {

const std::vector<float> weights{1, 2, 3, 4, 5, 6};
const std::vector<std::uint16_t> words{0x3F80, 0x4000, 0x4040};
constexpr std::array<std::int64_t, 1> step{-7};
constexpr std::array<bool, 3> flags{true, false, true};

// A small model of several dtypes.
std::vector<tensor_data> model_data() {
  return {{"weight", {2, 3}, weights},
          {"half", dtype::bf16, {3}, words},
          {"step", {}, step},
          {"flags", dtype::boolean, {3}, flags},
          {"none", {0, 4}, std::span<const double>()}};
}

std::string serialized(list_of<tensor_data> tensors, const layout_options& options = {}) {
  const auto bytes = try_serialize(tensors, options);
  if (!bytes) FAIL_CHECK(bytes.error().message());
  REQUIRE(bytes.has_value());
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

std::vector<tensor_spec> specs_of(const std::vector<tensor_data>& tensors) {
  return {tensors.begin(), tensors.end()};
}

// The bytes of a tensor as in a file.
std::string file_bytes(const borrowed_file& model, std::string_view name) {
  const auto tensor = model.find(name);
  REQUIRE(tensor.has_value());
  return {reinterpret_cast<const char*>(tensor->bytes().data()), tensor->bytes().size()};
}

void check_ok(const result<void>& done) {
  if (!done) FAIL_CHECK(done.error().message());
}

// A sequential sink of one's own, as large as is allowed.
struct small_sink {
  std::string* bytes;
  std::size_t room;
  std::error_code write(std::span<const std::byte> next) {
    if (next.size() > room - bytes->size())
      return std::make_error_code(std::errc::no_space_on_device);
    bytes->append(reinterpret_cast<const char*>(next.data()), next.size());
    return {};
  }
};

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

TEST_CASE("what is serialized reads back equal, from values, words, bytes and views") {
  const std::string bytes = serialized(model_data(), {.metadata = {{"format", "pt"}}});
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(model.has_value());
  CHECK(model->size() == 5);
  CHECK(*model->find("weight")->try_to_vector<float>() == weights);
  CHECK(model->find("weight")->matches(dtype::f32, {2, 3}));
  std::vector<std::uint16_t> half(3);
  REQUIRE(model->find("half")->try_copy_bits(half).has_value());
  CHECK(half == words);
  CHECK(file_bytes(*model, "half") == "\x80\x3F\x00\x40\x40\x40"s);
  CHECK(*model->find("step")->try_item<std::int64_t>() == -7);
  CHECK(file_bytes(*model, "flags") == "\x01\x00\x01"s);
  CHECK(model->find("none")->matches(dtype::f64, {0, 4}));
  CHECK(model->metadata().to_map() == metadata_map{{"format", "pt"}});

  const std::vector<tensor_data> views(model->begin(), model->end());
  CHECK(serialized(views, {.metadata = model->metadata().to_map()}) == bytes);
}

TEST_CASE("elements may be given with their dtype, and lists as spans") {
  const std::vector<tensor_data> tensors{{"weight", dtype::f32, {2, 3}, weights}};
  const std::string wanted = serialized({{"weight", {2, 3}, weights}});
  CHECK(serialized(tensors) == wanted);
  CHECK(serialized(std::span(tensors)) == wanted);
  std::vector<tensor_spec> specs(tensors.begin(), tensors.end());
  CHECK(write_plan::try_make(std::span(specs)).has_value());
  CHECK(write_plan::try_make(std::span<const tensor_spec, 1>(specs)).has_value());
}

TEST_CASE("the same tensors give the same bytes in whatever order they come") {
  std::vector<tensor_data> tensors = model_data();
  const std::string bytes = serialized(tensors);
  std::reverse(tensors.begin(), tensors.end());
  CHECK(serialized(tensors) == bytes);
}

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

TEST_CASE("save writes what serialize gives") {
  const temporary_folder folder;
  const auto path = folder / "model.safetensors";
  check_ok(try_save(path, model_data()));
  CHECK(read_file(path) == serialized(model_data()));
  check_ok(try_save(path, {}));
  CHECK(read_file(path) == serialized({}));
  CHECK(files_in(folder / "") == 1);
}

TEST_CASE("models of many small and of large tensors are saved byte for byte") {
  const temporary_folder folder;
  std::string large(3'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  std::vector<tensor_data> tensors;
  for (std::size_t i = 0; i < 3000; ++i)
    tensors.emplace_back("small." + std::to_string(i), dtype::u8, shape_ref{i % 700},
                         std::span(large).first(i % 700));
  for (std::size_t i = 0; i < 5; ++i)
    tensors.emplace_back("large." + std::to_string(i), dtype::i8, shape_ref{65'535 * (i + 1)},
                         std::span(large).subspan(i, 65'535 * (i + 1)));
  check_ok(try_save(folder / "m", tensors));
  CHECK(read_file(folder / "m") == serialized(tensors));
}

TEST_CASE("tensors are appended in any order and in pieces of any size to a file") {
  const temporary_folder folder;
  const auto path = folder / "model.safetensors";
  auto plan = write_plan::try_make(specs_of(model_data()), {.metadata = {{"format", "pt"}}});
  REQUIRE(plan.has_value());
  auto out = writer::try_create(path, *std::move(plan));
  REQUIRE(out.has_value());
  check_ok(out->try_append("weight", std::span(weights).first(1)));
  CHECK(out->missing("weight") == 20);
  CHECK(out->missing("none") == 0);
  CHECK_FALSE(out->missing("unknown").has_value());
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

TEST_CASE("a sink's error is told with the tensor and the byte of the file") {
  std::string bytes;
  auto plan = *write_plan::try_make({{"a", dtype::f32, {2}}, {"b", dtype::f32, {4}}});
  const std::uint64_t start = plan.tensors().data_start();
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
  CHECK(out.missing("b") == 7);
  CHECK(out.try_append_from(*source, {0, 8}).error().code == errc::wrong_length);
  out = start();
  check_ok(out.try_append_from("b", *source, {0, 1}));
  const auto mixed = out.try_append_from(*source, {0, 9});
  CHECK(mixed.error().code == errc::wrong_order);
  CHECK(mixed.error().tensor == "b");
  CHECK(files_in(folder / "") == 2);  // the last of them is still being written
}

TEST_CASE("bytes that do not match are refused before the target is touched") {
  const temporary_folder folder;
  const auto path = folder / "m";
  write_file(path, "old");
  const auto refusal = [&](const tensor_data& tensor) {
    const auto saved = try_save(path, {tensor});
    REQUIRE_FALSE(saved.has_value());
    CHECK(saved.error().tensor == tensor.name);
    CHECK(saved.error().path == path_ref(path).to_utf8());
    CHECK(read_file(path) == "old");
    CHECK(files_in(folder / "") == 1);
    CHECK(try_serialize({tensor}).error().code == saved.error().code);
    return saved.error().code;
  };
  CHECK(refusal({"short", {7}, weights}) == errc::size_mismatch);
  CHECK(refusal({"long", {5}, weights}) == errc::size_mismatch);
  CHECK(refusal({"words", dtype::f32, {1, 2}, std::span(words)}) == errc::size_mismatch);
  CHECK(refusal({"words", dtype::f32, {1}, std::span(words).first(2)}) == errc::dtype_mismatch);
  CHECK(refusal({"elements", dtype::i32, {6}, weights}) == errc::dtype_mismatch);
  tensor_data unknown("unknown", {6}, weights);
  unknown.elements = static_cast<dtype>(200);
  CHECK(refusal(unknown) == errc::unknown_dtype);
  CHECK(refusal({"\xff", {6}, weights}) == errc::invalid_utf8);
  CHECK(refusal({"__metadata__", {6}, weights}) == errc::reserved_name);
  CHECK(refusal({"half", dtype::f4, {1}, flags}) == errc::partial_byte);
  CHECK(try_save(path, {{"t", {6}, weights}, {"t", {6}, weights}}).error().code ==
        errc::duplicate_tensor);
  CHECK(try_save(path, {}, {.layout = {.data_alignment = 3}}).error().code == errc::invalid_option);
  CHECK(try_save(path, model_data(), {.layout = {.max_header_bytes = 80}}).error().code ==
        errc::header_too_large);
  CHECK(read_file(path) == "old");
}

TEST_CASE("fields of a tensor that are changed are those that count") {
  const auto code_of_tensor = [](const tensor_data& tensor) {
    const auto bytes = try_serialize({tensor});
    return bytes ? errc() : bytes.error().code;
  };
  tensor_data tensor("w", dtype::f64, {2, 3}, weights);
  CHECK(tensor.elements == dtype::f32);
  CHECK(tensor.word_bytes == 4);
  const auto wrong = try_serialize({tensor});
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code == errc::dtype_mismatch);
  CHECK(wrong.error().tensor == "w");
  CHECK(says(wrong.error(), {"F64", "the elements are F32"}));

  tensor.dtype = dtype::f32;
  CHECK(serialized({tensor}) == serialized({{"w", {2, 3}, weights}}));
  tensor.shape = {6};
  CHECK(serialized({tensor}) == serialized({{"w", {6}, weights}}));

  const std::vector<double> doubles(6, 1.5);
  tensor.dtype = dtype::f64;
  tensor.bytes = std::as_bytes(std::span(doubles));
  CHECK(code_of_tensor(tensor) == errc::dtype_mismatch);  // it says that they are F32
  tensor.elements = dtype::f64;
  CHECK(code_of_tensor(tensor) == errc::dtype_mismatch);  // in words of F32's width
  tensor.word_bytes = 8;
  CHECK(serialized({tensor}) == serialized({{"w", {6}, doubles}}));
  tensor.elements.reset();
  CHECK(serialized({tensor}) == serialized({{"w", {6}, doubles}}));

  // Bytes as in a file are of the dtype that is written, whatever the elements were.
  const std::string in_file(48, 'x');
  tensor.bytes = std::as_bytes(std::span(in_file));
  tensor.word_bytes = 1;
  tensor.elements = dtype::f32;
  CHECK(serialized({tensor}).ends_with(in_file));
  CHECK(code_of_tensor({"w", {5}, doubles}) == errc::size_mismatch);
}

TEST_CASE("a tensor knows the dtype of elements, not of words, of bytes and of what was read") {
  CHECK(tensor_data("w", {2, 3}, weights).elements == dtype::f32);
  CHECK(tensor_data("w", dtype::f32, {2, 3}, weights).elements == dtype::f32);
  CHECK(tensor_data("w", {}, step).elements == dtype::i64);
  CHECK_FALSE(tensor_data("w", dtype::bf16, {3}, words).elements.has_value());
  CHECK_FALSE(tensor_data("w", dtype::f32, {6}, std::as_bytes(std::span(weights))).elements);
  const std::string bytes = serialized(model_data());
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(model.has_value());
  const tensor_data read(*model->find("weight"));
  CHECK_FALSE(read.elements.has_value());
  CHECK(read.word_bytes == 1);
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

TEST_CASE("what is in the way of the target is left alone and told") {
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "folder");
  const auto system_of = [&](const std::filesystem::path& path,
                             const output_options& options = {}) {
    const auto saved = try_save(path, model_data(), {.output = options});
    REQUIRE_FALSE(saved.has_value());
    CHECK(saved.error().code == errc::io);
    CHECK(saved.error().path == path_ref(path).to_utf8());
    return saved.error().system;
  };
  for (const bool atomic : {true, false}) {
    const output_options options{.atomic = atomic};
    CHECK(system_of(folder / "folder", options) == std::errc::is_a_directory);
    CHECK(system_of(folder / "missing" / "m", options) == std::errc::no_such_file_or_directory);
    write_file(folder / "taken", "old");
    CHECK(system_of(folder / "taken", {.atomic = atomic, .replace = false}) ==
          std::errc::file_exists);
    CHECK(read_file(folder / "taken") == "old");
#ifndef _WIN32
    CHECK(system_of("/dev/null", options) == std::errc::invalid_argument);
    if (atomic) REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(system_of(folder / "fifo", options) == std::errc::invalid_argument);
    CHECK(system_of(std::string("nul\0inside", 10), options) == std::errc::invalid_argument);
#endif
  }
  CHECK(system_of("") == std::errc::no_such_file_or_directory);
}

TEST_CASE("a file that comes into being while ours is written stays, if it must not be replaced") {
  const temporary_folder folder;
  auto out = writer::try_create(folder / "m", *write_plan::try_make({}), {.replace = false});
  REQUIRE(out.has_value());
  write_file(folder / "m", "first");
  const auto done = out->try_finish();
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::io);
  CHECK(done.error().system == std::errc::file_exists);
  {
    auto ends = std::move(out);
  }
  CHECK(read_file(folder / "m") == "first");
  CHECK(files_in(folder / "") == 1);
}

TEST_CASE("in place, and as durable as can be, the same bytes are written") {
  const temporary_folder folder;
  for (const bool atomic : {true, false})
    for (const bool replace : {true, false})
      for (const bool durable : {true, false}) {
        const auto path = folder / "m";
        if (replace)
          write_file(path, std::string(100'000, 'x'));  // longer than the model
        else
          std::filesystem::remove(path);
        check_ok(try_save(path, model_data(),
                          {.output = {.atomic = atomic, .replace = replace, .durable = durable}}));
        CHECK(read_file(path) == serialized(model_data()));
        CHECK(files_in(folder / "") == 1);
      }
}

TEST_CASE("in place over a file that is mapped is refused, however its bytes are named") {
  const temporary_folder folder;
  const auto path = folder / "m";
  check_ok(try_save(path, model_data()));
  const std::string bytes = read_file(path);
  const write_options in_place{.output = {.atomic = false, .links = link_mode::follow}};
#ifndef _WIN32
  std::filesystem::create_hard_link(path, folder / "same file");
  std::filesystem::create_symlink("m", folder / "link");
  const std::vector targets{path, folder / "same file", folder / "link"};
#else
  const std::vector targets{path};
#endif
  const auto check_refused = [&](list_of<tensor_data> tensors) {
    for (const auto& target : targets) {
      const auto saved = try_save(target, tensors, in_place);
      REQUIRE_FALSE(saved.has_value());
      const auto started = writer::try_create(target, *write_plan::try_make({}), in_place.output);
      REQUIRE_FALSE(started.has_value());
#ifndef _WIN32
      CHECK(saved.error().code == errc::invalid_option);
      CHECK(saved.error().message().find("memory_file") != std::string::npos);
      CHECK(started.error().code == errc::invalid_option);
#endif
    }
    CHECK(read_file(path) == bytes);
  };
  {
    const auto model = file::try_open(path);
    REQUIRE(model.has_value());
    check_refused(std::vector<tensor_data>(model->begin(), model->end()));
    const tensor_view weight = *model->find("weight");
    check_refused({{"renamed", weight.dtype(), weight.shape(), weight.bytes()}});
    check_refused({{"part", dtype::u8, {4}, weight.bytes().subspan(8, 4)}});
    check_refused({});
  }
  {
    auto mapped = mapped_file::try_open(path);
    REQUIRE(mapped.has_value());
    const auto model = borrowed_file::try_from(std::span(mapped->data(), mapped->size()));
    REQUIRE(model.has_value());
    check_refused(std::vector<tensor_data>(model->begin(), model->end()));
    const mapped_file moved = *std::move(mapped);
    check_refused({});
  }
  // What is read into memory may be written in place, and so may what is mapped no longer.
  const auto copy = memory_file::try_open(path);
  REQUIRE(copy.has_value());
  for (const auto& target : targets)
    check_ok(try_save(target, std::vector<tensor_data>(copy->begin(), copy->end()), in_place));
  CHECK(read_file(path) == bytes);
}

TEST_CASE("many mappings come and go, and in place is refused as long as one is there") {
  const temporary_folder folder;
  check_ok(try_save(folder / "m", model_data()));
  std::vector<mapped_file> mappings;
  for (int i = 0; i < 50; ++i) mappings.push_back(*mapped_file::try_open(folder / "m"));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) (void)mapped_file::try_open(folder / "m");
    });
  for (std::thread& each : threads) each.join();
  const write_options in_place{.output = {.atomic = false}};
  for (const std::size_t gone : {20u, 0u, 47u}) {  // one in the middle, both ends
    mappings.erase(mappings.begin() + static_cast<std::ptrdiff_t>(gone));
    CHECK_FALSE(try_save(folder / "m", {}, in_place).has_value());
  }
  mappings.clear();
  CHECK(try_save(folder / "m", {}, in_place).has_value());
}

TEST_CASE("saving over a file that is mapped succeeds or leaves the old one, and nothing else") {
  const temporary_folder folder;
  const auto path = folder / "m";
  check_ok(try_save(path, model_data()));
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  const auto saved = try_save(path, {{"weight", {6}, weights}});
  if (!saved) {
    MESSAGE("this system does not replace a file that is mapped: ", saved.error().message());
    CHECK(saved.error().code == errc::io);
  }
  CHECK(read_file(path) ==
        (saved ? serialized({{"weight", {6}, weights}}) : serialized(model_data())));
  CHECK(*mapped->find("weight")->try_to_vector<float>() == weights);
  CHECK(files_in(folder / "") == 1);
}

#ifndef _WIN32
TEST_CASE("saving over a file that is mapped leaves the mapping's bytes as they were") {
  const temporary_folder folder;
  const auto path = folder / "m";
  check_ok(try_save(path, model_data()));
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  const std::vector<float> zeros(6);
  check_ok(try_save(path, {{"weight", {2, 3}, zeros}}));
  CHECK(*mapped->find("weight")->try_to_vector<float>() == weights);
  const auto now = file::try_open(path);
  REQUIRE(now.has_value());
  CHECK(*now->find("weight")->try_to_vector<float>() == zeros);
  // and the mapped tensors can be saved over their own file
  check_ok(try_save(path, std::vector<tensor_data>(mapped->begin(), mapped->end())));
  CHECK(read_file(path) == serialized(model_data()));
}

TEST_CASE("a new file gets the mode that the umask leaves, one that replaces another keeps its") {
  const temporary_folder folder;
  const auto mode = [](const std::filesystem::path& path) {
    struct ::stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777u;
  };
  for (const unsigned mask : {022u, 077u, 002u}) {
    const ::mode_t old = ::umask(static_cast<::mode_t>(mask));
    const auto saved = try_save(folder / "new", model_data());
    const auto in_place =
        try_save(folder / "new in place", model_data(), {.output = {.atomic = false}});
    ::umask(old);
    check_ok(saved);
    check_ok(in_place);
    CHECK(mode(folder / "new") == (0666u & ~mask));
    CHECK(mode(folder / "new in place") == (0666u & ~mask));
    std::filesystem::remove(folder / "new");
    std::filesystem::remove(folder / "new in place");
  }
  write_file(folder / "old", "old");
  for (const unsigned wanted : {0600u, 0644u, 0664u, 0400u, 04755u, 02771u}) {
    REQUIRE(::chmod((folder / "old").c_str(), static_cast<::mode_t>(wanted)) == 0);
    check_ok(try_save(folder / "old", model_data()));
    CHECK(mode(folder / "old") == (wanted & 0777u));
  }
}

TEST_CASE("the owner of a file that is replaced stays, where that is permitted") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root may give files to others");
    return;
  }
  const temporary_folder folder;
  const auto path = folder / "m";
  write_file(path, "old");
  REQUIRE(::chown(path.c_str(), 1234, 2345) == 0);
  check_ok(try_save(path, model_data()));
  struct ::stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == 1234);
  CHECK(status.st_gid == 2345);
}

TEST_CASE("other hard links keep the old file") {
  const temporary_folder folder;
  write_file(folder / "m", "old");
  std::filesystem::create_hard_link(folder / "m", folder / "other");
  check_ok(try_save(folder / "m", model_data()));
  CHECK(read_file(folder / "other") == "old");
}

TEST_CASE("a path is relative to the current folder, and may end in a slash only for folders") {
  const temporary_folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  check_ok(try_save("m.safetensors", model_data()));
  const auto slash = try_save("m.safetensors/", {});
  std::filesystem::current_path(before);
  CHECK(read_file(folder / "m.safetensors") == serialized(model_data()));
  CHECK_FALSE(slash.has_value());
}
#endif

#ifndef _WIN32
TEST_CASE("a file larger than the system's positions is refused") {
  const temporary_folder folder;
  const auto out = output_file::try_create(folder / "m", std::uint64_t{1} << 63);
  REQUIRE_FALSE(out.has_value());
  CHECK(out.error().system == std::errc::file_too_large);
  CHECK(files_in(folder / "") == 0);
}
#endif

TEST_CASE("an output file that cannot be committed is not, ever, and moves keep it") {
  const temporary_folder folder;
  auto out = output_file::try_create(folder / "m", 3, {.replace = false});
  REQUIRE(out.has_value());
  output_file& same = *out;
  *out = std::move(same);
  CHECK_FALSE(out->write_at(0, std::as_bytes(std::span("abc", 3))));
  write_file(folder / "m", "old");
  CHECK(out->try_commit().error().system == std::errc::file_exists);
  std::filesystem::remove(folder / "m");
  CHECK(out->try_commit().error().code == errc::io);
  CHECK_FALSE(std::filesystem::exists(folder / "m"));
}

TEST_CASE("an output file takes bytes within its size, from memory and from files") {
  const temporary_folder folder;
  write_file(folder / "in", "0123456789");
  const auto source = file_source::try_open(folder / "in");
  REQUIRE(source.has_value());
  auto out = output_file::try_create(folder / "out", 10);
  REQUIRE(out.has_value());
  CHECK(out->path() == path_ref(folder / "out").to_utf8());
  if (out->copy_at(4, *source, {0, 6}) != 6)  // where the system cannot
    CHECK_FALSE(out->write_at(4, std::as_bytes(std::span("012345", 6))));
  CHECK_FALSE(out->write_at(0, std::as_bytes(std::span("abcd", 4))));
  CHECK(out->write_at(7, std::as_bytes(std::span("abcd", 4))) == errc::wrong_length);
  CHECK(out->copy_at(5, *source, {0, 6}) == 0);
  CHECK(out->copy_at(0, *source, {5, 11}) == 0);
  CHECK(out->copy_at(0, *source, {5, 4}) == 0);
  check_ok(out->try_commit());
  check_ok(out->try_commit());
  CHECK(read_file(folder / "out") == "abcd012345");
}

#if SAFETENSORS_EXCEPTIONS
TEST_CASE("a sink or a source that throws has failed") {
  const auto plan = [] { return write_plan::make({{"a", dtype::f32, {6}}}); };
  std::string bytes;
  std::size_t room = 1000;
  basic_writer out(function_sink{[&](std::span<const std::byte> next) {
                     if (bytes.size() + next.size() > room) throw std::bad_alloc();
                     bytes.append(next.size(), 'x');
                   }},
                   plan());
  room = bytes.size() + 10;
  CHECK_THROWS_AS(out.append("a", weights), std::bad_alloc);
  room = 1000;
  CHECK(out.try_append("a", weights).error().code == errc::incomplete_write);
  CHECK(out.try_finish().error().message().find("an exception ended") != std::string::npos);

  basic_writer copy(function_sink{[](std::span<const std::byte>) {}}, plan());
  const function_source source{
      24, [](std::uint64_t, std::span<std::byte>) -> std::error_code { throw std::bad_alloc(); }};
  CHECK_THROWS_AS(copy.append_from("a", function_source(source), {0, 24}), std::bad_alloc);
  CHECK(copy.try_finish().error().code == errc::incomplete_write);
}

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
  basic_writer copy(
      function_sink{[&](auto next) { bytes.insert(bytes.end(), next.begin(), next.end()); }},
      write_plan::make(specs));
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

  output_file file(folder / "out", 3);
  CHECK_FALSE(file.write_at(0, std::as_bytes(std::span("abc", 3))));
  file.commit();
  CHECK(read_file(folder / "out") == "abc");
  CHECK(code([&] { output_file(folder / "missing" / "m", 3); }) == errc::io);
}
#endif
