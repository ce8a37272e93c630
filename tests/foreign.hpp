// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Files of other kinds under the name of a model: how they begin, and what a message must say.
#pragma once

#include "support.hpp"

namespace testing::foreign {

using safetensors::errc;
using namespace std::string_literals;

struct sample {
  std::string_view kind;
  std::string bytes;
  std::vector<std::string> words{};    // in the message, though only the first 8 bytes are at hand
  std::vector<std::string> later{};    // in the message, too, if all bytes are; "": free to guess
  errc code = errc::header_too_large;  // of opening it
};

inline std::string zeros(std::size_t count) { return std::string(count, '\0'); }

inline std::string padded(std::string text, std::size_t size, char with = '\0') {
  text.resize(size, with);
  return text;
}

inline std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return bytes;
}

inline const std::string json = R"({"embed":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
inline const std::string model = make_file(json, 16);
inline const std::string sha256 =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

inline std::string lfs_pointer(const std::string& server, const std::string& size,
                               const std::string& line_end) {
  return "version https://" + server + "/spec/v1" + line_end + "oid sha256:" + sha256 + line_end +
         "size " + size + line_end;
}

// A stored member of a ZIP file; its checksum is left out.
inline std::string zip_member(const std::string& name, const std::string& content) {
  const std::string size = make_length(content.size()).substr(0, 4);
  return "PK\3\4\x14\0\0\0\0\0\0\0!Z"s + zeros(4) + size + size +
         make_length(name.size()).substr(0, 2) + zeros(2) + name + content;
}

// As torch.save writes it: sizes follow the content, which begins at a multiple of 64.
inline const std::string torch_zip = "PK\3\4\0\0\x08\x08"s + zeros(18) +
                                     "\x0e\0\x14\0model/data.pkl"s + "FB\x10\0"s +
                                     std::string(16, 'Z') + "\x80\x02}q\0X\5\0\0\0embedq\1cto"s;

