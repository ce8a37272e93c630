// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <algorithm>
#include <array>
#include <cstring>

namespace {

// A type of a user's, as wide as F16.
struct half {
  std::uint16_t bits;
};

struct complex {
  float real, imaginary;
};

// Numbers in the file's byte order.
template <class T> std::string little_endian(std::initializer_list<T> values) {
  std::string bytes;
  for (T value : values) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    if constexpr (std::endian::native == std::endian::big)
      std::reverse(std::begin(raw), std::end(raw));
    bytes.append(raw, sizeof(T));
  }
  return bytes;
}

// A file whose data starts at a multiple of 8, and has these bytes for its one tensor "t".
std::string file_with(std::string_view dtype, std::string_view shape, std::string_view bytes,
                      std::string_view before = "") {
  const std::string begin = std::to_string(before.size()),
                    end = std::to_string(before.size() + bytes.size());
  std::string head = "{";
  if (!before.empty())
    head += "\"before\":{\"dtype\":\"U8\",\"shape\":[" + begin + "],\"data_offsets\":[0," + begin +
            "]},";
  head += "\"t\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":" + std::string(shape) +
          ",\"data_offsets\":[" + begin + "," + end + "]}}";
  head.append((8 - head.size() % 8) % 8, ' ');
  return make_file(head) + std::string(before) + std::string(bytes);
}

// Aligned storage, as files in memory have it.
result<basic_file<std::vector<std::uint8_t>>> open(const std::string& file) {
  return basic_file<std::vector<std::uint8_t>>::try_from(
      std::vector<std::uint8_t>(file.begin(), file.end()));
}

// A model with its one tensor, to be looked at within one expression.
struct one_tensor {
  basic_file<std::vector<std::uint8_t>> model;
  tensor_view tensor;
};
one_tensor open_one(std::string_view dtype, std::string_view shape, std::string_view bytes) {
  auto model = open(file_with(dtype, shape, bytes));
  REQUIRE(model.has_value());
  const tensor_view tensor = *model->find("t");
  return {*std::move(model), tensor};
}

constexpr bool little = std::endian::native == std::endian::little;

}  // namespace

template <> struct safetensors::dtype_traits<half> {
  static constexpr dtype value = dtype::f16;
};
template <> struct safetensors::dtype_traits<complex> {
  static constexpr dtype value = dtype::c64;
};

TEST_CASE("as gives the elements where they lie") {
  const auto model = open(file_with("F32", "[2,2]", little_endian({1.0f, -2.5f, 0.0f, 1e30f})));
  REQUIRE(model.has_value());
  const tensor_view tensor = *model->find("t");
  CHECK(tensor.bytes().size() == 16);
  CHECK(tensor.aligned_to(8));
  const auto values = tensor.try_as<float>();
  if (!little) {
    CHECK(values.error().code == errc::foreign_byte_order);
    return;
  }
  REQUIRE(values.has_value());
  CHECK(values->data() == reinterpret_cast<const float*>(tensor.bytes().data()));
  CHECK(std::vector<float>(values->begin(), values->end()) ==
        std::vector<float>{1.0f, -2.5f, 0.0f, 1e30f});
#if defined(__cpp_exceptions)
  CHECK(tensor.as<float>().size() == 4);
  CHECK((*model)["t"].as<float>()[1] == -2.5f);
#endif
}

TEST_CASE("as refuses another dtype, and names both") {
  const auto model = open(file_with("BF16", "[2]", "\x01\x02\x03\x04"));
  const tensor_view tensor = *model->find("t");
  const failure narrow = tensor.try_as<float>().error();
  CHECK(narrow.code == errc::dtype_mismatch);
  CHECK(narrow.tensor == "t");
  CHECK(says(narrow, {"BF16, not F32", "bits<std::uint16_t>()"}));
  CHECK(tensor.try_as<half>().error().code == errc::dtype_mismatch);
}

