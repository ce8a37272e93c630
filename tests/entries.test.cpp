// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace safetensors;
using namespace testing;

// Rules about entries, metadata and the places of tensors.

namespace {

struct fault {
  std::string header;
  std::size_t data_bytes;
  errc code;
  std::optional<std::string> tensor;
  std::string where;  // the error is at this text's first byte
};

void check(const fault& each) {
  CAPTURE(each.header);
  const failure found = failure_of(make_file(each.header, each.data_bytes));
  CHECK(found.code == each.code);
  CHECK(found.tensor == each.tensor);
  CHECK(found.offset == 8 + each.header.find(each.where));
  CHECK_FALSE(found.detail.empty());
}

}  // namespace

TEST_CASE("an entry is an object") {
  for (const char* value : {"1", "-1", "1.5", "\"U8\"", "null", "true", "[]", "[\"U8\",[1],[0,1]]"})
    check({"{\"t\":" + std::string(value) + "}", 0, errc::invalid_entry, "t", value});
}

TEST_CASE("an entry has dtype, shape and data_offsets") {
  check({R"({"t":{}})", 0, errc::missing_field, "t", "t"});
  check({R"({"t":{"shape":[1],"data_offsets":[0,1]}})", 1, errc::missing_field, "t", "t"});
  check({R"({"t":{"dtype":"U8","data_offsets":[0,1]}})", 1, errc::missing_field, "t", "t"});
  check({R"({"t":{"dtype":"U8","shape":[1]}})", 1, errc::missing_field, "t", "t"});
  check({R"({"t":{"Dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, errc::missing_field, "t",
         "t"});
  CHECK(says(failure_of(make_file(R"({"t":{"dtype":"U8","shape":[1]}})")), {"no data_offsets"}));
}

TEST_CASE("fields may come in any order, among others") {
  for (const char* text :
       {R"({"t":{"data_offsets":[0,2],"shape":[2],"dtype":"U8"}})",
        R"({"t":{"shape":[2],"x":[{"shape":1}],"data_offsets":[0,2],"dtype":"U8"}})"}) {
    const auto parsed = parse(make_file(text, 2));
    REQUIRE(parsed.has_value());
    CHECK(parsed->find("t")->matches(dtype::u8, {2}));
  }
}

namespace {

// A header whose data are these many bytes, and its first unknown field as "tensor/field".
struct fields {
  std::string text;
  std::size_t data_bytes;
  std::optional<std::string> first;
};

std::optional<std::string> first_unknown(const header& index) {
  const auto found = index.unknown_field();
  if (!found) return std::nullopt;
  return std::string(found->tensor) + "/" + std::string(found->field);
}

}  // namespace

TEST_CASE("the first field that the format does not define is told, with its tensor") {
  for (const fields& each : {
           fields{"{}", 0, std::nullopt},
           {R"({"__metadata__":{"note":"x","":"y"}})", 0, std::nullopt},
           {"{" + make_u8_entry("a", 0, 1) + "," + make_u8_entry("b", 1, 2) + "}", 2, std::nullopt},
           // fields that the format defines, in any order and spelled in any way
           {R"({"t":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}})", 1, std::nullopt},
           {R"({"t":{"d\u0074ype":"U8","\u0073hape":[1],"data\u005foffsets":[0,1]}})", 1,
            std::nullopt},
           // anywhere in the entry, with a value of any kind
           {R"({"t":{"x":null,"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "t/x"},
           {R"({"t":{"dtype":"U8","x":{"y":[{"z":1}]},"shape":[1],"data_offsets":[0,1]}})", 1,
            "t/x"},
           {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":"of the writer"}})", 1,
            "t/x"},
           {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"Dtype":"U8"}})", 1, "t/Dtype"},
           {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"__metadata__":{}}})", 1,
            "t/__metadata__"},
           {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"":1}})", 1, "t/"},
           {R"({"":{"":1,"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "/"},
           // the first of several, in the order of the text, not of the data
           {R"({"t":{"x":1,"dtype":"U8","y":1,"shape":[1],"data_offsets":[0,1]}})", 1, "t/x"},
           {R"({"t":{"x":1,"dtype":"U8","x":2,"shape":[1],"data_offsets":[0,1],"x":3}})", 1, "t/x"},
           {"{" + make_u8_entry("c", 0, 1) +
                R"(,"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3],"x":1},)" +
                R"("a":{"y":1,"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            3, "b/x"},
           {R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"__metadata__":{"z":""},)"
            R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"y":{}}})",
            2, "a/y"},
           // names with escapes are decoded in place, whatever else is
           {R"({"\u0061\n":{"\u00e9\t\"":1,"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
            "a\n/\u00e9\t\""},
           {R"({"a\\":{"dtype":"U8","\ud83e\udd17":"\u0041","y\/":2,"shape":[1],)"
            R"("data_offsets":[0,1]},"\u0062":{"\u0063":1,"dtype":"U8","shape":[1],)"
            R"("data_offsets":[1,2]},"__metadata__":{"\u0064":"\u0065"}})",
            2, "a\\/\U0001f917"},
       }) {
    CAPTURE(each.text);
    auto parsed = parse(make_file(each.text, each.data_bytes));
    if (!parsed) FAIL_CHECK(parsed.error().message());
    REQUIRE(parsed.has_value());
    CHECK(first_unknown(*parsed) == each.first);
    if (!each.first) continue;
    CHECK(parsed->contains(parsed->unknown_field()->tensor));
    const auto found = parsed->unknown_field();
    header moved = *std::move(parsed), assigned;
    assigned = std::move(moved);
    CHECK(first_unknown(assigned) == each.first);
    CHECK(found->field.data() == assigned.unknown_field()->field.data());
    CHECK(found->tensor.data() == assigned.unknown_field()->tensor.data());
  }
  const header none;
  CHECK_FALSE(none.unknown_field().has_value());
}

