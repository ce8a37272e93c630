// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include <safetensors/safetensors.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  const auto model = safetensors::file::try_open(argc > 1 ? argv[1] : "");
  if (!model) return std::puts(model.error().message().c_str()), 1;
  std::printf("%zu tensors\n", model->size());
  return model->empty() ? 1 : 0;
}
