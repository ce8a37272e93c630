// Made by packaging/amalgamate.py from include/safetensors/safetensors.hpp and its parts: edit those.
// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// Reads safetensors files: a typed, validated tensor index and zero-copy views. C++20. Header-only
/// use needs nlohmann_json 3.11.
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
#ifndef SAFETENSORS_SINGLE_SAFETENSORS_HPP
#define SAFETENSORS_SINGLE_SAFETENSORS_HPP

#ifdef SAFETENSORS_SEPARATE_COMPILATION
#error "this copy of safetensors/safetensors.hpp is header-only: for compiled mode, use the folder include/ of safetensors for C++"
#endif

//==== base/version.hpp
// The library's version, as build files read it.

///@{
/// The library's version. docs/versioning.md says what a version number promises.
#define SAFETENSORS_VERSION_MAJOR 0
#define SAFETENSORS_VERSION_MINOR 2
#define SAFETENSORS_VERSION_PATCH 0
///@}

//==== base/config.hpp
// The macros that select how the library is compiled.

// MSVC reports the standard by _MSVC_LANG. Without C++20, SAFETENSORS_ABI is not defined, so that
// the faces declare nothing, and report no error but this one.
#if defined(__cplusplus) && (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) <= 201703L
#error "safetensors needs C++20: compile the files that include it with -std=c++20 or /std:c++20"
#else

///@{
/// Define SAFETENSORS_NO_EXCEPTIONS to leave out the throwing half where exceptions are enabled.
/// SAFETENSORS_EXCEPTIONS is 1 if the library has its throwing half, and 0 if not.
///
/// Define SAFETENSORS_SEPARATE_COMPILATION for every file of a program to compile the library's
/// bodies once. Then also compile one file that is `#include <safetensors/src.hpp>`. The CMake
/// target safetensors::compiled does both.
///
/// Each kind of build has its own inline namespace, SAFETENSORS_ABI. Objects of two kinds that pass
/// the library's types to each other therefore fail to link, instead of misbehaving.
///
/// Define SAFETENSORS_JSON_HEADER, with quotes or angle brackets, if nlohmann_json is not found as
/// `<nlohmann/json.hpp>`: `-DSAFETENSORS_JSON_HEADER='"json.hpp"'`. Only files that compile the
/// library's bodies need it: all that include a face, or the one that includes src.hpp. Define it
/// alike for all of them. The CMake variable SAFETENSORS_JSON_HEADER does so.
///
/// SAFETENSORS_DECL is `inline` before the library's bodies, and nothing if they are compiled once.
///
/// SAFETENSORS_LIFETIMEBOUND follows what a new object or a result refers to, so that clang warns if
/// that is destroyed first.
#if (defined(__cpp_exceptions) || defined(_CPPUNWIND)) && !defined(SAFETENSORS_NO_EXCEPTIONS)
#define SAFETENSORS_EXCEPTIONS 1
#ifdef SAFETENSORS_SEPARATE_COMPILATION
#define SAFETENSORS_ABI v0_2_compiled
#else
#define SAFETENSORS_ABI v0_2
#endif
#else
#define SAFETENSORS_EXCEPTIONS 0
#ifdef SAFETENSORS_SEPARATE_COMPILATION
#define SAFETENSORS_ABI v0_2_compiled_nothrow
#else
#define SAFETENSORS_ABI v0_2_nothrow
#endif
#endif

#ifdef SAFETENSORS_SEPARATE_COMPILATION
#define SAFETENSORS_DECL
#else
#define SAFETENSORS_DECL inline
#endif

#ifdef __clang__
#define SAFETENSORS_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define SAFETENSORS_LIFETIMEBOUND
#endif
///@}
#endif

/// Reading and writing safetensors files.
///
/// Every fallible operation `try_x` returns a result. Its twin `x` throws safetensors::error
/// instead, and does not exist where exceptions are off. `Errors:` lists the codes of failures in
/// the order in which they are checked. Sizes are in bytes unless they are called elements.
///
/// Memory: if a large block of the library cannot be allocated, or the system says that it is out
/// of memory, the code is out_of_memory. If a small string cannot be allocated, std::bad_alloc is
/// thrown, or the program ends where exceptions are off.
///
/// Thread safety: different threads may use distinct objects at the same time, and may call const
/// members of the same object at the same time. After fork, parent and child each have their own
/// objects. A program that is executed does not inherit the library's descriptors.
///
/// Every moved-from object is empty: its members may be called, and it may be assigned to and
/// destroyed. Only basic_file::storage(), basic_file::release() and basic_writer::sink() must not
/// be called then. A moved-from function_source or function_sink is in the state in which the move
/// left its callable.
namespace safetensors {}

#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing

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
#include <iosfwd>
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

//==== fwd.hpp
// Declares the library's types, for headers that only name them: complete enumerations, and
// classes without their members. The other headers include this one. `borrowed_file` is not
// declared here, as it would need the header of std::span.
//
//     #include <safetensors/fwd.hpp>
//     void load(layer& into, const safetensors::file& model);
//     template <> struct safetensors::dtype_traits<bfloat> {
//       static constexpr dtype value = dtype::bf16;
//     };
//
// A declaration of your own, such as `namespace safetensors { class file; }`, would be another
// class than the library's, which is in an inline namespace.

