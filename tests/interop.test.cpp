// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The reference implementation and Unicode's tables beside ours. SAFETENSORS_PYTHON names a Python
// that has what interop/requirements.txt lists; SAFETENSORS_MUTATIONS, how many mutations are
// judged; SAFETENSORS_PLANS, how many models are written by both.
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <sstream>

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

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return bytes;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code >= 0x10000) add(0xF0 | code >> 18);
  if (code >= 0x800) add((code < 0x10000 ? 0xE0 : 0x80) | (code >> 12 & 0x3F));
  add((code < 0x800 ? 0xC0 : 0x80) | (code >> 6 & 0x3F));
  add(0x80 | (code & 0x3F));
}

std::string count_from(const char* variable, const char* otherwise) {
  const char* asked = std::getenv(variable);
  return asked != nullptr ? asked : otherwise;
}

// A tensor to be written that owns its bytes.
struct planned_tensor {
  tensor_spec spec;
  std::string bytes;  // as in a file; or words of the machine, if word_bytes is not 1
  std::size_t word_bytes = 1;

  // The same tensor from words of the machine, as a program would have them.
  [[nodiscard]] planned_tensor in_words() const {
    planned_tensor other = *this;
    if (bit_width(spec.dtype) < 16) return other;
    const int bits = spec.dtype == dtype::c64 ? 32 : bit_width(spec.dtype);
    other.word_bytes = static_cast<std::size_t>(bits / 8);
    if (std::endian::native == std::endian::big)
      for (std::size_t at = 0; at < bytes.size(); at += other.word_bytes)
        std::reverse(&other.bytes[at], &other.bytes[at] + other.word_bytes);
    return other;
  }
};

std::vector<tensor_data> borrow(const std::vector<planned_tensor>& tensors) {
  std::vector<tensor_data> borrowed;
  for (const planned_tensor& each : tensors) {
    borrowed.emplace_back(each.spec.name, each.spec.dtype, each.spec.shape, each.bytes);
    borrowed.back().word_bytes = each.word_bytes;
  }
  return borrowed;
}

// From a description by reference.py; every other tensor is given in words.
std::vector<planned_tensor> planned_tensors(const nlohmann::json& described) {
  std::vector<planned_tensor> tensors;
  for (const auto& facts : described) {
    const auto type = dtype_from_string(facts["dtype"].get<std::string>());
    REQUIRE(type.has_value());
    planned_tensor tensor{
        {facts["name"].get<std::string>(), *type, facts["shape"].get<std::vector<std::uint64_t>>()},
        from_hex(facts["data"].get<std::string>())};
    tensors.push_back(tensors.size() % 2 == 0 ? tensor.in_words() : tensor);
  }
  return tensors;
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
  const auto found = [&](char c) {
    return ours.offset < bytes.size() && bytes[static_cast<std::size_t>(ours.offset)] == c;
  };
  return ours.code == errc::duplicate_tensor || ours.code == errc::duplicate_metadata_key ||
         (ours.code == errc::invalid_entry && found('[')) ||
         (ours.code == errc::unknown_dtype && found('{'));
}

}  // namespace

TEST_CASE("the reference's verdicts of the conformance vectors are as committed") {
  reference("measure");
}

TEST_CASE("printable escapes what Unicode's tables name, and five blanks that no class has") {
  const char* python = std::getenv("SAFETENSORS_PYTHON");
  if (python == nullptr || *python == '\0') {
    MESSAGE("skipped: SAFETENSORS_PYTHON names no Python that has Unicode's tables");
    return;
  }
  const outcome ran = run(shell_quoted(python) + R"( -c 'import regex
classes = regex.compile(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}]")
print(*(c for c in range(0x110000) if classes.match(chr(c))))')");
  CAPTURE(ran.err);
  REQUIRE(ran.exit_code == 0);
  std::set<std::uint32_t> wanted{0x2800, 0x13441, 0x13442, 0x16FE4, 0x1D159};
  std::istringstream numbers(ran.out);
  for (std::uint32_t c = 0; numbers >> c;) wanted.insert(c);
  wanted.erase(U' ');
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c)
    if (detail::is_unprintable(c) != wanted.contains(c)) FAIL_CHECK("U+", std::hex, c);
}

