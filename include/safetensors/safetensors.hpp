// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// Reads safetensors files: a typed, validated tensor index and zero-copy views. C++20; needs
/// nlohmann_json 3.11.
///
///     safetensors::file model("model.safetensors");                  // maps, parses, validates; throws
///     for (safetensors::tensor_view tensor : model)                  // in data order
///       use(tensor.name(), tensor.dtype(), tensor.shape(), tensor.bytes());
///     std::span<const float> w = model["embed.weight"].as<float>();  // zero copy, checked
///     auto row = model["embed.weight"].slice({safetensors::pick(7)});// strided, still zero copy
///
///     auto opened = safetensors::file::try_open(path);    // result<file>: the same without exceptions
///     if (!opened) log(opened.error().message());         // which rule, which tensor, which byte
///     auto head = safetensors::header::try_open(path);    // the index alone: no data is touched
// clang-format on
//
// Order: public declarations, then namespace detail, then definitions, then operating systems.
#pragma once

///@{
/// The library's version. What it promises: docs/versioning.md.
#define SAFETENSORS_VERSION_MAJOR 0
#define SAFETENSORS_VERSION_MINOR 1
#define SAFETENSORS_VERSION_PATCH 0
///@}

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

///@{
/// Define SAFETENSORS_NO_EXCEPTIONS to leave the throwing half out even where exceptions are
/// enabled. SAFETENSORS_EXCEPTIONS then tells 0. The two kinds of build live in two inline
/// namespaces, SAFETENSORS_ABI: mixing them fails to link instead of misbehaving.
#if (defined(__cpp_exceptions) || defined(_CPPUNWIND)) && !defined(SAFETENSORS_NO_EXCEPTIONS)
#define SAFETENSORS_EXCEPTIONS 1
#define SAFETENSORS_ABI v0_1
#else
#define SAFETENSORS_EXCEPTIONS 0
#define SAFETENSORS_ABI v0_1_nothrow
#endif
///@}

/// Reading and writing safetensors files.
///
/// Every fallible operation `try_x` returns a result; `x` is the same, throws safetensors::error
/// instead, and does not exist where exceptions are off. "Errors" lists the codes of failures; lack
/// of memory for the library's large blocks is out_of_memory everywhere, for small strings it
/// throws std::bad_alloc. Sizes are in bytes unless they are called elements.
///
/// Threads may use different objects at once, and the const members of one. After fork, parent and
/// child each have objects of their own. Programs that are executed inherit no descriptor.
///
/// Every moved-from object is empty: you may call its members, assign to it and destroy it. Only
/// basic_file::storage(), basic_file::release() and basic_writer::sink() must not be called then. A
/// function_source or a function_sink is as its callable is after the move.
namespace safetensors {
inline namespace SAFETENSORS_ABI {

class header;
namespace detail {
// Tells files apart, whatever they are called; all zero where that is not known.
struct file_identity {
  std::uint64_t device = 0, node = 0;
  friend constexpr bool operator==(file_identity, file_identity) noexcept = default;
};
// If they differ, it is another file, or somebody has written to it.
struct file_facts {
  std::uint64_t size = 0;
  file_identity identity{};
  std::uint64_t modified = 0;  // in the system's units, modulo 2^64
  friend constexpr bool operator==(const file_facts&, const file_facts&) noexcept = default;
};
struct access;
struct record;
struct tensor_table;
struct mapping_note;
}  // namespace detail

//-- errors

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
[[nodiscard]] const std::error_category& error_category() noexcept;
/// So that a std::error_code can be made from, and compared with, an errc.
[[nodiscard]] std::error_code make_error_code(errc code) noexcept;

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

/// Makes text from a file safe for terminals and logs, for names and messages. Control characters,
/// invisible characters, blanks other than the space, bidirectional marks, backslashes and bytes
/// that are not UTF-8 become escapes (`\n`, `\x1b`, `\u202e`). Different texts stay different,
/// unless they are cut: after `max_bytes` of input the result ends with "...".
[[nodiscard]] std::string printable(
    std::string_view text, std::size_t max_bytes = (std::numeric_limits<std::size_t>::max)());

#if SAFETENSORS_EXCEPTIONS
/// What the throwing functions throw. code() is the rule's error_code.
class error : public std::system_error {
 public:
  explicit error(failure what);            ///< keeps the failure and its message()
  error(const error&) noexcept = default;  ///< shares them: there is no move that would take them
  error& operator=(const error&) noexcept = default;  ///< the same
  /// The failure; lives as long as any copy of the exception.
  [[nodiscard]] const failure& info() const noexcept { return report_->info; }
  /// failure::message().
  [[nodiscard]] const char* what() const noexcept override { return report_->text.c_str(); }

 private:
  struct report {
    failure info;
    std::string text;
  };
  std::shared_ptr<const report> report_;
};
#endif

/// A T or a failure. Unlike std::expected, a temporary cannot dangle: `*try_open(p)` is a value,
/// and `try_open(p)->…` does not compile. To dereference a failure, or to ask a value for its
/// error(), is undefined, as with std::expected.
template <class T> class [[nodiscard]] result {
 public:
  using value_type = T;  ///< as std::expected has it

  result(T value) : value_(std::move(value)) {}         ///< success
  result(failure what) : failure_(std::move(what)) {}   ///< failure
  result(errc code) : result(failure{.code = code}) {}  ///< failure

  /// Is there a value?
  [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }  ///< is there a value?

  ///@{
  /// The value, which there must be.
  [[nodiscard]] T& operator*() & noexcept { return *value_; }
  [[nodiscard]] const T& operator*() const& noexcept { return *value_; }
  [[nodiscard]] T operator*() && { return std::move(*value_); }
  T operator*() const&& = delete;
  [[nodiscard]] T* operator->() & noexcept { return &*value_; }
  [[nodiscard]] const T* operator->() const& noexcept { return &*value_; }
  T* operator->() && = delete;
  const T* operator->() const&& = delete;
  ///@}

  ///@{
  /// The failure, which there must be.
  [[nodiscard]] const failure& error() const& noexcept { return *failure_; }
  [[nodiscard]] failure error() && { return std::move(*failure_); }
  failure error() const&& = delete;
  ///@}

#if SAFETENSORS_EXCEPTIONS
  /// The value; throws safetensors::error if there is none.
  [[nodiscard]] T& value() & { return check(), **this; }
  [[nodiscard]] const T& value() const& { return check(), **this; }
  [[nodiscard]] T value() && { return check(), *std::move(*this); }
  T value() const&& = delete;
#endif

 private:
#if SAFETENSORS_EXCEPTIONS
  void check() const {
    if (!has_value()) throw safetensors::error(error());
  }
#endif
  std::optional<T> value_;
  std::optional<failure> failure_;
};

/// Success or a failure.
template <> class [[nodiscard]] result<void> {
 public:
  using value_type = void;  ///< as std::expected has it

  /// Success.
  result() noexcept {}  // were it defaulted, `return {};` would clear the room for a failure
  result(failure what) : failure_(std::move(what)) {}   ///< failure
  result(errc code) : result(failure{.code = code}) {}  ///< failure

  [[nodiscard]] bool has_value() const noexcept { return !failure_; }  ///< did it succeed?
  explicit operator bool() const noexcept { return has_value(); }      ///< did it succeed?
  ///@{
  /// The failure, which there must be.
  [[nodiscard]] const failure& error() const& noexcept { return *failure_; }
  [[nodiscard]] failure error() && { return std::move(*failure_); }
  failure error() const&& = delete;
  ///@}

#if SAFETENSORS_EXCEPTIONS
  /// Throws safetensors::error if there is a failure.
  void value() const {
    if (failure_) throw safetensors::error(*failure_);
  }
#endif

 private:
  std::optional<failure> failure_;
};

//-- dtypes

/// The format's 22 element types. The numbers never change; new dtypes go to the end.
enum class dtype : std::uint8_t {
  boolean,      ///< "BOOL": one byte, which may hold any value: read it with bits<std::uint8_t>()
  f4,           ///< 4 bits, two elements a byte: 2 of exponent, 1 of mantissa
  f6_e2m3,      ///< 6 bits, four elements in three bytes: 2 of exponent, 3 of mantissa
  f6_e3m2,      ///< the same: 3 of exponent, 2 of mantissa
  u8,           ///< std::uint8_t
  i8,           ///< std::int8_t
  f8_e5m2,      ///< 8 bits: 5 of exponent, 2 of mantissa, with infinities
  f8_e4m3,      ///< 8 bits: 4 of exponent, 3 of mantissa, without infinities
  f8_e8m0,      ///< 8 bits of exponent: the scale of a block
  f8_e4m3fnuz,  ///< as f8_e4m3, without negative zero
  f8_e5m2fnuz,  ///< as f8_e5m2, without infinities and negative zero
  i16,          ///< std::int16_t
  u16,          ///< std::uint16_t
  f16,          ///< IEEE 754 half precision
  bf16,         ///< the upper half of an f32
  i32,          ///< std::int32_t
  u32,          ///< std::uint32_t
  f32,          ///< float
  c64,          ///< two f32: real, imaginary
  f64,          ///< double
  i64,          ///< std::int64_t
  u64,          ///< std::uint64_t
};

/// Bits of one element: 4, 6, 8, 16, 32 or 64. `type` is one of the enumerators, here and wherever
/// no error says otherwise.
[[nodiscard]] constexpr int bit_width(dtype type) noexcept;
/// The dtype's place in the reference implementation's order, by which canonical files are sorted,
/// highest first.
[[nodiscard]] constexpr int write_order(dtype type) noexcept;
/// The spelling in files: "BF16".
[[nodiscard]] constexpr std::string_view to_string(dtype type) noexcept;
/// The dtype with exactly this spelling (case matters).
[[nodiscard]] constexpr std::optional<dtype> dtype_from_string(std::string_view text) noexcept;

/// The integers that are numbers: neither bool nor a character type.
template <class T>
concept standard_integer =
    std::integral<T> && std::same_as<T, std::remove_cv_t<T>> && !std::same_as<T, bool> &&
    !std::same_as<T, char> && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
    !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// Those of them that have no sign: raw words.
template <class T>
concept standard_unsigned = standard_integer<T> && std::unsigned_integral<T>;

/// The dtype of a C++ element type. Specialise it for a half or complex type of yours, before its
/// first use: `template <> struct safetensors::dtype_traits<half> { static constexpr auto value =
/// safetensors::dtype::f16; };` The type must be as wide as the dtype.
template <class T> struct dtype_traits {};
/// F32.
template <> struct dtype_traits<float> {
  static constexpr dtype value = dtype::f32;  ///< F32
};
/// F64.
template <> struct dtype_traits<double> {
  static constexpr dtype value = dtype::f64;  ///< F64
};
/// I8 to I64 and U8 to U64 by width, so that long and long long both work.
template <standard_integer T> requires(sizeof(T) <= 8) struct dtype_traits<T> {
  /// The integer as wide as T.
  static constexpr dtype value = sizeof(T) == 1   ? (std::is_signed_v<T> ? dtype::i8 : dtype::u8)
                                 : sizeof(T) == 2 ? (std::is_signed_v<T> ? dtype::i16 : dtype::u16)
                                 : sizeof(T) == 4 ? (std::is_signed_v<T> ? dtype::i32 : dtype::u32)
                                                  : (std::is_signed_v<T> ? dtype::i64 : dtype::u64);
};

/// A type that tensors can be read as: it has dtype_traits and is trivially copyable.
template <class T>
concept element = std::is_trivially_copyable_v<T> && requires {
  { dtype_traits<T>::value } -> std::convertible_to<dtype>;
};
/// What a contiguous range such as a vector, an array or a span holds.
template <class R> using element_of =
    std::remove_reference_t<decltype(*std::data(std::declval<R&>()))>;
/// A contiguous range of elements to be filled.
template <class R>
concept element_buffer = requires(R& r) { std::size(r); } && element<element_of<R>>;

//-- parameters: they borrow for the call; use them as nothing else

/// A span that also takes {a, b, c}.
template <class T> class list_of : public std::span<const T> {
 public:
  using std::span<const T>::span;
  constexpr list_of() noexcept = default;  ///< nothing
  /// `{a, b, c}`, for the call.
  constexpr list_of(std::initializer_list<T> items) noexcept
      : std::span<const T>(std::data(items), items.size()) {}
  /// What a span, a vector or an array holds.
  constexpr list_of(std::span<const T> items) noexcept : std::span<const T>(items) {}
};

/// Wildcard of matches().
inline constexpr std::uint64_t any_size = (std::numeric_limits<std::uint64_t>::max)();
/// The open end of a range.
inline constexpr std::uint64_t to_end = (std::numeric_limits<std::uint64_t>::max)();
/// The size of a file whose size is not known: see header.
inline constexpr std::uint64_t unknown_size = (std::numeric_limits<std::uint64_t>::max)();

/// A shape as a parameter: `{rows, 768, any_size}` with integers of any type, mixed or not, or any
/// contiguous range of integers. A negative number reads as 2^64-1 and makes the shape invalid: it
/// matches no tensor and has no byte size.
class shape_ref {
 public:
  /// One size, made of an integer of any type.
  struct dimension {
    std::uint64_t size;  ///< in elements
    bool valid;          ///< not negative
    /// From any integer.
    template <standard_integer Integer> constexpr dimension(Integer value) noexcept
        : size(std::in_range<std::uint64_t>(value) ? static_cast<std::uint64_t>(value) : any_size),
          valid(std::in_range<std::uint64_t>(value)) {}
  };

  constexpr shape_ref() noexcept = default;                             ///< a scalar's
  constexpr shape_ref(std::initializer_list<dimension> list) noexcept;  ///< `{rows, 768}`
  /// A vector, an array or a span of integers.
  template <class R> requires standard_integer<std::remove_cv_t<element_of<const R>>>
  constexpr shape_ref(const R& range) noexcept;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }  ///< dimensions
  /// Elements of dimension i < size().
  [[nodiscard]] constexpr std::uint64_t operator[](std::size_t i) const noexcept;
  [[nodiscard]] constexpr bool valid() const noexcept { return valid_; }  ///< none is negative

 private:
  const dimension* list_ = nullptr;
  const std::uint64_t* words_ = nullptr;
  const void* other_ = nullptr;
  std::uint64_t (*get_)(const void*, std::size_t) = nullptr;
  std::size_t size_ = 0;
  bool valid_ = true;
};

/// Bytes that a tensor of this dtype and shape fills. Empty on overflow, or if it would end within
/// a byte.
[[nodiscard]] constexpr std::optional<std::uint64_t> byte_size(dtype type,
                                                               shape_ref shape) noexcept;

/// A file's path. Text is UTF-8 on every system (on POSIX its bytes are passed on as they are);
/// std::filesystem::path and, on Windows, wide text are taken too. There, argv is not UTF-8: go
/// through std::filesystem::path(argv[1]).
class path_ref {
 public:
  ///@{
  /// Borrows the path for the call; a null `const char*` is an empty one.
  template <std::convertible_to<std::string_view> P> requires(!std::is_pointer_v<P>)
  path_ref(const P& utf8) noexcept : utf8_(utf8) {}
  path_ref(const char* utf8) noexcept : utf8_(utf8 != nullptr ? utf8 : "") {}
  template <std::convertible_to<std::u8string_view> P> path_ref(const P& utf8) noexcept;
#ifdef _WIN32
  template <std::convertible_to<std::wstring_view> P> path_ref(const P& wide) noexcept
      : wide_(wide), is_wide_(true) {}
#endif
  template <class P> requires requires(const P& p) { p.native(); }
  path_ref(const P& path) noexcept : path_ref(path.native()) {}
  path_ref(std::nullptr_t) = delete;
  ///@}

  /// The path as UTF-8, as failures show it.
  [[nodiscard]] std::string to_utf8() const;

 private:
  friend detail::access;
  std::string_view utf8_{};
#ifdef _WIN32
  std::wstring_view wide_{};
  bool is_wide_ = false;
#endif
};

/// Bytes [begin, end) of a file or of its data.
struct byte_range {
  std::uint64_t begin = 0;  ///< the first byte
  std::uint64_t end = 0;    ///< the byte after the last one
  /// Returns the number of bytes; 0 if the range ends before it begins.
  [[nodiscard]] constexpr std::uint64_t size() const noexcept {
    return end > begin ? end - begin : 0;
  }
  friend constexpr bool operator==(byte_range, byte_range) noexcept = default;  ///< the same bytes?
};

/// Elements [begin, end) of a dimension: `{}` is all of it, `{2, 5}` is 2, 3 and 4, `{2, to_end}`
/// the rest. A lone `{2}` does not compile: see pick(). As in Python and std::span, begin <= end <=
/// size is valid. Negative numbers never are.
struct dim_range {
  std::uint64_t begin = 0;     ///< the first element
  std::uint64_t end = to_end;  ///< the element after the last one
  bool drop = false;  ///< the dimension, cut to one element, disappears from the slice's shape

  constexpr dim_range() noexcept = default;  ///< all of the dimension
  /// Elements [first, last), of any integer types.
  template <standard_integer B, standard_integer E>
  constexpr dim_range(B first, E last, bool drop_dimension = false) noexcept
      : drop(drop_dimension) {
    const bool valid = std::in_range<std::uint64_t>(first) && std::in_range<std::uint64_t>(last);
    begin = valid ? static_cast<std::uint64_t>(first) : to_end;
    end = valid ? static_cast<std::uint64_t>(last) : 0;
  }
};

/// Only element i: the dimension disappears from the slice's shape.
template <standard_integer Integer> [[nodiscard]] constexpr dim_range pick(Integer i) noexcept {
  const dim_range from(i, to_end);
  return {from.begin, from.begin == to_end ? 0 : from.begin + 1, true};
}

/// Part `part` (0-based) of `parts` of a dimension of `size` elements, cut at multiples of
/// `granule`: all parts have ceil(size / granule / parts) granules, but for the last ones, which
/// have fewer or none. No elements if `parts` or `granule` is 0.
[[nodiscard]] constexpr dim_range shard_range(std::uint64_t size, std::uint64_t part,
                                              std::uint64_t parts,
                                              std::uint64_t granule = 1) noexcept;

/// A random-access iterator that yields values. It survives moves of the object that it iterates
/// over, not its end. Its `reference` is the value itself, which is all that C++20's concept and
/// the algorithms in use need.
template <class Value> class table_iterator {
  struct arrow {
    Value value;
    const Value* operator->() const noexcept { return &value; }
  };

 public:
  ///@{
  /// As std::random_access_iterator wants it.
  using value_type = Value;
  using reference = Value;
  using pointer = arrow;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::random_access_iterator_tag;

  table_iterator() noexcept = default;
  [[nodiscard]] Value operator*() const noexcept;
  [[nodiscard]] arrow operator->() const noexcept { return {**this}; }
  [[nodiscard]] Value operator[](difference_type n) const noexcept { return *(*this + n); }
  table_iterator& operator++() noexcept { return *this += 1; }
  table_iterator& operator--() noexcept { return *this -= 1; }
  table_iterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
  table_iterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
  table_iterator& operator+=(difference_type n) noexcept { return at_ += n, *this; }
  table_iterator& operator-=(difference_type n) noexcept { return at_ -= n, *this; }
  [[nodiscard]] friend table_iterator operator+(table_iterator i, difference_type n) noexcept {
    return i += n;
  }
  [[nodiscard]] friend table_iterator operator+(difference_type n, table_iterator i) noexcept {
    return i += n;
  }
  [[nodiscard]] friend table_iterator operator-(table_iterator i, difference_type n) noexcept {
    return i -= n;
  }
  [[nodiscard]] friend difference_type operator-(table_iterator a, table_iterator b) noexcept {
    return a.at_ - b.at_;
  }
  friend bool operator==(table_iterator a, table_iterator b) noexcept { return a.at_ == b.at_; }
  friend auto operator<=>(table_iterator a, table_iterator b) noexcept { return a.at_ <=> b.at_; }
  ///@}

 private:
  friend detail::access;
  const detail::tensor_table* table_ = nullptr;
  const std::byte* data_ = nullptr;
  difference_type at_ = 0;
};

//-- slices

class slice_layout;
class slice_view;

//-- tensors

/// A tensor's entry in the header: everything but the bytes. Trivially copyable; lives as long as
/// its header.
class tensor_info {
 public:
  /// UTF-8. It may be empty or hold NUL, and is not NUL-terminated.
  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] safetensors::dtype dtype() const noexcept;  ///< what its elements are
  /// Sizes in elements, slowest dimension first; empty for a scalar.
  [[nodiscard]] std::span<const std::uint64_t> shape() const noexcept;
  [[nodiscard]] std::size_t ndim() const noexcept { return shape().size(); }  ///< dimensions
  [[nodiscard]] std::uint64_t element_count() const noexcept;                 ///< 1 for a scalar
  [[nodiscard]] std::uint64_t byte_size() const noexcept;  ///< of all elements together
  /// As written in the header: bytes from the end of the header.
  [[nodiscard]] byte_range data_offsets() const noexcept;
  /// Absolute bytes of the file: what pread, an HTTP range or your own reader wants.
  [[nodiscard]] byte_range file_range() const noexcept;

  /// Whether dtype and shape are these; any_size stands for every size.
  [[nodiscard]] bool matches(safetensors::dtype type, shape_ref wanted) const noexcept;
  /// The same with a failure that says what was wanted and what is there.
  /// Errors: dtype_mismatch, shape_mismatch.
  result<void> try_expect(safetensors::dtype type, shape_ref wanted) const;
  /// The shape in integers of your own. Errors: does_not_fit (a size is too large for N),
  /// out_of_memory.
  template <standard_integer N> result<std::vector<N>> try_shape_as() const;
  /// The shape into a buffer of yours; returns the number of dimensions.
  /// Errors: does_not_fit (too many dimensions, or one too large). Nothing is ever truncated; after
  /// an error, what the buffer holds is unspecified.
  template <element_buffer R> requires standard_integer<element_of<R>>
  result<std::size_t> try_copy_shape(R&& to) const;
  /// Where a slice lies in the file: one range per leading dimension, the others are whole.
  /// Errors: invalid_slice (too many ranges, out of range, or a sub-byte dtype cut within a byte),
  /// out_of_memory.
  result<slice_layout> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// As its `try_` twin, throwing safetensors::error.
  void expect(safetensors::dtype type, shape_ref wanted) const { try_expect(type, wanted).value(); }
  template <standard_integer N> [[nodiscard]] std::vector<N> shape_as() const {
    return try_shape_as<N>().value();
  }
  template <element_buffer R> requires standard_integer<element_of<R>>
  std::size_t copy_shape(R&& to) const {
    return try_copy_shape(to).value();
  }
  [[nodiscard]] slice_layout slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::access;
  tensor_info(const detail::tensor_table& table, const detail::record& entry) noexcept
      : table_(&table), record_(&entry) {}
  const detail::tensor_table* table_;
  const detail::record* record_;
};

/// A tensor whose bytes are in memory. Trivially copyable, owns nothing; lives as long as its file
/// object, whose moves it survives. Typed access is zero copy and checked: dtype_mismatch names
/// both dtypes; misaligned_data (files may place tensors at any byte) and foreign_byte_order (a
/// big-endian host) have the copying functions as the way out.
class tensor_view : public tensor_info {
 public:
  /// As in the file: little-endian, row-major, at any alignment.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  /// Whether bytes() start at a multiple of alignment > 0, in bytes.
  [[nodiscard]] bool aligned_to(std::size_t alignment) const noexcept;

