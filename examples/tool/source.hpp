// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Opening a file that is to be copied, perhaps to its own place.
#pragma once

#include "tool.hpp"

namespace tool {

struct copy_source {
  source_file file;
  bool is_target = false;  ///< the path that is written leads to the file that is read
};

/// Opens `from`. If `to` leads to the same file, waits for the file's lock, and says on standard
/// error when that takes long. Goes on without a lock where the system has none.
safetensors::result<copy_source> try_open_to_copy(const std::string& from, const std::string& to,
                                                  const safetensors::read_options& options);

}  // namespace tool
