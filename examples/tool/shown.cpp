// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "shown.hpp"

#include <safetensors/safetensors.hpp>

#include <algorithm>
#include <cstdint>

namespace tool {
namespace {

std::size_t character_bytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

std::uint32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  std::uint32_t value = first & (0x7Fu >> character.size());
  for (const char next : character.substr(1))
    value = value << 6 | (static_cast<unsigned char>(next) & 0x3Fu);
  return value;
}

bool is_escaped(std::uint32_t c) {
  constexpr struct {
    std::uint32_t first, last;
  } ranges[] = {
      {0, 0x1F},           // C0
      {0x7F, 0x9F},        // DEL, C1
      {0x61C, 0x61C},      // the Arabic letter mark
      {0x200E, 0x200F},    // left-to-right and right-to-left marks
      {0x2028, 0x2029},    // separators of lines and paragraphs
      {0x202A, 0x202E},    // bidirectional embeddings and overrides
      {0x2066, 0x206F},    // bidirectional isolates, deprecated controls
      {0xFFF9, 0xFFFB},    // annotations
      {0xE0000, 0xE007F},  // tags
  };
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const auto& range) { return c >= range.first && c <= range.last; });
}

}  // namespace

std::string shown_value(std::string_view text, std::size_t max_bytes) {
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    if (at >= max_bytes) return shown + "...";
    const std::string_view character = text.substr(at, character_bytes(text[at]));
    if (is_escaped(code_point(character)))
      shown += safetensors::printable(character);
    else
      shown += character;
    at += character.size();
  }
  return shown;
}

std::string in_quotes(std::string_view name) {
  constexpr std::size_t shown_bytes = 200;
  std::string text = "\"";
  for (const char c : safetensors::printable(name, shown_bytes)) {
    if (c == '"') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace tool