TEST_CASE("a file that is opened tells its first unknown field, and a plan of it has none") {
  const std::string bytes = make_file(
      R"({"t":{"dtype":"U8","shape":[2],"note":"of the writer","data_offsets":[0,2]}})", 2);
  auto opened = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(opened.has_value());
  const borrowed_file model = *std::move(opened);
  CHECK(first_unknown(model.header()) == "t/note");
  const std::vector<tensor_spec> specs(model.begin(), model.end());
  const auto plan = write_plan::try_make(specs, {.metadata = {{"note", "x"}}});
  REQUIRE(plan.has_value());
  CHECK_FALSE(plan->header().unknown_field().has_value());
  const auto read = header::try_parse(plan->header_bytes(), plan->file_size());
  REQUIRE(read.has_value());
  CHECK_FALSE(read->unknown_field().has_value());
}

TEST_CASE("of 10,000 tensors, the one with an unknown field is told, wherever it stands") {
  for (const int wanted : {0, 1, 777, 9999}) {
    std::string text = "{";
    for (int i = 0; i < 10'000; ++i) {
      const std::string name = "layer." + std::to_string((i * 7919) % 10'000);  // in no order
      text += (i == 0 ? "" : ",") +
              (i >= wanted ? R"(")" + name +
                                 R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"number":)" +
                                 std::to_string(i) + "}"
                           : make_u8_entry(name, 0, 0));
    }
    const auto parsed = parse(make_file(text + "}"));
    REQUIRE(parsed.has_value());
    CHECK(first_unknown(*parsed) ==
          "layer." + std::to_string((wanted * 7919) % 10'000) + "/number");
  }
}

TEST_CASE("a field occurs once") {
  check({R"({"t":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1,
         errc::duplicate_field, "t", "\"dtype\":\"I8\""});
  check({R"({"t":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,1]}})", 1,
         errc::duplicate_field, "t", "\"shape\":[2]"});
  check({R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,2]}})", 1,
         errc::duplicate_field, "t", "\"data_offsets\":[0,2]"});
}

TEST_CASE("a dtype is one of the known strings") {
  for (const char* value : {"\"\"", "\"u8\"", "\"U8 \"", "\"I4\"", "\"C128\"", "\"F8_E4M3FN\"",
                            "\"bf16\"", "8", "null", "true", "[\"U8\"]", "{\"U8\":null}"})
    check({"{" + make_entry(value, "[1]", "[0,1]") + "}", 1, errc::unknown_dtype, "t", value});
  const failure found = failure_of(make_file("{" + make_entry("\"U9\"", "[1]", "[0,1]") + "}"));
  CHECK(says(found, {"tensor \"t\"", "\"U9\"", "BOOL, F4", " and "}));
  CHECK(found.message().find("did you mean") == std::string::npos);
  CHECK(says(failure_of(make_file("{" + make_entry("12", "[1]", "[0,1]") + "}")), {"a number"}));
}

TEST_CASE("a shape is an array of integers from 0 to 2^64-1") {
  for (const char* value : {"4.0", "4e0", "-4", "-0", "\"4\"", "true", "null",
                            "18446744073709551616", "[4]", "{\"a\":4}"}) {
    check({"{" + make_entry("\"U8\"", "[1," + std::string(value) + "]", "[0,4]") + "}", 4,
           errc::invalid_shape, "t", value});
    if (value[0] != '[')
      check({"{" + make_entry("\"U8\"", value, "[0,4]") + "}", 4, errc::invalid_shape, "t", value});
  }
}

