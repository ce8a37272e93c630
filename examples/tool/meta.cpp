// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "meta.hpp"

#include "shown.hpp"

#include <algorithm>
#include <set>
#include <span>

namespace tool {
namespace {

constexpr const char* changes_help =
    R"(Without --set and --unset, the metadata is printed: as lines KEY: VALUE, or as one JSON object
in ASCII. If data is missing from FILE, the metadata is printed nevertheless, and the exit code
is 1. In lines, characters that act on terminals are escaped, except in values with --raw.

With --set or --unset, FILE is replaced once the new file is complete. If anything fails before
that, FILE stays as it was. Tensors keep their order, and the data keeps its alignment, up to
4096 bytes. Bytes after the last tensor are dropped. If nothing changes, nothing is written.

)";

constexpr std::uint64_t block_bytes = 4096;  // what file systems share

std::string key_of(const std::string& setting) { return setting.substr(0, setting.find('=')); }
std::string value_of(const std::string& setting) { return setting.substr(setting.find('=') + 1); }

std::uint64_t alignment_of(std::uint64_t data_start) {
  return (std::min)(data_start & (~data_start + 1), block_bytes);
}

std::vector<std::string> missing_keys(const std::vector<std::string>& unset,
                                      const safetensors::metadata_map& metadata) {
  std::vector<std::string> warnings;
  for (const std::string& key : std::set<std::string>(unset.begin(), unset.end()))
    if (!metadata.contains(utf8_text(key)))
      warnings.push_back(fmt::format("there is no key {} to unset", in_quotes(utf8_text(key))));
  return warnings;
}

// Reads the header of a file whatever follows it.
safetensors::result<safetensors::header> try_read_alone(const safetensors::file_source& file,
                                                        const safetensors::read_options& options) {
  return safetensors::header::try_read(
      safetensors::function_source{
          safetensors::unknown_size,
          [&file](std::uint64_t at, std::span<std::byte> to) { return file.read_at(at, to); }},
      options);
}

CLI::Option* add_repeatable(CLI::App* command, std::string name, std::vector<std::string>& to,
                            std::string description) {
  return as_given(command->add_option(std::move(name), to, std::move(description)))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

}  // namespace

meta::meta(CLI::App& app)
    : command_(add_subcommand(
          app,
          {.name = "meta",
           .description = "Print the metadata of a file, or change it.",
           .usage = "safetensors meta FILE [--json|--raw] [OPTIONS]\n"
                    "       safetensors meta FILE [--set KEY=VALUE]... [--unset KEY]... [OPTIONS]",
           .quiet = "Show no progress, and print nothing when the file is changed."},
          in_)) {
  add_file(command_, "FILE", file_, "The safetensors file. After --, its name may begin with -.");
  CLI::Option* const set =
      add_repeatable(command_, "--set", set_,
                     "Give a key this value. Repeat it to set more keys, each once.")
          ->option_text("KEY=VALUE");
  CLI::Option* const unset =
      add_repeatable(command_, "--unset", unset_,
                     "Remove a key. May be repeated. Warns if the key is not there.")
          ->option_text("KEY");
  CLI::Option* const json = command_->add_flag("--json", json_, "Print JSON, for programs.");
  CLI::Option* const raw = command_->add_flag("--raw", raw_, "Print values without escaping.");
  for (CLI::Option* const printing : {json, raw}) printing->excludes(set)->excludes(unset);
  raw->excludes(json);
  add_copy_options(command_, options_);
  command_->footer(changes_help + command_->get_footer());
  command_->callback([this] { check(); });
  options_.output.preallocate = false;  // blocks are shared where the file system can
}

void meta::check() const {
  std::set<std::string> keys(unset_.begin(), unset_.end());
  for (const std::string& setting : set_) {
    if (setting.find('=') == setting.npos)
      throw CLI::ValidationError("--set " + setting + ": expected KEY=VALUE");
    if (!keys.insert(key_of(setting)).second)
      throw CLI::ValidationError("the key " + key_of(setting) + " is given twice");
  }
}

void meta::print(output& out, const safetensors::header& header) const {
  using safetensors::printable;
  if (json_) {
    print_json(out, header.metadata());
    out.print("\n");
  } else {
    for (const auto& [key, value] : header.metadata())
      out.print("{}: {}\n", printable(key), raw_ ? std::string(value) : shown_value(value));
  }
}

safetensors::metadata_map meta::changed(safetensors::metadata_map metadata) const {
  for (const std::string& key : unset_) metadata.erase(utf8_text(key));
  for (const std::string& setting : set_)
    metadata[utf8_text(key_of(setting))] = utf8_text(value_of(setting));
  return metadata;
}

exit_code meta::change(output& out) const {
  auto from = try_open_to_copy(file_, file_, in_.reading);
  if (!from) return report(file_, from.error());
  const safetensors::header& header = from->file.header;
  safetensors::metadata_map old = header.metadata().to_map(), metadata = changed(old);
  const std::vector<std::string> warnings = missing_keys(unset_, old);
  exit_code done = all_valid;
  if (metadata != old) {
    copy_options options = options_;
    options.layout = {.metadata = std::move(metadata),
                      .order = safetensors::tensor_order::as_given,
                      .data_alignment = alignment_of(header.data_start()),
                      .max_header_bytes = in_.reading.max_header_bytes};
    options.quiet = in_.quiet;
    done = copy_tensors(*std::move(from), file_, options, out);
  } else if (!in_.quiet) {
    out.print("{}: unchanged ({})\n", safetensors::printable(utf8_text(file_)),
              contents_text(header));
    out.flush();
  }
  if (done == all_valid)
    for (const std::string& warning : warnings) warn(file_, warning);
  return done;
}

exit_code meta::show(output& out) const {
  const auto bytes = try_open_bytes(file_);
  if (!bytes) return report(file_, bytes.error());
  const auto whole = safetensors::header::try_read(*bytes, in_.reading);
  if (whole) {
    print(out, *whole);
    return all_valid;
  }
  if (whole.error().code == safetensors::errc::missing_bytes)
    if (const auto alone = try_read_alone(*bytes, in_.reading)) print(out, *alone);
  out.flush();  // a terminal shows the line after the metadata
  return report(file_, whole.error());
}

exit_code meta::run(output& out) const {
  return set_.empty() && unset_.empty() ? show(out) : change(out);
}

}  // namespace tool
