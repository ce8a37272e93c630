// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// JSON by nlohmann_json's SAX parser: guards around it, and its English translated into ours.
#pragma once

#include <safetensors/base/config.hpp>
#include <safetensors/base/error.hpp>
#include <safetensors/base/text.hpp>
#include <safetensors/detail/events.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef SAFETENSORS_JSON_HEADER
#include SAFETENSORS_JSON_HEADER
#else
#include <nlohmann/json.hpp>
#endif

#if !defined(NLOHMANN_JSON_VERSION_MAJOR) || NLOHMANN_JSON_VERSION_MAJOR < 3 || \
    (NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR < 9)
#error "safetensors needs nlohmann_json 3.9 or later: SAFETENSORS_JSON_HEADER can name its header"
#else

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- numbers

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

struct number_fault {
  const char* what = nullptr;  // what to say of the number; null if it is valid
  std::size_t at = 0;          // the wrong byte of the number
};

// Checks a number's grammar, and its first 17 digits against the largest double. nlohmann's own
// conversion depends on the locale.
inline number_fault check_number(std::string_view number) noexcept {
  number_fault malformed{" is not a number"};
  std::size_t& at = malformed.at;
  const auto skip = [&](char a, char b) {
    const bool found = at != number.size() && (number[at] == a || number[at] == b);
    if (found) ++at;
    return found;
  };
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at != number.size() && is_digit(number[at])) ++at;
    return number.substr(begin, at - begin);
  };
  skip('-', '-');
  std::string_view whole = digits(), fraction, power;
  if (whole.empty() || (whole.size() > 1 && whole[0] == '0')) return malformed;
  if (skip('.', '.') && (fraction = digits()).empty()) return malformed;
  const bool has_power = skip('e', 'E'), divides = has_power && skip('-', '-');
  if (has_power && !divides) skip('+', '+');
  if (has_power && (power = digits()).empty()) return malformed;
  if (at != number.size()) return malformed;

  // The largest double is 17976931348623157 * 10^292.
  constexpr std::int64_t largest = 17'976'931'348'623'157, first_digit = 10'000'000'000'000'000;
  constexpr std::int64_t largest_power = 292, far_away = std::int64_t{1} << 40;
  std::int64_t significant = 0, exponent = 0, written = 0;
  for (const char c : whole)
    if (significant < first_digit)
      significant = significant * 10 + (c - '0');
    else
      ++exponent;
  for (const char c : fraction)
    if (significant < first_digit) significant = significant * 10 + (c - '0'), --exponent;
  if (significant == 0) return {};
  for (; significant < first_digit; significant *= 10) --exponent;
  for (const char c : power) written = (std::min)(written * 10 + (c - '0'), far_away);
  exponent += divides ? -written : written;
  if (exponent < largest_power || (exponent == largest_power && significant <= largest)) return {};
  return {" is too large for a number", 0};
}

//-- strings

// Decodes the escape with which the text begins, or the two of a surrogate pair. The length is 0 if
// they are invalid.
inline code_point decode_escape(std::string_view text) noexcept {
  constexpr std::uint32_t none = 0xFFFF'FFFFu, high = 0xD800, low = 0xDC00, half = 0x400;
  const auto unit = [&](std::size_t at) {
    if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return none;
    const char *const digits = text.data() + at + 2, *const end = digits + 4;
    std::uint32_t value = 0;
    return std::from_chars(digits, end, value, 16).ptr == end ? value : none;
  };
  if (text.size() < 2) return {};
  if (const std::size_t at = short_escapes.find(text[1]); at != short_escapes.npos)
    return {static_cast<unsigned char>(short_escape_values[at]), 2};
  const std::uint32_t first = unit(0);
  if (first == none || first - low < half) return {};
  if (first - high >= half) return {first, 6};
  const std::uint32_t second = unit(6);
  if (second - low >= half) return {};
  return {0x10000 + (first - high) * half + (second - low), 12};
}

//-- what nlohmann's lexer reads

inline constexpr std::size_t max_token_run = 4096;  // see json_feed

