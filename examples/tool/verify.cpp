// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "verify.hpp"

namespace tool {

verify::verify(CLI::App& app)
    : command_(add_subcommand(app,
                              {.name = "verify",
                               .description = "Check whether files are valid.",
                               .usage = "safetensors verify FILE... [OPTIONS]",
                               .quiet = "Print nothing for valid files."},
                              in_)) {
  add_files(command_, files_);
}

exit_code verify::run(output& out) const {
  return for_each_header(
      files_, in_, out, [&](std::string_view path, const safetensors::header& header) {
        if (!in_.quiet)
          out.print("{}: ok ({})\n", safetensors::printable(path), contents_text(header));
      });
}

}  // namespace tool
