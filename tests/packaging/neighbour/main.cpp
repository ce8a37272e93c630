// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// One program, two libraries of one namespace: each must answer for itself.   neighbours MODEL
#include "other.hpp"

#include <safetensors/safetensors.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) return std::puts("neighbours MODEL"), 2;
  std::string_view (*volatile dtype_text)(safetensors::dtype) noexcept = safetensors::to_string;
  std::string_view (*volatile error_text)(safetensors::errc) noexcept = safetensors::name;
  const auto opened = safetensors::header::try_open(argv[1]);
  const bool ours = opened && opened->size() == 4 && dtype_text(safetensors::dtype::f32) == "F32" &&
                    error_text(safetensors::errc::header_too_small) == "header_too_small";

  safetensors::safetensors_t other;
  const bool theirs = safetensors::load_from_file(argv[1], &other) && other.tensors.size() == 1 &&
                      other.tensors[0].dtype == "their dtype" && other.warning == "their error" &&
                      other.tensors[0].shape.size() <= safetensors::kMaxDim;

  std::printf("ours %s, theirs %s\n", ours ? "is right" : "is WRONG",
              theirs ? "is right" : "is WRONG");
  return ours && theirs ? 0 : 1;
}
