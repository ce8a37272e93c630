// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What failures say: the file, the culprit, what was found, what helps. Full texts are in
// messages.txt, and nowhere else.
#include "foreign.hpp"

#include <safetensors/writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <sstream>

using namespace safetensors;
using namespace testing;

namespace {

constexpr bool is_little = std::endian::native == std::endian::little;

std::string entry(std::string_view name, std::string_view dtype, std::string_view shape,
                  std::string_view offsets) {
  return make_entry("\"" + std::string(dtype) + "\"", shape, offsets, name);
}

std::string header_of(std::initializer_list<std::string> entries) {
  std::string text = "{";
  for (const std::string& each : entries) text.append(text.size() == 1 ? "" : ",").append(each);
  return text + "}";
}

std::string dtype_meant_by(std::string_view dtype) {
  const failure found = failure_of(make_file(header_of({entry("t", dtype, "[1]", "[0,1]")}), 1));
  CHECK(found.code == errc::unknown_dtype);
  CHECK(says(found, {"tensor \"t\"", "BOOL", "BF16", "U64"}));
  constexpr std::string_view question = "did you mean ";
  const std::size_t begin = found.advice.find(question);
  if (begin == found.advice.npos) return "";
  const std::size_t end = found.advice.find('?', begin);
  return found.advice.substr(begin + question.size(), end - begin - question.size());
}

template <class T> failure error_of(const result<T>& done) {
  REQUIRE_FALSE(done.has_value());
  return done.error();
}

}  // namespace

//-- the culprit

TEST_CASE("whatever fails later, the failure has the path of the file that was opened") {
  const temporary_folder folder;
  const auto path = folder / "m.safetensors";
  write_file(path, make_file(header_of({entry("w", "BF16", "[4]", "[0,8]")}), 8));
  const std::string wanted = path_ref(path).to_utf8();
  const auto check_info = [&](const tensor_info& tensor) {
    std::array<std::uint8_t, 1> small{};
    for (const failure& found : {error_of(tensor.try_expect(dtype::f32, {4})),
                                 error_of(tensor.try_expect(dtype::bf16, {5})),
                                 error_of(tensor.try_copy_shape(std::span(small).first(0))),
                                 error_of(tensor.try_slice({{0, 9}}))}) {
      CHECK(found.path == wanted);
      CHECK(found.tensor == "w");
    }
  };
  const auto check_model = [&](const auto& model) {
    CHECK(error_of(model.try_at("absent")).path == wanted);
    const tensor_view tensor = *model.find("w");
    check_info(tensor);
    std::array<float, 1> few{};
    std::array<std::uint16_t, 1> words{};
    std::array<std::byte, 1> bytes{};
    const slice_view slice = *tensor.try_slice({{1, 3}});
    const slice_view apart = *tensor.try_slice({{0, 4}});
    for (const failure& found :
         {error_of(tensor.try_as<float>()), error_of(tensor.try_bits<std::uint8_t>()),
          error_of(tensor.try_copy_to(few)), error_of(tensor.try_copy_bits(words)),
          error_of(tensor.try_copy_bytes(bytes)), error_of(tensor.try_to_vector<float>()),
          error_of(tensor.try_item<float>()), error_of(tensor.try_slice({{0, 9}})),
          error_of(slice.try_as<float>()), error_of(slice.try_copy_bytes(bytes)),
          error_of(slice.try_to_vector<float>()), error_of(apart.try_data<float>())}) {
      CHECK(found.path == wanted);
      CHECK(found.tensor == "w");
    }
  };
  const auto index = header::try_open(path);
  REQUIRE(index.has_value());
  CHECK(error_of(index->try_at("absent")).path == wanted);
  check_info(*index->find("w"));
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  check_model(*mapped);
  const auto read = memory_file::try_open(path);
  REQUIRE(read.has_value());
  check_model(*read);
  auto writable = mapped_bytes::try_open(path, map_mode::copy_on_write);
  REQUIRE(writable.has_value());
  const auto changed = file::try_from(*std::move(writable));
  REQUIRE(changed.has_value());
  check_model(*changed);
  // A buffer has no path.
  const std::string bytes = read_file(path);
  const auto borrowed = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(borrowed.has_value());
  CHECK(error_of(borrowed->try_at("absent")).path.empty());
  CHECK(error_of(borrowed->find("w")->try_as<float>()).path.empty());
}

