// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// The canonical lane: reads fast what the known writers emit, except for names with escapes.
#pragma once

#include <safetensors/base/bytes.hpp>
#include <safetensors/base/config.hpp>
#include <safetensors/base/dtype.hpp>
#include <safetensors/base/text.hpp>
#include <safetensors/detail/lanes.hpp>
#include <safetensors/detail/table.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI::detail {

// The grammar is compact JSON:
// - at most one space after a colon or a comma, and any number at the end;
// - the three fields of an entry in any order, and no others;
// - integers of at most 19 digits;
// - strings without escapes. Only metadata values may hold the short ones, such as \n.
// The lane never rejects a header. One that it does not recognise is left as it was, and the
// general lane reads it. The zero bytes after the text match nothing in the grammar, so that no
// step checks for the end of the text. Each step returns the end of what it has read, or null if it
// does not recognise it.
class canonical_lane {
 public:
  explicit canonical_lane(tensor_table& table) noexcept : table_(table) {}

  // Returns true if the whole header was recognised.
  [[nodiscard]] bool read() noexcept {
    const char* at = table_.text.data();
    const char* const end = at + table_.text.size();
    if (*at++ != '{') return false;
    for (bool more = *at != '}'; more; more = comma(at)) {
      text_range name{};
      at = colon(string<escape_rule::none>(at, name));
      if (at == nullptr) return false;
      at = table_.view(name) == "__metadata__" ? metadata(at) : entry(at, name);
      if (at == nullptr) return false;
    }
    if (*at++ != '}') return false;
    while (*at == ' ') ++at;
    if (at != end) return false;
    for (metadata_entry& each : table_.metadata) decode(each.value);
    return true;
  }

 private:
  enum class escape_rule : bool { none, short_ones };

  //-- the grammar
  const char* entry(const char* at, text_range name) noexcept {
    record made{};
    made.name_offset = name.offset;
    made.name_length = name.length;
    made.first_dimension = static_cast<std::uint32_t>(table_.dimensions.size());
    const char* next = entry_in_usual_order(at, made);
    if (next == nullptr) {
      table_.dimensions.set_size(made.first_dimension);
      next = entry_in_any_order(at, made);
    }
    return next != nullptr && table_.records.push_back(made) ? next : nullptr;
  }
#if defined(__GNUC__) && !defined(__clang__)
  [[gnu::flatten]]  // GCC would call shape() and offsets(). Clang is faster with its own choice.
#endif
  const char*
  entry_in_usual_order(const char* at, record& made) noexcept {
    dtype type{};
    std::size_t rank = 0;
    at = literal(at, R"({"dtype":)");
    if (at == nullptr || (at = dtype_name(at, type)) == nullptr) return nullptr;
    at = literal(at, R"(,"shape":)");
    if (at == nullptr || (at = shape(at, rank)) == nullptr) return nullptr;
    at = literal(at, R"(,"data_offsets":)");
    if (at == nullptr || (at = offsets(at, made)) == nullptr || *at != '}') return nullptr;
    return set_kind(made, rank, type) ? at + 1 : nullptr;
  }
  const char* entry_in_any_order(const char* at, record& made) noexcept {
    dtype type{};
    std::size_t rank = 0;
    unsigned seen = 0;
    constexpr unsigned all = 7;
    if (*at++ != '{') return nullptr;
    do {
      unsigned field = 0;
      if (const char* value = literal(at, R"("dtype":)"); value != nullptr) {
        field = 1;
        at = dtype_name(skip_space(value), type);
      } else if ((value = literal(at, R"("shape":)")) != nullptr) {
        field = 2;
        at = shape(skip_space(value), rank);
      } else if ((value = literal(at, R"("data_offsets":)")) != nullptr) {
        field = 4;
        at = offsets(skip_space(value), made);
      }
      if (field == 0 || (seen & field) != 0 || at == nullptr) return nullptr;
      seen |= field;
    } while (comma(at));
    return *at == '}' && seen == all && set_kind(made, rank, type) ? at + 1 : nullptr;
  }
  static bool set_kind(record& made, std::size_t rank, dtype type) noexcept {
    if (rank > record::max_rank) return false;
    made.set(static_cast<std::uint32_t>(rank), type);
    return true;
  }
  const char* metadata(const char* at) noexcept {
    if (std::exchange(has_metadata_, true)) return nullptr;
    if (const char* next = literal(at, "null"); next != nullptr) return next;
    if (*at++ != '{') return nullptr;
    for (bool more = *at != '}'; more; more = comma(at)) {
      metadata_entry each{};
      at = colon(string<escape_rule::none>(at, each.key));
      if (at == nullptr) return nullptr;
      at = string<escape_rule::short_ones>(at, each.value);
      if (at == nullptr || !table_.add_metadata(each, at)) return nullptr;
    }
    return *at == '}' ? at + 1 : nullptr;
  }
  const char* dtype_name(const char* at, dtype& type) noexcept {
    if (*at++ != '"') return nullptr;
    // Most tensors have the dtype of the one before.
    if ((load_little64(at) & last_.mask) != last_.word && !other_dtype(at - 1)) return nullptr;
    type = last_.type;
    return at + last_.size;
  }
  bool other_dtype(const char* quote) noexcept {
    text_range name{};
    if (string<escape_rule::none>(quote, name) == nullptr) return false;
    const std::optional<dtype> known = dtype_from_string(table_.view(name));
    if (!known) return false;
    last_ = {*known, name.length + 1};
    if (last_.size <= 8) {
      last_.mask = ~std::uint64_t{} >> (64 - 8 * last_.size);
      last_.word = load_little64(quote + 1) & last_.mask;
    }
    return true;
  }
  const char* shape(const char* at, std::size_t& rank) noexcept {
    if (*at++ != '[') return nullptr;
    const std::size_t first = table_.dimensions.size();
    for (bool more = *at != ']'; more; more = comma(at)) {
      std::uint64_t size = 0;
      at = integer(at, size);
      if (at == nullptr || !table_.add_dimension(size, at)) return nullptr;
    }
    rank = table_.dimensions.size() - first;
    return *at == ']' ? at + 1 : nullptr;
  }
  static const char* offsets(const char* at, record& made) noexcept {
    if (*at++ != '[') return nullptr;
    at = integer(at, made.begin);
    if (at == nullptr || *at != ',') return nullptr;
    at = integer(skip_space(at + 1), made.end);
    return at != nullptr && *at == ']' ? at + 1 : nullptr;
  }

