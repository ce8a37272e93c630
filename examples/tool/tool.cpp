// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "tool.hpp"

#include "warnings.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <sstream>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

namespace tool {
namespace {

// Not fmt::print, which throws when standard error cannot be written.
void print_error(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }

// CLI11 takes [a,b] for two arguments and [[aa]] for [a]: what begins so is handed to it after
// this.
constexpr char mark = '\x1f';

// The library's advice names options as C++ spells them; the command has its own. Of other advice,
// that about the file's contents is shown as it is.
std::string own_advice(const safetensors::failure& what, std::string_view no_rename) {
  using safetensors::errc;
  const struct {
    errc code;
    std::string_view words;  // of the library's advice
    std::string advice;
  } table[] = {
      {errc::trailing_bytes, "allow_trailing_bytes", "--allow-trailing-bytes accepts the file"},
      {errc::header_too_large, "Hugging Face",
       "--max-header N accepts it; other programs refuse headers of more than 100,000,000 bytes, "
       "the Hugging Face client those of more than 25,000,000"},
      {errc::header_too_large, "max_header_bytes", "--max-header N accepts it"},
      {errc::header_too_large, "data_alignment", "--align makes it so long"},
      {errc::io, "replace", "leave out --no-replace to replace it"},
      {errc::io, "atomic", fmt::format("{} writes without renaming", no_rename)},
      {errc::io, "keep_mode", "--any-mode accepts the permissions that the file system gives"},
      {errc::invalid_option, "link_mode", "--follow-links writes the file that it leads to"},
  };
  for (const auto& row : table)
    if (what.code == row.code && what.advice.find(row.words) != what.advice.npos) return row.advice;
  return what.code < errc::tensor_not_found ? what.advice : std::string();
}

// Shows options without what CLI11 knows of them: types, "REQUIRED", "Excludes: …".
class help_formatter : public CLI::Formatter {
 public:
  explicit help_formatter(std::string usage) : usage_(std::move(usage)) {
    label("Positionals", "Arguments");
    label("POSITIONALS", "ARGUMENTS");  // CLI11 2.5 and newer
  }
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return usage_;
  }
  // Newer versions of CLI11 wrap the footer's lines, and so would take its tables apart.
  std::string make_footer(const CLI::App* /*app*/) const override { return {}; }
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
    help.erase(help.find_last_not_of('\n') + 1);
    return help + "\n\n" + app->get_footer() + "\n";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string& text = option->get_option_text();
    return text.empty() ? text : " " + text;
  }

 private:
  std::string usage_;
};

std::string usage_of(const CLI::App& app) {
  const auto formatter = std::dynamic_pointer_cast<help_formatter>(app.get_formatter());
  return formatter ? formatter->make_usage(&app, app.get_name()) : std::string();
}

// The text of CLI11, without the types and the names that it uses internally.
std::string usage_error_text(const CLI::App& command, const CLI::ParseError& reason) {
  std::string text = reason.what();
  if (command.get_parent() == nullptr && !command.remaining().empty())
    return fmt::format("{} is not a subcommand or an option", command.remaining().front());
  const std::string option = text.substr(0, text.find(": "));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&reason) != nullptr) {
    const CLI::Option* const known = command.get_option_no_throw(option);
    if (known == nullptr) return text;
    return known->count() > 1 ? fmt::format("{} is given {} times", option, known->count())
                              : fmt::format("{}: expected {}", option, known->get_option_text());
  }
  if (dynamic_cast<const CLI::ExcludesError*>(&reason) != nullptr) {
    constexpr std::string_view verb = " excludes ";
    if (const auto at = text.find(verb); at != text.npos)
      text.replace(at, verb.size(), " cannot be used together with ");
  }
  if (dynamic_cast<const CLI::ConversionError*>(&reason) != nullptr) {
    constexpr std::string_view failed_at = "Could not convert: ";
    if (text.starts_with(failed_at))
      text = text.substr(failed_at.size(), text.find(" = ") - failed_at.size()) +
             " does not take a value";
  }
  return text;
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

void set_usage(CLI::App& app, std::string usage) {
  app.formatter(std::make_shared<help_formatter>("Usage: " + std::move(usage) + "\n"));
}

CLI::App* add_subcommand(CLI::App& app, subcommand_texts texts, settings& to) {
  CLI::App* const sub = app.add_subcommand(std::move(texts.name), std::move(texts.description));
  set_usage(*sub, std::move(texts.usage));
  sub->add_flag("--allow-trailing-bytes", to.reading.allow_trailing_bytes,
                "Accept bytes after the last tensor.");
  sub->add_option("--max-header", to.reading.max_header_bytes,
                  "Accept headers of at most N bytes, 100000000 by default.")
      ->option_text("N")
      ->check([](const std::string& text) {
        return number_of(text) ? std::string() : text + " is not a number of bytes";
      });
  sub->add_flag("-q,--quiet", to.quiet, std::move(texts.quiet));
  sub->footer(exit_codes_help);
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
  as_given(command->add_option(std::move(name), to, std::move(description)))->required();
}

