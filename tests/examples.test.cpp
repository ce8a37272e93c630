// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The example programs, run on the committed data and on files made here.
#include "support.hpp"

#ifndef _WIN32

#include <safetensors/writer.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <numeric>
#include <sstream>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SAFETENSORS_ADDRESS_SANITIZER
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SAFETENSORS_ADDRESS_SANITIZER
#endif

namespace {

using testing::outcome;

// Example "read" is SAFETENSORS_EXAMPLES/example-read, "digits" has a folder of its own. The shell
// runs `before` first.
outcome example(const std::string& name, const std::vector<std::filesystem::path>& arguments,
                const std::string& before = "") {
  std::filesystem::path program = SAFETENSORS_EXAMPLES;
  if (name == "digits") program /= name;
  std::string command = before + testing::shell_quoted((program / ("example-" + name)).string());
  for (const auto& argument : arguments) command += ' ' + testing::shell_quoted(argument.string());
  return testing::run(command);
}

std::filesystem::path data(const char* name) {
  return testing::source_file("examples/data") / name;
}
std::filesystem::path digits() { return data("digits.safetensors"); }
std::filesystem::path images() { return data("digits-test.safetensors"); }

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

template <class... T> std::string text_of(const T&... values) {
  std::ostringstream out;
  (out << ... << values);
  return out.str();
}

// The example without its last argument, and without any.
void check_usage(const std::string& name, std::vector<std::filesystem::path> arguments) {
  while (!arguments.empty()) {
    arguments.pop_back();
    const outcome ran = example(name, arguments);
    CHECK(ran.exit_code == 2);
    CHECK(ran.out == "");
    CHECK(ran.err.starts_with("usage: example-" + name + " "));
  }
}

// The example with a file that is not there, then with one that is no safetensors file; each is the
// first argument. The program says what the library says.
void check_bad_files(const std::string& name, std::vector<std::filesystem::path> arguments) {
  const testing::temporary_folder folder;
  testing::write_file(folder / "bad", "not a model, but longer than eight bytes");
  for (const auto& path : {folder / "missing", folder / "bad"}) {
    arguments.front() = path;
    const outcome ran = example(name, arguments);
    CHECK(ran.exit_code == 1);
    CHECK(ran.out == "");
    const auto opened = safetensors::header::try_open(path);
    REQUIRE_FALSE(opened.has_value());
    CHECK(ran.err == opened.error().message() + '\n');
  }
}

// The example with 32 MiB of resident memory, and 64 MiB of address space, where that can be
// limited and no sanitizer needs more.
outcome example_in_little_memory(const std::string& name,
                                 const std::vector<std::filesystem::path>& arguments) {
#if defined(__linux__) && !defined(SAFETENSORS_ADDRESS_SANITIZER)
  constexpr long most = 32L << 20;
  const outcome ran = example(name, arguments, "ulimit -v 65536\n");
#else
  constexpr long most = 64L << 20;
  const outcome ran = example(name, arguments);
#endif
#ifdef __APPLE__
  constexpr long unit = 1;
#else
  constexpr long unit = 1024;
#endif
  rusage children{};  // the largest that has run so far
  REQUIRE(getrusage(RUSAGE_CHILDREN, &children) == 0);
  CHECK(children.ru_maxrss < most / unit);
  return ran;
}

// What an example that writes says when it cannot make its file.
void check_no_output(const std::string& name, const std::vector<std::filesystem::path>& arguments) {
  const auto created = safetensors::file_sink::try_create(arguments.back(), 0);
  REQUIRE_FALSE(created.has_value());
  const outcome ran = example(name, arguments);
  CHECK(ran.exit_code == 1);
  CHECK(ran.out == "");
  CHECK(ran.err == created.error().message() + '\n');
}

// Little-endian bytes of 32-bit words.
std::string bytes_of(const std::vector<std::uint32_t>& words) {
  std::string bytes;
  for (const std::uint32_t word : words)
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift);
  return bytes;
}

