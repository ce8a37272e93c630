// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#ifdef CONSUMER_IS_COMPILED
#ifndef SAFETENSORS_SEPARATE_COMPILATION
#error "safetensors::compiled must say that the bodies are compiled elsewhere"
#endif
#elif defined(SAFETENSORS_SEPARATE_COMPILATION)
#error "safetensors::safetensors must be header-only"
#endif

// Every face. The two single files need no fwd.hpp: to declare little is all that it is for.
#ifndef CONSUMER_HAS_SINGLE_FILES
#include <safetensors/fwd.hpp>

int failed(const safetensors::failure& failure);
bool same(const safetensors::file& one, const safetensors::file& other);
#endif

#include <safetensors/safetensors.hpp>
#include <safetensors/writer.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>
#include <version>
#if defined(__cpp_lib_format) && !defined(CONSUMER_HAS_SINGLE_FILES)
#include <safetensors/format.hpp>
#endif

int failed(const safetensors::failure& failure) {
  std::puts(failure.message().c_str());
  return 1;
}

bool same(const safetensors::file& one, const safetensors::file& other) {
  using view = safetensors::tensor_view;
  return std::ranges::equal(one, other, [](view left, view right) {
    return left.name() == right.name() && left.dtype() == right.dtype() &&
           std::ranges::equal(left.shape(), right.shape()) &&
           std::ranges::equal(left.bytes(), right.bytes());
  });
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
  const bool equal = same(*model, *copy);
  std::printf("%zu tensors, %s in the copy\n", model->size(), equal ? "the same" : "others");
  return equal && !model->empty() ? 0 : 1;
}
