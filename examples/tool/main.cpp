// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The safetensors command: looks into files through the library's public interface.
#include "ls.hpp"
#include "verify.hpp"

#include <algorithm>

int main(int argc, char** argv) {
  CLI::App app("Look into safetensors files. Only headers are read, never the data.",
               "safetensors");
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version",
                       fmt::format("safetensors {}.{}.{}", SAFETENSORS_VERSION_MAJOR,
                                   SAFETENSORS_VERSION_MINOR, SAFETENSORS_VERSION_PATCH),
                       "show the version");
  app.footer("safetensors ls --help and safetensors verify --help tell more.\n\n" +
             std::string(tool::exit_codes_help));
  app.allow_windows_style_options(false);  // /name is a path everywhere
  app.require_subcommand(1);
  const tool::ls ls(app);
  const tool::verify verify(app);

  tool::output out;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& reason) {
    return tool::finish_early(app, reason, out);
  }
  const tool::exit_code worst = ls.chosen() ? ls.run(out) : verify.run(out);
  return (std::max)(worst, out.finish());
}
