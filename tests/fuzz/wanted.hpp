// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What a file is to hold, told by other means than the library's writer.
#pragma once

#include "lanes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <vector>

struct wanted_tensor {
  std::string name{};
  safetensors::dtype type{};
  std::vector<std::uint64_t> shape{};
  std::uint64_t size = 0;  // in bytes
  std::string bytes{};     // empty if they are too many
};

// nlohmann's serializer knows UTF-8, too.
inline bool is_utf8(const std::string& text) {
  using handler = nlohmann::json::error_handler_t;
  const nlohmann::json json = text;
  return json.dump(-1, ' ', false, handler::replace) == json.dump(-1, ' ', false, handler::ignore);
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The 8 bytes in front of a header.
inline std::string length_text(std::string_view header) {
  std::string length;
  for (unsigned shift = 0; shift < 64; shift += 8)
    length += static_cast<char>(std::uint64_t{header.size()} >> shift & 0xFF);
  return length;
}

struct wanted_file {
  std::vector<wanted_tensor> tensors{};  // in the file's order
  safetensors::metadata_map metadata{};
  std::uint64_t alignment = 8;

  // The format lists dtypes from the lowest on, as the enumeration does.
  void sort() {
    std::sort(tensors.begin(), tensors.end(), [](const wanted_tensor& a, const wanted_tensor& b) {
      return a.type != b.type ? a.type > b.type : a.name < b.name;
    });
  }

  // The header, padded, behind its length.
  [[nodiscard]] std::string head() const {
    const auto quoted = [](std::string_view text) { return nlohmann::json(text).dump(); };
    std::string text;
    if (!metadata.empty()) text += "\"__metadata__\":" + nlohmann::json(metadata).dump();
    std::uint64_t begin = 0;
    for (const wanted_tensor& tensor : tensors) {
      const std::uint64_t end = begin + tensor.size;
      text += (text.empty() ? "" : ",") + quoted(tensor.name) +
              ":{\"dtype\":" + quoted(to_string(tensor.type)) +
              ",\"shape\":" + nlohmann::json(tensor.shape).dump() +
              ",\"data_offsets\":" + nlohmann::json({begin, end}).dump() + "}";
      begin = end;
    }
    text = "{" + text + "}";
    const std::uint64_t unit = std::max<std::uint64_t>(8, alignment);
    text.append(static_cast<std::size_t>((unit - (8 + text.size()) % unit) % unit), ' ');
    return length_text(text) + text;
  }

  [[nodiscard]] std::string bytes() const {
    std::string all = head();
    for (const wanted_tensor& tensor : tensors) all += tensor.bytes;
    return all;
  }
};

// That an index, of a plan or of a file, tells what is wanted.
template <class Index> void require_index(const Index& index, const wanted_file& wanted) {
  require(index.size() == wanted.tensors.size(), "no tensor is lost, none is new");
  require(index.metadata().to_map() == wanted.metadata, "metadata is as it is wanted");
  std::uint64_t at = 0;
  for (std::size_t i = 0; const auto tensor : index) {
    const wanted_tensor& each = wanted.tensors[i++];
    require(tensor.name() == each.name, "tensors are in their order");
    require(tensor.dtype() == each.type, "dtypes are kept");
    require(std::ranges::equal(tensor.shape(), each.shape), "shapes are kept");
    require(tensor.byte_size() == each.size, "sizes are predicted");
    require(tensor.data_offsets() == safetensors::byte_range{at, at + each.size}, "offsets, too");
    const auto found = index.find(each.name);
    require(found && found->data_offsets() == tensor.data_offsets(), "every tensor is found");
    at += each.size;
  }
}

// That both lanes read a header that the library wrote: the canonical one may decline escapes, and
// numbers of 20 digits.
inline void require_both_lanes(std::string_view text) {
  std::size_t digits = 0, longest = 0;
  for (const char c : text)
    longest = std::max(longest, digits = c >= '0' && c <= '9' ? digits + 1 : 0);
  const bool plain = longest < 20 && text.find('\\') == text.npos;
  require(check_lanes(text) || !plain, "what the writer emits is read fast");
}

inline std::string_view header_of(const safetensors::borrowed_file& model, std::string_view file) {
  return file.substr(8, static_cast<std::size_t>(model.header().data_start() - 8));
}

// That a file reads back as what is wanted.
inline safetensors::borrowed_file require_reads_back(
    std::string_view file, const wanted_file& wanted,
    const safetensors::read_options& options = {}) {
  auto read = safetensors::borrowed_file::try_from(as_bytes(file), options);
  require(read.has_value(), "what is written is read");
  require_index(*read, wanted);
  for (std::size_t i = 0; const safetensors::tensor_view tensor : *read)
    require(as_text(tensor.bytes()) == wanted.tensors[i++].bytes, "data is kept");
  return *std::move(read);
}
