// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Rules, failures and results.
#pragma once

#include <safetensors/base/config.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// One code per rule. The rules of opening are those of the reference implementation (the crate
/// safetensors 0.8), except where it says what that does instead. The numbers never change.
enum class errc : int {
  // Opening a file.
  header_too_small = 1,    ///< the file has fewer than 8 bytes
  header_too_large,        ///< the header is longer than the limit: the format's 100 MB, or yours
  header_truncated,        ///< the file, or the buffer, ends within the header
  invalid_utf8,            ///< the header, or a name or metadata to be written, is no strict UTF-8
  invalid_json,            ///< among others: lone surrogates, 1e999, anything after the object
  too_deep,                ///< more than 127 objects and arrays within each other
  header_not_object,       ///< the header does not begin with an opening brace
  duplicate_tensor,        ///< two names are equal once unescaped; the reference keeps the last
  duplicate_metadata_key,  ///< the same for metadata; the reference keeps the last
  duplicate_field,         ///< a field that the format knows occurs twice, or `__metadata__` does
  invalid_metadata,        ///< `__metadata__` is neither null nor an object of strings
  invalid_entry,           ///< an entry is no object; the reference takes arrays too
  missing_field,           ///< an entry lacks `dtype`, `shape` or `data_offsets`
  unknown_dtype,           ///< none of the 22 strings; the reference takes objects too
  invalid_shape,           ///< not an array of integers from 0 to 2^64-1, such as 4.0 or -1
  invalid_offsets,         ///< not two such integers, reversed, or with a gap or an overlap
  size_overflow,           ///< elements, bits, or the end of the file do not fit in 64 bits
  partial_byte,            ///< a tensor of 4 or 6 bits per element does not fill whole bytes
  size_mismatch,           ///< the bytes are not as many as dtype and shape need
  uncovered_bytes,         ///< something follows the last tensor
  missing_bytes,           ///< the file ends before its last tensor, or before what is asked for
  // Access to tensors.
  tensor_not_found = 101,  ///< no tensor of this name
  dtype_mismatch,          ///< elements of another dtype, or words of another width
  misaligned_data,         ///< files may place tensors at any byte; copies do not mind
  foreign_byte_order,      ///< elements wider than a byte in place on a big-endian machine
  wrong_length,            ///< too much or too little, for the buffer or for the tensor
  does_not_fit,            ///< a shape in a buffer or an integer that is too small for it
  invalid_slice,           ///< too many ranges, out of range, or cut within a byte
  not_contiguous,          ///< a slice of several runs has no plain span
  shape_mismatch,          ///< another shape than expected
  // Writing: see writer.hpp.
  reserved_name = 201,  ///< a tensor called `__metadata__`, which the format keeps for metadata
  wrong_order,          ///< not in the plan's order, or after the end
  incomplete_write,     ///< finished too early, or after an exception or another thread's failure
  invalid_option,       ///< a value that cannot be followed: see layout_options, output_options
  target_changed,       ///< another file has the name, or somebody has written to it
  // The machine.
  out_of_memory = 901,  ///< or out of address space
  io,                   ///< failure::system holds the operating system's error
};

/// The enumerator's name, for scripts and logs: "invalid_offsets".
[[nodiscard]] constexpr std::string_view name(errc code) noexcept;
/// The rule that was broken, as a sentence without a full stop.
[[nodiscard]] constexpr std::string_view to_string(errc code) noexcept;

/// For users of std::error_code. Each shared library may have its own object: compare failure::code
/// where you can.
[[nodiscard]] SAFETENSORS_DECL const std::error_category& error_category() noexcept;
/// So that a std::error_code can be made from, and compared with, an errc.
[[nodiscard]] SAFETENSORS_DECL std::error_code make_error_code(errc code) noexcept;

/// A broken rule: what was found, where, what was needed, and what to do.
struct failure {
  static constexpr std::uint64_t no_offset =  ///< no legal offset, as 0 is one
      (std::numeric_limits<std::uint64_t>::max)();

  errc code{};                       ///< the broken rule
  std::error_code system{};          ///< the operating system's (or a byte_source's) error, if any
  std::uint64_t offset = no_offset;  ///< absolute byte in the file; no_offset if none applies
  std::string path{};                ///< the file, if known
  /// The tensor's name, which may be empty; nullopt if no tensor is concerned. Not escaped.
  std::optional<std::string> tensor{};
  std::string detail{};  ///< what was found and needed; text of the file in it is escaped and cut
  std::string advice{};  ///< what to do, with options as C++ spells them; empty if nothing is known

