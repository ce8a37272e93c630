// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// What a file seems to be that is not a safetensors file.
#pragma once

#include <safetensors/base/bytes.hpp>
#include <safetensors/base/config.hpp>
#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/text.hpp>
#include <safetensors/detail/lanes.hpp>
#include <safetensors/detail/table.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- marks with which formats begin

struct known_start {
  std::string_view bytes;
  std::size_t at;  // their position in the file
  std::string_view what, advice;
  file_kind kind = file_kind::other;
};

inline constexpr std::string_view
    unpack = "unpack it first",
    other_format = "convert it to safetensors first",
    torch_format =
        "load it with torch.load(weights_only=True), and save its tensors with "
        "safetensors.torch.save_file()",
    zip_format =
        "if torch.save wrote it, load it with torch.load(weights_only=True), and save its "
        "tensors with safetensors.torch.save_file(); else unpack it",
    failed_download = "a download may have failed; read the file to see why",
    wrong_path = "check the path";

// Marks of formats. The first match counts. A new format is a line here.
inline constexpr known_start known_starts[] = {
    {std::string_view("\0\5\x16\0", 4), 0, "an AppleSingle file of macOS", wrong_path},
    {std::string_view("\0\5\x16\7", 4), 0, "an AppleDouble companion of macOS, not the model",
     "skip files whose names begin with ._"},
    {"\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9", 0, "a pickle of torch.save", torch_format,
     file_kind::pickle},
    {"\x80\x02", 0, "a pickle", other_format, file_kind::pickle},
    {"\x80\x03", 0, "a pickle", other_format, file_kind::pickle},
    {"\x80\x04", 0, "a pickle", other_format, file_kind::pickle},
    {"\x80\x05", 0, "a pickle", other_format, file_kind::pickle},
    {"(dp0\n", 0, "a pickle", other_format, file_kind::pickle},
    {"(lp0\n", 0, "a pickle", other_format, file_kind::pickle},
    {"ccopy_reg", 0, "a pickle", other_format, file_kind::pickle},
    {"PK\5\6", 0, "an empty ZIP archive", wrong_path, file_kind::zip},
    {"GGUF", 0, "a GGUF model", "use a program that reads GGUF", file_kind::gguf},
    {"lmgg", 0, "a GGML model", "use a program that reads GGML", file_kind::ggml},
    {"tjgg", 0, "a GGML model", "use a program that reads GGML", file_kind::ggml},
    {"fmgg", 0, "a GGML model", "use a program that reads GGML", file_kind::ggml},
    {"\x93NUMPY", 0, "a NumPy .npy file", other_format, file_kind::numpy},
    {"\x89HDF\r\n\x1A\n", 0, "an HDF5 file, such as Keras writes", other_format, file_kind::hdf5},
    {"TFL3", 4, "a TensorFlow Lite model", other_format, file_kind::tensorflow_lite},
    {"\x81\xA6params", 0, "MessagePack, as Flax writes it", other_format},
    {"MATLAB 5.0 MAT-file", 0, "a MATLAB file", other_format},
    {"PAR1", 0, "a Parquet file", wrong_path},
    {"SQLite format 3", 0, "a SQLite database", wrong_path},
    {"\x1F\x8B\x08", 0, "gzip data", unpack, file_kind::compressed},
    {"\x28\xB5\x2F\xFD", 0, "zstd data", unpack, file_kind::compressed},
    {std::string_view("\xFD\x37zXZ\0", 6), 0, "xz data", unpack, file_kind::compressed},
    {"1AY&", 4, "bzip2 data", unpack, file_kind::compressed},
    {"\x04\x22\x4D\x18", 0, "LZ4 data", unpack, file_kind::compressed},
    {"7z\xBC\xAF\x27\x1C", 0, "a 7-Zip archive", unpack, file_kind::compressed},
    {"Rar!\x1A\x07", 0, "a RAR archive", unpack, file_kind::compressed},
    {"ustar", 257, "a tar archive", unpack, file_kind::compressed},
    {"\x78\x01", 0, "zlib data", unpack, file_kind::compressed},
    {"\x78\x5E", 0, "zlib data", unpack, file_kind::compressed},
    {"\x78\x9C", 0, "zlib data", unpack, file_kind::compressed},
    {"\x78\xDA", 0, "zlib data", unpack, file_kind::compressed},
    {"\x89PNG\r\n\x1A\n", 0, "an image (PNG)", wrong_path},
    {"\xFF\xD8\xFF", 0, "an image (JPEG)", wrong_path},
    {"GIF87a", 0, "an image (GIF)", wrong_path},
    {"GIF89a", 0, "an image (GIF)", wrong_path},
    {std::string_view("II*\0", 4), 0, "an image (TIFF)", wrong_path},
    {std::string_view("MM\0*", 4), 0, "an image (TIFF)", wrong_path},
    {"ftyp", 4, "an image or a film (MP4 and relatives)", wrong_path},
    {"WEBP", 8, "an image (WebP)", wrong_path},
    {"%PDF-", 0, "a PDF document", wrong_path},
    {"bplist00", 0, "a property list (binary)", wrong_path},
    {"\177ELF", 0, "an executable (ELF)", wrong_path},
    {"\xCF\xFA\xED\xFE", 0, "an executable (Mach-O)", wrong_path},
    {"\xFE\xED\xFA\xCF", 0, "an executable (Mach-O)", wrong_path},
    {"\xCE\xFA\xED\xFE", 0, "an executable (Mach-O)", wrong_path},
    {"\xCA\xFE\xBA\xBE", 0, "an executable (Mach-O)", wrong_path},
    {"MZ", 0, "an executable (Windows)", wrong_path},
    {std::string_view("\0asm", 4), 0, "WebAssembly", wrong_path},
    {"Salted__", 0, "encrypted with OpenSSL", "decrypt it first"},
    {"\xFF\xFE", 0, "text in UTF-16", wrong_path, file_kind::text},
    {"\xFE\xFF", 0, "text in UTF-16", wrong_path, file_kind::text},
};

