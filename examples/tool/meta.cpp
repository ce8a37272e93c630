// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "meta.hpp"

#include <algorithm>
#include <set>

namespace tool {
namespace {

constexpr const char* changes_help =
    R"(Without --set and --unset, the metadata is printed: KEY: VALUE in lines, or as one JSON
object in ASCII. With them, FILE is replaced once the new one is complete; whatever fails, it
stays as it was. Tensors keep their order, and the data its alignment up to 4096 bytes; bytes
after the last tensor are dropped. If nothing changes, nothing is written.

)";

constexpr std::uint64_t block_bytes = 4096;  // what file systems share

std::string key_of(const std::string& setting) { return setting.substr(0, setting.find('=')); }
std::string value_of(const std::string& setting) { return setting.substr(setting.find('=') + 1); }

std::string check_setting(const std::string& text) {
  return text.find('=') == text.npos ? "KEY=VALUE is expected: " + text : std::string();
}

std::uint64_t alignment_of(std::uint64_t data_start) {
  return (std::min)(data_start & (~data_start + 1), block_bytes);
}

std::vector<std::string> missing_keys(const std::vector<std::string>& unset,
                                      const safetensors::metadata_map& metadata) {
  std::vector<std::string> warnings;
  for (const std::string& key : std::set<std::string>(unset.begin(), unset.end()))
    if (!metadata.contains(utf8_text(key)))
      warnings.push_back(
          fmt::format("there is no key \"{}\" to unset", safetensors::printable(utf8_text(key))));
  return warnings;
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
    : command_(add_subcommand(app, "meta", "print a file's metadata, or change it", in_,
                              "print neither progress nor a line when it is changed")) {
  add_file(command_, "FILE", file_, "a safetensors file; a name may begin with - after --");
  CLI::Option* const set =
      add_repeatable(command_, "--set", set_, "give a key this value; each key once")
          ->option_text("KEY=VALUE")
          ->check(check_setting);
  CLI::Option* const unset =
      add_repeatable(command_, "--unset", unset_, "remove a key; warns of one that is not there")
          ->option_text("KEY");
  command_->add_flag("--json", json_, "print JSON, for programs")->excludes(set)->excludes(unset);
  add_copy_options(command_, options_);
  command_->footer(changes_help + command_->get_footer());
  command_->callback([this] { check(); });
  options_.output.preallocate = false;  // blocks are shared where the file system can
}

void meta::check() const {
  std::set<std::string> keys(unset_.begin(), unset_.end());
  for (const std::string& setting : set_)
    if (!keys.insert(key_of(setting)).second)
      throw CLI::ValidationError("--set", "this key is set or unset twice: " + key_of(setting));
}

void meta::print(output& out, const safetensors::header& header) const {
  using safetensors::printable;
  if (json_) {
    print_json(out, header.metadata());
    out.print("\n");
  } else {
    for (const auto& [key, value] : header.metadata())
      out.print("{}: {}\n", printable(key), printable(value));
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
                      .data_alignment = alignment_of(header.data_start())};
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

exit_code meta::run(output& out) const {
  if (!set_.empty() || !unset_.empty()) return change(out);
  const auto from = try_open(file_, in_.reading);
  if (!from) return report(file_, from.error());
  print(out, from->header);
  return all_valid;
}

}  // namespace tool
