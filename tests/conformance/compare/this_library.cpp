// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// This library: file, and the bytes of every tensor. A path per line comes in, an answer per line
// goes out.
#include <safetensors/safetensors.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <string>

namespace {

std::string hex(std::span<const std::byte> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<int>(byte) >> 4];
    text += digits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

nlohmann::json answer(const std::string& path) {
  const auto model = safetensors::file::try_open(path);
  if (!model) return {{"accepted", false}};
  auto tensors = nlohmann::json::array();
  for (const safetensors::tensor_view tensor : *model) {
    const auto [begin, end] = tensor.data_offsets();
    auto shape = nlohmann::json::array();
    for (const std::uint64_t size : tensor.shape()) shape.push_back(size);
    tensors.push_back({{"name", tensor.name()},
                       {"dtype", to_string(tensor.dtype())},
                       {"shape", shape},
                       {"data_offsets", {begin, end}},
                       {"bytes", hex(tensor.bytes())}});
  }
  return {{"accepted", true}, {"tensors", tensors}};
}

}  // namespace

int main() {
  for (std::string path; std::getline(std::cin, path);)
    std::cout << answer(path).dump() << std::endl;
}
