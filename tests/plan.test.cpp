// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The plan: what a file will look like, checked before a byte is written.
#include "support.hpp"

#include <safetensors/writer.hpp>

using namespace safetensors;
using namespace testing;

namespace {

// The header as text, without its length.
std::string header_text(const write_plan& plan) {
  const auto bytes = plan.header_bytes();
  return {reinterpret_cast<const char*>(bytes.data()) + 8, bytes.size() - 8};
}

std::string planned_text(list_of<tensor_spec> tensors, const layout_options& options = {}) {
  const auto plan = write_plan::try_make(tensors, options);
  if (!plan) FAIL_CHECK(plan.error().message());
  REQUIRE(plan.has_value());
  return header_text(*plan);
}

failure refused(list_of<tensor_spec> tensors, const layout_options& options = {}) {
  const auto plan = write_plan::try_make(tensors, options);
  REQUIRE_FALSE(plan.has_value());
  return plan.error();
}

std::vector<std::string> order_of(const header& tensors) {
  std::vector<std::string> names;
  for (const tensor_info tensor : tensors) names.emplace_back(tensor.name());
  return names;
}

constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();

}  // namespace

TEST_CASE("headers are compact, in the reference's field order, and padded to a multiple of 8") {
  CHECK(planned_text({{"attn.0", dtype::f32, {1, 2, 3}}}) ==
        R"({"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}})");
  CHECK(planned_text({{"attn0", dtype::f32, {1, 1, 2, 3}}}) ==
        R"({"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       )");
  CHECK(planned_text({{"test", dtype::i32, {2, 2}}}) ==
        R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}    )");
  CHECK(planned_text({}, {.metadata = {{"framework", "pt"}}}) ==
        R"({"__metadata__":{"framework":"pt"}}     )");
  CHECK(planned_text({}) == "{}      ");
}

TEST_CASE("an empty metadata map is no metadata") {
  CHECK(planned_text({}, {.metadata = {}}) == "{}      ");
}

TEST_CASE("metadata comes first, sorted by the bytes of its keys") {
  CHECK(planned_text({{"w", dtype::u8, {}}}, {.metadata = {{"b", "2"}, {"ä", "3"}, {"a", "1"}}})
            .starts_with(R"({"__metadata__":{"a":"1","b":"2","ä":"3"},"w":{)"));
}

TEST_CASE("canonical order is dtypes by rank, highest first, then names by bytes") {
  std::vector<tensor_spec> specs;
  for (int type = 0; type <= static_cast<int>(dtype::u64); ++type)
    for (const char* name : {"b", "a.10", "a.2", "Z", "ä"})
      specs.emplace_back(name + std::to_string(type), static_cast<dtype>(type), shape_ref{8});
  const auto plan = write_plan::try_make(specs);
  REQUIRE(plan.has_value());
  int previous_order = 1000;
  std::string previous_name;
  for (const tensor_info tensor : plan->header()) {
    const int order = write_order(tensor.dtype());
    CHECK(order <= previous_order);
    if (order == previous_order) CHECK(previous_name < tensor.name());
    previous_order = order;
    previous_name = tensor.name();
  }
  CHECK(plan->header().size() == specs.size());
}

TEST_CASE("tensors as given keep their order, empty ones too") {
  const auto plan = write_plan::try_make(
      {{"small", dtype::boolean, {3}}, {"none", dtype::f64, {0, 5}}, {"large", dtype::u64, {2}}},
      {.order = tensor_order::as_given});
  REQUIRE(plan.has_value());
  CHECK(order_of(plan->header()) == std::vector<std::string>{"small", "none", "large"});
  CHECK(plan->header().find("large")->data_offsets() == byte_range{3, 19});
  CHECK(plan->header().find("none")->data_offsets() == byte_range{3, 3});
}

TEST_CASE("strings are escaped as the reference does") {
  std::string name;
  for (char c = 0; c < 0x20; ++c) name += c;
  name += "\"\\/\x7fé€🤗";
  CHECK(
      planned_text({{name, dtype::u8, {0}}}, {.metadata = {{name, name}}})
          .find(R"("\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f)"
                R"(\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c)"
                R"(\u001d\u001e\u001f\"\\/)"
                "\x7fé€🤗\"") != std::string::npos);
}

