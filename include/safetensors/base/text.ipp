// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of text.hpp, with the tables of Unicode.
#pragma once

#include <safetensors/base/text.hpp>

#include <algorithm>
#include <cstring>

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

SAFETENSORS_DECL std::string shape_text(std::span<const std::uint64_t> shape) {
  constexpr std::size_t shown = 8;
  std::string joined = "[";
  for (std::size_t i = 0; i < (std::min)(shape.size(), shown); ++i)
    append(joined += i == 0 ? "" : ",", shape[i]);
  return joined + (shape.size() > shown ? ",...]" : "]");
}

SAFETENSORS_DECL std::string counted(std::uint64_t count, std::string_view noun) {
  return join(count, " ", noun, count == 1 ? "" : "s");
}

SAFETENSORS_DECL code_point decode_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const auto continues = [&](std::size_t i, std::uint32_t low = 0x80, std::uint32_t high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first >= 0xC2 && first <= 0xDF && continues(1))
    return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if ((first & 0xF0) == 0xE0 &&
      continues(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && continues(2))
    return {(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  if (first >= 0xF0 && first <= 0xF4 &&
      continues(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && continues(2) &&
      continues(3))
    return {
        (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F),
        4};
  return {0, 0};
}

SAFETENSORS_DECL void append_utf8(std::string& to, std::uint32_t c) {
  const auto add = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
  const auto add_rest = [&](unsigned shift) { add(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return add(c);
  if (c < 0x800) return add(0xC0 | c >> 6), add_rest(0);
  if (c < 0x10000) return add(0xE0 | c >> 12), add_rest(6), add_rest(0);
  add(0xF0 | c >> 18), add_rest(12), add_rest(6), add_rest(0);
}

SAFETENSORS_DECL std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - at >= sizeof eight) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const std::size_t length = decode_utf8(text.substr(at)).length;
    if (length == 0) return at;
    at += length;
  }
  return at;
}

// The ranges are controls, the general categories Cf, Zl and Zp, and Default_Ignorable_Code_Point.
// Blanks except U+0020 are added: category Zs, the empty Braille pattern, and a few signs without a
// shape. They are from the tables of Unicode 18.0.
SAFETENSORS_DECL bool is_unprintable(std::uint32_t c) noexcept {
  constexpr struct {
    std::uint32_t first, last;
  } ranges[] = {{0, 0x1F},          {0x7F, 0xA0},       {0xAD, 0xAD},       {0x34F, 0x34F},
                {0x600, 0x605},     {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},
                {0x890, 0x891},     {0x8E2, 0x8E2},     {0x115F, 0x1160},   {0x1680, 0x1680},
                {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x2000, 0x200F},   {0x2028, 0x202F},
                {0x205F, 0x206F},   {0x2800, 0x2800},   {0x3000, 0x3000},   {0x3164, 0x3164},
                {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
                {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x13441, 0x13442},
                {0x16FE4, 0x16FE4}, {0x1BCA0, 0x1BCA3}, {0x1D159, 0x1D159}, {0x1D173, 0x1D17A},
                {0xE0000, 0xE0FFF}};
  for (const auto& range : ranges)
    if (c <= range.last) return c >= range.first;
  return false;
}

SAFETENSORS_DECL std::string in_quotes(std::string_view text, std::size_t max_bytes) {
  return '"' + escaped(text, escapes::quotes, max_bytes) + '"';
}

}  // namespace detail

SAFETENSORS_DECL std::string detail::escaped(std::string_view text, escapes what,
                                             std::size_t max_bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string safe;
  const auto escape = [&](std::string_view prefix, std::uint32_t value, int width) {
    safe += prefix;
    for (int shift = 4 * (width - 1); shift >= 0; shift -= 4) safe += digits[value >> shift & 0xF];
  };
  for (std::size_t at = 0, step = 1; at < text.size(); at += step) {
    if (at >= max_bytes) return safe + "...";
    const auto [value, length] = detail::decode_utf8(text.substr(at));
    step = length == 0 ? 1 : length;
    if (length == 0) {
      escape("\\x", static_cast<unsigned char>(text[at]), 2);
    } else if (value == '\n') {
      safe += "\\n";
    } else if ((text[at] == '\\' && what != escapes::invisible) ||
               (text[at] == '"' && what == escapes::quotes)) {
      (safe += '\\') += text[at];
    } else if (!detail::is_unprintable(value)) {
      safe += text.substr(at, length);
    } else if (value < 0x80) {
      escape("\\x", value, 2);
    } else if (value < 0x10000) {
      escape("\\u", value, 4);
    } else {
      escape("\\U", value, 8);
    }
  }
  return safe;
}

SAFETENSORS_DECL std::string printable(std::string_view text, std::size_t max_bytes) {
  return detail::escaped(text, detail::escapes::backslashes, max_bytes);
}

}  // namespace safetensors::inline SAFETENSORS_ABI
