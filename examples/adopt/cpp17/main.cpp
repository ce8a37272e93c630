// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Prints what is in a model as JSON.   convert MODEL
#include "third_party/json.hpp"
#include "weights.hpp"

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: convert MODEL\n";
    return 2;
  }
  try {
    const weights model = open_weights(argv[1]);
    nlohmann::json index;
    for (const tensor& each : model.tensors)
      index[each.name] = {{"dtype", each.dtype}, {"shape", each.shape}, {"bytes", each.size}};
    std::cout << index.dump(2) << '\n';
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
