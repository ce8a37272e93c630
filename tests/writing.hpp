// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the tests of writing share: a small model, and a sink of one's own.
#pragma once

#include "support.hpp"

#include <safetensors/writer.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace testing {

inline const std::vector<float> weights{1, 2, 3, 4, 5, 6};
inline const std::vector<std::uint16_t> words{0x3F80, 0x4000, 0x4040};
inline constexpr std::array<std::int64_t, 1> step{-7};
inline constexpr std::array<bool, 3> flags{true, false, true};

// A small model of several dtypes.
inline std::vector<safetensors::tensor_data> model_data() {
  return {{"weight", {2, 3}, weights},
          {"half", safetensors::dtype::bf16, {3}, words},
          {"step", {}, step},
          {"flags", safetensors::dtype::boolean, {3}, flags},
          {"none", {0, 4}, std::span<const double>()}};
}

inline std::string serialized(const safetensors::tensor_list<safetensors::tensor_data>& tensors,
                              const safetensors::layout_options& options = {}) {
  const auto bytes = safetensors::try_serialize(tensors, options);
  if (!bytes) FAIL_CHECK(bytes.error().message());
  REQUIRE(bytes.has_value());
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

inline std::vector<safetensors::tensor_spec> specs_of(
    const std::vector<safetensors::tensor_data>& tensors) {
  return {tensors.begin(), tensors.end()};
}

inline void check_ok(const safetensors::result<void>& done) {
  if (!done) FAIL_CHECK(done.error().message());
}

// A sequential sink of one's own, as large as is allowed.
struct small_sink {
  std::string* bytes;
  std::size_t room;
  std::error_code write(std::span<const std::byte> next) {
    if (next.size() > room - bytes->size())
      return std::make_error_code(std::errc::no_space_on_device);
    bytes->append(reinterpret_cast<const char*>(next.data()), next.size());
    return {};
  }
};

}  // namespace testing