#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing
namespace safetensors::inline SAFETENSORS_ABI {

//-- enumerations

/// Codes of broken rules, one per rule. The numbers never change.
/// The rules for opening a file are those of the reference implementation, the Rust crate
/// safetensors 0.8. Where this library is stricter, the entry says what the reference does.
enum class errc : int {
  // Opening a file.
  header_too_small = 1,    ///< the file has fewer than 8 bytes
  header_too_large,        ///< longer than the limit: the format's 100 MB, or your own
  header_truncated,        ///< the file, or the buffer, ends within the header
  invalid_utf8,            ///< the header, or a name or metadata to be written, is not strict UTF-8
  invalid_json,            ///< for example lone surrogates, 1e999, or anything after the object
  too_deep,                ///< more than 127 nested objects and arrays
  header_not_object,       ///< the header does not begin with an opening brace
  duplicate_tensor,        ///< two names are equal once unescaped; the reference keeps the last
  duplicate_metadata_key,  ///< two keys are equal once unescaped; the reference keeps the last
  duplicate_field,         ///< a field that the format knows occurs twice, or `__metadata__` does
  invalid_metadata,        ///< `__metadata__` is neither null nor an object of strings
  invalid_entry,           ///< an entry is not an object; the reference also accepts arrays
  missing_field,           ///< an entry lacks `dtype`, `shape` or `data_offsets`
  unknown_dtype,           ///< not one of the 22 strings; the reference also accepts objects
  invalid_shape,           ///< not an array of integers from 0 to 2^64-1, such as 4.0 or -1
  invalid_offsets,         ///< not two such integers, reversed, or with a gap or an overlap
  size_overflow,           ///< elements, bits, or the end of the file do not fit in 64 bits
  partial_byte,            ///< a tensor of 4 or 6 bits per element does not fill whole bytes
  size_mismatch,           ///< dtype and shape need another number of bytes
  trailing_bytes,          ///< bytes follow the last tensor
  missing_bytes,  ///< the file ends before its last tensor, or before the bytes that are needed
  // Access to tensors.
  tensor_not_found = 101,  ///< no tensor of this name
  dtype_mismatch,          ///< elements of another dtype, or words of another width
  misaligned_data,         ///< data in place is not aligned, as files may place it at any byte
  foreign_byte_order,  ///< zero-copy access to elements wider than a byte on a big-endian machine
  wrong_length,        ///< too many or too few bytes or elements for the buffer or the tensor
  does_not_fit,        ///< a buffer or an integer is too small for a shape
  invalid_slice,       ///< too many ranges, a range outside the shape, or a cut within a byte
  not_contiguous,      ///< a slice of several runs, which no span can describe
  shape_mismatch,      ///< the shape is not the expected one
  read_only,           ///< writable access to bytes that may only be read
  // Writing: see writer.hpp.
  reserved_name = 201,  ///< a tensor is named `__metadata__`, which the format reserves
  wrong_order,          ///< not in the plan's order, or after the end
  incomplete_write,  ///< finished too early, or after an exception or a failure of another thread
  invalid_option,    ///< a value that cannot be used: see layout_options, output_options
  target_changed,    ///< another file has the path, or somebody has written to the file
  // The machine.
  out_of_memory = 901,  ///< memory or address space is exhausted
  io,                   ///< failure::system holds the operating system's error
};

/// The format's 22 element types. The numbers never change, and new dtypes are appended.
enum class dtype : std::uint8_t {
  boolean,      ///< "BOOL": one byte of any value, so read it with bits<std::uint8_t>()
  f4,           ///< 4 bits: 2 of exponent, 1 of mantissa; two elements per byte
  f6_e2m3,      ///< 6 bits: 2 of exponent, 3 of mantissa; four elements in three bytes
  f6_e3m2,      ///< 6 bits: 3 of exponent, 2 of mantissa; four elements in three bytes
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

/// Allowed uses of mapped bytes.
enum class map_mode : std::uint8_t {
  read_only,      ///< the bytes may only be read
  copy_on_write,  ///< writable_bytes() may be changed, and the file never changes; pages that are
                  ///< written to need memory, and if none is left, Linux ends the program
};

/// Advice to the system about how mapped bytes will be read: see open_options.
enum class access_advice : std::uint8_t {
  normal,      ///< nothing is known
  sequential,  ///< from front to back: the system reads further ahead
  will_need,   ///< all of them, soon: the system begins to read them
  populate,    ///< all of them, now: opening returns once they are in memory
};

/// Kinds of files, as looks_like() reports them by their first bytes. New kinds are appended.
enum class file_kind : std::uint8_t {
  unknown,            ///< none of the following
  safetensors,        ///< a length that fits in the file, and the beginning of a header in JSON
  safetensors_index,  ///< the index of a model in several files, in JSON
  git_lfs_pointer,    ///< a text that stands for a file that was not downloaded
  html,               ///< a web page, such as the error of a server
  json,               ///< any other JSON
  text,               ///< any other text
  pickle,             ///< a pickle of Python, such as an old file of torch.save
  zip,                ///< a ZIP archive, such as a file of torch.save, or NumPy's .npz
  gguf,               ///< GGUF
  ggml,               ///< GGML and its relatives, which are older than GGUF
  numpy,              ///< NumPy's .npy
  hdf5,               ///< HDF5, as Keras writes it
  onnx,               ///< ONNX
  tensorflow_lite,    ///< TensorFlow Lite
  compressed,         ///< compressed data, or an archive other than ZIP
  other,              ///< another known kind, such as an image
};

/// The order in which tensors follow each other in a file.
enum class tensor_order : std::uint8_t {
  canonical,  ///< the reference's: dtypes by write_order(), highest first; then names, by bytes
  as_given,   ///< as in the list: for converters that stream
};

/// Selects what happens to a symbolic link at the end of the path that is written. Links to folders
/// within the path are followed, except those of other users in sticky folders: see file_sink. On
/// Windows, other reparse points count as files.
enum class link_mode : std::uint8_t {
  replace,  ///< the link becomes the new file; what it leads to stays as it is
  follow,   ///< the file that the link leads to is replaced, or, on POSIX, created if it is missing
  refuse,   ///< a link is an error: invalid_option
};

//-- values and parameters

struct failure;
#if SAFETENSORS_EXCEPTIONS
class error;
#endif
template <class Value> class [[nodiscard]] result;
template <class Type> struct dtype_traits;
template <class Item> class list_of;
class shape_ref;
class path_ref;
struct byte_range;
struct dim_range;

//-- reading: safetensors.hpp

struct read_options;
struct open_options;
class metadata_view;
class tensor_info;
class tensor_view;
class file_run_range;
class slice_layout;
class slice_view;
template <class Value> class tensor_collection;
template <class Read> struct function_source;
template <class Read> struct function_stream;
class file_source;
struct entry_field;
class header;
class mapped_bytes;
class owned_bytes;
template <class Storage> class basic_file;
using file = basic_file<mapped_bytes>;
using memory_file = basic_file<owned_bytes>;

//-- writing: writer.hpp

struct tensor_spec;
struct tensor_data;
template <class Item> class tensor_list;
struct layout_options;
struct output_options;
struct write_options;
class write_plan;
class file_sink;
template <class Write> struct function_sink;
template <class Sink> class basic_writer;
using writer = basic_writer<file_sink>;

}  // namespace safetensors::inline SAFETENSORS_ABI
#endif

//==== base/bytes.hpp
// Copying, loading and byte order.

namespace safetensors::inline SAFETENSORS_ABI::detail {

// memcpy(p, nullptr, 0) is undefined behaviour.
inline void copy_bytes(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes != 0) std::memcpy(to, from, bytes);
}

template <class Word> Word load(const char* from) noexcept {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Converts words of `word_bytes` bytes between the byte order of files and the machine's, in either
// direction.
inline void convert_byte_order(void* data, std::size_t bytes, std::size_t word_bytes) noexcept {
  constexpr bool is_foreign = std::endian::native == std::endian::big;
  auto* const at = static_cast<unsigned char*>(data);
  for (std::size_t i = 0; is_foreign && word_bytes > 1 && i != bytes; ++i)
    if (const std::size_t j = i % word_bytes; j < word_bytes / 2)
      std::swap(at[i], at[i + word_bytes - 1 - 2 * j]);
}

inline std::uint64_t load_little64(const char* from) noexcept {
  std::uint64_t word = load<std::uint64_t>(from);
  convert_byte_order(&word, sizeof word, sizeof word);
  return word;
}

// Returns the header's length, from the first 8 bytes of a file.
inline std::uint64_t load_length(const std::byte* prefix) noexcept {
  return load_little64(reinterpret_cast<const char*>(prefix));
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool is_aligned(const std::byte* data, std::size_t alignment) noexcept {
  return reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== base/text.hpp
// Text that is safe to print, and the pieces of messages.

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

//==== base/error.hpp
// Rules, failures and results.

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

//==== base/dtype.hpp
// Element types, and the C++ types that represent them.

namespace safetensors::inline SAFETENSORS_ABI {

/// Returns the width of one element in bits: 4, 6, 8, 16, 32 or 64. `type` must be an enumerator,
/// here and wherever no error says otherwise.
[[nodiscard]] constexpr int bit_width(dtype type) noexcept;
/// Returns the dtype's place in the reference implementation's order. Canonical files are sorted by
/// it, highest first.
[[nodiscard]] constexpr int write_order(dtype type) noexcept;
/// Returns the spelling in files, such as "BF16". It is NUL-terminated: its data() is a C string.
[[nodiscard]] constexpr std::string_view to_string(dtype type) noexcept;
/// Returns the dtype with exactly this spelling, or nothing. Case matters.
[[nodiscard]] constexpr std::optional<dtype> dtype_from_string(std::string_view text) noexcept;

/// An integer type that holds numbers: not bool, and not a character type.
template <class Type>
concept standard_integer =
    std::integral<Type> && std::same_as<Type, std::remove_cv_t<Type>> &&
    !std::same_as<Type, bool> && !std::same_as<Type, char> && !std::same_as<Type, wchar_t> &&
    !std::same_as<Type, char8_t> && !std::same_as<Type, char16_t> && !std::same_as<Type, char32_t>;

/// An unsigned standard_integer; used for raw words.
template <class Type>
concept standard_unsigned = standard_integer<Type> && std::unsigned_integral<Type>;

/// Maps a C++ element type to its dtype, which must have exactly the same width. Specialise it for
/// your own half or complex type, before its first use:
///
///     template <> struct safetensors::dtype_traits<half> {
///       static constexpr auto value = safetensors::dtype::f16;
///     };
template <class Type> struct dtype_traits {};
/// Maps float to F32.
template <> struct dtype_traits<float> {
  static constexpr dtype value = dtype::f32;  ///< F32
};
/// Maps double to F64.
template <> struct dtype_traits<double> {
  static constexpr dtype value = dtype::f64;  ///< F64
};
/// Maps integers to I8 to I64 and U8 to U64 by their width, so that long and long long both work.
template <standard_integer Type> requires(sizeof(Type) <= 8) struct dtype_traits<Type> {
  /// The integer dtype with the width and the sign of Type.
  static constexpr dtype value =
      sizeof(Type) == 1   ? (std::is_signed_v<Type> ? dtype::i8 : dtype::u8)
      : sizeof(Type) == 2 ? (std::is_signed_v<Type> ? dtype::i16 : dtype::u16)
      : sizeof(Type) == 4 ? (std::is_signed_v<Type> ? dtype::i32 : dtype::u32)
                          : (std::is_signed_v<Type> ? dtype::i64 : dtype::u64);
};

/// A type that tensors can be read as: it has dtype_traits and is trivially copyable.
template <class Type>
concept element = std::is_trivially_copyable_v<Type> && requires {
  { dtype_traits<Type>::value } -> std::convertible_to<dtype>;
};
/// The element type of a contiguous range, such as a vector, an array or a span.
template <class Range> using element_of =
    std::remove_reference_t<decltype(*std::data(std::declval<Range&>()))>;
/// A contiguous range of elements, to be filled.
template <class Range>
concept element_buffer = requires(Range& r) { std::size(r); } && element<element_of<Range>>;

namespace detail {

struct dtype_facts {
  std::string_view name;
  int bits;
};
// Indexed by dtype. The numbers of dtype are also the reference's order so far.
inline constexpr dtype_facts dtypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(std::size(dtypes) == static_cast<std::size_t>(dtype::u64) + 1);

}  // namespace detail

constexpr int bit_width(dtype type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].bits;
}
constexpr int write_order(dtype type) noexcept { return static_cast<int>(type); }
constexpr std::string_view to_string(dtype type) noexcept {
  return detail::dtypes[static_cast<std::size_t>(type)].name;
}

/// Writes to_string(type).
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to, dtype type) {
  return to << to_string(type);
}
/// Returns what {fmt} 10 or later formats: to_string(type). For std::format, include
/// safetensors/format.hpp.
[[nodiscard]] constexpr std::string_view format_as(dtype type) noexcept { return to_string(type); }

constexpr std::optional<dtype> dtype_from_string(std::string_view text) noexcept {
  for (std::size_t i = 0; i < std::size(detail::dtypes); ++i)
    if (detail::dtypes[i].name == text) return static_cast<dtype>(i);
  return std::nullopt;
}

namespace detail {

// Multiplies with a check: on overflow, returns false and leaves `product` unchanged. Two factors
// below 2^32 never overflow, so they need no division.
constexpr bool multiply(std::uint64_t& product, std::uint64_t factor) noexcept {
  if ((product | factor) >> 32 != 0 && factor != 0 &&
      product > (std::numeric_limits<std::uint64_t>::max)() / factor)
    return false;
  product *= factor;
  return true;
}

struct tensor_size {
  errc broken;  // the rule that dtype and shape break, or errc{}
  std::uint64_t elements, bits;
};

// Returns what dtype and shape need. Where a number overflows, it is 0.
template <class Shape> constexpr tensor_size measure(dtype type, const Shape& shape) noexcept {
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (!multiply(elements, shape[i])) return {errc::size_overflow, 0, 0};
  std::uint64_t bits = elements;
  if (!multiply(bits, static_cast<std::uint64_t>(bit_width(type))))
    return {errc::size_overflow, elements, 0};
  return {bits % 8 == 0 ? errc{} : errc::partial_byte, elements, bits};
}

// Returns how many bytes are swapped together. An element of a C64 is two numbers of 4 bytes.
constexpr std::size_t swap_unit(dtype type) noexcept {
  return type == dtype::c64 ? 4 : static_cast<std::size_t>(bit_width(type)) / 8;
}

template <class Type> inline constexpr bool has_dtype_width =
    8 * sizeof(Type) == bit_width(dtype_traits<Type>::value);

}  // namespace detail
}  // namespace safetensors::inline SAFETENSORS_ABI

//==== base/parameters.hpp
// Types of parameters. They borrow until the call returns, so use them for nothing else.

namespace safetensors::inline SAFETENSORS_ABI {

/// A span that can also be made of `{a, b, c}`. Borrows the elements until the call returns.
template <class Item> class list_of : public std::span<const Item> {
 public:
  using std::span<const Item>::span;
  constexpr list_of() noexcept = default;  ///< an empty list
  /// Borrows `{a, b, c}` until the call returns.
  constexpr list_of(std::initializer_list<Item> items SAFETENSORS_LIFETIMEBOUND) noexcept
      : std::span<const Item>(std::data(items), items.size()) {}
  /// Borrows the elements of a span, a vector or an array.
  constexpr list_of(std::span<const Item> items) noexcept : std::span<const Item>(items) {}
  /// Does not compile, and says what to write instead.
  template <standard_integer Integer> requires std::same_as<Item, dim_range>
  constexpr list_of(std::initializer_list<Integer>) noexcept {
    static_assert(
        detail::is_never<Integer>,
        "a lone number is not a range: write pick(i) for element i, or {begin, end}, as in "
        "slice({{0, 8}, pick(3)})");
  }
};

/// Matches every size in tensor_info::matches() and tensor_info::try_expect().
inline constexpr std::uint64_t any_size = (std::numeric_limits<std::uint64_t>::max)();
/// Stands for the end of the dimension or of the file, as the end of a range.
inline constexpr std::uint64_t to_end = (std::numeric_limits<std::uint64_t>::max)();
/// Stands for the size of a file whose size is not known: see header.
inline constexpr std::uint64_t unknown_size = (std::numeric_limits<std::uint64_t>::max)();

/// A shape as a parameter. Borrows the sizes until the call returns. It is `{rows, 768, any_size}`
/// with integers of any types, mixed or not, or any contiguous range of integers. A negative number
/// reads as 2^64-1 and makes the shape invalid: it matches no tensor, and byte_size() returns
/// nothing for it.
class shape_ref {
 public:
  /// One size, made of an integer of any type.
  struct dimension {
    std::uint64_t size;  ///< in elements
    bool valid;          ///< false if the integer is negative
    /// Converts any integer.
    template <standard_integer Integer> constexpr dimension(Integer value) noexcept
        : size(std::in_range<std::uint64_t>(value) ? static_cast<std::uint64_t>(value) : any_size),
          valid(std::in_range<std::uint64_t>(value)) {}
  };

  constexpr shape_ref() noexcept = default;  ///< the shape of a scalar
  /// Borrows `{rows, 768}`.
  constexpr shape_ref(std::initializer_list<dimension> list SAFETENSORS_LIFETIMEBOUND) noexcept
      : list_(std::data(list)), size_(list.size()) {
    for (const dimension& each : list) valid_ = valid_ && each.valid;
  }
  /// Borrows a vector, an array or a span of integers.
  template <class Range> requires standard_integer<std::remove_cv_t<element_of<const Range>>>
  constexpr shape_ref(const Range& range SAFETENSORS_LIFETIMEBOUND) noexcept
      : shape_ref(std::span(std::data(range), std::size(range))) {}
  /// Borrows the integers of a span, not the span.
  template <class Integer, std::size_t Extent> requires standard_integer<std::remove_cv_t<Integer>>
  constexpr shape_ref(std::span<Integer, Extent> range) noexcept;

  /// Returns the number of dimensions.
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  /// Returns the size of dimension i in elements. i must be less than size().
  [[nodiscard]] constexpr std::uint64_t operator[](std::size_t i) const noexcept;
  /// Returns true if no size is negative.
  [[nodiscard]] constexpr bool valid() const noexcept { return valid_; }

 private:
  const dimension* list_ = nullptr;
  const std::uint64_t* words_ = nullptr;
  const void* other_ = nullptr;
  std::uint64_t (*get_)(const void*, std::size_t) = nullptr;
  std::size_t size_ = 0;
  bool valid_ = true;
};

/// Returns how many bytes a tensor of this dtype and shape fills. Returns nothing if a size is
/// negative, if the product overflows 64 bits, or if the tensor would end within a byte.
[[nodiscard]] constexpr std::optional<std::uint64_t> byte_size(dtype type,
                                                               shape_ref shape) noexcept;

/// Bytes [begin, end) of a file or of its data section.
struct byte_range {
  std::uint64_t begin = 0;  ///< the first byte
  std::uint64_t end = 0;    ///< the byte after the last one
  /// Returns the number of bytes; 0 if the range ends before it begins.
  [[nodiscard]] constexpr std::uint64_t size() const noexcept {
    return end > begin ? end - begin : 0;
  }
  /// Compares both ends.
  friend constexpr bool operator==(byte_range, byte_range) noexcept = default;
};

/// Elements [begin, end) of a dimension. `{}` is all of it, `{2, 5}` is 2, 3 and 4, and
/// `{2, to_end}` is the rest. A lone `{2}` does not compile: see pick(). As in Python and
/// std::span, begin <= end <= size is valid. Negative numbers never are.
struct dim_range {
  std::uint64_t begin = 0;     ///< the first element
  std::uint64_t end = to_end;  ///< the element after the last one
  /// The range has one element, and its dimension disappears from the slice's shape.
  bool drop = false;

  constexpr dim_range() noexcept = default;  ///< all of the dimension
  /// Selects elements [first, last). The integers may have any types.
  template <standard_integer First, standard_integer Last>
  constexpr dim_range(First first, Last last, bool drop_dimension = false) noexcept
      : drop(drop_dimension) {
    const bool valid = std::in_range<std::uint64_t>(first) && std::in_range<std::uint64_t>(last);
    begin = valid ? static_cast<std::uint64_t>(first) : to_end;
    end = valid ? static_cast<std::uint64_t>(last) : 0;
  }
  /// Compares all members.
  friend constexpr bool operator==(const dim_range&, const dim_range&) noexcept = default;
};

/// Selects only element i. The dimension disappears from the slice's shape.
template <standard_integer Integer> [[nodiscard]] constexpr dim_range pick(Integer i) noexcept {
  const dim_range from(i, to_end);
  return {from.begin, from.begin == to_end ? 0 : from.begin + 1, true};
}

/// Returns part `part`, counted from 0, of `parts` of a dimension of `size` elements, cut at
/// multiples of `granule` elements. Each part has ceil(size / granule / parts) granules, except for
/// the last ones, which have fewer or none. Returns a range without elements if `parts` or
/// `granule` is 0, or if `part` is at least `parts`.
[[nodiscard]] constexpr dim_range shard_range(std::uint64_t size, std::uint64_t part,
                                              std::uint64_t parts,
                                              std::uint64_t granule = 1) noexcept;

template <class Integer, std::size_t Extent> requires standard_integer<std::remove_cv_t<Integer>>
constexpr shape_ref::shape_ref(std::span<Integer, Extent> range) noexcept : size_(range.size()) {
  using integer = std::remove_cv_t<Integer>;
  if constexpr (std::same_as<integer, std::uint64_t>) {
    words_ = range.data();
  } else {
    other_ = range.data();
    get_ = [](const void* data, std::size_t i) {
      return dimension(static_cast<const integer*>(data)[i]).size;
    };
    for (std::size_t i = 0; i < size_; ++i)
      valid_ = valid_ && std::in_range<std::uint64_t>(range[i]);
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

constexpr dim_range shard_range(std::uint64_t size, std::uint64_t part, std::uint64_t parts,
                                std::uint64_t granule) noexcept {
  if (parts == 0 || granule == 0) return {size, size};
  const auto ceil_divide = [](std::uint64_t a, std::uint64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
  };
  const std::uint64_t granules = ceil_divide(size, granule), each = ceil_divide(granules, parts);
  // Without the clamp, the product could overflow.
  const auto end_of = [&](std::uint64_t i) {
    return each == 0 || i >= ceil_divide(granules, each) ? size : i * each * granule;
  };
  return {end_of(part), part == to_end ? size : end_of(part + 1)};
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== base/path.hpp
// Paths and handles of files.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {

struct path_door;
// Identifies a file, whatever its path. All words are 0 if the system does not report it.
struct file_identity {
  std::uint64_t device = 0, node = 0;
  friend constexpr bool operator==(file_identity, file_identity) noexcept = default;
};
// Facts that show a change. If they differ, the file is another one, or somebody has written to it.
struct file_facts {
  std::uint64_t size = 0;
  file_identity identity{};
  std::uint64_t modified = 0;  // in the system's units, modulo 2^64
  friend constexpr bool operator==(const file_facts&, const file_facts&) noexcept = default;
};

}  // namespace detail

#ifdef _WIN32
using native_handle = void*;  ///< HANDLE
inline const native_handle invalid_handle = reinterpret_cast<void*>(std::intptr_t{-1});
#else
using native_handle = int;                           ///< a file descriptor; on Windows, a HANDLE
inline constexpr native_handle invalid_handle = -1;  ///< no file; on Windows, INVALID_HANDLE_VALUE
#endif
/// A file's path as a parameter. Borrows the path until the call returns.
/// - Text is UTF-8 on every system. On POSIX, its bytes are passed on unchanged.
/// - std::filesystem::path is accepted, and so is wide text on Windows.
/// - On Windows, argv is not UTF-8: use std::filesystem::path(argv[1]).
class path_ref {
 public:
  ///@{
  /// Borrows the path until the call returns. A null `const char*` is an empty path.
  template <std::convertible_to<std::string_view> Text> requires(!std::is_pointer_v<Text>)
  path_ref(const Text& utf8 SAFETENSORS_LIFETIMEBOUND) noexcept : utf8_(utf8) {}
  path_ref(std::string_view utf8) noexcept : utf8_(utf8) {}
  path_ref(const char* utf8 SAFETENSORS_LIFETIMEBOUND) noexcept
      : utf8_(utf8 != nullptr ? utf8 : "") {}
  template <std::convertible_to<std::u8string_view> Text>
  path_ref(const Text& utf8 SAFETENSORS_LIFETIMEBOUND) noexcept;
#ifdef _WIN32
  template <std::convertible_to<std::wstring_view> Text>
  path_ref(const Text& wide SAFETENSORS_LIFETIMEBOUND) noexcept
      : wide_(wide), is_wide_(true) {}
#endif
  template <class Path> requires requires(const Path& path) { path.native(); }
  path_ref(const Path& path SAFETENSORS_LIFETIMEBOUND) noexcept : path_ref(path.native()) {}
  path_ref(std::nullptr_t) = delete;
  ///@}

  /// Returns the path as UTF-8, as failures show it.
  [[nodiscard]] std::string to_utf8() const;

 private:
  friend detail::path_door;
  std::string_view utf8_{};
#ifdef _WIN32
  std::wstring_view wide_{};
  bool is_wide_ = false;
#endif
};

template <std::convertible_to<std::u8string_view> Text>
path_ref::path_ref(const Text& utf8 SAFETENSORS_LIFETIMEBOUND) noexcept {
  const std::u8string_view text = utf8;
  utf8_ = {reinterpret_cast<const char*>(text.data()), text.size()};
}

namespace detail {

struct path_door {
  static std::string_view utf8(const path_ref& path) noexcept { return path.utf8_; }
#ifdef _WIN32
  static bool is_wide(const path_ref& path) noexcept { return path.is_wide_; }
  static std::wstring_view wide(const path_ref& path) noexcept { return path.wide_; }
#endif
};

}  // namespace detail
}  // namespace safetensors::inline SAFETENSORS_ABI

//==== detail/block.hpp
// Memory whose allocation failure is reported without an exception.

namespace safetensors::inline SAFETENSORS_ABI::detail {

// Returns false if a container cannot allocate the memory that it needs.
template <class Allocate> bool try_allocating(const Allocate& allocate) {
#if SAFETENSORS_EXCEPTIONS
  try {
    allocate();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
#else
  // Without exceptions, std::bad_alloc ends the program, so there is nothing to report.
  allocate();
  return true;
#endif
}

// A growing array of uninitialised elements. It reports an allocation failure by false instead of
// throwing.
template <class Item> class block {
  static_assert(std::is_trivially_copyable_v<Item>);

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
    if (capacity > (std::numeric_limits<std::size_t>::max)() / sizeof(Item)) return false;
    void* fresh = ::operator new(capacity * sizeof(Item), std::nothrow);
    if (fresh == nullptr) return false;
    copy_bytes(fresh, data_, size_ * sizeof(Item));
    ::operator delete(std::exchange(data_, static_cast<Item*>(fresh)));
    capacity_ = capacity;
    return true;
  }
  [[nodiscard]] bool push_back(const Item& item) noexcept {
    return push_back(item, [&] { return reserve(2 * capacity_ + 4); });
  }
  // Calls `make_room` if there is none for the item.
  template <class Function>
  [[nodiscard]] bool push_back(const Item& item, const Function& make_room) noexcept {
    if (size_ == capacity_) [[unlikely]]
      if (!make_room()) return false;
    data_[size_++] = item;
    return true;
  }
  [[nodiscard]] bool append(std::span<const Item> items) noexcept {
    // All items are in memory, so the sum of the sizes does not overflow.
    const std::size_t size = size_ + items.size();
    if (size > capacity_ && !reserve(size > 2 * capacity_ ? size : 2 * capacity_)) return false;
    copy_bytes(data_ + size_, items.data(), items.size_bytes());
    size_ = size;
    return true;
  }
  void set_size(std::size_t size) noexcept { size_ = size; }  // size: at most the capacity

  [[nodiscard]] Item* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Item* begin() const noexcept { return data_; }
  [[nodiscard]] Item* end() const noexcept { return data_ + size_; }
  [[nodiscard]] Item& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  Item* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== detail/table.hpp
// The index of a header: a table of flat blocks, and the lookup of names in it.

namespace safetensors::inline SAFETENSORS_ABI::detail {

// Returns the two halves of the 128-bit product, combined by exclusive or.
SAFETENSORS_DECL std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept;

inline void prefetch([[maybe_unused]] const void* from) noexcept {
#ifdef __GNUC__
  __builtin_prefetch(from);
#endif
}

struct hash_keys {
  std::uint64_t key[4];
  std::uint64_t file_key[2];  // for the names of temporary files, which others see
};
// Returns random keys, which are drawn once per process.
SAFETENSORS_DECL hash_keys process_keys() noexcept;
SAFETENSORS_DECL std::uint64_t hash_name(std::string_view name, const hash_keys& keys) noexcept;

// A tensor in 32 bytes. Its name is in the header's text, and its shape is in the table's
// dimensions.
struct record {
  std::uint64_t begin, end;  // bytes of the data section
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
static_assert(std::size(dtypes) <= std::size_t{1} << record::dtype_bits);

struct text_range {
  std::uint32_t offset, length;
};

struct metadata_entry {
  text_range key, value;
};

struct name_slot {
  std::uint32_t tag;
  std::uint32_t record_number;  // counted from 1; 0 if the slot is free
};

// Zero bytes are stored after the text, so that readers may look ahead.
inline constexpr std::size_t text_padding = 64;
// Positions in the text have 32 bits.
inline constexpr std::uint64_t max_text_bytes = 0xFFFF'FFFFu - text_padding;

// The index of a header: a fixed number of flat blocks, however many tensors there are.
struct tensor_table {
  // The header. Strings with escapes are decoded in place, and end where the raw strings end.
  block<char> text{};
  block<record> records{};  // in data order once build_index() has succeeded
  block<std::uint64_t> dimensions{};
  block<metadata_entry> metadata{};  // by key once build_index() has succeeded
  block<name_slot> names{};
  // A copy, because another shared library that looks up a name may have other process_keys().
  hash_keys keys{};
  std::uint64_t data_size = 0;
  text_range unknown_field{}, unknown_field_tensor{};  // the first one; at 0 if there is none
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

  // Add an item. If there is no room, each function first reserves memory for all items that the
  // text from `rest` on can hold. `rest` is not inside of a string. Doubling is not used,
  // because it takes up to three times what the items need: the old memory, and a new one of twice
  // its size, exist at the same time.
  [[nodiscard]] bool add_dimension(std::uint64_t size, const char* rest) noexcept {
    return dimensions.push_back(size, [&] { return reserve_dimensions(rest); });
  }
  [[nodiscard]] bool add_metadata(const metadata_entry& entry, const char* rest) noexcept {
    return metadata.push_back(entry, [&] { return reserve_metadata(rest); });
  }
  [[nodiscard]] bool reserve_dimensions(const char* rest) noexcept;
  [[nodiscard]] bool reserve_metadata(const char* rest) noexcept;

  // Returns null if no tensor has this name.
  [[nodiscard]] const record* find(std::string_view name) const noexcept;

  // Returns the slot of the name, or the free slot where the name would be stored.
  [[nodiscard]] name_slot* locate(std::string_view name, std::uint64_t hash) const noexcept {
    name_slot* slot = first_slot(hash);
    while (slot->record_number != 0 &&
           (slot->tag != tag(hash) || this->name(records[slot->record_number - 1]) != name))
      if (++slot == names.end()) slot = names.begin();
    return slot;
  }
  [[nodiscard]] name_slot* first_slot(std::uint64_t hash) const noexcept {
    return &names[static_cast<std::size_t>(hash) & (names.size() - 1)];
  }
  [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
};

// What views refer to that refer to no tensor.
inline constexpr record no_record{};
SAFETENSORS_DECL const tensor_table& no_table() noexcept;

// A decoded string ends where its raw form ends, and may be shorter. The bytes before it are then
// filled with this byte, which UTF-8 never contains.
inline constexpr char escape_filler = '\xFF';

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== detail/failures.hpp
// Failures, made of a table, a record and numbers, so that no template builds a sentence.

namespace safetensors::inline SAFETENSORS_ABI {
class tensor_info;
}

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- of a file

inline constexpr const char* cannot_open = "cannot open it";
inline constexpr const char* cannot_read = "cannot read it";
inline constexpr const char* cannot_examine = "cannot read its size and kind";
inline constexpr const char* cannot_map = "cannot map it";
inline constexpr const char* cannot_lock = "cannot lock it";
inline constexpr const char* locked_elsewhere = "another program holds its lock";
inline constexpr const char* not_regular = "it is not a regular file";
inline constexpr const char* empty_path = "the path is empty";
inline constexpr const char* path_holds_nul = "the path holds a NUL";
inline constexpr const char* cut_short = "copy or download it again; it may have been cut short";
inline constexpr const char* too_many_dimensions = "its shape has more than 2^27-1 dimensions";

SAFETENSORS_DECL failure failure_at(errc code, std::uint64_t offset, std::string detail,
                                    std::string advice = {});
// Makes a failure of an error that a byte_source or the system returned. Its code is the library's
// own code, out_of_memory, or io.
SAFETENSORS_DECL failure source_failure(std::error_code error, std::string detail,
                                        std::string advice = {});
SAFETENSORS_DECL failure source_failure(std::errc error, std::string detail,
                                        std::string advice = {});
// Makes a failure as source_failure() does. `what` says what could not be done. Only the system's
// errors need it, not the library's own codes.
SAFETENSORS_DECL failure reported_failure(std::error_code error, const char* what);
// Returns how to accept a header of this length.
SAFETENSORS_DECL std::string limit_advice(std::uint64_t length);
// Says what works where mapping does not. Copies need memory that mappings do not need, and the
// reverse.
SAFETENSORS_DECL std::string map_advice(bool writable);
SAFETENSORS_DECL failure storage_failure(std::uint64_t size);
// Makes a failure of a file that ends within its data, of which it has `present` bytes.
SAFETENSORS_DECL failure missing_data_failure(std::uint64_t needed, std::uint64_t data_start,
                                              std::uint64_t present);
SAFETENSORS_DECL failure with_path(failure what, std::string path);

//-- of a tensor

SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail, std::string advice = {});
SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_info& tensor, std::string detail,
                                        std::string advice = {});
SAFETENSORS_DECL failure not_found_failure(const tensor_table* table, std::string_view name);
SAFETENSORS_DECL failure dtype_failure(const tensor_info& tensor, dtype wanted);
SAFETENSORS_DECL failure width_failure(const tensor_info& tensor, std::size_t bytes);
SAFETENSORS_DECL failure length_failure(const tensor_info& tensor, std::uint64_t length,
                                        std::uint64_t wanted, std::string_view unit);
// Makes a failure of elements that cannot be used in place, because of byte order or alignment.
SAFETENSORS_DECL failure place_failure(const tensor_info& tensor, std::size_t size,
                                       std::size_t alignment);
SAFETENSORS_DECL failure read_only_failure(const tensor_info& tensor);
SAFETENSORS_DECL failure memory_failure(const tensor_info& tensor, std::string_view what);
SAFETENSORS_DECL failure item_failure(const tensor_info& tensor);
SAFETENSORS_DECL failure rank_failure(const tensor_info& tensor, std::size_t room);
SAFETENSORS_DECL failure dimension_failure(const tensor_info& tensor, std::size_t dimension);

//-- pieces of sentences, for bodies alone

// Returns why dtype and shape break the rule that measure() found.
SAFETENSORS_DECL std::string size_text(dtype type, std::span<const std::uint64_t> shape,
                                       const tensor_size& size);
// Returns the C++ type of elements, or an empty text if the dtype has none.
SAFETENSORS_DECL std::string_view cpp_type_of(dtype type) noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== read/iterator.hpp
// The iterator over a header's entries.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
// make(table, data, i) returns entry i as a Value. `data` is the start of the data section, or null
// if the data is not in memory.
template <class Value> struct entry_of;
}  // namespace detail

/// A random-access iterator over the entries of a header. It yields values: its `reference` is the
/// value itself, as C++20's concepts and algorithms allow. Valid while the header or file that it
/// iterates over exists, even after that is moved.
template <class Value> class table_iterator {
  struct arrow {
    Value value;
    const Value* operator->() const noexcept { return &value; }
  };

 public:
  ///@{
  /// A member that std::random_access_iterator requires.
  using value_type = Value;
  using reference = Value;
  using pointer = arrow;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::random_access_iterator_tag;

  table_iterator() noexcept = default;
  [[nodiscard]] Value operator*() const noexcept {
    return detail::entry_of<Value>::make(*table_, data_, static_cast<std::size_t>(at_));
  }
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
  friend metadata_view;
  template <class> friend class tensor_collection;
  table_iterator(const detail::tensor_table* table, const std::byte* data, std::size_t at) noexcept
      : table_(table), data_(data), at_(static_cast<difference_type>(at)) {}
  const detail::tensor_table* table_ = nullptr;
  const std::byte* data_ = nullptr;
  difference_type at_ = 0;
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/metadata.hpp
// The header's metadata.

namespace safetensors::inline SAFETENSORS_ABI {

/// Metadata to keep or to build. It is sorted, so that equal metadata always results in equal
/// files.
using metadata_map = std::map<std::string, std::string>;

/// The header's `__metadata__`, decoded and sorted by key. Valid while its header exists.
class metadata_view {
 public:
  using value_type = std::pair<std::string_view, std::string_view>;  ///< key and value, in UTF-8
  using iterator = table_iterator<value_type>;  ///< iterates in the order of keys
  using const_iterator = iterator;              ///< iterates in the order of keys

  metadata_view() noexcept = default;  ///< no keys
  /// Returns the number of keys.
  [[nodiscard]] std::size_t size() const noexcept {
    return table_ == nullptr ? 0 : table_->metadata.size();
  }
  /// Returns true if there are no keys.
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Returns an iterator to the first key, in the order of their bytes.
  [[nodiscard]] iterator begin() const noexcept { return {table_, nullptr, 0}; }
  /// Returns an iterator past the last key.
  [[nodiscard]] iterator end() const noexcept { return {table_, nullptr, size()}; }
  /// Returns the value of a key, found by binary search, or nothing.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const noexcept;
  /// Returns a copy, to be kept or changed.
  [[nodiscard]] metadata_map to_map() const;

 private:
  template <class> friend class tensor_collection;
  explicit metadata_view(const detail::tensor_table* table) noexcept : table_(table) {}
  const detail::tensor_table* table_ = nullptr;
};

template <> struct detail::entry_of<metadata_view::value_type> {
  static metadata_view::value_type make(const tensor_table& table, const std::byte*,
                                        std::size_t i) noexcept {
    return {table.view(table.metadata[i].key), table.view(table.metadata[i].value)};
  }
};

}  // namespace safetensors::inline SAFETENSORS_ABI

// Its iterators are valid while the header exists, whatever happens to the view.
template <> inline constexpr bool std::ranges::enable_borrowed_range<safetensors::metadata_view> =
    true;

//==== read/range.hpp
// Tensors by name and in order.

namespace safetensors::inline SAFETENSORS_ABI {

/// The tensors of a header or a file. Iterates in data order (by first byte, then by last byte),
/// and finds names in constant time, without allocating.
/// These uses do not compile: views of a temporary, and nullptr, 0 or 'A' as a name.
template <class Value> class tensor_collection {
 public:
  using value_type = Value;                ///< tensor_info or tensor_view
  using iterator = table_iterator<Value>;  ///< iterates in data order
  using const_iterator = iterator;         ///< iterates in data order

  /// Returns the number of tensors.
  [[nodiscard]] std::size_t size() const noexcept {
    return table_ == nullptr ? 0 : table_->records.size();
  }
  /// Returns true if there are no tensors.
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Returns an iterator to the first tensor in data order.
  [[nodiscard]] iterator begin() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return {table_, data_, 0};
  }
  /// Returns an iterator past the last tensor.
  [[nodiscard]] iterator end() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return {table_, data_, size()};
  }
  void begin() const&& = delete;
  void end() const&& = delete;

  /// Returns true if a tensor has a name of exactly these bytes.
  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    return table_ != nullptr && table_->find(name) != nullptr;
  }
  bool contains(std::nullptr_t) const = delete;
  /// Returns the tensor of this name, or nothing.
  [[nodiscard]] std::optional<Value> find(std::string_view name) const& noexcept
      SAFETENSORS_LIFETIMEBOUND {
    const detail::record* found = table_ == nullptr ? nullptr : table_->find(name);
    if (found == nullptr) return std::nullopt;
    return begin()[found - table_->records.data()];
  }
  void find(std::string_view) const&& = delete;
  void find(std::nullptr_t) const = delete;
  /// Returns the tensor of this name. Errors: tensor_not_found if there is none. The failure
  /// contains the name.
  result<Value> try_at(std::string_view name) const& SAFETENSORS_LIFETIMEBOUND {
    if (const std::optional<Value> found = find(name)) return *found;
    return detail::not_found_failure(table_, name);
  }
  void try_at(std::string_view) const&& = delete;
  void try_at(std::nullptr_t) const = delete;
#if SAFETENSORS_EXCEPTIONS
  /// Calls try_at(), and throws safetensors::error if it fails.
  [[nodiscard]] Value at(std::string_view name) const& SAFETENSORS_LIFETIMEBOUND {
    return try_at(name).value();
  }
  void at(std::string_view) const&& = delete;
  void at(std::nullptr_t) const = delete;
  /// Calls at().
  [[nodiscard]] Value operator[](std::string_view name) const& SAFETENSORS_LIFETIMEBOUND {
    return at(name);
  }
  void operator[](std::string_view) const&& = delete;
  void operator[](std::nullptr_t) const = delete;
  template <std::integral Integer> void operator[](Integer) const = delete;
#endif

  /// Returns the `__metadata__`, which may be empty. Valid while the header or file exists.
  [[nodiscard]] metadata_view metadata() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return metadata_view(table_);
  }
  void metadata() const&& = delete;

 protected:
  tensor_collection() noexcept = default;
  // `data` is the start of the data section, or null if the data is not in memory.
  tensor_collection(const detail::tensor_table* table, const std::byte* data) noexcept
      : table_(table), data_(data) {}
  tensor_collection(tensor_collection&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)), data_(std::exchange(other.data_, nullptr)) {}
  tensor_collection& operator=(tensor_collection&& other) noexcept {
    table_ = std::exchange(other.table_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    return *this;
  }
  ~tensor_collection() = default;
  [[nodiscard]] const detail::tensor_table* table() const noexcept { return table_; }

 private:
  const detail::tensor_table* table_ = nullptr;
  const std::byte* data_ = nullptr;
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/tensor.hpp
// A tensor: its entry in the header, and its bytes.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
struct tensor_door;
}

/// A tensor's entry in the header: everything but the bytes. Trivially copyable. Owns nothing:
/// valid while its header or file exists, even after that is moved.
class tensor_info {
 public:
  /// Makes an entry of no tensor: without a name, dimensions, elements and bytes.
  tensor_info() noexcept : tensor_info(detail::no_table(), detail::no_record) {}
  /// Returns the name in UTF-8. It may be empty or hold NUL, and is not NUL-terminated. Valid while
  /// the header exists.
  [[nodiscard]] std::string_view name() const noexcept { return table_->name(*record_); }
  /// Returns the type of the elements.
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return record_->dtype(); }
  /// Returns the sizes in elements, slowest dimension first. Empty for a scalar. Valid while the
  /// header exists.
  [[nodiscard]] std::span<const std::uint64_t> shape() const noexcept {
    return table_->shape(*record_);
  }
  /// Returns the number of dimensions.
  [[nodiscard]] std::size_t ndim() const noexcept { return shape().size(); }
  /// Returns a new vector with one stride per dimension, in elements. All are 0 if the tensor has
  /// no elements. Errors: out_of_memory if the vector cannot be allocated (without exceptions, the
  /// program ends).
  result<std::vector<std::uint64_t>> try_strides() const;
  /// Returns the number of elements, which is 1 for a scalar.
  [[nodiscard]] std::uint64_t element_count() const noexcept {
    return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));  // validated to fit
  }
  /// Returns the size of all elements together, in bytes.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return record_->end - record_->begin; }
  /// Returns data_offsets as written in the header: bytes from the end of the header.
  [[nodiscard]] byte_range data_offsets() const noexcept { return {record_->begin, record_->end}; }
  /// Returns the range of absolute bytes in the file, for pread, an HTTP range or your own reader.
  [[nodiscard]] byte_range file_range() const noexcept {
    const std::uint64_t start = table_->data_start();
    return {start + record_->begin, start + record_->end};
  }

  /// Returns true if dtype and shape are these. any_size matches every size.
  [[nodiscard]] bool matches(safetensors::dtype type, shape_ref wanted) const noexcept;
  /// Checks that dtype and shape are these. any_size matches every size. The failure says what was
  /// wanted and what was found.
  /// Errors: dtype_mismatch if the dtype is another one; shape_mismatch if the shape is another
  /// one.
  result<void> try_expect(safetensors::dtype type, shape_ref wanted) const;
  /// Returns the shape in integers of type Integer.
  /// Errors: out_of_memory if the vector cannot be allocated (without exceptions, the program
  /// ends); does_not_fit if a size is too large for Integer.
  template <standard_integer Integer> result<std::vector<Integer>> try_shape_as() const;
  /// Copies the shape into your own buffer, and returns the number of dimensions. Nothing is ever
  /// truncated. After an error, the contents of the buffer are unspecified.
  /// Errors: does_not_fit if the buffer has room for fewer dimensions; does_not_fit if a size is
  /// too large for the buffer's integers.
  template <element_buffer Buffer> requires standard_integer<element_of<Buffer>>
  result<std::size_t> try_copy_shape(Buffer&& to) const;
  /// Returns where the bytes of a slice are in the file. `ranges` has one range per leading
  /// dimension. The other dimensions are whole.
  /// Errors: invalid_slice if there are more ranges than dimensions, or a range is not valid for
  /// its dimension; out_of_memory if the layout cannot be allocated (without exceptions, the
  /// program ends); invalid_slice if a sub-byte dtype is cut within a byte.
  result<slice_layout> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// Calls its `try_` twin, and throws safetensors::error if that fails.
  void expect(safetensors::dtype type, shape_ref wanted) const { try_expect(type, wanted).value(); }
  [[nodiscard]] std::vector<std::uint64_t> strides() const { return try_strides().value(); }
  template <standard_integer Integer> [[nodiscard]] std::vector<Integer> shape_as() const {
    return try_shape_as<Integer>().value();
  }
  template <element_buffer Buffer> requires standard_integer<element_of<Buffer>>
  std::size_t copy_shape(Buffer&& to) const {
    return try_copy_shape(to).value();
  }
  [[nodiscard]] slice_layout slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::tensor_door;
  tensor_info(const detail::tensor_table& table, const detail::record& entry) noexcept
      : table_(&table), record_(&entry) {}
  const detail::tensor_table* table_;
  const detail::record* record_;
};

/// A tensor whose bytes are in memory. Trivially copyable. Owns nothing: valid while its file
/// object exists, even after that is moved.
///
/// Typed access is zero copy and checked. A failure of dtype_mismatch names both dtypes. Files may
/// place tensors at any byte (misaligned_data), and hosts may be big-endian (foreign_byte_order).
/// The copying functions work on both.
class tensor_view : public tensor_info {
 public:
  tensor_view() noexcept = default;  ///< a view of no tensor: without elements and bytes
  /// Returns the bytes as in the file: little-endian, row-major, at any alignment. Valid while the
  /// file object exists.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {data_, static_cast<std::size_t>(byte_size())};
  }
  /// Returns true if bytes() starts at a multiple of `alignment` bytes. `alignment` must not be 0.
  [[nodiscard]] bool aligned_to(std::size_t alignment) const noexcept {
    return detail::is_aligned(data_, alignment);
  }

