// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include <arrays/arrays.hpp>
#include <safetensors/writer.hpp>

namespace arrays {

model load(const std::string& path) {
  const safetensors::file file(path);
  model loaded{{}, file.metadata().to_map()};
  for (const safetensors::tensor_view tensor : file) {
    loaded.arrays[std::string(tensor.name())] = {std::string(to_string(tensor.dtype())),
                                                 {tensor.shape().begin(), tensor.shape().end()},
                                                 {tensor.bytes().begin(), tensor.bytes().end()}};
  }
  return loaded;
}

void save(const std::string& path, const model& from) {
  std::vector<safetensors::tensor_data> tensors;
  for (const auto& [name, array] : from.arrays) {
    const auto type = safetensors::dtype_from_string(array.type);
    tensors.emplace_back(name, type.value(), array.shape, array.bytes);
  }
  safetensors::save(path, tensors, {.layout = {.metadata = from.metadata}});
}

}  // namespace arrays