  /// The elements. Errors: dtype_mismatch, misaligned_data, foreign_byte_order.
  template <element T> result<std::span<const T>> try_as() const;
  /// The elements' raw words, for any dtype as wide as W: BF16 as std::uint16_t, BOOL as
  /// std::uint8_t. Errors: as try_as.
  template <standard_unsigned W> result<std::span<const W>> try_bits() const;
  /// Copies the elements, from any alignment into host byte order. Errors: dtype_mismatch,
  /// wrong_length.
  template <element_buffer R> result<void> try_copy_to(R&& to) const;
  /// Copies the raw words, from any alignment into host byte order. Errors: dtype_mismatch,
  /// wrong_length.
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  result<void> try_copy_bits(R&& to) const;
  /// Copies bytes() as they are. `to` must not overlap them. Errors: wrong_length.
  result<void> try_copy_bytes(std::span<std::byte> to) const;
  /// A copy of the elements, in host byte order. Errors: dtype_mismatch, out_of_memory (a program
  /// without exceptions ends).
  template <element T> result<std::vector<T>> try_to_vector() const;
  /// The one element of a one-element tensor. Errors: dtype_mismatch, wrong_length.
  template <element T> result<T> try_item() const;
  /// A strided view: one range per leading dimension, the others are whole. Errors: invalid_slice,
  /// out_of_memory.
  result<slice_view> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// As its `try_` twin, throwing safetensors::error.
  template <element T> [[nodiscard]] std::span<const T> as() const { return try_as<T>().value(); }
  template <standard_unsigned W> [[nodiscard]] std::span<const W> bits() const {
    return try_bits<W>().value();
  }
  template <element_buffer R> void copy_to(R&& to) const { try_copy_to(to).value(); }
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  void copy_bits(R&& to) const {
    try_copy_bits(to).value();
  }
  void copy_bytes(std::span<std::byte> to) const { try_copy_bytes(to).value(); }
  template <element T> [[nodiscard]] std::vector<T> to_vector() const {
    return try_to_vector<T>().value();
  }
  template <element T> [[nodiscard]] T item() const { return try_item<T>().value(); }
  [[nodiscard]] slice_view slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::access;
  tensor_view(const tensor_info& info, const std::byte* data) noexcept
      : tensor_info(info), data_(data) {}
  const std::byte* data_;
};

/// Where a slice lies in its file. Owns its numbers; valid while the tensor's header exists. When
/// moved from, it has no dimensions and no runs.
class slice_layout {
 public:
  slice_layout(const slice_layout&) = default;             ///< copies the numbers
  slice_layout& operator=(const slice_layout&) = default;  ///< copies the numbers
  slice_layout(slice_layout&& other) noexcept;             ///< leaves no runs
  slice_layout& operator=(slice_layout&& other) noexcept;  ///< leaves no runs
  ~slice_layout() = default;

  [[nodiscard]] tensor_info tensor() const noexcept { return tensor_; }  ///< what it is cut from
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return tensor_.dtype(); }  ///< its own
  /// In elements, without the dimensions that were picked; lives as long as this object.
  [[nodiscard]] std::span<const std::uint64_t> shape() const& noexcept {
    return {numbers_.data(), ndim()};
  }
  void shape() const&& = delete;
  /// In elements; all 0 if the tensor has no elements. Lives as long as this object.
  [[nodiscard]] std::span<const std::uint64_t> strides() const& noexcept {
    return {numbers_.data() + ndim(), ndim()};
  }
  void strides() const&& = delete;
  [[nodiscard]] std::size_t ndim() const noexcept { return numbers_.size() / 2; }  ///< dimensions
  [[nodiscard]] std::uint64_t element_count() const noexcept;                      ///< of all runs
  /// Of all runs.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return runs_.count * runs_.bytes; }

  /// The slice is this many contiguous pieces, all of one size and as long as can be; 0 if it has
  /// no elements.
  [[nodiscard]] std::uint64_t run_count() const noexcept { return runs_.count; }
  [[nodiscard]] bool contiguous() const noexcept { return runs_.count <= 1; }  ///< one run, or none
  /// Absolute bytes of run i < run_count() in the file, in row-major order: for HTTP ranges and
  /// pread.
  [[nodiscard]] byte_range file_run(std::uint64_t i) const noexcept;

 private:
  friend detail::access;
  explicit slice_layout(const tensor_info& tensor) noexcept : tensor_(tensor) {}
  tensor_info tensor_;
  std::vector<std::uint64_t> numbers_{};  // shape, then strides
  struct {
    std::uint64_t first_byte = 0;  // of the file
    std::uint64_t bytes = 0;       // of each run
    std::uint64_t count = 0;
    std::size_t outer = 0;  // leading dimensions that distinguish the runs
  } runs_{};
};

/// A slice whose bytes are in memory; lives as long as its file object.
class slice_view : public slice_layout {
 public:
  /// The bytes of run i < run_count(), as in the file.
  [[nodiscard]] std::span<const std::byte> run(std::uint64_t i) const noexcept;
  /// Copies the slice row-major, in the file's byte order. row_stride is the distance in bytes
  /// between the rows (the last dimension) in `to`; 0 packs them. `to` must not overlap the file's
  /// bytes in memory. Errors: wrong_length (packed rows do not fill `to` exactly, others do not fit
  /// in it or overlap), invalid_slice (rows of a sub-byte dtype that are not whole bytes).
  result<void> try_copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const;
  /// Copies the elements row-major, in host byte order. Errors: dtype_mismatch, wrong_length.
  template <element_buffer R> result<void> try_copy_to(R&& to) const;
  /// Copies the raw words row-major, in host byte order. Errors: dtype_mismatch, wrong_length.
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  [[nodiscard]] result<void> try_copy_bits(R&& to) const;
  /// A copy of the elements, in host byte order. Errors: as tensor_view::try_to_vector.
  template <element T> result<std::vector<T>> try_to_vector() const;
  /// The raw words, zero copy. Errors: not_contiguous, and those of tensor_view::try_bits.
  template <standard_unsigned W> result<std::span<const W>> try_bits() const;
  /// The elements, zero copy. Errors: not_contiguous, and those of tensor_view::try_as.
  template <element T> result<std::span<const T>> try_as() const;
  /// The first element, to be used with shape() and strides() (mdspan, DLPack). Errors: those of
  /// tensor_view::try_as.
  template <element T> result<const T*> try_data() const;

#if SAFETENSORS_EXCEPTIONS
  /// As its `try_` twin, throwing safetensors::error.
  void copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const {
    try_copy_bytes(to, row_stride).value();
  }
  template <element_buffer R> void copy_to(R&& to) const { try_copy_to(to).value(); }
  template <element T> [[nodiscard]] std::span<const T> as() const { return try_as<T>().value(); }
  template <element_buffer R> requires standard_unsigned<element_of<R>>
  void copy_bits(R&& to) const {
    try_copy_bits(to).value();
  }
  template <element T> [[nodiscard]] std::vector<T> to_vector() const {
    return try_to_vector<T>().value();
  }
  template <standard_unsigned W> [[nodiscard]] std::span<const W> bits() const {
    return try_bits<W>().value();
  }
  template <element T> [[nodiscard]] const T* data() const { return try_data<T>().value(); }
#endif

 private:
  friend detail::access;
  result<void> expect_contiguous() const;
  slice_view(slice_layout layout, const std::byte* first) noexcept
      : slice_layout(std::move(layout)), first_(first) {}
  const std::byte* first_;
};

/// Metadata to keep or to build: sorted, so that the same metadata always gives the same file.
using metadata_map = std::map<std::string, std::string, std::less<>>;

/// The header's `__metadata__`, decoded, sorted by key. Lives as long as its header.
class metadata_view {
 public:
  using value_type = std::pair<std::string_view, std::string_view>;  ///< key, value: UTF-8
  using iterator = table_iterator<value_type>;                       ///< in the order of keys
  using const_iterator = iterator;                                   ///< the same

  [[nodiscard]] std::size_t size() const noexcept;                   ///< number of keys
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }  ///< is there none?
  [[nodiscard]] iterator begin() const noexcept;                     ///< the first key by bytes
  [[nodiscard]] iterator end() const noexcept;                       ///< behind the last
  /// The value of a key, by binary search.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const noexcept;
  [[nodiscard]] metadata_map to_map() const;  ///< a copy, to be kept or changed

 private:
  template <class Derived, class Value> friend class tensor_range;
  explicit metadata_view(const detail::tensor_table* table) noexcept : table_(table) {}
  const detail::tensor_table* table_;
};

//-- tensors by name and in order

/// What header and basic_file have in common: iteration in data order (by first byte, then by last)
/// and lookup by name, in constant time and without allocating. Views are not handed out from
/// temporaries, and nullptr, 0 and 'A' are no names: such uses do not compile.
template <class Derived, class Value> class tensor_range {
 public:
  using value_type = Value;                ///< tensor_info or tensor_view
  using iterator = table_iterator<Value>;  ///< in data order
  using const_iterator = iterator;         ///< the same

  [[nodiscard]] std::size_t size() const noexcept;                   ///< number of tensors
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }  ///< is there none?
  [[nodiscard]] iterator begin() const& noexcept;                    ///< the first in data order
  [[nodiscard]] iterator end() const& noexcept;                      ///< behind the last
  void begin() const&& = delete;
  void end() const&& = delete;

  [[nodiscard]] bool contains(std::string_view name) const noexcept;  ///< by exact bytes
  bool contains(std::nullptr_t) const = delete;
  /// The tensor of this name, if there is one.
  [[nodiscard]] std::optional<Value> find(std::string_view name) const& noexcept;
  void find(std::string_view) const&& = delete;
  void find(std::nullptr_t) const = delete;
  /// The tensor of this name. Errors: tensor_not_found, which names it.
  result<Value> try_at(std::string_view name) const&;
  void try_at(std::string_view) const&& = delete;
  void try_at(std::nullptr_t) const = delete;
#if SAFETENSORS_EXCEPTIONS
  /// As try_at(), throwing safetensors::error.
  [[nodiscard]] Value at(std::string_view name) const& { return try_at(name).value(); }
  void at(std::string_view) const&& = delete;
  void at(std::nullptr_t) const = delete;
  [[nodiscard]] Value operator[](std::string_view name) const& { return at(name); }  ///< the same
  void operator[](std::string_view) const&& = delete;
  void operator[](std::nullptr_t) const = delete;
  template <std::integral Integer> void operator[](Integer) const = delete;
#endif

  [[nodiscard]] metadata_view metadata() const& noexcept;  ///< the `__metadata__`; may be empty
  void metadata() const&& = delete;

 private:
  friend Derived;
  tensor_range() noexcept = default;
};

//-- header: the typed tensor index, without data

/// What is accepted.
struct read_options {
  /// Longest header that is read, in bytes. The default is the format's limit; servers lower it.
  /// Raising it over 4 GiB has no effect.
  std::uint64_t max_header_bytes = 100'000'000;
  /// Accept bytes after the last tensor: some Stable Diffusion 1.5 files have four.
  bool allow_trailing_bytes = false;
};

/// Anything that gives bytes by position: a virtual file system, an archive's member, an HTTP
/// client. size() is in bytes, or unknown_size; read_at fills the whole span or returns an error. A
/// member path() that gives text, if there is one, goes into failures.
template <class S>
concept byte_source = requires(S& source, std::uint64_t at, std::span<std::byte> to) {
  { source.size() } -> std::convertible_to<std::uint64_t>;
  { source.read_at(at, to) } -> std::convertible_to<std::error_code>;
};

/// A byte_source from a size and a callable:
///
///     function_source source{size, [&](std::uint64_t at, std::span<std::byte> to)
///                                      -> std::error_code { … }};
template <class Read> struct function_source {
  std::uint64_t bytes;  ///< what size() tells, or unknown_size
  Read read;            ///< what read_at() calls
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes; }  ///< bytes
  /// Fills `to` from `offset` on, or returns an error.
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to) {
    return read(offset, to);
  }
};
template <class Read> function_source(std::uint64_t, Read) -> function_source<Read>;  ///< deduces

/// A field of a tensor's entry; valid while its header exists.
struct entry_field {
  std::string_view tensor;  ///< the tensor's name, not escaped
  std::string_view field;   ///< the field's name, not escaped
};

/// The validated tensor index of a file. Owns its text and tables (a fixed number of heap blocks,
/// in all about 1.7 times the header's length, more if it is mostly numbers), and so can be read
/// whatever happens to the file; movable, and empty when moved from. Names are found in constant
/// time, without allocating.
///
/// Errors of reading, in this order: header_too_small, header_too_large, header_truncated,
/// invalid_utf8; then those of JSON and of the entries (header_not_object, invalid_json, too_deep,
/// duplicate_…, invalid_…, missing_field, unknown_dtype); then, tensor by tensor in data order,
/// invalid_offsets, size_overflow, partial_byte, size_mismatch; then uncovered_bytes,
/// missing_bytes. Any of them may be out_of_memory instead, or what the source returns: io, or a
/// code of ours, such as missing_bytes if it was cut meanwhile.
class header : public tensor_range<header, tensor_info> {
 public:
  header() noexcept;                           ///< of no file: no tensors, sizes of 0
  header(header&& other) noexcept;             ///< views of `other` are views of this
  header& operator=(header&& other) noexcept;  ///< the same; views of this end
  ~header();

  /// The length prefix and the header together, in bytes, told by the file's first 8: what a remote
  /// reader fetches next. file_size may be unknown_size. Errors: header_too_small,
  /// header_too_large, header_truncated.
  static result<std::uint64_t> try_bytes_needed(std::span<const std::byte> first8,
                                                std::uint64_t file_size,
                                                const read_options& options = {});
  /// From a buffer with at least the first try_bytes_needed() bytes of the file; they are copied.
  /// With unknown_size as file_size, the rules about the file's end are not checked. Errors: those
  /// of reading; header_truncated also if the buffer is shorter.
  static result<header> try_parse(std::span<const std::byte> head, std::uint64_t file_size,
                                  const read_options& options = {});
  /// From a file: reads only the header, and closes. Errors: those of file_source and of reading.
  static result<header> try_open(path_ref path, const read_options& options = {});
  /// From any source; reads 4 KiB, then the rest of the header. One of unknown_size is only trusted
  /// with as much memory again as it has filled already. Errors: those of reading.
  template <byte_source S>
  static result<header> try_read(S&& source, const read_options& options = {});

  /// The first byte of data in the file: 8 + the header's length.
  [[nodiscard]] std::uint64_t data_start() const noexcept;
  [[nodiscard]] std::uint64_t data_size() const noexcept;  ///< bytes of all tensors
  [[nodiscard]] std::uint64_t file_size() const noexcept;  ///< data_start() + data_size()

  /// Returns the first field, in the order of the text, that the format does not define. Readers
  /// ignore such fields; whoever writes the file again loses them.
  [[nodiscard]] std::optional<entry_field> unknown_field() const& noexcept;
  void unknown_field() const&& = delete;

#if SAFETENSORS_EXCEPTIONS
  /// As try_open() and the other `try_` twins, throwing safetensors::error.
  explicit header(path_ref path, const read_options& options = {});
  [[nodiscard]] static std::uint64_t bytes_needed(std::span<const std::byte> first8,
                                                  std::uint64_t file_size,
                                                  const read_options& options = {});
  [[nodiscard]] static header parse(std::span<const std::byte> head, std::uint64_t file_size,
                                    const read_options& options = {});
  template <byte_source S>
  [[nodiscard]] static header read(S&& source, const read_options& options = {}) {
    return try_read(source, options).value();
  }
#endif

 private:
  friend detail::access;
  explicit header(std::unique_ptr<detail::tensor_table> table) noexcept;
  std::unique_ptr<detail::tensor_table> table_;
};

//-- storage: the bytes of a file

#ifdef _WIN32
using native_handle = void*;  ///< HANDLE
inline const native_handle invalid_handle = reinterpret_cast<void*>(std::intptr_t{-1});
#else
using native_handle = int;                           ///< a file descriptor; on Windows, a HANDLE
inline constexpr native_handle invalid_handle = -1;  ///< no file; INVALID_HANDLE_VALUE
#endif

/// A regular file, or a part of one, as a byte_source. Reads by position, so that threads and
/// forked processes can share it. It keeps reading the file that it opened, even if the path is
/// reused.
class file_source {
 public:
  file_source() noexcept = default;                      ///< no file, of 0 bytes
  file_source(file_source&& other) noexcept;             ///< leaves no file
  file_source& operator=(file_source&& other) noexcept;  ///< closes this, leaves no file
  ~file_source();                                        ///< closes what try_open() opened

  /// Opens a file for reading. Does not wait on a FIFO. Errors: io if the path cannot be opened or
  /// leads to something that is not a regular file.
  static result<file_source> try_open(path_ref path);
  /// A file that you have opened and will close after this object's end, or `size` bytes of it from
  /// `offset` on (a member of an archive). Errors: io, missing_bytes (it ends before offset +
  /// size).
  static result<file_source> try_borrow(native_handle handle, std::uint64_t offset = 0,
                                        std::uint64_t size = to_end);

  /// In bytes, when it was opened or locked.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Fills `to` from byte `offset` of the part on. Errors: missing_bytes (beyond its end), the
  /// operating system's.
  [[nodiscard]] std::error_code read_at(std::uint64_t offset,
                                        std::span<std::byte> to) const noexcept;
  [[nodiscard]] native_handle handle() const noexcept { return handle_; }  ///< of the whole file
  /// As UTF-8; empty if the file was not opened by its path. Ends with the object or its move.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  /// Where the part begins within the file, in bytes.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  /// Takes the exclusive advisory lock of the whole file (flock; on Windows a share mode), without
  /// waiting; succeeds again if this object has it. Afterwards, size() is the file's size at that
  /// moment. The path may lead to another file by then: is_same_file() and
  /// output_options::only_over find that out. Programs that do not take the lock are not affected,
  /// except on SMB, where other descriptors cannot read a locked file. The lock ends when this
  /// object closes the file; on POSIX, a borrowed handle keeps it until its owner closes it. Call
  /// it from one thread at a time.
  ///
  /// Errors: io, with std::errc::resource_unavailable_try_again, if somebody else has the lock (on
  /// Windows, also if the file is open without sharing its deletion); io, with another error of the
  /// system, if the file cannot be locked.
  result<void> try_lock();
  /// Returns true if both read the same file, by whatever paths; false if the system cannot say.
  [[nodiscard]] bool is_same_file(const file_source& other) const noexcept;

#if SAFETENSORS_EXCEPTIONS
  /// As try_open() and try_borrow(), throwing safetensors::error.
  explicit file_source(path_ref path) : file_source(try_open(path).value()) {}
  [[nodiscard]] static file_source borrow(native_handle handle, std::uint64_t offset = 0,
                                          std::uint64_t size = to_end) {
    return try_borrow(handle, offset, size).value();
  }
#endif

 private:
  friend detail::access;
  void swap(file_source& other) noexcept;
  native_handle handle_ = invalid_handle;
  bool owned_ = false;
  std::uint64_t offset_ = 0, size_ = 0;
  detail::file_facts facts_{};           // of the whole file, when it was opened
  native_handle lock_ = invalid_handle;  // holds the lock where handle_ cannot
  std::string path_{};
};

namespace detail {
// Opened by the call that goes on to use it, so that its size need not be asked for again.
struct just_opened : file_source {
  explicit just_opened(file_source&& source) noexcept : file_source(std::move(source)) {}
};
}  // namespace detail

/// What may be done with mapped bytes.
enum class map_mode : std::uint8_t {
  read_only,      ///< they are only read
  copy_on_write,  ///< writable_bytes() may be changed, the file never is; pages that are written to
                  ///< need memory, and where none is left, Linux ends the program
};

/// A regular file of any size, or a part of one, mapped into memory; no descriptor stays open.
///
/// It stays with the file that it opened: the bytes are the same when another file takes its name,
/// as when writer.hpp replaces it, and when it is removed. What is written into the file itself may
/// show. If it is truncated, the rest of its last page is zeros, and access to a page behind it
/// ends the program (SIGBUS; Windows does not let it be truncated): use owned_bytes where that may
/// happen. A child of fork has the mapping too, and ends it for itself alone.
class mapped_file {
 public:
  mapped_file() noexcept = default;  ///< no bytes
  /// The whole file. Errors: io, out_of_memory (it does not fit in the address space, or the system
  /// allows no more mappings), missing_bytes (it was cut meanwhile).
  static result<mapped_file> try_open(path_ref path, map_mode mode = map_mode::read_only);
  /// A part of a file at any offset, up to its end if size is to_end; the handle stays yours and
  /// may be closed. Errors: as above, missing_bytes (the file ends before offset + size).
  static result<mapped_file> try_map(native_handle handle, std::uint64_t offset, std::uint64_t size,
                                     map_mode mode = map_mode::read_only);
  /// All of a source. Errors: as those of try_open().
  static result<mapped_file> try_load(const file_source& source, const header& index);
  /// The same for the library itself, which has just asked for the size.
  static result<mapped_file> try_load(const detail::just_opened& source, const header& index);

  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }  ///< null if empty
  [[nodiscard]] std::size_t size() const noexcept {                              ///< bytes
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept;  ///< empty unless copy_on_write
  /// Returns the path by which it was opened, as UTF-8; empty if it was not opened by a path.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }

#if SAFETENSORS_EXCEPTIONS
  /// As try_open(), try_map() and try_load(), throwing safetensors::error.
  explicit mapped_file(path_ref path, map_mode mode = map_mode::read_only)
      : mapped_file(try_open(path, mode).value()) {}
  [[nodiscard]] static mapped_file map(native_handle handle, std::uint64_t offset,
                                       std::uint64_t size, map_mode mode = map_mode::read_only) {
    return try_map(handle, offset, size, mode).value();
  }
  [[nodiscard]] static mapped_file load(const file_source& source, const header& index) {
    return try_load(source, index).value();
  }
#endif

 private:
  struct unmap {
    std::size_t size;
    std::size_t lead;  // bytes mapped before the first one, from the page's start
    map_mode mode;
    detail::mapping_note* note;
    void operator()(std::byte* first) const noexcept;
  };
  static result<mapped_file> map_source(const file_source& source, map_mode mode);
  std::unique_ptr<std::byte, unmap> bytes_;
  std::string path_{};
};

/// A whole file read into memory: for file systems on which mapping is slow or dangerous, and for
/// sources that are no files. Whatever happens to the file later does not matter. Tensor data
/// starts at a multiple of 64, whatever the header's length.
class owned_bytes {
 public:
  /// Reads all of a source whose header is index. Errors: what the source returns, out_of_memory,
  /// missing_bytes (a source of unknown_size).
  template <byte_source S> static result<owned_bytes> try_load(S& source, const header& index);

  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }  ///< the first
  [[nodiscard]] std::size_t size() const noexcept {                              ///< bytes
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }

#if SAFETENSORS_EXCEPTIONS
  /// As try_load(), throwing safetensors::error.
  template <byte_source S> [[nodiscard]] static owned_bytes load(S& source, const header& index) {
    return try_load(source, index).value();
  }
#endif

 private:
  static constexpr std::size_t alignment = 64;
  static result<owned_bytes> try_allocate(std::uint64_t size, std::uint64_t data_start);
  struct release {
    std::size_t size;
    std::size_t lead;  // bytes of the heap block before the first one
    void operator()(std::byte* first) const noexcept {
      ::operator delete(first - lead, std::align_val_t(alignment));
    }
  };
  std::unique_ptr<std::byte, release> bytes_;
};

/// The whole file in memory: contiguous bytes of any one-byte type, such as std::vector<char> or
/// std::span<const std::byte>.
template <class S>
concept byte_storage = std::movable<S> && requires(const S& storage) {
  { std::size(storage) } -> std::convertible_to<std::size_t>;
  requires sizeof(*std::data(storage)) == 1;
  requires std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::data(storage))>>;
};
/// A storage that can be made from a source, once its header has been found valid.
template <class S, class Source>
concept loadable_storage =
    byte_storage<S> && byte_source<Source> && requires(Source& source, const header& index) {
      { S::try_load(source, index) } -> std::same_as<result<S>>;
    };

//-- file: a header and its storage

