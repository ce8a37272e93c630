// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "writing.hpp"

#include <string>
#include <vector>

using namespace safetensors;
using namespace testing;

TEST_CASE("elements may be given with their dtype, and lists as spans") {
  const std::vector<tensor_data> tensors{{"weight", dtype::f32, {2, 3}, weights}};
  const std::string wanted = serialized({{"weight", {2, 3}, weights}});
  CHECK(serialized(tensors) == wanted);
  CHECK(serialized(std::span(tensors)) == wanted);
  std::vector<tensor_spec> specs(tensors.begin(), tensors.end());
  CHECK(write_plan::try_make(std::span(specs)).has_value());
  CHECK(write_plan::try_make(std::span<const tensor_spec, 1>(specs)).has_value());
}

TEST_CASE("fields of a tensor that are changed are those that count") {
  const auto code_of_tensor = [](const tensor_data& tensor) {
    const auto bytes = try_serialize({tensor});
    return bytes ? errc() : bytes.error().code;
  };
  tensor_data tensor("w", dtype::f64, {2, 3}, weights);
  CHECK(tensor.elements == dtype::f32);
  CHECK(tensor.word_bytes == 4);
  const auto wrong = try_serialize({tensor});
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code == errc::dtype_mismatch);
  CHECK(wrong.error().tensor == "w");
  CHECK(says(wrong.error(), {"F64", "the elements are F32"}));

  tensor.dtype = dtype::f32;
  CHECK(serialized({tensor}) == serialized({{"w", {2, 3}, weights}}));
  tensor.shape = {6};
  CHECK(serialized({tensor}) == serialized({{"w", {6}, weights}}));

  const std::vector<double> doubles(6, 1.5);
  tensor.dtype = dtype::f64;
  tensor.bytes = std::as_bytes(std::span(doubles));
  CHECK(code_of_tensor(tensor) == errc::dtype_mismatch);  // it says that they are F32
  tensor.elements = dtype::f64;
  CHECK(code_of_tensor(tensor) == errc::dtype_mismatch);  // in words of F32's width
  tensor.word_bytes = 8;
  CHECK(serialized({tensor}) == serialized({{"w", {6}, doubles}}));
  tensor.elements.reset();
  CHECK(serialized({tensor}) == serialized({{"w", {6}, doubles}}));

  // Bytes as in a file are of the dtype that is written, whatever the elements were.
  const std::string in_file(48, 'x');
  tensor.bytes = std::as_bytes(std::span(in_file));
  tensor.word_bytes = 1;
  tensor.elements = dtype::f32;
  CHECK(serialized({tensor}).ends_with(in_file));
  CHECK(code_of_tensor({"w", {5}, doubles}) == errc::size_mismatch);
}

TEST_CASE("a tensor knows the dtype of elements, not of words, of bytes and of what was read") {
  CHECK(tensor_data("w", {2, 3}, weights).elements == dtype::f32);
  CHECK(tensor_data("w", dtype::f32, {2, 3}, weights).elements == dtype::f32);
  CHECK(tensor_data("w", {}, step).elements == dtype::i64);
  CHECK_FALSE(tensor_data("w", dtype::bf16, {3}, words).elements.has_value());
  CHECK_FALSE(tensor_data("w", dtype::f32, {6}, std::as_bytes(std::span(weights))).elements);
  const std::string bytes = serialized(model_data());
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(model.has_value());
  const tensor_data read(*model->find("weight"));
  CHECK_FALSE(read.elements.has_value());
  CHECK(read.word_bytes == 1);
}

TEST_CASE("descriptions and options are compared") {
  const tensor_spec spec("w", dtype::f32, {2, 3});
  CHECK(spec == tensor_spec("w", dtype::f32, {2, 3}));
  CHECK(spec != tensor_spec("v", dtype::f32, {2, 3}));
  CHECK(spec != tensor_spec("w", dtype::i32, {2, 3}));
  CHECK(spec != tensor_spec("w", dtype::f32, {3, 2}));
  static_assert(!std::equality_comparable<tensor_data>);
  CHECK(write_options{} == write_options{});
  CHECK(write_options{.layout = {.metadata = {{"a", "b"}}}} != write_options{});
  CHECK(write_options{.output = {.durable = true}} != write_options{});
  CHECK(read_options{} == read_options{});
  CHECK(layout_options{.data_alignment = 64} != layout_options{});
}