TEST_CASE("offsets: overlap, gap and reversed are told apart, and the neighbour is named") {
  const auto refused = [](std::initializer_list<std::string> entries) {
    const failure found = failure_of(make_file(header_of(entries), 32));
    CHECK(found.code == errc::invalid_offsets);
    return found;
  };
  CHECK(says(refused({make_u8_entry("embed", 0, 8), make_u8_entry("head", 4, 12)}),
             {"tensor \"head\"", "[4,12]", "overlaps \"embed\", [0,8]"}));
  CHECK(says(refused({make_u8_entry("embed", 0, 8), make_u8_entry("head", 0, 8)}),
             {"tensor \"head\"", "overlaps \"embed\", [0,8]"}));
  CHECK(says(refused({make_u8_entry("big", 0, 16), entry("x", "U8", "[0]", "[4,4]")}),
             {"tensor \"x\"", "overlaps \"big\", [0,16]"}));
  CHECK(says(refused({make_u8_entry("embed", 0, 8), make_u8_entry("head", 11, 19)}),
             {"tensor \"head\"", "3 bytes before it belong to no tensor"}));
  CHECK(says(refused({make_u8_entry("embed", 1, 8)}), {"1 byte before it belongs to no tensor"}));
  CHECK(says(refused({entry("t", "U8", "[8]", "[8,0]")}), {"[8,0]", "end before they begin"}));
  // Empty tensors at the border are nobody's neighbours.
  CHECK(says(refused({make_u8_entry("a", 0, 8), entry("e", "U8", "[0]", "[8,8]"),
                      make_u8_entry("b", 7, 9)}),
             {"tensor \"b\"", "overlaps \"a\", [0,8]"}));
}

TEST_CASE("a failure of an escaped name is at its first byte, as of a plain one") {
  const auto refused = [](std::string_view name) {
    return failure_of(make_file(header_of({entry(name, "F32", "[1]", "[0,3]")}), 3));
  };
  CHECK(refused("abc").offset == 10);
  CHECK(refused("\\u0061\\u0062\\u0063").offset == 10);
  CHECK(refused("\\\"\\\\\\n").offset == 10);
  CHECK(refused("").offset == 10);
  CHECK(says(refused(""), {"tensor \"\": "}));
  CHECK(failure_of(make_file(R"({"\u0061":{"dtype":"F32","shape":[1]}})")).offset == 10);
  const std::string twin = entry(R"(\u0061)", "U8", "[0]", "[0,0]");
  failure found = failure_of(make_file(header_of({twin, twin})));
  CHECK(found.code == errc::duplicate_tensor);
  CHECK(found.offset == 10 + twin.size() + 1);
  CHECK(says(found, {"byte 10 "}));
  found = failure_of(make_file(R"({"__metadata__":{"\u0061":"1","\u0061":"2"}})"));
  CHECK(found.code == errc::duplicate_metadata_key);
  CHECK(found.offset == 39);
  CHECK(says(found, {"\"a\"", "byte 26 "}));
}

