// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// A program that imports the library, for tests/module/run.sh:
//   program MODEL NEW_FILE
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <ranges>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

import safetensors;

#ifdef SAFETENSORS_VERSION_MAJOR
#error "an import brings no macros"
#endif

// What the headers add to std, and what programs add to the library.
static_assert(std::is_error_code_enum_v<safetensors::errc>);
static_assert(std::ranges::borrowed_range<safetensors::metadata_view>);
enum class bfloat : std::uint16_t {};
template <> struct safetensors::dtype_traits<bfloat> {
  static constexpr auto value = safetensors::dtype::bf16;
};
static_assert(safetensors::element<bfloat> && !safetensors::element<bool>);

// In includes.cpp.
std::size_t count(const safetensors::file& model);

static int fail(const char* what) {
  std::cout << what << '\n';
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::filesystem::path model_path = argv[1], new_path = argv[2];

  const safetensors::file model(model_path);
  const safetensors::tensor_view bias = model["output.bias"];
  const std::span<const float> elements = bias.as<float>();
  std::cout << bias.name() << ' ' << bias.dtype() << ':';
  for (const float element : elements) std::cout << ' ' << element;
  std::cout << '\n';

  if (count(model) != 4) return fail("a file that includes the library sees another model");

  const std::vector<bfloat> halves(4, bfloat{0x3F80});
  safetensors::save(new_path, {{"bias", {elements.size()}, elements}, {"halves", {4}, halves}},
                    {.layout = {.metadata = {{"format", "pt"}}}});
  const safetensors::memory_file copy(new_path);
  if (!std::ranges::equal(copy["bias"].as<float>(), elements)) return fail("the copy differs");
  if (copy["halves"].to_vector<bfloat>() != halves) return fail("the other tensor differs");
  if (copy.metadata().find("format") != "pt") return fail("the metadata differs");
  for (const safetensors::tensor_view tensor : copy)
    std::cout << tensor.name() << ' ' << tensor.dtype() << ' ' << tensor.bytes().size() << '\n';

  auto plan = safetensors::write_plan::make({{"bias", safetensors::dtype::f32, {10}}});
  safetensors::writer out(new_path, std::move(plan));
  out.append("bias", elements);
  out.finish();

  const auto missing = model.try_at("weight");
  if (missing || missing.error().code != safetensors::errc::tensor_not_found)
    return fail("a tensor that is not there was found");
  std::cout << missing.error() << '\n';
  try {
    static_cast<void>(model["output.bias"].as<double>());
    return fail("nothing was thrown");
  } catch (const safetensors::error& error) {
    const std::error_code code = safetensors::errc::dtype_mismatch;
    if (error.code() != code) return fail("another error was thrown");
    std::cout << error.what() << '\n';
  }
}
