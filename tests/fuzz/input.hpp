// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Fuzz bytes as choices, numbers and texts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

// Takes its bytes from front to back; once they are used up, all is zero, false and empty.
class input {
 public:
  explicit input(std::string_view bytes) noexcept : bytes_(bytes) {}

  std::string_view raw(std::size_t most) noexcept {
    const std::string_view taken = bytes_.substr(0, most);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t number(std::size_t width = 1) noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; const char c : raw(width))
      value |= std::uint64_t{static_cast<unsigned char>(c)} << std::exchange(shift, shift + 8);
    return value;
  }
  std::size_t below(std::size_t count) noexcept {  // 0 if count is
    const std::uint64_t drawn = number(count > 256 ? 4 : 1);
    return count == 0 ? 0 : static_cast<std::size_t>(drawn % count);
  }
  bool flag() noexcept { return number() % 2 != 0; }
  bool rarely() noexcept { return number() > 247; }

  // A name, a key or a value: mostly short, mostly UTF-8, and rich in what must be escaped.
  std::string text() {
    static constexpr std::string_view pieces[] = {"weight",
                                                  "a",
                                                  "__metadata__",
                                                  ".",
                                                  "\"",
                                                  "\\",
                                                  "/",
                                                  "\b\f\n\r\t",
                                                  "\x1f",
                                                  "\x7f",
                                                  "\u00e9",
                                                  "\u20ac",
                                                  "\ud7ff",
                                                  "🤗",
                                                  "\uffff",
                                                  "\U0010ffff",
                                                  " ",
                                                  "{",
                                                  "}",
                                                  std::string_view("\0", 1),
                                                  "\x80",
                                                  "\xff",
                                                  "\xe2\x82",
                                                  "\xed\xa0\x80"};
    constexpr std::size_t valid = 20;
    const std::uint64_t units = number();
    if (units > 253) return std::string(static_cast<std::size_t>(number(2) % 3000), 'x');
    if (units > 239) return std::string(raw(static_cast<std::size_t>(units - 239)));
    std::string made;
    for (std::uint64_t i = 0; i < units % 8; ++i) {
      const auto unit = static_cast<std::size_t>(number());
      if (unit < std::size(pieces))
        made += pieces[unit];
      else if (unit < 0x80)
        made += static_cast<char>(unit);
      else
        made += pieces[unit % valid];
    }
    return made;
  }

  // A dimension's size: mostly small.
  std::uint64_t size() noexcept {
    const std::uint64_t choice = number();
    if (choice < 192) return choice % 7;
    if (choice < 240) return std::uint64_t{1} << (choice - 192);
    if (choice < 248) return (std::numeric_limits<std::uint64_t>::max)() >> (choice - 240);
    return number(choice < 252 ? 2 : 8);
  }

 private:
  std::string_view bytes_;
};