TEST_CASE("metadata that is not text is named by its key") {
  const auto refused = [](const std::string& metadata) {
    const failure found = failure_of(make_file("{\"__metadata__\":" + metadata + "}"));
    CHECK(found.code == errc::invalid_metadata);
    return found;
  };
  CHECK(says(refused(R"({"a":"b","ss_epoch":5})"),
             {"the value of \"ss_epoch\" is a number; metadata values must be strings"}));
  CHECK(says(refused(R"({"tags":["x"]})"), {"\"tags\" is an array"}));
  CHECK(says(refused(R"({"x":{}})"), {"\"x\" is an object"}));
  CHECK(says(refused(R"({"x":true})"), {"\"x\" is a boolean"}));
  CHECK(says(refused(R"({"x":null})"), {"\"x\" is null"}));
  CHECK(says(refused("{\"" + std::string(500, 'k') + "\":1}"),
             {"kkk...\" is a number; metadata values must be strings"}));
  CHECK(says(refused(R"({"a\"b\u001b":1})"), {R"("a\"b\x1b" is a number)"}));
  CHECK(says(refused("[]"), {"__metadata__ is an array", "object of strings"}));
}

TEST_CASE("NUL bytes are called padding where they are padding") {
  const std::string text = header_of({make_u8_entry("t", 0, 1)});
  const auto refused = [](const std::string& header) {
    const failure found = failure_of(make_file(header, 1));
    CHECK(found.code == errc::invalid_json);
    return found;
  };
  CHECK(says(refused(text + std::string(5, '\0')), {"padded with NUL", "spaces"}));
  CHECK(says(refused(text + std::string("  \0\0", 4)), {"padded with NUL"}));
  for (const std::string& other : {text + std::string("\0 ", 2), text + std::string("\0{}", 3),
                                   std::string("{\0", 2) + text.substr(1)}) {
    CHECK(says(refused(other), {"NUL"}));
    CHECK_FALSE(says(refused(other), {"padd"}));
  }
  for (const std::string& cut : {text.substr(0, text.size() - 1), text.substr(0, 4)})
    CHECK_FALSE(says(refused(cut + std::string(5, '\0')), {"padd"}));
}

//-- dtypes

TEST_CASE("of an unknown dtype, the one that is meant is suggested, and the 22 are listed") {
  for (const auto& [spelling, meant] : std::initializer_list<std::pair<const char*, const char*>>{
           {"f32", "F32"},
           {"float32", "F32"},
           {"torch.float32", "F32"},
           {"torch.bfloat16", "BF16"},
           {"BFLOAT16", "BF16"},
           {"BF 16", "BF16"},
           {"FP16", "F16"},
           {"half", "F16"},
           {"double", "F64"},
           {"torch.long", "I64"},
           {"INT8", "I8"},
           {"uint16", "U16"},
           {"bool", "BOOL"},
           {"complex64", "C64"},
           {"F8E4M3", "F8_E4M3"},
           {"F8_E4M3FN", "F8_E4M3"},
           {"torch.float8_e4m3fn", "F8_E4M3"},
           {"float8_e8m0fnu", "F8_E8M0"},
           {"F8_E5M3", "F8_E5M2"},
           {"F4_E2M1", "F4"},
           {"float4_e2m1fn_x2", "F4"},
           {"NF4", ""},
           {"C128", ""},
           {"F128", ""},
           {"U1", ""},
           {"I4", ""},
           {"<f4", ""},
           {"", ""},
           {"U8\\u0000", ""}}) {
    const std::string_view given = spelling, wanted = meant;
    CAPTURE(given);
    CHECK(dtype_meant_by(given) == wanted);
  }
  CHECK(dtype_meant_by(std::string(5000, 'F')) == "");
  CHECK(says(failure_of(make_file(header_of({entry("t", std::string(5000, 'F'), "[1]", "[0,1]")}))),
             {"FFF...\" is not a safetensors dtype"}));
}

TEST_CASE("of a dtype without a C++ type, what works is named") {
  const auto refused = [](std::string_view dtype, std::string_view shape, std::size_t size) {
    const std::string file = make_tensor_file(dtype, shape, size);
    const auto model = borrowed_file::try_from(std::as_bytes(std::span(file)));
    REQUIRE(model.has_value());
    return std::pair(error_of(model->find("t")->try_as<float>()),
                     error_of(model->find("t")->try_to_vector<std::int16_t>()));
  };
  for (const auto& [dtype, words] : std::initializer_list<std::pair<const char*, const char*>>{
           {"BF16", "bits<std::uint16_t>()"},
           {"F16", "bits<std::uint16_t>()"},
           {"F8_E4M3", "bits<std::uint8_t>()"},
           {"F8_E8M0", "bits<std::uint8_t>()"},
           {"BOOL", "bits<std::uint8_t>()"},
           {"F64", "as<double>()"},
           {"C64", "as<std::complex<float>>()"}}) {
    const std::size_t bytes = std::string_view(dtype).find("64") != std::string_view::npos   ? 16
                              : std::string_view(dtype).find("16") != std::string_view::npos ? 4
                                                                                             : 2;
    const auto [as, vector] = refused(dtype, "[2]", bytes);
    for (const failure& found : {as, vector}) {
      CHECK(found.code == errc::dtype_mismatch);
      CHECK(found.advice.find(words) != std::string::npos);
    }
  }
  CHECK(says(refused("F4", "[2]", 1).first, {"F4, not F32", "; bytes()"}));
  CHECK(says(refused("F6_E2M3", "[4]", 3).first, {"; bytes()"}));
}

TEST_CASE("elements of another dtype are to be converted, not taken for bits") {
  const std::vector<float> values{1, 2, 3, 4};
  auto plan = write_plan::try_make({{"w", dtype::bf16, {4}}});
  REQUIRE(plan.has_value());
  auto out = basic_writer<function_sink<void (*)(std::span<const std::byte>)>>::try_start(
      function_sink<void (*)(std::span<const std::byte>)>{[](std::span<const std::byte>) {}},
      *std::move(plan));
  REQUIRE(out.has_value());
  const failure appended = error_of(out->try_append("w", values));
  tensor_data tensor("w", {4}, values);
  tensor.dtype = dtype::bf16;
  for (const failure& found : {appended, error_of(try_serialize({tensor}))}) {
    CHECK(found.code == errc::dtype_mismatch);
    CHECK(says(found, {"tensor \"w\"", "BF16", "F32", "convert them to BF16 first"}));
  }
}

//-- counts and numbers

TEST_CASE("one is one byte, one dimension, one element") {
  CHECK(says(failure_of(make_file("{}", 1)), {"1 byte follows the last tensor"}));
  CHECK(says(failure_of(make_file("{}", 2)), {"2 bytes follow the last tensor"}));
  const std::string file = make_tensor_file("U8", "[1]", 1);
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(file)));
  REQUIRE(model.has_value());
  const tensor_view tensor = *model->find("t");
  CHECK(says(error_of(tensor.try_slice({{}, {}})), {"1 dimension", "2 ranges"}));
  CHECK(says(error_of(tensor.try_slice({{0, 2}})), {"1 element"}));
  CHECK(says(error_of(tensor.try_copy_shape(std::span<std::int64_t>())), {"1 dimension,"}));
  CHECK(says(error_of(tensor.try_copy_bytes({})), {"exactly 1"}));
}