TEST_CASE("the plan is the header that a reader finds") {
  const metadata_map metadata{{"", "\"quoted\"\n"}, {"key\\", ""}};
  const auto plan = write_plan::try_make({{"a\"b\n", dtype::f32, {2, 0, most}},
                                          {"", dtype::f4, {3, 2}},
                                          {"scalar", dtype::c64, {}},
                                          {std::string_view("nul\0inside", 10), dtype::i8, {5}}},
                                         {.metadata = metadata});
  REQUIRE(plan.has_value());
  const auto bytes = plan->header_bytes();
  const auto read = header::try_parse(bytes, plan->file_size());
  if (!read) FAIL_CHECK(read.error().message());
  REQUIRE(read.has_value());
  CHECK(order_of(*read) == order_of(plan->header()));
  for (const tensor_info wanted : *read) {
    const auto found = plan->header().find(wanted.name());
    REQUIRE(found.has_value());
    CHECK(found->matches(wanted.dtype(), wanted.shape()));
    CHECK(found->file_range() == wanted.file_range());
  }
  CHECK(read->metadata().to_map() == metadata);
  CHECK(plan->header().metadata().to_map() == metadata);
  CHECK(plan->header().data_start() == bytes.size());
  CHECK(plan->file_size() == read->file_size());
}

TEST_CASE("data starts at a multiple of data_alignment, by padding of the header alone") {
  for (const std::uint64_t alignment : {1u, 2u, 4u, 8u, 64u, 4096u, 1u << 20}) {
    const auto plan = write_plan::try_make({{"w", dtype::u8, {3}}}, {.data_alignment = alignment});
    REQUIRE(plan.has_value());
    CHECK(plan->header().data_start() % alignment == 0);
    CHECK(plan->header().data_start() % 8 == 0);
    CHECK(plan->header().data_start() <
          std::max<std::uint64_t>(alignment, 8) + 72);  // never more than it needs
    CHECK(header::try_parse(plan->header_bytes(), plan->file_size()).has_value());
  }
}

TEST_CASE("specs are made of headers, and of shapes in integers of any type") {
  const auto model = parse(make_tensor_file("BF16", "[2,3]", 12));
  REQUIRE(model.has_value());
  const std::vector<tensor_spec> specs(model->begin(), model->end());
  CHECK(specs[0].name == "t");
  CHECK(specs[0].dtype == dtype::bf16);
  CHECK(specs[0].shape == std::vector<std::uint64_t>{2, 3});
  const int rows = 7;
  const std::vector<long> sizes{7, 8};
  CHECK(tensor_spec("w", dtype::u8, {rows, 8u}).shape == tensor_spec("w", dtype::u8, sizes).shape);
}

TEST_CASE("a plan that cannot be read again is refused, with its rule and its tensor") {
  const auto refusal = [](std::string_view name, dtype type, shape_ref shape) {
    const failure found = refused({{"fine", dtype::f32, {2}}, {name, type, shape}});
    CHECK(found.tensor == name);
    CHECK(found.offset == failure::no_offset);
    return found.code;
  };
  CHECK(refusal("\xff", dtype::u8, {}) == errc::invalid_utf8);
  CHECK(refusal("cut \xe2\x82", dtype::u8, {}) == errc::invalid_utf8);
  CHECK(refusal("surrogate \xed\xa0\x80", dtype::u8, {}) == errc::invalid_utf8);
  CHECK(refusal("__metadata__", dtype::u8, {}) == errc::reserved_name);
  CHECK(refusal("no dtype", static_cast<dtype>(77), {}) == errc::unknown_dtype);
  CHECK(refusal("fine", dtype::u8, {}) == errc::duplicate_tensor);
  CHECK(refusal("negative", dtype::u8, {0, -1}) == errc::invalid_shape);
  CHECK(refusal("product", dtype::u8, {most, most, 0}) == errc::size_overflow);
  CHECK(refusal("bits", dtype::u8, {most / 8 + 1}) == errc::size_overflow);
  CHECK(refusal("half a byte", dtype::f4, {3}) == errc::partial_byte);
  CHECK(refusal("scalar of 6 bits", dtype::f6_e2m3, {}) == errc::partial_byte);
}

TEST_CASE("a negative size is kept as 2^64-1, in integers of any width, and is told as negative") {
  const auto check_negative = [](const tensor_spec& spec) {
    CHECK(spec.shape == std::vector<std::uint64_t>{2, most});
    const failure found = refused({{"fine", dtype::f32, {2}}, spec});
    CHECK(found.code == errc::invalid_shape);
    CHECK(says(found, {"tensor \"w\"", "negative"}));
  };
  const auto check_all = [&]<class Integer>(Integer) {
    for (const Integer size : {Integer(-1), Integer(-3), (std::numeric_limits<Integer>::min)()}) {
      check_negative({"w", dtype::f32, {2, size}});
      check_negative({"w", dtype::f32, std::vector<Integer>{2, size}});
    }
  };
  check_all(std::int8_t());
  check_all(std::int16_t());
  check_all(0);
  check_all(0L);
  check_all(0LL);
}