TEST_CASE("bits gives raw words of any dtype of that width") {
  const auto model = open(file_with("BF16", "[2]", "\x01\x02\x03\x04"));
  const tensor_view tensor = *model->find("t");
  std::array<std::uint16_t, 2> copy{};
  CHECK(tensor.try_copy_bits(copy).has_value());
  CHECK(copy == std::array<std::uint16_t, 2>{0x0201, 0x0403});
  if (little) CHECK((*tensor.try_bits<std::uint16_t>())[1] == 0x0403);
  CHECK(tensor.try_bits<std::uint8_t>().error().code == errc::dtype_mismatch);
  CHECK(says(tensor.try_bits<std::uint32_t>().error(),
             {"BF16 has 16 bits, not 32", "bits<std::uint16_t>()"}));

  const auto flags = open(file_with("BOOL", "[3]", std::string_view("\0\1\2", 3)));
  CHECK((*flags->find("t")->try_bits<std::uint8_t>())[2] == 2);
  const auto nibbles = open(file_with("F4", "[2]", "\x21"));
  CHECK(nibbles->find("t")->try_bits<std::uint8_t>().error().code == errc::dtype_mismatch);
  CHECK(nibbles->find("t")->bytes()[0] == std::byte{0x21});
  const auto complex = open(file_with("C64", "[1]", little_endian({1.0f, 2.0f})));
  std::uint64_t word[1] = {};
  CHECK(complex->find("t")->try_copy_bits(word).has_value());
  CHECK(word[0] == 0x40000000'3F800000u);
}

TEST_CASE("a type of the user's is an element once it has traits") {
  const auto model = open(file_with("F16", "[2]", "\x01\x02\x03\x04"));
  half values[2] = {};
  CHECK(model->find("t")->try_copy_to(values).has_value());
  CHECK(values[1].bits == 0x0403);
  if (little) CHECK((*model->find("t")->try_as<half>())[0].bits == 0x0201);
  const auto number =
      open_one("C64", "[]", little_endian({1.5f, -2.0f})).tensor.try_item<complex>();
  REQUIRE(number.has_value());
  CHECK(number->real == 1.5f);  // on any machine: the two parts keep their places
  CHECK(number->imaginary == -2.0f);
  std::array<std::uint8_t, 2> octets{};
  CHECK(model->find("t")->try_copy_bits(octets).error().code == errc::dtype_mismatch);
}

TEST_CASE("misaligned data has a copying way out") {
  const auto model = open(file_with("F32", "[2]", little_endian({1.5f, 2.5f}), "x"));
  const tensor_view tensor = *model->find("t");
  CHECK_FALSE(tensor.aligned_to(4));
  if (little) {
    const failure found = tensor.try_as<float>().error();
    CHECK(found.code == errc::misaligned_data);
    CHECK(found.tensor == "t");
    CHECK(tensor.try_bits<std::uint32_t>().error().code == errc::misaligned_data);
    CHECK((*tensor.try_slice({})).try_as<float>().error().code == errc::misaligned_data);
    CHECK((*tensor.try_slice({})).try_data<float>().error().code == errc::misaligned_data);
  }
  std::vector<float> values(2);
  CHECK(tensor.try_copy_to(values).has_value());
  CHECK(values == std::vector<float>{1.5f, 2.5f});
  CHECK(*tensor.try_to_vector<float>() == values);
  std::uint32_t words[2];
  CHECK(tensor.try_copy_bits(words).has_value());
  CHECK(words[0] == 0x3FC00000);
}

TEST_CASE("copies are checked for their length") {
  const auto model = open(file_with("I16", "[3]", little_endian<std::int16_t>({-1, 2, 300})));
  const tensor_view tensor = *model->find("t");
  std::vector<std::int16_t> two(2), three(3), four(4);
  CHECK(tensor.try_copy_to(three).has_value());
  CHECK(three == std::vector<std::int16_t>{-1, 2, 300});
  CHECK(tensor.try_copy_to(two).error().code == errc::wrong_length);
  CHECK(says(tensor.try_copy_to(four).error(), {"4 elements", "exactly 3"}));
  std::vector<std::uint16_t> words(4);
  CHECK(tensor.try_copy_bits(words).error().code == errc::wrong_length);
  std::vector<float> floats(3);
  CHECK(tensor.try_copy_to(floats).error().code == errc::dtype_mismatch);
  std::array<std::byte, 6> bytes{};
  CHECK(tensor.try_copy_bytes(bytes).has_value());
  CHECK(std::memcmp(bytes.data(), tensor.bytes().data(), 6) == 0);
  CHECK(tensor.try_copy_bytes(std::span(bytes).first(5)).error().code == errc::wrong_length);
  CHECK(tensor.try_to_vector<float>().error().code == errc::dtype_mismatch);
#if defined(__cpp_exceptions)
  CHECK(tensor.to_vector<std::int16_t>() == three);
  CHECK_NOTHROW(tensor.copy_to(three));
  CHECK_NOTHROW(tensor.copy_bytes(bytes));
  CHECK_NOTHROW(tensor.copy_bits(std::span(words).first(3)));
  CHECK_THROWS_AS(tensor.copy_to(two), error);
  CHECK_THROWS_AS(tensor.copy_bytes(std::span(bytes).first(5)), error);
  CHECK_THROWS_AS(tensor.copy_bits(words), error);
#endif
}

TEST_CASE("item gives the one element") {
  CHECK(*open_one("I64", "[]", little_endian<std::int64_t>({-7})).tensor.try_item<std::int64_t>() ==
        -7);
  CHECK(*open_one("F64", "[1,1]", little_endian({0.25})).tensor.try_item<double>() == 0.25);
  CHECK(open_one("U8", "[2]", "ab").tensor.try_item<std::uint8_t>().error().code ==
        errc::wrong_length);
  CHECK(open_one("U8", "[0]", "").tensor.try_item<std::uint8_t>().error().code ==
        errc::wrong_length);
  CHECK(open_one("U8", "[1]", "a").tensor.try_item<float>().error().code == errc::dtype_mismatch);
}

TEST_CASE("an empty tensor is an empty span, wherever it lies") {
  for (const char* before : {"", "x"}) {
    const auto model = open(file_with("F64", "[0,18446744073709551615]", "", before));
    REQUIRE(model.has_value());
    const tensor_view tensor = *model->find("t");
    CHECK(tensor.bytes().empty());
    CHECK(tensor.element_count() == 0);
    CHECK((*tensor.try_as<double>()).empty());
    CHECK((*tensor.try_bits<std::uint64_t>()).empty());
    CHECK((*tensor.try_to_vector<double>()).empty());
    CHECK(tensor.try_copy_bytes({}).has_value());
    CHECK(tensor.try_copy_to(std::span<double>()).has_value());
  }
}

TEST_CASE("views are small, trivially copyable, and survive the file's move") {
  static_assert(std::is_trivially_copyable_v<tensor_view> &&
                std::is_trivially_copyable_v<tensor_info>);
  static_assert(sizeof(tensor_view) <= 3 * sizeof(void*));
  auto model = open(file_with("U8", "[3]", "abc"));
  const tensor_view tensor = *model->find("t");
  auto moved = *std::move(model);
  const auto other = std::move(moved);
  CHECK(tensor.name() == "t");
  CHECK(std::memcmp(tensor.bytes().data(), "abc", 3) == 0);
  CHECK(moved.empty());  // it is promised
  CHECK(moved.begin() == moved.end());
  CHECK_FALSE(moved.find("t").has_value());
  CHECK(moved.metadata().empty());
  CHECK(moved.header().file_size() == 0);
  CHECK(other.size() == 1);
}

TEST_CASE("matches compares dtype and shape, with wildcards") {
  const auto parsed = parse(make_tensor_file("F32", "[2,3]", 24));
  const tensor_info tensor = *parsed->find("t");
  CHECK(tensor.matches(dtype::f32, {2, 3}));
  CHECK(tensor.matches(dtype::f32, {any_size, 3}));
  CHECK(tensor.matches(dtype::f32, {any_size, any_size}));
  CHECK_FALSE(tensor.matches(dtype::f32, {any_size}));
  CHECK_FALSE(tensor.matches(dtype::f32, {}));
  CHECK_FALSE(tensor.matches(dtype::f32, {3, 2}));
  CHECK_FALSE(tensor.matches(dtype::f16, {2, 3}));
  CHECK_FALSE(tensor.matches(dtype::f32, {-1, 3}));  // no wildcard: NumPy's -1 is not ours
  CHECK(tensor.matches(dtype::f32, std::vector<int>{2, 3}));
  CHECK(tensor.matches(dtype::f32, tensor.shape()));
  const auto scalar = parse(make_tensor_file("F32", "[]", 4));
  CHECK(scalar->find("t")->matches(dtype::f32, {}));
}

TEST_CASE("a tensor that is not as expected is named, with both shapes") {
  const auto parsed = parse(make_tensor_file("F32", "[2,3]", 24));
  const tensor_info tensor = *parsed->find("t");
  CHECK(tensor.try_expect(dtype::f32, {any_size, 3}).has_value());
  CHECK(tensor.try_expect(dtype::bf16, {2, 3}).error().code == errc::dtype_mismatch);
  const failure wrong = tensor.try_expect(dtype::f32, {4, any_size, 3}).error();
  CHECK(wrong.code == errc::shape_mismatch);
  CHECK(wrong.tensor == "t");
  CHECK(says(wrong, {"[2,3], not [4,any,3]"}));
}

TEST_CASE("shapes are given in any integer, never truncated") {
  const auto parsed = parse(make_tensor_file("U8", "[0,300,3]", 0));
  const tensor_info tensor = *parsed->find("t");
  CHECK(*tensor.try_shape_as<int>() == std::vector<int>{0, 300, 3});
  CHECK(*tensor.try_shape_as<std::int64_t>() == std::vector<std::int64_t>{0, 300, 3});
  const failure narrow = tensor.try_shape_as<std::uint8_t>().error();
  CHECK(narrow.code == errc::does_not_fit);
  CHECK(narrow.tensor == "t");
  std::int32_t sizes[4] = {-1, -1, -1, -1};
  CHECK(*tensor.try_copy_shape(sizes) == 3);
  CHECK(sizes[1] == 300);
  CHECK(sizes[3] == -1);
  CHECK(tensor.try_copy_shape(std::span(sizes, 2)).error().code == errc::does_not_fit);
#if defined(__cpp_exceptions)
  CHECK(tensor.shape_as<long>() == std::vector<long>{0, 300, 3});
  CHECK(tensor.copy_shape(sizes) == 3);
  CHECK_THROWS_AS((void)tensor.shape_as<signed char>(), error);
#endif
}

TEST_CASE("strides of a whole tensor are in elements, and 0 where there are none") {
  const auto strides = [](std::string_view shape, std::size_t bytes) {
    const auto index = parse(make_tensor_file("U8", shape, bytes));
    REQUIRE(index.has_value());
    return *index->find("t")->try_strides();
  };
  CHECK(strides("[2,3,4]", 24) == std::vector<std::uint64_t>{12, 4, 1});
  CHECK(strides("[5]", 5) == std::vector<std::uint64_t>{1});
  CHECK(strides("[]", 1).empty());
  CHECK(strides("[2,0,3]", 0) == std::vector<std::uint64_t>{0, 0, 0});
  // As those of the slice that is all of the tensor.
  const auto index = parse(make_tensor_file("U8", "[2,3,4]", 24));
  const auto whole = index->find("t")->try_slice({});
  CHECK(std::ranges::equal(whole->strides(), *index->find("t")->try_strides()));
}

TEST_CASE("a view is empty by default, and takes another") {
  tensor_info info;
  CHECK(info.name().empty());
  CHECK(info.shape().empty());
  CHECK(info.try_strides().value_or({1}).empty());
  CHECK(info.byte_size() == 0);
  CHECK(info.element_count() == 0);
  CHECK(info.data_offsets() == byte_range{0, 0});
  tensor_view view;
  const std::uint8_t byte = 0;
  CHECK(view.bytes().empty());
  CHECK(view.try_bits<std::uint8_t>().value_or(std::span(&byte, 1)).empty());
  CHECK(view.try_as<float>().error().code == errc::dtype_mismatch);
  CHECK(view.try_slice({}).value_or(slice_view()).run_count() == 0);
  CHECK_FALSE(view.try_item<std::int8_t>().has_value());

  const std::string bytes = make_tensor_file("U8", "[2,3]", 6);
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(model.has_value());
  view = *model->find("t");
  info = view;
  CHECK(info.name() == "t");
  CHECK(view.bytes().size() == 6);
}