TEST_CASE("only a little padding is advised to be accepted") {
  CHECK(says(failure_of(make_file("{}", 64)), {"64 bytes follow", "allow_trailing_bytes"}));
  const failure found = failure_of(make_file("{}", 65));
  CHECK(found.code == errc::trailing_bytes);
  CHECK(found.advice.empty());
}

TEST_CASE("a range that is reversed is empty, and refused as such") {
  CHECK(byte_range{~std::uint64_t{0}, 0}.size() == 0);
  CHECK(byte_range{5, 3}.size() == 0);
  const temporary_folder folder;
  const auto path = folder / "m.safetensors";
  write_file(path, make_tensor_file("U8", "[8]", 8));
  auto source = file_source::try_open(path);
  REQUIRE(source.has_value());
  std::uint64_t asked = 0;
  function_source other{100, [&](std::uint64_t, std::span<std::byte>) -> std::error_code {
                          ++asked;
                          return {};
                        }};
  const auto refused = [&](byte_range range, bool by_name, bool is_file) {
    auto plan = write_plan::try_make({{"w", dtype::u8, {1}}});
    REQUIRE(plan.has_value());
    auto out = writer::try_create(folder / "out", *std::move(plan));
    REQUIRE(out.has_value());
    const auto done = by_name   ? is_file ? out->try_append_from("w", *source, range)
                                          : out->try_append_from("w", other, range)
                        : is_file ? out->try_append_from(*source, range)
                                : out->try_append_from(other, range);
    CHECK_FALSE(out->try_finish().has_value());
    return error_of(done);
  };
  for (const byte_range range : {byte_range{~std::uint64_t{0}, 0}, byte_range{5, 3}})
    for (const bool by_name : {false, true})
      for (const bool is_file : {false, true}) {
        const failure found = refused(range, by_name, is_file);
        CHECK(found.code == errc::wrong_length);
        CHECK(says(found, {"ends at byte", "before it begins"}));
      }
  CHECK(asked == 0);
}

