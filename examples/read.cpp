// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Opens a file and lists what is in it: each tensor's name, dtype, shape and bytes, and the
// metadata.
#include <safetensors/safetensors.hpp>

#include <cstdint>
#include <filesystem>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: example-read FILE\n";
    return 2;
  }
  try {
    const std::filesystem::path path = argv[1];
    // Maps the file and checks all of its header; after that, nothing below can fail.
    const safetensors::file model(path);

    for (const safetensors::tensor_view tensor : model) {
      // Names come from the file: printable() keeps them from controlling the terminal.
      std::cout << safetensors::printable(tensor.name()) << "  " << to_string(tensor.dtype())
                << "  [";
      const char* separator = "";
      for (const std::uint64_t size : tensor.shape()) {
        std::cout << separator << size;
        separator = ", ";
      }
      std::cout << "]  " << tensor.bytes().size() << " bytes\n";
    }
    for (const auto [key, value] : model.metadata())
      std::cout << safetensors::printable(key) << " = " << safetensors::printable(value) << '\n';
  } catch (const safetensors::error& error) {
    std::cerr << error.what() << '\n';  // the file, the tensor, the broken rule, the byte
    return 1;
  }
}
