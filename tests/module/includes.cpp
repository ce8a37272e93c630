// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// A file of the program that needs the macros: it includes the library, and imports it too.
#include <safetensors/safetensors.hpp>

#include <cstddef>
#ifdef __cpp_lib_format
#include <safetensors/format.hpp>
#endif

import safetensors;

static_assert(SAFETENSORS_VERSION_MAJOR >= 0);

std::size_t count(const safetensors::file& model) {
#ifdef __cpp_lib_format
  if (std::format("{}", safetensors::dtype::f32) != "F32") return 0;
#endif
  return model.size();
}
