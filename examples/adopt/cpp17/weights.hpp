// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the program knows of safetensors files: C++17, without a type of the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct tensor {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  const std::byte* data;  // valid while weights::file or a copy of it exists
  std::size_t size;
};

struct weights {
  std::vector<tensor> tensors;
  std::shared_ptr<const void> file;
};

weights open_weights(const std::string& path);  // throws std::exception