// Gives the text to nlohmann's lexer, and knows where the lexer is. The lexer keeps all that it has
// read since its last string or number began, to build error messages. Hostile headers make that
// enormous. Therefore:
// - Strings are read here, and as `""` by the lexer. Of one that is invalid, the lexer reads what
//   is wrong.
// - A run of white space is read as one byte.
// - Where an array goes on for max_token_run bytes without a string or a number, a comma is read as
//   `,0,`. This keeps valid text valid and invalid text invalid. Only unknown fields can hold such
//   arrays, and their values are ignored.
// - Numbers other than integers of at most 20 digits are checked here, and read as `0e0`. Where
//   there must be no number, the lexer reads at most max_token_run bytes of it.
class json_feed {
 public:
  explicit json_feed(std::string_view text) noexcept
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), token_(begin_) {}

  [[nodiscard]] char peek() const noexcept { return *inserted_ != '\0' ? *inserted_ : *at_; }
  // The lexer asks before each byte that it reads.
  [[nodiscard]] bool at_end() noexcept {
    if (in_string_ && at_ == token_ + 1) skip_string();
    return ended_ = at_ == end_ && *inserted_ == '\0';
  }
  void advance() noexcept {
    if (*inserted_ != '\0')
      ++inserted_;
    else
      consume();
    if (*inserted_ == '\0' && !in_string_ && !in_word_) check_next_number();
  }

  // All positions count from the start of the text.
  [[nodiscard]] std::size_t position() const noexcept { return offset(at_); }
  [[nodiscard]] std::size_t last_byte() const noexcept { return position() - (ended_ ? 0 : 1); }
  [[nodiscard]] std::size_t token() const noexcept { return offset(token_); }  // the last one
  // Of the last number; it is the last token if there is a fault.
  [[nodiscard]] const number_fault& fault() const noexcept { return fault_; }
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }  // open objects and arrays
  // Decodes the last token, which is a string. The result is in the text, or in `buffer`.
  [[nodiscard]] std::string_view string(std::string& buffer) const {
    std::string_view raw(token_ + 1, position() - token() - 2);
    std::size_t plain = raw.find('\\');
    if (plain == raw.npos) return raw;
    buffer.clear();
    buffer.reserve(raw.size());
    for (; plain != raw.npos; plain = raw.find('\\')) {
      buffer.append(raw, 0, plain);
      const code_point escape = decode_escape(raw.substr(plain));
      append_utf8(buffer, escape.value);
      raw.remove_prefix(plain + escape.length);
    }
    return buffer.append(raw);
  }

 private:
  void consume() noexcept {
    const char c = *at_++;
    run_ = in_string_ ? 0 : run_ + 1;
    if (in_string_) {
      in_string_ = c != '"';
    } else if (is_space(c)) {
      in_word_ = false;
      while (at_ != end_ && is_space(*at_)) ++at_;
    } else if (c == '"') {
      in_string_ = true;
      start_token();
    } else if (c == '[' || c == '{') {
      start_token();
      if (depth_ <= max_depth) is_array_[++depth_] = c == '[';
    } else if (c == ']' || c == '}') {
      in_word_ = false;
      if (depth_ != 0) --depth_;
    } else if (c == ',' || c == ':') {
      in_word_ = false;
      if (c == ',' && run_ > max_token_run && is_array_[depth_]) {
        inserted_ = "0,";
        run_ = 0;
      }
    } else if (!in_word_) {
      start_token();
      in_word_ = true;
      if (starts_number(c))
        run_ = 0;
      else
        cut_number(
            std::find_if_not(at_, end_, [](char each) { return each >= 'a' && each <= 'z'; }));
    }
  }
  // Ends the text within a number right after a string or a word, which is malformed. Its beginning
  // is all that the lexer needs.
  void cut_number(const char* at) noexcept {
    constexpr std::ptrdiff_t most{max_token_run};
    if (at != end_ && starts_number(*at)) end_ = at + (std::min)(end_ - at, most);
  }
  // Replaces a whole number before the lexer reads its first byte.
  void check_next_number() noexcept {
    if (at_ == end_ || !starts_number(*at_)) return;
    // The handler does not have a string right before the number yet.
    if (at_[-1] == '"') return cut_number(at_);
    const char* last = std::find_if_not(at_ + 1, end_, is_digit);
    const auto is_part = [](char c) {
      return c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
    };
    if (last - at_ <= 20 && (last == end_ || !is_part(*last))) return;
    last = std::find_if_not(last, end_, [&](char c) { return is_digit(c) || is_part(c); });
    fault_ = check_number({at_, static_cast<std::size_t>(last - at_)});
    token_ = at_;
    at_ = last;
    run_ = 0;
    inserted_ = "0e0";
    if (fault_.what != nullptr) end_ = at_, inserted_ = "+";  // which no value begins with
  }
  static bool starts_number(char c) noexcept { return c == '-' || is_digit(c); }
  // Goes to the closing quote, or to what is wrong before it.
  void skip_string() noexcept {
    const auto is_special = [](char c) {
      return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
    };
    for (std::size_t length = 1; length != 0; at_ += length) {
      at_ = std::find_if(at_, end_, is_special);
      const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
      length = rest.starts_with('\\') ? decode_escape(rest).length : 0;
    }
  }
  void start_token() noexcept {
    token_ = at_ - 1;
    in_word_ = false;
  }
  [[nodiscard]] std::size_t offset(const char* at) const noexcept {
    return static_cast<std::size_t>(at - begin_);
  }

  const char* begin_;
  const char* at_;  // one past the last byte that was read
  const char* end_;
  const char* token_;
  const char* inserted_ = "";  // read before the byte at at_
  std::size_t run_ = 0;        // bytes since the last string or number
  number_fault fault_{};
  std::size_t depth_ = 0;
  bool is_array_[max_depth + 2] = {};  // by depth; one too many is rejected
  bool in_string_ = false, in_word_ = false, ended_ = false;
};