TEST_CASE("files that the reference writes are read and written again, byte for byte") {
  const temporary_folder folder;
  if (!reference("write " + shell_quoted((folder / "").string()))) return;
  std::size_t files = 0, same = 0;
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

    const std::string bytes = read_file(entry.path());
    const auto again = try_serialize(*read, {.metadata = read->metadata().to_map()});
    REQUIRE(again.has_value());
    // The reference writes an empty map too, and several keys in an order of chance.
    const bool empty_map = bytes.find("\"__metadata__\":{}") != bytes.npos;
    if (empty_map || read->metadata().size() > 1) continue;
    ++same;
    CHECK(as_text(*again) == bytes);
  }
  MESSAGE("files read: ", files, ", written again with the same bytes: ", same);
  CHECK(files >= 50);
  CHECK(same + 2 == files);
  CHECK(dtypes.size() >= 20);
}

TEST_CASE("random models are written as the reference writes them, byte for byte") {
  const std::string count = count_from("SAFETENSORS_PLANS", "300");
  const temporary_folder folder;
  if (!reference("plans 1 " + count + " " + shell_quoted((folder / "plans").string()))) return;
  const std::string lines = read_file(folder / "plans");
  std::size_t plans = 0, reserved = 0, unreadable = 0;
  std::map<dtype, int> dtypes;
  for (std::size_t at = 0; at < lines.size(); ++plans) {
    const std::size_t end = lines.find('\n', at);
    const auto facts = nlohmann::json::parse(lines.begin() + std::ptrdiff_t(at),
                                             lines.begin() + std::ptrdiff_t(end));
    at = end + 1;
    CAPTURE(plans);
    const auto owners = planned_tensors(facts["tensors"]);
    const auto tensors = borrow(owners);
    const layout_options layout{.metadata = facts["metadata"].get<metadata_map>()};
    const auto written = try_serialize(tensors, layout);
    if (tensors.size() == 1 && tensors[0].name == "__metadata__") {
      ++reserved;  // written by the reference, which refuses to read it
      CHECK_FALSE(facts["readable"].get<bool>());
      REQUIRE_FALSE(written.has_value());
      CHECK(written.error().code == errc::reserved_name);
      continue;
    }
    // What the reference cannot read is no tensor with an empty map; ours is a model without a map.
    if (!facts["readable"].get<bool>()) {
      ++unreadable;
      CHECK(tensors.empty());
      CHECK(layout.metadata.empty());
    }
    REQUIRE(written.has_value());
    const std::string wanted = from_hex(facts["file"].get<std::string>());
    if (as_text(*written) != wanted)
      FAIL_CHECK("the reference writes ", printable(wanted, 2000), "; ours is ",
                 printable(as_text(*written), 2000));
    const auto saved = try_save(folder / "model.safetensors", tensors, {.layout = layout});
    if (!saved) FAIL_CHECK(saved.error().message());
    CHECK(read_file(folder / "model.safetensors") == wanted);
    for (const tensor_data& tensor : tensors) ++dtypes[tensor.dtype];
  }
  MESSAGE("models written by both: ", plans,
          ", that the reference itself cannot read: ", reserved + unreadable);
  CHECK(std::to_string(plans) == count);
  CHECK(reserved == 1);
  CHECK(unreadable >= 1);
  CHECK(dtypes.size() == 20);  // all but the two of six bits
}

