// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include <safetensors/writer.hpp>

#include <algorithm>

int main() {
  const std::vector<float> written{1, 2, 3};
  safetensors::save("test_package.safetensors", {{"values", {3}, written}});
  const safetensors::file model("test_package.safetensors");
  const auto read = model["values"].as<float>();
  return std::ranges::equal(read, written) ? 0 : 1;
}
