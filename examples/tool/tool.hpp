// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the subcommands share: their input files, standard output, exit codes.
#pragma once

#include <safetensors/safetensors.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tool {

/// The worst of a run is its exit code.
enum exit_code : int {
  all_valid = 0,
  invalid_file = 1,
  failed = 2,  ///< wrong usage, or something could not be read or written
};

inline constexpr std::string_view exit_codes_help =
    "Exit code: 0 if every file is valid, 1 if one is not, 2 if one cannot be read, if the\n"
    "output cannot be written, or if the usage is wrong. Every file is looked at; each that\n"
    "fails gets one line on standard error: FILE: RULE: WHAT IS WRONG.";

/// Standard output, written in large pieces. After the first error, the rest is dropped.
class output {
 public:
  template <class... Args> void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
    if (buffer_.size() >= piece_bytes) flush();
  }
  void flush();
  /// Writes the rest; complains on standard error if not everything could be written.
  exit_code finish();

 private:
  static constexpr std::size_t piece_bytes = 1 << 16;
  fmt::memory_buffer buffer_;
  std::error_code error_;
};

/// The arguments that every subcommand takes.
struct inputs {
  std::vector<std::string> files;
  safetensors::read_options options;
  bool quiet = false;
};

/// A subcommand whose arguments go to `to`, which must stay where it is.
CLI::App* add_subcommand(CLI::App& app, std::string name, std::string description, inputs& to,
                         std::string quiet_help);

/// Reads each file's header; the failures become lines on standard error. `use` gets the path as
/// UTF-8, not escaped.
exit_code for_each_header(
    const inputs& in, output& out,
    const std::function<void(std::string_view path, const safetensors::header& header)>& use);

/// Shows help or version, or what is wrong with the arguments.
exit_code finish_early(const CLI::App& app, const CLI::ParseError& reason, output& out);

/// A size for people: "1.5 MiB".
std::string size_text(std::uint64_t bytes);
/// "1 tensor", "2 tensors".
std::string count_text(std::uint64_t count, std::string_view noun);

}  // namespace tool