  /// Returns the elements in place. Valid while the file object exists.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); foreign_byte_order if Element is
  /// wider than a byte and the host is big-endian; misaligned_data if bytes() does not start at a
  /// multiple of alignof(Element). A tensor without elements has only the first error.
  template <class Element> result<std::span<const Element>> try_as() const;
  /// Returns the raw words of the elements in place, for any dtype that is exactly as wide as Word:
  /// BF16 as std::uint16_t, BOOL as std::uint8_t. Valid while the file object exists.
  /// Errors: dtype_mismatch if dtype() has another width than Word; then as try_as().
  template <standard_unsigned Word> result<std::span<const Word>> try_bits() const;
  /// Copies the elements, from any alignment into host byte order. `to` must not overlap bytes().
  /// Errors: dtype_mismatch if the elements of `to` are not of the type of dtype(); wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <class Buffer> result<void> try_copy_to(Buffer&& to) const;
  /// Copies the raw words, from any alignment into host byte order. `to` must not overlap bytes().
  /// Errors: dtype_mismatch if dtype() has another width than the elements of `to`; wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  result<void> try_copy_bits(Buffer&& to) const;
  /// Copies bytes() unchanged. `to` must not overlap bytes(). Errors: wrong_length if `to` does not
  /// have exactly byte_size() bytes.
  result<void> try_copy_bytes(std::span<std::byte> to) const;
  /// Returns a copy of the elements, in host byte order.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); out_of_memory if the vector
  /// cannot be allocated (without exceptions, the program ends).
  template <class Element> result<std::vector<Element>> try_to_vector() const;
  /// Returns the element of a tensor that has only one, in host byte order.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); wrong_length if there is not
  /// exactly one element.
  template <class Element> result<Element> try_item() const;
  /// Returns a strided view. `ranges` has one range per leading dimension. The other dimensions are
  /// whole. Errors: as tensor_info::try_slice().
  result<slice_view> try_slice(list_of<dim_range> ranges) const;

#if SAFETENSORS_EXCEPTIONS
  /// Calls its `try_` twin, and throws safetensors::error if that fails.
  template <class Element> [[nodiscard]] std::span<const Element> as() const {
    return try_as<Element>().value();
  }
  template <standard_unsigned Word> [[nodiscard]] std::span<const Word> bits() const {
    return try_bits<Word>().value();
  }
  template <class Buffer> void copy_to(Buffer&& to) const { try_copy_to(to).value(); }
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  void copy_bits(Buffer&& to) const {
    try_copy_bits(to).value();
  }
  void copy_bytes(std::span<std::byte> to) const { try_copy_bytes(to).value(); }
  template <class Element> [[nodiscard]] std::vector<Element> to_vector() const {
    return try_to_vector<Element>().value();
  }
  template <class Element> [[nodiscard]] Element item() const {
    return try_item<Element>().value();
  }
  [[nodiscard]] slice_view slice(list_of<dim_range> ranges) const;
#endif

 private:
  friend detail::entry_of<tensor_view>;
  tensor_view(const tensor_info& info, const std::byte* first) noexcept
      : tensor_info(info), data_(first) {}
  // Copies `count` elements of checked dtype, whose words have `word_bytes` bytes.
  result<void> copy_words(std::span<std::byte> to, std::size_t count, std::size_t word_bytes) const;
  const std::byte* data_ = nullptr;  // the tensor's first byte
};

namespace detail {

// Connects tensors with the table's records.
struct tensor_door {
  static tensor_info make(const tensor_table& table, const record& entry) noexcept {
    return {table, entry};
  }
  static const tensor_table& table(const tensor_info& tensor) noexcept { return *tensor.table_; }
  static const record& entry(const tensor_info& tensor) noexcept { return *tensor.record_; }
};

template <> struct entry_of<tensor_info> {
  static tensor_info make(const tensor_table& table, const std::byte*, std::size_t i) noexcept {
    return tensor_door::make(table, table.records[i]);
  }
};
template <> struct entry_of<tensor_view> {
  static tensor_view make(const tensor_table& table, const std::byte* data,
                          std::size_t i) noexcept {
    const record& entry = table.records[i];
    return {tensor_door::make(table, entry), data + static_cast<std::size_t>(entry.begin)};
  }
};

//-- used by tensor_view and slice_view; a slice passes the tensor from which it is cut

template <class Element> result<void> expect_element(const tensor_info& tensor) {
  static_assert(
      element<Element>,
      "no dtype has elements of this type: specialise safetensors::dtype_traits for your "
      "own type; bits<std::uint8_t>() reads BOOL, and bits<std::uint16_t>() BF16 and F16");
  static_assert(has_dtype_width<Element>, "dtype_traits must name a dtype of the type's width");
  if (tensor.dtype() == dtype_traits<Element>::value) return {};
  return dtype_failure(tensor, dtype_traits<Element>::value);
}

template <class Word> result<void> expect_width(const tensor_info& tensor) {
  if (static_cast<std::size_t>(bit_width(tensor.dtype())) == 8 * sizeof(Word)) return {};
  return width_failure(tensor, sizeof(Word));
}

// Checks that elements of type Element can be used in place.
template <class Element>
result<void> expect_usable(const tensor_info& tensor, const std::byte* data) {
  constexpr bool is_native = sizeof(Element) == 1 || std::endian::native == std::endian::little;
  if (is_native && is_aligned(data, alignof(Element))) return {};
  return place_failure(tensor, sizeof(Element), alignof(Element));
}

// Returns a span over bytes whose dtype was checked. An empty span needs no alignment.
template <class Element> result<std::span<const Element>> in_place(const tensor_info& tensor,
                                                                   const std::byte* data,
                                                                   std::uint64_t bytes) {
  if (bytes == 0) return std::span<const Element>();
  if (auto usable = expect_usable<Element>(tensor, data); !usable) return std::move(usable).error();
  return std::span<const Element>(reinterpret_cast<const Element*>(data),
                                  static_cast<std::size_t>(bytes) / sizeof(Element));
}

template <class Buffer>
concept contiguous_range = requires(Buffer& buffer) {
  std::size(buffer);
  std::data(buffer);
};

// As expect_source.
template <class Buffer> struct expect_buffer {
  static_assert(!std::is_pointer_v<std::remove_cvref_t<Buffer>>,
                "a pointer has no length: pass std::span(pointer, count)");
  static_assert(!contiguous_range<Buffer> || element_buffer<Buffer> ||
                    std::is_const_v<element_of<Buffer>>,
                "no dtype has elements of this type: specialise safetensors::dtype_traits for your "
                "own type, or fill raw words by copy_bits()");
  static_assert(element_buffer<Buffer>,
                "the buffer is a contiguous range of elements that can be changed, such as a "
                "std::vector<float>, an array or a std::span<float>");
};

template <class Buffer> std::span<std::byte> writable_bytes_of(Buffer& to) noexcept {
  return std::as_writable_bytes(std::span<element_of<Buffer>>(std::data(to), std::size(to)));
}

template <class Element, class View>
result<std::vector<Element>> to_vector(const View& view, const tensor_info& tensor) {
  if (auto same = expect_element<Element>(tensor); !same) return std::move(same).error();
  std::vector<Element> values;
  if (!try_allocating([&] { values.resize(static_cast<std::size_t>(view.element_count())); }))
    return memory_failure(tensor, "a copy of its elements");
  if (auto copied = view.try_copy_to(values); !copied) return std::move(copied).error();
  return values;
}

}  // namespace detail

template <element_buffer Buffer> requires standard_integer<element_of<Buffer>>
result<std::size_t> tensor_info::try_copy_shape(Buffer&& to) const {
  const auto sizes = shape();
  if (std::size(to) < sizes.size()) return detail::rank_failure(*this, std::size(to));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!std::in_range<element_of<Buffer>>(sizes[i])) return detail::dimension_failure(*this, i);
    std::data(to)[i] = static_cast<element_of<Buffer>>(sizes[i]);
  }
  return sizes.size();
}

template <standard_integer Integer> result<std::vector<Integer>> tensor_info::try_shape_as() const {
  std::vector<Integer> sizes;
  if (!detail::try_allocating([&] { sizes.resize(ndim()); }))
    return detail::memory_failure(*this, "a copy of its shape");
  if (auto copied = try_copy_shape(sizes); !copied) return std::move(copied).error();
  return sizes;
}

template <class Element> result<std::span<const Element>> tensor_view::try_as() const {
  if (auto same = detail::expect_element<Element>(*this); !same) return std::move(same).error();
  return detail::in_place<Element>(*this, data_, byte_size());
}

template <standard_unsigned Word> result<std::span<const Word>> tensor_view::try_bits() const {
  if (auto same = detail::expect_width<Word>(*this); !same) return std::move(same).error();
  return detail::in_place<Word>(*this, data_, byte_size());
}

template <class Buffer> result<void> tensor_view::try_copy_to(Buffer&& to) const {
  (void)detail::expect_buffer<Buffer>();
  if (auto same = detail::expect_element<element_of<Buffer>>(*this); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), detail::swap_unit(dtype()));
}

template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
result<void> tensor_view::try_copy_bits(Buffer&& to) const {
  if (auto same = detail::expect_width<element_of<Buffer>>(*this); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), sizeof(element_of<Buffer>));
}

template <class Element> result<std::vector<Element>> tensor_view::try_to_vector() const {
  return detail::to_vector<Element>(*this, *this);
}

template <class Element> result<Element> tensor_view::try_item() const {
  if (auto same = detail::expect_element<Element>(*this); !same) return std::move(same).error();
  if (element_count() != 1) return detail::item_failure(*this);
  Element value{};
  if (auto copied = try_copy_to(std::span(&value, 1)); !copied) return std::move(copied).error();
  return value;
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/slice.hpp
// Slices of tensors: where their bytes are in the file, and the bytes in memory.

namespace safetensors::inline SAFETENSORS_ABI {

/// The runs of a slice, as a range of byte_range. Valid while its slice exists and is not moved.
class file_run_range {
 public:
  /// A forward iterator that yields values.
  class iterator {
   public:
    ///@{
    /// A member that std::forward_iterator requires.
    using value_type = byte_range;
    using reference = byte_range;
    using pointer = void;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;

    iterator() noexcept = default;
    [[nodiscard]] byte_range operator*() const noexcept;
    iterator& operator++() noexcept { return ++at_, *this; }
    iterator operator++(int) noexcept { return {*slice_, at_++}; }
    friend bool operator==(iterator a, iterator b) noexcept { return a.at_ == b.at_; }
    ///@}

   private:
    friend file_run_range;
    iterator(const slice_layout& slice, std::uint64_t at) noexcept : slice_(&slice), at_(at) {}
    const slice_layout* slice_ = nullptr;
    std::uint64_t at_ = 0;
  };

  ///@{
  /// A member of a range, in row-major order.
  [[nodiscard]] iterator begin() const noexcept { return {*slice_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {*slice_, size()}; }
  [[nodiscard]] std::uint64_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  ///@}

 private:
  friend slice_layout;
  explicit file_run_range(const slice_layout& slice) noexcept : slice_(&slice) {}
  const slice_layout* slice_;
};

/// Describes where the bytes of a slice are in the file. Owns its numbers. Valid while the header
/// of its tensor exists. When moved from, it has no dimensions and no runs.
class slice_layout {
 public:
  slice_layout() noexcept = default;                       ///< a slice of no tensor: without runs
  slice_layout(const slice_layout&) = default;             ///< copies the numbers
  slice_layout& operator=(const slice_layout&) = default;  ///< copies the numbers
  slice_layout(slice_layout&& other) noexcept;             ///< leaves `other` without runs
  slice_layout& operator=(slice_layout&& other) noexcept;  ///< leaves `other` without runs
  ~slice_layout() = default;

  /// Returns the tensor from which the slice is cut.
  [[nodiscard]] tensor_info tensor() const noexcept { return tensor_; }
  /// Returns the dtype of tensor().
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return tensor_.dtype(); }
  /// Returns the sizes in elements, without the dimensions that were picked. Valid while this
  /// object exists.
  [[nodiscard]] std::span<const std::uint64_t> shape() const& noexcept {
    return {numbers_.data(), ndim()};
  }
  void shape() const&& = delete;
  /// Returns one stride per dimension, in elements. All are 0 if the tensor has no elements. Valid
  /// while this object exists.
  [[nodiscard]] std::span<const std::uint64_t> strides() const& noexcept {
    return {numbers_.data() + ndim(), ndim()};
  }
  void strides() const&& = delete;
  /// Returns the number of dimensions.
  [[nodiscard]] std::size_t ndim() const noexcept { return numbers_.size() / 2; }
  /// Returns the number of elements of all runs.
  [[nodiscard]] std::uint64_t element_count() const noexcept {
    return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));
  }
  /// Returns the size of all runs together, in bytes.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return runs_.count * runs_.bytes; }

  /// Returns the number of contiguous runs of bytes that the slice consists of. All runs have the
  /// same size, and are as long as possible. It is 0 if the slice has no elements.
  [[nodiscard]] std::uint64_t run_count() const noexcept { return runs_.count; }
  /// Returns true if the slice has one run, or none.
  [[nodiscard]] bool contiguous() const noexcept { return runs_.count <= 1; }
  /// Returns all runs as ranges of absolute bytes in the file, in row-major order. Valid while this
  /// object exists and is not moved.
  [[nodiscard]] file_run_range file_runs() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return file_run_range(*this);
  }
  void file_runs() const&& = delete;
  /// Returns the range of absolute bytes of run i in the file, for HTTP ranges and pread. Runs are
  /// in row-major order. i must be less than run_count().
  [[nodiscard]] byte_range file_run(std::uint64_t i) const noexcept {
    std::uint64_t at = runs_.first_byte;
    for (std::size_t d = runs_.outer; d-- > 0; i /= shape()[d])
      at += i % shape()[d] * (strides()[d] * static_cast<std::uint64_t>(bit_width(dtype())) / 8);
    return {at, at + runs_.bytes};
  }

 private:
  friend tensor_info;
  friend tensor_view;
  explicit slice_layout(const tensor_info& tensor) noexcept : tensor_(tensor) {}
  tensor_info tensor_{};
  std::vector<std::uint64_t> numbers_{};  // shape, then strides
  struct {
    std::uint64_t first_byte = 0;  // counted from the start of the file
    std::uint64_t bytes = 0;       // of each run
    std::uint64_t count = 0;
    std::size_t outer = 0;  // leading dimensions that distinguish the runs
  } runs_{};
};

inline byte_range file_run_range::iterator::operator*() const noexcept {
  return slice_->file_run(at_);
}
inline std::uint64_t file_run_range::size() const noexcept { return slice_->run_count(); }

/// A slice whose bytes are in memory. Valid while its file object exists, even after that is moved.
class slice_view : public slice_layout {
 public:
  slice_view() noexcept = default;  ///< a slice of no tensor: without runs
  /// Returns the bytes of run i, as in the file. i must be less than run_count(). Valid while the
  /// file object exists.
  [[nodiscard]] std::span<const std::byte> run(std::uint64_t i) const noexcept;
  /// Copies the slice row-major, in the file's byte order. `row_stride` is the distance in bytes
  /// between the rows (the last dimension) in `to`. A row_stride of 0 packs them. `to` must not
  /// overlap the file's bytes in memory.
  /// Errors: invalid_slice if there is a row_stride and a row of a sub-byte dtype is not whole
  /// bytes; wrong_length if rows with a row_stride overlap, or do not fit in `to`; wrong_length if
  /// packed rows, or a slice without elements, do not fill `to` exactly.
  result<void> try_copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const;
  /// Copies the elements row-major, in host byte order. `to` must not overlap the file's bytes in
  /// memory.
  /// Errors: dtype_mismatch if the elements of `to` are not of the type of dtype(); wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <class Buffer> result<void> try_copy_to(Buffer&& to) const;
  /// Copies the raw words row-major, in host byte order. `to` must not overlap the file's bytes in
  /// memory.
  /// Errors: dtype_mismatch if dtype() has another width than the elements of `to`; wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  [[nodiscard]] result<void> try_copy_bits(Buffer&& to) const;
  /// Returns a copy of the elements, row-major and in host byte order. Errors: as
  /// tensor_view::try_to_vector().
  template <class Element> result<std::vector<Element>> try_to_vector() const;
  /// Returns the raw words, zero copy. Valid while the file object exists.
  /// Errors: dtype_mismatch if dtype() has another width than Word; not_contiguous if contiguous()
  /// is false; then as tensor_view::try_bits().
  template <standard_unsigned Word> result<std::span<const Word>> try_bits() const;
  /// Returns the elements, zero copy. Valid while the file object exists.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); not_contiguous if contiguous()
  /// is false; then as tensor_view::try_as().
  template <class Element> result<std::span<const Element>> try_as() const;
  /// Returns a pointer to the first element, to be used with shape() and strides() (mdspan,
  /// DLPack). Valid while the file object exists. Without elements, do not dereference it. Errors:
  /// as tensor_view::try_as().
  template <class Element> result<const Element*> try_data() const;

#if SAFETENSORS_EXCEPTIONS
  /// Calls its `try_` twin, and throws safetensors::error if that fails.
  void copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const {
    try_copy_bytes(to, row_stride).value();
  }
  template <class Buffer> void copy_to(Buffer&& to) const { try_copy_to(to).value(); }
  template <class Element> [[nodiscard]] std::span<const Element> as() const {
    return try_as<Element>().value();
  }
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  void copy_bits(Buffer&& to) const {
    try_copy_bits(to).value();
  }
  template <class Element> [[nodiscard]] std::vector<Element> to_vector() const {
    return try_to_vector<Element>().value();
  }
  template <standard_unsigned Word> [[nodiscard]] std::span<const Word> bits() const {
    return try_bits<Word>().value();
  }
  template <class Element> [[nodiscard]] const Element* data() const {
    return try_data<Element>().value();
  }
#endif

 private:
  friend tensor_view;
  result<void> expect_contiguous() const;
  // Copies `count` elements of checked dtype, whose words have `word_bytes` bytes.
  result<void> copy_words(std::span<std::byte> to, std::size_t count, std::size_t word_bytes) const;
  slice_view(slice_layout layout, const std::byte* first) noexcept
      : slice_layout(std::move(layout)), first_(first) {}
  const std::byte* first_ = nullptr;
};

template <class Buffer> result<void> slice_view::try_copy_to(Buffer&& to) const {
  (void)detail::expect_buffer<Buffer>();
  if (auto same = detail::expect_element<element_of<Buffer>>(tensor()); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), detail::swap_unit(dtype()));
}

template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
result<void> slice_view::try_copy_bits(Buffer&& to) const {
  if (auto same = detail::expect_width<element_of<Buffer>>(tensor()); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), sizeof(element_of<Buffer>));
}

template <class Element> result<std::vector<Element>> slice_view::try_to_vector() const {
  return detail::to_vector<Element>(*this, tensor());
}

template <class Element> result<std::span<const Element>> slice_view::try_as() const {
  if (auto same = detail::expect_element<Element>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<Element>(tensor(), first_, byte_size());
}

template <standard_unsigned Word> result<std::span<const Word>> slice_view::try_bits() const {
  if (auto same = detail::expect_width<Word>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<Word>(tensor(), first_, byte_size());
}

template <class Element> result<const Element*> slice_view::try_data() const {
  if (auto same = detail::expect_element<Element>(tensor()); !same) return std::move(same).error();
  if (byte_size() != 0)
    if (auto usable = detail::expect_usable<Element>(tensor(), first_); !usable)
      return std::move(usable).error();
  return reinterpret_cast<const Element*>(first_);
}

#if SAFETENSORS_EXCEPTIONS
inline slice_layout tensor_info::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
inline slice_view tensor_view::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI

// Its iterators are valid while the slice exists, whatever happens to the range.
template <> inline constexpr bool std::ranges::enable_borrowed_range<safetensors::file_run_range> =
    true;

//==== read/source.hpp
// Sources of bytes: anything that reads by position.

namespace safetensors::inline SAFETENSORS_ABI {

/// Options for reading a header.
struct read_options {
  /// The longest header that is read, in bytes. The default is the format's limit, and servers can
  /// lower it. Raising it above 4 GiB - 65 has no effect. Reading takes at most 6 times the
  /// header's length plus 64 KiB of memory, whatever the header holds, and 8 times to read a
  /// sequential_source into memory.
  std::uint64_t max_header_bytes = 100'000'000;
  /// Accepts bytes after the last tensor. Some Stable Diffusion 1.5 files have four.
  bool allow_trailing_bytes = false;

  /// Makes options of opening a mapped file, with the defaults for the rest.
  operator open_options() const noexcept;
  /// Compares all members.
  friend constexpr bool operator==(const read_options&, const read_options&) noexcept = default;
};

/// Options for opening a mapped file: `file model(path, {.mode = map_mode::copy_on_write})`.
struct open_options {
  read_options read{};                  ///< for the header
  map_mode mode = map_mode::read_only;  ///< what may be done with the bytes
  /// How the bytes will be read. Only speed depends on it. It has no effect where a system takes
  /// no such advice. But populate reads all pages on every system.
  access_advice access = access_advice::normal;

  /// Compares all members.
  friend constexpr bool operator==(const open_options&, const open_options&) noexcept = default;
};
inline read_options::operator open_options() const noexcept { return {.read = *this}; }

/// Anything that reads bytes by position: a virtual file system, a member of an archive, an HTTP
/// client. size() returns bytes, or unknown_size. read_at() fills the whole span, or returns an
/// error. If it has a member path() that returns text, failures contain that path.
template <class Source>
concept byte_source = requires(Source& source, std::uint64_t at, std::span<std::byte> to) {
  { source.size() } -> std::convertible_to<std::uint64_t>;
  { source.read_at(at, to) } -> std::convertible_to<std::error_code>;
};

/// A byte_source whose read_at() is const, by which it promises that several threads may call it at
/// once. Make a lambda `mutable` if that is not so.
template <class Source>
concept concurrent_byte_source =
    byte_source<Source> &&
    requires(const Source& source, std::uint64_t at, std::span<std::byte> to) {
      { source.read_at(at, to) } -> std::convertible_to<std::error_code>;
    };

/// Anything that reads bytes from front to back: a pipe, standard input, a socket. read() fills the
/// beginning of the span and returns the number of bytes; 0 is the end. If it has a member path()
/// that returns text, failures contain that path.
template <class Source>
concept sequential_source = requires(Source& source, std::span<std::byte> to) {
  { source.read(to) } -> std::same_as<result<std::size_t>>;
};

/// A byte_source made of a size, a callable, and a label for failures, which may be left out:
///
///     function_source source{size, [&](std::uint64_t at, std::span<std::byte> to)
///                                      -> std::error_code { … }, "weights in models.zip"};
template <class Read> struct function_source {
  static_assert(
      std::is_invocable_r_v<std::error_code, Read&, std::uint64_t, std::span<std::byte>>,
      "the callable takes an offset and a span to fill, and returns std::error_code, not bool");

  std::uint64_t bytes = 0;  ///< the size in bytes, or unknown_size
  Read read;                ///< called by read_at()
  std::string label{};      ///< shown in failures in place of a path
  /// Returns the size in bytes, or unknown_size.
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes; }
  ///@{
  /// Fills `to` from byte `offset` on, or returns an error.
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to) {
    return read(offset, to);
  }
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to) const
      requires std::invocable<const Read&, std::uint64_t, std::span<std::byte>> {
    return read(offset, to);
  }
  ///@}
  /// Returns the label. Valid while this object exists and is not changed.
  [[nodiscard]] std::string_view path() const noexcept { return label; }
};
///@{
/// Deduces Read.
template <class Read> function_source(std::uint64_t, Read) -> function_source<Read>;
template <class Read> function_source(std::uint64_t, Read, std::string) -> function_source<Read>;
///@}

