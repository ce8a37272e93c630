// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Computes the norm of each F32 tensor of a model.   engine MODEL
#include <safetensors/safetensors.hpp>

#include <cmath>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: engine MODEL\n";
    return 2;
  }
  const auto model = safetensors::file::try_open(argv[1]);
  if (!model) {
    std::cerr << model.error().message() << '\n';
    return 1;
  }
  for (const safetensors::tensor_view tensor : *model) {
    if (tensor.dtype() != safetensors::dtype::f32) continue;
    const auto values = tensor.try_as<float>();
    if (!values) {
      std::cerr << values.error().message() << '\n';
      return 1;
    }
    float squares = 0;
    for (const float value : *values) squares += value * value;
    std::cout << safetensors::printable(tensor.name()) << ": " << std::sqrt(squares) << '\n';
  }
}