  /// Returns all of this in one line: `m.safetensors: tensor "x": DETAIL (byte 152); ADVICE`.
  /// Without a detail, the line has the rule's sentence. The line is safe to print and to log: text
  /// of the file is escaped, and long values are cut.
  [[nodiscard]] std::string message() const;
};

#if SAFETENSORS_EXCEPTIONS
#if defined(__GNUC__) && !defined(_WIN32)
#define SAFETENSORS_DETAIL_VISIBLE [[gnu::visibility("default")]]
#else
#define SAFETENSORS_DETAIL_VISIBLE
#endif
/// What the throwing functions throw. code() is the rule's error_code. Shared libraries that hide
/// their symbols can throw it to each other.
class SAFETENSORS_DETAIL_VISIBLE error : public std::system_error {
 public:
  explicit error(failure what);            ///< keeps the failure and its message()
  error(const error&) noexcept = default;  ///< shares them: there is no move that would take them
  error& operator=(const error&) noexcept = default;  ///< the same
  /// The failure; lives as long as any copy of the exception.
  [[nodiscard]] const failure& info() const noexcept { return report_->info; }
  [[nodiscard]] const char* what() const noexcept override { return report_->text.c_str(); }

 private:
  struct report {
    failure info;
    std::string text;
  };
  std::shared_ptr<const report> report_;
};
#undef SAFETENSORS_DETAIL_VISIBLE
#endif

namespace detail {
struct nothing {};  // the value of result<void>
}  // namespace detail

/// A T or a failure; `result<void>` is success or a failure. Unlike std::expected, a temporary
/// cannot dangle: `*try_open(p)` is a value, and `try_open(p)->…` does not compile. As with
/// std::expected, dereferencing a failure and asking a value for its error() are undefined
/// behaviour.
template <class T> class [[nodiscard]] result {
  static constexpr bool has_type = !std::is_void_v<T>;
  using stored = std::conditional_t<has_type, T, detail::nothing>;

 public:
  using value_type = T;  ///< as in std::expected

  /// Success. Not defaulted, so that `return {};` does not clear the room for a failure.
  result() noexcept requires(!has_type) {}
  result(stored value) requires has_type : value_(std::move(value)) {}  ///< success
  result(failure what) : failure_(std::move(what)) {}                   ///< failure
  result(errc code) : result(failure{.code = code}) {}                  ///< failure

  [[nodiscard]] bool has_value() const noexcept { return !failure_; }  ///< true: success
  explicit operator bool() const noexcept { return has_value(); }      ///< true: success

  ///@{
  /// The value. There must be one.
  [[nodiscard]] stored& operator*() & noexcept requires has_type { return *value_; }
  [[nodiscard]] const stored& operator*() const& noexcept requires has_type { return *value_; }
  [[nodiscard]] stored operator*() && requires has_type { return std::move(*value_); }
  stored operator*() const&& requires has_type = delete;
  [[nodiscard]] stored* operator->() & noexcept requires has_type { return &*value_; }
  [[nodiscard]] const stored* operator->() const& noexcept requires has_type { return &*value_; }
  stored* operator->() && requires has_type = delete;
  const stored* operator->() const&& requires has_type = delete;
  ///@}

  ///@{
  /// The failure. There must be one.
  [[nodiscard]] const failure& error() const& noexcept { return *failure_; }
  [[nodiscard]] failure error() && { return std::move(*failure_); }
  failure error() const&& = delete;
  ///@}

#if SAFETENSORS_EXCEPTIONS
  ///@{
  /// The value. Throws safetensors::error if there is none.
  void value() const& requires(!has_type) { check(); }
  [[nodiscard]] stored& value() & requires has_type { return check(), *value_; }
  [[nodiscard]] const stored& value() const& requires has_type { return check(), *value_; }
  [[nodiscard]] stored value() && requires has_type { return check(), std::move(*value_); }
  stored value() const&& requires has_type = delete;
  ///@}
#endif

 private:
#if SAFETENSORS_EXCEPTIONS
  void check() const {
    if (failure_) throw safetensors::error(*failure_);
  }
#endif
  std::optional<stored> value_{};
  std::optional<failure> failure_{};
};

