// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The library in the dialects of C++ that Apple's and NVIDIA's programs are written in, for
// tests/dialects.sh:
//   dialects MODEL NEW_FILE
#include <safetensors/safetensors.hpp>
#include <safetensors/writer.hpp>

#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#if defined(__OBJC__)
@class Model;
static Model* unused(id object) { return static_cast<Model*>(object); }
#elif defined(__CUDACC__) || defined(__CUDA__)
static __host__ __device__ int unused(int object) { return object; }
#else
#error "This is for Objective-C++ and CUDA"
#endif

static int fail(const safetensors::failure& why) {
  std::puts(why.message().c_str());
  return 1;
}

// A result of the program's own is made by a conversion, which nvcc writes out.
static safetensors::result<std::vector<float>> read_bias(const safetensors::tensor_view& tensor) {
  if (tensor.ndim() != 1) return safetensors::errc::shape_mismatch;
  const auto elements = tensor.try_as<float>();
  if (!elements) return elements.error();
  return std::vector<float>(elements->begin(), elements->end());
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  static_cast<void>(unused(0));
  const safetensors::file model(argv[1]);
  const auto bias = read_bias(model["output.bias"]);
  if (!bias) return fail(bias.error());

  auto plan = safetensors::write_plan::try_make({{"bias", safetensors::dtype::f32, {bias->size()}}},
                                                {.metadata = {{"format", "pt"}}});
  if (!plan) return fail(plan.error());
  auto out = safetensors::writer::try_create(argv[2], *std::move(plan));
  if (!out) return fail(out.error());
  if (const auto done = out->try_append("bias", *bias); !done) return fail(done.error());
  if (const auto done = out->try_finish(); !done) return fail(done.error());

  const safetensors::memory_file copy(argv[2]);
  const std::span<const float> copied = copy["bias"].as<float>();
  const bool same = std::vector<float>(copied.begin(), copied.end()) == *bias;
  std::printf("%d elements %s\n", static_cast<int>(copied.size()), same ? "copied" : "are wrong");
  return same && copied.size() == 10 ? 0 : 1;
}