/// A safetensors file whose bytes are in memory. Move-only, and empty when moved from. Header and
/// storage share one heap block: views survive moves of the file, and end with it. Handing out
/// views from a temporary does not compile. Errors of opening: those of header, then those of the
/// storage.
template <byte_storage Storage> class basic_file
    : public tensor_range<basic_file<Storage>, tensor_view> {
 public:
  basic_file() noexcept = default;                         ///< no file: no tensors
  basic_file(basic_file&&) noexcept = default;             ///< its views are views of this
  basic_file& operator=(basic_file&&) noexcept = default;  ///< the same; views of this end
  ~basic_file() = default;

  /// The header is read and judged first; only then is the storage opened, through the same handle.
  static result<basic_file> try_open(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source>;
  /// The same from a source of yours.
  template <byte_source S> requires loadable_storage<Storage, std::remove_reference_t<S>>
  static result<basic_file> try_read(S&& source, const read_options& options = {});
  /// From bytes that are in memory already. Errors: those of header.
  static result<basic_file> try_from(Storage storage, const read_options& options = {});
  /// A span over a temporary would dangle.
  template <class R>
  requires(std::ranges::enable_borrowed_range<Storage> &&
           !std::same_as<std::remove_cvref_t<R>, Storage> && !std::is_lvalue_reference_v<R> &&
           !std::ranges::enable_borrowed_range<std::remove_cvref_t<R>>)
  static result<basic_file> try_from(R&&, const read_options& = {}) = delete;

  /// The index without the bytes; lives as long as the file.
  [[nodiscard]] const safetensors::header& header() const& noexcept;
  void header() const&& = delete;

  ///@{
  /// The storage, which must keep its bytes where they are: do not resize it, assign to it or move
  /// from it. The file must not be empty by default or by a move, here and in release().
  [[nodiscard]] const Storage& storage() const& noexcept { return state_->storage; }
  [[nodiscard]] Storage& storage() & noexcept { return state_->storage; }
  void storage() const&& = delete;
  ///@}
  /// Gives the storage back, and ends all views.
  [[nodiscard]] Storage release() && { return std::move(std::exchange(state_, nullptr)->storage); }

#if SAFETENSORS_EXCEPTIONS
  /// As try_open(), try_read() and try_from(), throwing safetensors::error.
  explicit basic_file(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source>
      : basic_file(try_open(path, options).value()) {}
  template <byte_source S> requires loadable_storage<Storage, std::remove_reference_t<S>>
  [[nodiscard]] static basic_file read(S&& source, const read_options& options = {}) {
    return try_read(source, options).value();
  }
  [[nodiscard]] static basic_file from(Storage storage, const read_options& options = {}) {
    return try_from(std::move(storage), options).value();
  }
  template <class R>
  requires(std::ranges::enable_borrowed_range<Storage> &&
           !std::same_as<std::remove_cvref_t<R>, Storage> && !std::is_lvalue_reference_v<R> &&
           !std::ranges::enable_borrowed_range<std::remove_cvref_t<R>>)
  static basic_file from(R&&, const read_options& = {}) = delete;
#endif

 private:
  struct state {
    safetensors::header index;
    Storage storage;
  };
  friend detail::access;
  static result<basic_file> assemble(safetensors::header index, Storage storage);
  [[nodiscard]] const std::byte* data() const noexcept;
  std::unique_ptr<state> state_;
};

/// Mapped: `safetensors::file model("model.safetensors");`
using file = basic_file<mapped_file>;
/// Read into memory: immune to truncation, aligned.
using memory_file = basic_file<owned_bytes>;
/// Your memory, which must outlive it.
using borrowed_file = basic_file<std::span<const std::byte>>;

}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

template <> struct std::is_error_code_enum<safetensors::errc> : std::true_type {};

//== implementation

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail {

//-- detail: text

inline void append(std::string& to, std::string_view text) { to += text; }
inline void append(std::string& to, std::uint64_t number) { to += std::to_string(number); }

template <class... Parts> std::string text(const Parts&... parts) {
  std::string joined;
  (append(joined, parts), ...);
  return joined;
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string shape_text(std::span<const std::uint64_t> shape) {
  constexpr std::size_t shown = 8;
  std::string joined = "[";
  for (std::size_t i = 0; i < (std::min)(shape.size(), shown); ++i)
    append(joined += i == 0 ? "" : ",", shape[i]);
  return joined + (shape.size() > shown ? ",...]" : "]");
}

// "1 byte", "2 bytes".
inline std::string counted(std::uint64_t count, std::string_view noun) {
  return text(count, " ", noun, count == 1 ? "" : "s");
}

struct code_point {
  std::uint32_t value;
  std::size_t length;  // 0: not valid UTF-8
};

// Strict UTF-8 by the table of well-formed byte sequences in the Unicode standard (table 3-7).
inline code_point decode_utf8(std::string_view text) noexcept {
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

// The position of the first byte that is not valid UTF-8, or the text's size.
inline std::size_t valid_utf8_prefix(std::string_view text) noexcept {
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

// Controls, the general categories Cf, Zl and Zp, Default_Ignorable_Code_Point, and blanks except
// U+0020: category Zs, the empty Braille pattern, and a few signs without a shape. From the tables
// of Unicode 18.0.
constexpr bool is_unprintable(std::uint32_t c) noexcept {
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

// What is escaped: what acts on terminals or cannot be seen; backslashes too; quotes too.
enum class escapes : std::uint8_t { invisible, backslashes, quotes };
std::string escaped(std::string_view text, escapes what,
                    std::size_t max_bytes = (std::numeric_limits<std::size_t>::max)());

// Text of a file within a message: "in quotes", escaped and cut.
inline std::string in_quotes(std::string_view text, std::size_t max_bytes = 80) {
  return '"' + escaped(text, escapes::quotes, max_bytes) + '"';
}

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

//-- detail: failures

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

constexpr const rule* find_rule(errc code) noexcept {
  for (const rule& each : rules)
    if (each.code == code) return &each;
  return nullptr;
}

class category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "safetensors"; }
  [[nodiscard]] std::string message(int code) const override {
    return std::string(to_string(static_cast<errc>(code)));
  }
};

inline constexpr const char* cannot_read = "cannot read it";
inline constexpr const char* cut_short = "copy or download it again; it may have been cut short";
inline constexpr std::uint64_t plausible_length = std::uint64_t{1} << 40;  // of a header, in bytes

// How to accept a header of this length.
inline std::string limit_advice(std::uint64_t length) {
  constexpr std::uint64_t most_of_hugging_face = 25'000'000;
  return text("max_header_bytes raises the limit",
              length > most_of_hugging_face
                  ? "; other readers refuse more than 100,000,000 bytes, and the Hugging Face "
                    "client more than 25,000,000"
                  : "");
}

// What a byte_source reported: one of our codes, or the system's.
inline failure source_failure(std::error_code error, std::string detail, std::string advice = {}) {
  failure what{.detail = std::move(detail), .advice = std::move(advice)};
  if (error.category() == error_category()) {
    what.code = static_cast<errc>(error.value());
  } else {
    what.code = error == std::errc::not_enough_memory ? errc::out_of_memory : errc::io;
    what.system = error;
  }
  return what;
}

// What a source or a sink reported. The system's errors need `what` could not be done; our own
// codes say it.
inline failure reported_failure(std::error_code error, const char* what) {
  if (error == errc::missing_bytes)
    return {.code = errc::missing_bytes,
            .detail = "it ends before the bytes that are needed",
            .advice = cut_short};
  return source_failure(error, error.category() == error_category() ? "" : what);
}

inline failure failure_at(errc code, std::uint64_t offset, std::string detail,
                          std::string advice = {}) {
  return {.code = code, .offset = offset, .detail = std::move(detail), .advice = std::move(advice)};
}

template <class T> result<T> with_path(result<T> outcome, std::string path) {
  if (outcome) return outcome;
  failure named = std::move(outcome).error();
  named.path = std::move(path);
  return named;
}
template <class T> result<T> with_path(result<T> outcome, const path_ref& path) {
  return outcome ? std::move(outcome) : with_path(std::move(outcome), path.to_utf8());
}

// A source that knows its path is told by it.
template <class S> std::string path_of(const S& source) {
  if constexpr (requires { std::string(source.path()); })
    return std::string(source.path());
  else
    return {};
}
template <class T, class S> result<T> with_path_of(result<T> outcome, const S& source) {
  return outcome ? std::move(outcome) : with_path(std::move(outcome), path_of(source));
}

//-- detail: dtypes

struct dtype_facts {
  std::string_view name;
  int bits;
};
// Indexed by dtype, whose numbers happen to be the reference's order so far.
inline constexpr dtype_facts dtypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(std::size(dtypes) == static_cast<std::size_t>(dtype::u64) + 1);

//-- detail: memory

inline void copy_bytes(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes != 0) std::memcpy(to, from, bytes);  // memcpy takes no null, even for nothing
}

// Whether it finds the memory that it asks containers for.
template <class F> bool allocates(const F& allocate) {
#if SAFETENSORS_EXCEPTIONS
  try {
    allocate();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
#else
  allocate();
  return true;
#endif
}

// A growing array that is not initialised and reports a lack of memory instead of throwing.
template <class T> class block {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  block() noexcept = default;
  block(block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  block& operator=(block&& other) noexcept {
    block taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    std::swap(capacity_, taken.capacity_);
    return *this;
  }
  ~block() { ::operator delete(data_); }

  [[nodiscard]] bool reserve(std::size_t capacity) noexcept {
    if (capacity <= capacity_) return true;
    if (capacity > (std::numeric_limits<std::size_t>::max)() / sizeof(T)) return false;
    void* fresh = ::operator new(capacity * sizeof(T), std::nothrow);
    if (fresh == nullptr) return false;
    copy_bytes(fresh, data_, size_ * sizeof(T));
    ::operator delete(std::exchange(data_, static_cast<T*>(fresh)));
    capacity_ = capacity;
    return true;
  }
  [[nodiscard]] bool push_back(const T& item) noexcept {
    if (size_ == capacity_ && !reserve(2 * capacity_ + 4)) return false;
    data_[size_++] = item;
    return true;
  }
  [[nodiscard]] bool append(std::span<const T> items) noexcept {
    if (items.size() > capacity_ - size_ &&
        !reserve(
            (std::max)(2 * capacity_, size_ + items.size())))  // what is in memory: no overflow
      return false;
    copy_bytes(data_ + size_, items.data(), items.size_bytes());
    size_ += items.size();
    return true;
  }
  void set_size(std::size_t size) noexcept { size_ = size; }  // at most the capacity

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T* begin() const noexcept { return data_; }
  [[nodiscard]] T* end() const noexcept { return data_ + size_; }
  [[nodiscard]] T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

//-- detail: name hash

template <class Word> Word load(const char* from) noexcept {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

inline void to_host_order([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes,
                          [[maybe_unused]] std::size_t unit) noexcept {
  if constexpr (std::endian::native == std::endian::big) {
    if (unit < 2) return;
    auto* at = static_cast<unsigned char*>(data);
    for (unsigned char* end = at + bytes; at != end; at += unit) std::reverse(at, at + unit);
  }
}

// The first byte is the lowest one, on every machine.
inline std::uint64_t load_little64(const char* from) noexcept {
  std::uint64_t word = load<std::uint64_t>(from);
  to_host_order(&word, sizeof word, sizeof word);
  return word;
}

// High and low half of the 128-bit product, folded.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using uint128 = unsigned __int128;
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  constexpr std::uint64_t low_half = 0xFFFFFFFFu;
  const std::uint64_t a0 = a & low_half, a1 = a >> 32, b0 = b & low_half, b1 = b >> 32;
  const std::uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32),
                      middle = a0 * b1 + (cross & low_half);
  return (middle << 32 | (low & low_half)) ^ (a1 * b1 + (cross >> 32) + (middle >> 32));
#endif
}

inline void prefetch([[maybe_unused]] const void* from) noexcept {
#ifdef __GNUC__
  __builtin_prefetch(from);
#endif
}

struct hash_keys {
  std::uint64_t key[4];
  std::uint64_t file_key[2];  // of temporary files' names, which others see
};
hash_keys process_keys() noexcept;  // random, drawn once per process

// Every factor is masked by a secret key or by a state that is, and the size is the last one's: no
// way is known to craft names that collide without the keys, so that opening and lookup stay linear
// and constant for hostile files.
inline std::uint64_t hash_name(std::string_view name, const hash_keys& keys) noexcept {
  std::uint64_t state = keys.key[0];
  const char* at = name.data();
  std::size_t left = name.size();
  for (; left > 16; at += 16, left -= 16)
    state = fold(load<std::uint64_t>(at) ^ keys.key[1],
                 load<std::uint64_t>(at + 8) ^ keys.key[2] ^ state);
  std::uint64_t low = 0, high = 0;  // the last bytes, the middle ones in both
  if (left >= 8) {
    low = load<std::uint64_t>(at), high = load<std::uint64_t>(at + left - 8);
  } else if (left >= 4) {
    low = load<std::uint32_t>(at), high = load<std::uint32_t>(at + left - 4);
  } else if (left >= 2) {
    low = load<std::uint16_t>(at), high = load<std::uint16_t>(at + left - 2);
  } else if (left == 1) {
    low = static_cast<unsigned char>(*at);
  }
  state = fold(low ^ keys.key[1], high ^ keys.key[2] ^ state);
  return fold(state ^ keys.key[3], keys.key[0] ^ name.size());
}

//-- detail: the tensor index

// One tensor: 32 bytes. Its name lies in the header's text, its sizes in the table of dimensions.
struct record {
  std::uint64_t begin, end;  // bytes of the data
  std::uint32_t name_offset, name_length;
  std::uint32_t first_dimension;
  std::uint32_t rank_and_dtype;

  static constexpr std::uint32_t dtype_bits = 5;
  static constexpr std::uint32_t max_rank = (1u << (32 - dtype_bits)) - 1;

  void set(std::uint32_t rank, dtype type) noexcept {
    rank_and_dtype = rank << dtype_bits | static_cast<std::uint32_t>(type);
  }
  [[nodiscard]] std::uint32_t rank() const noexcept { return rank_and_dtype >> dtype_bits; }
  [[nodiscard]] safetensors::dtype dtype() const noexcept {
    return static_cast<safetensors::dtype>(rank_and_dtype & ((1u << dtype_bits) - 1));
  }
};
static_assert(sizeof(record) == 32);

struct text_range {
  std::uint32_t offset, length;
};

struct metadata_entry {
  text_range key, value;
};

struct name_slot {
  std::uint32_t tag;
  std::uint32_t record_number;  // counted from 1; 0: free
};

inline constexpr std::size_t text_padding =
    64;  // zero bytes behind the text, so that readers may look ahead
inline constexpr std::uint64_t max_text_bytes =
    0xFFFF'FFFFu - text_padding;  // positions in it have 32 bits

// What a header becomes: a fixed number of flat blocks, however many tensors there are.
struct tensor_table {
  // The header. Strings with escapes are decoded in place, ending where the raw ones end.
  block<char> text{};
  block<record> records{};  // in data order once complete
  block<std::uint64_t> dimensions{};
  block<metadata_entry> metadata{};  // by key once complete
  block<name_slot> names{};
  hash_keys keys{};  // of names: another shared library that looks one up may have keys of its own
  std::uint64_t data_size = 0;
  text_range unknown_field{}, unknown_field_tensor{};  // the first one's names; at 0: there is none
  std::string path{};                                  // of the file, for failures

  [[nodiscard]] std::string_view view(text_range range) const noexcept {
    return {text.data() + range.offset, range.length};
  }
  [[nodiscard]] std::string_view name(const record& entry) const noexcept {
    return view({entry.name_offset, entry.name_length});
  }
  [[nodiscard]] std::span<const std::uint64_t> shape(const record& entry) const noexcept {
    return {dimensions.data() + entry.first_dimension, entry.rank()};
  }
  [[nodiscard]] std::uint64_t data_start() const noexcept { return 8 + text.size(); }

  [[nodiscard]] const record* find(std::string_view name) const noexcept {
    if (names.size() == 0) return nullptr;
    const std::uint64_t hash = hash_name(name, keys);
    const name_slot& slot = *locate(name, hash);
    return slot.record_number == 0 ? nullptr : &records[slot.record_number - 1];
  }

  // The slot of the name, or the free one where it would go.
  [[nodiscard]] name_slot* locate(std::string_view name, std::uint64_t hash) const noexcept {
    for (name_slot* slot = first_slot(hash);;) {
      if (slot->record_number == 0 ||
          (slot->tag == tag(hash) && this->name(records[slot->record_number - 1]) == name))
        return slot;
      if (++slot == names.end()) slot = names.begin();
    }
  }
  [[nodiscard]] name_slot* first_slot(std::uint64_t hash) const noexcept {
    return &names[static_cast<std::size_t>(hash) & (names.size() - 1)];
  }
  [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
};

// Builds and reads the private parts of the public classes.
struct access {
  template <class Value> static table_iterator<Value> iterate(const tensor_table* table,
                                                              const std::byte* data,
                                                              std::size_t at) noexcept {
    table_iterator<Value> iterator;
    iterator.table_ = table;
    iterator.data_ = data;
    iterator.at_ = static_cast<std::ptrdiff_t>(at);
    return iterator;
  }
  template <class Value>
  static Value make(const tensor_table& table, const std::byte* data, std::ptrdiff_t at) noexcept {
    const auto i = static_cast<std::size_t>(at);
    if constexpr (std::same_as<Value, metadata_view::value_type>) {
      return {table.view(table.metadata[i].key), table.view(table.metadata[i].value)};
    } else if constexpr (std::same_as<Value, tensor_view>) {
      return view(info(table, table.records[i]), data);
    } else {
      return info(table, table.records[i]);
    }
  }
  static tensor_info info(const tensor_table& table, const record& entry) noexcept {
    return {table, entry};
  }
  static tensor_view view(const tensor_info& info,
                          const std::byte* data) noexcept {  // data: the file's data section
    return {info,
            data == nullptr ? nullptr : data + static_cast<std::size_t>(info.data_offsets().begin)};
  }
  template <class Value, class Owner>
  static table_iterator<Value> iterate(const Owner& owner, std::size_t at) noexcept {
    return iterate<Value>(table(owner), data(owner), at);
  }
  static const tensor_table* table(const header& index) noexcept { return index.table_.get(); }
  static const std::string& path(const tensor_info& tensor) noexcept { return tensor.table_->path; }
  static std::size_t record_number(const tensor_info& tensor) noexcept {
    return static_cast<std::size_t>(tensor.record_ - tensor.table_->records.data());
  }
  static const file_facts& facts(const file_source& source) noexcept { return source.facts_; }
  template <class S> static const tensor_table* table(const basic_file<S>& file) noexcept {
    return table(file.header());
  }
  static const std::byte* data(const header&) noexcept { return nullptr; }
  template <class S> static const std::byte* data(const basic_file<S>& file) noexcept {
    return file.data();
  }
  static void set_path(header& index, std::string path) noexcept {
    index.table_->path = std::move(path);
  }
  static header make_header(std::unique_ptr<tensor_table> table) noexcept {
    return header(std::move(table));
  }
  static std::string_view utf8(const path_ref& path) noexcept { return path.utf8_; }
#ifdef _WIN32
  static bool is_wide(const path_ref& path) noexcept { return path.is_wide_; }
  static std::wstring_view wide(const path_ref& path) noexcept { return path.wide_; }
#endif
  static result<slice_layout> slice(const tensor_info& tensor, list_of<dim_range> ranges);
  static slice_view slice(slice_layout layout, const tensor_view& tensor) noexcept;
};

inline failure tensor_failure(errc code, const tensor_info& tensor, std::string detail,
                              std::string advice = {}) {
  return {.code = code,
          .path = access::path(tensor),
          .tensor = std::string(tensor.name()),
          .detail = std::move(detail),
          .advice = std::move(advice)};
}

// A decoded string ends where the raw one does. The bytes before it, which the raw one needed more,
// are filled with this byte, which is in no UTF-8.
inline constexpr char escape_filler = '\xFF';

// Byte of the file at which a string begins as it is written.
inline std::uint64_t raw_offset(const tensor_table& table, std::size_t decoded) noexcept {
  while (table.text.data()[decoded - 1] == escape_filler) --decoded;
  return 8 + std::uint64_t{decoded};
}

inline std::string_view text_of(const tensor_table& table) noexcept {
  return {table.text.data(), table.text.size()};
}

inline failure record_failure(errc code, const tensor_table& table, const record& entry,
                              std::string detail) {
  return {.code = code,
          .offset = raw_offset(table, entry.name_offset),
          .tensor = std::string(table.name(entry)),
          .detail = std::move(detail)};
}

//-- detail: completing the index: order, names, validation

// Eight bytes of a metadata key, in the order of their comparison.
struct key_part {
  std::uint64_t bytes;   // the first one is the highest; zeros behind the key's end
  std::uint32_t length;  // up to 8
  std::uint32_t number;  // of the entry

  [[nodiscard]] bool is_like(const key_part& other) const noexcept {
    return bytes == other.bytes && length == other.length;
  }
  friend bool operator<(const key_part& a, const key_part& b) noexcept {
    if (a.bytes != b.bytes) return a.bytes < b.bytes;
    return a.length != b.length ? a.length < b.length : a.number < b.number;
  }
};

// By key, equal ones as in the text. Eight bytes of the keys at a time, and of those alone that are
// alike so far: whole keys would be fetched again for each comparison, from all over the text.
inline result<void> sort_by_key(tensor_table& table) {
  struct alike {
    std::size_t begin, end, depth;
  };
  const std::size_t count = table.metadata.size();
  block<key_part> parts;
  block<alike> groups;
  if (!parts.reserve(count) || !groups.push_back({0, count, 0})) return errc::out_of_memory;
  parts.set_size(count);
  for (std::size_t i = 0; i < count; ++i) parts[i].number = static_cast<std::uint32_t>(i);
  while (groups.size() != 0) {
    const alike group = groups[groups.size() - 1];
    groups.set_size(groups.size() - 1);
    for (std::size_t i = group.begin; i < group.end; ++i) {
      const std::string_view key = table.view(table.metadata[parts[i].number].key);
      const std::size_t length = (std::min)(key.size() - group.depth, sizeof(std::uint64_t));
      parts[i].bytes = 0;
      for (std::size_t j = 0; j < length; ++j)
        parts[i].bytes |= std::uint64_t{static_cast<unsigned char>(key[group.depth + j])}
                          << (56 - 8 * j);
      parts[i].length = static_cast<std::uint32_t>(length);
    }
    std::sort(parts.begin() + group.begin, parts.begin() + group.end);
    for (std::size_t begin = group.begin, end = begin; begin < group.end; begin = end) {
      while (end < group.end && parts[end].is_like(parts[begin])) ++end;
      if (end - begin > 1 && parts[begin].length == sizeof(std::uint64_t) &&
          !groups.push_back({begin, end, group.depth + sizeof(std::uint64_t)}))
        return errc::out_of_memory;
    }
  }
  // Each part's room takes the entry that goes there.
  static_assert(sizeof(key_part) == sizeof(metadata_entry));
  for (key_part& part : parts) {
    const metadata_entry entry = table.metadata[part.number];
    std::memcpy(&part, &entry, sizeof entry);
  }
  copy_bytes(table.metadata.data(), parts.data(), count * sizeof(metadata_entry));
  return {};
}

inline result<void> sort_metadata(tensor_table& table) {
  const auto key = [&](const metadata_entry& entry) { return table.view(entry.key); };
  const auto find_not_before_next = [&] {
    return std::adjacent_find(
        table.metadata.begin(), table.metadata.end(),
        [&](const metadata_entry& a, const metadata_entry& b) { return key(a) >= key(b); });
  };
  const metadata_entry* twin = find_not_before_next();
  if (twin == table.metadata.end()) return {};
  if (auto sorted = sort_by_key(table); !sorted) return sorted;
  twin = find_not_before_next();
  if (twin == table.metadata.end()) return {};
  return failure_at(errc::duplicate_metadata_key, raw_offset(table, twin[1].key.offset),
                    text("the metadata key ", in_quotes(key(*twin)), " occurs before, at byte ",
                         raw_offset(table, twin->key.offset)));
}

inline bool before_in_data(const record& a, const record& b) noexcept {
  return a.begin != b.begin ? a.begin < b.begin
         : a.end != b.end   ? a.end < b.end
                            : a.name_offset < b.name_offset;
}

struct place {
  std::uint64_t begin;
  std::size_t number;  // of the record that begins there
};

// By first byte, 11 bits at a time, from the lowest on; equal ones stay as they are.
inline void sort_by_begin(block<place>& places, block<place>& others) noexcept {
  constexpr unsigned digit_bits = 11;
  constexpr std::size_t digits = std::size_t{1} << digit_bits;
  std::uint64_t any = 0;
  for (const place& each : places) any |= each.begin;
  for (unsigned shift = 0; shift < 64 && any >> shift != 0; shift += digit_bits) {
    std::size_t next[digits] = {};
    const auto digit = [&](const place& each) { return each.begin >> shift & (digits - 1); };
    for (const place& each : places) ++next[digit(each)];
    std::size_t before = 0;
    for (std::size_t& each : next) before += std::exchange(each, before);
    for (const place& each : places) others[next[digit(each)]++] = each;
    std::swap(places, others);
  }
}

// Brings the records into data order, and tells the names where they are now.
inline result<void> sort_records(tensor_table& table) {
  const std::size_t count = table.records.size();
  block<place> places, others;
  block<record> sorted;
  if (!places.reserve(count) || !others.reserve(count) || !sorted.reserve(count))
    return errc::out_of_memory;
  places.set_size(count), others.set_size(count), sorted.set_size(count);
  for (std::size_t i = 0; i < count; ++i) places[i] = {table.records[i].begin, i};
  constexpr std::ptrdiff_t few = 256;  // for which passes over all digits do not pay
  if (places.end() - places.begin() >= few) sort_by_begin(places, others);
  // What begins alike, tensors without bytes and at most one with, is still to be sorted.
  for (place *begin = places.begin(), *end = places.end(); begin != end;) {
    place* next = end - begin < few ? end : begin + 1;
    while (next != end && next->begin == begin->begin) ++next;
    if (next - begin > 1)
      std::sort(begin, next, [&](const place& a, const place& b) {
        return before_in_data(table.records[a.number], table.records[b.number]);
      });
    begin = next;
  }
  for (std::size_t i = 0; i < count; ++i) {
    sorted[i] = table.records[places[i].number];
    others[places[i].number].number = i;
  }
  std::swap(table.records, sorted);
  for (name_slot& slot : table.names)
    if (slot.record_number != 0)
      slot.record_number = static_cast<std::uint32_t>(others[slot.record_number - 1].number + 1);
  return {};
}

inline failure twin_failure(const tensor_table& table, const record& entry, const record& first) {
  return record_failure(
      errc::duplicate_tensor, table, entry,
      text("an earlier tensor has this name, at byte ", raw_offset(table, first.name_offset)));
}

// The first name that was there before fails. In the order of the text, which is at hand.
inline result<void> index_names(tensor_table& table) {
  const std::size_t count = table.records.size();
  if (count == 0) return {};
  const std::size_t slots = std::bit_ceil(count + count / 2 + 1);  // at most two thirds full
  if (!table.names.reserve(slots)) return errc::out_of_memory;
  table.names.set_size(slots);
  std::memset(static_cast<void*>(table.names.data()), 0, slots * sizeof(name_slot));
  const hash_keys keys = table.keys = process_keys();
  std::uint64_t hashes[32];  // ahead, so that their slots are fetched at once
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t ahead = i % std::size(hashes);
    for (std::size_t j = i; ahead == 0 && j != (std::min)(count, i + std::size(hashes)); ++j) {
      hashes[j - i] = hash_name(table.name(table.records[j]), keys);
      prefetch(table.first_slot(hashes[j - i]));
    }
    const record& entry = table.records[i];
    name_slot* slot = table.locate(table.name(entry), hashes[ahead]);
    if (slot->record_number != 0)
      return twin_failure(table, entry, table.records[slot->record_number - 1]);
    *slot = {tensor_table::tag(hashes[ahead]), static_cast<std::uint32_t>(i + 1)};
  }
  return {};
}

// Checked: false, and the product unchanged, if it would overflow; two small factors never do.
constexpr bool multiply(std::uint64_t& product, std::uint64_t factor) noexcept {
  if ((product | factor) >> 32 != 0 && factor != 0 &&
      product > (std::numeric_limits<std::uint64_t>::max)() / factor)
    return false;
  product *= factor;
  return true;
}

struct tensor_size {
  errc broken;  // the rule that dtype and shape break; errc{}: none
  std::uint64_t elements, bits;
};

// What dtype and shape need, as far as it can be told.
template <class Shape> constexpr tensor_size measure(dtype type, const Shape& shape) noexcept {
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (!multiply(elements, shape[i])) return {errc::size_overflow, 0, 0};
  std::uint64_t bits = elements;
  if (!multiply(bits, static_cast<std::uint64_t>(bit_width(type))))
    return {errc::size_overflow, elements, 0};
  return {bits % 8 == 0 ? errc{} : errc::partial_byte, elements, bits};
}

// Why measure() found a rule broken.
inline std::string size_text(dtype type, std::span<const std::uint64_t> shape,
                             const tensor_size& size) {
  if (size.broken == errc::partial_byte)
    return text(to_string(type), " ", shape_text(shape), " needs ", size.bits,
                " bits, which are not a whole number of bytes");
  if (size.elements == 0)
    return text("multiplying its shape ", shape_text(shape), " overflows 64 bits");
  return text(to_string(type), " ", shape_text(shape), " needs at least 2^64 bits");
}

// The first rule that the tensor breaks where it lies; errc{}: none.
inline errc broken_rule(const tensor_table& table, const record& entry,
                        std::uint64_t previous_end) noexcept {
  if (entry.begin != previous_end || entry.end < entry.begin) return errc::invalid_offsets;
  const tensor_size size = measure(entry.dtype(), table.shape(entry));
  if (size.broken != errc{}) return size.broken;
  return entry.end - entry.begin == size.bits / 8 ? errc{} : errc::size_mismatch;
}

// The tensor that ends where the one that breaks a rule should begin. In data order, those without
// bytes there come later.
inline const record* find_neighbour(const tensor_table& table, const record& broken,
                                    std::uint64_t end) noexcept {
  for (const record* entry = &broken; entry != table.records.begin();) {
    --entry;
    if (entry->end == end) return entry;
  }
  return nullptr;
}

inline failure broken_rule_failure(const tensor_table& table, const record& entry,
                                   std::uint64_t previous_end) {
  const errc code = broken_rule(table, entry, previous_end);
  const auto shape = table.shape(entry);
  const tensor_size size = measure(entry.dtype(), shape);
  const auto range_text = [](const record& of) { return text("[", of.begin, ",", of.end, "]"); };
  failure what = record_failure(code, table, entry, {});
  if (code == size.broken) {
    what.detail = size_text(entry.dtype(), shape, size);
    return what;
  }
  if (code == errc::size_mismatch) {
    what.detail = text(to_string(entry.dtype()), " ", shape_text(shape), " needs ",
                       counted(size.bits / 8, "byte"), ", but data_offsets ", range_text(entry),
                       " span ", entry.end - entry.begin);
    return what;
  }
  what.detail = text("its data_offsets are ", range_text(entry), "; ");
  if (entry.end < entry.begin) {
    what.detail += "they end before they begin";
  } else if (previous_end == 0 && entry.begin == table.data_start()) {
    what.detail += "they seem to count from the start of the file";
    what.advice = "count them from the end of the header, where the data begins";
  } else if (entry.begin > previous_end) {
    const std::uint64_t gap = entry.begin - previous_end;
    what.detail += text("the ", counted(gap, "byte"), " before it ",
                        gap == 1 ? "belongs" : "belong", " to no tensor");
  } else {
    const record* const other = find_neighbour(table, entry, previous_end);
    what.detail += "the tensor overlaps ";
    what.detail += other == nullptr ? "another"
                                    : text(in_quotes(table.name(*other)), ", ", range_text(*other));
  }
  return what;
}

// The first tensor that breaks a rule, or null; the data's size is where it should begin.
inline const record* find_broken(tensor_table& table) noexcept {
  table.data_size = 0;
  for (const record& entry : table.records) {
    if (broken_rule(table, entry, table.data_size) != errc{}) return &entry;
    table.data_size = entry.end;
  }
  return nullptr;
}

inline result<void> validate_end(tensor_table& table, std::uint64_t file_size,
                                 const read_options& options) {
  const std::uint64_t start = table.data_start();
  if (file_size == unknown_size) {
    if (table.data_size <= (std::numeric_limits<std::uint64_t>::max)() - 1 - start) return {};
    return failure{.code = errc::size_overflow,
                   .detail = "the file would be longer than 2^64 bytes"};
  }
  const std::uint64_t present = file_size - start;
  if (table.data_size > present)
    return failure_at(errc::missing_bytes, file_size,
                      text("the tensors need ", counted(table.data_size, "byte"),
                           " of data, but the file has ", present),
                      cut_short);
  if (table.data_size < present && !options.allow_trailing_bytes) {
    constexpr std::uint64_t padding = 64;  // more than that is something else
    const std::uint64_t more = present - table.data_size;
    return failure_at(
        errc::uncovered_bytes, start + table.data_size,
        text(counted(more, "byte"), more == 1 ? " follows" : " follow", " the last tensor"),
        more <= padding ? "allow_trailing_bytes accepts the file" : "");
  }
  return {};
}

// Takes what a lane has read; afterwards the table is as promised, or there is a failure.
inline result<void> complete(tensor_table& table, std::uint64_t file_size,
                             const read_options& options) {
  if (auto sorted = sort_metadata(table); !sorted) return sorted;
  if (auto indexed = index_names(table); !indexed) return indexed;
  // If no tensor breaks a rule, they are in order.
  const record* broken = find_broken(table);
  if (broken != nullptr) {
    if (auto sorted = sort_records(table); !sorted) return sorted;
    broken = find_broken(table);
  }
  if (broken != nullptr) return broken_rule_failure(table, *broken, table.data_size);
  return validate_end(table, file_size, options);
}

//-- detail: canonical lane: what known writers emit, but for escapes in names, read fast

// The grammar: compact JSON, with one space behind a colon or a comma if there is any; fields in
// any order, no unknown ones; plain integers; strings without escapes, but for the short ones in
// metadata values. What is not recognised is declined, never rejected: the general lane judges it,
// from a text that is as it was. Behind the text are zero bytes, which match nothing, so that no
// step looks for the end. Every step returns where it ended, or null where it declines.
class canonical_lane {
 public:
  explicit canonical_lane(tensor_table& table) noexcept : table_(table) {}

  // Whether the header was taken as a whole.
  [[nodiscard]] bool read() noexcept {
    const char* at = table_.text.data();
    const char* end = at + table_.text.size();
    if (*at++ != '{') return false;
    for (bool more = *at != '}'; more;) {
      text_range name{};
      at = colon(plain_string(at, name));
      if (at == nullptr) return false;
      at = table_.view(name) == "__metadata__" ? metadata(at) : entry(at, name);
      if (at == nullptr) return false;
      more = *at == ',';
      if (more) at = skip_space(at + 1);
    }
    if (*at++ != '}') return false;
    while (*at == ' ') ++at;
    if (at != end) return false;
    for (metadata_entry& each : table_.metadata) decode(each.value);
    return true;
  }

 private:
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
  [[gnu::flatten]]  // GCC would call for the shape and the offsets; clang is faster where it does
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
    return complete(made, rank, type) ? at + 1 : nullptr;
  }
  const char* entry_in_any_order(const char* at, record& made) noexcept {
    dtype type{};
    std::size_t rank = 0;
    unsigned seen = 0;
    constexpr unsigned all = 7;
    if (*at++ != '{') return nullptr;
    for (bool more = true; more;) {
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
      more = *at == ',';
      if (more) at = skip_space(at + 1);
    }
    return *at == '}' && seen == all && complete(made, rank, type) ? at + 1 : nullptr;
  }
  static bool complete(record& made, std::size_t rank, dtype type) noexcept {
    if (rank > record::max_rank) return false;
    made.set(static_cast<std::uint32_t>(rank), type);
    return true;
  }
  const char* metadata(const char* at) noexcept {
    if (std::exchange(has_metadata_, true)) return nullptr;
    if (const char* next = literal(at, "null"); next != nullptr) return next;
    if (*at++ != '{') return nullptr;
    for (bool more = *at != '}'; more;) {
      metadata_entry each{};
      at = colon(plain_string(at, each.key));
      if (at == nullptr || (at = escaped_string(at, each.value)) == nullptr) return nullptr;
      if (!table_.metadata.push_back(each)) return nullptr;
      more = *at == ',';
      if (more) at = skip_space(at + 1);
    }
    return *at == '}' ? at + 1 : nullptr;
  }
  const char* dtype_name(const char* at, dtype& type) noexcept {
    if (*at++ != '"') return nullptr;
    // Mostly it is the one before.
    if ((load_little64(at) & dtype_.mask) != dtype_.word && !other_dtype(at - 1)) return nullptr;
    type = dtype_.type;
    return at + dtype_.size;
  }
  bool other_dtype(const char* quote) noexcept {
    text_range name{};
    if (plain_string(quote, name) == nullptr) return false;
    const std::optional<dtype> known = dtype_from_string(table_.view(name));
    if (!known) return false;
    dtype_ = {*known, name.length + 1};
    if (dtype_.size <= 8) {  // with the closing quote
      dtype_.mask = ~std::uint64_t{} >> (64 - 8 * dtype_.size);
      dtype_.word = load_little64(quote + 1) & dtype_.mask;
    }
    return true;
  }
  const char* shape(const char* at, std::size_t& rank) noexcept {
    if (*at++ != '[') return nullptr;
    const std::size_t first = table_.dimensions.size();
    for (bool more = *at != ']'; more;) {
      std::uint64_t size = 0;
      at = integer(at, size);
      if (at == nullptr || !table_.dimensions.push_back(size)) return nullptr;
      more = *at == ',';
      if (more) at = skip_space(at + 1);
    }
    rank = table_.dimensions.size() - first;
    return *at == ']' ? at + 1 : nullptr;
  }
  const char* offsets(const char* at, record& made) noexcept {
    if (*at++ != '[') return nullptr;
    // Mostly a tensor begins where the one before ends.
    if (end_.is_at(at) && at[end_.length] == ',')
      made.begin = end_.value, at += end_.length;
    else if ((at = integer(at, made.begin)) == nullptr || *at != ',')
      return nullptr;
    const char* end = skip_space(at + 1);
    at = integer(end, made.end);
    if (at == nullptr || *at != ']') return nullptr;
    if (at - end <= number::longest) end_ = {end, at - end, made.end};
    return at + 1;
  }

  //-- tokens
  template <std::size_t Size>
  static const char* literal(const char* at, const char (&text)[Size]) noexcept {
    return std::memcmp(at, text, Size - 1) == 0 ? at + (Size - 1) : nullptr;
  }
  static const char* skip_space(const char* at) noexcept { return at + (*at == ' ' ? 1 : 0); }
  static const char* colon(const char* at) noexcept {
    return at != nullptr && *at == ':' ? skip_space(at + 1) : nullptr;
  }
  // Up to 19 digits, which fit in 64 bits.
  static const char* integer(const char* at, std::uint64_t& value) noexcept {
    const char* const begin = at;
    std::uint64_t sum = 0;
    const auto digit = [&] { return static_cast<unsigned>(static_cast<unsigned char>(*at)) - '0'; };
    for (unsigned next; (next = digit()) <= 9; ++at) sum = sum * 10 + next;
    const auto digits = at - begin;
    if (digits == 0 || digits > 19 || (*begin == '0' && digits != 1)) return nullptr;
    value = sum;
    return at;
  }
  const char* plain_string(const char* at, text_range& inside) noexcept {
    if (*at != '"') return nullptr;
    std::uint64_t bytes = 0;
    const char* end = skip_plain(at + 1, bytes);
    return *end == '"' && is_utf8(at + 1, end, bytes) ? behind(at + 1, end, inside) : nullptr;
  }
  const char* escaped_string(const char* at, text_range& inside) noexcept {
    if (*at != '"') return nullptr;
    std::uint64_t bytes = 0;
    const char* end = skip_plain(at + 1, bytes);
    for (; *end == '\\'; end = skip_plain(end + 2, bytes))
      if (short_escapes.find(end[1]) == short_escapes.npos) return nullptr;
    return *end == '"' && is_utf8(at + 1, end, bytes) ? behind(at + 1, end, inside) : nullptr;
  }
  const char* behind(const char* begin, const char* end, text_range& inside) const noexcept {
    inside.offset = static_cast<std::uint32_t>(begin - table_.text.data());
    inside.length = static_cast<std::uint32_t>(end - begin);
    return end + 1;
  }

  //-- strings, eight bytes at a time
  static constexpr std::uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
  static constexpr std::string_view short_escapes = "\"\\/bfnrt", escaped = "\"\\/\b\f\n\r\t";

  // The first quote, backslash or control from here on. All that was looked at goes into `bytes`.
  static const char* skip_plain(const char* at, std::uint64_t& bytes) noexcept {
    for (;; at += 8) {
      const std::uint64_t word = load_little64(at);
      // Quotes change places with spaces, and then are next to the controls.
      const std::uint64_t quotes = (word ^ ones * ('"' ^ ' ')) - ones * (' ' + 1),
                          backslashes = (word ^ ones * '\\') - ones;
      // The first byte found is right; those behind it may be found for its borrow.
      const std::uint64_t found = (quotes | backslashes) & ~word & highs;
      bytes |= word;
      if (found != 0) return at + std::countr_zero(found) / 8;
    }
  }
  static bool is_utf8(const char* begin, const char* end, std::uint64_t bytes) noexcept {
    const std::string_view text(begin, static_cast<std::size_t>(end - begin));
    return (bytes & highs) == 0 || valid_utf8_prefix(text) == text.size();
  }
  // In place: it becomes shorter.
  void decode(text_range& value) noexcept {
    char* const begin = table_.text.data() + value.offset;
    const char *from = begin, *end = begin + value.length;
    from = std::find(from, end, '\\');
    char* to = begin + (from - begin);
    for (; from != end; ++to, ++from)
      *to = *from != '\\' ? *from : escaped[short_escapes.find(*++from)];
    value.length = static_cast<std::uint32_t>(to - begin);
  }

  // What stood there last: it is compared before anything is read anew.
  struct dtype_token {
    dtype type;
    std::size_t size;
    std::uint64_t mask = 0, word = 1;  // which nothing is
  };
  struct number {
    static constexpr std::ptrdiff_t longest = 16;
    const char* digits;
    std::ptrdiff_t length;
    std::uint64_t value;

    [[nodiscard]] bool is_at(const char* at) const noexcept {
      if (length <= 8) return (load_little64(at) ^ load_little64(digits)) << (64 - 8 * length) == 0;
      return load<std::uint64_t>(at) == load<std::uint64_t>(digits) &&
             load<std::uint64_t>(at + length - 8) == load<std::uint64_t>(digits + length - 8);
    }
  };

  tensor_table& table_;
  dtype_token dtype_{};
  number end_{"0\0\0\0\0\0\0", 1, 0};
  bool has_metadata_ = false;
};

//-- detail: general lane: nlohmann's SAX parser, guarded

inline constexpr std::size_t max_depth = 127;  // of objects and arrays, the header being the first
inline constexpr std::size_t max_token_run = 4096;  // see json_feed

enum class number_kind : std::uint8_t { fine, malformed, out_of_range };

// Without a point, strtod does not depend on the locale. exponent: 0 to 308
inline double power_of_ten(std::int64_t exponent) noexcept {
  const char text[] = {'1',
                       'e',
                       static_cast<char>('0' + exponent / 100),
                       static_cast<char>('0' + exponent / 10 % 10),
                       static_cast<char>('0' + exponent % 10),
                       '\0'};
  return std::strtod(text, nullptr);
}

// Judges a number by the grammar of JSON, and by whether the reference's arithmetic finds it
// finite: 64 bits of its digits, times a power of ten. nlohmann's conversion would depend on the
// locale. at: where a malformed number goes wrong.
inline number_kind judge_number(std::string_view text, std::size_t& at) noexcept {
  at = 0;
  const auto next_is = [&](char a, char b) {
    return at != text.size() && (text[at] == a || text[at] == b);
  };
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at != text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return text.substr(begin, at - begin);
  };
  if (next_is('-', '-')) ++at;
  const std::string_view whole = digits();
  if (whole.empty() || (whole.size() > 1 && whole[0] == '0')) return number_kind::malformed;
  std::string_view fraction, power;
  if (next_is('.', '.') && (++at, fraction = digits()).empty()) return number_kind::malformed;
  bool divide = false;
  if (next_is('e', 'E')) {
    ++at;
    divide = next_is('-', '-');
    if (next_is('+', '-')) ++at;
    if ((power = digits()).empty()) return number_kind::malformed;
  }
  if (at != text.size()) return number_kind::malformed;

  std::uint64_t significand = 0;
  const auto append = [&](char c) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (significand > ((std::numeric_limits<std::uint64_t>::max)() - digit) / 10) return false;
    significand = significand * 10 + digit;
    return true;
  };
  std::size_t used = 0;
  while (used != whole.size() && append(whole[used])) ++used;
  auto exponent = static_cast<std::int64_t>(whole.size() - used);
  for (used = 0; used != fraction.size() && append(fraction[used]); ++used) --exponent;
  std::int64_t written = 0;
  constexpr std::int64_t far_away = (std::numeric_limits<std::int32_t>::max)();
  for (const char c : power) written = (std::min)(written * 10 + (c - '0'), 2 * far_away);
  if (significand == 0) return number_kind::fine;
  if (written > far_away) return divide ? number_kind::fine : number_kind::out_of_range;
  exponent += divide ? -written : written;
  if (exponent <= 0) return number_kind::fine;
  if (exponent > 308) return number_kind::out_of_range;
  const double value = static_cast<double>(significand) * power_of_ten(exponent);
  return value <= (std::numeric_limits<double>::max)() ? number_kind::fine
                                                       : number_kind::out_of_range;
}

// Gives the header's text to nlohmann's lexer, and knows where it is. The lexer keeps all that it
// has read since its last string or number, to build error texts from; hostile headers make that
// enormous. So white space is handed over as one byte, and where an array goes on for max_token_run
// bytes without a string or a number, a comma is handed over as `,0,`: it keeps what is valid
// valid, and what is not invalid. Only unknown fields can hold such arrays, and their values are
// ignored. Numbers other than integers of up to 20 digits are judged here, and handed over as
// `0e0`.
class json_feed {
 public:
  json_feed(const char* begin, const char* end) noexcept : at_(begin), end_(end), token_(begin) {}

  [[nodiscard]] char peek() const noexcept { return inserted_ != nullptr ? *inserted_ : *at_; }
  [[nodiscard]] bool at_end() noexcept {
    ended_ = at_ == end_ && inserted_ == nullptr;
    return ended_;
  }
  void advance() noexcept {
    if (inserted_ == nullptr) {
      consume();
    } else if (*++inserted_ != '\0') {
      return;
    } else {
      inserted_ = nullptr;
    }
    if (inserted_ == nullptr && !in_string_ && !in_word_) look_at_number();
  }

  // Behind the last byte handed over.
  [[nodiscard]] const char* position() const noexcept { return at_; }
  [[nodiscard]] const char* token() const noexcept { return token_; }  // where the last value began
  [[nodiscard]] bool ended() const noexcept { return ended_; }         // the lexer has seen the end
  [[nodiscard]] number_kind last_number() const noexcept { return number_; }
  [[nodiscard]] const char* malformed() const noexcept {
    return malformed_;
  }  // byte of last_number()
  bool in_array = false;  // the innermost container, as the handler knows it

 private:
  void consume() noexcept {
    const char c = *at_++;
    if (in_string_) return consume_in_string(c);
    ++run_;
    if (is_space(c)) {
      in_word_ = false;
      while (at_ != end_ && is_space(*at_)) ++at_;
    } else if (c == '"') {
      in_string_ = true;
      start_token();
    } else if (c == '[' || c == '{') {
      start_token();
    } else if (c == ',' || c == ':' || c == ']' || c == '}') {
      in_word_ = false;
      if (c == ',' && in_array && run_ > max_token_run) {
        inserted_ = "0,";
        run_ = 0;
      }
    } else if (!in_word_) {
      start_token();
      in_word_ = true;
      if (starts_number(c)) run_ = 0;
    }
  }
  // Such a number is replaced as a whole, before its first byte is handed over.
  void look_at_number() noexcept {
    if (at_ == end_ || !starts_number(*at_)) return;
    if (at_[-1] == '"') return;  // it is wrong anyway, and that string is still to be placed
    const char* last = std::find_if(at_ + 1, end_, [](char c) { return c < '0' || c > '9'; });
    const auto is_part = [](char c) {
      return c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
    };
    if (last - at_ <= 20 && (last == end_ || !is_part(*last))) return;
    last = std::find_if(last, end_, [&](char c) { return (c < '0' || c > '9') && !is_part(c); });
    std::size_t malformed = 0;
    number_ = judge_number({at_, static_cast<std::size_t>(last - at_)}, malformed);
    token_ = at_;
    malformed_ = at_ + malformed;
    at_ = last;
    run_ = 0;
    inserted_ = "0e0";
    if (number_ != number_kind::fine) end_ = at_, inserted_ = "+";  // which is no number either
  }
  static bool starts_number(char c) noexcept { return c == '-' || (c >= '0' && c <= '9'); }
  void consume_in_string(char c) noexcept {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
      run_ = 0;
    }
  }
  void start_token() noexcept {
    token_ = at_ - 1;
    in_word_ = false;
  }

  const char* at_;
  const char* end_;
  const char* token_;
  const char* inserted_ = nullptr;  // handed over before what is at at_
  std::size_t run_ = 0;
  number_kind number_ = number_kind::fine;
  const char* malformed_ = nullptr;
  bool in_string_ = false, escaped_ = false, in_word_ = false, ended_ = false;
};

// The feed as the input iterator that nlohmann takes; a default-constructed one is the end.
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

inline constexpr const char* too_many_dimensions = "its shape has more than 2^27-1 dimensions";

// What `text`, which is not a dtype of the format, stands for; nullptr: unknown.
inline const dtype_facts* similar_dtype(std::string_view text) {
  struct spelling {
    std::string_view from, to;
  };
  constexpr spelling words[] = {{"TORCH", ""},    {"BFLOAT", "BF"},    {"FLOAT", "F"},
                                {"COMPLEX", "C"}, {"BOOLEAN", "BOOL"}, {"DOUBLE", "F64"},
                                {"HALF", "F16"},  {"LONG", "I64"},     {"UINT", "U"},
                                {"INT", "I"},     {"FP", "F"}};
  constexpr std::string_view endings[] = {"", "FN", "FNU", "E2M1", "E2M1FN", "E2M1FNX2"};
  constexpr std::size_t longest = 32, long_enough = 6;  // to be right but for one character
  const auto plain = [](std::string_view name) {
    std::string letters;
    for (const char c : name)
      if (c >= 'a' && c <= 'z')
        letters += static_cast<char>(c - 'a' + 'A');
      else if (std::string_view(" -._").find(c) == std::string_view::npos)
        letters += c;
    return letters;
  };
  std::string given = plain(text.substr(0, longest));
  for (const spelling& word : words)
    if (const auto at = given.find(word.from); at != given.npos)
      given.replace(at, word.from.size(), word.to);
  for (const dtype_facts& each : dtypes)
    for (const std::string_view ending : endings)
      if (given == plain(each.name).append(ending)) return &each;
  const dtype_facts* nearest = nullptr;
  std::ptrdiff_t common = 0;
  for (const dtype_facts& each : dtypes) {
    const std::string name = plain(each.name);
    if (name.size() != given.size() || name.size() < long_enough) continue;
    const auto [a, b] = std::mismatch(name.begin(), name.end(), given.begin());
    if (std::equal(a + 1, name.end(), b + 1) && a - name.begin() > common)
      nearest = &each, common = a - name.begin();
  }
  return nearest;
}

inline std::string dtype_advice(std::string_view text) {
  const dtype_facts* const similar = similar_dtype(text);
  std::string advice = similar == nullptr
                           ? "the dtypes are "
                           : detail::text("did you mean ", similar->name, "? The dtypes are ");
  for (std::size_t i = 0; i < std::size(dtypes); ++i)
    advice.append(i == 0 ? "" : i + 1 == std::size(dtypes) ? " and " : ", ").append(dtypes[i].name);
  return advice;
}

// nlohmann's text of a fault: "…: syntax error while parsing CONTEXT - FAULT; last read: 'TEXT';
// expected TOKEN", where the last two parts may be missing. These are its FAULT and its TOKEN.
struct syntax_fault {
  std::string_view fault, expected;
  bool in_value;  // where words are read, which may go wrong after their first byte

  explicit syntax_fault(std::string_view text)
      : in_value(text.find("while parsing value") != text.npos) {
    constexpr std::string_view context = "while parsing ", read = "; last read: '",
                               next = "; expected ";
    const std::size_t begin = text.find(" - ", (std::min)(text.find(context), text.size()));
    fault = text.substr(begin == text.npos ? 0 : begin + 3);
    if (const std::size_t at = fault.rfind(next); at != fault.npos)
      expected = fault.substr(at + next.size());
    fault = fault.substr(0, (std::min)(fault.find(read), fault.find(next)));
  }
};

// nlohmann's name of a token, as a message names it. It expects a comma before each end.
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

// found: the token, as it is written
inline std::string syntax_text(const syntax_fault& wrong, std::string_view found) {
  constexpr std::string_view unexpected = "unexpected ", in_string = "invalid string: ";
  constexpr std::size_t shown = 40;
  if (wrong.fault == "invalid string: missing closing quote")
    return "a string has no closing quote";
  if (wrong.fault == "invalid string: forbidden character after backslash")
    return "in a string, a backslash is followed by a character that JSON does not allow there";
  if (wrong.fault.starts_with(in_string))
    return text("in a string, ", wrong.fault.substr(in_string.size()));
  const std::string_view digits = found.substr(found.starts_with('-') ? 1 : 0);
  const bool is_octal =
      digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
  if (wrong.fault.starts_with("invalid number") || is_octal)
    return text(in_quotes(found, shown), " is not a number");
  const bool is_json = wrong.fault.starts_with(unexpected);
  std::string said = is_json
                         ? text("found ", token_text(wrong.fault.substr(unexpected.size()), false))
                         : text("found ", in_quotes(found, shown), ", which is not JSON");
  if (wrong.expected == "end of input") return said + " after the object";
  if (!wrong.expected.empty())
    said += text(is_json ? ", expected " : "; expected ", token_text(wrong.expected, true));
  return said;
}

// Judges the schema while nlohmann reads, and fills the table. Positions are bytes of the file.
class sax_handler {
 public:
  sax_handler(tensor_table& table, json_feed& feed) noexcept : table_(table), feed_(feed) {}

  [[nodiscard]] failure take_failure() { return std::move(failure_); }

  bool null() { return wanted_ == value::metadata || unexpected(); }
  bool boolean(bool) { return unexpected(); }
  bool number_integer(std::int64_t) { return unexpected(); }
  bool number_float(double, const std::string&) { return unexpected(); }
  bool number_unsigned(std::uint64_t number) {
    if (wanted_ == value::dimension) {
      if (rank_++ == record::max_rank) return fail(errc::invalid_shape, too_many_dimensions);
      return table_.dimensions.push_back(number) || fail(errc::out_of_memory);
    }
    if (wanted_ != value::offset || offset_count_ == 2) return unexpected();
    (offset_count_++ == 0 ? entry_.begin : entry_.end) = number;
    return true;
  }
  bool string(std::string& decoded) {
    if (wanted_ == value::metadata_value) {
      entry_metadata_.value = place(decoded);
      return table_.metadata.push_back(entry_metadata_) || fail(errc::out_of_memory);
    }
    if (wanted_ != value::dtype) return unexpected();
    const std::optional<dtype> type = dtype_from_string(decoded);
    if (!type) return unknown_dtype(decoded);
    dtype_ = *type;
    return true;
  }
  // Demanded by nlohmann, never called for text.
  bool binary(const std::vector<std::uint8_t>&) { return false; }

  bool start_object(std::size_t) {
    if (!enter(false)) return false;
    switch (wanted_) {
      case value::root:
      case value::metadata:
      case value::ignored: return true;
      case value::entry:
        seen_ = 0;
        rank_ = 0;
        offset_count_ = 0;
        return true;
      default: return unexpected();
    }
  }
  bool key(std::string& decoded) {
    if (depth_ == 1) return top_level_key(decoded);
    if (depth_ > 2) return true;
    if (in_metadata_) {
      entry_metadata_.key = place(decoded);
      wanted_ = value::metadata_value;
      return true;
    }
    return field_key(decoded);
  }
  bool end_object() {
    leave();
    if (depth_ != 1 || in_metadata_) return true;
    constexpr std::string_view fields[] = {"dtype", "shape", "data_offsets"};
    for (unsigned i = 0; i < 3; ++i)
      if ((seen_ & 1u << i) == 0) return missing_field(fields[i]);
    entry_.set(rank_, dtype_);
    in_tensor_ = false;
    return table_.records.push_back(entry_) || fail(errc::out_of_memory);
  }
  bool start_array(std::size_t) {
    if (!enter(true)) return false;
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
  bool end_array() {
    leave();
    if (wanted_ != value::offset || offset_count_ == 2) return true;
    return fail(errc::invalid_offsets,
                text("its data_offsets hold ", counted(offset_count_, "number"), " instead of 2"));
  }

  // what: nlohmann's text, whose own positions are those of the feed and are left out.
  template <class Exception>
  bool parse_error(std::size_t, const std::string&, const Exception& exception) {
    if (feed_.last_number() == number_kind::out_of_range)
      return fail(errc::invalid_json, text(found_text(), " is too large for a number"));
    if (feed_.last_number() == number_kind::malformed)
      return fail_at(errc::invalid_json, place_of(feed_.malformed()),
                     text(found_text(), " is not a number"));
    const syntax_fault wrong(exception.what());
    const bool is_token =
        wrong.fault.ends_with("literal") && !(wrong.in_value && wrong.fault == "invalid literal");
    const char* const last = feed_.position() - (feed_.ended() ? 0 : 1);
    return fail_at(errc::invalid_json, place_of(is_token ? feed_.token() : last),
                   syntax_text(wrong, found()));
  }

 private:
  enum class value : std::uint8_t {
    root,
    entry,
    metadata,
    metadata_value,
    dtype,
    shape,
    dimension,
    offsets,
    offset,
    ignored
  };

  bool enter(bool array) {
    if (depth_ == max_depth)
      return fail(errc::too_deep, "objects and arrays are nested more than 127 deep");
    is_array_[depth_++] = feed_.in_array = array;
    return true;
  }
  void leave() noexcept {
    --depth_;
    feed_.in_array = depth_ != 0 && is_array_[depth_ - 1];
  }

  bool top_level_key(std::string& decoded) {
    in_metadata_ = decoded == "__metadata__";
    in_tensor_ = !in_metadata_;
    if (in_metadata_) {
      if (std::exchange(has_metadata_, true))
        return fail(errc::duplicate_field, "__metadata__ occurs twice");
      wanted_ = value::metadata;
      return true;
    }
    const text_range name = place(decoded);
    entry_.name_offset = name.offset;
    entry_.name_length = name.length;
    wanted_ = value::entry;
    return true;
  }
  bool field_key(const std::string& decoded) {
    unsigned bit = 0;
    if (decoded == "dtype") {
      wanted_ = value::dtype;
      bit = 1;
    } else if (decoded == "shape") {
      wanted_ = value::shape;
      bit = 2;
    } else if (decoded == "data_offsets") {
      wanted_ = value::offsets;
      bit = 4;
    } else {
      wanted_ = value::ignored;
      if (table_.unknown_field.offset == 0) {
        table_.unknown_field = place(decoded);
        table_.unknown_field_tensor = {entry_.name_offset, entry_.name_length};
      }
    }
    if ((seen_ & bit) != 0)
      return fail(errc::duplicate_field, text("its field ", decoded, " occurs twice"));
    seen_ |= bit;
    return true;
  }

  // Writes a decoded string over its raw form, right-aligned: it is never longer, and the lexer is
  // past it.
  text_range place(const std::string& decoded) noexcept {
    const char* closing_quote = feed_.position() - 1;
    const auto end = static_cast<std::size_t>(closing_quote - table_.text.data());
    const std::size_t begin = end - decoded.size();
    const auto raw_begin = static_cast<std::size_t>(feed_.token() + 1 - table_.text.data());
    if (raw_begin < begin) {
      std::memset(table_.text.data() + raw_begin, escape_filler, begin - raw_begin);
      std::memcpy(table_.text.data() + begin, decoded.data(), decoded.size());
    }
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(decoded.size())};
  }

  // A value of the wrong kind: harmless in unknown fields, an error elsewhere.
  bool unexpected() {
    constexpr std::string_view integers = "must be integers from 0 to 2^64-1";
    switch (wanted_) {
      case value::ignored: return true;
      case value::root: return fail(errc::header_not_object, text("it is ", found_kind()));
      case value::entry:
        return fail(errc::invalid_entry, text("its entry is ", found_kind(), ", not an object"));
      case value::metadata:
        return fail(errc::invalid_metadata,
                    text("__metadata__ is ", found_kind(), ", not an object of strings"));
      case value::metadata_value:
        return fail(errc::invalid_metadata,
                    text("the value of ", in_quotes(table_.view(entry_metadata_.key)), " is ",
                         found_kind(), "; metadata values must be strings"));
      case value::dtype:
        return fail(errc::unknown_dtype, text("its dtype is ", found_kind(), ", not a string"));
      case value::shape:
        return fail(errc::invalid_shape, text("its shape is ", found_kind(), ", not an array"),
                    found_text() == "null" ? "the shape of a scalar is []" : "");
      case value::dimension:
        return fail(errc::invalid_shape,
                    text("its shape holds ", found_text(), "; sizes ", integers));
      case value::offsets:
        return fail(errc::invalid_offsets,
                    text("its data_offsets are ", found_kind(), ", not an array"));
      case value::offset: break;
    }
    if (offset_count_ == 2)
      return fail(errc::invalid_offsets, "its data_offsets hold more than 2 numbers");
    return fail(errc::invalid_offsets,
                text("its data_offsets hold ", found_text(), "; offsets ", integers));
  }
  // The value's kind, by its first character.
  [[nodiscard]] std::string_view found_kind() const noexcept {
    switch (*feed_.token()) {
      case '"': return "a string";
      case '{': return "an object";
      case '[': return "an array";
      case 't':
      case 'f': return "a boolean";
      case 'n': return "null";
      default: return "a number";
    }
  }
  // The value as it is written; of an object or an array, its beginning.
  [[nodiscard]] std::string_view found() const noexcept {
    const auto size = static_cast<std::size_t>(feed_.position() - feed_.token());
    std::string_view raw = text_of(table_);
    raw.remove_prefix(static_cast<std::size_t>(feed_.token() - raw.data()));
    return raw.substr(0, raw.starts_with('"') ? size : raw.find_first_of(" \t\r\n,:]}"));
  }
  // The same, safe to show, but the kind of an object or an array.
  [[nodiscard]] std::string found_text() const {
    constexpr std::size_t shown = 40;
    const std::string_view raw = found();
    if (raw.starts_with('[') || raw.starts_with('{')) return std::string(found_kind());
    return escaped(raw, escapes::invisible, shown);
  }
  bool unknown_dtype(const std::string& decoded) {
    return fail(errc::unknown_dtype,
                text("dtype ", in_quotes(decoded), " is not a safetensors dtype"),
                dtype_advice(decoded));
  }
  bool missing_field(std::string_view field) {
    return fail_at(errc::missing_field, raw_offset(table_, entry_.name_offset),
                   text("its entry has no ", field));
  }
  [[nodiscard]] std::uint64_t place_of(const char* where) const noexcept {
    return 8 + static_cast<std::uint64_t>(where - table_.text.data());
  }

  bool fail(errc code, std::string detail = {}, std::string advice = {}) {
    return fail_at(code, place_of(feed_.token()), std::move(detail), std::move(advice));
  }
  bool fail_at(errc code, std::uint64_t offset, std::string detail, std::string advice = {}) {
    failure_ = failure_at(code, offset, std::move(detail), std::move(advice));
    if (in_tensor_) failure_.tensor = table_.name(entry_);
    return false;
  }

  tensor_table& table_;
  json_feed& feed_;
  failure failure_{};
  record entry_{};
  metadata_entry entry_metadata_{};
  std::size_t depth_ = 0;
  std::uint32_t rank_ = 0, offset_count_ = 0;
  unsigned seen_ = 0;
  dtype dtype_{};
  value wanted_ = value::root;
  bool in_metadata_ = false, in_tensor_ = false, has_metadata_ = false;
  bool is_array_[max_depth] = {};
};

// nlohmann's sax_parse() brings its readers of binary formats along, a quarter of what a file that
// opens a model costs to compile. So this is what it does for text, in the versions that are known.
inline bool parse_json(json_feed& feed, sax_handler& handler) {
#if NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR <= 12
  const auto input = [&] {
    return nlohmann::detail::input_adapter(feed_iterator(feed), feed_iterator());
  };
  return nlohmann::detail::parser<nlohmann::json, decltype(input())>(input()).sax_parse(&handler);
#else
  return nlohmann::json::sax_parse(feed_iterator(feed), feed_iterator(), &handler);
#endif
}

inline result<void> read_general_lane(tensor_table& table) {
  const std::string_view text(table.text.data(), table.text.size());
  const auto at = [](std::size_t position) { return 8 + std::uint64_t{position}; };
  if (const std::size_t valid = valid_utf8_prefix(text); valid != text.size())
    return failure_at(
        errc::invalid_utf8, at(valid),
        detail::text("the header is not valid UTF-8; it holds ", in_quotes(text.substr(valid, 1))));
  const auto begin =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_space) - text.begin());
  if (begin == text.size()) return failure_at(errc::invalid_json, at(begin), "the header is empty");
  if (text[begin] != '{')
    return failure_at(
        errc::header_not_object, at(begin),
        detail::text("the header begins with ", in_quotes(text.substr(begin, 20)), ", not with {"));
  // nlohmann takes a NUL for the end, so that anything could follow it unseen.
  const std::size_t nul = (std::min)(text.find('\0'), text.size());
  if (text.find_first_not_of('\0', nul) != text.npos)
    return failure_at(errc::invalid_json, at(nul), "the header holds a NUL byte");
  const std::size_t last = text.substr(0, nul).find_last_not_of(" \t\r\n");

  json_feed feed(table.text.data() + begin, table.text.data() + last + 1);
  sax_handler handler(table, feed);
  if (!parse_json(feed, handler)) return handler.take_failure();
  if (nul == text.size()) return {};
  return failure_at(errc::invalid_json, at(nul),
                    "the header is padded with NUL bytes; padding must be spaces");
}