TEST_CASE("what is left out is not shown as 2^64-1") {
  const temporary_folder folder;
  const auto path = folder / "m.safetensors";
  write_file(path, make_tensor_file("U8", "[8]", 8));
  auto source = file_source::try_open(path);
  REQUIRE(source.has_value());
  const auto index = header::try_open(path);
  REQUIRE(index.has_value());
  for (const failure& found : {error_of(file_source::try_borrow(source->handle(), 1'000'000)),
                               error_of(mapped_bytes::try_map(source->handle(), 1'000'000, to_end)),
                               error_of(index->find("t")->try_slice({pick(-1)})),
                               error_of(index->find("t")->try_slice({{9, to_end}}))})
    CHECK(found.message().find("18446744073709551615") == std::string::npos);
}

//-- mistakes of writers

TEST_CASE("a mistake of a writer is named if its arithmetic fits") {
  const std::string text = header_of({make_u8_entry("слой", 0, 8)});
  const std::size_t characters = text.size() - 4;
  const auto said = [](const std::string& file) { return failure_of(file); };

  const std::string counted = make_length(characters) + text + std::string(8, '\1');
  CHECK(says(said(counted), {std::to_string(characters), "counts characters",
                             std::to_string(text.size()) + " bytes"}));
  CHECK_FALSE(said(counted).tensor.has_value());
  for (const std::size_t wrong : {characters - 1, characters + 1})
    CHECK_FALSE(says(said(make_length(wrong) + text + std::string(8, '\1')), {"characters"}));

  std::string big = make_length(text.size());
  std::reverse(big.begin(), big.end());
  CHECK(says(said(big + text + std::string(8, '\1')),
             {std::to_string(text.size()), "big-endian", "little-endian"}));
  CHECK_FALSE(says(said(big + "x" + text.substr(1) + std::string(8, '\1')), {"big-endian"}));
  CHECK_FALSE(says(said(big + text.substr(0, text.size() - 9)), {"big-endian"}));

  const std::string four = make_length(text.size()).substr(0, 4);
  CHECK(says(said(four + text + std::string(8, '\1')), {"4 bytes instead of 8"}));
  CHECK_FALSE(says(said(four + text.substr(0, text.size() - 1)), {"4 bytes instead of 8"}));
  CHECK(says(said(text + std::string(8, '\1')), {"length", "missing"}));

  const auto offsets = [&](std::uint64_t begin) {
    return said(make_file(header_of({make_u8_entry("t", begin, begin + 1)}), 200));
  };
  CHECK(says(offsets(8 + header_of({make_u8_entry("t", 60, 61)}).size()), {"start of the file"}));
  CHECK_FALSE(says(offsets(60), {"start of the file"}));
  CHECK(says(said(make_tensor_file("F32", "null", 4)), {"shape is null", "scalar is []"}));
}

TEST_CASE("a length in characters is seen where padding alone is cut, and in UTF-16 too") {
  std::string text = header_of({make_u8_entry("вес", 0, 8)});
  const std::string characters = make_length(text.size() + 3);
  text.append(6, ' ');
  CHECK(says(failure_of(characters + text + std::string(8, '\1')),
             {std::to_string(text.size() - 3), "counts characters", std::to_string(text.size())}));
  const std::string emoji = header_of({make_u8_entry("\xf0\x9f\xa4\x97", 0, 8)});
  for (const std::size_t units : {emoji.size() - 3, emoji.size() - 2})
    CHECK(says(failure_of(make_length(units) + emoji + std::string(8, '\1')),
               {std::to_string(units), "counts characters", std::to_string(emoji.size())}));
}

TEST_CASE("a length that is right is not said to count characters") {
  // Data that begins with a brace, and a fault elsewhere.
  const std::string wrong = R"({"é":{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}})";
  CHECK_FALSE(says(failure_of(make_file(wrong) + "}"), {"characters"}));
  const std::string escaped = header_of({make_u8_entry("\\u00e9", 0, 8)});
  CHECK_FALSE(says(failure_of(make_length(escaped.size() - 1) + escaped + std::string(8, '\1')),
                   {"characters"}));
}

TEST_CASE("a length in characters is seen behind a header of any size, too") {
  const temporary_folder folder;
  const auto path = folder / "m.safetensors";
  std::string tags;
  for (int i = 0; i < 3000; ++i) tags += "ж";
  const std::string text =
      "{\"__metadata__\":{\"tags\":\"" + tags + "\"}," + make_u8_entry("t", 0, 8).append("}");
  write_file(path, make_length(text.size() - 3000) + text + std::string(8, '\1'));
  CHECK(says(error_of(file::try_open(path)), {"counts characters"}));
}