// The BF16 number nearest to an F32 number that is no NaN, found by measuring the distance to both
// its neighbours, with an even last bit if they are equally far.
std::uint16_t nearest_bf16(std::uint32_t bits) {
  const auto value = [](std::uint32_t upper_half) {
    const std::uint32_t magnitude = upper_half & 0x7FFF;
    return magnitude == 0x7F80 ? std::ldexp(1.0, 128)  // where the number after the last would be
                               : static_cast<double>(std::bit_cast<float>(magnitude << 16));
  };
  const std::uint32_t below = bits >> 16;
  if ((bits & 0x7FFFFFFF) == 0x7F800000) return static_cast<std::uint16_t>(below);
  const double exact = static_cast<double>(std::bit_cast<float>(bits & 0x7FFFFFFF));
  const double down = exact - value(below), up = value(below + 1) - exact;
  const bool next = up < down || (up == down && below % 2 == 1);
  return static_cast<std::uint16_t>(below + next);
}

// One byte of U8, so that the floats after it are misaligned: the header is padded to 8.
std::string misaligned_file(const std::vector<float>& values) {
  const std::size_t bytes = values.size() * sizeof(float);
  std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32",)"
                       R"("shape":[)" +
                       std::to_string(values.size()) + R"(],"data_offsets":[1,)" +
                       std::to_string(1 + bytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string file = testing::make_file(header, 1 + bytes);
  std::memcpy(file.data() + file.size() - bytes, values.data(), bytes);
  return file;
}

}  // namespace

TEST_CASE("read lists the tensors in data order, then the metadata") {
  const outcome ran = example("read", {digits()});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  std::string expected =
      "hidden.bias  F32  [32]  128 bytes\n"
      "hidden.weight  F32  [32, 64]  8192 bytes\n"
      "output.bias  F32  [10]  40 bytes\n"
      "output.weight  F32  [10, 32]  1280 bytes\n";
  const safetensors::file model(digits());
  CHECK(model.metadata().size() == 4);
  for (const auto [key, value] : model.metadata()) expected += text_of(key, " = ", value, '\n');
  CHECK(ran.out == expected);
}

TEST_CASE("read lists bytes as well as floats") {
  const outcome ran = example("read", {images()});
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.out, "images  U8  [360, 64]  23040 bytes\n"));
  CHECK(contains(ran.out, "labels  U8  [360]  360 bytes\n"));
  CHECK(contains(ran.out, "source = E. Alpaydin and C. Kaynak, "));
}

TEST_CASE("read keeps names from controlling the terminal, and shows a scalar's shape as []") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "m", testing::make_tensor_file("I16", "[]", 2, R"(a\u001b[2Jb)"));
  const outcome ran = example("read", {folder / "m"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out == "a\\x1b[2Jb  I16  []  2 bytes\n");
}

TEST_CASE("typed reads aligned floats in place") {
  const outcome ran = example("typed", {digits(), "hidden.bias"});
  const safetensors::file model(digits());
  const auto values = model["hidden.bias"].as<float>();
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  CHECK(ran.out == text_of("32 floats, in place: ", values[0], ' ', values[1], ' ', values[2], ' ',
                           values[3], " ...\n"));
}

TEST_CASE("typed copies misaligned floats") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "m", misaligned_file({1.5F, -2, 0.25F}));
  const outcome ran = example("typed", {folder / "m", "b"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out.starts_with("not in place: "));
  CHECK(ran.out.ends_with("\n3 floats, copied: 1.5 -2 0.25\n"));
}

TEST_CASE("typed reads a tensor without elements") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "m", testing::make_tensor_file("F32", "[0,3]", 0));
  const outcome ran = example("typed", {folder / "m", "t"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out == "0 floats, in place:\n");
}

