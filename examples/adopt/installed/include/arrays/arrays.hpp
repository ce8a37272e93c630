// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The interface of the installed library: its own types alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace arrays {

struct array {
  std::string type;  // as in the file: "BF16"
  std::vector<std::uint64_t> shape;
  std::vector<std::byte> bytes;
};

struct model {
  std::map<std::string, array> arrays;
  std::map<std::string, std::string> metadata;
};

model load(const std::string& path);  // throws std::exception, as save() does
void save(const std::string& path, const model& from);

}  // namespace arrays