// The feed as the input iterator that nlohmann reads. A default-constructed one is the end.
class feed_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  feed_iterator() noexcept = default;
  explicit feed_iterator(json_feed& feed) noexcept : feed_(&feed) {}
  char operator*() const noexcept { return feed_->peek(); }
  feed_iterator& operator++() noexcept { return feed_->advance(), *this; }
  feed_iterator operator++(int) noexcept { return feed_->advance(), *this; }
  friend bool operator==(feed_iterator a, feed_iterator b) noexcept { return a.done() == b.done(); }

 private:
  [[nodiscard]] bool done() const noexcept { return feed_ == nullptr || feed_->at_end(); }
  json_feed* feed_ = nullptr;
};

//-- what nlohmann says

// nlohmann's message is "…: syntax error while parsing CONTEXT - FAULT; last read: 'TEXT'; expected
// TOKEN". The last two parts may be missing. These are its FAULT and its TOKEN.
struct syntax_fault {
  std::string_view fault, expected;
  bool in_value;  // a value is read as a word, which may be wrong after its first byte

  explicit syntax_fault(std::string_view message)
      : in_value(message.find("while parsing value") != message.npos) {
    constexpr std::string_view context = "while parsing ", read = "; last read: '",
                               next = "; expected ";
    const std::size_t begin =
        message.find(" - ", (std::min)(message.find(context), message.size()));
    fault = message.substr(begin == message.npos ? 0 : begin + 3);
    if (const std::size_t at = fault.rfind(next); at != fault.npos)
      expected = fault.substr(at + next.size());
    fault = fault.substr(0, (std::min)(fault.find(read), fault.find(next)));
  }

  // True if the token is wrong as a whole, not from its last byte on.
  [[nodiscard]] bool is_token() const noexcept {
    return fault.ends_with("literal") && !(in_value && fault == "invalid literal");
  }
};

// Translates nlohmann's name of a token. Where it expects the end of an array or an object, a comma
// is allowed too.
inline std::string_view token_text(std::string_view token, bool is_expected) {
  constexpr std::string_view names[][2] = {{"end of input", "the end of the header"},
                                           {"string literal", "a string"},
                                           {"number literal", "a number"},
                                           {"true literal", "true"},
                                           {"false literal", "false"},
                                           {"null literal", "null"},
                                           {"'[', '{', or a literal", "a value"},
                                           {"']'", "',' or ']'"},
                                           {"'}'", "',' or '}'"}};
  for (const auto& [theirs, ours] : names)
    if (token == theirs && (is_expected || !ours.starts_with('\''))) return ours;
  return token;
}

// found: the token as it is written
inline std::string syntax_text(const syntax_fault& wrong, std::string_view found) {
  constexpr std::string_view unexpected = "unexpected ", in_string = "invalid string: ";
  if (wrong.fault == "invalid string: missing closing quote")
    return "a string has no closing quote";
  if (wrong.fault == "invalid string: forbidden character after backslash")
    return "in a string, a backslash is followed by a character that JSON does not allow there";
  if (wrong.fault.starts_with(in_string))
    return join("in a string, ", wrong.fault.substr(in_string.size()));
  const std::string_view digits = found.substr(found.starts_with('-') ? 1 : 0);
  const bool is_octal = digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]);
  if (wrong.fault.starts_with("invalid number") || is_octal)
    return join(in_quotes(found, max_shown), " is not a number");
  const bool is_json = wrong.fault.starts_with(unexpected);
  std::string said = is_json
                         ? join("found ", token_text(wrong.fault.substr(unexpected.size()), false))
                         : join("found ", in_quotes(found, max_shown), ", which is not JSON");
  if (wrong.expected == "end of input") return said + " after the object";
  if (!wrong.expected.empty())
    said += join(is_json ? ", expected " : "; expected ", token_text(wrong.expected, true));
  return said;
}

