// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Rules, failures and results.
#pragma once

#include <safetensors/fwd.hpp>

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// Returns the enumerator's name, for scripts and logs, such as "invalid_offsets". Returns
/// "unknown" for other numbers. describe() has the rule, and failure::message() the details.
[[nodiscard]] constexpr std::string_view name(errc code) noexcept;
/// Returns the rule as a sentence without a full stop, such as "metadata keys must be unique".
/// Returns "unknown error" for other numbers.
[[nodiscard]] constexpr std::string_view describe(errc code) noexcept;
/// Deleted, because it could mean either: name() is the identifier, and describe() is the sentence.
void to_string(errc code) = delete;

// Shared libraries that hide their symbols share these all the same.
#if defined(__GNUC__) && !defined(_WIN32)
#define SAFETENSORS_DETAIL_VISIBLE [[gnu::visibility("default")]]
#else
#define SAFETENSORS_DETAIL_VISIBLE
#endif
namespace detail {
class category;
#if defined(__GNUC__) && !defined(_WIN32)
[[gnu::weak]]  // so that AddressSanitizer accepts one in each shared library
#endif
SAFETENSORS_DETAIL_VISIBLE extern category the_category;
}  // namespace detail
/// Returns the category of the library's codes, for users of std::error_code. Each shared library
/// may have its own object, so compare failure::code where you can.
[[nodiscard]] SAFETENSORS_DETAIL_VISIBLE SAFETENSORS_DECL const std::error_category&
error_category() noexcept;
/// Makes a std::error_code of an errc. An errc therefore converts to a std::error_code and compares
/// with one.
[[nodiscard]] SAFETENSORS_DECL std::error_code make_error_code(errc code) noexcept;

/// A broken rule: what was found, where, what was needed, and what to do.
struct failure {
  /// The value of offset if no byte applies, because 0 is a valid offset.
  static constexpr std::uint64_t no_offset = (std::numeric_limits<std::uint64_t>::max)();

  errc code{};               ///< the broken rule
  std::error_code system{};  ///< the error of the operating system or of a byte_source, if any
  std::uint64_t offset = no_offset;  ///< absolute byte in the file; no_offset if none applies
  std::string path{};                ///< the file's path in UTF-8; empty if unknown
  /// The tensor's name, not escaped. It may be empty, and is nullopt if no tensor is concerned.
  std::optional<std::string> tensor{};
  std::string detail{};  ///< what was found and needed; text from the file is escaped and cut in it
  std::string advice{};  ///< what to do, with options in C++ spelling; empty if nothing is known

  /// Returns the failure in one line: `m.safetensors: tensor "x": DETAIL (byte 152); ADVICE`. If
  /// detail is empty, the line has the rule's sentence. The line is safe to print and to log: text
  /// from the file is escaped, and long values are cut.
  [[nodiscard]] std::string message() const;
};

///@{
/// Writes name(code) or message().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to, errc code) {
  return to << name(code);
}
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to,
                                             const failure& what) {
  return to << what.message();
}
///@}
///@{
/// Returns what {fmt} 10 or later formats: name(code) or message(). For std::format, include
/// safetensors/format.hpp.
[[nodiscard]] constexpr std::string_view format_as(errc code) noexcept { return name(code); }
[[nodiscard]] inline std::string format_as(const failure& what) { return what.message(); }
///@}

#if SAFETENSORS_EXCEPTIONS
/// The exception of all throwing functions. code() is the std::error_code of the rule. Shared
/// libraries that hide their symbols can throw it to each other.
class SAFETENSORS_DETAIL_VISIBLE error : public std::system_error {
 public:
  explicit error(failure what);            ///< keeps the failure and its message()
  error(const error&) noexcept = default;  ///< shares both; a move copies, so that none loses them
  error& operator=(const error&) noexcept = default;  ///< shares both
  /// Returns the failure. Valid while any copy of the exception exists.
  [[nodiscard]] const failure& info() const noexcept { return report_->info; }
  /// Returns failure::message(). Valid while any copy of the exception exists.
  [[nodiscard]] const char* what() const noexcept override { return report_->text.c_str(); }

 private:
  struct report {
    failure info;
    std::string text;
  };
  std::shared_ptr<const report> report_;
};
#endif
#undef SAFETENSORS_DETAIL_VISIBLE

namespace detail {
struct nothing {};  // the value of result<void>
// False in a static_assert of what nobody should call.
template <class...> inline constexpr bool is_never = false;
template <class Value> using value_of = std::conditional_t<std::is_void_v<Value>, nothing, Value>;
}  // namespace detail

