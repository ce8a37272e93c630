// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the subcommands share: their input files, standard output, exit codes.
#pragma once

#include <safetensors/safetensors.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
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
    "Exit code: 0 if every file is valid, 1 if one is not, 2 if one cannot be read or written or\n"
    "was changed by others, if an option forbids the change, if the output cannot be written, if\n"
    "memory runs out, if a signal asked to stop, or if the usage is wrong. Every file is looked\n"
    "at; each that fails gets one line on standard error: FILE: RULE: WHAT IS WRONG. Warnings,\n"
    "FILE: warning: TEXT, do not change the exit code; --quiet does not silence them.";

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

/// The options that every subcommand takes.
struct settings {
  safetensors::read_options reading;
  bool quiet = false;
};

/// A subcommand whose options go to `to`, which must stay where it is.
CLI::App* add_subcommand(CLI::App& app, std::string name, std::string description, settings& to,
                         std::string quiet_help);
/// As CLI::App::parse(), but for what CLI11 would take apart.
void parse(CLI::App& app, int argc, const char* const* argv);
/// Marks an option or argument whose text is taken as it is, whatever it looks like.
CLI::Option* as_given(CLI::Option* option);
/// Its arguments: one file, or as many as are given.
void add_file(CLI::App* command, std::string name, std::string& to, std::string description);
void add_files(CLI::App* command, std::vector<std::string>& to);

/// An argument as UTF-8, not escaped.
std::string utf8_text(const std::string& argument);

/// An open file and its header.
struct source_file {
  safetensors::file_source bytes;
  safetensors::header header;
};
/// The path that an argument stands for; `-` is a failure.
safetensors::result<std::filesystem::path> try_path(const std::string& argument);
safetensors::result<safetensors::file_source> try_open_bytes(const std::string& argument);
safetensors::result<source_file> try_open(const std::string& argument,
                                          const safetensors::read_options& options);

/// Prints a line on standard error: `FILE: RULE: TEXT`. The path is UTF-8, not escaped; the text is
/// printed as it is.
void complain(std::string_view path, std::string_view rule, std::string_view text);
/// Prints a line on standard error that changes no exit code: `FILE: warning: TEXT`.
void warn(const std::string& argument, std::string_view text);
/// Says on standard error what is wrong with a file that was to be read or written. Returns its
/// exit code. `no_rename` is how the subcommand writes where the system cannot rename.
exit_code report(const std::string& argument, safetensors::failure what,
                 std::string_view no_rename = "--no-rename");

/// Reads each file's header; the failures become lines on standard error. `use` gets the path as
/// UTF-8, not escaped.
exit_code for_each_header(
    const std::vector<std::string>& files, const settings& in, output& out,
    const std::function<void(std::string_view path, const safetensors::header& header)>& use);

/// Shows help or version, or what is wrong with the arguments.
exit_code finish_early(const CLI::App& app, const CLI::ParseError& reason, output& out);

/// A size for people: "1.5 MiB".
std::string size_text(std::uint64_t bytes);
/// "1 tensor", "2 tensors".
std::string count_text(std::uint64_t count, std::string_view noun);
/// ", encrypted, signed" if the file is.
std::string protection_text(const safetensors::header& header);
/// What every line about a whole file ends with: "2 tensors, 1.5 MiB, encrypted".
std::string contents_text(const safetensors::header& header);
/// A string of JSON, in ASCII.
std::string json_text(std::string_view text);
/// An object of texts.
void print_json(output& out, const safetensors::metadata_view& metadata);

}  // namespace tool
