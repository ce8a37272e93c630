// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The library without its throwing half, in a program that may have that too: see linking.test.cpp.
#define SAFETENSORS_NO_EXCEPTIONS
#if defined(SAFETENSORS_SEPARATE_COMPILATION) && (defined(__cpp_exceptions) || defined(_CPPUNWIND))
#include <safetensors/src.hpp>  // the program has the bodies of the other kind
#else
#include <safetensors/writer.hpp>
#endif

static_assert(SAFETENSORS_EXCEPTIONS == 0);

std::size_t count_without_exceptions(const char* path) {
  const auto index = safetensors::header::try_open(path);
  return index ? index->size() : 0;
}
const std::error_category& category_without_exceptions() { return safetensors::error_category(); }