inline result<void> read_lanes(tensor_table& table) {
  if (canonical_lane(table).read()) return {};
  table.records.set_size(0);
  table.dimensions.set_size(0);
  table.metadata.set_size(0);
  return read_general_lane(table);
}

//-- detail: what a file seems to be that is not a safetensors file

inline std::uint64_t load_length(const std::byte* prefix) noexcept {
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | std::to_integer<std::uint64_t>(prefix[i]);
  return length;
}

struct guess {
  std::string what;  // it seems to be; empty: unknown
  std::string_view advice;
};

struct known_start {
  std::string_view bytes;
  std::size_t at;  // where they are in the file
  std::string_view what, advice;
};

inline constexpr std::string_view
    unpack = "unpack it first",
    other_format = "convert it to safetensors first",
    torch_format =
        "load it with torch.load(weights_only=True), and save its tensors with "
        "safetensors.torch.save_file()",
    zip_format =
        "if torch.save wrote it, load it with torch.load(weights_only=True), and save its "
        "tensors with safetensors.torch.save_file(); else unpack it",
    failed_download = "a download may have failed; read the file to see why",
    wrong_path = "check the path";

// Formats that begin with a mark of their own; the first match counts. A new one is a line here.
inline constexpr known_start known_starts[] = {
    {std::string_view("\0\5\x16\0", 4), 0, "an AppleSingle file of macOS", wrong_path},
    {std::string_view("\0\5\x16\7", 4), 0, "an AppleDouble companion of macOS, not the model",
     "skip files whose names begin with ._"},
    {"\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9", 0, "a pickle of torch.save", torch_format},
    {"\x80\x02", 0, "a pickle", other_format},
    {"\x80\x03", 0, "a pickle", other_format},
    {"\x80\x04", 0, "a pickle", other_format},
    {"\x80\x05", 0, "a pickle", other_format},
    {"(dp0\n", 0, "a pickle", other_format},
    {"(lp0\n", 0, "a pickle", other_format},
    {"ccopy_reg", 0, "a pickle", other_format},
    {"PK\5\6", 0, "an empty ZIP archive", wrong_path},
    {"GGUF", 0, "a GGUF model", "use a program that reads GGUF"},
    {"lmgg", 0, "a GGML model", "use a program that reads GGML"},
    {"tjgg", 0, "a GGML model", "use a program that reads GGML"},
    {"fmgg", 0, "a GGML model", "use a program that reads GGML"},
    {"\x93NUMPY", 0, "a NumPy .npy file", other_format},
    {"\x89HDF\r\n\x1A\n", 0, "an HDF5 file, such as Keras writes", other_format},
    {"TFL3", 4, "a TensorFlow Lite model", other_format},
    {"\x81\xA6params", 0, "MessagePack, as Flax writes it", other_format},
    {"MATLAB 5.0 MAT-file", 0, "a MATLAB file", other_format},
    {"PAR1", 0, "a Parquet file", wrong_path},
    {"SQLite format 3", 0, "a SQLite database", wrong_path},
    {"\x1F\x8B\x08", 0, "gzip data", unpack},
    {"\x28\xB5\x2F\xFD", 0, "zstd data", unpack},
    {std::string_view("\xFD\x37zXZ\0", 6), 0, "xz data", unpack},
    {"1AY&", 4, "bzip2 data", unpack},
    {"\x04\x22\x4D\x18", 0, "LZ4 data", unpack},
    {"7z\xBC\xAF\x27\x1C", 0, "a 7-Zip archive", unpack},
    {"Rar!\x1A\x07", 0, "a RAR archive", unpack},
    {"ustar", 257, "a tar archive", unpack},
    {"\x78\x01", 0, "zlib data", unpack},
    {"\x78\x5E", 0, "zlib data", unpack},
    {"\x78\x9C", 0, "zlib data", unpack},
    {"\x78\xDA", 0, "zlib data", unpack},
    {"\x89PNG\r\n\x1A\n", 0, "an image (PNG)", wrong_path},
    {"\xFF\xD8\xFF", 0, "an image (JPEG)", wrong_path},
    {"GIF87a", 0, "an image (GIF)", wrong_path},
    {"GIF89a", 0, "an image (GIF)", wrong_path},
    {std::string_view("II*\0", 4), 0, "an image (TIFF)", wrong_path},
    {std::string_view("MM\0*", 4), 0, "an image (TIFF)", wrong_path},
    {"ftyp", 4, "an image or a film (MP4 and relatives)", wrong_path},
    {"WEBP", 8, "an image (WebP)", wrong_path},
    {"%PDF-", 0, "a PDF document", wrong_path},
    {"bplist00", 0, "a property list (binary)", wrong_path},
    {"\177ELF", 0, "an executable (ELF)", wrong_path},
    {"\xCF\xFA\xED\xFE", 0, "an executable (Mach-O)", wrong_path},
    {"\xFE\xED\xFA\xCF", 0, "an executable (Mach-O)", wrong_path},
    {"\xCE\xFA\xED\xFE", 0, "an executable (Mach-O)", wrong_path},
    {"\xCA\xFE\xBA\xBE", 0, "an executable (Mach-O)", wrong_path},
    {"MZ", 0, "an executable (Windows)", wrong_path},
    {std::string_view("\0asm", 4), 0, "WebAssembly", wrong_path},
    {"Salted__", 0, "encrypted with OpenSSL", "decrypt it first"},
    {"\xFF\xFE", 0, "text in UTF-16", wrong_path},
    {"\xFE\xFF", 0, "text in UTF-16", wrong_path},
};

