// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <version>
#ifdef __cpp_lib_format
#include <safetensors/format.hpp>
#endif
#if __has_include(<fmt/format.h>)
#define FMT_HEADER_ONLY
#include <fmt/format.h>
#endif

using namespace safetensors;
using namespace testing;

TEST_CASE("std::format takes dtypes, codes and failures as text") {
#ifdef __cpp_lib_format
  CHECK(std::format("{:>6}|{:<5}|{}", dtype::bf16, errc::io, dtype::f8_e4m3) ==
        "  BF16|io   |F8_E4M3");
  const failure what{.code = errc::io, .path = "m", .detail = "cannot open it"};
  CHECK(std::format("{}: {}", what.code, what) == "io: m: cannot open it");
#else
  MESSAGE("skipped: this standard library has no std::format");
#endif
}

TEST_CASE("{fmt} takes dtypes, codes and failures as text") {
#if defined(FMT_VERSION) && FMT_VERSION >= 100000
  CHECK(fmt::format("{:>6}|{:<5}", dtype::bf16, errc::io) == "  BF16|io   ");
  const failure what{.code = errc::io, .path = "m", .detail = "cannot open it"};
  CHECK(fmt::format("{}: {}", what.code, what) == "io: m: cannot open it");
#else
  MESSAGE("skipped: {fmt} is not there, or older than version 10");
#endif
}
