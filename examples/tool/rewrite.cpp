// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "rewrite.hpp"

#include <bit>
#include <charconv>

namespace tool {
namespace {

constexpr const char* order_help =
    R"(Tensors go by dtype, from U64 to BOOL, then by name; metadata by key. Bytes after the last
tensor are dropped. OUT is replaced once the new one is complete, and may be IN; whatever
fails, it stays as it was.

)";

std::string check_alignment(const std::string& text) {
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error == std::errc() && end == text.data() + text.size() && std::has_single_bit(bytes))
    return {};
  return text + " is no power of two";
}

}  // namespace

rewrite::rewrite(CLI::App& app)
    : command_(add_subcommand(app, "rewrite", "write a file again, in canonical order", in_,
                              "print neither progress nor a line when it is done")) {
  add_file(command_, "IN", from_, "a safetensors file");
  add_file(command_, "OUT", to_, "where it is written; names may begin with - after --");
  command_
      ->add_option("--align", options_.layout.data_alignment,
                   "let the data start at a multiple of N bytes: a power of two, 8 if not given")
      ->option_text("N")
      ->check(check_alignment);
  add_durable(command_, options_.output);
  command_->add_flag("--no-replace", no_replace_, "leave OUT as it is if it exists");
  command_->footer(order_help + command_->get_footer());
}

exit_code rewrite::run(output& out) const {
  auto from = try_open(from_, in_.reading);
  if (!from) return report(from_, from.error());
  copy_options options = options_;
  options.layout.metadata = from->header.metadata().to_map();
  options.output.replace = !no_replace_;
  options.quiet = in_.quiet;
  return copy_tensors(*std::move(from), to_, options, out);
}

}  // namespace tool
