// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include <arrays/arrays.hpp>
#include <safetensors/writer.hpp>

namespace arrays {

std::map<std::string, array> load(const std::string& path) {
  const safetensors::file model(path);
  std::map<std::string, array> named;
  for (const safetensors::tensor_view tensor : model) {
    named[std::string(tensor.name())] = {{tensor.shape().begin(), tensor.shape().end()},
                                         tensor.to_vector<float>()};
  }
  return named;
}

void save(const std::string& path, const std::map<std::string, array>& named) {
  std::vector<safetensors::tensor_data> tensors;
  for (const auto& [name, array] : named) tensors.emplace_back(name, array.shape, array.values);
  safetensors::save(path, tensors);
}

}  // namespace arrays
