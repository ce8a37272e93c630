// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writing all at once.
#include "writing.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace safetensors;
using namespace testing;
using namespace std::string_literals;

namespace {

// The bytes of a tensor as in a file.
std::string file_bytes(const borrowed_file& model, std::string_view name) {
  const auto tensor = model.find(name);
  REQUIRE(tensor.has_value());
  return {reinterpret_cast<const char*>(tensor->bytes().data()), tensor->bytes().size()};
}

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

TEST_CASE("the same tensors give the same bytes in whatever order they come") {
  std::vector<tensor_data> tensors = model_data();
  const std::string bytes = serialized(tensors);
  std::reverse(tensors.begin(), tensors.end());
  CHECK(serialized(tensors) == bytes);
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

namespace {
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

borrowed_file model_of(const std::string& bytes) {
  auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(model.has_value());
  return *std::move(model);
}
}  // namespace

TEST_CASE("a model is saved as it is, with its metadata") {
  const temporary_folder folder;
  const std::string bytes = serialized(model_data(), {.metadata = {{"format", "pt"}, {"k", "v"}}});
  const borrowed_file model = model_of(bytes);
  check_ok(try_save(folder / "m", model));
  CHECK(read_file(folder / "m") == bytes);
  CHECK(serialized(model) == bytes);
  check_ok(try_save(folder / "m", *memory_file::try_open(folder / "m")));  // of a temporary
  CHECK(read_file(folder / "m") == bytes);
  const auto plan = write_plan::try_make(model);
  REQUIRE(plan.has_value());
  CHECK(text_of(plan->header_bytes()) == bytes.substr(0, plan->header_bytes().size()));
  const auto same = write_plan::try_make(model.header());
  CHECK(text_of(same->header_bytes()) == text_of(plan->header_bytes()));
}

TEST_CASE("metadata of a model gives way to the caller's, or is left out") {
  const std::string bytes = serialized(model_data(), {.metadata = {{"format", "pt"}}});
  const borrowed_file model = model_of(bytes);
  CHECK(serialized(model, {.metadata = {{"a", "b"}}}) ==
        serialized(model_data(), {.metadata = {{"a", "b"}}}));
  CHECK(serialized(model, {.keep_metadata = false}) == serialized(model_data()));
  CHECK(serialized(model, {.metadata = {{"a", "b"}}, .keep_metadata = false}) ==
        serialized(model_data(), {.metadata = {{"a", "b"}}}));
  // A list of tensors has no metadata to keep.
  CHECK(serialized(std::vector<tensor_view>(model.begin(), model.end())) ==
        serialized(model_data()));
}

TEST_CASE("any range of tensors is saved") {
  const std::string bytes = serialized(model_data());
  const borrowed_file model = model_of(bytes);
  CHECK(serialized(std::vector<tensor_view>(model.begin(), model.end())) == bytes);
  CHECK(serialized(std::list<tensor_data>(model.begin(), model.end())) == bytes);
  CHECK(serialized(std::vector<tensor_data>(model.begin(), model.end())) == bytes);
  const std::vector<tensor_data> data = model_data();
  CHECK(serialized(std::span(data)) == bytes);
#if !defined(__clang__) || __clang_major__ > 15  // which compile the views of libstdc++
  auto floats = model | std::views::filter(
                            [](const tensor_view& tensor) { return tensor.dtype() == dtype::f32; });
  CHECK(model_of(serialized(floats)).size() == 1);
  const auto renamed = model | std::views::transform([](const tensor_view& tensor) {
                         tensor_data copy(tensor);
                         copy.name.insert(0, "model.");
                         return copy;
                       });
  CHECK(model_of(serialized(renamed)).contains("model.weight"));
#endif
  const tensor_view both[] = {*model.find("weight"), *model.find("half")};
  CHECK(model_of(serialized(both)).size() == 2);
  CHECK(model_of(serialized({*model.find("weight"), *model.find("step")})).size() == 2);

  const auto specs = write_plan::try_make(data);
  REQUIRE(specs.has_value());
  CHECK(specs->file_size() == bytes.size());
  const std::vector<tensor_info> infos(model.header().begin(), model.header().end());
  const auto from_infos = write_plan::try_make(infos);
  CHECK((from_infos.has_value() && from_infos->file_size() == bytes.size()));
}

namespace {
// A sink at whose end a commit is counted.
struct counted_sink {
  std::string* bytes;
  int* commits;
  std::error_code write(std::span<const std::byte> next) {
    bytes->append(reinterpret_cast<const char*>(next.data()), next.size());
    return {};
  }
  result<void> try_commit() {
    ++*commits;
    return {};
  }
};
}  // namespace

TEST_CASE("a file is saved to a sink of the caller's") {
  const std::string wanted = serialized(model_data(), {.metadata = {{"format", "pt"}}});
  const layout_options layout{.metadata = {{"format", "pt"}}};
  std::string bytes;
  check_ok(try_save(function_sink{[&](std::span<const std::byte> next) {
                      bytes.append(reinterpret_cast<const char*>(next.data()), next.size());
                    }},
                    model_data(), layout));
  CHECK(bytes == wanted);

  bytes.clear();
  int commits = 0;
  counted_sink sink{&bytes, &commits};
  check_ok(try_save(sink, model_data(), layout));
  CHECK(bytes == wanted);
  CHECK(commits == 1);
  CHECK(try_save(sink, {{"__metadata__", {6}, weights}}).error().code == errc::reserved_name);
  CHECK(bytes == wanted);
  CHECK(commits == 1);

  // Sinks that take an empty span for the end get none, and need not be movable or changed.
  struct locked_sink {
    std::mutex mutex{};
    std::string* bytes;
    int* empty;
    std::error_code write_at(std::uint64_t, std::span<const std::byte> next) const {
      bytes->append(reinterpret_cast<const char*>(next.data()), next.size());
      *empty += next.empty() ? 1 : 0;
      return {};
    }
  };
  bytes.clear();
  int empty = 0;
  const locked_sink locked{.bytes = &bytes, .empty = &empty};
  check_ok(try_save(locked, model_data(), layout));
  CHECK(bytes == wanted);
  CHECK(empty == 0);

  bytes.clear();
  const failure full =
      try_save(small_sink{&bytes, wanted.size() - 1}, model_data(), layout).error();
  CHECK(full.code == errc::io);
  CHECK(full.system == std::errc::no_space_on_device);
  CHECK(full.offset < wanted.size());
  CHECK(full.tensor == "flags");  // the last one in the file

  const temporary_folder folder;
  auto file = file_sink::try_create(folder / "m", wanted.size());
  REQUIRE(file.has_value());
  check_ok(try_save(*file, model_data(), layout));
  CHECK(read_file(folder / "m") == wanted);
  auto wrong = file_sink::try_create(folder / "n", wanted.size() + 1);
  REQUIRE(wrong.has_value());
  CHECK(try_save(*wrong, model_data(), layout).error().code == errc::wrong_length);
#if defined(__cpp_exceptions)
  bytes.clear();
  save(sink, model_data(), layout);
  CHECK(bytes == wanted);
  bytes.clear();
  CHECK_THROWS_AS(save(small_sink{&bytes, 0}, model_data()), error);
#endif
}
