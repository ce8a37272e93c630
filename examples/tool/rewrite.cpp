// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "rewrite.hpp"

#include <bit>

namespace tool {
namespace {

constexpr const char* order_help =
    R"(Tensors are sorted by dtype, from U64 to BOOL, then by name. Metadata is sorted by key. Bytes
after the last tensor are dropped. OUT may be IN. OUT is replaced once the new file is complete.
If anything fails before that, OUT stays as it was, except with --no-rename.

)";

std::string check_alignment(const std::string& text) {
  const auto bytes = number_of(text);
  return bytes && std::has_single_bit(*bytes) ? std::string() : text + " is not a power of two";
}

}  // namespace

rewrite::rewrite(CLI::App& app)
    : command_(add_subcommand(
          app,
          {.name = "rewrite",
           .description = "Write a file again, in canonical order.",
           .usage = "safetensors rewrite IN OUT [--align N] [--keep-order] [OPTIONS]",
           .quiet = "Show no progress, and print nothing when the file is written."},
          in_)) {
  add_file(command_, "IN", from_, "The safetensors file that is read.");
  add_file(command_, "OUT", to_, "The file that is written. After --, names may begin with -.");
  command_
      ->add_option("--align", options_.layout.data_alignment,
                   "Let the data start at a multiple of N bytes.\n"
                   "N is a power of two, 8 by default.")
      ->option_text("N")
      ->check(check_alignment);
  command_->add_flag_callback(
      "--keep-order", [this] { options_.layout.order = safetensors::tensor_order::as_given; },
      "Keep the bytes of the data in their order. Only the header changes.");
  add_copy_options(command_, options_);
  command_->add_flag_callback(
      "--no-replace", [this] { options_.output.replace = false; },
      "Fail if OUT exists, and leave it as it is.");
  command_->add_flag_callback(
      "--no-rename", [this] { options_.output.atomic = false; },
      "Write OUT itself, for file systems that cannot rename files.\n"
      "If writing fails, the old OUT is lost.");
  command_->footer(order_help + command_->get_footer());
}

exit_code rewrite::run(output& out) const {
  auto from = try_open_to_copy(from_, to_, in_.reading);
  if (!from) return report(from_, from.error());
  copy_options options = options_;
  options.layout.metadata = from->file.header.metadata().to_map();
  options.layout.max_header_bytes = in_.reading.max_header_bytes;
  options.quiet = in_.quiet;
  return copy_tensors(*std::move(from), to_, options, out);
}

}  // namespace tool
