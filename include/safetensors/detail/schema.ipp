// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// The general lane: JSON events become a table, or a failure that says what is wrong.
#pragma once

#include <safetensors/base/config.hpp>
#include <safetensors/base/dtype.hpp>
#include <safetensors/base/error.hpp>
#include <safetensors/base/text.hpp>
#include <safetensors/detail/events.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/lanes.hpp>
#include <safetensors/detail/table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- dtypes of other programs

// Returns the dtype that the name of another one stands for, or null if it is unknown.
inline const dtype_facts* similar_dtype(std::string_view name) {
  struct spelling {
    std::string_view from, to;
  };
  constexpr spelling words[] = {{"TORCH", ""},    {"BFLOAT", "BF"},    {"FLOAT", "F"},
                                {"COMPLEX", "C"}, {"BOOLEAN", "BOOL"}, {"DOUBLE", "F64"},
                                {"HALF", "F16"},  {"LONG", "I64"},     {"UINT", "U"},
                                {"INT", "I"},     {"FP", "F"}};
  constexpr std::string_view endings[] = {"", "FN", "FNU", "E2M1", "E2M1FN", "E2M1FNX2"};
  constexpr std::size_t longest = 32;
  constexpr std::size_t long_enough = 6;  // for one wrong character to be a misprint
  const auto plain = [](std::string_view text) {
    std::string letters;
    for (const char c : text)
      if (c >= 'a' && c <= 'z')
        letters += static_cast<char>(c - 'a' + 'A');
      else if (std::string_view(" -._").find(c) == std::string_view::npos)
        letters += c;
    return letters;
  };
  std::string given = plain(name.substr(0, longest));
  for (const spelling& word : words)
    if (const auto at = given.find(word.from); at != given.npos)
      given.replace(at, word.from.size(), word.to);
  for (const dtype_facts& each : dtypes)
    for (const std::string_view ending : endings)
      if (given == plain(each.name).append(ending)) return &each;
  // Else the dtype with one other character, as far to the right as possible.
  const dtype_facts* nearest = nullptr;
  std::ptrdiff_t common = 0;
  for (const dtype_facts& each : dtypes) {
    const std::string known = plain(each.name);
    if (known.size() != given.size() || known.size() < long_enough) continue;
    const auto [a, b] = std::mismatch(known.begin(), known.end(), given.begin());
    if (std::equal(a + 1, known.end(), b + 1) && a - known.begin() > common)
      nearest = &each, common = a - known.begin();
  }
  return nearest;
}

inline std::string dtype_advice(std::string_view name) {
  const dtype_facts* const similar = similar_dtype(name);
  std::string advice = similar == nullptr
                           ? "the dtypes are "
                           : join("did you mean ", similar->name, "? The dtypes are ");
  for (std::size_t i = 0; i < std::size(dtypes); ++i)
    advice.append(i == 0 ? "" : i + 1 == std::size(dtypes) ? " and " : ", ").append(dtypes[i].name);
  return advice;
}

//-- the schema

// Validates the schema and fills the table. Positions in failures are bytes of the file.
class schema_reader final : public json_events {
 public:
  explicit schema_reader(tensor_table& table) noexcept : table_(table) {}

  [[nodiscard]] failure take_failure() { return std::move(failure_); }

