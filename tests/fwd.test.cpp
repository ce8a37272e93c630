// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// First what the header of another program would hold.
#include <safetensors/fwd.hpp>

#include <cstddef>
#include <span>
#include <system_error>

namespace {

template <class... Types> struct types {};
using reader = std::error_code (*)(std::uint64_t, std::span<std::byte>);

using named = types<
    safetensors::failure, safetensors::result<int>, safetensors::list_of<int>,
    safetensors::shape_ref, safetensors::path_ref, safetensors::byte_range, safetensors::dim_range,
    safetensors::read_options, safetensors::open_options, safetensors::metadata_view,
    safetensors::file_run_range, safetensors::tensor_list<safetensors::tensor_spec>,
    safetensors::tensor_info, safetensors::tensor_view, safetensors::slice_layout,
    safetensors::slice_view, safetensors::tensor_collection<safetensors::tensor_view>,
    safetensors::function_source<reader>, safetensors::file_source, safetensors::entry_field,
    safetensors::header, safetensors::mapped_bytes, safetensors::owned_bytes, safetensors::file,
    safetensors::memory_file, safetensors::tensor_spec, safetensors::tensor_data,
    safetensors::layout_options, safetensors::output_options, safetensors::write_options,
    safetensors::write_plan, safetensors::file_sink, safetensors::writer>;

struct bfloat {
  std::uint16_t word;
};

struct layer {
  safetensors::dtype type = safetensors::dtype::bf16;
  std::uint64_t elements = 0;
  void load(const safetensors::header& model);
};

bool is_broken(const safetensors::result<void>& outcome, safetensors::errc rule);
safetensors::result<safetensors::write_plan> plan_of(const layer& each);

}  // namespace

template <> struct safetensors::dtype_traits<bfloat> {
  static constexpr dtype value = dtype::bf16;
};

// Then its source file.
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <vector>

using namespace safetensors;
using namespace testing;

namespace {

template <class... Types> constexpr bool are_defined(types<Types...>) {
  return ((sizeof(Types) > 0) && ...);
}
static_assert(are_defined(named()));

void layer::load(const header& model) {
  type = model.begin()->dtype();
  elements = model.begin()->element_count();
}

bool is_broken(const result<void>& outcome, errc rule) {
  return !outcome && outcome.error().code == rule;
}

result<write_plan> plan_of(const layer& each) {
  return write_plan::try_make({{"w", each.type, {each.elements}}});
}

TEST_CASE("what is declared by fwd.hpp alone is what the other headers define") {
  const std::vector<bfloat> words(3);
  const auto bytes = try_serialize({tensor_data("w", {3}, words)});
  REQUIRE(bytes);
  const auto model = header::try_parse(*bytes, bytes->size());
  REQUIRE(model);
  layer read;
  read.load(*model);
  CHECK(read.type == dtype::bf16);
  CHECK(read.elements == 3);
  const auto plan = plan_of(read);
  REQUIRE(plan);
  CHECK(plan->file_size() == bytes->size());
  CHECK(is_broken(try_save("w", {tensor_data("w", {3}, words)}, {.layout = {.data_alignment = 3}}),
                  errc::invalid_option));
}

}  // namespace
