// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What known keys of the metadata say of a file, and what a copy does to that.
#pragma once

#include "tool.hpp"

namespace tool {

/// Returns how a file is protected: "encrypted", "signed".
std::vector<std::string_view> protections(const safetensors::metadata_view& metadata);

/// Returns the harm that replacing a file by a copy with this header may do, in a line each.
std::vector<std::string> warnings_about(const source_file& from, const safetensors::header& copy);

}  // namespace tool