/// A sequential_source made of a callable, and a label for failures, which may be left out:
///
///     function_stream stream{[&](std::span<std::byte> to) -> result<std::size_t> { … }, "stdin"};
template <class Read> struct function_stream {
  static_assert(
      std::is_same_v<std::invoke_result_t<Read&, std::span<std::byte>>, result<std::size_t>>,
      "the callable takes a span to fill, and returns "
      "safetensors::result<std::size_t>: the number of bytes, and 0 at the end");

  Read read;            ///< fills the beginning of a span, and returns the number of bytes
  std::string label{};  ///< shown in failures in place of a path
  /// Returns the label. Valid while this object exists and is not changed.
  [[nodiscard]] std::string_view path() const noexcept { return label; }
};
///@{
/// Deduces Read.
template <class Read> function_stream(Read) -> function_stream<Read>;
template <class Read> function_stream(Read, std::string) -> function_stream<Read>;
///@}

namespace detail {

struct source_door;

// Borrows a byte_source of any type until the call returns. Bodies that are compiled once use it.
class source_ref {
 public:
  template <byte_source Source> requires(!std::same_as<std::remove_cv_t<Source>, source_ref>)
  explicit source_ref(Source& source) noexcept
      // The functions below restore the type, const included.
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
      : source_(const_cast<void*>(static_cast<const void*>(std::addressof(source)))),
        size_([](void* of) -> std::uint64_t { return static_cast<Source*>(of)->size(); }),
        read_([](void* of, std::uint64_t at, std::span<std::byte> to) -> std::error_code {
          return static_cast<Source*>(of)->read_at(at, to);
        }) {
    if constexpr (requires { std::string(source.path()); })
      path_ = [](void* of) { return std::string(static_cast<Source*>(of)->path()); };
  }
  [[nodiscard]] std::uint64_t size() const { return size_(source_); }
  [[nodiscard]] std::error_code read_at(std::uint64_t at, std::span<std::byte> to) const {
    return read_(source_, at, to);
  }
  // Returns an empty text if the source has no path.
  [[nodiscard]] std::string path() const { return path_ == nullptr ? "" : path_(source_); }

 private:
  void* source_;
  std::uint64_t (*size_)(void*);
  std::error_code (*read_)(void*, std::uint64_t, std::span<std::byte>);
  std::string (*path_)(void*) = nullptr;
};

// Borrows a sequential_source of any type, as source_ref borrows a byte_source.
class stream_ref {
 public:
  template <sequential_source Source> requires(!std::same_as<std::remove_cv_t<Source>, stream_ref>)
  explicit stream_ref(Source& source) noexcept
      : source_(std::addressof(source)), read_([](void* of, std::span<std::byte> to) {
          return static_cast<Source*>(of)->read(to);
        }) {
    if constexpr (requires { std::string(source.path()); })
      path_ = [](void* of) { return std::string(static_cast<Source*>(of)->path()); };
  }
  [[nodiscard]] result<std::size_t> read(std::span<std::byte> to) const {
    return read_(source_, to);
  }
  // Returns an empty text if the source has no path.
  [[nodiscard]] std::string path() const { return path_ == nullptr ? "" : path_(source_); }

 private:
  void* source_;
  result<std::size_t> (*read_)(void*, std::span<std::byte>);
  std::string (*path_)(void*) = nullptr;
};

// Says what a source is, where something else is read. A class, because g++ instantiates functions
// after it has reported other errors.
template <class Source> struct expect_source {
  static_assert(byte_source<Source> || sequential_source<Source>,
                "a source has size() and read_at(offset, span), which returns std::error_code, not "
                "bool; or it has read(span), which returns safetensors::result<std::size_t>");
};

template <class Source> struct expect_positions {
  static_assert(byte_source<Source>,
                "the source reads by position: it has size() and read_at(offset, span), which "
                "returns std::error_code, not bool");
};

}  // namespace detail

/// A regular file, or a part of one, as a byte_source. Reads by position, so that threads and
/// forked processes can share it. It keeps reading the file that it opened, even if the path is
/// reused.
class file_source {
 public:
  file_source() noexcept = default;           ///< no file, and a size of 0 bytes
  file_source(file_source&& other) noexcept;  ///< leaves `other` without a file
  /// Closes the file of this object, and leaves `other` without one.
  file_source& operator=(file_source&& other) noexcept;
  ~file_source();  ///< closes the file if try_open() opened it

  /// Opens a file for reading. Does not wait on a FIFO. Errors: io if the path cannot be opened, or
  /// leads to something that is not a regular file.
  static result<file_source> try_open(path_ref path);
  /// Borrows the handle of a file that you have opened: close it only after this object is
  /// destroyed. Reads `size` bytes of the file from byte `offset` on, such as a member of an
  /// archive. to_end reads up to the end of the file.
  /// Errors: io if the handle is not one of a regular file; missing_bytes if the file ends before
  /// offset + size.
  static result<file_source> try_borrow(native_handle handle, std::uint64_t offset = 0,
                                        std::uint64_t size = to_end);

  /// Returns the size of the part in bytes, as it was when the file was opened or locked.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Fills `to` from byte `offset` of the part on.
  /// Errors: missing_bytes if the part or the file ends before the end of `to`; the operating
  /// system's error if the file cannot be read.
  [[nodiscard]] std::error_code read_at(std::uint64_t offset,
                                        std::span<std::byte> to) const noexcept;
  /// Fills `to` from byte `offset` of the part on. The failure has the path, and `offset`.
  /// Errors: missing_bytes if the part or the file ends before the end of `to`; io if the system
  /// cannot read.
  result<void> try_read(std::uint64_t offset, std::span<std::byte> to) const;
  /// Returns the handle of the whole file. Valid while this object exists.
  [[nodiscard]] native_handle handle() const noexcept { return handle_; }
  /// Returns the path as UTF-8; empty if the file was not opened by its path. Becomes invalid when
  /// this object is moved or destroyed.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  /// Returns the byte of the file at which the part begins.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  /// Takes the exclusive advisory lock of the whole file (flock, on Windows a share mode), without
  /// waiting. Succeeds again if this object has the lock. Call it from one thread at a time.
  /// - Afterwards, size() is the file's size at that moment. A borrowed part keeps its size.
  /// - The path may lead to another file by then: is_same_file() and output_options::only_over find
  ///   that out.
  /// - Programs that do not take the lock are not affected, except on SMB: there, other descriptors
  ///   cannot read a locked file.
  /// - The lock ends when this object closes the file. On POSIX, a borrowed handle keeps it until
  ///   its owner closes the handle, except on NFS, where the lock ends with this object.
  ///
  /// Errors: io with std::errc::resource_unavailable_try_again if somebody else has the lock, or on
  /// Windows if the file is open without sharing its deletion; io with another error of the system
  /// if the file cannot be locked.
  result<void> try_lock();
  /// Returns true if both objects read the same file, by whatever paths. Returns false if the
  /// system cannot say.
  [[nodiscard]] bool is_same_file(const file_source& other) const noexcept;

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open() or the other `try_` twin, and throws safetensors::error if that fails.
  void read(std::uint64_t offset, std::span<std::byte> to) const { try_read(offset, to).value(); }
  explicit file_source(path_ref path) : file_source(try_open(path).value()) {}
  [[nodiscard]] static file_source borrow(native_handle handle, std::uint64_t offset = 0,
                                          std::uint64_t size = to_end) {
    return try_borrow(handle, offset, size).value();
  }
#endif

 private:
  friend detail::source_door;
  void swap(file_source& other) noexcept;
  native_handle handle_ = invalid_handle;
  bool owned_ = false;
  std::uint64_t offset_ = 0, size_ = 0;
  detail::file_facts facts_{};           // of the whole file, when it was opened or locked
  native_handle lock_ = invalid_handle;  // holds the lock where handle_ cannot
  std::string path_{};
};

// Shows the facts of a file_source to code that compares files.
struct detail::source_door {
  static const file_facts& facts(const file_source& source) noexcept { return source.facts_; }
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/header.hpp
// The typed tensor index of a file, without its data.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
struct header_door;
}

/// A field of a tensor's entry. Valid while its header exists.
struct entry_field {
  std::string_view tensor;  ///< the tensor's name, not escaped
  std::string_view field;   ///< the field's name, not escaped
};

/// Returns what a file seems to be, by its first bytes. Pass at least 9 bytes; up to 4 KiB identify
/// more kinds. A safetensors file has a length that fits in the file, and then a brace, or spaces
/// and a brace. It may still be invalid: only opening checks that. A file that is cut within its
/// header is unknown. `file_size` may be unknown_size.
[[nodiscard]] SAFETENSORS_DECL file_kind looks_like(std::span<const std::byte> first_bytes,
                                                    std::uint64_t file_size);

/// The validated tensor index of a file. Movable, and empty when moved from.
/// - Owns its text and tables, so it can be read whatever happens to the file.
/// - Its memory is a fixed number of heap blocks. They have about twice the header's length,
///   more if the header is mostly numbers.
/// - Names are found in constant time, without allocating.
///
/// Errors of reading, in this order (errc has the conditions):
/// - header_too_small, header_too_large, header_truncated, invalid_utf8;
/// - in the order of the text, header_not_object, invalid_json, too_deep, duplicate_field,
///   invalid_metadata, invalid_entry, missing_field, unknown_dtype, invalid_shape, and
///   invalid_offsets for what is not two integers;
/// - duplicate_metadata_key, then duplicate_tensor;
/// - tensor by tensor in data order, invalid_offsets, size_overflow, partial_byte, size_mismatch;
/// - missing_bytes, trailing_bytes, or with unknown_size, size_overflow for the end of the file.
///
/// At each step, the error may be out_of_memory, or the error that the source returns. That is io,
/// or one of the library's own codes, such as missing_bytes if the file is truncated at the same
/// time.
class header : public tensor_collection<tensor_info> {
 public:
  header() noexcept;                ///< no file: no tensors, sizes of 0
  header(header&& other) noexcept;  ///< views of `other` become views of this header
  /// Move assignment. Views of the header that is overwritten become invalid.
  header& operator=(header&& other) noexcept;
  ~header();

  /// Returns the size of the length prefix and the header together, in bytes, from the first 8
  /// bytes of the file. A remote reader fetches that many next. `file_size` may be unknown_size.
  /// Errors: header_too_small if `first8` or the file has fewer than 8 bytes; header_too_large if
  /// the header is longer than max_header_bytes; header_truncated if the file ends within the
  /// header.
  static result<std::uint64_t> try_bytes_needed(std::span<const std::byte> first8,
                                                std::uint64_t file_size,
                                                const read_options& options = {});
  /// Reads a header from a buffer with at least the first try_bytes_needed() bytes of the file.
  /// Copies them: borrows `head` until the call returns. If `file_size` is unknown_size, the rules
  /// about the file's end are not checked.
  /// Errors: those of reading; header_truncated also if the buffer is shorter.
  static result<header> try_parse(std::span<const std::byte> head, std::uint64_t file_size,
                                  const read_options& options = {});
  /// Opens a file, reads only its header, and closes the file. Errors: those of
  /// file_source::try_open(), then those of reading.
  static result<header> try_open(path_ref path, const read_options& options = {});
  /// Reads a header from any source, which it borrows until the call returns. Reads at most the
  /// first 4 KiB, then the rest of the header.
  /// If size() is unknown_size, each later read asks for at most as many bytes as were received so
  /// far (at least 4096). A false header length therefore costs at most twice the bytes really
  /// received, plus 4 KiB.
  /// For the text of an error, up to 4 KiB after the header may be read if size() is known.
  ///
  /// From a sequential_source, reads the 8 bytes of the length and then the header, so that the
  /// source is at the first byte of data afterwards. The rules about the file's end are not
  /// checked.
  ///
  /// Errors: those of reading.
  template <class Source>
  static result<header> try_read(Source&& source, const read_options& options = {}) {
    (void)detail::expect_source<std::remove_reference_t<Source>>();
    if constexpr (byte_source<std::remove_reference_t<Source>>)
      return read_from(detail::source_ref(source), options);
    else
      return read_from(detail::stream_ref(source), options);
  }

  /// Returns the first byte of data in the file: 8 + the header's length.
  [[nodiscard]] std::uint64_t data_start() const noexcept {
    return table() == nullptr ? 0 : table()->data_start();
  }
  /// Returns the size of all tensors together, in bytes.
  [[nodiscard]] std::uint64_t data_size() const noexcept {
    return table() == nullptr ? 0 : table()->data_size;
  }
  /// Returns data_start() + data_size(), without bytes after the last tensor.
  [[nodiscard]] std::uint64_t file_size() const noexcept { return data_start() + data_size(); }

  /// Returns the first field, in the order of the text, that the format does not define, or
  /// nothing. Readers ignore such fields, and a program that writes the file again loses them.
  /// Valid while the header exists.
  [[nodiscard]] std::optional<entry_field> unknown_field() const& noexcept;
  void unknown_field() const&& = delete;

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open() or the other `try_` twin, and throws safetensors::error if that fails.
  explicit header(path_ref path, const read_options& options = {})
      : header(try_open(path, options).value()) {}
  [[nodiscard]] static std::uint64_t bytes_needed(std::span<const std::byte> first8,
                                                  std::uint64_t file_size,
                                                  const read_options& options = {}) {
    return try_bytes_needed(first8, file_size, options).value();
  }
  [[nodiscard]] static header parse(std::span<const std::byte> head, std::uint64_t file_size,
                                    const read_options& options = {}) {
    return try_parse(head, file_size, options).value();
  }
  template <class Source>
  [[nodiscard]] static header read(Source&& source, const read_options& options = {}) {
    return try_read(source, options).value();
  }
#endif

 private:
  friend detail::header_door;
  explicit header(std::unique_ptr<detail::tensor_table> table) noexcept;
  static result<header> read_from(const detail::source_ref& source, const read_options& options);
  static result<header> read_from(const detail::stream_ref& source, const read_options& options);
  std::unique_ptr<detail::tensor_table> owned_;  // table()
};

// Connects a header with its table.
struct detail::header_door {
  static const tensor_table* table(const header& index) noexcept { return index.table(); }
  static header make(std::unique_ptr<tensor_table> table) noexcept {
    return header(std::move(table));
  }
  static void set_path(header& index, std::string path) noexcept {
    index.owned_->path = std::move(path);
  }
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/storage.hpp
// The bytes of a file: mapped, read into memory, or your own.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {

SAFETENSORS_DECL result<void> read_into(const source_ref& source, const tensor_info& tensor,
                                        std::span<std::byte> to);
}  // namespace detail

/// A regular file of any size, or a part of one, mapped into memory. Owns the mapping. No
/// descriptor stays open.
/// - The mapping stays with the file that was opened. The bytes are the same if another file gets
///   its path, as when writer.hpp replaces it, and if it is removed.
/// - Bytes that are written into the file itself may show.
/// - If the file is truncated, the rest of its last page is zeros. Access to a page past it ends
///   the program (SIGBUS). Windows does not allow the truncation of a mapped file. Use owned_bytes
///   where a file may be truncated.
/// - A child of fork has the mapping too, and unmaps it for itself alone.
class mapped_bytes {
 public:
  mapped_bytes() noexcept = default;  ///< no bytes
  /// Maps a whole file.
  /// Errors: io if the path cannot be opened, or leads to something that is not a regular file;
  /// out_of_memory if the file does not fit in the address space, or the system allows no more
  /// mappings; io if the system cannot map the file.
  static result<mapped_bytes> try_open(path_ref path, map_mode mode = map_mode::read_only);
  /// Maps `size` bytes of a file from any byte `offset` on, up to its end if `size` is to_end.
  /// Borrows the handle until the call returns, and you may close it then.
  /// Errors: io if the handle is not one of a regular file; missing_bytes if the file ends before
  /// offset + size; then as try_open().
  static result<mapped_bytes> try_map(native_handle handle, std::uint64_t offset,
                                      std::uint64_t size, map_mode mode = map_mode::read_only);
  /// Maps all of a source. Errors: as try_map(), with missing_bytes if the file has been truncated
  /// since the source was opened.
  static result<mapped_bytes> try_load(const file_source& source, const header& index,
                                       const open_options& options = {});

  /// Returns the first byte; null if there are no bytes.
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }
  /// Returns the number of bytes.
  [[nodiscard]] std::size_t size() const noexcept {
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }
  /// Returns the bytes to be changed; empty unless the mode is copy_on_write. Valid while this
  /// object exists.
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept;
  /// Asks the system to read bytes that are needed soon, and does not wait. Ignores bytes past the
  /// end. It has no effect on Windows.
  void prefetch(byte_range bytes) const noexcept;
  /// Takes the pages that hold only these bytes out of this process's memory. The system reads them
  /// again when they are accessed. It has no effect if the mode is copy_on_write, because it would
  /// lose changes. macOS frees the pages only when memory is short. On Windows, pages that the
  /// program has locked are unlocked.
  void drop(byte_range bytes) const noexcept;
  /// Returns the path that was passed to try_open(), as UTF-8; empty if the bytes were mapped
  /// otherwise.
  [[nodiscard]] std::string_view path() const noexcept { return path_; }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open(), try_map() or try_load(), and throws safetensors::error if that fails.
  explicit mapped_bytes(path_ref path, map_mode mode = map_mode::read_only)
      : mapped_bytes(try_open(path, mode).value()) {}
  [[nodiscard]] static mapped_bytes map(native_handle handle, std::uint64_t offset,
                                        std::uint64_t size, map_mode mode = map_mode::read_only) {
    return try_map(handle, offset, size, mode).value();
  }
  [[nodiscard]] static mapped_bytes load(const file_source& source, const header& index,
                                         const open_options& options = {}) {
    return try_load(source, index, options).value();
  }
#endif

 private:
  struct unmap {
    std::size_t size;
    std::size_t lead;  // bytes that are mapped before the first one, from the start of its page
    map_mode mode;
    void operator()(std::byte* first) const noexcept;
  };
  static result<mapped_bytes> map_source(const file_source& source, map_mode mode);
  // Returns the pages that hold these bytes. only_whole: without pages that hold other bytes, too.
  [[nodiscard]] std::span<std::byte> pages_of(byte_range bytes, bool only_whole) const noexcept;
  std::unique_ptr<std::byte, unmap> bytes_;
  std::string path_{};
};

/// A whole file read into memory. Owns its bytes, so that what happens to the file later does not
/// matter. Use it for file systems on which mapping is slow or dangerous, and for sources that are
/// not files. Tensor data starts at an address that is a multiple of 64 bytes, whatever the
/// header's length.
class owned_bytes {
 public:
  /// Reads all of a source, whose header is `index`. Borrows both until the call returns.
  /// Errors: missing_bytes if the source has unknown_size; out_of_memory if the bytes cannot be
  /// allocated; any error that the source returns.
  template <byte_source Source>
  static result<owned_bytes> try_load(Source& source, const header& index) {
    return load_from(detail::source_ref(source), index.data_start());
  }

  /// Returns the first byte.
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.get(); }
  /// Returns the number of bytes.
  [[nodiscard]] std::size_t size() const noexcept {
    return bytes_ == nullptr ? 0 : bytes_.get_deleter().size;
  }
  /// Returns the bytes to be changed. Valid while this object exists.
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept { return {bytes_.get(), size()}; }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_load(), and throws safetensors::error if it fails.
  template <byte_source Source>
  [[nodiscard]] static owned_bytes load(Source& source, const header& index) {
    return try_load(source, index).value();
  }
#endif

 private:
  template <class Storage> friend class basic_file;
  static constexpr std::size_t alignment = 64;
  static result<owned_bytes> allocate(std::uint64_t size, std::uint64_t data_start,
                                      const char* advice);
  static result<owned_bytes> load_from(const detail::source_ref& source, std::uint64_t data_start);
  static result<std::pair<header, owned_bytes>> load_stream(const detail::stream_ref& source,
                                                            const read_options& options);
  struct release {
    std::size_t size;
    std::size_t lead;  // bytes of the heap block before the first one
    void operator()(std::byte* first) const noexcept {
      ::operator delete(first - lead, std::align_val_t(alignment));
    }
  };
  std::unique_ptr<std::byte, release> bytes_;
};

/// Reads the bytes of one tensor from a source into your own memory, without mapping the file.
/// `tensor` is of the header of the same file. Borrows all until the call returns. Several threads
/// may read at once from a concurrent_byte_source.
/// Errors: wrong_length if `to` does not have exactly byte_size() bytes; any error that the source
/// returns, such as missing_bytes, with the source's path, the tensor, and its first byte.
template <class Source>
result<void> try_read_into(Source&& source, const tensor_info& tensor, std::span<std::byte> to) {
  (void)detail::expect_positions<std::remove_reference_t<Source>>();
  return detail::read_into(detail::source_ref(source), tensor, to);
}
#if SAFETENSORS_EXCEPTIONS
/// Calls try_read_into(), and throws safetensors::error if it fails.
template <class Source>
void read_into(Source&& source, const tensor_info& tensor, std::span<std::byte> to) {
  try_read_into(source, tensor, to).value();
}
#endif

/// A type that holds a whole file in memory: contiguous bytes of any one-byte type, such as
/// std::vector<char> or std::span<const std::byte>.
template <class Storage>
concept byte_storage = std::movable<Storage> && requires(const Storage& storage) {
  { std::size(storage) } -> std::convertible_to<std::size_t>;
  requires sizeof(*std::data(storage)) == 1;
  requires std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::data(storage))>>;
};
/// A storage that can be made from a source, once the header of the source has been validated.
template <class Storage, class Source>
concept loadable_storage =
    byte_storage<Storage> && byte_source<Source> && requires(Source& source, const header& index) {
      { Storage::try_load(source, index) } -> std::same_as<result<Storage>>;
    };

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/file.hpp
// A file: its header and its bytes.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
template <class Storage>
concept writable_storage = requires(Storage& storage) {
  { storage.writable_bytes() } -> std::same_as<std::span<std::byte>>;
};
template <class Options, class Storage>
concept options_of = std::same_as<Options, read_options> ||
                     (std::same_as<Options, open_options> && std::same_as<Storage, mapped_bytes>);
}  // namespace detail

