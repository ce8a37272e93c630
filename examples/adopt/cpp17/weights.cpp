// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The one file that is C++20.
#include "weights.hpp"

#include <safetensors/safetensors.hpp>

weights open_weights(const std::string& path) {
  const auto file = std::make_shared<const safetensors::file>(path);
  weights opened{{}, file};
  for (const safetensors::tensor_view view : *file) {
    opened.tensors.push_back({std::string(view.name()),
                              std::string(to_string(view.dtype())),
                              {view.shape().begin(), view.shape().end()},
                              view.bytes().data(),
                              view.bytes().size()});
  }
  return opened;
}