TEST_CASE("the reference reads hostile models as they were meant") {
  const temporary_folder folder;
  std::size_t files = 0;
  const auto save = [&](const std::vector<planned_tensor>& tensors,
                        const layout_options& layout = {}) {
    const std::string name = std::to_string(files++);
    CAPTURE(name);
    const auto saved =
        try_save(folder / (name + ".safetensors"), borrow(tensors), {.layout = layout});
    if (!saved) FAIL_CHECK(saved.error().message());
    auto described = nlohmann::json::array();
    for (const auto& [spec, bytes, word_bytes] : tensors)
      described.push_back({{"name", spec.name},
                           {"dtype", to_string(spec.dtype)},
                           {"shape", spec.shape},
                           {"data", hex(std::as_bytes(std::span(bytes)))}});
    // Whether the reference would write the same bytes; an order of several keys it does not keep.
    const bool canonical = layout.order == tensor_order::canonical && layout.data_alignment == 8 &&
                           layout.metadata.size() < 2;
    const nlohmann::json facts = {
        {"tensors", described}, {"metadata", layout.metadata}, {"canonical", canonical}};
    write_file(folder / (name + ".json"), facts.dump());
  };
  std::mt19937 random(1);
  const auto random_bytes = [&](std::size_t count) {
    std::string bytes(count, '\0');
    for (char& each : bytes) each = static_cast<char>(random() & 0xFF);
    return bytes;
  };
  // A tensor of one dimension, and as many bytes as this.
  const auto tensor = [&](std::string_view name, dtype type, std::size_t bytes) {
    return planned_tensor{{name, type, {bytes * 8 / std::size_t(bit_width(type))}},
                          random_bytes(bytes)};
  };

  // Every character there is, plane by plane, in names and in metadata.
  std::vector<planned_tensor> planes;
  metadata_map plane_metadata;
  for (std::uint32_t plane = 0; plane < 17; ++plane) {
    std::string text;
    for (std::uint32_t code = plane << 16; code < (plane + 1) << 16; ++code)
      if (code < 0xD800 || code > 0xDFFF) append_utf8(text, code);
    planes.push_back(tensor(text, dtype::u8, plane));
    plane_metadata[text] = text;
  }
  save(planes);
  save({}, {.metadata = plane_metadata});

  // Characters that JSON or C treat in a way of their own: alone, in pairs, and escaped already.
  std::vector<std::string> texts = {"",     "__metadata__ ",  "\\u0000",
                                    "\\\"", "\",\"shape\":[", "</script>"};
  for (int code = 0; code < 0x21; ++code) texts.emplace_back(1, static_cast<char>(code));
  for (const char* text :
       {"\"", "\\", "/", "\x7F", "\u0080", "\u2028", "\uFEFF", "\uFFFF", "\U0010FFFF"})
    texts.emplace_back(text);
  std::vector<planned_tensor> names;
  metadata_map metadata;
  for (const std::string& first : texts) {
    names.push_back(tensor("one " + first, dtype::i8, 1));
    metadata[first] = first + first;
    save({tensor(first, dtype::u8, 3)}, {.metadata = {{first, first}}});
    for (const std::string& second : texts)
      names.push_back(tensor("two " + first + "." + second, dtype::u8, 1));
  }
  save(names);
  save(names, {.metadata = metadata});

  std::vector<planned_tensor> many;
  for (int i = 0; i < 100'001; ++i)
    many.push_back(tensor("layer." + std::to_string(i), i % 2 == 0 ? dtype::u8 : dtype::bf16,
                          i % 3 == 0 ? 0 : 2));
  save(many);

  // 1,000 dimensions.
  std::vector<std::uint64_t> three(1000, 1), none(1000, 2);
  three.back() = 3;
  none.front() = 0;
  save({{{"three", dtype::f32, three}, random_bytes(12)},
        {{"three bytes", dtype::boolean, three}, random_bytes(3)},
        {{"none", dtype::i16, none}, ""}});

  // Every dtype, with elements and without; the small ones end at a byte only together.
  std::vector<planned_tensor> all;
  for (std::size_t number = 0; number < std::size(detail::dtypes); ++number) {
    const auto type = static_cast<dtype>(number);
    const std::string name(to_string(type));
    const auto bytes_of_16 = 2 * static_cast<std::size_t>(bit_width(type));
    all.push_back(tensor(name, type, 24));
    all.push_back({{name + " of rank 3", type, {2, 2, 4}}, random_bytes(bytes_of_16)});
    all.push_back(tensor(name + " of no element", type, 0));
    all.push_back({{name + " of no row", type, {0, to_end}}, ""});
  }
  std::shuffle(all.begin(), all.end(), random);
  save(all);
  save(all, {.metadata = {{"format", "pt"}}, .order = tensor_order::as_given});
  save(all, {.metadata = {{"b", ""}, {"a", ""}, {"", ""}}, .data_alignment = 4096});
  save({{{"three quarters of a byte, four times", dtype::f6_e3m2, {4}}, random_bytes(3)},
        {{"half a byte, twice", dtype::f4, {1, 2}}, random_bytes(1)},
        {{"odd in front", dtype::f4, {3, 2}}, random_bytes(3)},
        {{"odd at the end", dtype::f6_e2m3, {4, 3}}, random_bytes(9)}});
  save({});
  save({}, {.metadata = {{"", ""}}});

  MESSAGE("hostile models written: ", files);
  reference("check " + shell_quoted((folder / "").string()));
}

TEST_CASE("mutations of valid headers are judged as the reference does, but for what is meant") {
  const std::string count = count_from("SAFETENSORS_MUTATIONS", "20000");
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
