// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Promises that the fuzz targets check.
#pragma once

#include <safetensors/safetensors.hpp>

#include <cstdio>
#include <cstdlib>

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

inline void require(const safetensors::result<void>& done, const char* what) {
  if (!done) std::fprintf(stderr, "%s\n", done.error().message().c_str());
  require(done.has_value(), what);
}

// Whatever went wrong, it can be told.
inline void require_tellable(const safetensors::failure& found) {
  const std::string message = found.message();
  require(message.size() < 2000, "messages are short");
  for (const char c : message)
    require(static_cast<unsigned char>(c) >= 0x20, "messages are one safe line");
  require(safetensors::name(found.code) != "unknown", "codes are known");
}