// Characters, spaces and line breaks. Of eight bytes and more, the last character may be cut.
inline bool is_text(std::string_view bytes) noexcept {
  const std::size_t valid = valid_utf8_prefix(bytes), cut = bytes.size() - valid;
  const bool is_whole = cut == 0 || (bytes.size() >= 8 && cut < 4 &&
                                     static_cast<unsigned char>(bytes[valid]) >= 0xC2);
  return !bytes.empty() && is_whole && std::ranges::all_of(bytes.substr(0, valid), [](char c) {
    return is_space(c) || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  });
}

// Compares as much of the mark as there is, but at least eight bytes, in letters of any case.
inline bool begins_with(std::string_view text, std::string_view mark) noexcept {
  constexpr std::size_t least = 8;
  if (text.size() < (std::min)(least, mark.size())) return false;
  const std::size_t size = (std::min)(text.size(), mark.size());
  return std::equal(
      mark.begin(), mark.begin() + static_cast<std::ptrdiff_t>(size), text.begin(),
      [](char a, char b) { return a == b || (a >= 'a' && a <= 'z' && a - 'a' + 'A' == b); });
}

inline guess guess_zip(std::string_view bytes) {
  constexpr std::size_t name_length = 26, name = 30;  // where they are for the first file
  const std::string_view first =
      bytes.size() > name ? bytes.substr(name, static_cast<unsigned char>(bytes[name_length])) : "";
  if (first.ends_with("/data.pkl")) return {"a ZIP archive of torch.save", torch_format};
  if (first.ends_with(".npy")) return {"a ZIP archive, NumPy .npz", other_format};
  return {"a ZIP archive", zip_format};
}

inline guess guess_pointer(std::string_view text) {
  constexpr std::string_view field = "\nsize ";
  guess found{"a git-lfs pointer", "the data was not downloaded; run git lfs pull"};
  const std::size_t at = text.find(field);
  if (at == text.npos) return found;
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data() + at + field.size(), end, size);
  if (error == std::errc() && next != end && (*next == '\n' || *next == '\r'))
    found.what += detail::text(" that stands for ", counted(size, "byte"));
  return found;
}

inline guess guess_json(std::string_view text) {
  const auto has = [&](std::string_view word) { return text.find(word) != text.npos; };
  if (has("\"weight_map\""))
    return {"the index of a model in several files, as model.safetensors.index.json is",
            "open the files that it names"};
  if (has("\"data_offsets\"") || has("\"__metadata__\""))
    return {"a header in JSON; the 8 bytes of its length are missing",
            "put the header's length before it, as 8 bytes in little-endian order"};
  return {"JSON, " + in_quotes(text, 40), "check its name, and what it says"};
}