TEST_CASE("typed does not read bytes as floats") {
  const outcome ran = example("typed", {images(), "images"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.out == "");
  CHECK(contains(ran.err, "images"));
  CHECK(contains(ran.err, "U8"));
  CHECK(contains(ran.err, "F32"));
}

TEST_CASE("slice shows a row as one run and half the columns as one run per row") {
  const outcome ran = example("slice", {digits(), "output.weight"});
  const safetensors::file model(digits());
  const auto weight = model["output.weight"].as<float>();
  std::string expected = text_of("row 0: 32 elements, contiguous\n  begins with ", weight[0],
                                 "\nleft half: 10 x 16, strided\n");
  for (int i = 0; i < 10; ++i) expected += text_of("  run ", i, ": 64 bytes\n");
  expected += text_of("  copied: ", weight[0], " ... ", weight[9 * 32 + 15], '\n');
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  CHECK(ran.out == expected);
}

TEST_CASE("slice says what it cannot slice") {
  const outcome vector = example("slice", {digits(), "hidden.bias"});
  CHECK(vector.exit_code == 1);
  CHECK(vector.out == "");
  CHECK(contains(vector.err, "[32], not [any,any]"));
  const outcome bytes = example("slice", {images(), "images"});
  CHECK(bytes.exit_code == 1);
  CHECK(contains(bytes.err, "U8, not F32"));
}

TEST_CASE("slice says that a matrix without rows has no first row") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "m", testing::make_tensor_file("F32", "[0,4]", 0));
  const outcome ran = example("slice", {folder / "m", "t"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.out == "");
  CHECK(contains(ran.err, "tensor \"t\""));
}

TEST_CASE("header_only gives the byte ranges of tensors and of half a tensor") {
  const outcome ran = example("header_only", {digits(), "output.weight"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  const auto start = safetensors::header(digits()).data_start();
  const auto range = [&](std::uint64_t first, std::uint64_t last) {
    return text_of("bytes=", start + first, '-', start + last, '\n');
  };
  std::string expected = "hidden.bias: " + range(0, 127) + "hidden.weight: " + range(128, 8319) +
                         "output.bias: " + range(8320, 8359) +
                         "output.weight: " + range(8360, 9639) +
                         "second half: 640 bytes in 10 runs\n";
  for (std::uint64_t row = 0; row < 10; ++row)
    expected += "  " + range(8360 + row * 128 + 64, 8360 + row * 128 + 127);
  CHECK(ran.out == expected);
}

TEST_CASE("header_only takes tensors without elements or dimensions") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "empty", testing::make_tensor_file("F32", "[4,0]", 0));
  const outcome empty = example("header_only", {folder / "empty", "t"});
  CHECK(empty.exit_code == 0);
  CHECK(empty.out == "t: no bytes\nsecond half: 0 bytes in 0 runs\n");

  const std::string scalar = testing::make_tensor_file("F32", "[]", 4);
  testing::write_file(folder / "scalar", scalar);
  const outcome whole = example("header_only", {folder / "scalar", "t"});
  CHECK(whole.exit_code == 0);
  const std::string range = text_of("bytes=", scalar.size() - 4, '-', scalar.size() - 1, '\n');
  CHECK(whole.out == "t: " + range + "second half: 4 bytes in 1 runs\n  " + range);
}

TEST_CASE("header_only does not read the data") {
  const testing::temporary_folder folder;
  constexpr std::uint64_t bytes = std::uint64_t{64} << 30;  // sparse, so it takes no room
  const std::string head = testing::make_file(
      R"({"t":{"dtype":"F32","shape":[2,8589934592],"data_offsets":[0,68719476736]}})");
  testing::write_file(folder / "m", head);
  std::filesystem::resize_file(folder / "m", head.size() + bytes);
  // Two seconds of processor time are too few to read 64 GiB.
  const outcome ran = example("header_only", {folder / "m", "t"}, "ulimit -t 2\n");
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.out, text_of("t: bytes=", head.size(), '-', head.size() + bytes - 1, '\n')));
  CHECK(contains(ran.out, "second half: 34359738368 bytes in 2 runs\n"));
}

