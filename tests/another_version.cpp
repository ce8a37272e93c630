// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The library as if it were another version, in a program that has this one too: see
// linking.test.cpp. And as if nlohmann's were one that this library does not know.
#include <nlohmann/json.hpp>
#undef NLOHMANN_JSON_VERSION_MINOR
#define NLOHMANN_JSON_VERSION_MINOR 999
#define v0_2 v0_0
#define v0_2_nothrow v0_0_nothrow
#define v0_2_compiled v0_0_compiled
#define v0_2_compiled_nothrow v0_0_compiled_nothrow
#ifdef SAFETENSORS_SEPARATE_COMPILATION
#include <safetensors/src.hpp>  // the program has the bodies of the true version
#else
#include <safetensors/writer.hpp>
#endif

std::size_t count_by_another_version(const char* path) {
  const auto index = safetensors::header::try_open(path);
  return index ? index->size() : 0;
}
int verdict_of_another_version(std::string_view file) {
  const auto index = safetensors::header::try_parse(std::as_bytes(std::span(file)), file.size());
  return index ? 0 : static_cast<int>(index.error().code);
}
const std::error_category& category_of_another_version() { return safetensors::error_category(); }
