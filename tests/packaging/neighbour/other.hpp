// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Stands for another library that calls its namespace safetensors. Its public names are of the kind
// that such libraries have; inside, in other.cpp, it uses ours too.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace safetensors {

constexpr std::size_t kMaxDim = 8;

struct tensor_t {
  std::string dtype;
  std::vector<std::size_t> shape;
};

struct safetensors_t {
  std::vector<tensor_t> tensors;
  std::string warning;
};

bool load_from_file(const std::string& path, safetensors_t* model);

}  // namespace safetensors
