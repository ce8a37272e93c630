// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Every other file of this program includes the header too: that they link shows that nothing is
// defined twice. Here it meets what surrounds it in other people's programs.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <variant>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#define near
#define far
#define small char
#define interface struct
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define ERROR 0
#define IN
#define OUT
#define I 1
#define VOID void
#include <safetensors/safetensors.hpp>
#undef near
#undef far
#undef small
#undef interface
#undef min
#undef max
#undef ERROR
#undef IN
#undef OUT
#undef I
#undef VOID

#include "support.hpp"

// Another library uses the same name for its namespace.
namespace safetensors {
struct tensor_t {
  int dtype;
};
}  // namespace safetensors

TEST_CASE("only the version is left behind as macros") {
#if defined(SAFETENSORS_DETAIL_THROWS) || defined(SAFETENSORS_DETAIL_ABI)
  FAIL("an internal macro was left behind");
#endif
  CHECK(SAFETENSORS_VERSION_MAJOR + SAFETENSORS_VERSION_MINOR + SAFETENSORS_VERSION_PATCH > 0);
}

using namespace safetensors;

TEST_CASE("the names do not collide with POSIX under a using-directive") {
  const header none;
  CHECK(none.empty());
  CHECK(safetensors::tensor_t{1}.dtype == 1);
}