// Marks of text, after a byte order mark and white space.
inline constexpr known_start known_texts[] = {
    {"/annex/objects/", 0, "a git-annex pointer", "the data was not downloaded; run git annex get",
     file_kind::text},
    {"# xet version", 0, "a pointer of Xet storage",
     "download the data with a client that supports Xet, such as huggingface_hub with hf_xet",
     file_kind::text},
    {"<!doctype html", 0, "an HTML page", failed_download, file_kind::html},
    {"<html", 0, "an HTML page", failed_download, file_kind::html},
    {"<?xml", 0, "XML", failed_download, file_kind::text},
    {"http/", 0, "the answer of a web server", failed_download, file_kind::text},
};

struct guess {
  std::string what;  // what the file seems to be; empty if unknown
  std::string_view advice;
  file_kind kind = file_kind::other;
};

//-- what has a mark, and text

// Returns true if the bytes are printable characters, spaces and line breaks. If there are at least
// eight bytes, the last character may be cut.
inline bool is_text(std::string_view bytes) noexcept {
  const std::size_t valid = valid_utf8_prefix(bytes), cut = bytes.size() - valid;
  const bool is_whole = cut == 0 || (bytes.size() >= 8 && cut < 4 &&
                                     static_cast<unsigned char>(bytes[valid]) >= 0xC2);
  return !bytes.empty() && is_whole && std::ranges::all_of(bytes.substr(0, valid), [](char c) {
    return is_space(c) || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  });
}

// Compares as much of the mark as the text has, but at least eight bytes. Small letters of the mark
// match capital ones too.
inline bool begins_with(std::string_view text, std::string_view mark) noexcept {
  constexpr std::size_t least = 8;
  if (text.size() < (std::min)(least, mark.size())) return false;
  const std::size_t size = (std::min)(text.size(), mark.size());
  return std::ranges::equal(mark.substr(0, size), text.substr(0, size), [](char a, char b) {
    return a == b || (a >= 'a' && a <= 'z' && a - 'a' + 'A' == b);
  });
}

inline guess guess_zip(std::string_view bytes) {
  constexpr std::size_t name_length = 26, name = 30;  // their positions, for the first file
  const std::string_view first =
      bytes.size() > name ? bytes.substr(name, static_cast<unsigned char>(bytes[name_length])) : "";
  if (first.ends_with("/data.pkl"))
    return {"a ZIP archive of torch.save", torch_format, file_kind::zip};
  if (first.ends_with(".npy")) return {"a ZIP archive, NumPy .npz", other_format, file_kind::zip};
  return {"a ZIP archive", zip_format, file_kind::zip};
}

