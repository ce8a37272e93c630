// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// How long does it take to find a tensor by name, and to find that there is none?
//   bench-lookup FOLDER     the folder: for the models
#include "support.hpp"

#include <algorithm>
#include <unordered_map>

using namespace bench;

namespace {

// All names of a model, in memory in the order in which they are looked up. Those that miss differ
// in their last byte alone.
class name_list {
 public:
  name_list(const std::string& path, bool hit, bool shuffled) {
    const safetensors::header tensors(path, {.max_header_bytes = safetensors::unknown_size});
    std::vector<std::string_view> names;
    std::size_t size = 0;
    for (const safetensors::tensor_info tensor : tensors) {
      names.push_back(tensor.name());
      size += tensor.name().size();
    }
    if (shuffled) std::ranges::shuffle(names, std::mt19937(2));
    text_.reserve(size);  // so that it stays where it is
    for (const std::string_view name : names) {
      refs_.push_back({text_.data() + text_.size(), name.size()});
      text_.insert(text_.end(), name.begin(), name.end());
      if (!hit) text_.back() = '?';
    }
  }
  [[nodiscard]] const std::vector<name_ref>& refs() const { return refs_; }

 private:
  std::vector<char> text_;
  std::vector<name_ref> refs_;
};

// prepare(path) returns what looks a list of names up and tells a sum of what it found.
template <class Prepare> void add_lookup(const std::string& name, std::size_t count,
                                         const std::string& path, bool hit, bool shuffled,
                                         Prepare prepare) {
  add(name + (hit ? " hit" : " miss"), count, [=] {
    return [names = name_list(path, hit, shuffled), look_up = prepare(path), hit] {
      std::uint64_t found = 0;
      const double took = seconds([&] { found = look_up(names.refs()); });
      require((found != 0) == hit, "lookup");
      return took;
    };
  });
}

auto by_file(const std::string& path) {
  return [file = safetensors::file(path, {.max_header_bytes = safetensors::unknown_size})](
             const std::vector<name_ref>& names) {
    std::uint64_t sum = 0;
    for (const name_ref& name : names)
      if (const auto tensor = file.find({name.data, name.size})) sum += tensor->file_range().begin;
    return sum;
  };
}

auto by_unordered_map(const std::string& path) {
  std::unordered_map<std::string, safetensors::byte_range> map;
  const safetensors::header tensors(path, {.max_header_bytes = safetensors::unknown_size});
  for (const safetensors::tensor_info tensor : tensors)
    map.emplace(tensor.name(), tensor.file_range());
  return [map = std::move(map)](const std::vector<name_ref>& names) {
    std::uint64_t sum = 0;
    for (const name_ref& name : names)
      if (const auto at = map.find(std::string(name.data, name.size)); at != map.end())
        sum += at->second.begin;
    return sum;
  };
}

#ifdef BENCH_REFERENCE
auto by_info(const std::string& path) {
  const auto bytes = bytes_in_memory(path);
  const void* metadata = reference_read_metadata(bytes.data(), bytes.size());
  require(metadata != nullptr, "the reference");
  return [=](const std::vector<name_ref>& names) {
    return reference_info(metadata, names.data(), names.size());
  };
}
auto by_tensor(const std::string& path) {
  const auto bytes = bytes_in_memory(path);
  const void* tensors = reference_deserialize(bytes.data(), bytes.size());
  require(tensors != nullptr, "the reference");
  return [=](const std::vector<name_ref>& names) {
    return reference_tensor(tensors, names.data(), names.size());
  };
}
#endif

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench-lookup FOLDER\n");
    return 2;
  }
  const model_folder models(std::filesystem::path(argv[1]) / "lookup");
  const auto add_all = [](const std::string& name, std::size_t count, const std::string& path,
                          bool shuffled) {
    for (const bool hit : {true, false}) {
      add_lookup(name + "/file", count, path, hit, shuffled, by_file);
      add_lookup(name + "/unordered_map", count, path, hit, shuffled, by_unordered_map);
#ifdef BENCH_REFERENCE
      if (count > 100'000) continue;  // over the reference's limit
      add_lookup(name + "/reference info", count, path, hit, shuffled, by_info);
      add_lookup(name + "/reference tensor", count, path, hit, shuffled, by_tensor);
#endif
    }
  };
  for (std::size_t count : {100u, 1'000u, 10'000u, 100'000u, 1'000'000u}) {
    const std::string name = short_count(count), path = models.add(name, count);
    add_all(name, count, path, true);
    if (count >= 100'000) add_all(name + " in order", count, path, false);
  }
  benchmark::RunSpecifiedBenchmarks();
}