TEST_CASE("data_offsets are two integers from 0 to 2^64-1") {
  for (const char* value : {"1.0", "1e0", "-1", "-0", "\"1\"", "true", "null",
                            "18446744073709551616", "[7]", "{\"a\":1}"})
    check({"{" + make_entry("\"U8\"", "[1]", "[0," + std::string(value) + "]") + "}", 1,
           errc::invalid_offsets, "t", value});
  for (const char* value : {"7", "null", "\"0,1\"", "{\"a\":1}"})
    check({"{" + make_entry("\"U8\"", "[1]", value) + "}", 1, errc::invalid_offsets, "t", value});
  CHECK(code_of(make_file("{" + make_entry("\"U8\"", "[1]", "[]") + "}", 1)) ==
        errc::invalid_offsets);
  CHECK(code_of(make_file("{" + make_entry("\"U8\"", "[1]", "[0]") + "}", 1)) ==
        errc::invalid_offsets);
  CHECK(code_of(make_file("{" + make_entry("\"U8\"", "[1]", "[0,1,1]") + "}", 1)) ==
        errc::invalid_offsets);
}

TEST_CASE("metadata of another type is refused") {
  for (const char* value : {"1", "-1", "0.5", "true", "\"a\"", "[]", "[\"a\"]"})
    check({"{\"__metadata__\":" + std::string(value) + "}", 0, errc::invalid_metadata, std::nullopt,
           value});
  for (const char* value : {"1", "-1", "0.5", "false", "null", "[]", "{}", "[\"a\"]"})
    check({"{\"__metadata__\":{\"k\":" + std::string(value) + "}}", 0, errc::invalid_metadata,
           std::nullopt, value});
}

TEST_CASE("duplicates are refused, compared after unescaping") {
  check({"{" + make_u8_entry("t", 0, 1) + "," + make_u8_entry("t", 0, 1) + "}", 1,
         errc::duplicate_tensor, "t",
         "t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"});
  check({"{" + make_u8_entry("t", 1, 2) + "," + make_u8_entry("t", 0, 1) + "}", 2,
         errc::duplicate_tensor, "t",
         "t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"});
  CHECK(code_of(make_file(
            "{" + make_u8_entry("t", 0, 1) + "," + make_u8_entry("\\u0074", 1, 2) + "}", 2)) ==
        errc::duplicate_tensor);
  check({R"({"__metadata__":{"a":"1","b":"2","a":"1"}})", 0, errc::duplicate_metadata_key,
         std::nullopt, "a\":\"1\"}"});
  CHECK(code_of(make_file(R"({"__metadata__":{"a":"1","\u0061":"2"}})")) ==
        errc::duplicate_metadata_key);
  check({R"({"__metadata__":{"a":"1"},"__metadata__":{}})", 0, errc::duplicate_field, std::nullopt,
         "\"__metadata__\":{}"});
  check({R"({"__metadata__":null,"__metadata__":null})", 0, errc::duplicate_field, std::nullopt,
         "\"__metadata__\":null}"});
}

TEST_CASE("tensors tile the data: no hole, no overlap, no reversed pair, no other start") {
  check({"{" + make_u8_entry("a", 1, 2) + "}", 2, errc::invalid_offsets, "a", "a"});
  check({"{" + make_u8_entry("a", 0, 1) + "," + make_u8_entry("b", 2, 3) + "}", 3,
         errc::invalid_offsets, "b", "b"});
  check({"{" + make_u8_entry("a", 0, 2) + "," + make_u8_entry("b", 1, 3) + "}", 3,
         errc::invalid_offsets, "b", "b"});
  check({"{" + make_u8_entry("a", 0, 2) + "," + make_u8_entry("b", 0, 2) + "}", 4,
         errc::invalid_offsets, "b", "b"});
  check({"{" + make_entry("\"U8\"", "[0]", "[2,1]") + "}", 2, errc::invalid_offsets, "t", "t"});
  check({"{" + make_u8_entry("a", 0, 2) + "," + make_entry("\"U8\"", "[0]", "[2,1]", "z") + "}", 2,
         errc::invalid_offsets, "z", "z"});
}

TEST_CASE("the header's order is free, and iteration is in data order") {
  const auto parsed =
      parse(make_file("{" + make_u8_entry("c", 3, 5) + "," + make_u8_entry("empty", 1, 1) + "," +
                          make_u8_entry("a", 0, 1) + "," + make_u8_entry("b", 1, 3) + "}",
                      5));
  REQUIRE(parsed.has_value());
  std::string order;
  for (const tensor_info tensor : *parsed) order += std::string(tensor.name()) + " ";
  CHECK(order == "a empty b c ");
}

