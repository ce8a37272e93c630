// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "tool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>

namespace tool {
namespace {

// Not fmt::print, which throws when standard error cannot be written.
void print_error(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }

safetensors::result<safetensors::header> open(const std::string& argument,
                                              const std::filesystem::path& path,
                                              const safetensors::read_options& options) {
  if (argument == "-")
    return safetensors::failure{
        .code = safetensors::errc::io,
        .detail = "standard input is not supported, please name a file (./- if it is called -)"};
  return safetensors::header::try_open(path, options);
}

exit_code report(std::string_view path, safetensors::failure what) {
  using safetensors::errc;
  what.path.clear();
  print_error(
      fmt::format("{}: {}: {}", safetensors::printable(path), name(what.code), what.message()));
  return what.code == errc::io || what.code == errc::out_of_memory ? failed : invalid_file;
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

CLI::App* add_subcommand(CLI::App& app, std::string name, std::string description, inputs& to,
                         std::string quiet_help) {
  CLI::App* const sub = app.add_subcommand(std::move(name), std::move(description));
  sub->add_option("FILE", to.files, "safetensors files; a name may begin with - after --")
      ->option_text(" ")
      ->required()
      // CLI11 takes names after --, and leaves [a,b] whole, only while it expects more of them.
      ->expected(CLI::detail::expected_max_vector_size, CLI::detail::expected_max_vector_size)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  sub->add_flag("--allow-trailing-bytes", to.options.allow_trailing_bytes,
                "accept bytes after the last tensor");
  sub->add_flag("-q,--quiet", to.quiet, std::move(quiet_help));
  sub->footer(std::string(exit_codes_help));
  return sub;
}

exit_code for_each_header(
    const inputs& in, output& out,
    const std::function<void(std::string_view path, const safetensors::header& header)>& use) {
  exit_code worst = all_valid;
  for (const std::string& argument : in.files) {
    const std::filesystem::path path(argument);
    const std::string utf8 = safetensors::path_ref(path).to_utf8();
    const auto opened = open(argument, path, in.options);
    if (opened) {
      use(utf8, *opened);
    } else {
      out.flush();  // a terminal shows the line where it belongs
      worst = (std::max)(worst, report(utf8, opened.error()));
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
  print_error(
      fmt::format("safetensors: {}\n"
                  "Usage: safetensors ls|verify [OPTIONS] FILE...\n"
                  "safetensors --help tells more.",
                  safetensors::printable(reason.what())));
  return failed;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1023.95; size /= 1024) ++unit;  // 1023.95 would be shown as 1024.0
  return fmt::format("{:.1f} {}", size, units[unit]);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace tool
