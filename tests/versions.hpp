// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Files of which each byte tells the version, so that a mixture of two, or a part of one, is seen.
#pragma once

#include "support.hpp"

#include <safetensors/writer.hpp>

#include <charconv>

namespace testing {

// A model of one version, of several versions' lengths.
class version {
 public:
  explicit version(std::size_t number)
      : bytes_(20'000 + 3000 * (number % 5), static_cast<std::byte>(number)),
        options_{.metadata = {{"version", std::to_string(number)}}} {}

  [[nodiscard]] std::vector<safetensors::tensor_data> tensors() const {
    return {{"part", safetensors::dtype::u8, {1000}, std::span(bytes_).first(1000)},
            {"whole", safetensors::dtype::u8, {bytes_.size()}, bytes_}};
  }
  [[nodiscard]] safetensors::result<void> save(
      const std::filesystem::path& path, const safetensors::output_options& output = {}) const {
    return safetensors::try_save(path, tensors(), {.layout = options_, .output = output});
  }
  [[nodiscard]] std::string file() const {
    const auto bytes = safetensors::try_serialize(tensors(), options_);
    REQUIRE(bytes.has_value());
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

 private:
  std::vector<std::byte> bytes_;
  safetensors::layout_options options_;
};

// Whether bytes are those of one version's file, all of them.
inline bool is_one_version(std::string_view bytes) {
  const auto index = parse(bytes);
  if (!index) return false;
  const auto told = index->metadata().find("version");
  std::size_t number = 0;
  if (!told || std::from_chars(told->data(), told->data() + told->size(), number).ec != std::errc())
    return false;
  return bytes == version(number).file();
}

template <class Storage> bool is_one_version(const safetensors::basic_file<Storage>& opened) {
  const auto& bytes = opened.storage();
  return is_one_version({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace testing
