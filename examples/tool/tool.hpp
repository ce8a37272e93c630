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
#include <optional>
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

inline constexpr const char* exit_codes_help =
    R"(Exit codes:
  0  Every file is valid.
  1  A file is not valid.
  2  A file cannot be read or written. Another program changed it. An option, or its absence,
     forbids the change. The output cannot be written. Memory runs out. A signal asks the
     command to stop. The usage is wrong.

If both 1 and 2 apply, the exit code is 2. Every file is examined, even after a failure. Each
file that fails gets one line on standard error: FILE: RULE: MESSAGE. Warnings are lines
FILE: warning: TEXT. They do not change the exit code, and --quiet does not silence them.)";

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
  bool takes_standard_input = false;  ///< `-` is standard input, whose header is read
};

/// Sets the usage that the help and the usage errors of a command show.
void set_usage(CLI::App& app, std::string usage);

/// The texts of a subcommand.
struct subcommand_texts {
  std::string name;
  std::string description;
  std::string usage;
  std::string quiet;  ///< what --quiet does
};
/// A subcommand whose options go to `to`, which must stay where it is.
CLI::App* add_subcommand(CLI::App& app, subcommand_texts texts, settings& to);
/// As CLI::App::parse(), but for what CLI11 would take apart.
void parse(CLI::App& app, int argc, const char* const* argv);
/// Marks an option or argument whose text is taken as it is, whatever it looks like.
CLI::Option* as_given(CLI::Option* option);
/// Its arguments: one file, or as many as are given.
void add_file(CLI::App* command, std::string name, std::string& to, std::string description);
void add_files(CLI::App* command, std::vector<std::string>& to);

/// Returns the number that a text spells in decimal digits, without leading zeros.
std::optional<std::uint64_t> number_of(const std::string& text);

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

/// Prints a line on standard error: `FILE: RULE: TEXT`. The path is UTF-8, not escaped; the text is
/// printed as it is.
void complain(std::string_view path, std::string_view rule, std::string_view text);
/// Prints a line on standard error that changes no exit code: `FILE: warning: TEXT`.
void warn(const std::string& argument, std::string_view text);
/// Says on standard error what is wrong with a file that was to be read or written. Returns its
/// exit code. `no_rename` names what writes where the system cannot rename.
exit_code report(const std::string& argument, safetensors::failure what,
                 std::string_view no_rename = "--no-rename");

/// Reads each file's header, and that of standard input if the settings say so. The failures become
/// lines on standard error. `use` gets the path as UTF-8, not escaped.
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
/// Returns ", 2 of 3 tensors are empty" if tensors without elements are in the file.
std::string empty_tensors_text(const safetensors::header& header);
/// Returns the end of every line about a whole file: "2 tensors, 1.5 MiB, encrypted".
std::string contents_text(const safetensors::header& header);
/// A string of JSON, in ASCII.
std::string json_text(std::string_view text);
/// An object of texts.
void print_json(output& out, const safetensors::metadata_view& metadata);

}  // namespace tool