namespace detail {

struct rule {
  errc code;
  std::string_view name, sentence;
};

inline constexpr rule rules[] = {
    {errc::header_too_small, "header_too_small",
     "a file must begin with the 8 bytes of the header's length"},
    {errc::header_too_large, "header_too_large", "the header must not be longer than the limit"},
    {errc::header_truncated, "header_truncated",
     "the file must hold the whole header that its first 8 bytes announce"},
    {errc::invalid_utf8, "invalid_utf8", "names, metadata and the header must be valid UTF-8"},
    {errc::invalid_json, "invalid_json", "the header must be valid JSON"},
    {errc::too_deep, "too_deep", "the header must not nest more than 127 objects and arrays"},
    {errc::header_not_object, "header_not_object", "the header must be a JSON object"},
    {errc::duplicate_tensor, "duplicate_tensor", "tensor names must be unique"},
    {errc::duplicate_metadata_key, "duplicate_metadata_key", "metadata keys must be unique"},
    {errc::duplicate_field, "duplicate_field", "a field must not occur twice"},
    {errc::invalid_metadata, "invalid_metadata",
     "__metadata__ must be an object of strings, or null"},
    {errc::invalid_entry, "invalid_entry", "a tensor's entry must be a JSON object"},
    {errc::missing_field, "missing_field",
     "a tensor's entry must have the fields dtype, shape and data_offsets"},
    {errc::unknown_dtype, "unknown_dtype", "dtype must be one of the format's 22 dtypes"},
    {errc::invalid_shape, "invalid_shape", "shape must be an array of integers from 0 to 2^64-1"},
    {errc::invalid_offsets, "invalid_offsets",
     "data_offsets must be two integers from 0 to 2^64-1, and tensors must follow each other "
     "without gaps or overlaps"},
    {errc::size_overflow, "size_overflow", "sizes must fit in 64 bits"},
    {errc::partial_byte, "partial_byte", "a tensor must fill whole bytes"},
    {errc::size_mismatch, "size_mismatch",
     "a tensor must have exactly the bytes that its dtype and shape need"},
    {errc::uncovered_bytes, "uncovered_bytes", "the file must end where its last tensor ends"},
    {errc::missing_bytes, "missing_bytes", "the file must hold all bytes that are needed of it"},
    {errc::tensor_not_found, "tensor_not_found", "the file has no tensor of this name"},
    {errc::dtype_mismatch, "dtype_mismatch", "elements must have the dtype of the tensor"},
    {errc::misaligned_data, "misaligned_data", "zero-copy access needs aligned data"},
    {errc::foreign_byte_order, "foreign_byte_order",
     "zero-copy access needs a little-endian machine"},
    {errc::wrong_length, "wrong_length", "source and destination must have the same length"},
    {errc::does_not_fit, "does_not_fit", "a number must fit in its destination"},
    {errc::invalid_slice, "invalid_slice",
     "a slice must lie within the tensor and begin and end between bytes"},
    {errc::not_contiguous, "not_contiguous", "zero-copy access needs a slice of contiguous bytes"},
    {errc::shape_mismatch, "shape_mismatch", "the tensor must have the expected shape"},
    {errc::reserved_name, "reserved_name", "a tensor must not be named __metadata__"},
    {errc::wrong_order, "wrong_order",
     "a tensor's bytes must come in order, and before the writer has finished"},
    {errc::incomplete_write, "incomplete_write",
     "all bytes of all tensors must be written before the file is finished"},
    {errc::invalid_option, "invalid_option", "an option must have a value that can be used"},
    {errc::target_changed, "target_changed",
     "the file that is replaced must still be the one that was read"},
    {errc::out_of_memory, "out_of_memory", "there is not enough memory"},
    {errc::io, "io", "the file cannot be read or written"},
};

// A new rule is an enumerator and a row: the rows have the codes of each group without a gap.
constexpr bool rows_follow_codes() noexcept {
  int next = 1;
  for (const rule& row : rules) {
    if (static_cast<int>(row.code) != next) return false;
    next = row.code == errc::missing_bytes    ? 101
           : row.code == errc::shape_mismatch ? 201
           : row.code == errc::target_changed ? 901
                                              : next + 1;
  }
  return next == static_cast<int>(errc::io) + 1;
}
static_assert(rows_follow_codes());

constexpr const rule* find_rule(errc code) noexcept {
  for (const rule& each : rules)
    if (each.code == code) return &each;
  return nullptr;
}

}  // namespace detail

constexpr std::string_view name(errc code) noexcept {
  const detail::rule* found = detail::find_rule(code);
  return found != nullptr ? found->name : "unknown";
}

constexpr std::string_view to_string(errc code) noexcept {
  const detail::rule* found = detail::find_rule(code);
  return found != nullptr ? found->sentence : "unknown error";
}

}  // namespace safetensors::inline SAFETENSORS_ABI

template <> struct std::is_error_code_enum<safetensors::errc> : std::true_type {};