// Text that begins as no other does; empty: any text.
inline guess guess_known_text(std::string_view text) {
  if (begins_with(text, "version https://")) return guess_pointer(text);
  if (begins_with(text, "/annex/objects/"))
    return {"a git-annex pointer", "the data was not downloaded; run git annex get"};
  if (begins_with(text, "# xet version"))
    return {"a pointer of Xet storage",
            "download the data with a client that supports Xet, such as huggingface_hub with "
            "hf_xet"};
  if (begins_with(text, "<!doctype html") || begins_with(text, "<html"))
    return {"an HTML page", failed_download};
  if (begins_with(text, "<?xml") && text.find("<!DOCTYPE plist") != text.npos)
    return {"a property list (XML)", wrong_path};
  if (begins_with(text, "<?xml")) return {"XML", failed_download};
  if (begins_with(text, "http/")) return {"the answer of a web server", failed_download};
  if (begins_with(text, "{") || begins_with(text, "[")) return guess_json(text);
  return {};
}

inline guess guess_text(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  if (begins_with(line, "#!")) return {"text, a script", wrong_path};
  if (begins_with(line, "../") || begins_with(line, "./") || begins_with(line, "..\\"))
    return {"the text of a link to " + escaped(line, escapes::invisible, 200),
            "copy the file that it leads to"};
  if (line.empty()) return {"text without a word", wrong_path};
  return {"text, " + in_quotes(line, 40), failed_download};
}

inline guess guess_kind(std::string_view bytes) {
  if (bytes.starts_with("PK\3\4")) return guess_zip(bytes);
  const std::string_view first8 = bytes.substr(0, 8);
  const bool is_all_text = is_text(bytes.substr(0, 64));
  // A short mark may be the length of a header, or a word.
  const bool is_small = first8.find_first_not_of('\0', 2) == bytes.npos;
  for (const known_start& known : known_starts) {
    const std::size_t size = known.bytes.size();
    if (known.at == 0 && ((size == 2 && is_small) || (size <= 4 && is_all_text))) continue;
    if (known.at == 0 ? begins_with(bytes, known.bytes)
                      : bytes.size() >= known.at && bytes.substr(known.at).starts_with(known.bytes))
      return {std::string(known.what), known.advice};
  }
  // A version, then the producer's name.
  if (bytes.size() >= 8 && bytes[0] == 8 && bytes[2] == 0x12 && is_text(bytes.substr(4, 4)))
    return {"an ONNX model", other_format};
  const bool has_mark = bytes.starts_with("\xEF\xBB\xBF");
  std::string_view text = bytes.substr(has_mark ? 3 : 0);
  text.remove_prefix((std::min)(text.find_first_not_of(" \t\r\n"), text.size()));
  guess found;
  if (is_text(text.substr(0, 8))) found = guess_known_text(text);
  if (found.what.empty() && is_all_text) found = guess_text(text);
  if (found.what.empty() && has_mark)
    found = {"a file with a UTF-8 byte order mark before the header's length",
             "remove its first 3 bytes"};
  return found;
}

// A length that would fit, had it been written as the format wants it; empty: none.
inline guess guess_length(std::span<const std::byte> start, std::uint64_t file_size) {
  const auto begins_header = [&](std::size_t at) {
    return start.size() <= at || std::to_integer<char>(start[at]) == '{';
  };
  std::uint64_t big = 0, four = 0;
  for (std::size_t i = 0; i < 8; ++i) big = big << 8 | std::to_integer<std::uint64_t>(start[i]);
  for (std::size_t i = 4; i-- > 0;) four = four << 8 | std::to_integer<std::uint64_t>(start[i]);
  const std::uint64_t room = (std::min)(file_size, max_text_bytes);
  if (big >= 2 && big <= room - 8 && begins_header(8))
    return {text("the header's length, ", big, ", is in big-endian order"),
            "write it in little-endian order"};
  if (std::to_integer<char>(start[4]) == '{' && four >= 2 && four <= room - 4)
    return {text("the header's length, ", four, ", is stored in 4 bytes instead of 8"),
            "store it in 8 bytes, in little-endian order"};
  return {};
}

// Says what the file is, if that may be why it was refused. start: its first bytes, as many as are
// at hand.
inline failure explained(failure what, std::span<const std::byte> start, std::uint64_t file_size) {
  const std::uint64_t length = start.size() >= 8 ? load_length(start.data()) : 0;
  const bool is_empty = what.code == errc::invalid_json && start.size() >= 8 && length == 0;
  if (is_empty && file_size > 8) {
    what.detail = "it begins with zeros, as a download whose start was never written";
    what.advice = "download it again";
  }
  const bool may_be_foreign =
      what.code == errc::header_too_small || what.code == errc::header_too_large ||
      what.code == errc::header_truncated || what.code == errc::header_not_object ||
      what.code == errc::invalid_utf8 ||
      (what.code == errc::missing_bytes && file_size == unknown_size);
  const bool is_header =
      start.size() > 8 && std::to_integer<char>(start[8]) == '{' && length < plausible_length;
  if (!may_be_foreign) return what;
  guess found;
  if (what.code == errc::header_too_large) found = guess_length(start, file_size);
  if (found.what.empty() && !is_header) {
    constexpr std::size_t looked_at = 4096;
    found = guess_kind(as_text(start).substr(0, looked_at));
    if (!found.what.empty()) found.what.insert(0, "it seems to be ");
  }
  if (found.what.empty()) return what;
  what.offset = 0;
  what.detail = std::move(found.what);
  what.advice = found.advice;
  return what;
}

// How many bytes a header has whose length counts characters, of which those beyond U+FFFF count as
// `most` units; 0: its length counts something else. next: what follows the length's end.
inline std::size_t bytes_of_units(std::string_view text, std::string_view next,
                                  std::size_t most) noexcept {
  const auto units = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? most : 1;
  };
  std::size_t counted = 0, end = 0;
  for (const char c : text) counted += units(c);
  while (end != next.size() && (counted < text.size() || units(next[end]) == 0))
    counted += units(next[end++]);
  const std::string_view more = next.substr(0, end);
  const std::size_t last = more.find_last_not_of(' ');
  const bool ends = last == more.npos ? text.find_last_not_of(' ') == text.rfind('}')
                                      : more[last] == '}' && !next.substr(end).starts_with('}');
  return counted == text.size() && end != 0 && ends ? text.size() + end : 0;
}

// Says so if that is why the header was refused: where its length ends, it goes on.
inline failure explained_by_units(failure what, std::string_view text, std::string_view next,
                                  std::uint64_t file_size) {
  const std::uint64_t end = 8 + std::uint64_t{text.size()};
  const bool is_cut = what.code == errc::invalid_json || what.code == errc::invalid_utf8;
  // At the end of a text that is as it was written.
  if (text.find(escape_filler) != text.npos || (is_cut && what.offset + 4 < end)) return what;
  for (const std::size_t most : {std::size_t{1}, std::size_t{2}}) {
    const std::size_t bytes = bytes_of_units(text, next, most);
    if (bytes == 0 || (!is_cut && file_size - what.offset != bytes - text.size())) continue;
    what.detail = detail::text("the header's length, ", text.size(),
                               ", counts characters, but the header has ", bytes, " bytes");
    what.advice = "let the length count bytes";
    what.tensor.reset();
    break;
  }
  return what;
}

// Whether explained_by_units() may help.
inline bool may_be_units(errc code) noexcept {
  return code == errc::invalid_json || code == errc::invalid_utf8 || code == errc::uncovered_bytes;
}

//-- detail: from bytes to a header

// A table with room for text of this length, beginning with these bytes.
inline result<std::unique_ptr<tensor_table>> new_table(std::span<const std::byte> text,
                                                       std::size_t capacity) {
  std::unique_ptr<tensor_table> table(new (std::nothrow) tensor_table);
  if (table == nullptr || !table->text.reserve(capacity + text_padding)) return errc::out_of_memory;
  copy_bytes(table->text.data(), text.data(), text.size());
  table->text.set_size(text.size());
  return table;
}

// The table's text is in place: reads it. If that fails, the table is left to the caller.
inline result<header> index_text(std::unique_ptr<tensor_table>& table, std::uint64_t file_size,
                                 const read_options& options) {
  const std::size_t size = table->text.size();
  std::memset(table->text.data() + size, 0, text_padding);
  constexpr std::size_t shortest_entry =
      sizeof R"("":{"dtype":"U8","shape":[],"data_offsets":[0,0]})";  // its comma for the NUL
  if (!table->records.reserve(size / shortest_entry + 1) ||
      !table->dimensions.reserve(size / 48 + 4))
    return errc::out_of_memory;
  result<void> valid;
  if (!allocates([&] {  // nlohmann's buffers for a very long string
        valid = read_lanes(*table);
        if (valid) valid = complete(*table, file_size, options);
      }))
    return errc::out_of_memory;
  if (!valid) return std::move(valid).error();
  return access::make_header(std::move(table));
}

//-- detail: views

// Elements of a C64 are two numbers of 4 bytes, each swapped by itself.
inline std::size_t swap_unit(dtype type) noexcept {
  return type == dtype::c64 ? 4 : static_cast<std::size_t>(bit_width(type)) / 8;
}

// How to read the raw words of a dtype.
inline std::string words_advice(dtype type) {
  const auto bits = static_cast<std::uint64_t>(bit_width(type));
  if (bits < 8) return text("bytes() returns the packed bytes of ", to_string(type));
  return text("bits<std::uint", bits, "_t>() returns the raw words of ", to_string(type));
}

// The type of its elements; empty: it has none.
constexpr std::string_view cpp_type_of(dtype type) noexcept {
  switch (type) {
    case dtype::u8: return "std::uint8_t";
    case dtype::i8: return "std::int8_t";
    case dtype::i16: return "std::int16_t";
    case dtype::u16: return "std::uint16_t";
    case dtype::i32: return "std::int32_t";
    case dtype::u32: return "std::uint32_t";
    case dtype::f32: return "float";
    case dtype::c64: return "std::complex<float>";
    case dtype::f64: return "double";
    case dtype::i64: return "std::int64_t";
    case dtype::u64: return "std::uint64_t";
    default: return "";
  }
}

// How to read elements of a dtype.
inline std::string elements_advice(dtype type) {
  const std::string_view cpp_type = cpp_type_of(type);
  if (cpp_type.empty()) return words_advice(type);
  return text("as<", cpp_type, ">() returns elements of ", to_string(type));
}

inline failure dtype_failure(const tensor_info& tensor, dtype wanted, std::string advice) {
  return tensor_failure(
      errc::dtype_mismatch, tensor,
      text("its dtype is ", to_string(tensor.dtype()), ", not ", to_string(wanted)),
      std::move(advice));
}

inline failure width_failure(const tensor_info& tensor, std::size_t bytes) {
  return tensor_failure(
      errc::dtype_mismatch, tensor,
      text("an element of ", to_string(tensor.dtype()), " has ",
           static_cast<std::uint64_t>(bit_width(tensor.dtype())), " bits, not ", 8 * bytes),
      words_advice(tensor.dtype()));
}

inline failure length_failure(const tensor_info& tensor, std::uint64_t length, std::uint64_t wanted,
                              std::string_view unit) {
  return tensor_failure(
      errc::wrong_length, tensor,
      text("the buffer has ", counted(length, unit), ", but it must have exactly ", wanted));
}

inline failure misaligned_failure(const tensor_info& tensor, std::size_t alignment) {
  // Storage can align where the data section begins, and nothing else.
  const std::uint64_t place = tensor.data_offsets().begin;
  if (place % alignment != 0)
    return tensor_failure(
        errc::misaligned_data, tensor,
        text("it starts at byte ", place, " of the data, which is not a multiple of ", alignment),
        "copy it by copy_to() or copy_bits(), or write the file once more, which aligns it");
  return tensor_failure(errc::misaligned_data, tensor,
                        text("it starts at byte ", tensor.file_range().begin,
                             " of the file, at an address that is not a multiple of ", alignment),
                        "load the file with memory_file, or copy it by copy_to() or copy_bits()");
}

inline result<void> expect_width(const tensor_info& tensor, std::size_t bytes) {
  if (static_cast<std::size_t>(bit_width(tensor.dtype())) == 8 * bytes) return {};
  return width_failure(tensor, bytes);
}

inline result<void> expect_length(const tensor_info& tensor, std::uint64_t length,
                                  std::uint64_t wanted, std::string_view unit) {
  if (length == wanted) return {};
  return length_failure(tensor, length, wanted, unit);
}

failure range_failure(const tensor_info& tensor, std::size_t dimension, dim_range range);

inline bool is_aligned(const std::byte* data, std::size_t alignment) noexcept {
  return reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
}

inline result<void> expect_in_place(const tensor_info& tensor, const std::byte* data,
                                    std::size_t size, std::size_t alignment) {
  if (size > 1 && std::endian::native == std::endian::big)
    return tensor_failure(errc::foreign_byte_order, tensor,
                          "this machine is big-endian, and files are little-endian",
                          "copy_to() and copy_bits() convert");
  if (is_aligned(data, alignment)) return {};
  return misaligned_failure(tensor, alignment);
}

// A span over bytes that were checked; an empty one needs no alignment.
template <class T> result<std::span<const T>> in_place(const tensor_info& tensor,
                                                       const std::byte* data, std::uint64_t bytes) {
  if (bytes == 0) return std::span<const T>();
  if (auto usable = expect_in_place(tensor, data, sizeof(T), alignof(T)); !usable)
    return std::move(usable).error();
  return std::span<const T>(reinterpret_cast<const T*>(data),
                            static_cast<std::size_t>(bytes) / sizeof(T));
}

template <class T> inline constexpr bool has_dtype_width =
    8 * sizeof(T) == bit_width(dtype_traits<T>::value);

// Whether T is what the tensor holds.
template <element T> result<void> expect_element(const tensor_info& tensor) {
  static_assert(has_dtype_width<T>, "dtype_traits<T>::value must be a dtype as wide as T");
  if (tensor.dtype() == dtype_traits<T>::value) return {};
  return dtype_failure(tensor, dtype_traits<T>::value, elements_advice(tensor.dtype()));
}

// Copies a tensor_view or a slice_view whose dtype was checked, swapping in units of so many bytes.
template <class View, class R>
result<void> copy_elements(const View& view, const tensor_info& tensor, R&& to, std::size_t unit) {
  if (auto same = expect_length(tensor, std::size(to), view.element_count(), "element"); !same)
    return same;
  const auto bytes = std::as_writable_bytes(std::span<element_of<R>>(std::data(to), std::size(to)));
  if (auto copied = view.try_copy_bytes(bytes); !copied) return copied;
  to_host_order(bytes.data(), bytes.size(), unit);
  return {};
}

template <element T, class View>
result<std::vector<T>> to_vector(const View& view, const tensor_info& tensor) {
  if (auto same = expect_element<T>(tensor); !same) return std::move(same).error();
  std::vector<T> values;
  if (!allocates([&] { values.resize(static_cast<std::size_t>(view.element_count())); }))
    return tensor_failure(errc::out_of_memory, tensor,
                          "there is not enough memory for a copy of its elements");
  if (auto copied = view.try_copy_to(values); !copied) return std::move(copied).error();
  return values;
}

//-- detail: operating systems, defined at the end

inline constexpr const char* locked_elsewhere = "another program holds its lock";
inline constexpr const char* cannot_lock = "cannot lock it";
inline constexpr const char* cannot_open = "cannot open it";
inline constexpr const char* cannot_examine = "cannot read its size and kind";
inline constexpr const char* cannot_map = "cannot map it";
inline constexpr const char* empty_path = "the path is empty";
inline constexpr const char* path_holds_nul = "the path holds a NUL";
inline constexpr const char* not_regular = "it is not a regular file";

// What works where mapping does not: copies need memory that mappings do not, and the other way
// round.
inline std::string map_advice(map_mode mode) {
  return text(
      mode == map_mode::copy_on_write ? "map_mode::read_only needs no memory of its own; " : "",
      "memory_file reads all of it if it fits in memory, file_source reads parts of it");
}

namespace os {
result<native_handle> open_to_read(const path_ref& path);
result<file_facts> regular_file_facts(native_handle handle);
result<void> try_lock(native_handle handle, native_handle& lock);
std::error_code read_at(native_handle handle, std::uint64_t offset,
                        std::span<std::byte> to) noexcept;
void close(native_handle handle) noexcept;
std::size_t map_granularity() noexcept;
// offset: a multiple of the granularity
result<std::byte*> map(native_handle handle, std::uint64_t offset, std::size_t size, map_mode mode);
void unmap(std::byte* data, std::size_t size) noexcept;
bool random_bytes(void* to, std::size_t size) noexcept;
std::uint64_t process_number() noexcept;
bool has_one_thread() noexcept;  // false where that is not known
void rest() noexcept;  // lets others go on: for 50 microseconds, or the tick of Windows' clock
}  // namespace os

//-- detail: what this process has mapped, so that no file is emptied under a mapping of it

struct mapping_note {
  file_identity file;
  mapping_note *before = nullptr, *behind = nullptr;
};

class mapping_list {
 public:
  struct locked {
    explicit locked(mapping_list& of) noexcept : list(of) {
      // Where there is one thread, it waits for nobody, and need not ask the system who it is.
      constexpr auto alone = (std::numeric_limits<std::uint32_t>::max)();
      const auto self =
          os::has_one_thread() ? alone : static_cast<std::uint32_t>(os::process_number());
      // Not by atomic wait: libstdc++ without futexes, as on Windows, loses wake-ups.
      std::uint32_t holder = 0;
      for (int tries = 1;
           !list.holder_.compare_exchange_weak(holder, self, std::memory_order_acquire); ++tries)
        if (holder == self && self != alone) {
          if (tries % 128 == 0) os::rest();
          holder = 0;
        }
      // Else this process was forked while another thread held it, which is not here to release it.
      if (holder != 0) list.mend();
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() { list.holder_.store(0, std::memory_order_release); }
    mapping_list& list;
  };
  static mapping_list& of_process() noexcept {
    static mapping_list list;
    return list;
  }
  // Null: out of memory.
  [[nodiscard]] mapping_note* add(file_identity file) noexcept {
    auto* note = new (std::nothrow) mapping_note{file};
    if (note == nullptr) return nullptr;
    const locked guard(*this);
    note->behind = first_;
    std::atomic_signal_fence(std::memory_order_release);  // for mend()
    first_ = note;
    if (note->behind != nullptr) note->behind->before = note;
    return note;
  }
  void remove(mapping_note* note) noexcept {
    {
      const locked guard(*this);
      (note->before != nullptr ? note->before->behind : first_) = note->behind;
      if (note->behind != nullptr) note->behind->before = note->before;
    }
    delete note;
  }
  [[nodiscard]] bool holds(file_identity file) noexcept {
    const locked guard(*this);
    const mapping_note* note = first_;
    while (note != nullptr && note->file != file) note = note->behind;
    return note != nullptr && file != file_identity{};
  }

 private:
  // What was being changed is whole from front to back, but perhaps not from back to front.
  void mend() noexcept {
    mapping_note* before = nullptr;
    for (mapping_note* note = first_; note != nullptr; before = std::exchange(note, note->behind))
      note->before = before;
  }
  std::atomic<std::uint32_t> holder_{0};  // the process by one of whose threads it is locked
  mapping_note* first_ = nullptr;
};

template <class S> result<header> read_header(S& source, const read_options& options);

inline hash_keys draw_keys() noexcept {
  hash_keys keys{};
  if (os::random_bytes(&keys, sizeof keys)) return keys;
  // Where the system places things is what randomness remains.
  const auto place = [](const auto& thing) { return reinterpret_cast<std::uintptr_t>(&thing); };
  std::uint64_t state =
      fold(place(keys) ^ 0x9E3779B97F4A7C15u, place(rules) ^ os::process_number());
  for (std::uint64_t& key : keys.key) key = state = fold(state, 0xD6E8FEB86659FD93u);
  for (std::uint64_t& key : keys.file_key) key = state = fold(state, 0xD6E8FEB86659FD93u);
  return keys;
}

inline hash_keys process_keys() noexcept {
  // No thread waits for another one, which a child of fork might not have: each draws keys, and the
  // first to set a word sets it for all of them.
  using word = std::uintptr_t;  // atomic on every machine
  constexpr std::size_t count = sizeof(hash_keys) / sizeof(word);
  static constinit std::atomic<word> shared[count]{};
  word words[count]{};
  hash_keys keys{};
  if (shared[count - 1].load(std::memory_order_acquire) == 0) {
    keys = draw_keys();
    std::memcpy(words, &keys, sizeof keys);
    for (std::size_t i = 0; i < count; ++i) {
      word unset = 0;
      shared[i].compare_exchange_strong(unset, (std::max)(words[i], word{1}));
    }
  }
  for (std::size_t i = 0; i < count; ++i) words[i] = shared[i].load(std::memory_order_relaxed);
  std::memcpy(&keys, words, sizeof keys);
  return keys;
}

}  // namespace detail

//-- definitions: errors

constexpr std::string_view name(errc code) noexcept {
  const detail::rule* found = detail::find_rule(code);
  return found != nullptr ? found->name : "unknown";
}

constexpr std::string_view to_string(errc code) noexcept {
  const detail::rule* found = detail::find_rule(code);
  return found != nullptr ? found->sentence : "unknown error";
}

inline const std::error_category& error_category() noexcept {
  static const detail::category instance;
  return instance;
}

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

inline std::string detail::escaped(std::string_view text, escapes what, std::size_t max_bytes) {
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

inline std::string printable(std::string_view text, std::size_t max_bytes) {
  return detail::escaped(text, detail::escapes::backslashes, max_bytes);
}

inline std::string failure::message() const {
  constexpr std::size_t shown = 200;
  const auto safe = [](std::string_view text) {  // what is in it of the file is escaped already
    return detail::escaped(text, detail::escapes::invisible);
  };
  std::string line;
  if (!path.empty()) line += printable(path) + ": ";
  if (tensor) line += "tensor " + detail::in_quotes(*tensor, shown) + ": ";
  line += detail.empty() ? std::string(to_string(code)) : safe(detail);
  if (system) line += ": " + safe(system.message());
  if (offset != no_offset) line += " (byte " + std::to_string(offset) + ")";
  if (!advice.empty()) line += "; " + safe(advice);
  return line;
}

#if SAFETENSORS_EXCEPTIONS
inline error::error(failure what) : std::system_error(make_error_code(what.code)) {
  std::string text = what.message();
  report_ = std::make_shared<const report>(report{std::move(what), std::move(text)});
}
#endif

//-- definitions: dtypes and parameters

constexpr int bit_width(dtype type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].bits;
}
constexpr int write_order(dtype type) noexcept { return static_cast<int>(type); }
constexpr std::string_view to_string(dtype type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].name;
}

constexpr std::optional<dtype> dtype_from_string(std::string_view text) noexcept {
  for (std::size_t i = 0; i < std::size(detail::dtypes); ++i)
    if (detail::dtypes[i].name == text) return static_cast<dtype>(i);
  return std::nullopt;
}

constexpr shape_ref::shape_ref(std::initializer_list<dimension> list) noexcept
    : list_(std::data(list)), size_(list.size()) {
  for (const dimension& each : list) valid_ = valid_ && each.valid;
}

template <class R> requires standard_integer<std::remove_cv_t<element_of<const R>>>
constexpr shape_ref::shape_ref(const R& range) noexcept : size_(std::size(range)) {
  using integer = std::remove_cv_t<element_of<const R>>;
  if constexpr (std::same_as<integer, std::uint64_t>) {
    words_ = std::data(range);
  } else {
    other_ = std::data(range);
    get_ = [](const void* data, std::size_t i) {
      return dimension(static_cast<const integer*>(data)[i]).size;
    };
    for (std::size_t i = 0; i < size_; ++i)
      valid_ = valid_ && std::in_range<std::uint64_t>(std::data(range)[i]);
  }
}

constexpr std::uint64_t shape_ref::operator[](std::size_t i) const noexcept {
  return get_ != nullptr ? get_(other_, i) : list_ != nullptr ? list_[i].size : words_[i];
}

constexpr std::optional<std::uint64_t> byte_size(dtype type, shape_ref shape) noexcept {
  const detail::tensor_size size = detail::measure(type, shape);
  if (!shape.valid() || size.broken != errc{}) return std::nullopt;
  return size.bits / 8;
}

