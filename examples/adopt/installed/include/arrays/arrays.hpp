// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The interface of the installed library: its own types alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace arrays {

struct array {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
};

std::map<std::string, array> load(const std::string& path);  // throws std::exception
void save(const std::string& path, const std::map<std::string, array>& named);

}  // namespace arrays