//-- what nlohmann calls

class json_handler {
 public:
  json_handler(std::string_view text, json_feed& feed, json_events& events) noexcept
      : text_(text), feed_(feed), events_(events) {}

  bool null() { return at_token().null(); }
  bool boolean(bool) { return at_token().other(); }
  bool number_integer(std::int64_t) { return at_token().other(); }
  bool number_float(double, const std::string&) { return at_token().other(); }
  bool number_unsigned(std::uint64_t number) { return at_token().integer(number); }
  bool string(const std::string&) { return at_token().string(feed_.string(decoded_)); }
  bool key(const std::string&) { return at_token().key(feed_.string(decoded_)); }
  bool start_object(std::size_t) { return is_shallow() && at_token().begin_object(); }
  bool end_object() { return at_token().end_object(); }
  bool start_array(std::size_t) { return is_shallow() && at_token().begin_array(); }
  bool end_array() { return at_token().end_array(); }
  // nlohmann demands this function, but never calls it for text.
  bool binary(const std::vector<std::uint8_t>&) { return false; }

  // Ignores nlohmann's own positions, which count what the feed has inserted and left out.
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& exception) {
    const std::string_view found =
        written_value(text_, {feed_.token(), feed_.position(), feed_.depth()});
    if (const auto& [what, at] = feed_.fault(); what != nullptr)
      return reject(feed_.token() + at, escaped(found, escapes::invisible, max_shown) + what);
    const syntax_fault wrong(exception.what());
    return reject(wrong.is_token() ? feed_.token() : feed_.last_byte(), syntax_text(wrong, found));
  }

 private:
  json_events& at_token() noexcept {
    events_.token = {feed_.token(), feed_.position(), feed_.depth()};
    return events_;
  }
  bool is_shallow() {
    constexpr const char* reason = "objects and arrays are nested more than 127 deep";
    return feed_.depth() <= max_depth || reject(feed_.token(), reason, errc::too_deep);
  }
  bool reject(std::size_t at, std::string reason, errc code = errc::invalid_json) {
    events_.rejected(code, at, std::move(reason));
    return false;
  }

  std::string_view text_;
  json_feed& feed_;
  json_events& events_;
  std::string decoded_{};  // the last string with escapes
};

// nlohmann's sax_parse() also instantiates its readers of binary formats, a quarter of the time
// that a file that opens a model needs to compile. This function is what sax_parse() does for text,
// in the versions that are known.
inline bool parse(json_feed& feed, json_handler& handler) {
#if NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR <= 12
  const auto input = [&] {
    return nlohmann::detail::input_adapter(feed_iterator(feed), feed_iterator());
  };
  return nlohmann::detail::parser<nlohmann::json, decltype(input())>(input()).sax_parse(&handler);
#else
  return nlohmann::json::sax_parse(feed_iterator(feed), feed_iterator(), &handler);
#endif
}

SAFETENSORS_DECL bool read_json(std::string_view text, json_events& events) {
  // nlohmann takes a NUL for the end, so that anything could follow it unseen.
  const std::size_t nul = (std::min)(text.find('\0'), text.size());
  if (text.find_first_not_of('\0', nul) != text.npos) {
    events.rejected(errc::invalid_json, nul, "the header holds a NUL byte");
    return false;
  }
  json_feed feed(text.substr(0, text.find_last_not_of(std::string_view(" \t\r\n\0", 5)) + 1));
  json_handler handler(text, feed, events);
  if (!parse(feed, handler)) return false;
  if (nul == text.size()) return true;
  events.rejected(errc::invalid_json, nul,
                  "the header is padded with NUL bytes; padding must be spaces");
  return false;
}

SAFETENSORS_DECL std::string_view written_value(std::string_view text,
                                                const json_token& token) noexcept {
  const std::string_view rest = text.substr(token.begin);
  return rest.substr(
      0, rest.starts_with('"') ? token.end - token.begin : rest.find_first_of(" \t\r\n,:]}"));
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

#endif
