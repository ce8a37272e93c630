// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// JSON as a series of events. Only json.ipp knows the library that reads it.
#pragma once

#include <safetensors/base/config.hpp>
#include <safetensors/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace safetensors::inline SAFETENSORS_ABI::detail {

inline constexpr std::size_t max_depth = 127;  // of objects and arrays, the outermost included

// The token of an event. An event without one, such as the end of an array, has the token before.
struct json_token {
  std::size_t begin = 0;  // first byte, counted from the start of the text
  std::size_t end = 0;    // of a string or a key: one past its closing quote
  // Number of objects and arrays that are open after the event. After a number, a bracket that
  // follows the number directly is counted already.
  std::size_t depth = 0;
};

// Receives what a JSON text holds. Each function returns false to stop the reading.
class json_events {
 public:
  virtual bool begin_object() = 0;
  virtual bool key(std::string_view decoded) = 0;
  virtual bool end_object() = 0;
  virtual bool begin_array() = 0;
  virtual bool end_array() = 0;
  virtual bool string(std::string_view decoded) = 0;
  virtual bool integer(std::uint64_t value) = 0;
  virtual bool null() = 0;
  virtual bool other() = 0;  // a boolean, or a number that is not an integer from 0 to 2^64-1
  // The last event. code: too_deep or invalid_json
  virtual void rejected(errc code, std::size_t at, std::string reason) = 0;

  json_token token{};  // of the event; read_json() sets it

 protected:
  ~json_events() = default;
};

// Reads the text of an object, with white space around it, in valid UTF-8. Returns false if it was
// rejected or an event stopped the reading. While an event lasts, its own string may be overwritten
// in the text.
SAFETENSORS_DECL bool read_json(std::string_view text, json_events& events);

inline constexpr std::size_t max_shown = 40;  // bytes of a value in a message

// Returns the value as it is written. Of an object or an array, returns only its first bytes.
SAFETENSORS_DECL std::string_view written_value(std::string_view text,
                                                const json_token& token) noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
