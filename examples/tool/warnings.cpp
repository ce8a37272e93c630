// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "warnings.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace tool {
namespace {

using safetensors::header;
using safetensors::metadata_view;

struct protection {
  std::string_view key, word;
};
constexpr protection known_protections[] = {
    {"__encryption__", "encrypted"},
    {"__signature__", "signed"},
    {"__crypto_keys__", "signed"},  // of the signature, beside those of the encryption
    {"__policy__", "signed"},
};

// SHA-256 of all bytes after the header.
constexpr std::string_view keys_of_data_hashes[] = {"sshs_model_hash", "modelspec.hash_sha256"};

bool has_order_of(const header& copy, const header& from) {
  std::uint64_t next = from.data_start();
  for (const safetensors::tensor_info tensor : copy) {
    if (tensor.byte_size() == 0) continue;
    const auto range = from.find(tensor.name())->file_range();
    if (range.begin != next) return false;
    next = range.end;
  }
  return true;
}

// How the data was of which a hash was made; empty if it still is so.
std::string_view change_of_data(const source_file& from, const header& copy) {
  if (!has_order_of(copy, from.header)) return "in its old order, which --keep-order keeps";
  if (from.bytes.size() != from.header.file_size())
    return "with the bytes after the last tensor, which were dropped";
  return {};
}

void add_stale_hashes(std::vector<std::string>& to, const source_file& from, const header& copy) {
  const std::string_view change = change_of_data(from, copy);
  if (change.empty()) return;
  for (const std::string_view key : keys_of_data_hashes) {
    const auto hash = copy.metadata().find(key);
    if (hash && hash == from.header.metadata().find(key))
      to.push_back(fmt::format(
          "the hash \"{}\" in the metadata is stale: it is that of the data {}", key, change));
  }
}

void add_missing_format(std::vector<std::string>& to, const metadata_view& before,
                        const metadata_view& after) {
  constexpr std::string_view key = "format";
  if (after.find(key)) return;
  const bool is_removed = before.find(key).has_value();
  if (is_removed || (before.empty() && !after.empty()))
    to.emplace_back(
        "the metadata has no \"format\", which loaders such as accelerate and transformers look "
        "for; --set format=pt sets it");
}

void add_long_header(std::vector<std::string>& to, const header& copy) {
  const std::uint64_t bytes = copy.data_start() - 8;
  constexpr std::uint64_t format_limit = 100'000'000, client_limit = 25'000'000;
  if (bytes > format_limit)
    to.push_back(fmt::format(
        "the header is {} bytes long; other programs refuse more than 100,000,000", bytes));
  else if (bytes > client_limit)
    to.push_back(fmt::format(
        "the header is {} bytes long; the Hugging Face client refuses more than 25,000,000",
        bytes));
}

void add_protections(std::vector<std::string>& to, const metadata_view& metadata) {
  const auto words = protections(metadata);
  if (!words.empty())
    to.push_back(
        fmt::format("the old file was {}; programs that verify its header may refuse the new one",
                    fmt::join(words, " and ")));
}

}  // namespace

std::vector<std::string_view> protections(const metadata_view& metadata) {
  std::vector<std::string_view> words;
  for (const protection& known : known_protections)
    if (metadata.find(known.key) &&
        std::find(words.begin(), words.end(), known.word) == words.end())
      words.push_back(known.word);
  return words;
}

std::vector<std::string> warnings_about(const source_file& from, const header& copy) {
  std::vector<std::string> warnings;
  add_missing_format(warnings, from.header.metadata(), copy.metadata());
  add_stale_hashes(warnings, from, copy);
  add_long_header(warnings, copy);
  add_protections(warnings, from.header.metadata());
  return warnings;
}

}  // namespace tool