inline const std::string npy =
    "\x93NUMPY\1\0v\0"s +
    padded("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 117, ' ') + "\n" +
    zeros(16);

inline std::string tar_of(const std::string& name, const std::string& content) {
  std::string size = "00000000000";
  for (std::size_t left = content.size(), i = size.size(); left > 0; left /= 8)
    size[--i] = static_cast<char>('0' + left % 8);
  const std::string mode = "0000644\0"s, owner = "0001750\0"s, time = "14724366700\0"s;
  const std::string entry =
      padded(name, 100) + mode + owner + owner + padded(size, 12) + time + "012345\0 0"s;
  return padded(padded(entry, 257) + "ustar\00000"s, 512) + padded(content, 512);
}

inline const std::string property_list_xml =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST "
    "1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"/>\n";

inline std::vector<sample> samples() {
  const std::string link = "../../blobs/" + sha256;
  return {
      // What stands in for a file that was not downloaded.
      {"git-lfs pointer",
       lfs_pointer("git-lfs.github.com", "4976698672", "\n"),
       {"git-lfs pointer", "git lfs pull"},
       {"4976698672"}},
      {"git-lfs pointer, CRLF",
       lfs_pointer("git-lfs.github.com", "4976698672", "\r\n"),
       {"git-lfs pointer", "git lfs pull"},
       {"4976698672"}},
      {"git-lfs pointer, its first name",
       lfs_pointer("hawser.github.com", "123", "\n"),
       {"git-lfs pointer", "git lfs pull"},
       {"123"}},
      {"git-annex pointer",
       "/annex/objects/SHA256E-s4976698672--" + sha256 + ".safetensors\n",
       {},
       {"git-annex", "git annex get"}},
      {"Xet pointer",
       "# xet version 0\nfilesize = 4976698672\nhash = '" + sha256 + "'\n",
       {},
       {"Xet"}},
      {"link checked out as text", link, {}, {"link to " + link}},
      {"link checked out as text, with a line end", link + "\n", {}, {"link to " + link}},

      // What a server said instead.
      {"HTML",
       "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Sign in</title></head>\n",
       {"HTML"}},
      {"HTML, lower case after blanks",
       "\n\n  <html><body>Not found</body></html>\n",
       {},
       {"HTML"}},
      {"HTML after a byte order mark",
       "\xef\xbb\xbf<!doctype html><html><body>gone</body></html>",
       {},
       {"HTML"}},
      {"XML",
       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>\n",
       {"XML"}},
      {"JSON error", R"({"error":"Repository not found","code":404})", {"JSON"}},
      {"JSON error with spaces",
       "{\n  \"error\": {\n    \"message\": \"Invalid token\"\n  }\n}\n",
       {"JSON"}},
      {"JSON error in an array", R"([{"error":"Too many requests"}])", {"JSON"}},
      {"text of 15 bytes", "Entry not found", {}, {"text", "Entry not found"}},
      {"text of 3 bytes", "404", {}, {"text", "404"}, errc::header_too_small},
      {"text of 7 bytes", "Invalid", {}, {"text", "Invalid"}, errc::header_too_small},
      {"text of Windows", "Not found\r\nTry again later\r\n", {}, {"text", "Not found"}},
      {"text in UTF-16", "\xff\xfeN\0o\0t\0 \0f\0o\0u\0n\0d\0\r\0\n\0"s, {}, {"UTF-16"}},
      {"text in columns", "layer,rows,columns\nembed,2,2\n", {}, {"text"}},
      {"model.safetensors.index.json",
       "{\n  \"metadata\": {\n    \"total_size\": 32\n  },\n  \"weight_map\": {\n    \"embed\": "
       "\"model-00001-of-00002.safetensors\"\n  }\n}\n",
       {},
       {"model.safetensors.index.json"}},
      {"config.json",
       "{\n  \"architectures\": [\n    \"BertModel\"\n  ],\n  \"hidden_size\": 384\n}",
       {"JSON"}},
      {"tokenizer.json", R"({"version":"1.0","truncation":null,"model":{"type":"BPE"}})", {"JSON"}},
      {"header without its length", json + zeros(16), {}, {"missing"}},
      {"answer of a web server",
       "HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\n\r\n",
       {"answer of a web server"}},

      // Other models and arrays.
      {"ZIP of torch.save", torch_zip, {"ZIP"}, {"torch.save"}},
      {"ZIP of NumPy", zip_member("embed.npy", npy), {"ZIP"}, {"NumPy .npz"}},
      {"ZIP", zip_member("readme.txt", "hello"), {"ZIP"}},
      {"ZIP without members", "PK\5\6" + zeros(18), {}, {"ZIP"}},
      {"ZIP of a model", zip_member("model.safetensors", model), {"ZIP"}},
      {"pickle, protocol 0", "(dp0\nVembed\np1\n(lp2\nF1.5\naF2.5\nas.", {}, {"pickle"}},
      {"pickle, protocol 2", "\x80\2}q\0X\5\0\0\0embedq\1]q\2(G?\xf8\0\0\0\0\0\0es."s, {"pickle"}},
      {"pickle, protocol 4",
       "\x80\4\x95\"\0\0\0\0\0\0\0}\x94\x8c\5embed\x94]\x94(G?\xf8\0\0\0\0\0\0es."s,
       {"pickle"}},
      {"pickle of torch.save before 1.6",
       from_hex("80028a0a6cfc9c46f9206aa850192e") + "\x80\2M\xe9\3.\x80\2}q\0(X\x10\0\0\0"s +
           "protocol_versionq\1M\xe9\3X\r\0\0\0little_endianq\2\x88u."s,
       {"pickle"},
       {"torch.save"}},
      {"GGUF",
       "GGUF\3\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0general.architecture\x08\0"s,
       {"GGUF"}},
      {"GGUF, big-endian", "GGUF\0\0\0\3\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1"s, {"GGUF"}},
      {"GGML", "lmgg\1\0\0\0\0}\0\0\0\x10\0\0\0\1\0\0"s + zeros(16), {"GGML"}},
      {"GGML, ggmf", "fmgg\1\0\0\0\0}\0\0\0\x10\0\0\0\1\0\0"s + zeros(16), {"GGML"}},
      {"GGML, ggjt", "tjgg\1\0\0\0\0}\0\0\0\x10\0\0\0\1\0\0"s + zeros(16), {"GGML"}},
      {"HDF5", "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\4\0\x10\0"s + zeros(44), {"HDF5"}},
      {"ONNX", "\x08\7\x12\7pytorch\x1a\0032.1:\3\x12\1gB\2\x10\x11"s, {}, {"ONNX"}},
      {"NumPy .npy", npy, {"NumPy .npy"}},
      {"TensorFlow Lite", "\x1c\0\0\0TFL3\x14\0 \0\x1c\0\x18\0"s + zeros(32), {"TensorFlow Lite"}},
      {"MessagePack of Flax",
       "\x81\xa6params\x81\xa6kernel\xc7\x10\1"s + zeros(16),
       {},
       {"MessagePack"}},
      {"MATLAB",
       padded("MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024", 124,
              ' ') +
           "\0\1IM"s,
       {"MATLAB"}},
      {"Parquet", "PAR1\x15\4\x15 \x15$L\x15\x08\x15\0"s + zeros(16) + "PAR1", {"Parquet"}},
      {"SavedModel of Keras", "\x08\1\x12\x10" + zeros(16), {}, {""}},

      // Packed.
      {"gzip",
       from_hex("1f8b08086d3ba56500036d6f64656c2e7361666574656e736f727300b36580806aa5d4"),
       {"gzip"}},
      {"gzip without a time",
       from_hex("1f8b0800000000000203b36580806aa5d4dca4d41425ab6aa594"),
       {},
       {"gzip"},
       errc::header_truncated},
      {"gzip without a time, long enough to hold the header",
       padded(from_hex("1f8b08000000000002037cb36580806aa5d4dca4d41425ab6aa594"), 600'000, '\xb3'),
       {},
       {"gzip"},
       errc::invalid_utf8},
      {"zlib", from_hex("789cb36580806aa5d4dca4d41425ab6aa59492ca82542b2b3763231d"), {}, {"zlib"}},
      {"bzip2", from_hex("425a683931415926535944cfbffe000011df804804100479"), {"bzip2"}},
      {"xz", from_hex("fd377a585a000004e6d6b4460200210116000000742fe5a3e00054"), {"xz"}},
      {"zstd", from_hex("28b52ffd2055a90200") + model, {"zstd"}},
      {"LZ4", from_hex("04224d186440a755000080") + model, {"LZ4"}},
      {"7-Zip",
       "7z\xbc\xaf'\x1c\0\4"s + from_hex("5b3899525a00000000000000") + zeros(16),
       {"7-Zip"}},
      {"RAR", "Rar!\x1a\7\1\0"s + from_hex("3392b5e50a010506000501") + zeros(16), {"RAR"}},
      {"tar", tar_of("model.safetensors", model), {}, {"tar"}},

      // Pictures, documents, programs.
      {"PNG", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0"s, {"image (PNG)"}},
      {"JPEG", "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb"s, {"image (JPEG)"}},
      {"GIF", "GIF89a\1\0\1\0\0\0\0;"s, {"image (GIF)"}},
      {"WebP", "RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0"s, {}, {"image (WebP)"}},
      {"PDF", "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n", {"PDF"}},
      {"ELF", "\177ELF\2\1\1"s + zeros(9) + "\2\0>\0\1\0\0\0"s + zeros(40), {"executable (ELF)"}},
      {"Mach-O",
       from_hex("cffaedfe0c000001000000000200000010000000") + zeros(12),
       {"executable (Mach-O)"}},
      {"PE",
       from_hex("4d5a90000300000004000000ffff0000b8") + zeros(43) + "\x40\0\0\0PE\0\0"s,
       {"executable (Windows)"}},
      {"script", "#!/bin/sh\nexec python3 convert.py \"$@\"\n", {"script"}},
      {"WebAssembly", "\0asm\1\0\0\0"s, {"WebAssembly"}},
      {"SQLite", "SQLite format 3\0\x10\0\1\1\0@  "s + zeros(76), {"SQLite"}},
      {"AppleDouble",
       "\0\5\x16\7\0\2\0\0Mac OS X        \0\2\0\0\0\x09"s + zeros(30),
       {"AppleDouble"}},
      {"property list", "bplist00\xd1\1\2Tname"s, {"property list"}},
      {"property list in XML", property_list_xml, {}, {"property list"}},

      // Damaged.
      {"zeros", zeros(256), {"begins with zeros"}, {}, errc::invalid_json},
      {"zeros, then the rest",
       zeros(32) + model.substr(32),
       {"begins with zeros"},
       {},
       errc::invalid_json},
      {"spaces", std::string(64, ' '), {}, {"text"}},
      {"big-endian length",
       zeros(7) + static_cast<char>(json.size()) + json + zeros(16),
       {},
       {"big-endian"}},
      {"length of 4 bytes",
       make_length(json.size()).substr(0, 4) + json + zeros(16),
       {},
       {"4 bytes"}},
      {"byte order mark", "\xef\xbb\xbf" + model, {}, {"byte order mark"}},
      {"base64", "PQAAAAAAAAB7ImVtYmVkIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDJd", {}, {"text"}},
      {"hexadecimal digits",
       "3d000000000000007b22656d626564223a7b226474797065223a22463332222c",
       {},
       {"text"}},
      {"encrypted by openssl", "Salted__" + from_hex("c31d9e07f258b46a8b1f47d05ce29a73"), {}, {""}},

      // What is not foreign, or cannot be known.
      {"encrypted", from_hex("c31d9e07f258b46a8b1f47d05ce29a7311c4f8e65b02d79d40ab3e97")},
      {"ones", std::string(256, '\xff')},
      {"middle of a header", model.substr(24)},
      {"middle of the data", from_hex("6f12833a0ad7a3bcbc74133dcdcc4cbe6f12033b0ad723bd")},
      {"header over the limit", make_length(100'000'001) + json + zeros(64)},
      {"empty", "", {}, {}, errc::header_too_small},
      {"cut in the length", model.substr(0, 5), {}, {}, errc::header_too_small},
      {"cut in the header", model.substr(0, 40), {}, {}, errc::header_truncated},
      {"cut in the data", model.substr(0, model.size() - 4), {}, {}, errc::missing_bytes},
  };
}

}  // namespace testing::foreign
