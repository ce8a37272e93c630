// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Text that is safe to print, and the pieces of messages.
#pragma once

#include <safetensors/base/config.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace safetensors::inline SAFETENSORS_ABI {

/// Makes text from a file, such as a name, safe for terminals, logs and messages. These become
/// escapes (`\n`, `\x1b`, `\u202e`): control characters, invisible characters, blanks other than
/// the space, bidirectional marks, backslashes, and bytes that are not UTF-8. Different texts stay
/// different, unless they are cut. After `max_bytes` bytes of input, the result ends with "...".
[[nodiscard]] SAFETENSORS_DECL std::string printable(
    std::string_view text, std::size_t max_bytes = (std::numeric_limits<std::size_t>::max)());

namespace detail {

inline void append(std::string& to, std::string_view piece) { to += piece; }
inline void append(std::string& to, std::uint64_t number) { to += std::to_string(number); }

template <class... Pieces> std::string join(const Pieces&... pieces) {
  std::string joined;
  (append(joined, pieces), ...);
  return joined;
}

// Returns "[2,3]". Shows at most 8 dimensions.
SAFETENSORS_DECL std::string shape_text(std::span<const std::uint64_t> shape);
// Returns "1 byte" or "2 bytes".
SAFETENSORS_DECL std::string counted(std::uint64_t count, std::string_view noun);

struct code_point {
  std::uint32_t value;
  std::size_t length;  // 0: the bytes are not valid UTF-8
};
// Decodes strict UTF-8, by the table of well-formed byte sequences in the Unicode standard (table
// 3-7).
SAFETENSORS_DECL code_point decode_utf8(std::string_view text) noexcept;
SAFETENSORS_DECL void append_utf8(std::string& to, std::uint32_t c);
// Returns the position of the first byte that is not valid UTF-8, or the text's size.
SAFETENSORS_DECL std::size_t valid_utf8_prefix(std::string_view text) noexcept;
SAFETENSORS_DECL bool is_unprintable(std::uint32_t c) noexcept;

// Selects the characters that are escaped. `invisible` means characters that cannot be seen or that
// act on terminals. The next enumerators add backslashes, and then quotes.
enum class escapes : std::uint8_t { invisible, backslashes, quotes };
SAFETENSORS_DECL std::string escaped(
    std::string_view text, escapes what,
    std::size_t max_bytes = (std::numeric_limits<std::size_t>::max)());
// Returns text from a file for a message: "in quotes", escaped, and cut after `max_bytes` bytes.
SAFETENSORS_DECL std::string in_quotes(std::string_view text, std::size_t max_bytes = 80);

// The letters of the escapes of JSON that have one, and what they stand for.
inline constexpr std::string_view short_escapes = "\"\\/bfnrt",
                                  short_escape_values = "\"\\/\b\f\n\r\t";

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace detail
}  // namespace safetensors::inline SAFETENSORS_ABI