TEST_CASE("write writes what it prints") {
  const testing::temporary_folder folder;
  const outcome ran = example("write", {folder / "m"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  CHECK(ran.out ==
        "weight: 0.5 -1.5 2 0.25 -4 8\n"
        "token_ids: 7 -1\n"
        "scale, as words: 16256 49152\n"
        "format = pt\n"
        "license = MIT\n");

  const safetensors::file model(folder / "m");
  CHECK(model.size() == 3);
  CHECK(model["weight"].matches(safetensors::dtype::f32, {2, 3}));
  CHECK(model["weight"].to_vector<float>() == std::vector<float>{0.5F, -1.5F, 2, 0.25F, -4, 8});
  CHECK(model["token_ids"].matches(safetensors::dtype::i64, {2}));
  CHECK(model["token_ids"].to_vector<std::int64_t>() == std::vector<std::int64_t>{7, -1});
  CHECK(model["scale"].matches(safetensors::dtype::bf16, {2}));
  const auto scale = model["scale"].bytes();
  CHECK(std::memcmp(scale.data(), "\x80\x3F\x00\xC0", scale.size()) == 0);
  CHECK(model.metadata().to_map() ==
        safetensors::metadata_map{{"format", "pt"}, {"license", "MIT"}});
}

TEST_CASE("stream writes every element of its layers, also of one without any") {
  const testing::temporary_folder folder;
  const outcome ran = example("stream", {folder / "m", "5"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  const safetensors::file model(folder / "m");
  std::string expected;
  float chunk = 0;
  for (int i = 0; i < 4; ++i) {
    const std::size_t mebibytes = i < 2 ? 2 : i == 2 ? 1 : 0;
    const std::string name = text_of("layers.", i, ".weight");
    expected += text_of(name, ": ", mebibytes << 20, " bytes\n");
    REQUIRE(model[name].matches(safetensors::dtype::f32, {mebibytes * 256, 1024}));
    std::vector<float> values(mebibytes << 18);
    for (std::size_t at = 0; at < values.size(); at += 1 << 18)
      std::iota(&values[at], &values[at] + (1 << 18), chunk++);
    CHECK(model[name].to_vector<float>() == values);
  }
  expected += text_of(std::filesystem::file_size(folder / "m"),
                      " bytes in all, never more than 1048576 at once\n");
  CHECK(ran.out == expected);
}

TEST_CASE("stream writes 1 GiB with 32 MiB of memory") {
  const testing::temporary_folder folder;
  const outcome ran = example_in_little_memory("stream", {folder / "m"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  const safetensors::file_source source(folder / "m");
  const auto model = safetensors::header::read(source);
  REQUIRE(model.size() == 4);
  CHECK(model.data_size() == std::uint64_t{1} << 30);
  // Of each chunk of 1 MiB, the first word and the last.
  constexpr std::uint64_t chunk_bytes = 1 << 20;
  for (unsigned i = 0; i < 1024; ++i)
    for (const unsigned element : {0U, (1U << 18) - 1}) {
      char word[4];
      const auto error =
          source.read_at(model.data_start() + i * chunk_bytes + std::uint64_t{element} * 4,
                         std::as_writable_bytes(std::span(word)));
      REQUIRE_FALSE(error);
      const auto value = std::bit_cast<std::uint32_t>(static_cast<float>(i + element));
      REQUIRE(std::string_view(word, 4) == bytes_of({value}));
    }
}

TEST_CASE("stream takes a whole number as the size") {
  const testing::temporary_folder folder;
  for (const char* size : {"", "x", "1x", "-1", "1.5", " 1", "4294967296"}) {
    const outcome ran = example("stream", {folder / "m", size});
    CHECK(ran.exit_code == 2);
    CHECK(ran.out == "");
    CHECK(ran.err.starts_with("usage: example-stream "));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "m"));
}

TEST_CASE("convert rounds every kind of float to the nearest BF16, ties to even") {
  // Every upper half with lower halves around the places where rounding changes: 1.5 MiB.
  std::vector<std::uint32_t> words;
  for (std::uint32_t upper = 0; upper < 0x10000; ++upper)
    for (const std::uint32_t lower : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU})
      words.push_back(upper << 16 | lower);
  const std::string size = std::to_string(words.size());
  const std::string bytes = std::to_string(words.size() * 4);
  const testing::temporary_folder folder;
  testing::write_file(folder / "in", testing::make_file(R"({"t":{"dtype":"F32","shape":[)" + size +
                                                        R"(],"data_offsets":[0,)" + bytes + "]}}") +
                                         bytes_of(words));
  REQUIRE(example("convert", {folder / "in", folder / "out"}).exit_code == 0);

  const safetensors::file out(folder / "out");
  REQUIRE(out["t"].matches(safetensors::dtype::bf16, {words.size()}));
  std::vector<std::uint16_t> converted(words.size());
  out["t"].copy_bits(converted);
  for (std::size_t i = 0; i < words.size(); ++i) {
    INFO("F32 word ", words[i], ", BF16 word ", converted[i]);
    if ((words[i] & 0x7FFFFFFF) > 0x7F800000) {  // NaN, and its sign
      REQUIRE((converted[i] & 0x7FFF) > 0x7F80);
      REQUIRE((converted[i] >> 15 == 1) == (words[i] >> 31 == 1));
    } else {
      REQUIRE(converted[i] == nearest_bf16(words[i]));
    }
  }
}

TEST_CASE("convert knows the numbers that are easy to get wrong") {
  const std::vector<std::uint32_t> words = {
      0x3F800000, 0x3F808000, 0x3F818000, 0x3F808001,  // 1, ties, just above a tie
      0x80000000, 0x00000001, 0x00008000, 0x00018000,  // -0, subnormal numbers
      0x7F800000, 0xFF800000, 0x7F7FFFFF, 0x7F800001,  // infinities, overflow, a NaN
  };
  const std::vector<std::uint16_t> expected = {0x3F80, 0x3F80, 0x3F82, 0x3F81, 0x8000, 0,
                                               0,      2,      0x7F80, 0xFF80, 0x7F80, 0x7FC0};
  const testing::temporary_folder folder;
  testing::write_file(
      folder / "in",
      testing::make_file(R"({"t":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]}})") +
          bytes_of(words));
  REQUIRE(example("convert", {folder / "in", folder / "out"}).exit_code == 0);
  const safetensors::file out(folder / "out");
  std::vector<std::uint16_t> converted(words.size());
  out["t"].copy_bits(converted);
  CHECK(converted == expected);
}

TEST_CASE("convert keeps names, shapes and metadata, and all bytes that are not F32") {
  const testing::temporary_folder folder;
  // One byte first, so that the floats after it are misaligned.
  testing::write_file(
      folder / "in",
      testing::make_file(R"({"__metadata__":{"format":"pt","k\n":"\u00e9"},)"
                         R"("b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                         R"("s":{"dtype":"F32","shape":[],"data_offsets":[1,5]},)"
                         R"("e":{"dtype":"F32","shape":[0,3],"data_offsets":[5,5]},)"
                         R"("":{"dtype":"I64","shape":[2],"data_offsets":[5,21]},)"
                         R"("n\"":{"dtype":"F4","shape":[2,3],"data_offsets":[21,24]},)"
                         R"("h":{"dtype":"F16","shape":[1,1,3],"data_offsets":[24,30]},)"
                         R"("z":{"dtype":"F64","shape":[0],"data_offsets":[30,30]},)"
                         R"("d":{"dtype":"F64","shape":[],"data_offsets":[30,38]}})",
                         38));
  const outcome ran = example("convert", {folder / "in", folder / "out"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  CHECK(ran.out == text_of(std::filesystem::file_size(folder / "in"), " bytes became ",
                           std::filesystem::file_size(folder / "out"), '\n'));

  const safetensors::file in(folder / "in"), out(folder / "out");
  CHECK(out.size() == 8);
  CHECK(out.metadata().to_map() == in.metadata().to_map());
  for (const safetensors::tensor_view tensor : in) {
    const std::string name(tensor.name());
    CAPTURE(name);
    const safetensors::tensor_view written = out[name];
    const bool converted = tensor.dtype() == safetensors::dtype::f32;
    CHECK(written.matches(converted ? safetensors::dtype::bf16 : tensor.dtype(), tensor.shape()));
    if (!converted) CHECK(std::ranges::equal(written.bytes(), tensor.bytes()));
  }
  // The scalar's bytes are 1, 2, 3, 4: its lower half is less than a half.
  CHECK(std::memcmp(out["s"].bytes().data(), "\x03\x04", 2) == 0);
}

TEST_CASE("convert takes a model without tensors") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "in", testing::make_file("{}"));
  CHECK(example("convert", {folder / "in", folder / "out"}).exit_code == 0);
  CHECK(safetensors::file(folder / "out").empty());
}

TEST_CASE("convert can replace its input") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "m", testing::read_file(digits()));
  CHECK(example("convert", {digits(), folder / "other"}).exit_code == 0);
  CHECK(example("convert", {folder / "m", folder / "m"}).exit_code == 0);
  CHECK(testing::read_file(folder / "m") == testing::read_file(folder / "other"));
}

TEST_CASE("convert leaves its output as it is when the input is bad") {
  const testing::temporary_folder folder;
  testing::write_file(folder / "in", testing::make_tensor_file("F32", "[2]", 7));
  testing::write_file(folder / "out", "precious");
  CHECK(example("convert", {folder / "in", folder / "out"}).exit_code == 1);
  CHECK(testing::read_file(folder / "out") == "precious");
}

TEST_CASE("convert converts gigabytes with 32 MiB of memory") {
  const testing::temporary_folder folder;
#ifdef NDEBUG
  constexpr std::uint64_t words = 1 << 30;  // 4 GiB
#else
  constexpr std::uint64_t words = 1 << 27;
#endif
  constexpr std::uint64_t chunk = 1 << 18;
  // Zeros, and a number at both ends and at both sides of a chunk's end.
  const std::vector<std::uint64_t> places = {0, chunk - 1, chunk, words / 2, words - 1};
  const auto number = [](std::size_t i) { return static_cast<std::uint32_t>(0x3F80 + i); };
  const std::string head =
      testing::make_file(text_of(R"({"t":{"dtype":"F32","shape":[)", words / 1024,
                                 R"(,1024],"data_offsets":[0,)", words * 4, "]}}"));
  testing::write_file(folder / "in", head);
  std::filesystem::resize_file(folder / "in", head.size() + words * 4);  // sparse
  std::FILE* in = std::fopen((folder / "in").c_str(), "rb+");
  REQUIRE(in != nullptr);
  for (std::size_t i = 0; i < places.size(); ++i) {
    REQUIRE(std::fseek(in, static_cast<long>(head.size() + places[i] * 4), SEEK_SET) == 0);
    REQUIRE(std::fwrite(bytes_of({number(i) << 16}).data(), 1, 4, in) == 4);
  }
  REQUIRE(std::fclose(in) == 0);

  const outcome ran = example_in_little_memory("convert", {folder / "in", folder / "out"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  const safetensors::file_source source(folder / "out");
  const auto model = safetensors::header::read(source);
  REQUIRE(model["t"].matches(safetensors::dtype::bf16, {words / 1024, 1024}));
  std::string got(chunk * 2, '\0');
  for (std::uint64_t first = 0; first < words; first += chunk) {
    REQUIRE_FALSE(
        source.read_at(model.data_start() + first * 2, std::as_writable_bytes(std::span(got))));
    std::string expected(chunk * 2, '\0');
    for (std::size_t i = 0; i < places.size(); ++i)
      if (places[i] >= first && places[i] - first < chunk)
        expected.replace(static_cast<std::size_t>(places[i] - first) * 2, 2, bytes_of({number(i)}),
                         0, 2);
    REQUIRE((got == expected));
  }
}

TEST_CASE("digits measures the accuracy that the metadata holds") {
  const safetensors::file model(digits());
  const auto accuracy = model.metadata().find("accuracy");
  REQUIRE(accuracy.has_value());
  const std::string text(*accuracy);
  const int correct = std::stoi(text), total = std::stoi(text.substr(text.find('/') + 1));
  CHECK(total == 360);
  CHECK(correct > 342);  // 95 %

  const outcome ran = example("digits", {digits(), images()});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == "");
  const std::string line =
      text_of("accuracy ", std::fixed, std::setprecision(2), 100.0 * correct / total, " % (",
              correct, " of ", total, "), as measured in training\n");
  CHECK(ran.out.ends_with('\n' + line));
}

TEST_CASE("digits draws one image that it misread") {
  const outcome ran = example("digits", {digits(), images()});
  CHECK(ran.out.starts_with("image "));
  CHECK(contains(ran.out, " and was read as "));
  std::istringstream lines(ran.out);
  std::string line;
  std::getline(lines, line);
  for (int row = 0; row < 8; ++row) {
    std::getline(lines, line);
    CHECK(line.size() == 2 + 2 * 8);
    CHECK(line.find_first_not_of(" .:-=+*#@") == std::string::npos);
  }
  CHECK(contains(ran.out, "@@"));
}

TEST_CASE("digits fails when it counts otherwise than the metadata") {
  const testing::temporary_folder folder;
  const safetensors::file model(digits());
  const std::string accuracy(model.metadata().find("accuracy").value());
  std::string bytes = testing::read_file(digits());
  const auto at = bytes.find('"' + accuracy + '"');
  REQUIRE(at != std::string::npos);
  bytes[at + 1] = '1';  // the first digit of three
  testing::write_file(folder / "m", bytes);
  const outcome ran = example("digits", {folder / "m", images()});
  CHECK(ran.exit_code == 1);
  CHECK(ran.out.ends_with(", not as measured in training\n"));
}

TEST_CASE("digits says which tensor is missing or another") {
  const outcome swapped = example("digits", {images(), digits()});
  CHECK(swapped.exit_code == 1);
  CHECK(contains(swapped.err, "hidden.weight"));

  const testing::temporary_folder folder;
  testing::write_file(folder / "m", testing::make_tensor_file("F32", "[2]", 8, "hidden.weight"));
  const outcome other = example("digits", {folder / "m", images()});
  CHECK(other.exit_code == 1);
  CHECK(other.out == "");
  CHECK(contains(other.err, "tensor \"hidden.weight\""));
  CHECK(contains(other.err, "[2], not [32,64]"));
}

TEST_CASE("the network and the images fit in 100 KB together") {
  CHECK(std::filesystem::file_size(digits()) + std::filesystem::file_size(images()) < 100'000);
}

TEST_CASE("each example explains its arguments and exits with 2 when one is missing") {
  check_usage("read", {digits()});
  for (const char* name : {"typed", "slice", "header_only"}) check_usage(name, {digits(), "t"});
  const testing::temporary_folder folder;
  check_usage("write", {folder / "m"});
  check_usage("stream", {folder / "m"});
  check_usage("convert", {digits(), folder / "m"});
  check_usage("digits", {digits(), images()});
}

TEST_CASE("each example gives the library's reason and exits with 1 when the file is bad") {
  check_bad_files("read", {digits()});
  for (const char* name : {"typed", "slice", "header_only"}) check_bad_files(name, {digits(), "t"});
  const testing::temporary_folder folder;
  check_bad_files("convert", {digits(), folder / "m"});
  CHECK_FALSE(std::filesystem::exists(folder / "m"));
  check_bad_files("digits", {digits(), images()});
}

TEST_CASE("each example that writes gives the library's reason and exits with 1 when it cannot") {
  const testing::temporary_folder folder;
  for (const auto& path : {folder / "", folder / "missing" / "m"}) {
    check_no_output("write", {path});
    check_no_output("stream", {path});
    check_no_output("convert", {digits(), path});
  }
}

TEST_CASE("each example that takes a tensor's name says when the file has none of that name") {
  for (const char* name : {"typed", "slice", "header_only"}) {
    const outcome ran = example(name, {digits(), "no such tensor"});
    CHECK(ran.exit_code == 1);
    CHECK(contains(ran.err, "no such tensor"));
  }
}

#endif