TEST_CASE("empty tensors may share an offset, at the start, within and at the end") {
  const auto parsed =
      parse(make_file("{" + make_u8_entry("a", 0, 0) + "," + make_u8_entry("b", 0, 0) + "," +
                          make_u8_entry("c", 0, 2) + "," + make_u8_entry("d", 2, 2) + "," +
                          make_u8_entry("e", 2, 2) + "}",
                      2));
  REQUIRE(parsed.has_value());
  CHECK(parsed->size() == 5);
  CHECK(parsed->data_size() == 2);
}

TEST_CASE("sizes are multiplied left to right, and overflow is an error") {
  constexpr std::string_view most = "18446744073709551615";
  const auto shaped = [](std::string_view dtype, std::string_view shape) {
    return "{" + make_entry(dtype, shape, "[0,0]") + "}";
  };
  CHECK(
      parse(make_file(shaped("\"U8\"", "[0," + std::string(most) + "," + std::string(most) + "]")))
          .has_value());
  check({shaped("\"U8\"", "[" + std::string(most) + "," + std::string(most) + ",0]"), 0,
         errc::size_overflow, "t", "t"});
  check({shaped("\"U8\"", "[4294967296,4294967296]"), 0, errc::size_overflow, "t", "t"});
  check({shaped("\"U8\"", "[2305843009213693952]"), 0, errc::size_overflow, "t", "t"});
  check({shaped("\"F64\"", "[288230376151711744]"), 0, errc::size_overflow, "t", "t"});
  check({shaped("\"F64\"", "[288230376151711743]"), 0, errc::size_mismatch, "t", "t"});
}

TEST_CASE("a tensor of a sub-byte dtype fills whole bytes") {
  for (const auto& [type, shape] :
       {std::pair("\"F4\"", "[3]"), std::pair("\"F4\"", "[]"), std::pair("\"F6_E2M3\"", "[2]"),
        std::pair("\"F6_E3M2\"", "[1]")})
    check({"{" + make_entry(type, shape, "[0,1]") + "}", 1, errc::partial_byte, "t", "t"});
  const auto four = parse(make_tensor_file("F4", "[1,2]", 1));
  CHECK(four->find("t")->element_count() == 2);
  const auto six = parse(make_tensor_file("F6_E3M2", "[4]", 3));
  CHECK(six->find("t")->element_count() == 4);
}

TEST_CASE("data_offsets span what dtype and shape need") {
  check({"{" + make_entry("\"F32\"", "[2]", "[0,4]") + "}", 4, errc::size_mismatch, "t", "t"});
  check({"{" + make_entry("\"F32\"", "[]", "[0,0]") + "}", 0, errc::size_mismatch, "t", "t"});
  check({"{" + make_entry("\"F32\"", "[0]", "[0,4]") + "}", 4, errc::size_mismatch, "t", "t"});
  CHECK(says(failure_of(make_file("{" + make_entry("\"F32\"", "[2,3]", "[0,4]") + "}", 4)),
             {"F32 [2,3] needs 24 bytes", "[0,4] span 4"}));
}

TEST_CASE("every dtype is read, as a scalar, a vector, empty, and of any rank") {
  for (std::size_t number = 0; number < std::size(detail::dtypes); ++number) {
    const auto type = static_cast<dtype>(number);
    CAPTURE(type);
    const auto width = static_cast<std::size_t>(bit_width(type));
    const auto eight = parse(make_tensor_file(to_string(type), "[2,1,4]", width));
    REQUIRE(eight.has_value());
    const tensor_info tensor = *eight->find("t");
    CHECK(tensor.dtype() == type);
    CHECK(tensor.element_count() == 8);
    CHECK(tensor.byte_size() == width);
    CHECK(tensor.ndim() == 3);
    CHECK(parse(make_tensor_file(to_string(type), "[0]", 0)).has_value());
    CHECK(parse(make_tensor_file(to_string(type), "[]", width / 8)).has_value() == (width >= 8));
  }
  std::string ones = "[1";
  for (int i = 1; i < 1000; ++i) ones += ",1";
  const auto parsed = parse(make_tensor_file("U8", ones + "]", 1));
  REQUIRE(parsed.has_value());
  CHECK(parsed->find("t")->ndim() == 1000);
  CHECK(parsed->find("t")->shape().back() == 1);
}

TEST_CASE("no alignment is demanded") {
  const auto parsed = parse(make_file(
      "{" + make_u8_entry("a", 0, 1) + "," + make_entry("\"F32\"", "[1]", "[1,5]", "b") + "}", 5));
  REQUIRE(parsed.has_value());
  CHECK(parsed->find("b")->data_offsets() == byte_range{1, 5});
  CHECK(parsed->find("b")->file_range() ==
        byte_range{parsed->data_start() + 1, parsed->data_start() + 5});
}