inline guess guess_pointer(std::string_view text) {
  constexpr std::string_view field = "\nsize ";
  guess found{"a git-lfs pointer", "the data was not downloaded; run git lfs pull",
              file_kind::git_lfs_pointer};
  const std::size_t at = text.find(field);
  if (at == text.npos) return found;
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data() + at + field.size(), end, size);
  if (error == std::errc() && next != end && (*next == '\n' || *next == '\r'))
    found.what += join(" that stands for ", counted(size, "byte"));
  return found;
}

inline guess guess_json(std::string_view text) {
  const auto has = [&](std::string_view word) { return text.find(word) != text.npos; };
  if (has("\"weight_map\""))
    return {"the index of a model in several files, as model.safetensors.index.json is",
            "open the files that it names", file_kind::safetensors_index};
  if (has("\"data_offsets\"") || has("\"__metadata__\""))
    return {"a header in JSON; the 8 bytes of its length are missing",
            "put the header's length before it, as 8 bytes in little-endian order",
            file_kind::json};
  return {"JSON, " + in_quotes(text, 40), "check its name, and what it says", file_kind::json};
}

// Returns an empty guess for text that begins with no mark.
inline guess guess_known_text(std::string_view text) {
  if (begins_with(text, "version https://")) return guess_pointer(text);
  if (begins_with(text, "{") || begins_with(text, "[")) return guess_json(text);
  if (begins_with(text, "<?xml") && text.find("<!DOCTYPE plist") != text.npos)
    return {"a property list (XML)", wrong_path, file_kind::text};
  for (const known_start& known : known_texts)
    if (begins_with(text, known.bytes)) return {std::string(known.what), known.advice, known.kind};
  return {};
}

inline guess guess_text(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  if (begins_with(line, "#!")) return {"text, a script", wrong_path, file_kind::text};
  if (begins_with(line, "../") || begins_with(line, "./") || begins_with(line, "..\\"))
    return {"the text of a link to " + escaped(line, escapes::invisible, 200),
            "copy the file that it leads to", file_kind::text};
  if (line.empty()) return {"text without a word", wrong_path, file_kind::text};
  return {"text, " + in_quotes(line, 40), failed_download, file_kind::text};
}

//-- any file

inline guess guess_kind(std::string_view bytes) {
  if (bytes.starts_with("PK\3\4")) return guess_zip(bytes);
  const bool is_all_text = is_text(bytes.substr(0, 64));
  // A short mark may be the length of a header, or a word.
  const bool is_small = bytes.substr(0, 8).find_first_not_of('\0', 2) == bytes.npos;
  for (const known_start& known : known_starts) {
    const std::size_t size = known.bytes.size();
    if (known.at == 0 && ((size == 2 && is_small) || (size <= 4 && is_all_text))) continue;
    if (known.at == 0 ? begins_with(bytes, known.bytes)
                      : bytes.size() >= known.at && bytes.substr(known.at).starts_with(known.bytes))
      return {std::string(known.what), known.advice, known.kind};
  }
  // ONNX begins with a version, then the producer's name.
  if (bytes.size() >= 8 && bytes[0] == 8 && bytes[2] == 0x12 && is_text(bytes.substr(4, 4)))
    return {"an ONNX model", other_format, file_kind::onnx};
  const bool has_mark = bytes.starts_with("\xEF\xBB\xBF");
  std::string_view text = bytes.substr(has_mark ? 3 : 0);
  text.remove_prefix((std::min)(text.find_first_not_of(" \t\r\n"), text.size()));
  guess found;
  if (is_text(text.substr(0, 8))) found = guess_known_text(text);
  if (found.what.empty() && is_all_text) found = guess_text(text);
  if (found.what.empty() && has_mark)
    found = {"a file with a UTF-8 byte order mark before the header's length",
             "remove its first 3 bytes"};
  return found;
}