  //-- tokens
  template <std::size_t Size>
  static const char* literal(const char* at, const char (&expected)[Size]) noexcept {
    return std::memcmp(at, expected, Size - 1) == 0 ? at + (Size - 1) : nullptr;
  }
  static const char* skip_space(const char* at) noexcept { return at + (*at == ' ' ? 1 : 0); }
  static const char* colon(const char* at) noexcept {
    return at != nullptr && *at == ':' ? skip_space(at + 1) : nullptr;
  }
  static bool comma(const char*& at) noexcept {
    if (*at != ',') return false;
    at = skip_space(at + 1);
    return true;
  }
  static const char* integer(const char* at, std::uint64_t& value) noexcept {
    constexpr std::ptrdiff_t most_digits = 19;  // any such number fits in 64 bits
    const char* const begin = at;
    std::uint64_t sum = 0;
    const auto digit = [&] { return static_cast<unsigned>(static_cast<unsigned char>(*at)) - '0'; };
    for (unsigned next; (next = digit()) <= 9; ++at) sum = sum * 10 + next;
    const std::ptrdiff_t digits = at - begin;
    if (digits == 0 || digits > most_digits || (*begin == '0' && digits != 1)) return nullptr;
    value = sum;
    return at;
  }
  template <escape_rule Escapes>
  const char* string(const char* at, text_range& inside) const noexcept {
    if (*at != '"') return nullptr;
    std::uint64_t bytes = 0;
    const char* const begin = at + 1;
    const char* end = skip_plain(begin, bytes);
    if constexpr (Escapes == escape_rule::short_ones)
      for (; *end == '\\'; end = skip_plain(end + 2, bytes))
        if (short_escapes.find(end[1]) == short_escapes.npos) return nullptr;
    if (*end != '"' || !is_utf8(begin, end, bytes)) return nullptr;
    inside.offset = static_cast<std::uint32_t>(begin - table_.text.data());
    inside.length = static_cast<std::uint32_t>(end - begin);
    return end + 1;
  }

  //-- strings, eight bytes at a time
  static constexpr std::uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

  // Returns the first quote, backslash or control character. Adds the bits of all bytes that were
  // looked at to `bytes`.
  static const char* skip_plain(const char* at, std::uint64_t& bytes) noexcept {
    for (;; at += 8) {
      const std::uint64_t word = load_little64(at);
      // Exchanging quotes and spaces moves the quotes next to the control characters.
      const std::uint64_t quotes = (word ^ ones * ('"' ^ ' ')) - ones * (' ' + 1),
                          backslashes = (word ^ ones * '\\') - ones;
      // The first byte found is right. Later ones may be found because of its borrow.
      const std::uint64_t found = (quotes | backslashes) & ~word & highs;
      bytes |= word;
      if (found != 0) return at + std::countr_zero(found) / 8;
    }
  }
  static bool is_utf8(const char* begin, const char* end, std::uint64_t bytes) noexcept {
    const std::string_view inside(begin, static_cast<std::size_t>(end - begin));
    return (bytes & highs) == 0 || valid_utf8_prefix(inside) == inside.size();
  }
  // Decodes in place, since the decoded value is never longer.
  void decode(text_range& value) noexcept {
    char* const begin = table_.text.data() + value.offset;
    const char *from = begin, *end = begin + value.length;
    from = std::find(from, end, '\\');
    char* to = begin + (from - begin);
    for (; from != end; ++to, ++from)
      *to = *from != '\\' ? *from : short_escape_values[short_escapes.find(*++from)];
    value.length = static_cast<std::uint32_t>(to - begin);
  }

  // The dtype of the tensor before, which is compared before a dtype is looked up.
  struct dtype_token {
    dtype type;
    std::size_t size;                  // with the closing quote
    std::uint64_t mask = 0, word = 1;  // no text has this word: a dtype of more than 8 bytes
  };

  tensor_table& table_;
  dtype_token last_{};
  bool has_metadata_ = false;
};

SAFETENSORS_DECL bool read_canonical(tensor_table& table) noexcept {
  return canonical_lane(table).read();
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