//-- what a file is

TEST_CASE("a git-lfs pointer is told from other text, and its size is right or left out") {
  const auto said = [](const std::string& text) { return failure_of(text); };
  const std::string begin = "version https://git-lfs.github.com/spec/v1\noid sha256:12\n";
  CHECK(says(said(begin + "size 1\n"), {"git-lfs pointer that stands for 1 byte (byte 0)"}));
  CHECK(says(said(begin + "size 2\r\n"), {"stands for 2 bytes"}));
  for (const char* size :
       {"size abc\n", "size ", "size 49", "size 99999999999999999999999\n", ""}) {
    CHECK(says(said(begin + size), {"git-lfs pointer (byte 0)", "git lfs pull"}));
    CHECK_FALSE(says(said(begin + size), {"stands for"}));
  }
  for (const char* text : {"version 1.2.3 of a program\nhello", "Version history\n\n1.0 first"}) {
    CHECK(says(said(text), {"text, \""}));
    CHECK_FALSE(says(said(text), {"git-lfs"}));
  }
}

TEST_CASE("few bytes are text only if all of them are") {
  for (const std::string bytes : {"\x98\0\0", "\xff\0\1", "\x80\x81\xff", "\x89", "abcde\xff\xfe"})
    CHECK_FALSE(says(failure_of(bytes), {"text"}));
  CHECK(says(failure_of("MZ is the name of a band"), {"text, \"MZ is"}));
  CHECK(says(failure_of("<!DOCTYPE html><title>Zugriff verweigert \xfc"), {"HTML"}));
}

TEST_CASE("a file is not searched beyond its start, however large the buffer") {
  std::string spaces(std::size_t{1} << 26, ' ');
  for (int i = 0; i < 100; ++i)
    CHECK(header::try_parse(std::as_bytes(std::span(spaces)), spaces.size()).error().code ==
          errc::header_too_large);
}

//-- sources

namespace {

struct asked_source {
  std::string bytes;
  std::uint64_t known_size;
  std::vector<std::size_t> asked{};
  [[nodiscard]] std::uint64_t size() const { return known_size; }
  std::error_code read_at(std::uint64_t at, std::span<std::byte> to) {
    asked.push_back(to.size());
    if (at > bytes.size() || to.size() > bytes.size() - at)
      return make_error_code(errc::missing_bytes);
    std::memcpy(to.data(), bytes.data() + at, to.size());
    return {};
  }
};

}  // namespace

TEST_CASE(
    "a source is read once more only where that can explain a failure, and never for nothing") {
  const std::string file = make_tensor_file("U8", "[8]", 8);
  for (const std::uint64_t size : {std::uint64_t{file.size() + 1}, unknown_size}) {
    asked_source source{file + "+", size};
    (void)header::try_read(source);
    CHECK(source.asked.size() <= 2);
    for (const std::size_t bytes : source.asked) CHECK(bytes != 0);
  }
  asked_source cut{file.substr(0, 40), unknown_size};
  const failure found = error_of(header::try_read(cut));
  CHECK(found.code == errc::missing_bytes);
  CHECK(says(found, {"it ends before the bytes that are needed"}));
}

//-- advice that works

TEST_CASE("misaligned data is advised what can help it") {
  if (!is_little) return;
  const temporary_folder folder;
  const auto refused = [&](const std::string& file, bool in_memory) {
    const auto path = folder / "m.safetensors";
    write_file(path, file);
    const auto read = memory_file::try_open(path);
    const auto mapped = safetensors::file::try_open(path);
    REQUIRE(read.has_value());
    REQUIRE(mapped.has_value());
    return in_memory ? error_of(read->find("f")->try_as<float>())
                     : error_of(mapped->find("f")->try_as<float>());
  };
  const std::string odd =
      make_file(header_of({make_u8_entry("u", 0, 5), entry("f", "F32", "[1]", "[5,9]")}), 9);
  for (const bool in_memory : {false, true}) {
    const failure found = refused(odd, in_memory);
    CHECK(found.code == errc::misaligned_data);
    CHECK(says(found, {"byte 5 of the data", "copy_to()", "write the file once more"}));
    CHECK(found.message().find("memory_file") == std::string::npos);
  }
  std::string text = header_of({entry("f", "F32", "[1]", "[0,4]")});
  while (text.size() % 4 != 1) text += ' ';
  const auto path = folder / "m.safetensors";
  write_file(path, make_file(text, 4));
  const auto mapped = safetensors::file::try_open(path);
  REQUIRE(mapped.has_value());
  CHECK(says(error_of(mapped->find("f")->try_as<float>()), {"memory_file"}));
  const auto read = memory_file::try_open(path);
  REQUIRE(read.has_value());
  CHECK(read->find("f")->try_as<float>().has_value());
}

