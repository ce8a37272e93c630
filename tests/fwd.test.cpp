// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// First what the header of another program would hold.
#include <safetensors/fwd.hpp>

namespace {

struct bfloat {
  std::uint16_t word;
};

struct layer {
  safetensors::dtype type = safetensors::dtype::bf16;
  std::uint64_t elements = 0;
  void load(const safetensors::header& model, const safetensors::path_ref& tensor);
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

using namespace safetensors;
using namespace testing;

namespace {

void layer::load(const header& model, const path_ref& tensor) {
  type = model[tensor.to_utf8()].dtype();
  elements = model[tensor.to_utf8()].element_count();
}

bool is_broken(const result<void>& outcome, errc rule) {
  return !outcome && outcome.error().code == rule;
}

result<write_plan> plan_of(const layer& each) {
  return write_plan::try_make({{"w", each.type, {each.elements}}});
}

TEST_CASE("what fwd.hpp declares is what the other headers define") {
  const std::vector<bfloat> words(3);
  const auto bytes = try_serialize({tensor_data("w", {3}, words)});
  REQUIRE(bytes);
  const auto model = header::try_parse(*bytes, bytes->size());
  REQUIRE(model);
  layer read;
  read.load(*model, "w");
  CHECK(read.type == dtype::bf16);
  CHECK(read.elements == 3);
  const auto plan = plan_of(read);
  REQUIRE(plan);
  CHECK(plan->file_size() == bytes->size());
  CHECK(is_broken(plan_of({dtype::f4, 3}).has_value() ? result<void>() : errc::partial_byte,
                  errc::partial_byte));
}

}  // namespace