template <std::convertible_to<std::u8string_view> P> path_ref::path_ref(const P& utf8) noexcept {
  const std::u8string_view text(utf8);
  utf8_ = {reinterpret_cast<const char*>(text.data()), text.size()};
}

constexpr dim_range shard_range(std::uint64_t size, std::uint64_t part, std::uint64_t parts,
                                std::uint64_t granule) noexcept {
  if (parts == 0 || granule == 0) return {size, size};
  const auto ceil_divide = [](std::uint64_t a, std::uint64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
  };
  const std::uint64_t granules = ceil_divide(size, granule), each = ceil_divide(granules, parts);
  const auto border = [&](std::uint64_t i) {  // clamped, and free of overflow
    return each == 0 || i >= ceil_divide(granules, each) ? size : i * each * granule;
  };
  return {border(part), part == to_end ? size : border(part + 1)};
}

//-- definitions: iteration and metadata

template <class Value> Value table_iterator<Value>::operator*() const noexcept {
  return detail::access::make<Value>(*table_, data_, at_);
}

inline std::size_t metadata_view::size() const noexcept {
  return table_ == nullptr ? 0 : table_->metadata.size();
}
inline metadata_view::iterator metadata_view::begin() const noexcept {
  return detail::access::iterate<value_type>(table_, nullptr, 0);
}
inline metadata_view::iterator metadata_view::end() const noexcept {
  return detail::access::iterate<value_type>(table_, nullptr, size());
}

inline std::optional<std::string_view> metadata_view::find(std::string_view key) const noexcept {
  const iterator found = std::lower_bound(
      begin(), end(), key,
      [](const value_type& pair, std::string_view wanted) { return pair.first < wanted; });
  if (found == end() || found->first != key) return std::nullopt;
  return found->second;
}

inline metadata_map metadata_view::to_map() const { return {begin(), end()}; }

template <class Derived, class Value>
std::size_t tensor_range<Derived, Value>::size() const noexcept {
  const detail::tensor_table* table = detail::access::table(static_cast<const Derived&>(*this));
  return table == nullptr ? 0 : table->records.size();
}

template <class Derived, class Value>
table_iterator<Value> tensor_range<Derived, Value>::begin() const& noexcept {
  return detail::access::iterate<Value>(static_cast<const Derived&>(*this), 0);
}

template <class Derived, class Value>
table_iterator<Value> tensor_range<Derived, Value>::end() const& noexcept {
  return detail::access::iterate<Value>(static_cast<const Derived&>(*this), size());
}

template <class Derived, class Value>
std::optional<Value> tensor_range<Derived, Value>::find(std::string_view name) const& noexcept {
  const detail::tensor_table* table = detail::access::table(static_cast<const Derived&>(*this));
  const detail::record* found = table == nullptr ? nullptr : table->find(name);
  if (found == nullptr) return std::nullopt;
  return begin()[found - table->records.data()];
}

template <class Derived, class Value>
bool tensor_range<Derived, Value>::contains(std::string_view name) const noexcept {
  return find(name).has_value();
}

template <class Derived, class Value>
result<Value> tensor_range<Derived, Value>::try_at(std::string_view name) const& {
  if (const std::optional<Value> found = find(name)) return *found;
  const detail::tensor_table* table = detail::access::table(static_cast<const Derived&>(*this));
  return failure{.code = errc::tensor_not_found,
                 .path = table == nullptr ? std::string() : table->path,
                 .tensor = std::string(name)};
}

template <class Derived, class Value>
metadata_view tensor_range<Derived, Value>::metadata() const& noexcept {
  return metadata_view(detail::access::table(static_cast<const Derived&>(*this)));
}

//-- definitions: tensors

inline std::string_view tensor_info::name() const noexcept { return table_->name(*record_); }
inline dtype tensor_info::dtype() const noexcept { return record_->dtype(); }
inline std::span<const std::uint64_t> tensor_info::shape() const noexcept {
  return table_->shape(*record_);
}
inline std::uint64_t tensor_info::byte_size() const noexcept {
  return record_->end - record_->begin;
}
inline byte_range tensor_info::data_offsets() const noexcept {
  return {record_->begin, record_->end};
}
inline byte_range tensor_info::file_range() const noexcept {
  return {table_->data_start() + record_->begin, table_->data_start() + record_->end};
}
inline std::uint64_t tensor_info::element_count() const noexcept {
  return byte_size() * 8 /
         static_cast<std::uint64_t>(bit_width(dtype()));  // the product was found to fit
}

inline bool tensor_info::matches(safetensors::dtype type, shape_ref wanted) const noexcept {
  const auto sizes = shape();
  if (dtype() != type || sizes.size() != wanted.size() || !wanted.valid()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (wanted[i] != any_size && wanted[i] != sizes[i]) return false;
  return true;
}

inline result<void> tensor_info::try_expect(safetensors::dtype type, shape_ref wanted) const {
  if (matches(type, wanted)) return {};
  if (dtype() != type) return detail::dtype_failure(*this, type, {});
  std::string sizes;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    sizes += (i == 0 ? "" : ",") + (wanted[i] == any_size ? "any" : std::to_string(wanted[i]));
  return detail::tensor_failure(
      errc::shape_mismatch, *this,
      detail::text("its shape is ", detail::shape_text(shape()), ", not [", sizes, "]"));
}

template <element_buffer R> requires standard_integer<element_of<R>>
result<std::size_t> tensor_info::try_copy_shape(R&& to) const {
  using integer = element_of<R>;
  const auto sizes = shape();
  if (std::size(to) < sizes.size())
    return detail::tensor_failure(
        errc::does_not_fit, *this,
        detail::text("it has ", detail::counted(sizes.size(), "dimension"),
                     ", but the buffer has room for ", std::size(to)));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!std::in_range<integer>(sizes[i]))
      return detail::tensor_failure(errc::does_not_fit, *this,
                                    detail::text("dimension ", i, " has ", sizes[i],
                                                 " elements, too many for the integer type"));
    std::data(to)[i] = static_cast<integer>(sizes[i]);
  }
  return sizes.size();
}

template <standard_integer N> result<std::vector<N>> tensor_info::try_shape_as() const {
  std::vector<N> sizes;
  if (!detail::allocates([&] { sizes.resize(ndim()); }))
    return detail::tensor_failure(errc::out_of_memory, *this,
                                  "there is not enough memory for a copy of its shape");
  if (auto copied = try_copy_shape(sizes); !copied) return std::move(copied).error();
  return sizes;
}

inline result<slice_layout> tensor_info::try_slice(list_of<dim_range> ranges) const {
  return detail::access::slice(*this, ranges);
}

inline std::span<const std::byte> tensor_view::bytes() const noexcept {
  return {data_, static_cast<std::size_t>(byte_size())};
}
inline bool tensor_view::aligned_to(std::size_t alignment) const noexcept {
  return detail::is_aligned(data_, alignment);
}

template <element T> result<std::span<const T>> tensor_view::try_as() const {
  if (auto same = detail::expect_element<T>(*this); !same) return std::move(same).error();
  return detail::in_place<T>(*this, data_, byte_size());
}

template <standard_unsigned W> result<std::span<const W>> tensor_view::try_bits() const {
  if (auto same = detail::expect_width(*this, sizeof(W)); !same) return std::move(same).error();
  return detail::in_place<W>(*this, data_, byte_size());
}

template <element_buffer R> result<void> tensor_view::try_copy_to(R&& to) const {
  if (auto same = detail::expect_element<element_of<R>>(*this); !same) return same;
  return detail::copy_elements(*this, *this, to, detail::swap_unit(dtype()));
}

template <element_buffer R> requires standard_unsigned<element_of<R>>
result<void> tensor_view::try_copy_bits(R&& to) const {
  if (auto same = detail::expect_width(*this, sizeof(element_of<R>)); !same) return same;
  return detail::copy_elements(*this, *this, to, sizeof(element_of<R>));
}

inline result<void> tensor_view::try_copy_bytes(std::span<std::byte> to) const {
  if (auto same = detail::expect_length(*this, to.size(), byte_size(), "byte"); !same) return same;
  detail::copy_bytes(to.data(), data_, to.size());
  return {};
}

template <element T> result<std::vector<T>> tensor_view::try_to_vector() const {
  return detail::to_vector<T>(*this, *this);
}

template <element T> result<T> tensor_view::try_item() const {
  if (auto same = detail::expect_element<T>(*this); !same) return std::move(same).error();
  if (element_count() != 1)
    return detail::tensor_failure(
        errc::wrong_length, *this,
        detail::text("it has ", element_count(), " elements, but item() needs exactly 1"));
  T value{};
  if (auto copied = try_copy_to(std::span(&value, 1)); !copied) return std::move(copied).error();
  return value;
}

inline result<slice_view> tensor_view::try_slice(list_of<dim_range> ranges) const {
  result<slice_layout> layout = tensor_info::try_slice(ranges);
  if (!layout) return std::move(layout).error();
  return detail::access::slice(*std::move(layout), *this);
}

#if SAFETENSORS_EXCEPTIONS
inline slice_layout tensor_info::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
inline slice_view tensor_view::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
#endif

//-- definitions: slices

// Why a range of a dimension is refused.
inline failure detail::range_failure(const tensor_info& tensor, std::size_t dimension,
                                     dim_range range) {
  const std::uint64_t size = tensor.shape()[dimension];
  const auto wrong = [&](const std::string& which, std::string_view why) {
    return tensor_failure(
        errc::invalid_slice, tensor,
        text(which, why, " dimension ", dimension, ", which has ", counted(size, "element")));
  };
  if (range.drop && range.begin >= size)
    return wrong("index " + std::to_string(static_cast<std::int64_t>(range.begin)), " is not in");
  const std::string asked = text("the range [", range.begin, ",",
                                 range.end == to_end ? "end" : std::to_string(range.end), ")");
  if (range.begin > size) return wrong(asked, " begins past the end of");
  if (range.begin > range.end) return wrong(asked, " ends before it begins in");
  if (range.drop) return wrong(asked, " is dropped, but is not one element of");
  return wrong(asked, " ends past the end of");
}

inline result<slice_layout> detail::access::slice(const tensor_info& tensor,
                                                  list_of<dim_range> ranges) {
  const auto sizes = tensor.shape();
  const auto invalid = [&](std::string why) {
    return tensor_failure(errc::invalid_slice, tensor, std::move(why));
  };
  if (ranges.size() > sizes.size())
    return invalid(text("it has ", counted(sizes.size(), "dimension"), ", too few for ",
                        counted(ranges.size(), "range")));

  slice_layout layout(tensor);
  std::size_t kept = sizes.size();
  bool empty = false;
  const auto range_of = [&](std::size_t i) {
    dim_range range = i < ranges.size() ? ranges[i] : dim_range();
    if (range.end == to_end) range.end = sizes[i];
    return range;
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const dim_range range = range_of(i);
    if (range.begin > range.end || range.end > sizes[i] ||
        (range.drop && range.end - range.begin != 1))
      return range_failure(tensor, i, ranges[i]);
    empty = empty || range.begin == range.end;
    if (range.drop) --kept;
  }

  // From the last dimension to the first: strides, the first element, and how far the elements are
  // contiguous.
  const auto bits = static_cast<std::uint64_t>(bit_width(tensor.dtype()));
  if (!allocates([&] { layout.numbers_.resize(2 * kept); }))
    return tensor_failure(errc::out_of_memory, tensor, "there is not enough memory for a slice");
  std::uint64_t stride = tensor.byte_size() == 0 ? 0 : 1, first = 0, run = 1, runs = 1;
  bool in_run = true, whole_bytes = true;
  for (std::size_t i = sizes.size(), at = kept; i-- > 0;) {
    const dim_range range = range_of(i);
    const std::uint64_t extent = range.end - range.begin;
    if (!range.drop) {
      layout.numbers_[--at] = extent;
      layout.numbers_[kept + at] = stride;
    }
    if (in_run) {
      run *= extent;
      in_run = extent == sizes[i];
      layout.runs_.outer = at;
    } else if (!empty) {
      runs *= extent;
      whole_bytes = whole_bytes && (extent == 1 || stride * bits % 8 == 0);
    }
    if (!empty) first += range.begin * stride;
    stride *= sizes[i];
  }
  layout.runs_.first_byte = tensor.file_range().begin;
  if (empty) return layout;
  if (!whole_bytes || first * bits % 8 != 0 || run * bits % 8 != 0)
    return invalid(text("an element of ", to_string(tensor.dtype()), " has ", bits,
                        " bits, and the slice would begin or end within a byte"));
  layout.runs_.first_byte += first * bits / 8;
  layout.runs_.bytes = run * bits / 8;
  layout.runs_.count = runs;
  return layout;
}

inline slice_view detail::access::slice(slice_layout layout, const tensor_view& tensor) noexcept {
  const std::uint64_t skipped = layout.runs_.first_byte - tensor.file_range().begin;
  const std::byte* first = tensor.bytes().data();
  return {std::move(layout),
          first == nullptr ? nullptr : first + static_cast<std::size_t>(skipped)};
}

inline std::uint64_t slice_layout::element_count() const noexcept {
  return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));
}

inline slice_layout::slice_layout(slice_layout&& other) noexcept
    : tensor_(other.tensor_),
      numbers_(std::exchange(other.numbers_, {})),
      runs_(std::exchange(other.runs_, {})) {}
inline slice_layout& slice_layout::operator=(slice_layout&& other) noexcept {
  slice_layout taken(std::move(other));
  std::swap(tensor_, taken.tensor_);
  numbers_.swap(taken.numbers_);
  std::swap(runs_, taken.runs_);
  return *this;
}

inline byte_range slice_layout::file_run(std::uint64_t i) const noexcept {
  std::uint64_t at = runs_.first_byte;
  for (std::size_t d = runs_.outer; d-- > 0; i /= shape()[d])
    at += i % shape()[d] * (strides()[d] * static_cast<std::uint64_t>(bit_width(dtype())) / 8);
  return {at, at + runs_.bytes};
}

inline std::span<const std::byte> slice_view::run(std::uint64_t i) const noexcept {
  const byte_range range = file_run(i);
  return {first_ + static_cast<std::size_t>(range.begin - file_run(0).begin),
          static_cast<std::size_t>(range.size())};
}

inline result<void> slice_view::try_copy_bytes(std::span<std::byte> to,
                                               std::size_t row_stride) const {
  const std::uint64_t total = byte_size();
  std::uint64_t row = total, stride = total;  // packed: all in one row
  if (row_stride != 0 && total != 0) {
    const std::uint64_t bits =
        (ndim() == 0 ? 1 : shape().back()) * static_cast<std::uint64_t>(bit_width(dtype()));
    if (bits % 8 != 0)
      return detail::tensor_failure(
          errc::invalid_slice, tensor(),
          detail::text("a row has ", bits, " bits, which are not a whole number of bytes"));
    row = bits / 8;
    stride = row_stride;
    const std::uint64_t rows = total / row;
    const auto wrong = [&](std::string why) {
      return detail::tensor_failure(errc::wrong_length, tensor(), std::move(why));
    };
    if (stride < row)
      return wrong(
          detail::text("the stride is ", detail::counted(stride, "byte"), ", but a row has ", row));
    if (to.size() < row || (to.size() - row) / stride < rows - 1)
      return wrong(detail::text(detail::counted(rows, "row"), " of ", detail::counted(row, "byte"),
                                " at a stride of ", stride, " do not fit in a buffer of ",
                                detail::counted(to.size(), "byte")));
  } else if (auto same = detail::expect_length(tensor(), to.size(), total, "byte"); !same) {
    return same;
  }
  std::uint64_t copied = 0;
  for (std::uint64_t i = 0; i < run_count(); ++i) {
    std::span<const std::byte> from = run(i);
    while (!from.empty()) {  // runs hold whole rows, or rows hold whole runs
      const auto piece = static_cast<std::size_t>((std::min)(std::uint64_t{from.size()}, row));
      detail::copy_bytes(to.data() + static_cast<std::size_t>(copied / row * stride + copied % row),
                         from.data(), piece);
      from = from.subspan(piece);
      copied += piece;
    }
  }
  return {};
}

template <element_buffer R> result<void> slice_view::try_copy_to(R&& to) const {
  if (auto same = detail::expect_element<element_of<R>>(tensor()); !same) return same;
  return detail::copy_elements(*this, tensor(), to, detail::swap_unit(dtype()));
}

template <element_buffer R> requires standard_unsigned<element_of<R>>
result<void> slice_view::try_copy_bits(R&& to) const {
  if (auto same = detail::expect_width(tensor(), sizeof(element_of<R>)); !same) return same;
  return detail::copy_elements(*this, tensor(), to, sizeof(element_of<R>));
}

template <element T> result<std::vector<T>> slice_view::try_to_vector() const {
  return detail::to_vector<T>(*this, tensor());
}