//-- the full texts

namespace {

void add(std::string& to, std::string_view name, failure what) {
  what.path.clear();  // of this machine
  to.append(name).append(": ").append(what.message()).append("\n");
}

void add_vectors(std::string& to) {
  const auto folder = source_file("tests/conformance");
  const auto manifest = nlohmann::json::parse(read_file(folder / "manifest.json"));
  for (const auto& facts : manifest["vectors"]) {
    if (!facts.contains("file") || facts["verdict"] == "valid") continue;
    read_options options;
    const auto given = facts.value("options", nlohmann::json::object());
    options.allow_trailing_bytes = given.value("allow_trailing_bytes", false);
    options.max_header_bytes = given.value("max_header_bytes", options.max_header_bytes);
    add(to, facts["name"].get<std::string>(),
        error_of(header::try_open(folder / facts["file"].get<std::string>(), options)));
  }
}

void add_foreign(std::string& to) {
  for (const foreign::sample& each : foreign::samples()) {
    const auto bytes = std::as_bytes(std::span(each.bytes));
    add(to, each.kind, error_of(header::try_parse(bytes, bytes.size())));
  }
}

void add_access(std::string& to) {
  const std::string file = make_file(
      header_of({entry("wide", "F32", "[2,3]", "[0,24]"), entry("half", "BF16", "[4]", "[24,32]"),
                 entry("four", "F4", "[2,2]", "[32,34]"), entry("one", "U8", "[1]", "[34,35]")}),
      35);
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(file)));
  REQUIRE(model.has_value());
  const tensor_view wide = *model->find("wide"), half = *model->find("half"),
                    four = *model->find("four"), one = *model->find("one");
  const slice_view column = *wide.try_slice({{}, {0, 2}});
  std::array<float, 2> few{};
  std::array<std::byte, 2> bytes{};
  std::array<std::int64_t, 1> sizes{};
  add(to, "absent tensor", error_of(model->try_at("absent")));
  add(to, "expect dtype", error_of(wide.try_expect(dtype::f16, {2, 3})));
  add(to, "expect shape", error_of(wide.try_expect(dtype::f32, {4, any_size})));
  add(to, "shape in a small buffer", error_of(wide.try_copy_shape(sizes)));
  add(to, "F32 as double", error_of(wide.try_as<double>()));
  add(to, "BF16 as float", error_of(half.try_as<float>()));
  add(to, "F4 as uint8_t", error_of(four.try_as<std::uint8_t>()));
  add(to, "BF16 in words of 8 bits", error_of(half.try_bits<std::uint8_t>()));
  add(to, "F4 in words", error_of(four.try_bits<std::uint8_t>()));
  add(to, "copy to a small buffer", error_of(wide.try_copy_to(few)));
  add(to, "bytes to a large buffer", error_of(one.try_copy_bytes(bytes)));
  add(to, "item of many", error_of(wide.try_item<float>()));
  add(to, "too many ranges", error_of(one.try_slice({{}, {}})));
  add(to, "range past the end", error_of(wide.try_slice({{0, 3}})));
  add(to, "range that begins past the end", error_of(wide.try_slice({{3, to_end}})));
  add(to, "reversed range", error_of(wide.try_slice({{2, 1}})));
  add(to, "index out of range", error_of(wide.try_slice({pick(2)})));
  add(to, "two elements dropped", error_of(wide.try_slice({dim_range(0, 2, true)})));
  add(to, "cut within a byte", error_of(four.try_slice({{}, {1, 2}})));
  add(to, "column without copy", error_of(column.try_as<float>()));
  add(to, "rows too near",
      error_of(column.try_copy_bytes(std::as_writable_bytes(std::span(few)), 4)));
}

