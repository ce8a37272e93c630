// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Programs of the library's users, as they would write them, each of at most 30 lines.
#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>

using namespace testing;

namespace {

const std::string model =
    make_file(R"({"__metadata__":{"title":"a \"LoRA\"","tags":"{\"1girl\":[1,\"\\n\"]}"},)"
              R"("embed":{"dtype":"BF16","shape":[4,6],"data_offsets":[0,48]},)"
              R"("norm":{"dtype":"F32","shape":[6],"data_offsets":[48,72]}})",
              72);

struct model_on_disk {
  temporary_folder folder;
  std::filesystem::path path = folder / "model.safetensors";
  model_on_disk() { write_file(path, model); }
};

// 1. A tensor library's loader: names, dtypes, shapes in its own integers, absolute positions; it
// reads by itself.
struct ggml_like {
  std::string name;
  std::array<std::int64_t, 4> ne;
  std::uint64_t file_offset, bytes;
};
std::vector<ggml_like> load_index(const std::filesystem::path& path) {
  std::vector<ggml_like> tensors;
  const auto head = safetensors::header::try_open(path);
  if (!head) return tensors;
  for (const safetensors::tensor_info tensor : *head) {
    ggml_like mine{
        std::string(tensor.name()), {1, 1, 1, 1}, tensor.file_range().begin, tensor.byte_size()};
    const auto rank = tensor.try_copy_shape(mine.ne);
    if (!rank) continue;
    std::reverse(mine.ne.begin(),
                 mine.ne.begin() + static_cast<std::ptrdiff_t>(*rank));  // fastest first
    tensors.push_back(mine);
  }
  return tensors;
}

// 2. A framework's reader object: virtual file system, archive, Android asset, HTTP.
struct asset {
  virtual ~asset() = default;
  virtual bool read(std::uint64_t offset, void* to, std::size_t bytes) = 0;
};
struct string_asset final : asset {
  bool read(std::uint64_t offset, void* to, std::size_t bytes) override {
    if (offset + bytes > model.size()) return false;
    std::memcpy(to, model.data() + offset, bytes);
    return true;
  }
};
safetensors::result<safetensors::memory_file> load_asset(asset& from, std::uint64_t size) {
  auto source = safetensors::function_source{
      size, [&](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
        if (from.read(at, to.data(), to.size())) return {};
        return std::make_error_code(std::errc::io_error);
      }};
  return safetensors::memory_file::try_read(source);
}

// 3. A runtime whose tensors keep their file alive.
struct runtime_tensor {
  std::shared_ptr<const std::byte> bytes;
  std::vector<std::int64_t> shape;
};
std::map<std::string, runtime_tensor> load_shared(const std::filesystem::path& path) {
  std::map<std::string, runtime_tensor> tensors;
  auto opened = safetensors::file::try_open(path);
  if (!opened) return tensors;
  const auto owner = std::make_shared<const safetensors::file>(*std::move(opened));
  for (const safetensors::tensor_view tensor : *owner)
    if (auto shape = tensor.try_shape_as<std::int64_t>())
      tensors[std::string(tensor.name())] = {{owner, tensor.bytes().data()}, *std::move(shape)};
  return tensors;
}

// 4. A server that takes uploads: a limit, a shape to expect, a line for its log.
std::string judge_upload(std::string_view upload) {
  const auto head = safetensors::header::try_parse(std::as_bytes(std::span(upload)), upload.size(),
                                                   {.max_header_bytes = 1 << 20});
  if (!head) return head.error().message();
  const auto norm = head->try_at("norm");
  if (!norm) return norm.error().message();
  const auto as_expected = norm->try_expect(safetensors::dtype::f32, {safetensors::any_size});
  return as_expected ? "accepted" : as_expected.error().message();
}

// 7. A tensor-parallel engine: its rank's columns into a buffer of its own, with the buffer's
// stride.
safetensors::result<void> load_rank(const safetensors::file& from, std::uint64_t rank,
                                    std::uint64_t world, std::span<std::byte> pinned,
                                    std::size_t stride) {
  const auto embed = from.try_at("embed");
  if (!embed) return embed.error();
  const auto part =
      embed->try_slice({{}, safetensors::shard_range(embed->shape()[1], rank, world)});
  if (!part) return part.error();
  return part->try_copy_bytes(pinned, stride);
}

// 8. A game engine without exceptions (this file is compiled so in one of the presets): a scale per
// channel.
float sum_of_norm(const char* path) {
  const auto opened = safetensors::file::try_open(path);
  if (!opened) return -1;
  const auto norm = opened->find("norm");
  std::array<float, 6> values{};
  if (!norm || !norm->try_copy_to(values)) return -1;
  float sum = 0;
  for (const float value : values) sum += value;
  return sum;
}

// 9. A remote reader: 8 bytes, then the header, then the byte ranges of a slice.
std::string fetch(std::uint64_t begin, std::uint64_t end) {
  return model.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}
