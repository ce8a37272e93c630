// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#ifdef CONSUMER_IS_COMPILED
#ifndef SAFETENSORS_SEPARATE_COMPILATION
#error "safetensors::compiled must say that the bodies are compiled elsewhere"
#endif
#elif defined(SAFETENSORS_SEPARATE_COMPILATION)
#error "safetensors::safetensors must be header-only"
#endif
#include <safetensors/writer.hpp>

#include <algorithm>
#include <cstdio>

int failed(const safetensors::failure& failure) {
  std::puts(failure.message().c_str());
  return 1;
}

// Reads a model, writes it again, and reads that back.   consumer MODEL COPY
int main(int argc, char** argv) {
  if (argc != 3) return std::puts("consumer MODEL COPY"), 2;
  const auto model = safetensors::file::try_open(argv[1]);
  if (!model) return failed(model.error());
  const std::vector<safetensors::tensor_data> tensors(model->begin(), model->end());
  if (const auto saved = safetensors::try_save(argv[2], tensors); !saved)
    return failed(saved.error());
  const auto copy = safetensors::file::try_open(argv[2]);
  if (!copy) return failed(copy.error());

  using view = safetensors::tensor_view;
  const bool same = std::ranges::equal(*model, *copy, [](view one, view other) {
    return one.name() == other.name() && one.dtype() == other.dtype() &&
           std::ranges::equal(one.shape(), other.shape()) &&
           std::ranges::equal(one.bytes(), other.bytes());
  });
  std::printf("%zu tensors, %s in the copy\n", model->size(), same ? "the same" : "others");
  return same && !model->empty() ? 0 : 1;
}