/// A safetensors file whose bytes are in memory. Move-only, and empty when moved from. Owns its
/// header and its storage in one heap block.
///
/// Views are valid while the file object exists, even after it is moved. They become invalid when
/// it is destroyed, overwritten or released. Returning views from a temporary does not compile.
///
/// Errors of opening: those of header, then those of the storage; missing_bytes if the storage
/// holds fewer bytes than its source; out_of_memory if the heap block cannot be allocated.
template <class Storage> class basic_file : public tensor_collection<tensor_view> {
  static_assert(byte_storage<Storage>, "a storage is movable, and holds contiguous bytes");

 public:
  basic_file() noexcept = default;              ///< no file: no tensors
  basic_file(basic_file&&) noexcept = default;  ///< views of the other file become views of this
  /// Move assignment. Views of the file that is overwritten become invalid.
  basic_file& operator=(basic_file&&) noexcept = default;
  ~basic_file() = default;

  /// Opens a file. Reads and validates the header first, and only then opens the storage, through
  /// the same handle. Errors: those of file_source::try_open(), then those of opening.
  static result<basic_file> try_open(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source> {
    result<file_source> source = file_source::try_open(path);
    if (!source) return std::move(source).error();
    return load(*source, options);
  }
  /// Opens and maps a file: `{.mode = map_mode::copy_on_write}`. A template, so that `{}` stands
  /// for read_options. Errors: those of the overload above.
  template <std::same_as<open_options> Options = open_options>
  requires std::same_as<Storage, mapped_bytes>
  static result<basic_file> try_open(path_ref path, const Options& options) {
    result<file_source> source = file_source::try_open(path);
    if (!source) return std::move(source).error();
    return load(*source, options.read, options);
  }
  /// Opens a file from your own source, which it borrows until the call returns. A memory_file also
  /// reads a sequential_source: all of it, or up to the end of the last tensor if
  /// allow_trailing_bytes is true. Its memory grows with the bytes that arrive: a false size
  /// costs at most three times those, and 1 MiB.
  /// Options are read_options, or for a mapped file also open_options.
  /// Errors: those of opening; any error that the source returns.
  template <class Source, detail::options_of<Storage> Options = read_options>
  static result<basic_file> try_read(Source&& source, const Options& options = {}) {
    using source_type = std::remove_reference_t<Source>;
    (void)detail::expect_source<source_type>();
    if constexpr (byte_source<source_type>) {
      static_assert(
          loadable_storage<Storage, source_type>,
          "the storage has no try_load(source, header) for this source: memory_file reads "
          "any source, and file maps a file_source");
      if constexpr (std::same_as<Options, open_options>)
        return load(source, options.read, options);
      else
        return load(source, options);
    } else {
      static_assert(std::same_as<Storage, owned_bytes>, "only memory_file reads a stream");
      return load_stream(detail::stream_ref(source), options);
    }
  }
  /// Opens a file whose bytes are in memory already. Errors: those of header; out_of_memory if the
  /// heap block cannot be allocated.
  static result<basic_file> try_from(Storage storage, const read_options& options = {});
  /// Deleted, because a span over a temporary would dangle.
  template <class Range> requires(std::ranges::enable_borrowed_range<Storage> &&
                                  !std::same_as<std::remove_cvref_t<Range>, Storage> &&
                                  !std::is_lvalue_reference_v<Range> &&
                                  !std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>)
  static result<basic_file> try_from(Range&&, const read_options& = {}) = delete;

  /// Returns the index without the bytes. Valid while the file object exists, even after it is
  /// moved.
  [[nodiscard]] const safetensors::header& header() const& noexcept;
  void header() const&& = delete;

  ///@{
  /// Returns the storage, which must keep its bytes where they are: do not resize it, assign to it
  /// or move from it. The file must not be empty by default or by a move. release() needs this,
  /// too. Valid while the file object exists, even after it is moved.
  [[nodiscard]] const Storage& storage() const& noexcept { return state_->storage; }
  [[nodiscard]] Storage& storage() & noexcept { return state_->storage; }
  void storage() const&& = delete;
  ///@}
  /// Returns the elements of a tensor to be changed. The storage is owned_bytes, mapped_bytes in
  /// the mode copy_on_write, or your own with a member writable_bytes() that returns all bytes or
  /// none. The file on disk never changes. Valid while the file object exists, even after it is
  /// moved.
  /// Errors: tensor_not_found if there is none of this name; dtype_mismatch if Element is not the
  /// type of dtype(); read_only if the bytes may only be read; foreign_byte_order and
  /// misaligned_data as for tensor_view::try_as(). A tensor without elements reports only the first
  /// two errors.
  template <class Element> requires detail::writable_storage<Storage>
  result<std::span<Element>> try_writable_as(std::string_view name) &;
  void try_writable_as(std::nullptr_t) = delete;
  /// Returns the raw words of a tensor to be changed: BF16 as std::uint16_t. Everything else is as
  /// for try_writable_as(), with dtype_mismatch if dtype() has another width than Word.
  template <standard_unsigned Word> requires detail::writable_storage<Storage>
  result<std::span<Word>> try_writable_bits(std::string_view name) &;
  void try_writable_bits(std::nullptr_t) = delete;

  ///@{
  /// Asks the system to read a tensor, or these absolute bytes of the file, soon: see
  /// mapped_bytes::prefetch().
  void prefetch(byte_range bytes) const noexcept requires std::same_as<Storage, mapped_bytes> {
    if (state_ != nullptr) state_->storage.prefetch(bytes);
  }
  void prefetch(const tensor_info& tensor) const noexcept
      requires std::same_as<Storage, mapped_bytes> {
    prefetch(tensor.file_range());
  }
  ///@}
  ///@{
  /// Takes the pages of a tensor, or of these absolute bytes of the file, out of this process's
  /// memory: see mapped_bytes::drop().
  void drop(byte_range bytes) const noexcept requires std::same_as<Storage, mapped_bytes> {
    if (state_ != nullptr) state_->storage.drop(bytes);
  }
  void drop(const tensor_info& tensor) const noexcept requires std::same_as<Storage, mapped_bytes> {
    drop(tensor.file_range());
  }
  ///@}
  /// Returns the storage to you. All views of the file become invalid.
  [[nodiscard]] Storage release() && {
    return std::move(basic_file(std::move(*this)).state_->storage);
  }

#if SAFETENSORS_EXCEPTIONS
  /// Calls try_open() or the other `try_` twin, and throws safetensors::error if that fails.
  explicit basic_file(path_ref path, const read_options& options = {})
      requires loadable_storage<Storage, file_source>
      : basic_file(try_open(path, options).value()) {}
  template <std::same_as<open_options> Options = open_options>
  requires std::same_as<Storage, mapped_bytes>
  explicit basic_file(path_ref path, const Options& options)
      : basic_file(try_open(path, options).value()) {}
  template <class Source, detail::options_of<Storage> Options = read_options>
  [[nodiscard]] static basic_file read(Source&& source, const Options& options = {}) {
    return try_read(source, options).value();
  }
  [[nodiscard]] static basic_file from(Storage storage, const read_options& options = {}) {
    return try_from(std::move(storage), options).value();
  }
  template <class Range> requires(std::ranges::enable_borrowed_range<Storage> &&
                                  !std::same_as<std::remove_cvref_t<Range>, Storage> &&
                                  !std::is_lvalue_reference_v<Range> &&
                                  !std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>)
  static basic_file from(Range&&, const read_options& = {}) = delete;
  template <class Element> requires detail::writable_storage<Storage>
  [[nodiscard]] std::span<Element> writable_as(std::string_view name) & {
    return try_writable_as<Element>(name).value();
  }
  template <standard_unsigned Word> requires detail::writable_storage<Storage>
  [[nodiscard]] std::span<Word> writable_bits(std::string_view name) & {
    return try_writable_bits<Word>(name).value();
  }
#endif

 private:
  struct state {
    safetensors::header index;
    Storage storage;
  };
  explicit basic_file(std::unique_ptr<state> made) noexcept
      : tensor_collection(
            detail::header_door::table(made->index),
            reinterpret_cast<const std::byte*>(std::data(std::as_const(made->storage))) +
                static_cast<std::size_t>(made->index.data_start())),
        state_(std::move(made)) {}
  static result<basic_file> assemble(safetensors::header index, Storage storage);
  // `loading` are the options of the storage, if it has any.
  template <class Source, class... Loading>
  static result<basic_file> load(Source& source, const read_options& options,
                                 const Loading&... loading);
  // Returns the elements of a tensor whose dtype was checked.
  template <class Element> result<std::span<Element>> try_writable(const tensor_view& tensor);
  static result<basic_file> load_stream(const detail::stream_ref& source,
                                        const read_options& options);
  std::unique_ptr<state> state_;
};

/// A mapped file: `safetensors::file model("model.safetensors");`
using file = basic_file<mapped_bytes>;
/// A file that is read into memory: immune to truncation, and aligned.
using memory_file = basic_file<owned_bytes>;
/// A file in your own memory. Borrows the memory, which must exist as long as the file object.
using borrowed_file = basic_file<std::span<const std::byte>>;

template <class Storage>
result<basic_file<Storage>> basic_file<Storage>::assemble(safetensors::header index,
                                                          Storage storage) {
  if (std::size(storage) < index.file_size()) return detail::storage_failure(std::size(storage));
  std::unique_ptr<state> made(new (std::nothrow) state{std::move(index), std::move(storage)});
  if (made == nullptr) return errc::out_of_memory;
  return basic_file(std::move(made));
}

template <class Storage> template <class Source, class... Loading>
result<basic_file<Storage>> basic_file<Storage>::load(Source& source, const read_options& options,
                                                      const Loading&... loading) {
  result<safetensors::header> index = safetensors::header::try_read(source, options);
  if (!index) return std::move(index).error();
  result<Storage> storage = Storage::try_load(source, *index, loading...);
  result<basic_file> made = storage ? assemble(*std::move(index), *std::move(storage))
                                    : result<basic_file>(std::move(storage).error());
  if (made) return made;
  return detail::with_path(std::move(made).error(), detail::source_ref(source).path());
}

template <class Storage>
result<basic_file<Storage>> basic_file<Storage>::load_stream(const detail::stream_ref& source,
                                                             const read_options& options) {
  result<std::pair<safetensors::header, Storage>> read = Storage::load_stream(source, options);
  if (!read) return std::move(read).error();
  result<basic_file> made = assemble(std::move(read->first), std::move(read->second));
  if (made) return made;
  return detail::with_path(std::move(made).error(), source.path());
}

template <class Storage> template <class Element> requires detail::writable_storage<Storage>
result<std::span<Element>> basic_file<Storage>::try_writable_as(std::string_view name) & {
  const result<tensor_view> tensor = this->try_at(name);
  if (!tensor) return tensor.error();
  if (auto same = detail::expect_element<Element>(*tensor); !same) return std::move(same).error();
  return try_writable<Element>(*tensor);
}

template <class Storage> template <standard_unsigned Word>
requires detail::writable_storage<Storage>
result<std::span<Word>> basic_file<Storage>::try_writable_bits(std::string_view name) & {
  const result<tensor_view> tensor = this->try_at(name);
  if (!tensor) return tensor.error();
  if (auto same = detail::expect_width<Word>(*tensor); !same) return std::move(same).error();
  return try_writable<Word>(*tensor);
}

template <class Storage> template <class Element>
result<std::span<Element>> basic_file<Storage>::try_writable(const tensor_view& tensor) {
  if (tensor.byte_size() == 0) return std::span<Element>();
  const byte_range range = tensor.file_range();
  const std::span<std::byte> bytes = state_->storage.writable_bytes();
  if (bytes.size() < range.end) return detail::read_only_failure(tensor);
  std::byte* const first = bytes.data() + static_cast<std::size_t>(range.begin);
  if (auto usable = detail::expect_usable<Element>(tensor, first); !usable)
    return std::move(usable).error();
  return std::span<Element>(reinterpret_cast<Element*>(first),
                            static_cast<std::size_t>(range.size()) / sizeof(Element));
}

template <class Storage>
result<basic_file<Storage>> basic_file<Storage>::try_from(Storage storage,
                                                          const read_options& options) {
  std::string path;
  if constexpr (requires { std::string(storage.path()); }) path = std::string(storage.path());
  const auto bytes = std::as_bytes(std::span(std::data(storage), std::size(storage)));
  result<safetensors::header> index = safetensors::header::try_parse(bytes, bytes.size(), options);
  if (!index) return detail::with_path(std::move(index).error(), std::move(path));
  detail::header_door::set_path(*index, std::move(path));
  return assemble(*std::move(index), std::move(storage));
}

template <class Storage> const safetensors::header& basic_file<Storage>::header() const& noexcept {
  static const safetensors::header none;
  return state_ == nullptr ? none : state_->index;
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== base/text.ipp
// Bodies of text.hpp, with the tables of Unicode.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

SAFETENSORS_DECL std::string shape_text(std::span<const std::uint64_t> shape) {
  constexpr std::size_t shown = 8;
  std::string joined = "[";
  for (std::size_t i = 0; i < (std::min)(shape.size(), shown); ++i)
    append(joined += i == 0 ? "" : ",", shape[i]);
  return joined + (shape.size() > shown ? ",...]" : "]");
}

SAFETENSORS_DECL std::string counted(std::uint64_t count, std::string_view noun) {
  return join(count, " ", noun, count == 1 ? "" : "s");
}

SAFETENSORS_DECL code_point decode_utf8(std::string_view text) noexcept {
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

SAFETENSORS_DECL void append_utf8(std::string& to, std::uint32_t c) {
  const auto add = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
  const auto add_rest = [&](unsigned shift) { add(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return add(c);
  if (c < 0x800) return add(0xC0 | c >> 6), add_rest(0);
  if (c < 0x10000) return add(0xE0 | c >> 12), add_rest(6), add_rest(0);
  add(0xF0 | c >> 18), add_rest(12), add_rest(6), add_rest(0);
}

SAFETENSORS_DECL std::size_t valid_utf8_prefix(std::string_view text) noexcept {
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

// The ranges are controls, the general categories Cf, Zl and Zp, and Default_Ignorable_Code_Point.
// Blanks except U+0020 are added: category Zs, the empty Braille pattern, and a few signs without a
// shape. They are from the tables of Unicode 18.0.
SAFETENSORS_DECL bool is_unprintable(std::uint32_t c) noexcept {
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

SAFETENSORS_DECL std::string in_quotes(std::string_view text, std::size_t max_bytes) {
  return '"' + escaped(text, escapes::quotes, max_bytes) + '"';
}

}  // namespace detail

SAFETENSORS_DECL std::string detail::escaped(std::string_view text, escapes what,
                                             std::size_t max_bytes) {
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

SAFETENSORS_DECL std::string printable(std::string_view text, std::size_t max_bytes) {
  return detail::escaped(text, detail::escapes::backslashes, max_bytes);
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== base/error.ipp
// Bodies of error.hpp.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

class category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "safetensors"; }
  [[nodiscard]] std::string message(int code) const override {
    return std::string(describe(static_cast<errc>(code)));
  }
};

// Shared libraries share the variable. They would not share a static of the function, which clang
// copies into its callers.
SAFETENSORS_DECL constinit category the_category{};

}  // namespace detail

SAFETENSORS_DECL const std::error_category& error_category() noexcept {
  return detail::the_category;
}

SAFETENSORS_DECL std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

SAFETENSORS_DECL std::string failure::message() const {
  constexpr std::size_t shown = 200;
  const auto safe = [](std::string_view text) {  // text from the file is already escaped in it
    return detail::escaped(text, detail::escapes::invisible);
  };
  std::string line;
  if (!path.empty()) line += printable(path) + ": ";
  if (tensor) line += "tensor " + detail::in_quotes(*tensor, shown) + ": ";
  line += detail.empty() ? std::string(describe(code)) : safe(detail);
  if (system) line += ": " + safe(system.message());
  if (offset != no_offset) line += " (byte " + std::to_string(offset) + ")";
  if (!advice.empty()) line += "; " + safe(advice);
  return line;
}

#if SAFETENSORS_EXCEPTIONS
SAFETENSORS_DECL error::error(failure what) : std::system_error(make_error_code(what.code)) {
  std::string text = what.message();
  report_ = std::make_shared<const report>(report{std::move(what), std::move(text)});
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== detail/system.hpp
// Functions of an operating system that reading needs. Each system has one file with the bodies.

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

#ifdef _WIN32
using path_text = std::wstring;
#else
using path_text = std::string;
#endif
SAFETENSORS_DECL result<path_text> native_path(const path_ref& path);

SAFETENSORS_DECL result<native_handle> open_to_read(const path_ref& path);
SAFETENSORS_DECL result<file_facts> regular_file_facts(native_handle handle);
// Takes the exclusive lock of the whole file. `lock` holds the lock where `handle` cannot.
SAFETENSORS_DECL result<void> try_lock(native_handle handle, native_handle& lock);
SAFETENSORS_DECL std::error_code read_at(native_handle handle, std::uint64_t offset,
                                         std::span<std::byte> to) noexcept;
SAFETENSORS_DECL void close(native_handle handle) noexcept;

SAFETENSORS_DECL std::size_t map_granularity() noexcept;
// offset: a multiple of map_granularity(). writable: pages are copied when they are written to.
SAFETENSORS_DECL result<std::byte*> map(native_handle handle, std::uint64_t offset,
                                        std::size_t size, bool writable);
SAFETENSORS_DECL void unmap(std::byte* data, std::size_t size) noexcept;
// Pass advice about mapped pages to the system, which may ignore it. The pages are whole. drop() is
// for pages that were only read.
SAFETENSORS_DECL void advise(std::span<std::byte> pages, access_advice advice) noexcept;
SAFETENSORS_DECL void drop(std::span<std::byte> pages) noexcept;
inline void touch(std::span<const std::byte> pages) noexcept {
  constexpr std::size_t smallest_page = 4096;
  const volatile std::byte* const bytes = pages.data();
  for (std::size_t at = 0; at < pages.size(); at += smallest_page) (void)bytes[at];
}
// Returns true if this process maps the file, as far as the system reports it.
SAFETENSORS_DECL bool is_mapped(file_identity file) noexcept;

SAFETENSORS_DECL bool random_bytes(void* to, std::size_t size) noexcept;
SAFETENSORS_DECL std::uint64_t process_number() noexcept;
// Lets other threads run, for 50 microseconds, or for one tick of Windows' clock.
SAFETENSORS_DECL void pause() noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os

//==== detail/table.ipp
// Hashing and lookup of names.

namespace safetensors::inline SAFETENSORS_ABI::detail {

SAFETENSORS_DECL std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
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

SAFETENSORS_DECL const tensor_table& no_table() noexcept {
  static const tensor_table none;
  return none;
}

// Every factor is masked by a secret key or by a state that depends on one. The last factor is also
// masked by the size. Without the keys, no method is known to craft names that collide. Opening
// therefore stays linear, and lookup constant, for untrusted files.
SAFETENSORS_DECL std::uint64_t hash_name(std::string_view name, const hash_keys& keys) noexcept {
  std::uint64_t state = keys.key[0];
  const char* at = name.data();
  std::size_t left = name.size();
  for (; left > 16; at += 16, left -= 16)
    state = fold(load<std::uint64_t>(at) ^ keys.key[1],
                 load<std::uint64_t>(at + 8) ^ keys.key[2] ^ state);
  std::uint64_t low = 0, high = 0;  // the last bytes; the middle ones are in both
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

SAFETENSORS_DECL const record* tensor_table::find(std::string_view name) const noexcept {
  if (names.size() == 0) return nullptr;
  const std::uint32_t number = locate(name, hash_name(name, keys))->record_number;
  return number == 0 ? nullptr : &records[number - 1];
}

// Calls `visit` with each byte that is not inside of a string, and with the quotes, until it
// returns false. `at` is not inside of a string.
template <class Function>
#if defined(__GNUC__) && !defined(__clang__)
[[gnu::noinline]]  // GCC would copy it into the canonical lane's fast path.
#endif
void visit_outside_of_strings(const char* at, const char* end, const Function& visit) noexcept {
  for (bool is_inside = false; at < end; ++at) {
    if (*at == '"')
      is_inside = !is_inside;
    else if (is_inside) {
      at += *at == '\\' ? 1 : 0;
      continue;
    }
    if (!visit(at)) return;
  }
}

// Memory stays below 6 bytes per byte of the text. index_text() takes 1.81 with the text. Each byte
// then costs at most 4: a comma that counts is two bytes and takes 8, four quotes take 16, and all
// other bytes take less, for strings, names and sorting.

SAFETENSORS_DECL bool tensor_table::reserve_dimensions(const char* rest) noexcept {
  // A comma precedes each size but the first of a shape, and neither a comma nor a quote follows
  // it. The comma in the data_offsets counts for the first size. The last entry may end in an error
  // after two shapes and no data_offsets.
  std::size_t most = 4;
  visit_outside_of_strings(rest, text.end(), [&](const char* at) {
    most += at[0] == ',' && at[1] != ',' && at[1] != '"' ? 1 : 0;
    return true;
  });
  return dimensions.reserve(dimensions.size() + most);
}

SAFETENSORS_DECL bool tensor_table::reserve_metadata(const char* rest) noexcept {
  constexpr std::size_t few = 1024;  // not worth a look at the values
  if (metadata.size() < few) return metadata.reserve(2 * metadata.size() + 4);
  std::size_t quotes = 0;  // four for each of the pairs
  visit_outside_of_strings(rest, text.end(), [&](const char* at) {
    quotes += *at == '"' ? 1 : 0;
    return *at != '}';
  });
  return metadata.reserve(metadata.size() + quotes / 4 + 1);
}

inline hash_keys draw_keys() noexcept {
  hash_keys keys{};
  if (os::random_bytes(&keys, sizeof keys)) return keys;
  // Without random bytes, the addresses that the system has chosen are the only randomness.
  const auto place = [](const auto& thing) { return reinterpret_cast<std::uintptr_t>(&thing); };
  std::uint64_t state =
      fold(place(keys) ^ 0x9E3779B97F4A7C15u, place(rules) ^ os::process_number());
  for (std::uint64_t& key : keys.key) key = state = fold(state, 0xD6E8FEB86659FD93u);
  for (std::uint64_t& key : keys.file_key) key = state = fold(state, 0xD6E8FEB86659FD93u);
  return keys;
}

SAFETENSORS_DECL hash_keys process_keys() noexcept {
  // No thread waits for another one, which a child of fork might lack. Each thread draws keys, and
  // the first one to set a word sets it for all of them.
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

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== detail/failures.ipp
// The sentences of failures, off the fast path.

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- of a file

SAFETENSORS_DECL failure failure_at(errc code, std::uint64_t offset, std::string detail,
                                    std::string advice) {
  return {.code = code, .offset = offset, .detail = std::move(detail), .advice = std::move(advice)};
}

SAFETENSORS_DECL failure source_failure(std::error_code error, std::string detail,
                                        std::string advice) {
  failure what{.detail = std::move(detail), .advice = std::move(advice)};
  if (error.category() == error_category()) {
    what.code = static_cast<errc>(error.value());
  } else {
    what.code = error == std::errc::not_enough_memory ? errc::out_of_memory : errc::io;
    what.system = error;
  }
  return what;
}

SAFETENSORS_DECL failure source_failure(std::errc error, std::string detail, std::string advice) {
  return source_failure(std::make_error_code(error), std::move(detail), std::move(advice));
}

SAFETENSORS_DECL failure reported_failure(std::error_code error, const char* what) {
  if (error == errc::missing_bytes)
    return {.code = errc::missing_bytes,
            .detail = "it ends before the bytes that are needed",
            .advice = cut_short};
  return source_failure(error, error.category() == error_category() ? "" : what);
}

SAFETENSORS_DECL std::string limit_advice(std::uint64_t length) {
  constexpr std::uint64_t most_of_hugging_face = 25'000'000;
  return join("max_header_bytes raises the limit",
              length > most_of_hugging_face
                  ? "; other readers refuse more than 100,000,000 bytes, and the Hugging Face "
                    "client more than 25,000,000"
                  : "");
}

SAFETENSORS_DECL std::string map_advice(bool writable) {
  return join(writable ? "map_mode::read_only needs no memory of its own; " : "",
              "memory_file reads all of it if it fits in memory, file_source reads parts of it");
}

SAFETENSORS_DECL failure storage_failure(std::uint64_t size) {
  return failure_at(errc::missing_bytes, size, "the storage holds fewer bytes than its source");
}

SAFETENSORS_DECL failure with_path(failure what, std::string path) {
  what.path = std::move(path);
  return what;
}

SAFETENSORS_DECL failure missing_data_failure(std::uint64_t needed, std::uint64_t data_start,
                                              std::uint64_t present) {
  return failure_at(
      errc::missing_bytes, data_start + present,
      join("the tensors need ", counted(needed, "byte"), " of data, but the file has ", present),
      cut_short);
}

//-- of a tensor

SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail, std::string advice) {
  return {.code = code,
          .path = table.path,
          .tensor = std::string(table.name(entry)),
          .detail = std::move(detail),
          .advice = std::move(advice)};
}

SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_info& tensor, std::string detail,
                                        std::string advice) {
  return tensor_failure(code, tensor_door::table(tensor), tensor_door::entry(tensor),
                        std::move(detail), std::move(advice));
}

SAFETENSORS_DECL failure not_found_failure(const tensor_table* table, std::string_view name) {
  return {.code = errc::tensor_not_found,
          .path = table == nullptr ? std::string() : table->path,
          .tensor = std::string(name)};
}

SAFETENSORS_DECL std::string_view cpp_type_of(dtype type) noexcept {
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

// Returns how to read the raw words of a dtype.
inline std::string words_advice(dtype type) {
  const auto bits = static_cast<std::uint64_t>(bit_width(type));
  if (bits < 8) return join("bytes() returns the packed bytes of ", to_string(type));
  return join("bits<std::uint", bits, "_t>() returns the raw words of ", to_string(type));
}

SAFETENSORS_DECL failure dtype_failure(const tensor_info& tensor, dtype wanted) {
  const dtype found = tensor.dtype();
  const std::string_view cpp_type = cpp_type_of(found);
  return tensor_failure(errc::dtype_mismatch, tensor,
                        join("its dtype is ", to_string(found), ", not ", to_string(wanted)),
                        cpp_type.empty()
                            ? words_advice(found)
                            : join("as<", cpp_type, ">() returns elements of ", to_string(found)));
}

SAFETENSORS_DECL failure width_failure(const tensor_info& tensor, std::size_t bytes) {
  const dtype found = tensor.dtype();
  return tensor_failure(
      errc::dtype_mismatch, tensor,
      join("an element of ", to_string(found), " has ",
           static_cast<std::uint64_t>(bit_width(found)), " bits, not ", 8 * bytes),
      words_advice(found));
}

SAFETENSORS_DECL failure length_failure(const tensor_info& tensor, std::uint64_t length,
                                        std::uint64_t wanted, std::string_view unit) {
  return tensor_failure(
      errc::wrong_length, tensor,
      join("the buffer has ", counted(length, unit), ", but it must have exactly ", wanted));
}

SAFETENSORS_DECL failure place_failure(const tensor_info& tensor, std::size_t size,
                                       std::size_t alignment) {
  if (size > 1 && std::endian::native == std::endian::big)
    return tensor_failure(errc::foreign_byte_order, tensor,
                          "this machine is big-endian, and files are little-endian",
                          "copy_to() and copy_bits() convert");
  const std::uint64_t start = tensor.data_offsets().begin;
  // A storage can align only the start of the data section.
  if (start % alignment != 0)
    return tensor_failure(
        errc::misaligned_data, tensor,
        join("it starts at byte ", start, " of the data, which is not a multiple of ", alignment),
        "copy it by copy_to() or copy_bits(), or write the file once more, which aligns it");
  return tensor_failure(errc::misaligned_data, tensor,
                        join("it starts at byte ", tensor.file_range().begin,
                             " of the file, at an address that is not a multiple of ", alignment),
                        "load the file with memory_file, or copy it by copy_to() or copy_bits()");
}

SAFETENSORS_DECL failure read_only_failure(const tensor_info& tensor) {
  return tensor_failure(errc::read_only, tensor, "the file is mapped to be read",
                        "open it with map_mode::copy_on_write, or as memory_file");
}

SAFETENSORS_DECL failure memory_failure(const tensor_info& tensor, std::string_view what) {
  return tensor_failure(errc::out_of_memory, tensor, join("there is not enough memory for ", what));
}

SAFETENSORS_DECL failure item_failure(const tensor_info& tensor) {
  return tensor_failure(
      errc::wrong_length, tensor,
      join("it has ", tensor.element_count(), " elements, but item() needs exactly 1"));
}

SAFETENSORS_DECL failure rank_failure(const tensor_info& tensor, std::size_t room) {
  return tensor_failure(
      errc::does_not_fit, tensor,
      join("it has ", counted(tensor.ndim(), "dimension"), ", but the buffer has room for ", room));
}

SAFETENSORS_DECL failure dimension_failure(const tensor_info& tensor, std::size_t dimension) {
  return tensor_failure(errc::does_not_fit, tensor,
                        join("dimension ", dimension, " has ", tensor.shape()[dimension],
                             " elements, too many for the integer type"));
}

SAFETENSORS_DECL std::string size_text(dtype type, std::span<const std::uint64_t> shape,
                                       const tensor_size& size) {
  if (size.broken == errc::partial_byte)
    return join(to_string(type), " ", shape_text(shape), " needs ", size.bits,
                " bits, which are not a whole number of bytes");
  if (size.elements == 0)
    return join("multiplying its shape ", shape_text(shape), " overflows 64 bits");
  return join(to_string(type), " ", shape_text(shape), " needs at least 2^64 bits");
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== detail/lanes.hpp
// From a header's text to the index: two lanes that read it, and the validation of what they read.

namespace safetensors::inline SAFETENSORS_ABI::detail {

// Lengths of headers below this one, in bytes, are plausible.
inline constexpr std::uint64_t plausible_length = std::uint64_t{1} << 40;

// Returns a table with room for `capacity` bytes of text, which begins with `text`.
SAFETENSORS_DECL result<std::unique_ptr<tensor_table>> new_table(std::span<const std::byte> text,
                                                                 std::size_t capacity);

// Reads what known writers emit. Returns false if something was not recognised, and leaves the text
// unchanged.
SAFETENSORS_DECL bool read_canonical(tensor_table& table) noexcept;
// Reads every header, and reports what is wrong with one.
SAFETENSORS_DECL result<void> read_general(tensor_table& table);

// Fills the table of names. Errors: duplicate_tensor, for the first name that occurred before;
// out_of_memory.
SAFETENSORS_DECL result<void> index_names(tensor_table& table);
// Validates what a lane has read, and brings it into data order. file_size may be unknown_size.
SAFETENSORS_DECL result<void> build_index(tensor_table& table, std::uint64_t file_size,
                                          bool allow_trailing_bytes);

inline std::string_view text_of(const tensor_table& table) noexcept {
  return {table.text.data(), table.text.size()};
}
// Returns the byte of the file at which the raw form of a decoded string begins.
SAFETENSORS_DECL std::uint64_t raw_offset(const tensor_table& table, std::size_t decoded) noexcept;
// Makes a failure at the byte of the tensor's name.
SAFETENSORS_DECL failure record_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail);

// Returns what the file seems to be, if it is not a safetensors file. start: its first bytes.
SAFETENSORS_DECL file_kind foreign_kind(std::span<const std::byte> start);
// Adds what the file seems to be, if that may be why it was rejected. start: its first bytes, as
// far as they were read.
SAFETENSORS_DECL failure explained(failure what, std::span<const std::byte> start,
                                   std::uint64_t file_size);
// Adds an explanation if the header was rejected because its length counts characters. next: the
// bytes after the header.
SAFETENSORS_DECL failure explained_by_units(failure what, std::string_view text,
                                            std::string_view next, std::uint64_t file_size);
// Returns true if explained_by_units() may help.
SAFETENSORS_DECL bool may_be_units(errc code) noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== detail/index.ipp
// From the table that a lane has filled to the index: names, order, rules, the end of the file.

namespace safetensors::inline SAFETENSORS_ABI::detail {

SAFETENSORS_DECL result<std::unique_ptr<tensor_table>> new_table(std::span<const std::byte> text,
                                                                 std::size_t capacity) {
  std::unique_ptr<tensor_table> table(new (std::nothrow) tensor_table);
  if (table == nullptr || !table->text.reserve(capacity + text_padding)) return errc::out_of_memory;
  copy_bytes(table->text.data(), text.data(), text.size());
  table->text.set_size(text.size());
  return table;
}

SAFETENSORS_DECL std::uint64_t raw_offset(const tensor_table& table, std::size_t decoded) noexcept {
  while (table.text.data()[decoded - 1] == escape_filler) --decoded;
  return 8 + std::uint64_t{decoded};
}

SAFETENSORS_DECL failure record_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail) {
  return {.code = code,
          .offset = raw_offset(table, entry.name_offset),
          .tensor = std::string(table.name(entry)),
          .detail = std::move(detail)};
}

//-- names

inline result<void> sort_metadata(tensor_table& table) {
  const auto key = [&](const metadata_entry& entry) { return table.view(entry.key); };
  std::sort(table.metadata.begin(), table.metadata.end(),
            [&](const metadata_entry& a, const metadata_entry& b) {
              const int order = key(a).compare(key(b));
              return order != 0 ? order < 0 : a.key.offset < b.key.offset;
            });
  const metadata_entry* const twin = std::adjacent_find(
      table.metadata.begin(), table.metadata.end(),
      [&](const metadata_entry& a, const metadata_entry& b) { return key(a) == key(b); });
  if (twin == table.metadata.end()) return {};
  return failure_at(errc::duplicate_metadata_key, raw_offset(table, twin[1].key.offset),
                    join("the metadata key ", in_quotes(key(*twin)), " occurs before, at byte ",
                         raw_offset(table, twin->key.offset)));
}

// The first call goes in the order of the text. The text is therefore in the cache, and the first
// name that occurred before fails.
SAFETENSORS_DECL result<void> index_names(tensor_table& table) {
  const std::size_t count = table.records.size();
  if (count == 0) return {};
  const std::size_t size = std::bit_ceil(count + count / 2 + 1);  // at most two thirds full
  if (!table.names.reserve(size)) return errc::out_of_memory;
  table.names.set_size(size);
  std::memset(static_cast<void*>(table.names.data()), 0, size * sizeof(name_slot));
  const hash_keys keys = table.keys = process_keys();
  std::uint64_t hashes[32];  // ahead, so that their slots are fetched at the same time
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t ahead = i % std::size(hashes);
    for (std::size_t j = i; ahead == 0 && j != (std::min)(count, i + std::size(hashes)); ++j) {
      hashes[j - i] = hash_name(table.name(table.records[j]), keys);
      prefetch(table.first_slot(hashes[j - i]));
    }
    const record& entry = table.records[i];
    name_slot* slot = table.locate(table.name(entry), hashes[ahead]);
    if (slot->record_number != 0)
      return record_failure(
          errc::duplicate_tensor, table, entry,
          join("an earlier tensor has this name, at byte ",
               raw_offset(table, table.records[slot->record_number - 1].name_offset)));
    *slot = {tensor_table::tag(hashes[ahead]), static_cast<std::uint32_t>(i + 1)};
  }
  return {};
}

//-- order and the rules

// Brings the records into data order: by first byte, then by last byte, then as in the text. The
// names follow. Places are sorted instead of records, which have twice their size.
inline result<void> sort_records(tensor_table& table) {
  struct place {
    std::uint64_t begin;
    std::size_t number;  // of the record that begins there
  };
  const std::size_t count = table.records.size();
  block<place> places;
  block<record> sorted;
  block<std::uint32_t> numbers;  // where each record is afterwards
  if (!places.reserve(count) || !sorted.reserve(count) || !numbers.reserve(count))
    return errc::out_of_memory;
  places.set_size(count), sorted.set_size(count), numbers.set_size(count);
  for (std::size_t i = 0; i < count; ++i) places[i] = {table.records[i].begin, i};
  std::sort(places.begin(), places.end(), [&](const place& a, const place& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    const record &first = table.records[a.number], &second = table.records[b.number];
    return first.end != second.end ? first.end < second.end : a.number < b.number;
  });
  for (std::size_t i = 0; i < count; ++i) {
    sorted[i] = table.records[places[i].number];
    numbers[places[i].number] = static_cast<std::uint32_t>(i + 1);
  }
  std::swap(table.records, sorted);
  for (name_slot& slot : table.names)
    if (slot.record_number != 0) slot.record_number = numbers[slot.record_number - 1];
  return {};
}

// Returns the first rule that the tensor breaks at its place, or errc{}.
inline errc broken_rule(const tensor_table& table, const record& entry,
                        std::uint64_t previous_end) noexcept {
  if (entry.begin != previous_end || entry.end < entry.begin) return errc::invalid_offsets;
  const tensor_size size = measure(entry.dtype(), table.shape(entry));
  if (size.broken != errc{}) return size.broken;
  return entry.end - entry.begin == size.bits / 8 ? errc{} : errc::size_mismatch;
}

// Returns the tensor that ends where the broken one should begin, or null. In data order, tensors
// without bytes at that place come after the broken one.
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
  const auto range_text = [](const record& of) { return join("[", of.begin, ",", of.end, "]"); };
  failure what = record_failure(code, table, entry, {});
  if (code == size.broken) {
    what.detail = size_text(entry.dtype(), shape, size);
    return what;
  }
  if (code == errc::size_mismatch) {
    what.detail = join(to_string(entry.dtype()), " ", shape_text(shape), " needs ",
                       counted(size.bits / 8, "byte"), ", but data_offsets ", range_text(entry),
                       " span ", entry.end - entry.begin);
    return what;
  }
  what.detail = join("its data_offsets are ", range_text(entry), "; ");
  if (entry.end < entry.begin) {
    what.detail += "they end before they begin";
  } else if (previous_end == 0 && entry.begin == table.data_start()) {
    what.detail += "they seem to count from the start of the file";
    what.advice = "count them from the end of the header, where the data begins";
  } else if (entry.begin > previous_end) {
    const std::uint64_t gap = entry.begin - previous_end;
    what.detail += join("the ", counted(gap, "byte"), " before it ",
                        gap == 1 ? "belongs" : "belong", " to no tensor");
  } else {
    const record* const other = find_neighbour(table, entry, previous_end);
    what.detail += "the tensor overlaps ";
    what.detail += other == nullptr ? "another"
                                    : join(in_quotes(table.name(*other)), ", ", range_text(*other));
  }
  return what;
}

// Returns the first tensor that breaks a rule, or null. Then data_size is where that tensor should
// begin.
inline const record* find_broken(tensor_table& table) noexcept {
  table.data_size = 0;
  for (const record& entry : table.records) {
    if (broken_rule(table, entry, table.data_size) != errc{}) return &entry;
    table.data_size = entry.end;
  }
  return nullptr;
}

inline result<void> validate_end(tensor_table& table, std::uint64_t file_size,
                                 bool allow_trailing_bytes) {
  const std::uint64_t start = table.data_start();
  if (file_size == unknown_size) {
    if (table.data_size <= (std::numeric_limits<std::uint64_t>::max)() - 1 - start) return {};
    return failure{.code = errc::size_overflow,
                   .detail = "the file would be longer than 2^64 bytes"};
  }
  const std::uint64_t present = file_size - start;
  if (table.data_size > present) return missing_data_failure(table.data_size, start, present);
  if (table.data_size < present && !allow_trailing_bytes) {
    constexpr std::uint64_t padding = 64;  // more bytes are probably something else
    const std::uint64_t more = present - table.data_size;
    return failure_at(
        errc::trailing_bytes, start + table.data_size,
        join(counted(more, "byte"), more == 1 ? " follows" : " follow", " the last tensor"),
        more <= padding ? "allow_trailing_bytes accepts the file" : "");
  }
  return {};
}

SAFETENSORS_DECL result<void> build_index(tensor_table& table, std::uint64_t file_size,
                                          bool allow_trailing_bytes) {
  if (auto sorted = sort_metadata(table); !sorted) return sorted;
  if (auto indexed = index_names(table); !indexed) return indexed;
  // If no tensor breaks a rule, all are in data order already, so sorting is not needed.
  const record* broken = find_broken(table);
  if (broken != nullptr) {
    if (auto sorted = sort_records(table); !sorted) return sorted;
    broken = find_broken(table);
  }
  if (broken != nullptr) return broken_rule_failure(table, *broken, table.data_size);
  return validate_end(table, file_size, allow_trailing_bytes);
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== detail/canonical.ipp
// The canonical lane: reads fast what the known writers emit, except for names with escapes.

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

//==== detail/events.hpp
// JSON as a series of events. Only json.ipp knows the library that reads it.

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

//==== detail/json.ipp
// JSON by nlohmann_json's SAX parser: guards around it, and its English translated into ours.

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

//==== detail/schema.ipp
// The general lane: JSON events become a table, or a failure that says what is wrong.

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

//==== detail/foreign.ipp
// What a file seems to be that is not a safetensors file.

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- marks with which formats begin

struct known_start {
  std::string_view bytes;
  std::size_t at;  // their position in the file
  std::string_view what, advice;
  file_kind kind = file_kind::other;
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

// Marks of formats. The first match counts. A new format is a line here.
inline constexpr known_start known_starts[] = {
    {std::string_view("\0\5\x16\0", 4), 0, "an AppleSingle file of macOS", wrong_path},
    {std::string_view("\0\5\x16\7", 4), 0, "an AppleDouble companion of macOS, not the model",
     "skip files whose names begin with ._"},
    {"\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9", 0, "a pickle of torch.save", torch_format,
     file_kind::pickle},
    {"\x80\x02", 0, "a pickle", other_format, file_kind::pickle},
    {"\x80\x03", 0, "a pickle", other_format, file_kind::pickle},
    {"\x80\x04", 0, "a pickle", other_format, file_kind::pickle},
    {"\x80\x05", 0, "a pickle", other_format, file_kind::pickle},
    {"(dp0\n", 0, "a pickle", other_format, file_kind::pickle},
    {"(lp0\n", 0, "a pickle", other_format, file_kind::pickle},
    {"ccopy_reg", 0, "a pickle", other_format, file_kind::pickle},
    {"PK\5\6", 0, "an empty ZIP archive", wrong_path, file_kind::zip},
    {"GGUF", 0, "a GGUF model", "use a program that reads GGUF", file_kind::gguf},
    {"lmgg", 0, "a GGML model", "use a program that reads GGML", file_kind::ggml},
    {"tjgg", 0, "a GGML model", "use a program that reads GGML", file_kind::ggml},
    {"fmgg", 0, "a GGML model", "use a program that reads GGML", file_kind::ggml},
    {"\x93NUMPY", 0, "a NumPy .npy file", other_format, file_kind::numpy},
    {"\x89HDF\r\n\x1A\n", 0, "an HDF5 file, such as Keras writes", other_format, file_kind::hdf5},
    {"TFL3", 4, "a TensorFlow Lite model", other_format, file_kind::tensorflow_lite},
    {"\x81\xA6params", 0, "MessagePack, as Flax writes it", other_format},
    {"MATLAB 5.0 MAT-file", 0, "a MATLAB file", other_format},
    {"PAR1", 0, "a Parquet file", wrong_path},
    {"SQLite format 3", 0, "a SQLite database", wrong_path},
    {"\x1F\x8B\x08", 0, "gzip data", unpack, file_kind::compressed},
    {"\x28\xB5\x2F\xFD", 0, "zstd data", unpack, file_kind::compressed},
    {std::string_view("\xFD\x37zXZ\0", 6), 0, "xz data", unpack, file_kind::compressed},
    {"1AY&", 4, "bzip2 data", unpack, file_kind::compressed},
    {"\x04\x22\x4D\x18", 0, "LZ4 data", unpack, file_kind::compressed},
    {"7z\xBC\xAF\x27\x1C", 0, "a 7-Zip archive", unpack, file_kind::compressed},
    {"Rar!\x1A\x07", 0, "a RAR archive", unpack, file_kind::compressed},
    {"ustar", 257, "a tar archive", unpack, file_kind::compressed},
    {"\x78\x01", 0, "zlib data", unpack, file_kind::compressed},
    {"\x78\x5E", 0, "zlib data", unpack, file_kind::compressed},
    {"\x78\x9C", 0, "zlib data", unpack, file_kind::compressed},
    {"\x78\xDA", 0, "zlib data", unpack, file_kind::compressed},
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
    {"\xFF\xFE", 0, "text in UTF-16", wrong_path, file_kind::text},
    {"\xFE\xFF", 0, "text in UTF-16", wrong_path, file_kind::text},
};

// Marks of text, after a byte order mark and white space.
inline constexpr known_start known_texts[] = {
    {"/annex/objects/", 0, "a git-annex pointer", "the data was not downloaded; run git annex get",
     file_kind::text},
    {"# xet version", 0, "a pointer of Xet storage",
     "download the data with a client that supports Xet, such as huggingface_hub with hf_xet",
     file_kind::text},
    {"<!doctype html", 0, "an HTML page", failed_download, file_kind::html},
    {"<html", 0, "an HTML page", failed_download, file_kind::html},
    {"<?xml", 0, "XML", failed_download, file_kind::text},
    {"http/", 0, "the answer of a web server", failed_download, file_kind::text},
};

struct guess {
  std::string what;  // what the file seems to be; empty if unknown
  std::string_view advice;
  file_kind kind = file_kind::other;
};

//-- what has a mark, and text

// Returns true if the bytes are printable characters, spaces and line breaks. If there are at least
// eight bytes, the last character may be cut.
inline bool is_text(std::string_view bytes) noexcept {
  const std::size_t valid = valid_utf8_prefix(bytes), cut = bytes.size() - valid;
  const bool is_whole = cut == 0 || (bytes.size() >= 8 && cut < 4 &&
                                     static_cast<unsigned char>(bytes[valid]) >= 0xC2);
  return !bytes.empty() && is_whole && std::ranges::all_of(bytes.substr(0, valid), [](char c) {
    return is_space(c) || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  });
}

// Compares as much of the mark as the text has, but at least eight bytes. Small letters of the mark
// match capital ones too.
inline bool begins_with(std::string_view text, std::string_view mark) noexcept {
  constexpr std::size_t least = 8;
  if (text.size() < (std::min)(least, mark.size())) return false;
  const std::size_t size = (std::min)(text.size(), mark.size());
  return std::ranges::equal(mark.substr(0, size), text.substr(0, size), [](char a, char b) {
    return a == b || (a >= 'a' && a <= 'z' && a - 'a' + 'A' == b);
  });
}

inline guess guess_zip(std::string_view bytes) {
  constexpr std::size_t name_length = 26, name = 30;  // their positions, for the first file
  const std::string_view first =
      bytes.size() > name ? bytes.substr(name, static_cast<unsigned char>(bytes[name_length])) : "";
  if (first.ends_with("/data.pkl"))
    return {"a ZIP archive of torch.save", torch_format, file_kind::zip};
  if (first.ends_with(".npy")) return {"a ZIP archive, NumPy .npz", other_format, file_kind::zip};
  return {"a ZIP archive", zip_format, file_kind::zip};
}

inline guess guess_pointer(std::string_view text) {
  constexpr std::string_view field = "\nsize ";
  guess found{"a git-lfs pointer", "the data was not downloaded; run git lfs pull",
              file_kind::git_lfs_pointer};
  const std::size_t at = text.find(field);
  if (at == text.npos) return found;
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data() + at + field.size(), end, size);
  if (error == std::errc() && next != end && (*next == '\n' || *next == '\r'))
    found.what += join(" that stands for ", counted(size, "byte"));
  return found;
}

inline guess guess_json(std::string_view text) {
  const auto has = [&](std::string_view word) { return text.find(word) != text.npos; };
  if (has("\"weight_map\""))
    return {"the index of a model in several files, as model.safetensors.index.json is",
            "open the files that it names", file_kind::safetensors_index};
  if (has("\"data_offsets\"") || has("\"__metadata__\""))
    return {"a header in JSON; the 8 bytes of its length are missing",
            "put the header's length before it, as 8 bytes in little-endian order",
            file_kind::json};
  return {"JSON, " + in_quotes(text, 40), "check its name, and what it says", file_kind::json};
}

// Returns an empty guess for text that begins with no mark.
inline guess guess_known_text(std::string_view text) {
  if (begins_with(text, "version https://")) return guess_pointer(text);
  if (begins_with(text, "{") || begins_with(text, "[")) return guess_json(text);
  if (begins_with(text, "<?xml") && text.find("<!DOCTYPE plist") != text.npos)
    return {"a property list (XML)", wrong_path, file_kind::text};
  for (const known_start& known : known_texts)
    if (begins_with(text, known.bytes)) return {std::string(known.what), known.advice, known.kind};
  return {};
}

inline guess guess_text(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  if (begins_with(line, "#!")) return {"text, a script", wrong_path, file_kind::text};
  if (begins_with(line, "../") || begins_with(line, "./") || begins_with(line, "..\\"))
    return {"the text of a link to " + escaped(line, escapes::invisible, 200),
            "copy the file that it leads to", file_kind::text};
  if (line.empty()) return {"text without a word", wrong_path, file_kind::text};
  return {"text, " + in_quotes(line, 40), failed_download, file_kind::text};
}

//-- any file

inline guess guess_kind(std::string_view bytes) {
  if (bytes.starts_with("PK\3\4")) return guess_zip(bytes);
  const bool is_all_text = is_text(bytes.substr(0, 64));
  // A short mark may be the length of a header, or a word.
  const bool is_small = bytes.substr(0, 8).find_first_not_of('\0', 2) == bytes.npos;
  for (const known_start& known : known_starts) {
    const std::size_t size = known.bytes.size();
    if (known.at == 0 && ((size == 2 && is_small) || (size <= 4 && is_all_text))) continue;
    if (known.at == 0 ? begins_with(bytes, known.bytes)
                      : bytes.size() >= known.at && bytes.substr(known.at).starts_with(known.bytes))
      return {std::string(known.what), known.advice, known.kind};
  }
  // ONNX begins with a version, then the producer's name.
  if (bytes.size() >= 8 && bytes[0] == 8 && bytes[2] == 0x12 && is_text(bytes.substr(4, 4)))
    return {"an ONNX model", other_format, file_kind::onnx};
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

// Guesses a length that would fit if it were written as the format demands. start: at least 8 bytes
inline guess guess_length(std::span<const std::byte> start, std::uint64_t file_size) {
  const std::uint64_t little = load_length(start.data()), four = little & 0xFFFF'FFFFu;
  std::uint64_t big = 0;
  for (int i = 0; i < 8; ++i) big = big << 8 | (little >> 8 * i & 0xFF);
  const std::uint64_t room = (std::min)(file_size, max_text_bytes);
  const auto is_brace = [&](std::size_t at) { return std::to_integer<char>(start[at]) == '{'; };
  if (big >= 2 && big <= room - 8 && (start.size() <= 8 || is_brace(8)))
    return {join("the header's length, ", big, ", is in big-endian order"),
            "write it in little-endian order"};
  if (is_brace(4) && four >= 2 && four <= room - 4)
    return {join("the header's length, ", four, ", is stored in 4 bytes instead of 8"),
            "store it in 8 bytes, in little-endian order"};
  return {};
}

inline constexpr std::size_t looked_at = 4096;

SAFETENSORS_DECL file_kind foreign_kind(std::span<const std::byte> start) {
  const guess found = guess_kind(as_text(start).substr(0, looked_at));
  return found.what.empty() ? file_kind::unknown : found.kind;
}

SAFETENSORS_DECL failure explained(failure what, std::span<const std::byte> start,
                                   std::uint64_t file_size) {
  const std::uint64_t length = start.size() >= 8 ? load_length(start.data()) : 0;
  if (what.code == errc::invalid_json && start.size() >= 8 && length == 0 && file_size > 8) {
    what.detail = "it begins with zeros, as a download whose start was never written";
    what.advice = "download it again";
  }
  const bool may_be_foreign =
      what.code == errc::header_too_small || what.code == errc::header_too_large ||
      what.code == errc::header_truncated || what.code == errc::header_not_object ||
      what.code == errc::invalid_utf8 ||
      (what.code == errc::missing_bytes && file_size == unknown_size);
  if (!may_be_foreign) return what;
  const bool is_header =
      start.size() > 8 && std::to_integer<char>(start[8]) == '{' && length < plausible_length;
  guess found;
  if (what.code == errc::header_too_large) found = guess_length(start, file_size);
  if (found.what.empty() && !is_header) {
    found = guess_kind(as_text(start).substr(0, looked_at));
    if (!found.what.empty()) found.what.insert(0, "it seems to be ");
  }
  if (found.what.empty()) return what;
  what.offset = 0;
  what.detail = std::move(found.what);
  what.advice = found.advice;
  return what;
}

//-- headers whose length counts characters

// Returns the bytes of a header whose length counts characters, where one beyond U+FFFF counts as
// `most` of them. Returns 0 if the length counts something else. next: the bytes after the length's
// end
inline std::size_t bytes_of_units(std::string_view text, std::string_view next,
                                  std::size_t most) noexcept {
  const auto units = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? most : 1;
  };
  std::size_t count = 0, end = 0;
  for (const char c : text) count += units(c);
  while (end != next.size() && (count < text.size() || units(next[end]) == 0))
    count += units(next[end++]);
  const std::string_view more = next.substr(0, end);
  const std::size_t last = more.find_last_not_of(' ');
  const bool ends = last == more.npos ? text.find_last_not_of(' ') == text.rfind('}')
                                      : more[last] == '}' && !next.substr(end).starts_with('}');
  return count == text.size() && end != 0 && ends ? text.size() + end : 0;
}

SAFETENSORS_DECL failure explained_by_units(failure what, std::string_view text,
                                            std::string_view next, std::uint64_t file_size) {
  const std::uint64_t end = 8 + std::uint64_t{text.size()};
  const bool is_cut = what.code == errc::invalid_json || what.code == errc::invalid_utf8;
  // The failure must be at the end, and the text still as it was written.
  if (text.find(escape_filler) != text.npos || (is_cut && what.offset + 4 < end)) return what;
  for (const std::size_t most : {std::size_t{1}, std::size_t{2}}) {
    const std::size_t bytes = bytes_of_units(text, next, most);
    if (bytes == 0 || (!is_cut && file_size - what.offset != bytes - text.size())) continue;
    what.detail = join("the header's length, ", text.size(),
                       ", counts characters, but the header has ", bytes, " bytes");
    what.advice = "let the length count bytes";
    what.tensor.reset();
    break;
  }
  return what;
}

SAFETENSORS_DECL bool may_be_units(errc code) noexcept {
  return code == errc::invalid_json || code == errc::invalid_utf8 || code == errc::trailing_bytes;
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

#ifdef _WIN32

//==== detail/system_windows.ipp
// Windows: files, mappings, randomness.

// Declares the few functions that are used, as in the SDK. Users therefore do not get <windows.h>
// and its macros.
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
#ifdef _WIN64
__declspec(dllimport) int __stdcall VirtualUnlock(void*, unsigned long long);
#else
__declspec(dllimport) int __stdcall VirtualUnlock(void*, unsigned long);
#endif
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned int, unsigned long, const char*,
                                                        int, wchar_t*, int);
__declspec(dllimport) int __stdcall WideCharToMultiByte(unsigned int, unsigned long, const wchar_t*,
                                                        int, char*, int, const char*, int*);
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
__declspec(dllimport) void __stdcall Sleep(unsigned long);
int __cdecl rand_s(unsigned int*);
}

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail::os {

inline constexpr unsigned code_page_utf8 = 65001;

inline std::error_code last_error() noexcept {
  return {static_cast<int>(GetLastError()), std::system_category()};
}

SAFETENSORS_DECL result<path_text> native_path(const path_ref& path) {
  std::wstring wide(path_door::wide(path));
  const std::string_view utf8 = path_door::utf8(path);
  if (!path_door::is_wide(path) && !utf8.empty()) {
    // A longer text is cut here. Its wide form is then still too long for Windows, wherever the cut
    // is.
    constexpr std::size_t most_bytes = 3 * std::size_t{0x8000};
    const int length = static_cast<int>((std::min)(utf8.size(), most_bytes));
    wide.resize(static_cast<std::size_t>(length));
    const int used = MultiByteToWideChar(code_page_utf8, 8 /* MB_ERR_INVALID_CHARS */, utf8.data(),
                                         length, wide.data(), length);
    if (used == 0) return source_failure(last_error(), "the path is not valid UTF-8");
    wide.resize(static_cast<std::size_t>(used));
  }
  if (wide.find(L'\0') != wide.npos)
    return source_failure(std::errc::invalid_argument, path_holds_nul);
  return wide;
}

// Returns no identity if the file system has none.
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

SAFETENSORS_DECL result<file_facts> regular_file_facts(native_handle handle) {
  if (GetFileType(handle) != 1 /* FILE_TYPE_DISK */)
    return source_failure(std::errc::invalid_argument, not_regular);
  const file_facts facts = facts_of(handle);
  if (facts.identity != file_identity{}) return facts;
  std::int64_t size = 0;  // the file system has no such facts
  if (GetFileSizeEx(handle, reinterpret_cast<_LARGE_INTEGER*>(&size)) == 0)
    return source_failure(last_error(), cannot_examine);
  return file_facts{.size = static_cast<std::uint64_t>(size)};
}

SAFETENSORS_DECL result<void> try_lock(native_handle handle, native_handle& lock) {
  constexpr unsigned long read_and_delete = 0x80010000u, share_read = 1;
  if (lock != invalid_handle) return {};
  lock = ReOpenFile(handle, read_and_delete, share_read, 0);
  if (lock != invalid_handle) return {};
  if (GetLastError() == 32 /* ERROR_SHARING_VIOLATION */)
    return source_failure(std::errc::resource_unavailable_try_again, locked_elsewhere);
  return source_failure(last_error(), cannot_lock);
}

SAFETENSORS_DECL result<native_handle> open_to_read(const path_ref& path) {
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

SAFETENSORS_DECL std::error_code read_at(native_handle handle, std::uint64_t offset,
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

SAFETENSORS_DECL void close(native_handle handle) noexcept { CloseHandle(handle); }

SAFETENSORS_DECL std::size_t map_granularity() noexcept { return 65536; }

SAFETENSORS_DECL result<std::byte*> map(native_handle handle, std::uint64_t offset,
                                        std::size_t size, bool writable) {
  void* mapping = CreateFileMappingW(
      handle, nullptr, writable ? 8 /* PAGE_WRITECOPY */ : 2 /* PAGE_READONLY */, 0, 0, nullptr);
  if (mapping == nullptr) return source_failure(last_error(), cannot_map, map_advice(writable));
  void* view = MapViewOfFile(mapping, writable ? 1 /* FILE_MAP_COPY */ : 4 /* FILE_MAP_READ */,
                             static_cast<unsigned long>(offset >> 32),
                             static_cast<unsigned long>(offset), size);
  const std::error_code error = last_error();
  CloseHandle(mapping);
  if (view == nullptr) return source_failure(error, cannot_map, map_advice(writable));
  return static_cast<std::byte*>(view);
}

SAFETENSORS_DECL void unmap(std::byte* data, std::size_t) noexcept { UnmapViewOfFile(data); }
SAFETENSORS_DECL void advise(std::span<std::byte> pages, access_advice advice) noexcept {
  if (advice == access_advice::populate) touch(pages);
}
SAFETENSORS_DECL void drop(std::span<std::byte> pages) noexcept {
  if (!pages.empty())
    VirtualUnlock(pages.data(), pages.size());  // removes pages that are not locked
}

SAFETENSORS_DECL bool random_bytes(void* to, std::size_t size) noexcept {
  for (auto* at = static_cast<unsigned char*>(to); size != 0; ++at, --size) {
    unsigned int drawn = 0;
    if (rand_s(&drawn) != 0) return false;
    *at = static_cast<unsigned char>(drawn);
  }
  return true;
}

SAFETENSORS_DECL std::uint64_t process_number() noexcept { return GetCurrentProcessId(); }

// Windows itself does not allow a mapped file to be emptied.
SAFETENSORS_DECL bool is_mapped(file_identity) noexcept { return false; }

SAFETENSORS_DECL void pause() noexcept { Sleep(1); }

}  // namespace detail::os

SAFETENSORS_DECL std::string path_ref::to_utf8() const {
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

}  // namespace safetensors::inline SAFETENSORS_ABI

#else

//==== detail/system_posix.ipp
// POSIX: files, mappings, randomness.

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef __wasi__  // which has neither locks nor mappings
#include <sys/file.h>
#include <sys/mman.h>
#endif
#if __has_include(<sys/random.h>) && (!defined(__ANDROID_API__) || __ANDROID_API__ >= 28)
#include <sys/random.h>
#define SAFETENSORS_DETAIL_GETENTROPY
#endif

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail::os {

// Where off_t may have 32 bits, the calls with 64 bits have their own names. A header cannot set
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
inline void* map_file(std::size_t size, int protection, int flags, int file,
                      std::uint64_t offset) noexcept {
  return ::mmap64(nullptr, size, protection, flags, file, static_cast<file_offset>(offset));
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
#ifndef __wasi__
inline void* map_file(std::size_t size, int protection, int flags, int file,
                      std::uint64_t offset) noexcept {
  return ::mmap(nullptr, size, protection, flags, file, static_cast<file_offset>(offset));
}
#endif
#endif

inline std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

// Repeats a call that a signal interrupts.
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
  return source_failure(
      S_ISDIR(status.st_mode) ? std::errc::is_a_directory : std::errc::invalid_argument,
      not_regular);
}

SAFETENSORS_DECL result<file_facts> regular_file_facts(native_handle handle) {
  file_status status{};
  if (status_of(handle, status) != 0) return source_failure(last_error(), cannot_examine);
  if (auto regular = expect_regular(status); !regular) return std::move(regular).error();
  return facts_of(status);
}

SAFETENSORS_DECL result<path_text> native_path(const path_ref& path) {
  std::string copy(path_door::utf8(path));
  if (copy.find('\0') == copy.npos) return copy;
  return source_failure(std::errc::invalid_argument, path_holds_nul);
}

SAFETENSORS_DECL result<native_handle> open_to_read(const path_ref& path) {
  const result<std::string> text = native_path(path);
  if (!text) return text.error();
  // Without O_NONBLOCK, a FIFO waits for its writer. Without O_NOCTTY, a terminal may become the
  // controlling terminal of this process.
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  int file = uninterrupted([&] { return open_file(text->c_str(), flags | O_NONBLOCK); });
  std::error_code error = file < 0 ? last_error() : std::error_code();
  // Another process, such as a file server, holds a lease on the file. It releases the lease
  // while this call waits.
  file_status status{};
  if (error == std::errc::resource_unavailable_try_again &&
      status_at(AT_FDCWD, text->c_str(), status, 0) == 0 && S_ISREG(status.st_mode)) {
    file = uninterrupted([&] { return open_file(text->c_str(), flags); });
    error = last_error();
  }
  if (file < 0) return source_failure(error, text->empty() ? empty_path : cannot_open);
  return file;
}

#ifdef __wasi__
SAFETENSORS_DECL result<void> try_lock(native_handle, native_handle&) {
  return source_failure(std::errc::not_supported, cannot_lock);
}
#else
SAFETENSORS_DECL result<void> try_lock(native_handle handle, native_handle& lock) {
  const auto take = [](int file) {
    return uninterrupted([&] { return ::flock(file, LOCK_EX | LOCK_NB); }) == 0;
  };
  if (take(lock != invalid_handle ? lock : handle)) return {};
  std::error_code error = last_error();
#ifdef __linux__
  // NFS locks only files that are open for writing.
  if (error == std::errc::bad_file_descriptor && lock == invalid_handle &&
      handle != invalid_handle) {
    const std::string path = join("/proc/self/fd/", static_cast<std::uint64_t>(handle));
    lock = uninterrupted([&] { return open_file(path.c_str(), O_RDWR | O_CLOEXEC); });
    if (lock != invalid_handle && take(lock)) return {};
    if (lock != invalid_handle) error = last_error();
  }
#endif
  return source_failure(
      error, error == std::errc::resource_unavailable_try_again ? locked_elsewhere : cannot_lock);
}
#endif

SAFETENSORS_DECL std::error_code read_at(native_handle handle, std::uint64_t offset,
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

SAFETENSORS_DECL void close(native_handle handle) noexcept { ::close(handle); }

SAFETENSORS_DECL std::size_t map_granularity() noexcept {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

#ifdef __wasi__
SAFETENSORS_DECL result<std::byte*> map(native_handle, std::uint64_t, std::size_t, bool writable) {
  return source_failure(std::errc::not_supported, cannot_map, map_advice(writable));
}
SAFETENSORS_DECL void unmap(std::byte*, std::size_t) noexcept {}
SAFETENSORS_DECL void advise(std::span<std::byte>, access_advice) noexcept {}
SAFETENSORS_DECL void drop(std::span<std::byte>) noexcept {}
#else
SAFETENSORS_DECL result<std::byte*> map(native_handle handle, std::uint64_t offset,
                                        std::size_t size, bool writable) {
  int flags = MAP_PRIVATE;
#ifdef MAP_NORESERVE
  // Few pages are usually written to, so no memory is reserved for a copy of the whole file.
  if (writable) flags |= MAP_NORESERVE;
#endif
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* base = map_file(size, protection, flags, handle, offset);
  if (base == MAP_FAILED) return source_failure(last_error(), cannot_map, map_advice(writable));
  return static_cast<std::byte*>(base);
}

SAFETENSORS_DECL void unmap(std::byte* data, std::size_t size) noexcept { ::munmap(data, size); }

SAFETENSORS_DECL void advise(std::span<std::byte> pages, access_advice advice) noexcept {
  if (pages.empty() || advice == access_advice::normal) return;
  const bool is_sequential = advice == access_advice::sequential;
  ::madvise(pages.data(), pages.size(), is_sequential ? MADV_SEQUENTIAL : MADV_WILLNEED);
  if (advice != access_advice::populate) return;
#ifdef MADV_POPULATE_READ  // Linux 5.14; unlike touching, it returns where a file is truncated
  if (::madvise(pages.data(), pages.size(), MADV_POPULATE_READ) == 0 || errno != EINVAL) return;
#endif
  touch(pages);
}
SAFETENSORS_DECL void drop(std::span<std::byte> pages) noexcept {
  if (!pages.empty()) ::madvise(pages.data(), pages.size(), MADV_DONTNEED);
}
#endif

#ifdef __linux__
// Returns true if the line of /proc/self/maps names the file. A line has address, rights, offset,
// device, inode, and a path in which a line break is \012.
inline bool line_maps(char* line, file_identity file) noexcept {
  char* const path = std::strchr(line, '/');
  if (path == nullptr) return false;
  // A name that is gone says nothing about a file that still has another one.
  if (std::string_view(path).ends_with(" (deleted)")) {
    const char* inode = line;
    for (int field = 0; field != 4; ++field) inode = std::strchr(inode, ' ') + 1;
    return std::strtoull(inode, nullptr, 10) == file.node;
  }
  char* end = path;
  for (const char* from = path; *from != '\0'; ++end) {
    const bool is_break = std::strncmp(from, "\\012", 4) == 0;
    *end = is_break ? '\n' : *from;
    from += is_break ? 4 : 1;
  }
  *end = '\0';
  // The line's device may differ from stat's, as on btrfs, so the path is examined.
  file_status status{};
  return status_at(AT_FDCWD, path, status, 0) == 0 && identity_of(status) == file;
}

SAFETENSORS_DECL bool is_mapped(file_identity file) noexcept {
  constexpr std::size_t longest = 4096 + 128;  // a path, and the fields before it
  char buffer[2 * longest];
  const int maps = uninterrupted([] { return open_file("/proc/self/maps", O_RDONLY | O_CLOEXEC); });
  if (maps < 0) return false;
  bool found = false;
  std::size_t size = 0;
  for (;;) {
    const ssize_t got =
        uninterrupted([&] { return ::read(maps, buffer + size, sizeof buffer - size); });
    if (got <= 0 || found) break;
    size += static_cast<std::size_t>(got);
    char *line = buffer, *const end = buffer + size;
    for (char* next; !found && (next = std::find(line, end, '\n')) != end; line = next + 1) {
      *next = '\0';
      found = line_maps(line, file);
    }
    if (line == buffer && size == sizeof buffer) line = end;  // a line longer than any path needs
    size = static_cast<std::size_t>(end - line);
    std::memmove(buffer, line, size);
  }
  ::close(maps);
  return found;
}
#else
SAFETENSORS_DECL bool is_mapped(file_identity) noexcept { return false; }
#endif

#ifdef SAFETENSORS_DETAIL_GETENTROPY
SAFETENSORS_DECL bool random_bytes(void* to, std::size_t size) noexcept {
  return ::getentropy(to, size) == 0;
}
#undef SAFETENSORS_DETAIL_GETENTROPY
#else
SAFETENSORS_DECL bool random_bytes(void*, std::size_t) noexcept { return false; }
#endif

SAFETENSORS_DECL std::uint64_t process_number() noexcept {
#ifdef __wasi__
  return 0;
#else
  return static_cast<std::uint64_t>(::getpid());
#endif
}

SAFETENSORS_DECL void pause() noexcept {
  const ::timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
  ::nanosleep(&moment, nullptr);
}

}  // namespace detail::os

SAFETENSORS_DECL std::string path_ref::to_utf8() const { return std::string(utf8_); }

}  // namespace safetensors::inline SAFETENSORS_ABI

#endif

//==== read/tensor.ipp
// Bodies of metadata.hpp and tensor.hpp.

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL std::optional<std::string_view> metadata_view::find(
    std::string_view key) const noexcept {
  const iterator found = std::lower_bound(
      begin(), end(), key,
      [](const value_type& pair, std::string_view wanted) { return pair.first < wanted; });
  if (found == end() || found->first != key) return std::nullopt;
  return found->second;
}

SAFETENSORS_DECL metadata_map metadata_view::to_map() const { return {begin(), end()}; }

SAFETENSORS_DECL result<std::vector<std::uint64_t>> tensor_info::try_strides() const {
  const auto sizes = shape();
  std::vector<std::uint64_t> strides;
  if (!detail::try_allocating([&] { strides.resize(sizes.size()); }))
    return detail::memory_failure(*this, "its strides");
  std::uint64_t stride = byte_size() == 0 ? 0 : 1;
  for (std::size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) strides[i] = stride;
  return strides;
}

SAFETENSORS_DECL bool tensor_info::matches(safetensors::dtype type,
                                           shape_ref wanted) const noexcept {
  const auto sizes = shape();
  if (dtype() != type || sizes.size() != wanted.size() || !wanted.valid()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (wanted[i] != any_size && wanted[i] != sizes[i]) return false;
  return true;
}

SAFETENSORS_DECL result<void> tensor_info::try_expect(safetensors::dtype type,
                                                      shape_ref wanted) const {
  if (matches(type, wanted)) return {};
  if (dtype() != type) {
    failure what = detail::dtype_failure(*this, type);
    what.advice.clear();
    return what;
  }
  std::string sizes;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    sizes += (i == 0 ? "" : ",") + (wanted[i] == any_size ? "any" : std::to_string(wanted[i]));
  return detail::tensor_failure(
      errc::shape_mismatch, *this,
      detail::join("its shape is ", detail::shape_text(shape()), ", not [", sizes, "]"));
}

SAFETENSORS_DECL result<void> tensor_view::try_copy_bytes(std::span<std::byte> to) const {
  if (to.size() != byte_size())
    return detail::length_failure(*this, to.size(), byte_size(), "byte");
  detail::copy_bytes(to.data(), data_, to.size());
  return {};
}

SAFETENSORS_DECL result<void> tensor_view::copy_words(std::span<std::byte> to, std::size_t count,
                                                      std::size_t word_bytes) const {
  if (count != element_count())
    return detail::length_failure(*this, count, element_count(), "element");
  detail::copy_bytes(to.data(), data_, to.size());
  detail::convert_byte_order(to.data(), to.size(), word_bytes);
  return {};
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/slice.ipp
// Bodies of slice.hpp.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

inline failure slice_failure(const tensor_info& tensor, std::string detail) {
  return tensor_failure(errc::invalid_slice, tensor, std::move(detail));
}

// Returns why a range of a dimension is rejected.
inline failure range_failure(const tensor_info& tensor, std::size_t dimension, dim_range range) {
  const std::uint64_t size = tensor.shape()[dimension];
  const auto wrong = [&](const std::string& which, std::string_view why) {
    return slice_failure(tensor, join(which, why, " dimension ", dimension, ", which has ",
                                      counted(size, "element")));
  };
  if (range.drop && range.begin >= size)
    return wrong("index " + std::to_string(static_cast<std::int64_t>(range.begin)), " is not in");
  const std::string asked = join("the range [", range.begin, ",",
                                 range.end == to_end ? "end" : std::to_string(range.end), ")");
  if (range.begin > size) return wrong(asked, " begins past the end of");
  if (range.begin > range.end) return wrong(asked, " ends before it begins in");
  if (range.drop) return wrong(asked, " is dropped, but is not one element of");
  return wrong(asked, " ends past the end of");
}

}  // namespace detail

SAFETENSORS_DECL result<slice_layout> tensor_info::try_slice(list_of<dim_range> ranges) const {
  const auto sizes = shape();
  if (ranges.size() > sizes.size())
    return detail::slice_failure(
        *this, detail::join("it has ", detail::counted(sizes.size(), "dimension"), ", too few for ",
                            detail::counted(ranges.size(), "range")));

  slice_layout layout(*this);
  std::size_t kept = sizes.size();
  bool empty = byte_size() == 0;
  const auto range_of = [&](std::size_t i) {
    dim_range range = i < ranges.size() ? ranges[i] : dim_range();
    if (range.end == to_end) range.end = sizes[i];
    return range;
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const dim_range range = range_of(i);
    if (range.begin > range.end || range.end > sizes[i] ||
        (range.drop && range.end - range.begin != 1))
      return detail::range_failure(*this, i, ranges[i]);
    empty = empty || range.begin == range.end;
    if (range.drop) --kept;
  }

  // Strides and contiguous runs both grow from the last dimension to the first.
  const auto bits = static_cast<std::uint64_t>(bit_width(dtype()));
  if (!detail::try_allocating([&] { layout.numbers_.resize(2 * kept); }))
    return detail::memory_failure(*this, "a slice");
  std::uint64_t stride = byte_size() == 0 ? 0 : 1, first = 0, run = 1, runs = 1;
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
  layout.runs_.first_byte = file_range().begin;
  if (empty) return layout;
  if (!whole_bytes || first * bits % 8 != 0 || run * bits % 8 != 0)
    return detail::slice_failure(
        *this, detail::join("an element of ", to_string(dtype()), " has ", bits,
                            " bits, and the slice would begin or end within a byte"));
  layout.runs_.first_byte += first * bits / 8;
  layout.runs_.bytes = run * bits / 8;
  layout.runs_.count = runs;
  return layout;
}

SAFETENSORS_DECL result<slice_view> tensor_view::try_slice(list_of<dim_range> ranges) const {
  result<slice_layout> layout = tensor_info::try_slice(ranges);
  if (!layout) return std::move(layout).error();
  const std::uint64_t skipped = layout->runs_.first_byte - file_range().begin;
  return slice_view(*std::move(layout), data_ + static_cast<std::size_t>(skipped));
}

SAFETENSORS_DECL slice_layout::slice_layout(slice_layout&& other) noexcept
    : tensor_(other.tensor_),
      numbers_(std::exchange(other.numbers_, {})),
      runs_(std::exchange(other.runs_, {})) {}
SAFETENSORS_DECL slice_layout& slice_layout::operator=(slice_layout&& other) noexcept {
  slice_layout taken(std::move(other));
  std::swap(tensor_, taken.tensor_);
  numbers_.swap(taken.numbers_);
  std::swap(runs_, taken.runs_);
  return *this;
}

SAFETENSORS_DECL std::span<const std::byte> slice_view::run(std::uint64_t i) const noexcept {
  const byte_range range = file_run(i);
  return {first_ + static_cast<std::size_t>(range.begin - file_run(0).begin),
          static_cast<std::size_t>(range.size())};
}

SAFETENSORS_DECL result<void> slice_view::copy_words(std::span<std::byte> to, std::size_t count,
                                                     std::size_t word_bytes) const {
  if (count != element_count())
    return detail::length_failure(tensor(), count, element_count(), "element");
  if (auto copied = try_copy_bytes(to); !copied) return copied;
  detail::convert_byte_order(to.data(), to.size(), word_bytes);
  return {};
}

SAFETENSORS_DECL result<void> slice_view::try_copy_bytes(std::span<std::byte> to,
                                                         std::size_t row_stride) const {
  const std::uint64_t total = byte_size();
  std::uint64_t row = total, stride = total;  // packed rows are copied as one
  if (row_stride != 0 && total != 0) {
    const std::uint64_t bits =
        (ndim() == 0 ? 1 : shape().back()) * static_cast<std::uint64_t>(bit_width(dtype()));
    if (bits % 8 != 0)
      return detail::slice_failure(
          tensor(),
          detail::join("a row has ", bits, " bits, which are not a whole number of bytes"));
    row = bits / 8;
    stride = row_stride;
    const std::uint64_t rows = total / row;
    const auto wrong = [&](std::string why) {
      return detail::tensor_failure(errc::wrong_length, tensor(), std::move(why));
    };
    if (stride < row)
      return wrong(
          detail::join("the stride is ", detail::counted(stride, "byte"), ", but a row has ", row));
    if (to.size() < row || (to.size() - row) / stride < rows - 1)
      return wrong(detail::join(detail::counted(rows, "row"), " of ", detail::counted(row, "byte"),
                                " at a stride of ", stride, " do not fit in a buffer of ",
                                detail::counted(to.size(), "byte")));
  } else if (to.size() != total) {
    return detail::length_failure(tensor(), to.size(), total, "byte");
  }
  std::uint64_t copied = 0;
  for (std::uint64_t i = 0; i < run_count(); ++i) {
    std::span<const std::byte> from = run(i);
    while (!from.empty()) {  // either runs hold whole rows, or rows hold whole runs
      const auto piece = static_cast<std::size_t>((std::min)(std::uint64_t{from.size()}, row));
      detail::copy_bytes(to.data() + static_cast<std::size_t>(copied / row * stride + copied % row),
                         from.data(), piece);
      from = from.subspan(piece);
      copied += piece;
    }
  }
  return {};
}

SAFETENSORS_DECL result<void> slice_view::expect_contiguous() const {
  if (contiguous()) return {};
  return detail::tensor_failure(
      errc::not_contiguous, tensor(),
      detail::join("the slice has ", run_count(), " separate runs of bytes"),
      "copy_to() and copy_bits() pack them");
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/source.ipp
// Bodies of source.hpp.

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL void file_source::swap(file_source& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(owned_, other.owned_);
  std::swap(offset_, other.offset_);
  std::swap(size_, other.size_);
  std::swap(facts_, other.facts_);
  std::swap(lock_, other.lock_);
  path_.swap(other.path_);
}
SAFETENSORS_DECL file_source::file_source(file_source&& other) noexcept { swap(other); }
SAFETENSORS_DECL file_source& file_source::operator=(file_source&& other) noexcept {
  file_source(std::move(other)).swap(*this);
  return *this;
}
SAFETENSORS_DECL file_source::~file_source() {
  if (lock_ != invalid_handle) detail::os::close(lock_);
  if (owned_) detail::os::close(handle_);
}

SAFETENSORS_DECL result<file_source> file_source::try_open(path_ref path) {
  file_source source;
  // The path is copied before there is a handle, which an allocation failure would leak.
  source.path_ = path.to_utf8();
  const result<native_handle> opened = detail::os::open_to_read(path);
  if (!opened) return detail::with_path(opened.error(), std::move(source.path_));
  source.handle_ = *opened;
  source.owned_ = true;  // closes the file even if a failure's text cannot be allocated
  const result<detail::file_facts> facts = detail::os::regular_file_facts(*opened);
  if (!facts) return detail::with_path(facts.error(), std::move(source.path_));
  source.size_ = facts->size;
  source.facts_ = *facts;
  return source;
}

SAFETENSORS_DECL result<file_source> file_source::try_borrow(native_handle handle,
                                                             std::uint64_t offset,
                                                             std::uint64_t size) {
  const result<detail::file_facts> whole = detail::os::regular_file_facts(handle);
  if (!whole) return whole.error();
  if (offset > whole->size || (size != to_end && size > whole->size - offset))
    return detail::failure_at(errc::missing_bytes, whole->size,
                              size == to_end
                                  ? detail::join("byte ", offset, " is past the file's end")
                                  : detail::join(detail::counted(size, "byte"), " from byte ",
                                                 offset, " on end past the file's end"));
  file_source source;
  source.handle_ = handle;
  source.offset_ = offset;
  source.size_ = size == to_end ? whole->size - offset : size;
  source.facts_ = *whole;
  return source;
}

SAFETENSORS_DECL result<void> file_source::try_lock() {
  if (auto locked = detail::os::try_lock(handle_, lock_); !locked)
    return detail::with_path(std::move(locked).error(), path_);
  const result<detail::file_facts> now = detail::os::regular_file_facts(handle_);
  if (!now) return detail::with_path(now.error(), path_);
  facts_ = *now;
  if (owned_) size_ = now->size;  // a part of a borrowed file keeps its size
  return {};
}

SAFETENSORS_DECL bool file_source::is_same_file(const file_source& other) const noexcept {
  return facts_.identity != detail::file_identity{} && facts_.identity == other.facts_.identity;
}

SAFETENSORS_DECL std::error_code file_source::read_at(std::uint64_t offset,
                                                      std::span<std::byte> to) const noexcept {
  if (offset > size_ || to.size() > size_ - offset) return make_error_code(errc::missing_bytes);
  return detail::os::read_at(handle_, offset_ + offset, to);
}

SAFETENSORS_DECL result<void> file_source::try_read(std::uint64_t offset,
                                                    std::span<std::byte> to) const {
  const std::error_code error = read_at(offset, to);
  if (!error) return {};
  failure what = detail::with_path(detail::reported_failure(error, detail::cannot_read), path_);
  what.offset = offset;
  return what;
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/stream.hpp
// Reads a sequential_source from front to back.

namespace safetensors::inline SAFETENSORS_ABI::detail {

// A byte_source of unknown size over a sequential_source. header::try_read() reads it in order.
class stream_reader {
 public:
  // keeps_head: head() is wanted.
  stream_reader(const stream_ref& source, bool keeps_head) noexcept
      : source_(source), keeps_head_(keeps_head) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return unknown_size; }
  std::error_code read_at(std::uint64_t offset, std::span<std::byte> to);
  [[nodiscard]] std::string path() const { return source_.path(); }

  // Reads the length and the header.
  result<header> read_header(const read_options& options);
  // Adds the source's path to a failure that has none.
  [[nodiscard]] failure placed(failure what) const;
  // Returns the bytes of the length and the header. If they are not kept, returns the length alone.
  [[nodiscard]] std::span<const std::byte> head() const noexcept {
    return {head_.data(), head_.size()};
  }
  // Fills the beginning of `to`, and returns the number of bytes. They are fewer only at the end.
  result<std::size_t> fill(std::span<std::byte> to);

 private:
  stream_ref source_;
  bool keeps_head_;
  std::uint64_t received_ = 0;
  block<std::byte> head_{};
  std::optional<failure> failed_{};  // of the source
};

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== read/header.ipp
// Bodies of header.hpp: from bytes to the index.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

// Reads the header by the canonical lane. If that returns false, reads it by the general lane.
inline result<void> read_lanes(tensor_table& table) {
  if (read_canonical(table)) return {};
  table.records.set_size(0);
  table.dimensions.set_size(0);
  table.metadata.set_size(0);
  return read_general(table);
}

// Reads the text that is in the table. If that fails, the caller keeps the table.
inline result<header> index_text(std::unique_ptr<tensor_table>& table, std::uint64_t file_size,
                                 const read_options& options) {
  const std::size_t size = table->text.size();
  std::memset(table->text.data() + size, 0, text_padding);
  constexpr std::size_t shortest_entry =
      sizeof R"("":{"dtype":"U8","shape":[],"data_offsets":[0,0]})";  // the NUL counts as its comma
  if (!table->records.reserve(size / shortest_entry + 1) ||
      !table->dimensions.reserve(size / 48 + 4))
    return errc::out_of_memory;
  result<void> valid;
  if (!try_allocating([&] {  // for buffers of the JSON parser, which a very long string needs
        valid = read_lanes(*table);
        if (valid) valid = build_index(*table, file_size, options.allow_trailing_bytes);
      }))
    return errc::out_of_memory;
  if (!valid) return std::move(valid).error();
  return header_door::make(std::move(table));
}

inline result<header> read_header(const source_ref& source, const read_options& options) {
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
  auto made = new_table(got.subspan(8, (std::min)(length, got.size() - 8)), known ? length : 0);
  if (!made) return std::move(made).error();
  std::unique_ptr<tensor_table> table = *std::move(made);
  block<char>& text = table->text;
  while (text.size() < length) {
    const std::size_t have = text.size(), left = length - have;
    // If the size is unknown, a false length costs at most as much memory again as was received.
    const std::size_t step = known ? left : (std::min)(left, (std::max)(have, sizeof first));
    if (!text.reserve(have + step + text_padding)) return errc::out_of_memory;
    if (const std::error_code error =
            source.read_at(8 + have, std::as_writable_bytes(std::span(text.data() + have, step))))
      return explained(reported_failure(error, cannot_read), got, size);
    text.set_size(have + step);
  }
  table->path = source.path();
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

//-- from a stream

SAFETENSORS_DECL result<std::size_t> stream_reader::fill(std::span<std::byte> to) {
  std::size_t filled = 0;
  while (filled != to.size()) {
    const std::size_t left = to.size() - filled;
    const result<std::size_t> got = source_.read(to.subspan(filled));
    if (!got) return got.error();
    if (*got > left)
      return failure{.code = errc::wrong_length,
                     .detail = join("the source returned ", counted(*got, "byte"), ", but only ",
                                    left, " were asked for")};
    if (*got == 0) break;
    filled += *got;
  }
  return filled;
}

SAFETENSORS_DECL std::error_code stream_reader::read_at(std::uint64_t offset,
                                                        std::span<std::byte> to) {
  if (offset == 0) {  // the length, which is there already
    copy_bytes(to.data(), head_.data(), to.size());
    return {};
  }
  const result<std::size_t> got = fill(to);
  if (!got) failed_ = got.error();
  received_ += got ? *got : 0;
  if (got && keeps_head_) {
    // Doubling would need more memory than the header.
    if (!head_.reserve(head_.size() + *got)) return make_error_code(errc::out_of_memory);
    (void)head_.append(to.first(*got));  // within its capacity
  }
  return got && *got == to.size() ? std::error_code() : make_error_code(errc::missing_bytes);
}

SAFETENSORS_DECL failure stream_reader::placed(failure what) const {
  if (what.path.empty()) what.path = source_.path();
  return what;
}

SAFETENSORS_DECL result<header> stream_reader::read_header(const read_options& options) {
  if (!head_.reserve(8)) return placed({.code = errc::out_of_memory});
  const result<std::size_t> got = fill({head_.data(), 8});
  if (!got) return placed(got.error());
  head_.set_size(*got);
  received_ = *got;
  result<header> made = *got == 8 ? header::try_read(*this, options) : errc::header_too_small;
  if (made) return made;
  if (failed_) return placed(*std::move(failed_));
  // The end of the source is that of the file, whose size is therefore known.
  const errc code = made.error().code;
  if (code == errc::header_too_small || code == errc::missing_bytes)
    if (auto needed = header::try_bytes_needed(head(), received_, options); !needed)
      return placed(std::move(needed).error());
  return placed(std::move(made).error());
}

}  // namespace detail

SAFETENSORS_DECL file_kind looks_like(std::span<const std::byte> first_bytes,
                                      std::uint64_t file_size) {
  const std::string_view text = detail::as_text(first_bytes);
  const std::size_t brace = text.find_first_not_of(" \t\r\n", 8);
  if (brace != text.npos && text[brace] == '{') {
    const std::uint64_t length = detail::load_length(first_bytes.data());
    if (length < detail::plausible_length && brace < 8 + length && 8 + length <= file_size)
      return file_kind::safetensors;
  }
  return detail::foreign_kind(first_bytes);
}

SAFETENSORS_DECL header::header() noexcept = default;
SAFETENSORS_DECL header::header(header&&) noexcept = default;
SAFETENSORS_DECL header& header::operator=(header&&) noexcept = default;
SAFETENSORS_DECL header::~header() = default;
SAFETENSORS_DECL header::header(std::unique_ptr<detail::tensor_table> table) noexcept
    : tensor_collection(table.get(), nullptr), owned_(std::move(table)) {}

SAFETENSORS_DECL result<header> header::read_from(const detail::source_ref& source,
                                                  const read_options& options) {
  result<header> made = detail::read_header(source, options);
  if (made) return made;
  return detail::with_path(std::move(made).error(), source.path());
}

SAFETENSORS_DECL result<header> header::read_from(const detail::stream_ref& source,
                                                  const read_options& options) {
  return detail::stream_reader(source, false).read_header(options);
}

SAFETENSORS_DECL result<std::uint64_t> header::try_bytes_needed(std::span<const std::byte> first8,
                                                                std::uint64_t file_size,
                                                                const read_options& options) {
  const auto refused = [&](errc code, std::uint64_t offset, std::string why, std::string advice) {
    return detail::explained(detail::failure_at(code, offset, std::move(why), std::move(advice)),
                             first8, file_size);
  };
  if (const std::uint64_t size = (std::min)(file_size, std::uint64_t{first8.size()}); size < 8)
    return refused(errc::header_too_small, 0,
                   size == 0 ? "the file is empty"
                             : detail::join("the file has only ", detail::counted(size, "byte"),
                                            ", but the header's length needs 8"),
                   detail::cut_short);
  const std::uint64_t length = detail::load_length(first8.data());
  const std::uint64_t limit = (std::min)(options.max_header_bytes, detail::max_text_bytes);
  const bool is_whole = length <= file_size - 8;
  if (length > limit)
    return refused(errc::header_too_large, 0,
                   detail::join("the header's length is ", length, ", but the limit is ", limit),
                   length > detail::max_text_bytes ? "this is probably not a safetensors file"
                   : is_whole                      ? detail::limit_advice(length)
                                                   : "");
  if (!is_whole)
    return refused(errc::header_truncated, file_size,
                   detail::join("the header ends at byte ", 8 + length, ", but the file has only ",
                                detail::counted(file_size, "byte")),
                   detail::cut_short);
  return 8 + length;
}

SAFETENSORS_DECL result<header> header::try_parse(std::span<const std::byte> head,
                                                  std::uint64_t file_size,
                                                  const read_options& options) {
  const result<std::uint64_t> needed = try_bytes_needed(head, file_size, options);
  if (!needed) return needed.error();
  if (head.size() < *needed)
    return detail::explained(
        detail::failure_at(errc::header_truncated, head.size(),
                           detail::join("the header ends at byte ", *needed, ", but only ",
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

SAFETENSORS_DECL result<header> header::try_open(path_ref path, const read_options& options) {
  result<file_source> source = file_source::try_open(path);
  if (!source) return std::move(source).error();
  return try_read(*source, options);
}

SAFETENSORS_DECL std::optional<entry_field> header::unknown_field() const& noexcept {
  const detail::tensor_table* const table = this->table();
  if (table == nullptr || table->unknown_field.offset == 0) return std::nullopt;
  return entry_field{table->view(table->unknown_field_tensor), table->view(table->unknown_field)};
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== read/storage.ipp
// Bodies of storage.hpp.

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL void mapped_bytes::unmap::operator()(std::byte* first) const noexcept {
  detail::os::unmap(first - lead, size + lead);
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::try_map(native_handle handle,
                                                            std::uint64_t offset,
                                                            std::uint64_t size, map_mode mode) {
  const result<file_source> part = file_source::try_borrow(handle, offset, size);
  if (!part) return part.error();
  return map_source(*part, mode);
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::map_source(const file_source& source,
                                                               map_mode mode) {
  const bool writable = mode == map_mode::copy_on_write;
  mapped_bytes mapped;
  if (source.size() == 0) return mapped;  // systems reject mappings of 0 bytes
  const std::uint64_t lead = source.offset() % detail::os::map_granularity();
  if (source.size() > (std::numeric_limits<std::size_t>::max)() - lead)
    return failure{.code = errc::out_of_memory,
                   .detail = "its size is more than this machine can map",
                   .advice = detail::map_advice(writable)};
  const auto length = static_cast<std::size_t>(source.size() + lead);
  const result<std::byte*> base =
      detail::os::map(source.handle(), source.offset() - lead, length, writable);
  if (!base) return base.error();
  const auto skipped = static_cast<std::size_t>(lead);
  mapped.bytes_ = {*base + skipped, unmap{length - skipped, skipped, mode}};
  return mapped;
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::try_open(path_ref path, map_mode mode) {
  const result<file_source> source = file_source::try_open(path);
  if (!source) return source.error();
  result<mapped_bytes> mapped = map_source(*source, mode);
  if (!mapped) return detail::with_path(std::move(mapped).error(), std::string(source->path()));
  mapped->path_ = source->path();
  return mapped;
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::try_load(const file_source& source,
                                                             const header&,
                                                             const open_options& options) {
  result<mapped_bytes> mapped =
      try_map(source.handle(), source.offset(), source.size(), options.mode);
  if (mapped) detail::os::advise(mapped->pages_of({0, source.size()}, false), options.access);
  return mapped;
}

SAFETENSORS_DECL void mapped_bytes::prefetch(byte_range bytes) const noexcept {
  detail::os::advise(pages_of(bytes, false), access_advice::will_need);
}

SAFETENSORS_DECL void mapped_bytes::drop(byte_range bytes) const noexcept {
  if (bytes_ != nullptr && bytes_.get_deleter().mode == map_mode::read_only)
    detail::os::drop(pages_of(bytes, true));
}

SAFETENSORS_DECL std::span<std::byte> mapped_bytes::pages_of(byte_range bytes,
                                                             bool only_whole) const noexcept {
  if (bytes_ == nullptr) return {};
  // From here on, bytes are counted from the start of the first page.
  const std::size_t page = detail::os::map_granularity(), lead = bytes_.get_deleter().lead;
  const auto within = [&](std::uint64_t at) {
    return lead + static_cast<std::size_t>((std::min)(at, std::uint64_t{size()}));
  };
  std::size_t begin = within(bytes.begin), end = within(bytes.end);
  // The first and the last page hold no other bytes of the file that are mapped.
  if (only_whole && begin != lead) begin += page - 1;
  if (only_whole && end != lead + size()) end -= end % page;
  begin -= begin % page;
  if (begin >= end) return {};
  return {bytes_.get() - lead + begin, end - begin};
}

SAFETENSORS_DECL std::span<std::byte> mapped_bytes::writable_bytes() noexcept {
  if (bytes_ == nullptr || bytes_.get_deleter().mode == map_mode::read_only) return {};
  return {bytes_.get(), size()};
}

SAFETENSORS_DECL result<owned_bytes> owned_bytes::allocate(std::uint64_t size,
                                                           std::uint64_t data_start,
                                                           const char* advice) {
  const auto lead = static_cast<std::size_t>((alignment - data_start % alignment) % alignment);
  const auto length = static_cast<std::size_t>(size);
  // A block cannot be larger, because libstdc++ rounds sizes up to the alignment and past the
  // largest one.
  constexpr auto most = static_cast<std::uint64_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  void* block = nullptr;
  if (size <= most - alignment)
    block = ::operator new(lead + length, std::align_val_t(alignment), std::nothrow);
  if (block == nullptr)
    return failure{.code = errc::out_of_memory,
                   .detail = detail::join("there is not enough memory for the file's ",
                                          detail::counted(size, "byte")),
                   .advice = advice};
  owned_bytes bytes;
  bytes.bytes_ = {static_cast<std::byte*>(block) + lead, release{length, lead}};
  return bytes;
}

SAFETENSORS_DECL result<owned_bytes> owned_bytes::load_from(const detail::source_ref& source,
                                                            std::uint64_t data_start) {
  const std::uint64_t size = source.size();
  if (size == unknown_size)
    return failure{.code = errc::missing_bytes,
                   .detail = "the source has no size, and memory_file needs one"};
  result<owned_bytes> bytes =
      allocate(size, data_start, "file maps it, and file_source reads parts of it");
  if (!bytes) return bytes;
  if (const std::error_code error = source.read_at(0, bytes->writable_bytes()))
    return detail::reported_failure(error, detail::cannot_read);
  return bytes;
}

SAFETENSORS_DECL result<std::pair<header, owned_bytes>> owned_bytes::load_stream(
    const detail::stream_ref& source, const read_options& options) {
  detail::stream_reader stream(source, true);
  result<header> index = stream.read_header(options);
  if (!index) return std::move(index).error();
  // A false size costs in proportion to the bytes that were received.
  constexpr std::uint64_t first_step = 1 << 20;
  const std::uint64_t size = index->file_size();
  owned_bytes bytes;
  for (std::size_t filled = 0; filled != size;) {
    const std::span<const std::byte> old = filled == 0 ? stream.head() : bytes.writable_bytes();
    result<owned_bytes> larger =
        allocate((std::min)(size, 2 * std::uint64_t{old.size()} + first_step), index->data_start(),
                 "header::read() and your own reads need less");
    if (!larger) return stream.placed(std::move(larger).error());
    filled = old.size();
    detail::copy_bytes(larger->bytes_.get(), old.data(), filled);
    bytes = *std::move(larger);
    const std::span<std::byte> rest = bytes.writable_bytes().subspan(filled);
    const result<std::size_t> got = stream.fill(rest);
    if (!got) return stream.placed(got.error());
    filled += *got;
    if (*got != rest.size())
      return stream.placed(detail::missing_data_failure(index->data_size(), index->data_start(),
                                                        filled - stream.head().size()));
  }
  if (options.allow_trailing_bytes) return std::pair(*std::move(index), std::move(bytes));
  std::byte next{};
  const result<std::size_t> more = stream.fill({&next, 1});
  if (!more) return stream.placed(more.error());
  if (*more != 0)
    return stream.placed(detail::failure_at(errc::trailing_bytes, index->file_size(),
                                            "at least 1 byte follows the last tensor",
                                            "allow_trailing_bytes accepts the file"));
  return std::pair(*std::move(index), std::move(bytes));
}

SAFETENSORS_DECL result<void> detail::read_into(const source_ref& source, const tensor_info& tensor,
                                                std::span<std::byte> to) {
  if (to.size() != tensor.byte_size())
    return length_failure(tensor, to.size(), tensor.byte_size(), "byte");
  const std::uint64_t begin = tensor.file_range().begin;
  const std::error_code error = to.empty() ? std::error_code() : source.read_at(begin, to);
  if (!error) return {};
  failure what = with_path(reported_failure(error, cannot_read), source.path());
  what.tensor = std::string(tensor.name());
  what.offset = begin;
  return what;
}

}  // namespace safetensors::inline SAFETENSORS_ABI

#endif

#elif SAFETENSORS_VERSION_MAJOR != 0 || SAFETENSORS_VERSION_MINOR != 2 || SAFETENSORS_VERSION_PATCH != 0
#error "one source file includes version 0.2.0 of safetensors/safetensors.hpp and another one: take both from the same copy"
#endif