  bool begin_object() override {
    if (wanted_ == value::ignored || wanted_ == value::metadata) return true;
    if (wanted_ != value::entry) return unexpected();
    seen_ = rank_ = offset_count_ = 0;
    return true;
  }
  bool key(std::string_view decoded) override {
    if (token.depth == 1) return top_level_key(decoded);
    if (token.depth > 2) return true;
    if (in_tensor_) return field_key(decoded);
    entry_metadata_.key = place(decoded);
    wanted_ = value::metadata_value;
    return true;
  }
  bool end_object() override {
    if (token.depth != 1 || !in_tensor_) return true;
    for (unsigned i = 0; i < std::size(fields); ++i)
      if ((seen_ & 1u << i) == 0)
        return reject_at(errc::missing_field, raw_offset(table_, entry_.name_offset),
                         join("its entry has no ", fields[i]));
    entry_.set(rank_, dtype_);
    in_tensor_ = false;
    return table_.records.push_back(entry_) || reject(errc::out_of_memory);
  }
  bool begin_array() override {
    switch (wanted_) {
      case value::ignored: return true;
      case value::shape:
        entry_.first_dimension = static_cast<std::uint32_t>(table_.dimensions.size());
        wanted_ = value::dimension;
        return true;
      case value::offsets: wanted_ = value::offset; return true;
      default: return unexpected();
    }
  }
  bool end_array() override {
    if (wanted_ != value::offset || offset_count_ == 2) return true;
    return reject(errc::invalid_offsets, join("its data_offsets hold ",
                                              counted(offset_count_, "number"), " instead of 2"));
  }
  bool string(std::string_view decoded) override {
    if (wanted_ == value::metadata_value) {
      entry_metadata_.value = place(decoded);
      return table_.add_metadata(entry_metadata_, table_.text.data() + token.end) ||
             reject(errc::out_of_memory);
    }
    if (wanted_ != value::dtype) return unexpected();
    const std::optional<dtype> type = dtype_from_string(decoded);
    if (!type)
      return reject(errc::unknown_dtype,
                    join("dtype ", in_quotes(decoded), " is not a safetensors dtype"),
                    dtype_advice(decoded));
    dtype_ = *type;
    return true;
  }
  bool integer(std::uint64_t number) override {
    if (wanted_ == value::dimension) {
      if (rank_++ == record::max_rank) return reject(errc::invalid_shape, too_many_dimensions);
      return table_.add_dimension(number, table_.text.data() + token.begin) ||
             reject(errc::out_of_memory);
    }
    if (wanted_ != value::offset || offset_count_ == 2) return unexpected();
    (offset_count_++ == 0 ? entry_.begin : entry_.end) = number;
    return true;
  }
  bool null() override { return wanted_ == value::metadata || unexpected(); }
  bool other() override { return unexpected(); }
  void rejected(errc code, std::size_t at, std::string reason) override {
    reject_at(code, 8 + std::uint64_t{at}, std::move(reason));
  }

 private:
  enum class value : std::uint8_t {
    dtype,  // the order is that of fields and of the complaints in unexpected()
    shape,
    offsets,
    dimension,
    offset,
    entry,
    metadata,
    metadata_value,
    ignored
  };
  static constexpr std::string_view fields[] = {"dtype", "shape", "data_offsets"};

  bool top_level_key(std::string_view decoded) {
    in_tensor_ = decoded != "__metadata__";
    if (!in_tensor_) {
      if (std::exchange(has_metadata_, true))
        return reject(errc::duplicate_field, "__metadata__ occurs twice");
      wanted_ = value::metadata;
      return true;
    }
    const text_range name = place(decoded);
    entry_.name_offset = name.offset;
    entry_.name_length = name.length;
    wanted_ = value::entry;
    return true;
  }
  bool field_key(std::string_view decoded) {
    const auto field = static_cast<unsigned>(std::ranges::find(fields, decoded) - fields);
    if (field == std::size(fields)) {
      wanted_ = value::ignored;
      if (table_.unknown_field.offset == 0) {
        table_.unknown_field = place(decoded);
        table_.unknown_field_tensor = {entry_.name_offset, entry_.name_length};
      }
      return true;
    }
    if ((seen_ & 1u << field) != 0)
      return reject(errc::duplicate_field, join("its field ", decoded, " occurs twice"));
    seen_ |= 1u << field;
    wanted_ = static_cast<value>(field);
    return true;
  }

