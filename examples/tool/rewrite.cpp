// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "rewrite.hpp"

#include <bit>
#include <charconv>

namespace tool {
namespace {

constexpr const char* order_help =
    R"(Tensors are sorted by dtype, from U64 to BOOL, then by name; metadata by key. With
--keep-order, the data keeps its bytes and its order. Bytes after the last tensor are dropped.
OUT may be IN. Without --no-rename, OUT is replaced once the new file is complete; whatever
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
  command_->add_flag_callback(
      "--keep-order", [this] { options_.layout.order = safetensors::tensor_order::as_given; },
      "keep the bytes of the data and their order; only the header changes");
  add_copy_options(command_, options_);
  command_->add_flag_callback(
      "--no-replace", [this] { options_.output.replace = false; },
      "leave OUT as it is if it exists");
  command_->add_flag_callback(
      "--no-rename", [this] { options_.output.atomic = false; },
      "write OUT directly, where files cannot be renamed; if that fails, the old OUT is lost");
  command_->footer(order_help + command_->get_footer());
}

exit_code rewrite::run(output& out) const {
  auto from = try_open_to_copy(from_, to_, in_.reading);
  if (!from) return report(from_, from.error());
  copy_options options = options_;
  options.layout.metadata = from->file.header.metadata().to_map();
  options.quiet = in_.quiet;
  return copy_tensors(*std::move(from), to_, options, out);
}

}  // namespace tool
