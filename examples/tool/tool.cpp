// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "tool.hpp"

#include "warnings.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sstream>

namespace tool {
namespace {

// Not fmt::print, which throws when standard error cannot be written.
void print_error(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }

// CLI11 takes [a,b] for two arguments and [[aa]] for [a]: what begins so is handed to it behind
// this.
constexpr char mark = '\x1f';

// The library names its options as C++ spells them.
std::string with_own_options(const safetensors::failure& what, std::string_view no_rename) {
  using safetensors::errc;
  const struct {
    errc code;
    std::string_view library, command;
  } options[] = {
      {errc::uncovered_bytes, "allow_trailing_bytes", "--allow-trailing-bytes"},
      {errc::io, "atomic = false", no_rename},
      {errc::io, "keep_mode = false", "--any-mode"},
      {errc::invalid_option, "link_mode::follow", "--follow-links"},
  };
  std::string detail = what.detail;
  for (const auto& option : options)
    if (const auto at = detail.find(option.library); what.code == option.code && at != detail.npos)
      detail.replace(at, option.library.size(), option.command);
  return detail;
}

}  // namespace

void output::flush() {
  const auto size = buffer_.size();
  if (!error_ && size != 0 &&
      (std::fwrite(buffer_.data(), 1, size, stdout) != size || std::fflush(stdout) != 0))
    error_ = {errno, std::generic_category()};
  buffer_.clear();
}

exit_code output::finish() {
  flush();
  if (!error_) return all_valid;
  print_error("safetensors: standard output cannot be written: " + error_.message());
  return failed;
}

CLI::App* add_subcommand(CLI::App& app, std::string name, std::string description, settings& to,
                         std::string quiet_help) {
  CLI::App* const sub = app.add_subcommand(std::move(name), std::move(description));
  sub->add_flag("--allow-trailing-bytes", to.reading.allow_trailing_bytes,
                "accept bytes after the last tensor");
  sub->add_flag("-q,--quiet", to.quiet, std::move(quiet_help));
  sub->footer(std::string(exit_codes_help));
  return sub;
}

void parse(CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> arguments;  // from the last to the first, as CLI11 wants them
  for (int i = argc; i-- > 1;) {
    const std::string_view given = argv[i];
    const bool marked = given.starts_with('[') || given.starts_with(mark);
    arguments.emplace_back(marked ? 1 : 0, mark).append(given);
  }
  app.parse(std::move(arguments));
}

CLI::Option* as_given(CLI::Option* option) {
  return option->transform([](const std::string& argument) {
    return argument.substr(argument.find(mark) == 0 ? 1 : 0);
  });
}

void add_file(CLI::App* command, std::string name, std::string& to, std::string description) {
  as_given(command->add_option(std::move(name), to, std::move(description)))
      ->option_text(" ")
      ->required();
}

void add_files(CLI::App* command, std::vector<std::string>& to) {
  as_given(command->add_option("FILE", to, "safetensors files; a name may begin with - after --"))
      ->option_text(" ")
      ->required()
      // CLI11 takes names after -- only while it expects more of them.
      ->expected(CLI::detail::expected_max_vector_size, CLI::detail::expected_max_vector_size)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

std::string utf8_text(const std::string& argument) {
  return safetensors::path_ref(std::filesystem::path(argument)).to_utf8();  // Windows: a code page
}

safetensors::result<std::filesystem::path> try_path(const std::string& argument) {
  if (argument == "-")
    return safetensors::failure{
        .code = safetensors::errc::io,
        .detail =
            "standard input and output are not supported, please name a file (./- if it is "
            "called -)"};
  return std::filesystem::path(argument);
}

safetensors::result<safetensors::file_source> try_open_bytes(const std::string& argument) {
  const auto path = try_path(argument);
  if (!path) return path.error();
  return safetensors::file_source::try_open(*path);
}

safetensors::result<source_file> try_open(const std::string& argument,
                                          const safetensors::read_options& options) {
  auto bytes = try_open_bytes(argument);
  if (!bytes) return std::move(bytes).error();
  auto header = safetensors::header::try_read(*bytes, options);
  if (!header) return std::move(header).error();
  return source_file{*std::move(bytes), *std::move(header)};
}

void complain(std::string_view path, std::string_view rule, std::string_view text) {
  print_error(fmt::format("{}: {}: {}", safetensors::printable(path), rule, text));
}

void warn(const std::string& argument, std::string_view text) {
  complain(utf8_text(argument), "warning", text);
}

exit_code report(const std::string& argument, safetensors::failure what,
                 std::string_view no_rename) {
  using safetensors::errc;
  std::string path = std::exchange(what.path, {});  // of the file that failed, of two perhaps
  if (path.empty()) path = utf8_text(argument);
  what.detail = with_own_options(what, no_rename);
  complain(path, name(what.code), what.message());
  return what.code == errc::io || what.code == errc::out_of_memory ? failed : invalid_file;
}

exit_code for_each_header(
    const std::vector<std::string>& files, const settings& in, output& out,
    const std::function<void(std::string_view path, const safetensors::header& header)>& use) {
  exit_code worst = all_valid;
  for (const std::string& argument : files) {
    const auto opened = try_open(argument, in.reading);
    if (opened) {
      use(utf8_text(argument), opened->header);
    } else {
      out.flush();  // a terminal shows the line where it belongs
      worst = (std::max)(worst, report(argument, opened.error()));
    }
  }
  return worst;
}

exit_code finish_early(const CLI::App& app, const CLI::ParseError& reason, output& out) {
  std::ostringstream wanted, ignored;
  if (app.exit(reason, wanted, ignored) == 0) {
    out.print("{}", wanted.str());
    return out.finish();
  }
  std::string what = reason.what();
  std::erase(what, mark);
  print_error(
      fmt::format("safetensors: {}\n"
                  "Usage: safetensors ls|verify|rewrite|meta [OPTIONS] FILE...\n"
                  "Run 'safetensors --help' for details.",
                  safetensors::printable(what)));
  return failed;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (size >= 1023.95) {  // which would be shown as 1024.0
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, units[unit]);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string protection_text(const safetensors::header& header) {
  std::string text;
  for (const std::string_view word : protections(header.metadata())) text.append(", ").append(word);
  return text;
}

std::string contents_text(const safetensors::header& header) {
  return fmt::format("{}, {}{}", count_text(header.size(), "tensor"), size_text(header.data_size()),
                     protection_text(header));
}

std::string json_text(std::string_view text) {
  using json = nlohmann::json;
  return json(text).dump(-1, ' ', true, json::error_handler_t::replace);
}

void print_json(output& out, const safetensors::metadata_view& metadata) {
  std::string_view separator = "";
  out.print("{{");
  for (const auto& [key, value] : metadata) {
    out.print("{}{}:{}", separator, json_text(key), json_text(value));
    separator = ",";
  }
  out.print("}}");
}

}  // namespace tool