  // Writes a decoded string over its raw form, right-aligned. The decoded string is never longer,
  // and the reader is past the raw one.
  text_range place(std::string_view decoded) noexcept {
    const std::size_t raw_begin = token.begin + 1, begin = token.end - 1 - decoded.size();
    if (raw_begin < begin) {
      std::memset(table_.text.data() + raw_begin, escape_filler, begin - raw_begin);
      std::memcpy(table_.text.data() + begin, decoded.data(), decoded.size());
    }
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(decoded.size())};
  }

  // Rejects a value of the wrong kind, unless it is in an unknown field.
  bool unexpected() {
    struct complaint {
      errc code;
      std::string_view before, after;  // what the message says around the value
    };
    constexpr complaint complaints[] = {
        {errc::unknown_dtype, "its dtype is ", ", not a string"},
        {errc::invalid_shape, "its shape is ", ", not an array"},
        {errc::invalid_offsets, "its data_offsets are ", ", not an array"},
        {errc::invalid_shape, "its shape holds ", "; sizes must be integers from 0 to 2^64-1"},
        {errc::invalid_offsets, "its data_offsets hold ",
         "; offsets must be integers from 0 to 2^64-1"},
        {errc::invalid_entry, "its entry is ", ", not an object"},
        {errc::invalid_metadata, "__metadata__ is ", ", not an object of strings"},
        {errc::invalid_metadata, " is ", "; metadata values must be strings"}};
    static_assert(std::size(complaints) == static_cast<std::size_t>(value::ignored));
    if (wanted_ == value::ignored) return true;
    if (wanted_ == value::offset && offset_count_ == 2)
      return reject(errc::invalid_offsets, "its data_offsets hold more than 2 numbers");
    const bool is_item = wanted_ == value::dimension || wanted_ == value::offset;
    const auto& [code, before, after] = complaints[static_cast<std::size_t>(wanted_)];
    std::string detail = join(before, is_item ? found_text() : std::string(found_kind()), after);
    if (wanted_ == value::metadata_value)
      detail.insert(0, "the value of " + in_quotes(table_.view(entry_metadata_.key)));
    const bool is_null_shape = wanted_ == value::shape && found_text() == "null";
    return reject(code, std::move(detail), is_null_shape ? "the shape of a scalar is []" : "");
  }
  // Returns the kind of the value, by its first character.
  [[nodiscard]] std::string_view found_kind() const noexcept {
    switch (table_.text.data()[token.begin]) {
      case '"': return "a string";
      case '{': return "an object";
      case '[': return "an array";
      case 't':
      case 'f': return "a boolean";
      case 'n': return "null";
      default: return "a number";
    }
  }
  // Returns the value as it is written, safe to show. Of an object or an array, returns its kind.
  [[nodiscard]] std::string found_text() const {
    const std::string_view written = written_value(text_of(table_), token);
    if (written.starts_with('[') || written.starts_with('{')) return std::string(found_kind());
    return escaped(written, escapes::invisible, max_shown);
  }

  bool reject(errc code, std::string detail = {}, std::string advice = {}) {
    return reject_at(code, 8 + std::uint64_t{token.begin}, std::move(detail), std::move(advice));
  }
  bool reject_at(errc code, std::uint64_t offset, std::string detail, std::string advice = {}) {
    failure_ = failure_at(code, offset, std::move(detail), std::move(advice));
    if (in_tensor_) failure_.tensor = table_.name(entry_);
    return false;
  }

  tensor_table& table_;
  failure failure_{};
  record entry_{};
  metadata_entry entry_metadata_{};
  std::uint32_t rank_ = 0, offset_count_ = 0, seen_ = 0;  // seen_: a bit for each of the fields
  dtype dtype_{};
  value wanted_ = value::ignored;  // the outermost object needs no validation
  bool in_tensor_ = false, has_metadata_ = false;
};

//-- the lanes

SAFETENSORS_DECL result<void> read_general(tensor_table& table) {
  const std::string_view text = text_of(table);
  const auto failure_in = [](errc code, std::size_t at, std::string detail) {
    return failure_at(code, 8 + std::uint64_t{at}, std::move(detail));
  };
  if (const std::size_t valid = valid_utf8_prefix(text); valid != text.size())
    return failure_in(
        errc::invalid_utf8, valid,
        join("the header is not valid UTF-8; it holds ", in_quotes(text.substr(valid, 1))));
  const std::size_t begin = (std::min)(text.find_first_not_of(" \t\r\n"), text.size());
  if (begin == text.size()) return failure_in(errc::invalid_json, begin, "the header is empty");
  if (text[begin] != '{')
    return failure_in(
        errc::header_not_object, begin,
        join("the header begins with ", in_quotes(text.substr(begin, 20)), ", not with {"));
  schema_reader reader(table);
  if (!read_json(text, reader)) return reader.take_failure();
  return {};
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
