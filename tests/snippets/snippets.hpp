// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the statements in the documentation find around them. Their assertions hold in every build.
#pragma once

#undef NDEBUG

#include <safetensors/writer.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// Text shows what there is, without a use for everything.
#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif

namespace {

// model.safetensors, as the guide describes it.
[[maybe_unused]] void make_model() {
  const std::vector<float> embed(std::size_t{1000} * 64, 0.5F);
  const std::vector<std::uint16_t> norm(64, 0x3F80);
  safetensors::save(
      "model.safetensors",
      {{"embed.weight", {1000, 64}, embed}, {"norm.weight", safetensors::dtype::bf16, {64}, norm}},
      {.layout = {.metadata = {{"format", "pt"}}}});
}

template <class... T> void use(const T&...) {}
[[maybe_unused]] void report(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

// Somebody's reader: of an archive, an asset, a server's answer.
struct archive_member {
  std::ifstream file{"model.safetensors", std::ios::binary};
  [[maybe_unused]] static std::uint64_t size() {
    return std::filesystem::file_size("model.safetensors");
  }
  [[maybe_unused]] bool read(std::uint64_t offset, void* to, std::size_t bytes) {
    file.seekg(static_cast<std::streamoff>(offset));
    return bool(file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes)));
  }
};
[[maybe_unused]] std::vector<std::byte> fetch(safetensors::byte_range range) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(range.size()));
  archive_member server;
  assert(server.read(range.begin, bytes.data(), bytes.size()));
  return bytes;
}

}  // namespace
