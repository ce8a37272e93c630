// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Files of other kinds under the name of a model, by every way in.
#include "foreign.hpp"

using namespace safetensors;
using namespace testing;
using namespace testing::foreign;
using namespace std::string_literals;

#include <algorithm>
#include <cctype>
#include <cstring>

namespace {

enum class way { opening, parsing, reading, asking, asking_with_size };

struct answer {
  std::string_view function;
  way by;
  bool has_all;  // or the first 8 bytes
  std::optional<failure> failed;
};

template <class T> std::optional<failure> failed(const result<T>& from) {
  return from ? std::nullopt : std::optional(from.error());
}

// What each function says that begins with a file's first bytes.
std::vector<answer> answers(const std::filesystem::path& path, std::string_view file,
                            const read_options& options = {}) {
  const auto bytes = std::as_bytes(std::span(file));
  const auto first8 = bytes.first((std::min)(bytes.size(), std::size_t{8}));
  const bool short_file = bytes.size() <= 8;
  const auto read = [&](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
    if (at > bytes.size() || to.size() > bytes.size() - at) return errc::missing_bytes;
    std::memcpy(to.data(), bytes.data() + at, to.size());
    return {};
  };
  return {
      {"header::try_open", way::opening, true, failed(header::try_open(path, options))},
      {"file::try_open", way::opening, true, failed(safetensors::file::try_open(path, options))},
      {"memory_file::try_open", way::opening, true, failed(memory_file::try_open(path, options))},
      {"borrowed_file::try_from", way::opening, true,
       failed(borrowed_file::try_from(bytes, options))},
      {"header::try_read", way::opening, true,
       failed(header::try_read(function_source{bytes.size(), read}, options))},
      {"header::try_read, unknown size", way::reading, short_file,
       failed(header::try_read(function_source{unknown_size, read}, options))},
      {"header::try_parse", way::opening, true,
       failed(header::try_parse(bytes, bytes.size(), options))},
      {"header::try_parse, unknown size", way::parsing, true,
       failed(header::try_parse(bytes, unknown_size, options))},
      {"header::try_bytes_needed, all bytes", way::asking_with_size, true,
       failed(header::try_bytes_needed(bytes, bytes.size(), options))},
      {"header::try_bytes_needed, all bytes, unknown size", way::asking, true,
       failed(header::try_bytes_needed(bytes, unknown_size, options))},
      {"header::try_bytes_needed, 8 bytes", way::asking_with_size, short_file,
       failed(header::try_bytes_needed(first8, bytes.size(), options))},
      {"header::try_bytes_needed, 8 bytes, unknown size", way::asking, short_file,
       failed(header::try_bytes_needed(first8, unknown_size, options))},
  };
}

// What the first 8 bytes must come to, without a look at what they might be; 0 if they are right.
errc code_of_length(std::string_view file, bool knows_size) {
  if (file.size() < 8) return errc::header_too_small;
  std::uint64_t length = 0;
  for (std::size_t i = 8; i > 0; --i)
    length = length << 8 | static_cast<unsigned char>(file[i - 1]);
  if (length > read_options{}.max_header_bytes) return errc::header_too_large;
  return knows_size && length > file.size() - 8 ? errc::header_truncated : errc{};
}

errc expected_code(const sample& file, way by) {
  const errc without_end = file.code == errc::missing_bytes ? errc{} : file.code;
  const errc of_length = code_of_length(file.bytes, by != way::asking);
  switch (by) {
    case way::opening: return file.code;
    case way::parsing: return without_end;
    case way::reading:  // where the file has ended, the source's own failure
      return of_length == errc::header_too_small || of_length == errc::header_truncated
                 ? errc::missing_bytes
                 : without_end;
    default: return of_length;
  }
}

// Whole words: "tar" is not in "start".
bool says(std::string_view message, std::string_view words) {
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (words.empty()) return true;
  for (std::size_t at = 0; (at = message.find(words, at)) != message.npos; ++at) {
    const std::size_t end = at + words.size();
    if ((at == 0 || !is_letter(words.front()) || !is_letter(message[at - 1])) &&
        (end == message.size() || !is_letter(words.back()) || !is_letter(message[end])))
      return true;
  }
  return false;
}

bool guesses(const failure& found) {
  return found.message().find("seems to be") != std::string::npos;
}

bool is_one_safe_line(std::string_view message) {
  return message.size() < 1000 &&
         std::none_of(
             message.begin(), message.end(),
             [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

TEST_CASE("a file of another kind is opened with the code of its length, by every way in") {
  const temporary_folder folder;
  for (const sample& file : samples()) {
    write_file(folder / "model.safetensors", file.bytes);
    for (const answer& got : answers(folder / "model.safetensors", file.bytes)) {
      CAPTURE(file.kind);
      CAPTURE(got.function);
      CHECK((got.failed ? got.failed->code : errc{}) == expected_code(file, got.by));
    }
  }
}

TEST_CASE("the message says what a file of another kind seems to be, and what to do") {
  const temporary_folder folder;
  for (const sample& file : samples()) {
    write_file(folder / "model.safetensors", file.bytes);
    for (const answer& got : answers(folder / "model.safetensors", file.bytes)) {
      if (!got.failed || got.failed->code == errc::missing_bytes) continue;
      const std::string message = got.failed->message();
      CAPTURE(file.kind);
      CAPTURE(got.function);
      CAPTURE(message);
      CHECK(is_one_safe_line(message));
      for (const std::string& words : file.words)
        CHECK_MESSAGE(says(message, words), "it must say ", words);
      if (!got.has_all) continue;
      for (const std::string& words : file.later)
        CHECK_MESSAGE(says(message, words), "it must say ", words);
      if (file.words.empty() && file.later.empty()) CHECK_FALSE(guesses(*got.failed));
    }
  }
}

TEST_CASE("a model gets no guess, whatever its length looks like in letters") {
  const temporary_folder folder;
  const auto path = folder / "model.safetensors";
  for (const std::string& letters :
       {"MZ"s,    "PK"s,       "BZ"s,       "BM"s,       "{\""s,      "[{"s,          "<!"s,
        "#!"s,    "  "s,       "(d"s,       "\n\n"s,     "\x80\2"s,   "\x81\xa6"s,    "\x08\7"s,
        "\x93N"s, "\x78\x9c"s, "\x1f\x8b"s, "\xff\xfe"s, "\xff\xd8"s, "\x1f\x8b\x08"s}) {
    std::uint64_t length = 0;
    for (std::size_t i = letters.size(); i > 0; --i)
      length = length << 8 | static_cast<unsigned char>(letters[i - 1]);
    const std::string text = padded(json, static_cast<std::size_t>(length), ' ');
    const std::string valid = make_file(text, 16);
    CAPTURE(length);

    const auto check = [&](const std::string& bytes, errc code, const read_options& options) {
      write_file(path, bytes);
      for (const answer& got : answers(path, bytes, options)) {
        CAPTURE(got.function);
        if (got.by == way::opening) CHECK((got.failed ? got.failed->code : errc{}) == code);
        // Eight bytes alone may be those of a packed file as well as those of a long header.
        if (got.failed && (got.has_all || letters.size() == 2)) {
          CAPTURE(got.failed->message());
          CHECK_FALSE(guesses(*got.failed));
        }
      }
    };
    check(valid, errc{}, {});
    check(valid, errc::header_too_large, {.max_header_bytes = 100});
    check(valid.substr(0, valid.size() / 2), errc::header_truncated, {});
    std::string broken = valid;
    broken[7 + text.size()] = '\xff';
    check(broken, errc::invalid_utf8, {});
  }
}

TEST_CASE("a header that is merely over the limit gets no guess") {
  const temporary_folder folder;
  const auto path = folder / "model.safetensors";
  for (const std::uint64_t length : {100'000'001u, 123'456'789u, 1u << 30}) {
    const std::string bytes = make_length(length) + json + zeros(64);
    write_file(path, bytes);
    for (const answer& got : answers(path, bytes)) {
      CAPTURE(length);
      CAPTURE(got.function);
      REQUIRE(got.failed);
      CHECK(got.failed->code == errc::header_too_large);
      CHECK_FALSE(guesses(*got.failed));
    }
  }
}

TEST_CASE("the kind of a file is said without opening it") {
  struct expected {
    std::string_view kind;  // how that of the sample begins
    file_kind looks;
  };
  const expected table[] = {{"git-lfs pointer", file_kind::git_lfs_pointer},
                            {"HTML", file_kind::html},
                            {"JSON error", file_kind::json},
                            {"config.json", file_kind::json},
                            {"model.safetensors.index.json", file_kind::safetensors_index},
                            {"text", file_kind::text},
                            {"XML", file_kind::text},
                            {"ZIP", file_kind::zip},
                            {"pickle", file_kind::pickle},
                            {"GGUF", file_kind::gguf},
                            {"GGML", file_kind::ggml},
                            {"HDF5", file_kind::hdf5},
                            {"ONNX", file_kind::onnx},
                            {"NumPy .npy", file_kind::numpy},
                            {"TensorFlow Lite", file_kind::tensorflow_lite},
                            {"MATLAB", file_kind::other},
                            {"Parquet", file_kind::other},
                            {"gzip", file_kind::compressed}};
  std::size_t met = 0;
  for (const sample& file : samples()) {
    CAPTURE(file.kind);
    const auto bytes = std::as_bytes(std::span(file.bytes));
    const file_kind looks = looks_like(bytes, bytes.size());
    CHECK(looks ==
          looks_like(bytes.first((std::min)(bytes.size(), std::size_t{4096})), bytes.size()));
    CHECK((looks == file_kind::safetensors) == file.kind.starts_with("cut in the data"));
    for (const expected& each : table)
      if (file.kind.starts_with(each.kind)) {
        CHECK(static_cast<int>(looks) == static_cast<int>(each.looks));
        ++met;
        break;
      }
  }
  CHECK(met >= 41);

  const auto bytes = std::as_bytes(std::span(model));
  CHECK(looks_like(bytes, bytes.size()) == file_kind::safetensors);
  CHECK(looks_like(bytes.first(9), bytes.size()) == file_kind::safetensors);
  CHECK(looks_like(bytes.first(9), unknown_size) == file_kind::safetensors);
  CHECK(looks_like(bytes.first(9), 20) == file_kind::unknown);  // longer than the file
  CHECK(looks_like(bytes.first(8), bytes.size()) == file_kind::unknown);
  CHECK(looks_like({}, 0) == file_kind::unknown);
  const std::string spaced = make_file(" \n{}");
  CHECK(looks_like(std::as_bytes(std::span(spaced)), spaced.size()) == file_kind::safetensors);
  // A file that is one is not always valid.
  const std::string broken = make_file("{]");
  CHECK(looks_like(std::as_bytes(std::span(broken)), 10) == file_kind::safetensors);
}