/// Holds a value or a failure. `result<void>` is a success or a failure.
/// Unlike with std::expected, a temporary cannot dangle: `*try_open(p)` is a value, and
/// `try_open(p)->…` does not compile. As with std::expected, dereferencing a failure is undefined
/// behaviour, and so is error() of a success.
template <class Value> class [[nodiscard]] result {
  static constexpr bool has_type = !std::is_void_v<Value>;
  using stored = detail::value_of<Value>;

 public:
  using value_type = Value;    ///< as in std::expected
  using error_type = failure;  ///< as in std::expected

  /// Makes a success.
  result() noexcept requires(!has_type) {}  // if defaulted, `return {};` would clear failure_ too
  // Not `stored`: nvcc repeats this type where a function returns a value, so it is not private.
  result(detail::value_of<value_type> value) requires has_type
      : value_(std::move(value)) {}                     ///< makes a success
  result(failure what) : failure_(std::move(what)) {}   ///< makes a failure
  result(errc code) : result(failure{.code = code}) {}  ///< makes a failure

  /// Returns true for a success.
  [[nodiscard]] bool has_value() const noexcept { return !failure_; }
  /// Returns has_value().
  explicit operator bool() const noexcept { return has_value(); }

  ///@{
  /// Returns the value. The result must be a success.
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
  /// Returns the failure. The result must be a failure.
  [[nodiscard]] const failure& error() const& noexcept { return *failure_; }
  [[nodiscard]] failure error() && { return std::move(*failure_); }
  failure error() const&& = delete;
  ///@}

  ///@{
  /// Returns the value, or `other` converted to its type if the result is a failure.
  template <std::convertible_to<stored> Other = stored>
  [[nodiscard]] stored value_or(Other&& other) const& requires has_type {
    return value_ ? *value_ : static_cast<stored>(std::forward<Other>(other));
  }
  template <std::convertible_to<stored> Other = stored>
  [[nodiscard]] stored value_or(Other&& other) && requires has_type {
    return value_ ? std::move(*value_) : static_cast<stored>(std::forward<Other>(other));
  }
  ///@}
  ///@{
  /// Calls `function` with the value (without one for result<void>), and returns a result of what
  /// it returns. If this is a failure, returns that instead. From a temporary result, do not return
  /// a view of its value, which would dangle.
  template <class Function> [[nodiscard]] auto transform(Function&& function) & {
    return transformed(*this, std::forward<Function>(function));
  }
  template <class Function> [[nodiscard]] auto transform(Function&& function) const& {
    return transformed(*this, std::forward<Function>(function));
  }
  template <class Function> [[nodiscard]] auto transform(Function&& function) && {
    return transformed(std::move(*this), std::forward<Function>(function));
  }
  ///@}
  ///@{
  /// Calls `function` with the value (without one for result<void>), and returns the result that it
  /// returns. If this is a failure, returns that instead.
  template <class Function> [[nodiscard]] auto and_then(Function&& function) & {
    return followed(*this, std::forward<Function>(function));
  }
  template <class Function> [[nodiscard]] auto and_then(Function&& function) const& {
    return followed(*this, std::forward<Function>(function));
  }
  template <class Function> [[nodiscard]] auto and_then(Function&& function) && {
    return followed(std::move(*this), std::forward<Function>(function));
  }
  ///@}

#if SAFETENSORS_EXCEPTIONS
  ///@{
  /// Returns the value. Throws safetensors::error if the result is a failure.
  void value() const& requires(!has_type) { require_value(); }
  [[nodiscard]] stored& value() & requires has_type { return require_value(), *value_; }
  [[nodiscard]] const stored& value() const& requires has_type { return require_value(), *value_; }
  [[nodiscard]] stored value() && requires has_type { return require_value(), std::move(*value_); }
  stored value() const&& requires has_type = delete;
  ///@}
#endif

 private:
  template <class Self, class Function>
  static decltype(auto) call(Self&& self, Function&& function) {
    if constexpr (has_type)
      return std::forward<Function>(function)(*std::forward<Self>(self).value_);
    else
      return std::forward<Function>(function)();
  }
  template <class Self, class Function> static auto followed(Self&& self, Function&& function) {
    using next = std::remove_cvref_t<decltype(call(std::forward<Self>(self), function))>;
    static_assert(std::is_constructible_v<next, failure>,
                  "the function of and_then() returns a result: transform() takes one that returns "
                  "a value");
    return self.failure_ ? next(*std::forward<Self>(self).failure_)
                         : call(std::forward<Self>(self), std::forward<Function>(function));
  }
  template <class Self, class Function> static auto transformed(Self&& self, Function&& function) {
    using returned = std::remove_cvref_t<decltype(call(std::forward<Self>(self), function))>;
    return followed(std::forward<Self>(self), [&](auto&&... value) {
      if constexpr (std::is_void_v<returned>)
        return function(std::forward<decltype(value)>(value)...), result<void>();
      else
        return result<returned>(function(std::forward<decltype(value)>(value)...));
    });
  }
#if SAFETENSORS_EXCEPTIONS
  void require_value() const {
    if (failure_) throw safetensors::error(*failure_);
  }
#endif
  [[no_unique_address]] std::conditional_t<has_type, std::optional<stored>, stored> value_{};
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
    {errc::trailing_bytes, "trailing_bytes", "the file must end where its last tensor ends"},
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
    {errc::read_only, "read_only", "writable access needs bytes that may be changed"},
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

// Returns true if the codes of each group are in order and without a gap. A new rule is one
// enumerator, one row, and the enumerator here that ends its group.
constexpr bool rows_follow_codes() noexcept {
  int next = 1;
  for (const rule& row : rules) {
    if (static_cast<int>(row.code) != next) return false;
    next = row.code == errc::missing_bytes    ? 101
           : row.code == errc::read_only      ? 201
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

constexpr std::string_view describe(errc code) noexcept {
  const detail::rule* found = detail::find_rule(code);
  return found != nullptr ? found->sentence : "unknown error";
}

}  // namespace safetensors::inline SAFETENSORS_ABI

template <> struct std::is_error_code_enum<safetensors::errc> : std::true_type {};
