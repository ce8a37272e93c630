// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// How long does it take to go through all tensors, for their names and the sizes of their bytes?
//   bench-iterate FOLDER     the folder: for the models
#include "support.hpp"

using namespace bench;

namespace {

// prepare(path) returns what goes through the file and tells a sum of what it saw.
template <class Prepare> void add_walk(const std::string& name, std::size_t count,
                                       const std::string& path, Prepare prepare) {
  add(name, count, [=] {
    return [walk = prepare(path), count] {
      std::uint64_t sum = 0;
      const double took = seconds([&] { sum = walk(); });
      require(sum > count, "iteration");
      return took;
    };
  });
}

auto through_file(const std::string& path) {
  return [file = safetensors::file(path, {.max_header_bytes = safetensors::unknown_size})] {
    std::uint64_t sum = 0;
    for (const safetensors::tensor_view tensor : file)
      sum += tensor.name().size() + tensor.bytes().size();
    return sum;
  };
}

#ifdef BENCH_REFERENCE
auto through_tensors(const std::string& path) {
  const auto bytes = bytes_in_memory(path);
  const void* tensors = reference_deserialize(bytes.data(), bytes.size());
  require(tensors != nullptr, "the reference");
  return [=] { return reference_iter(tensors); };
}
auto through_offset_keys(const std::string& path) {
  const auto bytes = bytes_in_memory(path);
  const void* metadata = reference_read_metadata(bytes.data(), bytes.size());
  require(metadata != nullptr, "the reference");
  return [=] { return reference_in_order(metadata); };
}
#endif

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench-iterate FOLDER\n");
    return 2;
  }
  const model_folder models(std::filesystem::path(argv[1]) / "iterate");
  for (std::size_t count : {100u, 1'000u, 10'000u, 100'000u, 1'000'000u}) {
    const std::string name = short_count(count), path = models.add(name, count);
    add_walk(name + "/file", count, path, through_file);
#ifdef BENCH_REFERENCE
    if (count > 100'000) continue;  // over the reference's limit
    add_walk(name + "/reference", count, path, through_tensors);
    add_walk(name + "/reference in data order", count, path, through_offset_keys);
#endif
  }
  benchmark::RunSpecifiedBenchmarks();
}
