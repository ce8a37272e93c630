// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writes a model from vectors, then reads it back. The file is complete or not there at all: it
// gets its name when its last byte is written.
#include <safetensors/writer.hpp>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <vector>

template <class Values> void print_values(std::string_view name, const Values& values) {
  std::cout << name << ':';
  for (const auto value : values) std::cout << ' ' << value;
  std::cout << '\n';
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: example-write FILE\n";
    return 2;
  }
  try {
    const std::filesystem::path path = argv[1];
    const std::vector<float> weight = {0.5F, -1.5F, 2, 0.25F, -4, 8};
    const std::vector<std::int64_t> token_ids = {7, -1};
    const std::vector<std::uint16_t> scale = {0x3F80, 0xC000};  // 1 and -2: BF16 is raw words
    // A float is F32 and an int64_t is I64; only raw words need to be told what they are.
    safetensors::save(path,
                      {{"weight", {2, 3}, weight},
                       {"token_ids", {2}, token_ids},
                       {"scale", safetensors::dtype::bf16, {2}, scale}},
                      {.layout = {.metadata = {{"format", "pt"}, {"license", "MIT"}}}});

    const safetensors::file model(path);
    print_values("weight", model["weight"].to_vector<float>());
    print_values("token_ids", model["token_ids"].to_vector<std::int64_t>());
    std::vector<std::uint16_t> words(scale.size());
    model["scale"].copy_bits(words);
    print_values("scale, as words", words);
    for (const auto [key, value] : model.metadata()) std::cout << key << " = " << value << '\n';
  } catch (const safetensors::error& error) {
    std::cerr << error.what() << '\n';  // the file, the tensor, what is wrong with it
    return 1;
  }
}
