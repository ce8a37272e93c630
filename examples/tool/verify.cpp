// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "verify.hpp"

namespace tool {

verify::verify(CLI::App& app)
    : command_(add_subcommand(app, "verify", "say whether files are valid", in_,
                              "print nothing for valid files")) {}

exit_code verify::run(output& out) const {
  return for_each_header(in_, out, [&](std::string_view path, const safetensors::header& header) {
    if (!in_.quiet)
      out.print("{}: ok ({}, {})\n", safetensors::printable(path),
                count_text(header.size(), "tensor"), size_text(header.data_size()));
  });
}

}  // namespace tool
