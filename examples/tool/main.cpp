// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The safetensors command: inspects files and rewrites them through the library's public
// interface.
#include "ls.hpp"
#include "meta.hpp"
#include "rewrite.hpp"
#include "verify.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

namespace {
int run(int argc, char** argv) {
  CLI::App app("Inspect, verify and rewrite safetensors files, and edit their metadata.",
               "safetensors");
  tool::set_usage(app, "safetensors ls|verify|rewrite|meta FILE... [OPTIONS]");
  app.set_help_flag("-h,--help", "Show this help.");
  app.set_version_flag("--version",
                       fmt::format("safetensors {}.{}.{}", SAFETENSORS_VERSION_MAJOR,
                                   SAFETENSORS_VERSION_MINOR, SAFETENSORS_VERSION_PATCH),
                       "Show the version.");
  app.footer("Run 'safetensors SUBCOMMAND --help' for details.\n\n" +
             std::string(tool::exit_codes_help));
  app.allow_windows_style_options(false);  // /name is a path everywhere
  app.require_subcommand(1);
  const tool::ls ls(app);
  const tool::verify verify(app);
  const tool::rewrite rewrite(app);
  const tool::meta meta(app);

  tool::output out;
  try {
    tool::parse(app, argc, argv);
    const tool::exit_code worst = ls.chosen()        ? ls.run(out)
                                  : verify.chosen()  ? verify.run(out)
                                  : rewrite.chosen() ? rewrite.run(out)
                                                     : meta.run(out);
    return (std::max)(worst, out.finish());
  } catch (const CLI::ParseError& reason) {
    return tool::finish_early(app, reason, out);
  }
}
}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("safetensors: out of memory\n", stderr);
  } catch (const std::exception& reason) {
    std::fprintf(stderr, "safetensors: %s\n", reason.what());
  }
  return tool::failed;
}
