// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// How values of metadata are shown, and names within messages.
#pragma once

#include <string>
#include <string_view>

namespace tool {

/// Returns valid UTF-8 with those characters escaped that act on a terminal or reorder the text:
/// controls, bidirectional marks, separators of lines, tags. Backslashes, joiners, variation
/// selectors and spaces stay, so that paths, JSON and emoji can be copied. Text of more than
/// `max_bytes` is cut after a whole character, and ends with "...".
std::string shown_value(std::string_view text, std::size_t max_bytes = std::string_view::npos);

/// Returns a name in quotes, escaped as by safetensors::printable(), quotes too, and cut.
std::string in_quotes(std::string_view name);

}  // namespace tool