std::string fetch_column(std::uint64_t column) {
  const std::string first = fetch(0, 8);
  const auto needed =
      safetensors::header::try_bytes_needed(std::as_bytes(std::span(first)), model.size());
  if (!needed) return needed.error().message();
  const std::string head = fetch(0, *needed);
  const auto index = safetensors::header::try_parse(std::as_bytes(std::span(head)), model.size());
  if (!index) return index.error().message();
  const auto slice = index->find("embed")->try_slice({{}, safetensors::pick(column)});
  if (!slice) return slice.error().message();
  std::string bytes;
  for (std::uint64_t i = 0; i < slice->run_count(); ++i)
    bytes += fetch(slice->file_run(i).begin, slice->file_run(i).end);
  return bytes;
}

// 10. A list of LoRA files with their metadata, which holds JSON in strings.
std::vector<std::string> list_titles(const std::filesystem::path& folder) {
  std::vector<std::string> titles;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto head = safetensors::header::try_open(entry.path());
    titles.emplace_back(head ? head->metadata().find("title").value_or("untitled") : "unreadable");
  }
  std::sort(titles.begin(), titles.end());
  return titles;
}

}  // namespace

TEST_CASE("program 1: a loader takes absolute positions and shapes in its own integers") {
  const model_on_disk disk;
  const std::vector<ggml_like> tensors = load_index(disk.path);
  REQUIRE(tensors.size() == 2);
  CHECK(tensors[0].name == "embed");
  CHECK(tensors[0].ne == std::array<std::int64_t, 4>{6, 4, 1, 1});
  CHECK(tensors[1].file_offset == model.size() - 24);
  CHECK(tensors[1].bytes == 24);
}

TEST_CASE("program 2: a framework reads through its own reader object") {
  string_asset asset;
  const auto loaded = load_asset(asset, model.size());
  REQUIRE(loaded.has_value());
  CHECK(loaded->find("norm")->bytes()[0] == std::byte{48});
  CHECK(load_asset(asset, model.size() + 1).error().code == safetensors::errc::io);
}

TEST_CASE("program 3: tensors keep their file alive by a shared pointer") {
  const model_on_disk disk;
  auto tensors = load_shared(disk.path);
  const runtime_tensor norm = tensors["norm"];
  tensors.clear();
  CHECK(*norm.bytes == std::byte{48});
  CHECK(norm.shape == std::vector<std::int64_t>{6});
}

TEST_CASE("program 4: a server judges hostile uploads") {
  CHECK(judge_upload(model) == "accepted");
  CHECK(judge_upload(make_length(1'048'577) + std::string(2'000'000, ' ')).find("1048576") !=
        std::string::npos);
  CHECK(judge_upload(make_file(R"({"evil\u001b[2J\n":{"dtype":"U9"}})"))
            .starts_with("tensor \"evil\\x1b[2J\\n\": "));
  CHECK(judge_upload(make_file("{}")) == "tensor \"norm\": the file has no tensor of this name");
  CHECK(judge_upload(make_tensor_file("F64", "[1]", 8, "norm")) ==
        "tensor \"norm\": its dtype is F64, not F32");
}

TEST_CASE("program 7: a rank's columns go straight into the engine's buffer") {
  const model_on_disk disk;
  const auto opened = safetensors::file::try_open(disk.path);
  std::string pinned(32, '.');
  CHECK(load_rank(*opened, 1, 2, std::as_writable_bytes(std::span(pinned)), 8).has_value());
  CHECK(pinned.substr(0, 16) == "\x06\x07\x08\x09\x0a\x0b..\x12\x13\x14\x15\x16\x17..");
}

TEST_CASE("program 8: an engine without exceptions gets numbers or a failure") {
  const temporary_folder folder;
  std::string bytes = make_tensor_file("F32", "[6]", 24, "norm");
  for (std::size_t i = 0; i < 6; ++i)
    bytes.replace(bytes.size() - 24 + 4 * i, 4, std::string("\0\0\x80\x3f", 4));
  write_file(folder / "m", bytes);
  CHECK(sum_of_norm((folder / "m").string().c_str()) == 6);
  CHECK(sum_of_norm((folder / "none").string().c_str()) == -1);
}

TEST_CASE("program 9: a remote reader fetches what it needs and no more") {
  CHECK(fetch_column(2) == "\x04\x05\x10\x11\x1c\x1d\x28\x29");
  CHECK(fetch_column(6).find("not in dimension 1") != std::string::npos);
}

TEST_CASE("program 10: a user interface lists metadata") {
  const model_on_disk disk;
  write_file(disk.folder / "other.safetensors", make_file("{}"));
  write_file(disk.folder / "broken.safetensors", "x");
  CHECK(list_titles(disk.folder / "") ==
        std::vector<std::string>{"a \"LoRA\"", "unreadable", "untitled"});
  const auto head = safetensors::header::try_open(disk.path);
  CHECK(head->metadata().find("tags") == R"({"1girl":[1,"\n"]})");
}
