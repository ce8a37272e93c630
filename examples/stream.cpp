// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writes a model that may be larger than memory: the plan says what will be in the file, then its
// bytes are made and appended one chunk at a time. Memory is that of one chunk.
#include <safetensors/writer.hpp>

#include <charconv>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

int main(int argc, char** argv) {
  std::uint32_t mebibytes = 0;
  const std::string_view size = argc == 3 ? argv[2] : "1024";
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), mebibytes);
  if (argc < 2 || argc > 3 || error != std::errc() || end != size.data() + size.size()) {
    std::cerr << "usage: example-stream FILE [MEBIBYTES]\n";
    return 2;
  }
  try {
    constexpr std::uint64_t layers = 4, columns = 1024, chunk_rows = 256;  // of floats: 1 MiB
    std::vector<safetensors::tensor_spec> tensors;
    for (std::uint64_t i = 0; i < layers; ++i) {
      const auto rows = safetensors::shard_range(mebibytes * chunk_rows, i, layers, chunk_rows);
      tensors.push_back({"layers." + std::to_string(i) + ".weight",
                         safetensors::dtype::f32,
                         {rows.end - rows.begin, columns}});
    }
    // All that could be wrong with the model is found here, before there is a file.
    auto plan = safetensors::write_plan::make(tensors);
    safetensors::writer out(std::filesystem::path(argv[1]), std::move(plan));

    std::vector<float> chunk(chunk_rows * columns);
    float first = 0;
    for (const safetensors::tensor_info tensor : out.plan().header()) {
      while (out.remaining(tensor.name()) != 0) {
        std::iota(chunk.begin(), chunk.end(), first++);  // a real program computes something here
        out.append(tensor.name(), chunk);
      }
      std::cout << tensor.name() << ": " << tensor.byte_size() << " bytes\n";
    }
    out.finish();  // without it, no file is left behind
    std::cout << out.plan().file_size() << " bytes in all, never more than "
              << chunk.size() * sizeof(float) << " at once\n";
  } catch (const std::exception& failed) {  // of any kind, so that an unfinished file is removed
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