void add_plans(std::string& to) {
  const auto refused = [](std::vector<tensor_spec> tensors, layout_options options = {}) {
    return error_of(write_plan::try_make(tensors, options));
  };
  constexpr auto most = ~std::uint64_t{0};
  const std::vector<float> two(2);
  add(to, "plan: name", refused({{"a\xff", dtype::u8, {}}}));
  add(to, "plan: reserved name", refused({{"__metadata__", dtype::u8, {}}}));
  add(to, "plan: dtype", refused({{"a", static_cast<dtype>(99), {}}}));
  add(to, "plan: negative size", refused({{"a", dtype::u8, {-1}}}));
  add(to, "plan: partial byte", refused({{"a", dtype::f4, {3}}}));
  add(to, "plan: elements", refused({{"a", dtype::u8, {most, 2}}}));
  add(to, "plan: bits", refused({{"a", dtype::f32, {most}}}));
  add(to, "plan: twice", refused({{"a", dtype::u8, {}}, {"a", dtype::u8, {}}}));
  add(to, "plan: metadata key", refused({}, {.metadata = {{"k\xff", ""}}}));
  add(to, "plan: metadata value", refused({}, {.metadata = {{"k", "\xff"}}}));
  add(to, "plan: alignment", refused({}, {.data_alignment = 24}));
  add(to, "plan: header", refused({{"a", dtype::u8, {}}}, {.max_header_bytes = 20}));
  add(to, "data: bytes", error_of(try_serialize({{"w", {3}, two}})));
  tensor_data other("w", {2}, two);
  other.dtype = dtype::bf16;
  add(to, "data: elements", error_of(try_serialize({other})));
}

void add_writers(std::string& to) {
  const std::vector<std::byte> bytes(8);
  const std::vector<float> floats(1);
  const std::vector<std::uint16_t> words(1);
  std::vector<std::byte> out;
  const auto start = [&] {
    auto plan = write_plan::try_make({{"a", dtype::bf16, {2}}, {"b", dtype::u8, {4}}});
    REQUIRE(plan.has_value());
    auto made =
        basic_writer<function_sink<std::error_code (*)(std::span<const std::byte>)>>::try_start(
            {[](std::span<const std::byte>) { return std::error_code(); }}, *std::move(plan));
    REQUIRE(made.has_value());
    return *std::move(made);
  };
  auto writer = start();
  add(to, "append: absent", error_of(writer.try_append("x", bytes)));
  writer = start();
  add(to, "append: too much", error_of(writer.try_append("a", bytes)));
  writer = start();
  add(to, "append: order", error_of(writer.try_append("b", std::span(bytes).first(1))));
  writer = start();
  add(to, "append: elements", error_of(writer.try_append("a", floats)));
  writer = start();
  add(to, "append: words", error_of(writer.try_append_bits("b", words)));
  writer = start();
  add(to, "finish: missing", error_of(writer.try_finish()));
  writer = start();
  function_source source{8, [](std::uint64_t, std::span<std::byte>) { return std::error_code(); }};
  add(to, "append from: reversed", error_of(writer.try_append_from("a", source, {5, 3})));
  writer = start();
  add(to, "append from: too much", error_of(writer.try_append_from(source, {0, 100})));
  const auto moved = std::move(writer);
  add(to, "writer: moved from", error_of(writer.try_finish()));  // NOLINT(bugprone-use-after-move)
}

}  // namespace

TEST_CASE("messages.txt has the full texts") {
  if (!is_little) return;
  std::string texts;
  add_vectors(texts);
  add_foreign(texts);
  add_access(texts);
  add_plans(texts);
  add_writers(texts);
  const auto path = source_file("tests/messages.txt");
  if (std::getenv("SAFETENSORS_WRITE_MESSAGES") != nullptr) write_file(path, texts);
  std::istringstream wanted(read_file(path)), found(texts);
  for (std::string a, b; std::getline(found, b);) {
    std::getline(wanted, a);
    CHECK(a == b);
  }
  CHECK_FALSE(wanted.peek() != std::istringstream::traits_type::eof());
}