void add_files(CLI::App* command, std::vector<std::string>& to) {
  as_given(
      command->add_option("FILE", to, "The safetensors files. After --, names may begin with -."))
      ->required()
      // CLI11 takes names after -- only while it expects more of them.
      ->expected(CLI::detail::expected_max_vector_size, CLI::detail::expected_max_vector_size)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool has_leading_zero = text.size() > 1 && text.front() == '0';  // octal to CLI11
  if (parsed.ec != std::errc() || parsed.ptr != end || has_leading_zero) return std::nullopt;
  return number;
}

std::string utf8_text(const std::string& argument) {
  return safetensors::path_ref(std::filesystem::path(argument)).to_utf8();  // Windows: a code page
}

safetensors::result<std::filesystem::path> try_path(const std::string& argument) {
  if (argument == "-")
    return safetensors::failure{.code = safetensors::errc::io,
                                .detail =
                                    "only ls reads standard input; name a file, or write ./- "
                                    "for a file that is called -"};
  return std::filesystem::path(argument);
}

safetensors::result<safetensors::file_source> try_open_bytes(const std::string& argument) {
  const auto path = try_path(argument);
  if (!path) return path.error();
  return safetensors::file_source::try_open(*path);
}

void complain(std::string_view path, std::string_view rule, std::string_view text) {
  const std::string shown = path.empty() ? R"("")" : safetensors::printable(path);
  print_error(fmt::format("{}: {}: {}", shown, rule, text));
}

void warn(const std::string& argument, std::string_view text) {
  complain(utf8_text(argument), "warning", text);
}

exit_code report(const std::string& argument, safetensors::failure what,
                 std::string_view no_rename) {
  using safetensors::errc;
  std::string path = std::exchange(what.path, {});  // of the file that failed, of two perhaps
  if (path.empty()) path = utf8_text(argument);
  what.advice = own_advice(what, no_rename);
  complain(path, name(what.code), what.message());
  return what.code == errc::io || what.code == errc::out_of_memory ? failed : invalid_file;
}

namespace {

safetensors::result<std::size_t> read_standard_input(std::span<std::byte> to) {
  const std::size_t got = std::fread(to.data(), 1, to.size(), stdin);
  if (got != 0 || std::ferror(stdin) == 0) return got;
  return safetensors::failure{.code = safetensors::errc::io,
                              .system = {errno, std::generic_category()},
                              .detail = "cannot read standard input"};
}

safetensors::result<safetensors::header> try_header(const std::string& argument,
                                                    const settings& in) {
  if (argument == "-" && in.takes_standard_input) {
#ifdef _WIN32
    ::_setmode(::_fileno(stdin), _O_BINARY);
#endif
    return safetensors::header::try_read(safetensors::function_stream{read_standard_input},
                                         in.reading);
  }
  const auto opened = try_open_bytes(argument);
  if (!opened) return opened.error();
  return safetensors::header::try_read(*opened, in.reading);
}

}  // namespace

exit_code for_each_header(
    const std::vector<std::string>& files, const settings& in, output& out,
    const std::function<void(std::string_view path, const safetensors::header& header)>& use) {
  exit_code worst = all_valid;
  for (const std::string& argument : files) {
    const auto opened = try_header(argument, in);
    if (opened) {
      use(utf8_text(argument), *opened);
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
  const auto subcommands = app.get_subcommands();
  const CLI::App& used = subcommands.empty() ? app : *subcommands.front();
  const std::string name = "safetensors" + (&used == &app ? "" : " " + used.get_name());
  std::string what = usage_error_text(used, reason);
  std::erase(what, mark);
  print_error(fmt::format("{}: {}\n{}Run '{} --help' for details.", name,
                          safetensors::printable(what), usage_of(used), name));
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

std::string empty_tensors_text(const safetensors::header& header) {
  const auto empty = static_cast<std::uint64_t>(std::count_if(
      header.begin(), header.end(),
      [](const safetensors::tensor_info& tensor) { return tensor.element_count() == 0; }));
  if (empty == 0) return {};
  return fmt::format(", {} of {} {} empty", empty, count_text(header.size(), "tensor"),
                     empty == 1 ? "is" : "are");
}

std::string contents_text(const safetensors::header& header) {
  return fmt::format("{}, {}{}{}", count_text(header.size(), "tensor"),
                     size_text(header.data_size()), empty_tensors_text(header),
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
