// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// A real file in a folder of its own.
#pragma once

#include "require.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>

// There may be the file or not; the folder goes with the object.
class scratch_file {
 public:
  scratch_file() {
    std::random_device random;
    folder_ = std::filesystem::temp_directory_path() /
              ("safetensors-fuzz-" + std::to_string(random()) + "-" + std::to_string(random()));
    require(std::filesystem::create_directory(folder_), "there is a folder");
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::filesystem::path path() const { return folder_ / "model.safetensors"; }

  void put(const std::optional<std::string>& bytes) const {
    std::filesystem::remove(path());  // a file that is emptied and written is flushed by ext4
    if (!bytes) return;
    std::ofstream file(path(), std::ios::binary);
    file << *bytes << std::flush;
    require(file.good(), "the disk takes a file");
  }

  // The file has these bytes, or is not there; and nothing else is in the folder.
  void require_only(const std::optional<std::string>& bytes, const char* what) const {
    const auto entries = std::distance(std::filesystem::directory_iterator(folder_), {});
    require(entries == (bytes ? 1 : 0), what);
    if (!bytes) return;
    std::ifstream file(path(), std::ios::binary);
    require(file.good() && std::string(std::istreambuf_iterator<char>(file), {}) == *bytes, what);
  }

 private:
  std::filesystem::path folder_{};
};
