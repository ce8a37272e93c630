// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Writing a file that has the tensors of another.
#pragma once

#include "tool.hpp"

#include <safetensors/writer.hpp>

namespace tool {

/// How a file is to be written.
struct copy_options {
  safetensors::layout_options layout{};
  safetensors::output_options output{};
  bool quiet = false;  ///< neither a progress bar nor a line about the written file
};

/// Adds --durable.
void add_durable(CLI::App* command, safetensors::output_options& to);

/// Writes the tensors of a file to `to`, which may be the same file; tells what became of it.
/// Runs of bytes are copied by the system, so that memory stays that of the header.
exit_code copy_tensors(source_file from, const std::string& to, const copy_options& options,
                       output& out);

}  // namespace tool
