// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <algorithm>
#include <random>

namespace {

struct range {
  std::uint32_t first, last;
};

// The classes overlap, and are written as the tables of Unicode 18.0 have them.
constexpr range controls_and_separators[] = {
    {0, 0x1F},         // Cc: C0
    {0x7F, 0x9F},      // Cc: delete, and C1
    {0x2028, 0x2028},  // Zl: line separator
    {0x2029, 0x2029},  // Zp: paragraph separator
};
constexpr range format_characters[] = {
    {0xAD, 0xAD},        // soft hyphen
    {0x600, 0x605},      // Arabic signs that enclose numbers
    {0x61C, 0x61C},      // Arabic letter mark
    {0x6DD, 0x6DD},      // Arabic end of ayah
    {0x70F, 0x70F},      // Syriac abbreviation mark
    {0x890, 0x891},      // Arabic pound and piastre marks
    {0x8E2, 0x8E2},      // Arabic disputed end of ayah
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x200B, 0x200F},    // zero width space and joiners, directional marks
    {0x202A, 0x202E},    // directional embeddings and overrides
    {0x2060, 0x2064},    // word joiner, invisible operators
    {0x2066, 0x206F},    // directional isolates, deprecated format characters
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFF9, 0xFFFB},    // interlinear annotation
    {0x110BD, 0x110BD},  // Kaithi number sign
    {0x110CD, 0x110CD},  // Kaithi number sign above
    {0x13430, 0x1343F},  // Egyptian hieroglyph controls
    {0x1BCA0, 0x1BCA3},  // shorthand format controls
    {0x1D173, 0x1D17A},  // musical beams, ties, slurs and phrases
    {0xE0001, 0xE0001},  // language tag
    {0xE0020, 0xE007F},  // tags
};
constexpr range default_ignorable_code_points[] = {
    {0xAD, 0xAD},        // soft hyphen
    {0x34F, 0x34F},      // combining grapheme joiner
    {0x61C, 0x61C},      // Arabic letter mark
    {0x115F, 0x1160},    // Hangul choseong and jungseong fillers
    {0x17B4, 0x17B5},    // Khmer inherent vowels
    {0x180B, 0x180F},    // Mongolian variation selectors, vowel separator
    {0x200B, 0x200F},    // zero width space and joiners, directional marks
    {0x202A, 0x202E},    // directional embeddings and overrides
    {0x2060, 0x206F},    // word joiner to deprecated format characters; U+2065 is reserved
    {0x3164, 0x3164},    // Hangul filler
    {0xFE00, 0xFE0F},    // variation selectors
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFA0, 0xFFA0},    // halfwidth Hangul filler
    {0xFFF0, 0xFFF8},    // reserved
    {0x1BCA0, 0x1BCA3},  // shorthand format controls
    {0x1D173, 0x1D17A},  // musical beams, ties, slurs and phrases
    {0xE0000, 0xE0FFF},  // tags, more variation selectors, reserved
};
constexpr range blank_characters[] = {
    {0xA0, 0xA0},        // Zs: no-break space
    {0x1680, 0x1680},    // Zs: Ogham space mark
    {0x2000, 0x200A},    // Zs: spaces of the typesetter
    {0x202F, 0x202F},    // Zs: narrow no-break space
    {0x205F, 0x205F},    // Zs: medium mathematical space
    {0x3000, 0x3000},    // Zs: ideographic space
    {0x2800, 0x2800},    // empty Braille pattern
    {0x13441, 0x13442},  // Egyptian hieroglyph full and half blanks
    {0x16FE4, 0x16FE4},  // Khitan small script filler
    {0x1D159, 0x1D159},  // musical null notehead
};

bool is_in(std::span<const range> ranges, std::uint32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](range each) { return c >= each.first && c <= each.last; });
}

bool is_unprintable(std::uint32_t c) {
  return is_in(controls_and_separators, c) || is_in(format_characters, c) ||
         is_in(default_ignorable_code_points, c) || is_in(blank_characters, c);
}

std::string utf8(std::uint32_t c) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  const auto next = [&](unsigned shift) { return byte(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), next(0)};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), next(6), next(0)};
  return {byte(0xF0 | c >> 18), next(12), next(6), next(0)};
}

// The text that printable() was given. That there is only one proves that no two texts look alike.
std::string unescaped(std::string_view shown) {
  std::string text;
  while (!shown.empty()) {
    if (shown[0] != '\\') {
      text += shown[0];
      shown.remove_prefix(1);
      continue;
    }
    const std::size_t digits = shown[1] == 'x' ? 2 : shown[1] == 'u' ? 4 : shown[1] == 'U' ? 8 : 0;
    const std::string number(shown.substr(2, digits));
    const auto value = static_cast<std::uint32_t>(std::strtoul(number.c_str(), nullptr, 16));
    if (digits == 0)
      text += shown[1] == 'n' ? '\n' : shown[1];
    else
      text += digits == 2 ? std::string(1, static_cast<char>(value)) : utf8(value);
    shown.remove_prefix(2 + digits);
  }
  return text;
}

}  // namespace

TEST_CASE("printable escapes what cannot be seen or acts on a terminal, and nothing else") {
  std::size_t escaped = 0, wrong = 0;
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;  // not in UTF-8
    const std::string text = utf8(c);
    const std::string shown = printable(text);
    const bool is_escaped = shown != text;
    escaped += is_escaped ? 1u : 0u;
    const bool right = is_escaped == (is_unprintable(c) || c == '\\') && unescaped(shown) == text;
    if (!right && wrong++ < 20) FAIL_CHECK("U+", std::hex, c, ": ", shown);
  }
  CHECK(wrong == 0);
  CHECK(escaped == 4295);
}

TEST_CASE("printable shows no two texts alike") {
  const std::string_view pieces[] = {"\\",
                                     "n",
                                     "x",
                                     "u",
                                     "U",
                                     "0",
                                     "1b",
                                     "202e",
                                     "000e0041",
                                     "\n",
                                     "\"",
                                     " ",
                                     "\t",
                                     "\x1b",
                                     "\x7f",
                                     "\x80",
                                     "\xff",
                                     "\xc2",
                                     "\x9b",
                                     "\xe2\x80",
                                     "...",
                                     "\xc2\xa0",
                                     "\xc2\x80",
                                     "\xe2\x80\xae",
                                     "\xed\xa0\x80",
                                     "\xf3\xa0\x81\x81",
                                     "\xe3\x80\x80",
                                     "é",
                                     "日",
                                     "🤗"};
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t left = random() % 8; left > 0; --left)
      text += pieces[random() % std::size(pieces)];
    const std::string shown = printable(text);
    if (unescaped(shown) != text) FAIL_CHECK(shown);
  }
}

TEST_CASE("printable keeps text and escapes what acts on a terminal") {
  CHECK(printable("plain text, ünïcödé, 日本, 🤗") == "plain text, ünïcödé, 日本, 🤗");
  CHECK(printable("a\\b\nc\td") == "a\\\\b\\nc\\x09d");
  CHECK(printable(std::string_view("\0\x7f", 2)) == "\\x00\\x7f");
  CHECK(printable("\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\xf3\xa0\x81\x81") ==
        "\\u0085\\u2028\\ufeff\\U000e0041");
  CHECK(printable("\xff\xc0\xaf\xe2\x82") == "\\xff\\xc0\\xaf\\xe2\\x82");
  CHECK(printable("\xe3\x85\xa4\xef\xb8\x8f\xcd\x8f") == "\\u3164\\ufe0f\\u034f");
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("") == "");
}
