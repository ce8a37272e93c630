// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The example programs, run on the committed data and on files made here.
#include "support.hpp"

#ifndef _WIN32

#include <cstring>
#include <iomanip>
#include <sstream>

namespace {

using testing::outcome;

// Example "read" is SAFETENSORS_EXAMPLES/example-read, "digits" has a folder of its own.
outcome example(const std::string& name, const std::vector<std::filesystem::path>& arguments) {
  std::filesystem::path program = SAFETENSORS_EXAMPLES;
  if (name == "digits") program /= name;
  std::string command = testing::shell_quoted((program / ("example-" + name)).string());
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
  CHECK(contains(vector.err, "it is [32], not [any,any]"));
  const outcome bytes = example("slice", {images(), "images"});
  CHECK(bytes.exit_code == 1);
  CHECK(contains(bytes.err, "it is U8, not F32"));
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
  const outcome ran = testing::run(
      "ulimit -t 2\n" + testing::shell_quoted(SAFETENSORS_EXAMPLES "/example-header_only") + ' ' +
      testing::shell_quoted((folder / "m").string()) + " t");
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.out, text_of("t: bytes=", head.size(), '-', head.size() + bytes - 1, '\n')));
  CHECK(contains(ran.out, "second half: 34359738368 bytes in 2 runs\n"));
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
  CHECK(contains(other.err, "it is [2], not [32,64]"));
}

TEST_CASE("the network and the images fit in 100 KB together") {
  CHECK(std::filesystem::file_size(digits()) + std::filesystem::file_size(images()) < 100'000);
}

TEST_CASE("each example explains its arguments and exits with 2 when one is missing") {
  check_usage("read", {digits()});
  for (const char* name : {"typed", "slice", "header_only"}) check_usage(name, {digits(), "t"});
  check_usage("digits", {digits(), images()});
}

TEST_CASE("each example gives the library's reason and exits with 1 when the file is bad") {
  check_bad_files("read", {digits()});
  for (const char* name : {"typed", "slice", "header_only"}) check_bad_files(name, {digits(), "t"});
  check_bad_files("digits", {digits(), images()});
}

TEST_CASE("each example that takes a tensor's name says when the file has none of that name") {
  for (const char* name : {"typed", "slice", "header_only"}) {
    const outcome ran = example(name, {digits(), "no such tensor"});
    CHECK(ran.exit_code == 1);
    CHECK(contains(ran.err, "no such tensor"));
  }
}

#endif