template <element T> result<std::span<const T>> slice_view::try_as() const {
  if (auto same = detail::expect_element<T>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<T>(tensor(), first_, byte_size());
}

template <standard_unsigned W> result<std::span<const W>> slice_view::try_bits() const {
  if (auto same = detail::expect_width(tensor(), sizeof(W)); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<W>(tensor(), first_, byte_size());
}

template <element T> result<const T*> slice_view::try_data() const {
  if (auto same = detail::expect_element<T>(tensor()); !same) return std::move(same).error();
  if (byte_size() != 0)
    if (auto usable = detail::expect_in_place(tensor(), first_, sizeof(T), alignof(T)); !usable)
      return std::move(usable).error();
  return reinterpret_cast<const T*>(first_);
}

inline result<void> slice_view::expect_contiguous() const {
  if (contiguous()) return {};
  return detail::tensor_failure(
      errc::not_contiguous, tensor(),
      detail::text("the slice has ", run_count(), " separate runs of bytes"),
      "copy_to() and copy_bits() pack them");
}

//-- definitions: header

inline header::header() noexcept = default;
inline header::header(header&&) noexcept = default;
inline header& header::operator=(header&&) noexcept = default;
inline header::~header() = default;
inline header::header(std::unique_ptr<detail::tensor_table> table) noexcept
    : table_(std::move(table)) {}

inline result<std::uint64_t> header::try_bytes_needed(std::span<const std::byte> first8,
                                                      std::uint64_t file_size,
                                                      const read_options& options) {
  const auto refused = [&](errc code, std::uint64_t offset, std::string why, std::string advice) {
    return detail::explained(detail::failure_at(code, offset, std::move(why), std::move(advice)),
                             first8, file_size);
  };
  if (const std::uint64_t size = (std::min)(file_size, std::uint64_t{first8.size()}); size < 8)
    return refused(errc::header_too_small, 0,
                   size == 0 ? "the file is empty"
                             : detail::text("the file has only ", detail::counted(size, "byte"),
                                            ", but the header's length needs 8"),
                   detail::cut_short);
  const std::uint64_t length = detail::load_length(first8.data());
  const std::uint64_t limit = (std::min)(options.max_header_bytes, detail::max_text_bytes);
  const bool is_whole = length <= file_size - 8;
  if (length > limit)
    return refused(errc::header_too_large, 0,
                   detail::text("the header's length is ", length, ", but the limit is ", limit),
                   length > detail::max_text_bytes ? "this is probably not a safetensors file"
                   : is_whole                      ? detail::limit_advice(length)
                                                   : "");
  if (!is_whole)
    return refused(errc::header_truncated, file_size,
                   detail::text("the header ends at byte ", 8 + length, ", but the file has only ",
                                detail::counted(file_size, "byte")),
                   detail::cut_short);
  return 8 + length;
}

inline result<header> header::try_parse(std::span<const std::byte> head, std::uint64_t file_size,
                                        const read_options& options) {
  const result<std::uint64_t> needed = try_bytes_needed(head, file_size, options);
  if (!needed) return needed.error();
  if (head.size() < *needed)
    return detail::explained(
        detail::failure_at(errc::header_truncated, head.size(),
                           detail::text("the header ends at byte ", *needed, ", but only ",
                                        detail::counted(head.size(), "byte"), " were given")),
        head, file_size);
  const auto length = static_cast<std::size_t>(*needed - 8);
  auto table = detail::new_table(head.subspan(8, length), length);
  if (!table) return std::move(table).error();
  result<header> made = detail::index_text(*table, file_size, options);
  if (made) return made;
  failure what = detail::explained(std::move(made).error(), head, file_size);
  if (!detail::may_be_units(what.code)) return what;
  return detail::explained_by_units(std::move(what), detail::text_of(**table),
                                    detail::as_text(head.subspan(8 + length)), file_size);
}

template <byte_source S> result<header> header::try_read(S&& source, const read_options& options) {
  return detail::with_path_of(detail::read_header(source, options), source);
}

template <class S> result<header> detail::read_header(S& source, const read_options& options) {
  const std::uint64_t size = source.size();
  const bool known = size != unknown_size;
  std::byte first[4096];
  const std::span<std::byte> got(
      first, known ? static_cast<std::size_t>((std::min)(size, std::uint64_t{sizeof first})) : 8);
  if (!got.empty())
    if (const std::error_code error = source.read_at(0, got))
      return reported_failure(error, cannot_read);
  const result<std::uint64_t> needed = header::try_bytes_needed(got, size, options);
  if (!needed) return needed.error();

  const auto length = static_cast<std::size_t>(*needed - 8);
  auto made =
      detail::new_table(got.subspan(8, (std::min)(length, got.size() - 8)), known ? length : 0);
  if (!made) return std::move(made).error();
  std::unique_ptr<detail::tensor_table> table = *std::move(made);
  detail::block<char>& text = table->text;
  while (text.size() <
         length) {  // a source of unknown size is only trusted with twice of what it has given
    const std::size_t have = text.size(), left = length - have;
    const std::size_t step = known ? left : (std::min)(left, (std::max)(have, sizeof first));
    if (!text.reserve(have + step + detail::text_padding)) return errc::out_of_memory;
    if (const std::error_code error =
            source.read_at(8 + have, std::as_writable_bytes(std::span(text.data() + have, step))))
      return explained(reported_failure(error, cannot_read), got, size);
    text.set_size(have + step);
  }
  table->path = path_of(source);
  result<header> indexed = index_text(table, size, options);
  if (indexed) return indexed;
  failure what = explained(std::move(indexed).error(), got, size);
  const std::uint64_t left = known ? size - 8 - length : 0;
  if (left == 0 || !may_be_units(what.code)) return what;
  const std::span<std::byte> next(
      first, static_cast<std::size_t>((std::min)(left, std::uint64_t{sizeof first})));
  if (source.read_at(8 + length, next)) return what;
  return explained_by_units(std::move(what), text_of(*table), as_text(next), size);
}

inline result<header> header::try_open(path_ref path, const read_options& options) {
  result<file_source> source = file_source::try_open(path);
  if (!source) return std::move(source).error();
  return try_read(*source, options);
}

#if SAFETENSORS_EXCEPTIONS
inline header::header(path_ref path, const read_options& options)
    : header(try_open(path, options).value()) {}
inline std::uint64_t header::bytes_needed(std::span<const std::byte> first8,
                                          std::uint64_t file_size, const read_options& options) {
  return try_bytes_needed(first8, file_size, options).value();
}
inline header header::parse(std::span<const std::byte> head, std::uint64_t file_size,
                            const read_options& options) {
  return try_parse(head, file_size, options).value();
}
#endif

inline std::uint64_t header::data_start() const noexcept {
  return table_ == nullptr ? 0 : table_->data_start();
}
inline std::uint64_t header::data_size() const noexcept {
  return table_ == nullptr ? 0 : table_->data_size;
}
inline std::uint64_t header::file_size() const noexcept { return data_start() + data_size(); }

inline std::optional<entry_field> header::unknown_field() const& noexcept {
  if (table_ == nullptr || table_->unknown_field.offset == 0) return std::nullopt;
  return entry_field{table_->view(table_->unknown_field_tensor),
                     table_->view(table_->unknown_field)};
}

//-- definitions: storage

inline void file_source::swap(file_source& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(owned_, other.owned_);
  std::swap(offset_, other.offset_);
  std::swap(size_, other.size_);
  std::swap(facts_, other.facts_);
  std::swap(lock_, other.lock_);
  path_.swap(other.path_);
}
inline file_source::file_source(file_source&& other) noexcept { swap(other); }
inline file_source& file_source::operator=(file_source&& other) noexcept {
  file_source(std::move(other)).swap(*this);
  return *this;
}
inline file_source::~file_source() {
  if (lock_ != invalid_handle) detail::os::close(lock_);
  if (owned_) detail::os::close(handle_);
}

inline result<file_source> file_source::try_open(path_ref path) {
  file_source source;
  source.path_ = path.to_utf8();  // before there is a handle that a lack of memory would leak
  const result<native_handle> opened = detail::with_path_of(detail::os::open_to_read(path), source);
  if (!opened) return opened.error();
  source.handle_ = *opened;
  source.owned_ = true;  // and closed, even where a failure's text lacks memory
  const result<detail::file_facts> facts =
      detail::with_path_of(detail::os::regular_file_facts(*opened), source);
  if (!facts) return facts.error();
  source.size_ = facts->size;
  source.facts_ = *facts;
  return source;
}

inline result<file_source> file_source::try_borrow(native_handle handle, std::uint64_t offset,
                                                   std::uint64_t size) {
  const result<detail::file_facts> whole = detail::os::regular_file_facts(handle);
  if (!whole) return whole.error();
  if (offset > whole->size || (size != to_end && size > whole->size - offset))
    return detail::failure_at(errc::missing_bytes, whole->size,
                              size == to_end
                                  ? detail::text("byte ", offset, " is past the file's end")
                                  : detail::text(detail::counted(size, "byte"), " from byte ",
                                                 offset, " on end past the file's end"));
  file_source source;
  source.handle_ = handle;
  source.offset_ = offset;
  source.size_ = size == to_end ? whole->size - offset : size;
  source.facts_ = *whole;
  return source;
}

inline result<void> file_source::try_lock() {
  if (auto locked = detail::os::try_lock(handle_, lock_); !locked)
    return detail::with_path_of(std::move(locked), *this);
  const result<detail::file_facts> now = detail::os::regular_file_facts(handle_);
  if (!now) return detail::with_path_of(result<void>(now.error()), *this);
  facts_ = *now;
  if (owned_) size_ = now->size;  // a part of a borrowed file stays as it is
  return {};
}

inline bool file_source::is_same_file(const file_source& other) const noexcept {
  return facts_.identity != detail::file_identity{} && facts_.identity == other.facts_.identity;
}

inline std::error_code file_source::read_at(std::uint64_t offset,
                                            std::span<std::byte> to) const noexcept {
  if (offset > size_ || to.size() > size_ - offset) return make_error_code(errc::missing_bytes);
  return detail::os::read_at(handle_, offset_ + offset, to);
}

inline void mapped_file::unmap::operator()(std::byte* first) const noexcept {
  detail::os::unmap(first - lead, size + lead);
  detail::mapping_list::of_process().remove(note);
}

inline result<mapped_file> mapped_file::try_map(native_handle handle, std::uint64_t offset,
                                                std::uint64_t size, map_mode mode) {
  const result<file_source> part = file_source::try_borrow(handle, offset, size);
  if (!part) return part.error();
  return map_source(*part, mode);
}

inline result<mapped_file> mapped_file::map_source(const file_source& source, map_mode mode) {
  mapped_file mapped;
  if (source.size() == 0) return mapped;  // systems do not map nothing
  const std::uint64_t lead = source.offset() % detail::os::map_granularity();
  if (source.size() > (std::numeric_limits<std::size_t>::max)() - lead)
    return failure{.code = errc::out_of_memory,
                   .detail = "its size is more than this machine can map",
                   .advice = detail::map_advice(mode)};
  const auto length = static_cast<std::size_t>(source.size() + lead);
  struct forget {
    void operator()(detail::mapping_note* note) const noexcept {
      detail::mapping_list::of_process().remove(note);
    }
  };
  std::unique_ptr<detail::mapping_note, forget> note(
      detail::mapping_list::of_process().add(detail::access::facts(source).identity));
  if (note == nullptr) return errc::out_of_memory;
  const result<std::byte*> base =
      detail::os::map(source.handle(), source.offset() - lead, length, mode);
  if (!base) return base.error();
  const auto skipped = static_cast<std::size_t>(lead);
  mapped.bytes_ = {*base + skipped, unmap{length - skipped, skipped, mode, note.release()}};
  return mapped;
}

inline result<mapped_file> mapped_file::try_open(path_ref path, map_mode mode) {
  const result<file_source> source = file_source::try_open(path);
  if (!source) return source.error();
  result<mapped_file> mapped = detail::with_path_of(map_source(*source, mode), *source);
  if (mapped) mapped->path_ = source->path();
  return mapped;
}

inline result<mapped_file> mapped_file::try_load(const file_source& source, const header&) {
  return try_map(source.handle(), source.offset(), source.size());
}

inline result<mapped_file> mapped_file::try_load(const detail::just_opened& source, const header&) {
  return map_source(source, map_mode::read_only);
}

inline std::span<std::byte> mapped_file::writable_bytes() noexcept {
  if (bytes_ == nullptr || bytes_.get_deleter().mode == map_mode::read_only) return {};
  return {bytes_.get(), size()};
}

inline result<owned_bytes> owned_bytes::try_allocate(std::uint64_t size, std::uint64_t data_start) {
  if (size == unknown_size)
    return failure{.code = errc::missing_bytes,
                   .detail = "the source has no size, and memory_file needs one"};
  const auto lead = static_cast<std::size_t>((alignment - data_start % alignment) % alignment);
  const auto length = static_cast<std::size_t>(size);
  // Not more than a block can have: libstdc++ rounds sizes up to the alignment, past the largest.
  constexpr auto most = static_cast<std::uint64_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  void* block = nullptr;
  if (size <= most - alignment)
    block = ::operator new(lead + length, std::align_val_t(alignment), std::nothrow);
  if (block == nullptr)
    return failure{.code = errc::out_of_memory,
                   .detail = detail::text("there is not enough memory for the file's ",
                                          detail::counted(size, "byte")),
                   .advice = "file maps it, and file_source reads parts of it"};
  owned_bytes bytes;
  bytes.bytes_ = {static_cast<std::byte*>(block) + lead, release{length, lead}};
  return bytes;
}

template <byte_source S> result<owned_bytes> owned_bytes::try_load(S& source, const header& index) {
  result<owned_bytes> bytes = try_allocate(source.size(), index.data_start());
  if (!bytes) return bytes;
  if (const std::error_code error =
          source.read_at(0, std::span(bytes->bytes_.get(), bytes->size())))
    return detail::reported_failure(error, detail::cannot_read);
  return bytes;
}

//-- definitions: file

template <byte_storage Storage>
result<basic_file<Storage>> basic_file<Storage>::assemble(safetensors::header index,
                                                          Storage storage) {
  if (std::size(storage) < index.file_size())
    return detail::failure_at(errc::missing_bytes, std::size(storage),
                              "the storage holds fewer bytes than its source");
  basic_file made;
  made.state_.reset(new (std::nothrow) state{std::move(index), std::move(storage)});
  if (made.state_ == nullptr) return errc::out_of_memory;
  return made;
}

template <byte_storage Storage> template <byte_source S>
requires loadable_storage<Storage, std::remove_reference_t<S>>
result<basic_file<Storage>> basic_file<Storage>::try_read(S&& source, const read_options& options) {
  result<safetensors::header> index = safetensors::header::try_read(source, options);
  if (!index) return std::move(index).error();
  result<Storage> storage = detail::with_path_of(Storage::try_load(source, *index), source);
  if (!storage) return std::move(storage).error();
  return detail::with_path_of(assemble(*std::move(index), *std::move(storage)), source);
}

template <byte_storage Storage>
result<basic_file<Storage>> basic_file<Storage>::try_open(path_ref path,
                                                          const read_options& options)
    requires loadable_storage<Storage, file_source> {
  result<file_source> source = file_source::try_open(path);
  if (!source) return std::move(source).error();
  return try_read(detail::just_opened(*std::move(source)), options);
}

template <byte_storage Storage>
result<basic_file<Storage>> basic_file<Storage>::try_from(Storage storage,
                                                          const read_options& options) {
  const auto bytes = std::as_bytes(std::span(std::data(storage), std::size(storage)));
  result<safetensors::header> index =
      detail::with_path_of(safetensors::header::try_parse(bytes, bytes.size(), options), storage);
  if (!index) return std::move(index).error();
  detail::access::set_path(*index, detail::path_of(storage));
  return assemble(*std::move(index), std::move(storage));
}

template <byte_storage Storage>
const safetensors::header& basic_file<Storage>::header() const& noexcept {
  static const safetensors::header none;
  return state_ == nullptr ? none : state_->index;
}

template <byte_storage Storage> const std::byte* basic_file<Storage>::data() const noexcept {
  if (state_ == nullptr) return nullptr;
  return reinterpret_cast<const std::byte*>(std::data(std::as_const(state_->storage))) +
         static_cast<std::size_t>(state_->index.data_start());
}

}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

//-- operating systems

#ifdef _WIN32

// The few functions that are used, declared as in the SDK, so that <windows.h> and its macros stay
// out.
struct _SECURITY_ATTRIBUTES;
struct _OVERLAPPED;
struct _BY_HANDLE_FILE_INFORMATION;
union _LARGE_INTEGER;
extern "C" {
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long,
                                                  _SECURITY_ATTRIBUTES*, unsigned long,
                                                  unsigned long, void*);
__declspec(dllimport) unsigned long __stdcall GetFileType(void*);
__declspec(dllimport) int __stdcall GetFileSizeEx(void*, _LARGE_INTEGER*);
__declspec(dllimport) int __stdcall GetFileInformationByHandle(void*, _BY_HANDLE_FILE_INFORMATION*);
__declspec(dllimport) void* __stdcall ReOpenFile(void*, unsigned long, unsigned long,
                                                 unsigned long);
__declspec(dllimport) int __stdcall ReadFile(void*, void*, unsigned long, unsigned long*,
                                             _OVERLAPPED*);
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) void* __stdcall CreateFileMappingW(void*, _SECURITY_ATTRIBUTES*,
                                                         unsigned long, unsigned long,
                                                         unsigned long, const wchar_t*);
#ifdef _WIN64
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long,
                                                    unsigned long, unsigned long long);
#else
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long,
                                                    unsigned long, unsigned long);
#endif
__declspec(dllimport) int __stdcall UnmapViewOfFile(const void*);
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned int, unsigned long, const char*,
                                                        int, wchar_t*, int);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned int, unsigned long, const wchar_t*,
                                                        int, char*, int, const char*, int*);
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
__declspec(dllimport) void __stdcall Sleep(unsigned long);
int __cdecl rand_s(unsigned int*);
}

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail::os {

inline constexpr unsigned code_page_utf8 = 65001;

inline std::error_code last_error() noexcept {
  return {static_cast<int>(GetLastError()), std::system_category()};
}

inline result<std::wstring> native_path(const path_ref& path) {
  std::wstring wide(access::wide(path));
  const std::string_view utf8 = access::utf8(path);
  if (!access::is_wide(path) && !utf8.empty()) {
    // Of what is longer, the wide text is too long for Windows, wherever it ends.
    constexpr std::size_t most_bytes = 3 * std::size_t{0x8000};
    const int length = static_cast<int>((std::min)(utf8.size(), most_bytes));
    wide.resize(static_cast<std::size_t>(length));
    const int used = MultiByteToWideChar(code_page_utf8, 8 /* MB_ERR_INVALID_CHARS */, utf8.data(),
                                         length, wide.data(), length);
    if (used == 0)
      return failure{
          .code = errc::io, .system = last_error(), .detail = "the path is not valid UTF-8"};
    wide.resize(static_cast<std::size_t>(used));
  }
  if (wide.find(L'\0') != wide.npos)
    return failure{.code = errc::io,
                   .system = std::make_error_code(std::errc::invalid_argument),
                   .detail = path_holds_nul};
  return wide;
}

// Without an identity if the file system has none.
inline file_facts facts_of(native_handle handle) noexcept {
  std::uint32_t words[13]{};  // BY_HANDLE_FILE_INFORMATION
  constexpr std::size_t time = 5, volume = 7, size = 8, index = 11;
  if (GetFileInformationByHandle(handle, reinterpret_cast<_BY_HANDLE_FILE_INFORMATION*>(words)) ==
      0)
    return {};
  const auto high_first = [&](std::size_t i) {
    return std::uint64_t{words[i]} << 32 | words[i + 1];
  };
  if (high_first(index) == 0) return {};
  return {.size = high_first(size),
          .identity = {words[volume], high_first(index)},
          .modified = std::uint64_t{words[time + 1]} << 32 | words[time]};
}

inline result<file_facts> regular_file_facts(native_handle handle) {
  if (GetFileType(handle) != 1 /* FILE_TYPE_DISK */)
    return failure{.code = errc::io,
                   .system = std::make_error_code(std::errc::invalid_argument),
                   .detail = not_regular};
  const file_facts facts = facts_of(handle);
  if (facts.identity != file_identity{}) return facts;
  std::int64_t size = 0;  // the file system has no such facts
  if (GetFileSizeEx(handle, reinterpret_cast<_LARGE_INTEGER*>(&size)) == 0)
    return source_failure(last_error(), cannot_examine);
  return file_facts{.size = static_cast<std::uint64_t>(size)};
}

inline result<void> try_lock(native_handle handle, native_handle& lock) {
  constexpr unsigned long read_and_delete = 0x80010000u, share_read = 1;
  if (lock != invalid_handle) return {};
  lock = ReOpenFile(handle, read_and_delete, share_read, 0);
  if (lock != invalid_handle) return {};
  if (GetLastError() == 32 /* ERROR_SHARING_VIOLATION */)
    return source_failure(std::make_error_code(std::errc::resource_unavailable_try_again),
                          locked_elsewhere);
  return source_failure(last_error(), cannot_lock);
}

inline result<native_handle> open_to_read(const path_ref& path) {
  const result<std::wstring> wide = native_path(path);
  if (!wide) return wide.error();
  constexpr unsigned long generic_read = 0x80000000u, share_all = 7, open_existing = 3,
                          normal = 0x80;
  const native_handle handle =
      CreateFileW(wide->c_str(), generic_read, share_all, nullptr, open_existing, normal, nullptr);
  if (handle == invalid_handle) return source_failure(last_error(), cannot_open);
  return handle;
}

struct file_position {  // OVERLAPPED
  explicit file_position(std::uint64_t offset) noexcept
      : low(static_cast<std::uint32_t>(offset)), high(static_cast<std::uint32_t>(offset >> 32)) {}
  [[nodiscard]] _OVERLAPPED* get() noexcept { return reinterpret_cast<_OVERLAPPED*>(this); }

  std::uintptr_t internal[2] = {};
  std::uint32_t low, high;
  void* event = nullptr;
};

inline std::error_code read_at(native_handle handle, std::uint64_t offset,
                               std::span<std::byte> to) noexcept {
  while (!to.empty()) {
    file_position position(offset);
    const auto asked = static_cast<unsigned long>((std::min)(to.size(), std::size_t{1} << 30));
    unsigned long got = 0;
    if (ReadFile(handle, to.data(), asked, &got, position.get()) == 0 &&
        GetLastError() != 38 /* ERROR_HANDLE_EOF */)
      return last_error();
    if (got == 0) return make_error_code(errc::missing_bytes);
    to = to.subspan(got);
    offset += got;
  }
  return {};
}

inline void close(native_handle handle) noexcept { CloseHandle(handle); }

inline std::size_t map_granularity() noexcept { return 65536; }

inline result<std::byte*> map(native_handle handle, std::uint64_t offset, std::size_t size,
                              map_mode mode) {
  const bool copy = mode == map_mode::copy_on_write;
  void* mapping = CreateFileMappingW(
      handle, nullptr, copy ? 8 /* PAGE_WRITECOPY */ : 2 /* PAGE_READONLY */, 0, 0, nullptr);
  if (mapping == nullptr) return source_failure(last_error(), cannot_map, map_advice(mode));
  void* view = MapViewOfFile(mapping, copy ? 1 /* FILE_MAP_COPY */ : 4 /* FILE_MAP_READ */,
                             static_cast<unsigned long>(offset >> 32),
                             static_cast<unsigned long>(offset), size);
  const std::error_code error = last_error();
  CloseHandle(mapping);
  if (view == nullptr) return source_failure(error, cannot_map, map_advice(mode));
  return static_cast<std::byte*>(view);
}

inline void unmap(std::byte* data, std::size_t) noexcept { UnmapViewOfFile(data); }

inline bool random_bytes(void* to, std::size_t size) noexcept {
  for (auto* at = static_cast<unsigned char*>(to); size != 0; ++at, --size) {
    unsigned int drawn = 0;
    if (rand_s(&drawn) != 0) return false;
    *at = static_cast<unsigned char>(drawn);
  }
  return true;
}

inline std::uint64_t process_number() noexcept { return GetCurrentProcessId(); }

inline bool has_one_thread() noexcept { return false; }

inline void rest() noexcept { Sleep(1); }

}  // namespace detail::os

inline std::string path_ref::to_utf8() const {
  if (!is_wide_) return std::string(utf8_);
  const int length = static_cast<int>((std::min)(wide_.size(), std::size_t{0x7FFF}));
  std::string utf8(3 * static_cast<std::size_t>(length), '\0');
  const int used = length == 0
                       ? 0
                       : WideCharToMultiByte(detail::os::code_page_utf8, 0, wide_.data(), length,
                                             utf8.data(), 3 * length, nullptr, nullptr);
  utf8.resize(static_cast<std::size_t>(used));
  return utf8;
}

}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

#else

#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if __has_include(<sys/random.h>) && (!defined(__ANDROID_API__) || __ANDROID_API__ >= 28)
#include <sys/random.h>
#define SAFETENSORS_DETAIL_GETENTROPY
#endif
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail::os {

inline int map_protection(map_mode mode) noexcept {
  return mode == map_mode::copy_on_write ? PROT_READ | PROT_WRITE : PROT_READ;
}
inline int map_flags([[maybe_unused]] map_mode mode) noexcept {
#ifdef MAP_NORESERVE
  // Few pages are written to as a rule: memory for a copy of the whole file is not set aside.
  if (mode == map_mode::copy_on_write) return MAP_PRIVATE | MAP_NORESERVE;
#endif
  return MAP_PRIVATE;
}

// Where off_t may have 32 bits, the calls with 64 have names of their own; a header cannot set
// _FILE_OFFSET_BITS.
#if defined(__GLIBC__) || defined(__BIONIC__)
using file_offset = ::off64_t;
using file_status = struct ::stat64;
inline int status_of(int file, file_status& status) noexcept { return ::fstat64(file, &status); }
inline int status_at(int folder, const char* name, file_status& status, int flags) noexcept {
  return ::fstatat64(folder, name, &status, flags);
}
inline int open_file(const char* path, int flags) noexcept { return ::open64(path, flags); }
inline ssize_t read_from(int file, void* to, std::size_t size, std::uint64_t offset) noexcept {
  return ::pread64(file, to, size, static_cast<file_offset>(offset));
}
inline void* map_file(std::size_t size, map_mode mode, int file, std::uint64_t offset) noexcept {
  return ::mmap64(nullptr, size, map_protection(mode), map_flags(mode), file,
                  static_cast<file_offset>(offset));
}
#else
using file_offset = ::off_t;
using file_status = struct ::stat;
inline int status_of(int file, file_status& status) noexcept { return ::fstat(file, &status); }
inline int status_at(int folder, const char* name, file_status& status, int flags) noexcept {
  return ::fstatat(folder, name, &status, flags);
}
inline int open_file(const char* path, int flags) noexcept { return ::open(path, flags); }
inline ssize_t read_from(int file, void* to, std::size_t size, std::uint64_t offset) noexcept {
  return ::pread(file, to, size, static_cast<file_offset>(offset));
}
inline void* map_file(std::size_t size, map_mode mode, int file, std::uint64_t offset) noexcept {
  return ::mmap(nullptr, size, map_protection(mode), map_flags(mode), file,
                static_cast<file_offset>(offset));
}
#endif

inline std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

// A call that a signal interrupted is made again.
template <class Call> auto uninterrupted(Call&& call) noexcept {
  auto answer = call();
  while (answer < 0 && errno == EINTR) answer = call();
  return answer;
}

inline file_identity identity_of(const file_status& status) noexcept {
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

inline file_facts facts_of(const file_status& status) noexcept {
#ifdef __APPLE__
  const ::timespec& time = status.st_mtimespec;
#else
  const ::timespec& time = status.st_mtim;
#endif
  return {static_cast<std::uint64_t>(status.st_size), identity_of(status),
          static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
              static_cast<std::uint64_t>(time.tv_nsec)};
}

inline result<void> expect_regular(const file_status& status) {
  if (S_ISREG(status.st_mode)) return {};
  return source_failure(std::make_error_code(S_ISDIR(status.st_mode) ? std::errc::is_a_directory
                                                                     : std::errc::invalid_argument),
                        not_regular);
}

inline result<file_facts> regular_file_facts(native_handle handle) {
  file_status status{};
  if (status_of(handle, status) != 0) return source_failure(last_error(), cannot_examine);
  if (auto regular = expect_regular(status); !regular) return std::move(regular).error();
  return facts_of(status);
}

inline result<std::string> native_path(const path_ref& path) {
  std::string text(access::utf8(path));
  if (text.find('\0') == text.npos) return text;
  return source_failure(std::make_error_code(std::errc::invalid_argument), path_holds_nul);
}

inline result<native_handle> open_to_read(const path_ref& path) {
  const result<std::string> text = native_path(path);
  if (!text) return text.error();
  // O_NONBLOCK: a FIFO would wait for its writer; O_NOCTTY: a terminal would become ours
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  int file = uninterrupted([&] { return open_file(text->c_str(), flags | O_NONBLOCK); });
  std::error_code error = file < 0 ? last_error() : std::error_code();
  // Somebody holds a lease on the file, as file servers do, and gives it up while we wait.
  file_status status{};
  if (error == std::errc::resource_unavailable_try_again &&
      status_at(AT_FDCWD, text->c_str(), status, 0) == 0 && S_ISREG(status.st_mode)) {
    file = uninterrupted([&] { return open_file(text->c_str(), flags); });
    error = last_error();
  }
  if (file < 0) return source_failure(error, text->empty() ? empty_path : cannot_open);
  return file;
}

inline result<void> try_lock(native_handle handle, native_handle& lock) {
  const auto take = [](int file) {
    return uninterrupted([&] { return ::flock(file, LOCK_EX | LOCK_NB); }) == 0;
  };
  if (take(lock != invalid_handle ? lock : handle)) return {};
  std::error_code error = last_error();
#ifdef __linux__
  // NFS locks only what is open for writing.
  if (error == std::errc::bad_file_descriptor && lock == invalid_handle &&
      handle != invalid_handle) {
    const std::string path = text("/proc/self/fd/", static_cast<std::uint64_t>(handle));
    lock = uninterrupted([&] { return open_file(path.c_str(), O_RDWR | O_CLOEXEC); });
    if (lock != invalid_handle && take(lock)) return {};
    if (lock != invalid_handle) error = last_error();
  }
#endif
  return source_failure(
      error, error == std::errc::resource_unavailable_try_again ? locked_elsewhere : cannot_lock);
}

inline std::error_code read_at(native_handle handle, std::uint64_t offset,
                               std::span<std::byte> to) noexcept {
  while (!to.empty()) {
    const ssize_t got = uninterrupted([&] {
      return read_from(handle, to.data(), (std::min)(to.size(), std::size_t{1} << 30), offset);
    });
    if (got < 0) return last_error();
    if (got == 0) return make_error_code(errc::missing_bytes);
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

inline void close(native_handle handle) noexcept { ::close(handle); }

inline std::size_t map_granularity() noexcept {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

inline result<std::byte*> map(native_handle handle, std::uint64_t offset, std::size_t size,
                              map_mode mode) {
  void* base = map_file(size, mode, handle, offset);
  if (base == MAP_FAILED) return source_failure(last_error(), cannot_map, map_advice(mode));
  return static_cast<std::byte*>(base);
}

inline void unmap(std::byte* data, std::size_t size) noexcept { ::munmap(data, size); }

#ifdef SAFETENSORS_DETAIL_GETENTROPY
inline bool random_bytes(void* to, std::size_t size) noexcept {
  return ::getentropy(to, size) == 0;
}
#undef SAFETENSORS_DETAIL_GETENTROPY
#else
inline bool random_bytes(void*, std::size_t) noexcept { return false; }
#endif

inline std::uint64_t process_number() noexcept { return static_cast<std::uint64_t>(::getpid()); }

inline bool has_one_thread() noexcept {
#if __has_include(<sys/single_threaded.h>)
  return ::__libc_single_threaded != 0;
#else
  return false;
#endif
}

inline void rest() noexcept {
  const ::timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
  ::nanosleep(&moment, nullptr);
}

}  // namespace detail::os

inline std::string path_ref::to_utf8() const { return std::string(utf8_); }

}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

#endif
