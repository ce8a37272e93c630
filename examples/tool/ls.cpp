// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "ls.hpp"

#include "shown.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace tool {
namespace {

using safetensors::printable;
using safetensors::tensor_info;

constexpr const char* input_help = R"(If FILE is -, the header is read from standard input, and no data: whether the data is whole is
not checked.

)";

constexpr const char* json_help = R"(--json prints one array with one object per valid file:
  path          the path, as given
  header_bytes  the length of the header
  data_start    the first byte of data in the file: 8 + header_bytes
  data_bytes    the bytes of all tensors
  metadata      an object of strings
  tensors       an array of {name, dtype, shape, bytes, offset}; offset is the tensor's first
                byte in the file
Numbers are exact integers up to 2^64-1. The output is ASCII: other characters are escaped,
and bytes of a path that are not UTF-8 become U+FFFD.

)";

std::string check_order(const std::string& text) {
  const bool known = text == "name" || text == "offset" || text == "size";
  return known ? std::string() : text + " is not name, offset or size";
}

std::vector<tensor_info> sorted(const safetensors::header& header, std::string_view order) {
  std::vector<tensor_info> tensors(header.begin(), header.end());  // by offset
  const auto sort = [&](auto before) { std::stable_sort(tensors.begin(), tensors.end(), before); };
  if (order == "name")
    sort([](const tensor_info& a, const tensor_info& b) { return a.name() < b.name(); });
  if (order == "size")
    sort([](const tensor_info& a, const tensor_info& b) { return a.byte_size() > b.byte_size(); });
  return tensors;
}

std::string shape_text(const tensor_info& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.shape(), ","));
}

//-- for people

constexpr std::size_t widest_column = 60;  // longer text is shown whole, and moves its row alone
constexpr std::size_t shown_value_bytes = 100;

using row = std::array<std::string, 5>;
using widths = std::array<std::size_t, 5>;

row row_of(const tensor_info& tensor) {
  return {printable(tensor.name()), std::string(to_string(tensor.dtype())), shape_text(tensor),
          size_text(tensor.byte_size()), fmt::to_string(tensor.file_range().begin)};
}

// Columns of a terminal, up to widest_column: what fmt does not fill with spaces.
std::size_t shown_width(const std::string& cell) {
  return widest_column + cell.size() - fmt::formatted_size("{:{}}", cell, widest_column);
}

void widen(widths& columns, const row& cells) {
  columns[0] = (std::max)(columns[0], shown_width(cells[0]));
  for (std::size_t i = 1; i < cells.size(); ++i)  // ASCII: a byte is a column
    columns[i] = (std::max)(columns[i], (std::min)(cells[i].size(), widest_column));
}

void print_row(output& out, const widths& columns, const row& cells) {
  out.print("{:{}}  {:{}}  {:{}}  {:>{}}  {:>{}}\n", cells[0], columns[0], cells[1], columns[1],
            cells[2], columns[2], cells[3], columns[3], cells[4], columns[4]);
}

void print_table(output& out, const std::vector<tensor_info>& tensors, bool with_heading) {
  const row heading{"name", "dtype", "shape", "size", "offset"};
  widths columns{};
  if (with_heading) widen(columns, heading);
  for (const tensor_info& tensor : tensors) widen(columns, row_of(tensor));

  if (with_heading) print_row(out, columns, heading);
  for (const tensor_info& tensor : tensors) print_row(out, columns, row_of(tensor));
}

void print_metadata(output& out, const safetensors::header& header) {
  if (header.metadata().empty()) return;
  out.print("metadata\n");
  for (const auto& [key, value] : header.metadata())
    out.print("  {}: {}\n", printable(key), shown_value(value, shown_value_bytes));
  out.print("\n");
}

void print_totals(output& out, const safetensors::header& header) {
  std::uint64_t elements = 0;
  for (const tensor_info tensor : header) elements += tensor.element_count();
  out.print("{}, {}, {} of data, {} of header{}{}\n", count_text(header.size(), "tensor"),
            count_text(elements, "element"), size_text(header.data_size()),
            size_text(header.data_start() - 8), empty_tensors_text(header),
            protection_text(header));
}

void print_people(output& out, const safetensors::header& header,
                  const std::vector<tensor_info>& tensors) {
  if (!tensors.empty()) {
    print_table(out, tensors, true);
    out.print("\n");
  }
  print_metadata(out, header);
  print_totals(out, header);
}

//-- as JSON

void print_json(output& out, std::string_view path, const safetensors::header& header,
                const std::vector<tensor_info>& tensors) {
  out.print("{{\"path\":{},\"header_bytes\":{},\"data_start\":{},\"data_bytes\":{},\"metadata\":",
            json_text(path), header.data_start() - 8, header.data_start(), header.data_size());
  tool::print_json(out, header.metadata());
  out.print(",\"tensors\":[");
  std::string_view separator = "\n";
  for (const tensor_info& tensor : tensors) {
    out.print("{}{{\"name\":{},\"dtype\":\"{}\",\"shape\":{},\"bytes\":{},\"offset\":{}}}",
              separator, json_text(tensor.name()), to_string(tensor.dtype()), shape_text(tensor),
              tensor.byte_size(), tensor.file_range().begin);
    separator = ",\n";
  }
  out.print("]}}");
}

}  // namespace

ls::ls(CLI::App& app)
    : command_(add_subcommand(
          app,
          {.name = "ls",
           .description = "List the tensors and the metadata of files.",
           .usage = "safetensors ls FILE... [--json] [--sort name|offset|size] [OPTIONS]",
           .quiet = "Print only the rows of tensors. Has no effect on --json."},
          in_)) {
  add_files(command_, files_);
  command_->add_flag("--json", json_, "Print JSON, for programs.");
  command_
      ->add_option("--sort", order_,
                   "Sort by name, by offset (the default), or by size, largest first.")
      ->option_text("name|offset|size")
      ->check(check_order);
  in_.takes_standard_input = true;
  command_->footer(std::string(input_help) + json_help + command_->get_footer());
}

exit_code ls::run(output& out) const {
  std::size_t listed = 0;
  if (json_) out.print("[");
  const exit_code worst = for_each_header(
      files_, in_, out, [&](std::string_view path, const safetensors::header& header) {
        const std::vector<tensor_info> tensors = sorted(header, order_);
        const bool first = listed++ == 0;
        if (json_) {
          out.print("{}", first ? "\n" : ",\n");
          print_json(out, path, header, tensors);
        } else if (in_.quiet) {
          print_table(out, tensors, false);
        } else {
          if (files_.size() > 1) out.print("{}{}:\n", first ? "" : "\n", printable(path));
          print_people(out, header, tensors);
        }
      });
  if (json_) out.print("\n]\n");
  return worst;
}

}  // namespace tool