TEST_CASE("a negative size counts only as long as the shape holds one") {
  const auto is_refused = [](const tensor_spec& spec) {
    const auto plan = write_plan::try_make({spec});
    return !plan && plan.error().code == errc::invalid_shape;
  };
  tensor_spec spec("w", dtype::f32, {-1, 3});
  CHECK(is_refused(spec));
  const tensor_spec copy = spec;
  spec.shape[1] = 4;
  CHECK(is_refused(spec));
  spec.shape = {2, 3};
  CHECK(planned_text({spec}) == planned_text({{"w", dtype::f32, {2, 3}}}));
  CHECK(is_refused(copy));
  spec = copy;
  CHECK(is_refused(spec));
  spec.shape[0] = 2;
  CHECK(planned_text({spec}) == planned_text({{"w", dtype::f32, {2, 3}}}));
  spec.shape.clear();
  CHECK(planned_text({spec}) == planned_text({{"w", dtype::f32, {}}}));

  // One that is put in as a huge size is that, and no product with 0 hides it.
  tensor_spec huge("w", dtype::f32, {2, 3});
  huge.shape = {most, 3};
  CHECK(refused({huge}).code == errc::size_overflow);
  huge.shape = {most, 0};
  CHECK(planned_text({huge}).find("[18446744073709551615,0]") != std::string::npos);
  huge = tensor_spec("w", dtype::f32, {-1, 0});
  CHECK(is_refused(huge));
}

TEST_CASE("names beside __metadata__ are names") {
  CHECK(write_plan::try_make({{"__metadata__ ", dtype::u8, {}}, {"__METADATA__", dtype::u8, {}}})
            .has_value());
}

TEST_CASE("tensors that overflow together are refused, and the one that does not fit is named") {
  const std::uint64_t quarter = most / 8;  // as many bits as 64 bits can count, in bytes
  std::vector<tensor_spec> specs;
  for (int i = 0; i < 9; ++i)
    specs.emplace_back("t" + std::to_string(i), dtype::u8, std::vector<std::uint64_t>{quarter});
  const failure found = refused(specs);
  CHECK(found.code == errc::size_overflow);
  CHECK(found.tensor == "t8");
  specs.pop_back();  // now they fit, but the header before them does not
  CHECK(refused(specs).code == errc::size_overflow);
}

TEST_CASE("metadata that is not UTF-8 is refused, and its key is told") {
  failure found = refused({}, {.metadata = {{"k\xff", "v"}}});
  CHECK(found.code == errc::invalid_utf8);
  CHECK(says(found, {"the metadata key \"k\\xff\""}));
  found = refused({}, {.metadata = {{"k", "\xff"}}});
  CHECK(found.code == errc::invalid_utf8);
  CHECK(says(found, {"the value of \"k\""}));
}

TEST_CASE("an alignment that is no power of two, or too large, is refused") {
  for (const std::uint64_t alignment : {std::uint64_t{0}, std::uint64_t{24}, most}) {
    const failure found = refused({}, {.data_alignment = alignment});
    CHECK(found.code == errc::invalid_option);
    CHECK(says(found, {"not a power of two"}));
  }
  CHECK(refused({}, {.data_alignment = 1u << 27}).code == errc::header_too_large);
  CHECK(refused({}, {.data_alignment = std::uint64_t{1} << 63}).code == errc::header_too_large);
}

TEST_CASE("a header over the limit is refused, padding counted, and one at the limit is not") {
  const tensor_spec spec{"w", dtype::u8, {}};  // 48 bytes, padded to 56
  const std::size_t padded = planned_text({spec}).size();
  CHECK(write_plan::try_make({spec}, {.max_header_bytes = padded}).has_value());
  const failure found = refused({spec}, {.max_header_bytes = padded - 1});
  CHECK(found.code == errc::header_too_large);
  CHECK(found.message().find("the limit is " + std::to_string(padded - 1)) != std::string::npos);
}

TEST_CASE("100,001 tensors and a rank of 1,000 are planned") {
  std::vector<tensor_spec> specs;
  for (int i = 0; i < 100'001; ++i)
    specs.emplace_back("layers." + std::to_string(i), dtype::bf16, shape_ref{2, 3});
  specs.emplace_back("deep", dtype::u8, std::vector<std::uint64_t>(1000, 1));
  const auto plan = write_plan::try_make(specs);
  REQUIRE(plan.has_value());
  CHECK(plan->header().size() == 100'002);
  CHECK(plan->header().find("layers.100000")->byte_size() == 12);
  CHECK(plan->header().find("deep")->ndim() == 1000);
  CHECK(header::try_parse(plan->header_bytes(), plan->file_size()).has_value());
}

#if SAFETENSORS_EXCEPTIONS
TEST_CASE("make throws what try_make returns") {
  CHECK(write_plan::make({{"w", dtype::u8, {2}}}).file_size() == 8 + 56 + 2);
  try {
    (void)write_plan::make({{"w", dtype::f4, {1}}});
    FAIL("a failure was expected");
  } catch (const error& thrown) {
    CHECK(thrown.info().code == errc::partial_byte);
    CHECK(std::string_view(thrown.what()) == thrown.info().message());
    CHECK(says(thrown.info(), {"tensor \"w\"", "F4 [1]", "4 bits"}));
  }
}
#endif