// Guesses a length that would fit if it were written as the format demands. start: at least 8 bytes
inline guess guess_length(std::span<const std::byte> start, std::uint64_t file_size) {
  const std::uint64_t little = load_length(start.data()), four = little & 0xFFFF'FFFFu;
  std::uint64_t big = 0;
  for (int i = 0; i < 8; ++i) big = big << 8 | (little >> 8 * i & 0xFF);
  const std::uint64_t room = (std::min)(file_size, max_text_bytes);
  const auto is_brace = [&](std::size_t at) { return std::to_integer<char>(start[at]) == '{'; };
  if (big >= 2 && big <= room - 8 && (start.size() <= 8 || is_brace(8)))
    return {join("the header's length, ", big, ", is in big-endian order"),
            "write it in little-endian order"};
  if (is_brace(4) && four >= 2 && four <= room - 4)
    return {join("the header's length, ", four, ", is stored in 4 bytes instead of 8"),
            "store it in 8 bytes, in little-endian order"};
  return {};
}

inline constexpr std::size_t looked_at = 4096;

SAFETENSORS_DECL file_kind foreign_kind(std::span<const std::byte> start) {
  const guess found = guess_kind(as_text(start).substr(0, looked_at));
  return found.what.empty() ? file_kind::unknown : found.kind;
}

SAFETENSORS_DECL failure explained(failure what, std::span<const std::byte> start,
                                   std::uint64_t file_size) {
  const std::uint64_t length = start.size() >= 8 ? load_length(start.data()) : 0;
  if (what.code == errc::invalid_json && start.size() >= 8 && length == 0 && file_size > 8) {
    what.detail = "it begins with zeros, as a download whose start was never written";
    what.advice = "download it again";
  }
  const bool may_be_foreign =
      what.code == errc::header_too_small || what.code == errc::header_too_large ||
      what.code == errc::header_truncated || what.code == errc::header_not_object ||
      what.code == errc::invalid_utf8 ||
      (what.code == errc::missing_bytes && file_size == unknown_size);
  if (!may_be_foreign) return what;
  const bool is_header =
      start.size() > 8 && std::to_integer<char>(start[8]) == '{' && length < plausible_length;
  guess found;
  if (what.code == errc::header_too_large) found = guess_length(start, file_size);
  if (found.what.empty() && !is_header) {
    found = guess_kind(as_text(start).substr(0, looked_at));
    if (!found.what.empty()) found.what.insert(0, "it seems to be ");
  }
  if (found.what.empty()) return what;
  what.offset = 0;
  what.detail = std::move(found.what);
  what.advice = found.advice;
  return what;
}

//-- headers whose length counts characters

// Returns the bytes of a header whose length counts characters, where one beyond U+FFFF counts as
// `most` of them. Returns 0 if the length counts something else. next: the bytes after the length's
// end
inline std::size_t bytes_of_units(std::string_view text, std::string_view next,
                                  std::size_t most) noexcept {
  const auto units = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? most : 1;
  };
  std::size_t count = 0, end = 0;
  for (const char c : text) count += units(c);
  while (end != next.size() && (count < text.size() || units(next[end]) == 0))
    count += units(next[end++]);
  const std::string_view more = next.substr(0, end);
  const std::size_t last = more.find_last_not_of(' ');
  const bool ends = last == more.npos ? text.find_last_not_of(' ') == text.rfind('}')
                                      : more[last] == '}' && !next.substr(end).starts_with('}');
  return count == text.size() && end != 0 && ends ? text.size() + end : 0;
}

SAFETENSORS_DECL failure explained_by_units(failure what, std::string_view text,
                                            std::string_view next, std::uint64_t file_size) {
  const std::uint64_t end = 8 + std::uint64_t{text.size()};
  const bool is_cut = what.code == errc::invalid_json || what.code == errc::invalid_utf8;
  // The failure must be at the end, and the text still as it was written.
  if (text.find(escape_filler) != text.npos || (is_cut && what.offset + 4 < end)) return what;
  for (const std::size_t most : {std::size_t{1}, std::size_t{2}}) {
    const std::size_t bytes = bytes_of_units(text, next, most);
    if (bytes == 0 || (!is_cut && file_size - what.offset != bytes - text.size())) continue;
    what.detail = join("the header's length, ", text.size(),
                       ", counts characters, but the header has ", bytes, " bytes");
    what.advice = "let the length count bytes";
    what.tensor.reset();
    break;
  }
  return what;
}

SAFETENSORS_DECL bool may_be_units(errc code) noexcept {
  return code == errc::invalid_json || code == errc::invalid_utf8 || code == errc::trailing_bytes;
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
