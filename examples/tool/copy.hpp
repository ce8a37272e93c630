// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writing a file that has the tensors of another.
#pragma once

#include "source.hpp"

#include <safetensors/writer.hpp>

namespace tool {

/// How a file is to be written.
struct copy_options {
  safetensors::layout_options layout{};
  safetensors::output_options output{};
  bool drop_unknown_fields = false;
  bool quiet = false;  ///< neither a progress bar nor a line about the written file
};

/// Adds the options of everything that writes a file. `to` must stay where it is.
void add_copy_options(CLI::App* command, copy_options& to);

/// Writes the tensors of a file to `to`, which may be the same file; says what became of it, and
/// warns of what may do harm. The system copies the data, so that memory stays that of the header.
exit_code copy_tensors(copy_source from, const std::string& to, const copy_options& options,
                       output& out);

}  // namespace tool
