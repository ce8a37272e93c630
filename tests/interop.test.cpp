// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The reference implementation beside ours. SAFETENSORS_PYTHON names a Python that has what
// interop/requirements.txt lists; SAFETENSORS_MUTATIONS, how many mutations are judged.
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstring>
#include <map>

using namespace safetensors;
using namespace testing;

#ifndef _WIN32
namespace {

// Runs reference.py; false if there is no Python for it.
bool reference(const std::string& arguments) {
  const char* python = std::getenv("SAFETENSORS_PYTHON");
  if (python == nullptr || *python == '\0') {
    MESSAGE("skipped: SAFETENSORS_PYTHON names no Python that has the reference package");
    return false;
  }
  const auto script = source_file("tests/interop/reference.py");
  const outcome ran =
      run(shell_quoted(python) + " " + shell_quoted(script.string()) + " " + arguments);
  CAPTURE(ran.out);
  CAPTURE(ran.err);
  REQUIRE(ran.exit_code == 0);
  return true;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte each : bytes)
    for (const unsigned shift : {4u, 0u})
      text += "0123456789abcdef"[std::to_integer<unsigned>(each) >> shift & 0xF];
  return text;
}

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit)
      table[i] = table[i] >> 1 ^ (0xEDB88320u & (0u - (table[i] & 1u)));
  }
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::byte each : bytes)
    crc = crc >> 8 ^ table[(crc ^ std::to_integer<std::uint32_t>(each)) & 0xFF];
  return ~crc;
}

// Every tensor's checksum, dtype, shape and name, as the reference reads them and as we do.
void compare_digests(const std::string& python, const std::filesystem::path& path) {
  const std::string shown = path.string();
  CAPTURE(shown);
  const outcome told =
      run(shell_quoted(python) +
          " -c 'import sys, zlib, safetensors\n"
          "for name, t in safetensors.deserialize(open(sys.argv[1], \"rb\").read()):\n"
          "  print(zlib.crc32(t[\"data\"]), t[\"dtype\"], *t[\"shape\"], name)' " +
          shell_quoted(shown));
  REQUIRE(told.exit_code == 0);
  const auto read = file::try_open(path);
  REQUIRE(read.has_value());
  std::size_t lines = 0;
  for (std::size_t at = 0; at < told.out.size(); ++lines) {
    const std::size_t end = told.out.find('\n', at);
    const std::string line = told.out.substr(at, end - at);
    at = end + 1;
    const auto tensor = read->find(line.substr(line.rfind(' ') + 1));
    REQUIRE(tensor.has_value());
    std::string ours =
        std::to_string(crc32(tensor->bytes())) + " " + std::string(to_string(tensor->dtype()));
    for (const std::uint64_t size : tensor->shape()) ours += " " + std::to_string(size);
    CHECK(ours + " " + std::string(tensor->name()) == line);
  }
  CHECK(lines == read->size());
}

// The differences that are meant: where two readers could see two models in one file, ours refuses.
bool is_deliberate(const failure& ours, std::string_view bytes) {
  const auto found = [&](char c) { return ours.offset < bytes.size() && bytes[ours.offset] == c; };
  return ours.code == errc::duplicate_tensor || ours.code == errc::duplicate_metadata_key ||
         (ours.code == errc::invalid_entry && found('[')) ||
         (ours.code == errc::unknown_dtype && found('{'));
}

}  // namespace

TEST_CASE("the reference's verdicts of the conformance vectors are as committed") {
  reference("measure");
}

TEST_CASE("files that the reference writes are read with every name, dtype, shape and byte") {
  const temporary_folder folder;
  if (!reference("write " + shell_quoted((folder / "").string()))) return;
  std::size_t files = 0;
  std::map<std::string, int> dtypes;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "")) {
    if (entry.path().extension() != ".safetensors") continue;
    ++files;
    const std::string path = entry.path().string();
    CAPTURE(path);
    const auto facts = nlohmann::json::parse(
        read_file(std::filesystem::path(entry.path()).replace_extension(".json")));
    const auto read = file::try_open(entry.path());
    if (!read) FAIL_CHECK(read.error().message());
    REQUIRE(read.has_value());
    CHECK(read->size() == facts["tensors"].size());
    for (const auto& wanted : facts["tensors"]) {
      const auto tensor = read->find(wanted["name"].get<std::string>());
      REQUIRE(tensor.has_value());
      ++dtypes[std::string(to_string(tensor->dtype()))];
      CHECK(to_string(tensor->dtype()) == wanted["dtype"].get<std::string>());
      CHECK(tensor->matches(tensor->dtype(), wanted["shape"].get<std::vector<std::uint64_t>>()));
      CHECK(hex(tensor->bytes()) == wanted["data"].get<std::string>());
    }
    CHECK(read->metadata().to_map() == facts["metadata"].get<metadata_map>());
  }
  CHECK(files >= 50);
  CHECK(dtypes.size() >= 20);
}

TEST_CASE("mutations of valid headers are judged as the reference does, but for what is meant") {
  const char* asked = std::getenv("SAFETENSORS_MUTATIONS");
  const std::string count = asked != nullptr ? asked : "20000";
  const temporary_folder folder;
  if (!reference("mutate 1 " + count + " " + shell_quoted((folder / "mutations").string()))) return;
  const std::string stream = read_file(folder / "mutations");
  const std::string verdicts = read_file(folder / "mutations.verdicts");
  CHECK(std::to_string(verdicts.size()) == count);
  std::size_t at = 0, deliberate = 0, accepted = 0;
  for (const char verdict : verdicts) {
    std::uint32_t length = 0;
    for (unsigned i = 0; i < 4; ++i)
      length |= std::uint32_t{static_cast<unsigned char>(stream[at + i])} << 8 * i;
    const std::string bytes = stream.substr(at + 4, length);
    at += 4 + length;
    const auto ours = parse(bytes);
    accepted += ours ? 1u : 0u;
    if (ours.has_value() == (verdict == 1)) continue;
    if (verdict == 1 && is_deliberate(ours.error(), bytes)) {
      ++deliberate;
      continue;
    }
    FAIL_CHECK("an unexplained difference: the reference says ", int{verdict}, " to ",
               printable(bytes), "; ours: ", ours ? std::string("valid") : ours.error().message());
  }
  CHECK(at == stream.size());
  MESSAGE("mutations: ", count, ", accepted by both: ", accepted,
          ", refused on purpose: ", deliberate);
  CHECK(accepted > 0);
  CHECK(deliberate > 0);
}

TEST_CASE("published models are read as the reference reads them") {
  const char* python = std::getenv("SAFETENSORS_PYTHON");
  std::size_t found = 0;
  for (const char* variable : {"SAFETENSORS_PUBLISHED_MODELS", "SAFETENSORS_MODELS"}) {
    const char* folder = std::getenv(variable);
    if (python == nullptr || folder == nullptr) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".safetensors") continue;
      ++found;
      compare_digests(python, entry.path());
    }
  }
  if (found == 0)
    MESSAGE("skipped: neither SAFETENSORS_PUBLISHED_MODELS nor SAFETENSORS_MODELS names models");
  MESSAGE("models compared: ", found);
}
#endif
