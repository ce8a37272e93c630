// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// Writes safetensors files: checked as a whole before the first byte, canonical, and either
/// complete or not there at all.
///
///     safetensors::save("model.safetensors", {{"embed.weight", {rows, 768}, weights}},
///                       {.layout = {.metadata = {{"format", "pt"}}}});       // all at once; throws
///
///     auto plan = safetensors::write_plan::make({{"embed.weight", safetensors::dtype::bf16, {rows, 768}}});
///     safetensors::writer out("model.safetensors", std::move(plan));         // a temporary file
///     while (convert(chunk)) out.append("embed.weight", chunk);              // any chunk size
///     out.finish();                                                          // now it has its name
///
///     auto saved = safetensors::try_save(path, tensors);  // result<void>: the same without exceptions
// clang-format on
//
// Order: public declarations, then namespace detail, then definitions, then operating systems.
#pragma once

#include <safetensors/safetensors.hpp>

#include <atomic>
#include <charconv>

namespace safetensors {
inline namespace SAFETENSORS_ABI {

namespace detail {
struct open_output;
struct plan_access;
template <class T>
concept sink_answer =
    std::is_void_v<T> || std::same_as<T, bool> || std::convertible_to<T, std::error_code>;
}  // namespace detail

//-- parameters

/// A contiguous range of elements, to be read: a vector of float, an array, a span.
template <class R>
concept element_range = requires(const R& range) {
  std::size(range);
  requires element<std::remove_cv_t<element_of<const R>>>;
};
/// A contiguous range of raw words: unsigned integers, two bytes wide for BF16 and F16.
template <class R>
concept word_range = requires(const R& range) {
  std::size(range);
  requires standard_unsigned<std::remove_cv_t<element_of<const R>>>;
};
/// A contiguous range of any one-byte type: std::byte, char, bool, unsigned char.
template <class R>
concept raw_range = requires(const R& range) {
  std::size(range);
  requires sizeof(element_of<const R>) == 1;
  requires std::is_trivially_copyable_v<element_of<const R>>;
};
/// What is still there after the expression: a variable, or a span over one; not a temporary
/// vector.
template <class R>
concept lasting_range =
    std::is_lvalue_reference_v<R> || std::ranges::enable_borrowed_range<std::remove_cvref_t<R>>;

//-- tensors to be written

/// What a tensor is, without its bytes.
struct tensor_spec {
  std::string name{};                  ///< UTF-8; anything but "__metadata__"
  safetensors::dtype dtype{};          ///< what its elements are
  std::vector<std::uint64_t> shape{};  ///< in elements, slowest dimension first; empty for a scalar

  tensor_spec() = default;  ///< to be filled
  /// `{"w", dtype::f32, {rows, 768}}`; name and shape are copied.
  tensor_spec(std::string_view name, safetensors::dtype dtype, shape_ref shape);
  tensor_spec(const tensor_info& tensor);  ///< as a tensor that was read

 private:
  friend detail::plan_access;
  bool has_negative_size_ = false;
};

/// What a tensor is, and where its bytes are: it owns name and shape, and borrows the bytes, which
/// must stay until it is written. A temporary range does not compile.
struct tensor_data : tensor_spec {
  std::span<const std::byte> bytes{};  ///< of all elements, row-major
  /// The bytes are words of the machine, so many bytes wide, which are written little-endian; 1:
  /// they are as in a file.
  std::size_t word_bytes = 1;

  /// A tensor that was read.
  tensor_data(const tensor_view& tensor);
  /// Elements of its dtype: `{"w", {rows, 768}, weights}`.
  template <class R> requires lasting_range<R> && element_range<R>
  tensor_data(std::string_view name, shape_ref shape, R&& values);
  /// Bytes as in a file, of any dtype: `{"w", dtype::f4, {2, 32}, bytes}`.
  template <class R> requires lasting_range<R> && raw_range<R>
  tensor_data(std::string_view name, safetensors::dtype dtype, shape_ref shape, R&& bytes);
  /// Raw words, as wide as an element: `{"w", dtype::bf16, {rows, 768}, words}`.
  template <class R> requires lasting_range<R> && word_range<R> && (!raw_range<R>)
  tensor_data(std::string_view name, safetensors::dtype dtype, shape_ref shape, R&& words);
  /// Elements that must be of this dtype.
  template <class R> requires lasting_range<R> && element_range<R> && (!word_range<R>) &&
                              (!raw_range<R>)tensor_data(std::string_view name,
                                                         safetensors::dtype dtype, shape_ref shape,
                                                         R&& values);

 private:
  friend detail::plan_access;
  std::optional<safetensors::dtype> elements_{};  // what they are, if that is to be compared
};

//-- the plan: a file's layout

/// In which order the tensors follow each other.
enum class tensor_order : std::uint8_t {
  canonical,  ///< the reference's: dtypes by write_order(), highest first; then names, by bytes
  as_given,   ///< as in the list: for converters that stream
};

/// What the file looks like.
struct layout_options {
  metadata_map metadata{};                       ///< UTF-8; left out if it is empty
  tensor_order order = tensor_order::canonical;  ///< what the reference writes, or yours
  /// A power of two, in bytes. The header is padded with spaces so that data starts at a multiple
  /// of it, and always of 8; tensors follow each other without gaps, as the format demands.
  std::uint64_t data_alignment = 8;
  /// Longest header that is written, in bytes, padding included: what readers take by default.
  /// Raising it over 4 GiB has no effect.
  std::uint64_t max_header_bytes = 100'000'000;
};

/// A file's layout, checked as a whole: it is the header that will be written. Does no I/O.
///
/// With the default options the bytes are those of the reference implementation, except that
/// metadata keys are sorted (there, their order is random) and that empty metadata is left out.
class write_plan {
 public:
  /// The specs are not kept. Errors, which name the tensor: invalid_utf8 (a name, or metadata),
  /// reserved_name, unknown_dtype (no enumerator), invalid_shape (a negative size, or millions of
  /// dimensions), size_overflow (a tensor, or all of them), partial_byte, duplicate_tensor;
  /// header_too_large, invalid_option (data_alignment), out_of_memory.
  static result<write_plan> try_make(list_of<tensor_spec> tensors,
                                     const layout_options& options = {});

  /// The tensors in the file's order; file_range() tells where each goes. Lives as long as the
  /// plan, and is no longer its own once it was moved.
  [[nodiscard]] const header& tensors() const& noexcept { return tensors_; }
  void tensors() const&& = delete;
  /// What stands before the data: 8 bytes of length and the header. Lives as long as the plan.
  [[nodiscard]] std::span<const std::byte> header_bytes() const& noexcept;
  void header_bytes() const&& = delete;
  /// In bytes.
  [[nodiscard]] std::uint64_t file_size() const noexcept { return tensors_.file_size(); }

#if SAFETENSORS_EXCEPTIONS
  /// As try_make(), throwing safetensors::error.
  [[nodiscard]] static write_plan make(list_of<tensor_spec> tensors,
                                       const layout_options& options = {}) {
    return try_make(tensors, options).value();
  }
#endif

 private:
  friend detail::plan_access;
  write_plan(header tensors, detail::block<char> text) noexcept
      : tensors_(std::move(tensors)), text_(std::move(text)) {}
  header tensors_;
  detail::block<char> text_;  // length prefix, header, padding
};

//-- sinks: where bytes go

/// Takes bytes at any position, from several threads at once: a file, a block of memory.
template <class S>
concept positional_sink =
    requires(S& sink, std::uint64_t offset, std::span<const std::byte> bytes) {
      { sink.write_at(offset, bytes) } -> std::convertible_to<std::error_code>;
    };
/// Takes bytes one after the other: a socket, a pipe, a compressor.
template <class S>
concept sequential_sink = requires(S& sink, std::span<const std::byte> next) {
  { sink.write(next) } -> std::convertible_to<std::error_code>;
};
/// Takes all of the bytes or returns an error. If it has a member `result<void> try_commit()`, that
/// is called once, when the file is complete.
template <class S>
concept byte_sink = std::move_constructible<S> && (positional_sink<S> || sequential_sink<S>);

/// A sequential_sink from a callable that takes a std::span<const std::byte> and returns
/// std::error_code, bool (false: it failed) or nothing. Whatever it writes to is complete once
/// finish() has succeeded and, for a stream, once that is flushed without an error:
///
///     function_sink{[&](auto next) { bytes.insert(bytes.end(), next.begin(), next.end()); }}
///     function_sink{[=](auto next) { return std::fwrite(next.data(), 1, next.size(), f) ==
///                                           next.size(); }}
///     function_sink{[&](auto next) { return send_all(socket, next); }}
template <std::invocable<std::span<const std::byte>> Write>
requires detail::sink_answer<std::invoke_result_t<Write&, std::span<const std::byte>>>
struct function_sink {
  Write call;  ///< what write() calls
  /// Gives the callable the next bytes, and its answer as an error: io_error for false.
  std::error_code write(std::span<const std::byte> next);
};
template <class Write> function_sink(Write) -> function_sink<Write>;  ///< deduces

/// How a file reaches the disk.
struct output_options {
  /// A temporary file beside the target takes its place at the end, so that the target is always
  /// the old file or the new one. false, for mounts that cannot rename: the target is emptied at
  /// the start, written from front to back by save(), and removed if it cannot be finished (other
  /// hard links then keep what was written). A file that this process has mapped by mapped_file is
  /// refused; one that is still to be read otherwise must not be the target, nor one that another
  /// thread or process writes or reads meanwhile.
  bool atomic = true;
  /// false: a file that exists, or comes into being meanwhile, is an error and stays as it is.
  bool replace = true;
  /// Room is made for all of the file at the start, where the file system can: a full disk is found
  /// before a byte is written. false where blocks are to be shared with another file; not done in
  /// place.
  bool preallocate = true;
  /// The file and its name survive a loss of power once finish() or save() has returned.
  bool durable = false;
};

/// A new file: a positional_sink that can be written from several threads at once. Destroyed before
/// commit(), it leaves nothing behind; a program that is killed or terminated leaves a file called
/// `.safetensors-….tmp`, which nobody takes for a model.
///
/// Threads and processes may make files for one path at once: each commit() replaces the file as a
/// whole, and the last one stays. After fork, the child's copy ends without effect on the file:
/// only the process that made it removes it, and only one of them may write and commit.
///
/// A symbolic link is followed, and its file replaced (on POSIX also where there is none yet; not
/// the links of /proc, which name no file). On POSIX, a new file gets the mode that the umask
/// leaves; one that replaces another keeps the other's owner, group and permissions, without
/// set-user-ID and set-group-ID; where the group may not be kept, nobody gets more than before.
/// Access control lists and extended attributes are not kept, other hard links keep the old file,
/// and mappings of the old file stay intact. On Windows, a file that somebody maps or has open may
/// refuse to be replaced: then commit() fails, and the old file stays.
class output_file {
 public:
  output_file(output_file&&) noexcept;  ///< leaves what may only be assigned to or destroyed
  output_file& operator=(output_file&&) noexcept;  ///< the same; a file begun here is removed
  ~output_file();                                  ///< removes what was not committed

  /// A file of which all `size` bytes are to be written. Errors: invalid_option (in place over a
  /// file that is mapped; io on Windows), out_of_memory, io with the system's word: what is in the
  /// way (a directory, a device, a FIFO; a file, if replace is false), no space left.
  static result<output_file> try_create(path_ref path, std::uint64_t size,
                                        const output_options& options = {});

  /// Writes bytes from `offset` on. Errors: wrong_length (beyond `size`), the operating system's.
  [[nodiscard]] std::error_code write_at(std::uint64_t offset,
                                         std::span<const std::byte> bytes) noexcept;
  /// Lets the system copy bytes [from.begin, from.end) of a file to `offset`, without moving them
  /// through the program; the file system may even share them. Returns how many were copied, from
  /// the first one on: 0 where the system cannot. The others are to be read and written.
  [[nodiscard]] std::uint64_t copy_at(std::uint64_t offset, const file_source& source,
                                      byte_range from) noexcept;
  /// Gives the file its name, after syncing it if it is to be durable; does nothing the second
  /// time. Errors: io. An error is final; the target is as it was, except where the message says
  /// that only the folder could not be synced.
  result<void> try_commit();
  /// The path, as UTF-8. Ends with the object.
  [[nodiscard]] std::string_view path() const noexcept;

#if SAFETENSORS_EXCEPTIONS
  /// As try_create() and try_commit(), throwing safetensors::error.
  output_file(path_ref path, std::uint64_t size, const output_options& options = {})
      : output_file(try_create(path, size, options).value()) {}
  void commit() { try_commit().value(); }
#endif

 private:
  explicit output_file(std::unique_ptr<detail::open_output> state) noexcept;
  std::unique_ptr<detail::open_output> state_;
};

//-- writing tensor by tensor

/// Writes a planned file: bytes are appended to tensors by name, in pieces of any size; memory
/// stays that of the plan. Destroyed before finish(), it leaves nothing behind.
///
/// With a positional sink, tensors may be written in any order, and different tensors by different
/// threads at once; finish() is for one thread, after the others. With a sequential sink, tensors
/// come in the plan's order, from one thread at a time.
///
/// The first failure sticks: all later calls return it, finish() too. An exception that a sink or a
/// source throws passes through, and counts as a failure. A writer that was moved from takes
/// nothing; do not ask for its plan() or sink().
template <byte_sink Sink> class basic_writer {
 public:
  basic_writer(basic_writer&&) noexcept = default;             ///< leaves one that takes nothing
  basic_writer& operator=(basic_writer&&) noexcept = default;  ///< gives up what was begun here
  ~basic_writer() = default;

  /// Writes the header. Errors: io and what else the sink returns, out_of_memory.
  static result<basic_writer> try_start(Sink sink, write_plan plan);
  /// Creates the file. Errors: those of output_file, out_of_memory.
  static result<basic_writer> try_create(path_ref path, write_plan plan,
                                         const output_options& options = {})
      requires std::same_as<Sink, output_file>;

  /// What is to be written; lives as long as the writer, which may be moved.
  [[nodiscard]] const write_plan& plan() const& noexcept { return state_->plan; }
  void plan() const&& = delete;
  [[nodiscard]] Sink& sink() & noexcept { return state_->sink; }  ///< the same holds for it

  /// The next bytes of a tensor, as in a file. Errors: tensor_not_found, wrong_length (more than
  /// the tensor has), wrong_order (another tensor comes first, or the file is finished), io and
  /// what else the sink returns; the first failure, once there is one.
  result<void> try_append(std::string_view tensor, std::span<const std::byte> next);
  /// The next elements of a tensor of their dtype. Errors: dtype_mismatch, and those above.
  template <element_range R> result<void> try_append(std::string_view tensor, const R& next);
  /// The next raw words of a tensor whose elements are as wide: std::uint16_t for BF16. Errors:
  /// dtype_mismatch, and those above.
  template <word_range R> result<void> try_append_bits(std::string_view tensor, const R& next);
  /// The next bytes of a tensor, from a source. From a file_source to a file they are copied by the
  /// system. Errors: those above, what the source returns, such as missing_bytes, and out_of_memory
  /// (a buffer of at most 1 MiB).
  template <byte_source S>
  result<void> try_append_from(std::string_view tensor, S&& source, byte_range from);
  /// The next bytes of the data, in the plan's order, whichever tensors they belong to; from one
  /// thread at a time. Tensors of which bytes were written already are wrong_order, except the
  /// first. Errors: those above but tensor_not_found.
  template <byte_source S> result<void> try_append_from(S&& source, byte_range from);

  /// Bytes that a tensor still needs; empty if it is not in the plan.
  [[nodiscard]] std::optional<std::uint64_t> missing(std::string_view tensor) const noexcept;

  /// Completes the file: commits the sink. Once it has succeeded, it does nothing. Errors: the
  /// first failure; incomplete_write, which names a tensor; those of the sink.
  result<void> try_finish();

#if SAFETENSORS_EXCEPTIONS
  /// As try_start(), try_create() and the other `try_` twins, throwing safetensors::error.
  basic_writer(Sink sink, write_plan plan)
      : basic_writer(try_start(std::move(sink), std::move(plan)).value()) {}
  basic_writer(path_ref path, write_plan plan, const output_options& options = {})
      requires std::same_as<Sink, output_file>
      : basic_writer(try_create(path, std::move(plan), options).value()) {}
  void append(std::string_view tensor, std::span<const std::byte> next) {
    try_append(tensor, next).value();
  }
  template <element_range R> void append(std::string_view tensor, const R& next) {
    try_append(tensor, next).value();
  }
  template <word_range R> void append_bits(std::string_view tensor, const R& next) {
    try_append_bits(tensor, next).value();
  }
  template <byte_source S> void append_from(std::string_view tensor, S&& source, byte_range from) {
    try_append_from(tensor, source, from).value();
  }
  template <byte_source S> void append_from(S&& source, byte_range from) {
    try_append_from(source, from).value();
  }
  void finish() { try_finish().value(); }
#endif

 private:
  struct state {
    write_plan plan;
    Sink sink;
    std::unique_ptr<std::atomic<std::uint64_t>[]> written;  // bytes of each tensor, in plan order
    std::size_t first_incomplete = 0;                       // for what must come in plan order
    bool finished = false;
    std::atomic<int> failures = 0;  // 1: the first is being noted; 2: it is noted
    failure first_failure{.code = errc::incomplete_write,
                          .detail = "a sink or a source threw an exception"};
  };
  // Foreign code is called while it lives; it must be told that the call came back.
  struct call_guard {
    explicit call_guard(state& of) noexcept : writer(of) {}
    call_guard(const call_guard&) = delete;
    call_guard& operator=(const call_guard&) = delete;
    ~call_guard() {
      int none = 0;
      if (!returned) writer.failures.compare_exchange_strong(none, 2);
    }
    state& writer;
    bool returned = false;
  };
  struct place {
    std::size_t tensor;    // its number in plan order
    std::uint64_t offset;  // of the file
  };
  explicit basic_writer(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}

  [[nodiscard]] const detail::tensor_table& table() const noexcept;
  [[nodiscard]] std::uint64_t missing(std::size_t tensor) const noexcept;
  void skip_complete() noexcept;
  result<void> fail(failure what);   // of what is written
  result<void> stick(failure what);  // whatever it is of
  result<void> usable();
  result<tensor_info> planned(std::string_view tensor);
  result<place> next_place(std::string_view tensor, std::uint64_t bytes);
  result<place> next_place_in_order(std::uint64_t bytes);
  std::error_code send(std::uint64_t offset, std::span<const std::byte> bytes);
  result<void> sent(const place& at, std::uint64_t bytes, std::error_code error);
  result<void> append_words(std::string_view tensor, std::span<const std::byte> next,
                            std::size_t word_bytes);
  template <class S> result<void> copy(const result<place>& at, S& source, byte_range from);

  std::unique_ptr<state> state_;
};

/// `safetensors::writer out("model.safetensors", std::move(plan));`
using writer = basic_writer<output_file>;

//-- writing all at once

/// What save() is told.
struct write_options {
  layout_options layout{};  ///< what the file looks like
  output_options output{};  ///< how it reaches the disk
};

/// Writes a file: `save("model.safetensors", {{"w", {2, 3}, values}})`. All is checked before a
/// byte is written. Errors: those of write_plan and output_file; size_mismatch (the bytes are not
/// as many as dtype and shape need), dtype_mismatch (elements of another dtype, words of
/// another width), out_of_memory.
result<void> try_save(path_ref path, list_of<tensor_data> tensors,
                      const write_options& options = {});
/// The file in memory. Errors: those of write_plan; size_mismatch, dtype_mismatch, out_of_memory.
result<std::vector<std::byte>> try_serialize(list_of<tensor_data> tensors,
                                             const layout_options& options = {});

#if SAFETENSORS_EXCEPTIONS
/// As try_save(), throwing safetensors::error.
inline void save(path_ref path, list_of<tensor_data> tensors, const write_options& options = {}) {
  try_save(path, tensors, options).value();
}
/// As try_serialize(), throwing safetensors::error.
[[nodiscard]] inline std::vector<std::byte> serialize(list_of<tensor_data> tensors,
                                                      const layout_options& options = {}) {
  return try_serialize(tensors, options).value();
}
#endif

}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

//== implementation

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail {

//-- detail: the header's text

// Compact JSON as the reference writes it, in a block that reports a lack of memory.
class header_text {
 public:
  [[nodiscard]] block<char>& text() noexcept { return text_; }
  [[nodiscard]] bool complete() const noexcept { return complete_; }  // false: out of memory
  [[nodiscard]] std::uint64_t size() const noexcept { return text_.size(); }

  header_text& raw(std::string_view piece) noexcept {
    complete_ = complete_ && text_.append({piece.data(), piece.size()});
    return *this;
  }
  header_text& number(std::uint64_t value) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return raw({digits, static_cast<std::size_t>(end - digits)});
  }
  // Returns where the string is to be found once it is decoded in place: before its closing quote.
  text_range string(std::string_view value) noexcept {
    raw("\"");
    std::size_t plain = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto c = static_cast<unsigned char>(value[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      raw(value.substr(plain, i - plain));
      plain = i + 1;
      escape(c);
    }
    raw(value.substr(plain)).raw("\"");
    const std::uint64_t end = size() - 8 - 1;
    return {static_cast<std::uint32_t>(end - value.size()),
            static_cast<std::uint32_t>(value.size())};
  }

 private:
  void escape(unsigned char c) noexcept {
    constexpr std::string_view named = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt",
                               digits = "0123456789abcdef";
    if (const std::size_t i = named.find(static_cast<char>(c)); i != named.npos)
      raw("\\").raw(letters.substr(i, 1));
    else
      raw("\\u00").raw(digits.substr(c >> 4, 1)).raw(digits.substr(c & 0xF, 1));
  }

  block<char> text_{};
  bool complete_ = true;
};

//-- detail: the plan

// Builds and reads the private parts of the public classes.
struct plan_access {
  static bool has_negative_size(const tensor_spec& spec) noexcept {
    return spec.has_negative_size_;
  }
  static dtype elements(const tensor_data& tensor) noexcept {
    return tensor.elements_.value_or(tensor.dtype);
  }
  static write_plan make(header tensors, block<char> text) noexcept {
    return {std::move(tensors), std::move(text)};
  }
};

struct layout {
  write_plan plan;
  block<const tensor_spec*> tensors;  // in the file's order
};

inline failure spec_failure(errc code, const tensor_spec& spec, std::string detail) {
  return {.code = code, .tensor = spec.name, .detail = std::move(detail)};
}

inline result<void> check_spec(const tensor_spec& spec) {
  if (const std::size_t valid = valid_utf8_prefix(spec.name); valid != spec.name.size())
    return spec_failure(errc::invalid_utf8, spec,
                        text("its name is not, from byte ", valid, " on"));
  if (spec.name == "__metadata__")
    return spec_failure(errc::reserved_name, spec, "metadata goes into layout_options");
  if (static_cast<std::size_t>(spec.dtype) >= std::size(dtypes))
    return spec_failure(errc::unknown_dtype, spec, "it is none of the enumerators");
  if (plan_access::has_negative_size(spec))
    return spec_failure(errc::invalid_shape, spec, "a size is negative");
  if (spec.shape.size() > record::max_rank)
    return spec_failure(errc::invalid_shape, spec, "it has too many dimensions");
  const tensor_size size = measure(spec.dtype, spec.shape);
  if (size.broken == errc{}) return {};
  return spec_failure(size.broken, spec, size_text(spec.dtype, spec.shape, size));
}

inline result<void> check_metadata(const metadata_map& metadata) {
  for (const auto& [key, value] : metadata) {
    if (valid_utf8_prefix(key) != key.size())
      return failure{.code = errc::invalid_utf8, .detail = text("the metadata key ", key)};
    if (valid_utf8_prefix(value) != value.size())
      return failure{.code = errc::invalid_utf8, .detail = text("the metadata value of ", key)};
  }
  return {};
}

// The header's text, and beside it the table that a reader would make of it.
class plan_builder {
 public:
  plan_builder(std::span<const tensor_spec* const> tensors, const layout_options& options) noexcept
      : tensors_(tensors),
        options_(options),
        limit_((std::min)(options.max_header_bytes, max_text_bytes)) {}

  result<write_plan> build() {
    std::size_t dimensions = 0;
    for (const tensor_spec* spec : tensors_) dimensions += spec->shape.size();
    table_.reset(new (std::nothrow) tensor_table);
    if (table_ == nullptr || !table_->records.reserve(tensors_.size()) ||
        !table_->dimensions.reserve(dimensions) ||
        !table_->metadata.reserve(options_.metadata.size()))
      return errc::out_of_memory;

    json_.raw(std::string_view("\0\0\0\0\0\0\0\0{", 9));
    write_metadata();
    for (const tensor_spec* spec : tensors_)
      if (auto written = write_entry(*spec); !written) return std::move(written).error();
    json_.raw("}");
    if (auto padded = pad(); !padded) return std::move(padded).error();
    if (auto indexed = index(); !indexed) return std::move(indexed).error();
    return plan_access::make(access::make_header(std::move(table_)), std::move(json_.text()));
  }

 private:
  void write_metadata() {
    if (options_.metadata.empty()) return;
    std::string_view separator = "\"__metadata__\":{";
    for (const auto& [key, value] : options_.metadata) {
      const text_range key_range = json_.raw(separator).string(key);
      const text_range value_range = json_.raw(":").string(value);
      (void)table_->metadata.push_back({key_range, value_range});  // within its capacity
      separator = ",";
    }
    json_.raw("}");
  }

  result<void> write_entry(const tensor_spec& spec) {
    const std::uint64_t bytes = measure(spec.dtype, spec.shape).bits / 8;
    if (bytes > (std::numeric_limits<std::uint64_t>::max)() - table_->data_size)
      return spec_failure(errc::size_overflow, spec, "all tensors together are too large");
    if (json_.size() > limit_) return too_large(json_.size());

    if (json_.size() > 9) json_.raw(",");
    const text_range name = json_.string(spec.name);
    record entry{};
    entry.name_offset = name.offset;
    entry.name_length = name.length;
    entry.begin = table_->data_size;
    entry.end = table_->data_size += bytes;
    entry.first_dimension = static_cast<std::uint32_t>(table_->dimensions.size());
    entry.set(static_cast<std::uint32_t>(spec.shape.size()), spec.dtype);
    (void)table_->records.push_back(entry);  // within its capacity, as the sizes are

    json_.raw(":{\"dtype\":\"").raw(to_string(spec.dtype)).raw("\",\"shape\":[");
    std::string_view separator = "";
    for (const std::uint64_t size : spec.shape) {
      json_.raw(separator).number(size);
      separator = ",";
      (void)table_->dimensions.push_back(size);
    }
    json_.raw("],\"data_offsets\":[").number(entry.begin).raw(",").number(entry.end).raw("]}");
    return {};
  }

  result<void> pad() {
    if (!json_.complete()) return errc::out_of_memory;
    const std::uint64_t alignment = (std::max)(options_.data_alignment, std::uint64_t{8});
    const std::uint64_t data_start = (json_.size() + alignment - 1) & ~(alignment - 1);
    if (data_start - 8 > limit_) return too_large(data_start - 8);
    block<char>& text = json_.text();
    const auto size = static_cast<std::size_t>(data_start);
    if (!text.reserve(size)) return errc::out_of_memory;
    std::memset(text.data() + text.size(), ' ', size - text.size());
    text.set_size(size);
    for (std::size_t i = 0; i < 8; ++i)
      text[i] = static_cast<char>(static_cast<unsigned char>((data_start - 8) >> 8 * i));
    if (table_->data_size > (std::numeric_limits<std::uint64_t>::max)() - 1 - data_start)
      return failure{.code = errc::size_overflow,
                     .detail = "the file would be longer than 2^64 bytes"};
    return {};
  }

  result<void> index() {
    block<char>& text = table_->text;
    if (!text.append({json_.text().data() + 8, json_.text().size() - 8}))
      return errc::out_of_memory;
    const auto decode = [&](text_range at, const std::string& value) {
      copy_bytes(text.data() + at.offset, value.data(), value.size());
    };
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      decode({table_->records[i].name_offset, 0}, tensors_[i]->name);
    for (std::size_t i = 0; const auto& [key, value] : options_.metadata) {
      decode(table_->metadata[i].key, key);
      decode(table_->metadata[i++].value, value);
    }
    result<void> indexed = index_names(*table_);
    if (indexed || indexed.error().code != errc::duplicate_tensor) return indexed;
    return failure{.code = errc::duplicate_tensor, .tensor = indexed.error().tensor};
  }

  [[nodiscard]] failure too_large(std::uint64_t size) const {
    return {.code = errc::header_too_large,
            .detail = text("it would have ", size, " bytes or more, the limit is ", limit_)};
  }

  std::span<const tensor_spec* const> tensors_;
  const layout_options& options_;
  std::uint64_t limit_;
  header_text json_{};
  std::unique_ptr<tensor_table> table_{};
};

template <class Spec>
result<layout> lay_out(std::span<const Spec> specs, const layout_options& options) {
  if (!std::has_single_bit(options.data_alignment))
    return failure{
        .code = errc::invalid_option,
        .detail = text("data_alignment is ", options.data_alignment, ", which is no power of two")};
  block<const tensor_spec*> tensors;
  if (!tensors.reserve(specs.size())) return errc::out_of_memory;
  for (const tensor_spec& spec : specs) {
    if (auto valid = check_spec(spec); !valid) return std::move(valid).error();
    (void)tensors.push_back(&spec);
  }
  if (auto valid = check_metadata(options.metadata); !valid) return std::move(valid).error();
  if (options.order == tensor_order::canonical)
    std::sort(tensors.begin(), tensors.end(), [](const tensor_spec* a, const tensor_spec* b) {
      const int first = write_order(a->dtype), second = write_order(b->dtype);
      return first != second ? first > second : a->name < b->name;
    });
  result<write_plan> plan = plan_builder({tensors.data(), tensors.size()}, options).build();
  if (!plan) return std::move(plan).error();
  return layout{*std::move(plan), std::move(tensors)};
}

//-- detail: bytes to a sink

// Gives the bytes in the file's order to `put`, which returns an error.
template <class Put> std::error_code put_in_file_order(std::span<const std::byte> bytes,
                                                       std::size_t word_bytes, Put&& put) {
  if (std::endian::native == std::endian::little || word_bytes < 2) return put(bytes);
  std::byte swapped[4096];
  while (!bytes.empty()) {
    const auto piece = std::span(swapped).first((std::min)(bytes.size(), sizeof swapped));
    copy_bytes(piece.data(), bytes.data(), piece.size());
    to_host_order(piece.data(), piece.size(), word_bytes);  // the way back is the same
    if (const std::error_code error = put(piece)) return error;
    bytes = bytes.subspan(piece.size());
  }
  return {};
}

// Bytes are as many as they must be, words as wide, and elements of the dtype.
inline result<void> check_data(const tensor_data& tensor) {
  if (const dtype elements = plan_access::elements(tensor); elements != tensor.dtype)
    return spec_failure(errc::dtype_mismatch, tensor,
                        text("it is ", to_string(tensor.dtype), ", not ", to_string(elements)));
  const std::uint64_t wanted = measure(tensor.dtype, tensor.shape).bits / 8;
  if (tensor.bytes.size() != wanted)
    return spec_failure(errc::size_mismatch, tensor,
                        text(to_string(tensor.dtype), " ", shape_text(tensor.shape), " needs ",
                             wanted, " bytes, there are ", tensor.bytes.size()));
  if (tensor.word_bytes == 1 || tensor.word_bytes == swap_unit(tensor.dtype) ||
      8 * tensor.word_bytes == static_cast<std::size_t>(bit_width(tensor.dtype)))
    return {};
  return spec_failure(errc::dtype_mismatch, tensor,
                      text("it is ", to_string(tensor.dtype), ", and the words have ",
                           8 * tensor.word_bytes, " bits"));
}

inline result<layout> lay_out_data(list_of<tensor_data> tensors, const layout_options& options) {
  result<layout> made = lay_out(std::span<const tensor_data>(tensors), options);
  if (!made) return made;
  for (const tensor_data& tensor : tensors)
    if (auto valid = check_data(tensor); !valid) return std::move(valid).error();
  return made;
}

// All of a file, from front to back.
template <class Put> std::error_code put_file(const layout& file, Put&& put) {
  if (const std::error_code error = put(file.plan.header_bytes())) return error;
  for (const tensor_spec* spec : file.tensors) {
    const auto& tensor = static_cast<const tensor_data&>(*spec);
    if (const std::error_code error = put_in_file_order(tensor.bytes, tensor.word_bytes, put))
      return error;
  }
  return {};
}

// Gathers small pieces, so that models of many small tensors take few calls.
class gathering_output {
 public:
  explicit gathering_output(output_file& file) noexcept : file_(file) {}
  [[nodiscard]] bool start() noexcept { return pending_.reserve(capacity); }

  std::error_code write(std::span<const std::byte> next) noexcept {
    if (next.size() >= capacity - pending_.size())
      if (const std::error_code error = flush()) return error;
    if (next.size() < capacity / 4) {
      (void)pending_.append(next);
      return {};
    }
    if (const std::error_code error = flush()) return error;
    const std::uint64_t at = std::exchange(at_, at_ + next.size());
    return file_.write_at(at, next);
  }
  std::error_code flush() noexcept {
    const std::span<const std::byte> bytes(pending_.data(), pending_.size());
    pending_.set_size(0);
    const std::uint64_t at = std::exchange(at_, at_ + bytes.size());
    return bytes.empty() ? std::error_code() : file_.write_at(at, bytes);
  }

 private:
  static constexpr std::size_t capacity = 1 << 18;
  output_file& file_;
  block<std::byte> pending_{};
  std::uint64_t at_ = 0;
};

//-- detail: operating systems, defined at the end

namespace os {
#ifdef _WIN32
using path_text = std::wstring;
#else
using path_text = std::string;
#endif
}  // namespace os

// A file that is being written.
struct open_output {
  native_handle file = invalid_handle;
  native_handle folder = invalid_handle;  // POSIX: that the two names are in
  os::path_text target{};
  os::path_text unfinished{};                    // what is removed unless it is committed
  bool tried = false, committed = false;         // to commit it
  std::uint64_t process = os::process_number();  // that removes it: no copy in one forked from it
  std::uint64_t size = 0;
  output_options options{};
  std::string path{};  // as UTF-8
};

namespace os {
result<void> create(open_output& output, const path_ref& path);
std::error_code write_at(native_handle handle, std::uint64_t offset,
                         std::span<const std::byte> bytes) noexcept;
// Copies at most `size` bytes within the system; 0: it cannot, or not these.
std::uint64_t copy(native_handle from, std::uint64_t from_offset, native_handle to,
                   std::uint64_t to_offset, std::uint64_t size) noexcept;
// What is written is to reach the disk soon, while more is written; not waited for.
void start_syncing(native_handle handle, std::uint64_t offset, std::uint64_t size) noexcept;
result<void> commit(open_output& output);
void discard(open_output& output) noexcept;
}  // namespace os

inline constexpr std::size_t copy_buffer_bytes = 1 << 20;
inline constexpr std::size_t piece_bytes = 8 << 20;  // the disk works on one while the next is made

// Copies through a buffer, until `put`, which gets the pieces, returns an error. Where reading
// fails, `from` is left at what could not be read, and the failure is returned.
template <class Source, class Put>
result<std::error_code> copy_through(Source& source, byte_range& from, Put&& put) {
  block<std::byte> buffer;
  const auto capacity =
      static_cast<std::size_t>((std::min)(from.size(), std::uint64_t{copy_buffer_bytes}));
  if (!buffer.reserve(capacity)) return errc::out_of_memory;
  while (from.begin != from.end) {
    const std::span<std::byte> piece(
        buffer.data(), static_cast<std::size_t>((std::min)(from.size(), std::uint64_t{capacity})));
    if (const std::error_code error = source.read_at(from.begin, piece)) {
      failure what = source_failure(error);
      what.path = path_of(source);
      what.offset = from.begin;
      return what;
    }
    if (const std::error_code error = put(std::span<const std::byte>(piece))) return error;
    from.begin += piece.size();
  }
  return std::error_code();
}

// Names that no other process and no other thread uses; one that is taken is tried no second time.
inline std::string temporary_name() {
  static std::atomic<std::uint64_t> count = 0;
  const hash_keys keys = process_keys();
  const std::uint64_t number =
      fold(keys.file_key[0] ^ count++, keys.file_key[1] ^ os::process_number());
  return text(".safetensors-", number, ".tmp");  // no reader of a folder takes it for a model
}

}  // namespace detail

//-- definitions: parameters and plan

inline tensor_spec::tensor_spec(std::string_view tensor_name, safetensors::dtype type,
                                shape_ref sizes)
    : name(tensor_name), dtype(type), has_negative_size_(!sizes.valid()) {
  shape.reserve(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) shape.push_back(sizes[i]);
}
inline tensor_spec::tensor_spec(const tensor_info& tensor)
    : tensor_spec(tensor.name(), tensor.dtype(), tensor.shape()) {}

inline tensor_data::tensor_data(const tensor_view& tensor)
    : tensor_spec(tensor), bytes(tensor.bytes()) {}

template <class R> requires lasting_range<R> && element_range<R>
tensor_data::tensor_data(std::string_view tensor_name, shape_ref sizes, R&& values)
    : tensor_spec(tensor_name, dtype_traits<std::remove_cv_t<element_of<R>>>::value, sizes),
      bytes(std::as_bytes(std::span(std::data(values), std::size(values)))),
      word_bytes(detail::swap_unit(dtype)) {
  static_assert(detail::has_dtype_width<std::remove_cv_t<element_of<R>>>,
                "dtype_traits<T>::value must be a dtype as wide as T");
}

template <class R> requires lasting_range<R> && raw_range<R>
tensor_data::tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes,
                         R&& raw)
    : tensor_spec(tensor_name, type, sizes),
      bytes(std::as_bytes(std::span(std::data(raw), std::size(raw)))) {}

template <class R>
requires lasting_range<R> && word_range<R> &&
             (!raw_range<R>)tensor_data::tensor_data(std::string_view tensor_name,
                                                     safetensors::dtype type, shape_ref sizes,
                                                     R&& words)
    : tensor_spec(tensor_name, type, sizes),
      bytes(std::as_bytes(std::span(std::data(words), std::size(words)))),
      word_bytes(sizeof(element_of<R>)) {}

template <class R> requires lasting_range<R> && element_range<R> && (!word_range<R>) &&
                            (!raw_range<R>)tensor_data::tensor_data(std::string_view tensor_name,
                                                                    safetensors::dtype type,
                                                                    shape_ref sizes, R&& values)
    : tensor_data(tensor_name, sizes, values) {
  elements_ = std::exchange(dtype, type);
}

inline result<write_plan> write_plan::try_make(list_of<tensor_spec> tensors,
                                               const layout_options& options) {
  result<detail::layout> made = detail::lay_out(std::span<const tensor_spec>(tensors), options);
  if (!made) return std::move(made).error();
  return std::move(made->plan);
}

inline std::span<const std::byte> write_plan::header_bytes() const& noexcept {
  return std::as_bytes(std::span(text_.data(), text_.size()));
}

//-- definitions: sinks

template <std::invocable<std::span<const std::byte>> Write>
requires detail::sink_answer<std::invoke_result_t<Write&, std::span<const std::byte>>>
std::error_code function_sink<Write>::write(std::span<const std::byte> next) {
  using answer = std::invoke_result_t<Write&, std::span<const std::byte>>;
  if constexpr (std::same_as<answer, bool>) {
    return call(next) ? std::error_code() : std::make_error_code(std::errc::io_error);
  } else if constexpr (std::is_void_v<answer>) {
    call(next);
    return {};
  } else {
    return call(next);
  }
}

inline output_file::output_file(std::unique_ptr<detail::open_output> state) noexcept
    : state_(std::move(state)) {}
inline output_file::output_file(output_file&&) noexcept = default;
inline output_file& output_file::operator=(output_file&& other) noexcept {
  output_file taken(std::move(other));
  state_.swap(taken.state_);
  return *this;
}
inline output_file::~output_file() {
  if (state_ != nullptr) detail::os::discard(*state_);
}

inline result<output_file> output_file::try_create(path_ref path, std::uint64_t size,
                                                   const output_options& options) {
  output_file made(std::unique_ptr<detail::open_output>(new (std::nothrow) detail::open_output));
  if (made.state_ == nullptr) return errc::out_of_memory;
  made.state_->path = path.to_utf8();
  made.state_->size = size;
  made.state_->options = options;
  if (auto created = detail::os::create(*made.state_, path); !created)
    return detail::with_path(result<output_file>(std::move(created).error()), path);
  return made;
}

inline std::error_code output_file::write_at(std::uint64_t offset,
                                             std::span<const std::byte> bytes) noexcept {
  if (offset > state_->size || bytes.size() > state_->size - offset)
    return make_error_code(errc::wrong_length);
  while (!bytes.empty()) {
    const auto piece = bytes.first((std::min)(bytes.size(), detail::piece_bytes));
    if (const std::error_code error = detail::os::write_at(state_->file, offset, piece))
      return error;
    if (state_->options.durable) detail::os::start_syncing(state_->file, offset, piece.size());
    bytes = bytes.subspan(piece.size());
    offset += piece.size();
  }
  return {};
}

inline std::uint64_t output_file::copy_at(std::uint64_t offset, const file_source& source,
                                          byte_range from) noexcept {
  const std::uint64_t begin = from.begin;
  if (begin > from.end || from.end > source.size() || offset > state_->size ||
      from.size() > state_->size - offset)
    return 0;
  while (from.begin != from.end) {
    const std::uint64_t to = offset + (from.begin - begin);
    const std::uint64_t most = state_->options.durable ? detail::piece_bytes : from.size();
    const std::uint64_t copied = detail::os::copy(source.handle(), source.offset() + from.begin,
                                                  state_->file, to, (std::min)(from.size(), most));
    if (copied == 0) break;
    if (state_->options.durable) detail::os::start_syncing(state_->file, to, copied);
    from.begin += copied;
  }
  return from.begin - begin;
}

inline result<void> output_file::try_commit() {
  if (state_->committed) return {};
  if (std::exchange(state_->tried, true))
    return failure{
        .code = errc::io, .path = state_->path, .detail = "it could not be finished before"};
  result<void> done = detail::os::commit(*state_);
  state_->committed = done.has_value();
  return detail::with_path(std::move(done), state_->path);
}

inline std::string_view output_file::path() const noexcept { return state_->path; }

//-- definitions: writer

template <byte_sink Sink>
result<basic_writer<Sink>> basic_writer<Sink>::try_start(Sink sink, write_plan plan) {
  const std::size_t count = plan.tensors().size();
  basic_writer made(std::unique_ptr<state>(
      new (std::nothrow) state{.plan = std::move(plan),
                               .sink = std::move(sink),
                               .written = std::unique_ptr<std::atomic<std::uint64_t>[]>(
                                   new (std::nothrow) std::atomic<std::uint64_t>[count] {})}));
  if (made.state_ == nullptr || made.state_->written == nullptr) return errc::out_of_memory;
  const std::error_code error = made.send(0, made.plan().header_bytes());
  if (auto begun = made.sent({count, 0}, 0, error); !begun) return std::move(begun).error();
  return made;
}

template <byte_sink Sink>
result<basic_writer<Sink>> basic_writer<Sink>::try_create(path_ref path, write_plan plan,
                                                          const output_options& options)
    requires std::same_as<Sink, output_file> {
  result<output_file> created = output_file::try_create(path, plan.file_size(), options);
  if (!created) return std::move(created).error();
  return try_start(*std::move(created), std::move(plan));
}

template <byte_sink Sink> const detail::tensor_table& basic_writer<Sink>::table() const noexcept {
  return *detail::access::table(state_->plan.tensors());
}

template <byte_sink Sink>
std::uint64_t basic_writer<Sink>::missing(std::size_t tensor) const noexcept {
  const detail::record& entry = table().records[tensor];
  return entry.end - entry.begin - state_->written[tensor];
}

template <byte_sink Sink> void basic_writer<Sink>::skip_complete() noexcept {
  std::size_t& at = state_->first_incomplete;
  while (at != table().records.size() && missing(at) == 0) ++at;
}

template <byte_sink Sink> result<void> basic_writer<Sink>::fail(failure what) {
  if constexpr (std::same_as<Sink, output_file>) what.path = state_->sink.path();
  return stick(std::move(what));
}

template <byte_sink Sink> result<void> basic_writer<Sink>::stick(failure what) {
  int none = 0;
  failure copy = what;
  if (state_->failures.compare_exchange_strong(none, 1)) {
    state_->first_failure = std::move(copy);
    state_->failures = 2;
  }
  return what;
}

template <byte_sink Sink> result<void> basic_writer<Sink>::usable() {
  if (state_ == nullptr)
    return failure{.code = errc::wrong_order, .detail = "the writer was moved from"};
  if (state_->failures == 2) return state_->first_failure;
  if (state_->failures == 1)
    return failure{.code = errc::incomplete_write, .detail = "another thread has just failed"};
  if (state_->finished) return fail({.code = errc::wrong_order, .detail = "the file is finished"});
  return {};
}

template <byte_sink Sink> result<tensor_info> basic_writer<Sink>::planned(std::string_view tensor) {
  if (auto ready = usable(); !ready) return std::move(ready).error();
  result<tensor_info> found = state_->plan.tensors().try_at(tensor);
  if (!found) return fail(std::move(found).error()).error();
  return found;
}

template <byte_sink Sink>
auto basic_writer<Sink>::next_place(std::string_view tensor, std::uint64_t bytes) -> result<place> {
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  const std::size_t number = detail::access::record_number(*found);
  if (const std::uint64_t left = missing(number); bytes > left)
    return fail(detail::tensor_failure(
                    errc::wrong_length, *found,
                    detail::text(bytes, " bytes are given, ", left, " are still to come")))
        .error();
  if constexpr (!positional_sink<Sink>) {
    skip_complete();
    if (bytes != 0 && number != state_->first_incomplete)
      return fail(detail::tensor_failure(
                      errc::wrong_order, *found,
                      detail::text("\"", table().name(table().records[state_->first_incomplete]),
                                   "\" comes first")))
          .error();
  }
  return place{number, found->file_range().begin + state_->written[number]};
}

template <byte_sink Sink> auto basic_writer<Sink>::next_place_in_order(std::uint64_t bytes)
    -> result<place> {
  if (auto ready = usable(); !ready) return std::move(ready).error();
  skip_complete();
  const detail::tensor_table& table = this->table();
  const std::size_t first = state_->first_incomplete, count = table.records.size();
  std::uint64_t room = 0;
  for (std::size_t i = first; i != count && room < bytes; ++i) {
    if (i != first && state_->written[i] != 0)
      return fail(detail::record_failure(errc::wrong_order, table, table.records[i],
                                         "it was begun before those in front of it"))
          .error();
    room += missing(i);
  }
  if (room < bytes)
    return fail({.code = errc::wrong_length,
                 .detail = detail::text(bytes, " bytes are given, ", room, " are still to come")})
        .error();
  const std::uint64_t at =
      first == count ? table.data_size : table.records[first].begin + state_->written[first];
  return place{first, table.data_start() + at};
}

template <byte_sink Sink>
std::error_code basic_writer<Sink>::send(std::uint64_t offset, std::span<const std::byte> bytes) {
  if constexpr (positional_sink<Sink>)
    return state_->sink.write_at(offset, bytes);
  else
    return state_->sink.write(bytes);
}

// What became of bytes that go to a place.
template <byte_sink Sink>
result<void> basic_writer<Sink>::sent(const place& at, std::uint64_t bytes, std::error_code error) {
  if (error) {
    failure what = detail::source_failure(error);
    what.offset = at.offset;
    if (at.tensor < table().records.size())
      what.tensor = std::string(table().name(table().records[at.tensor]));
    return fail(std::move(what));
  }
  for (std::size_t i = at.tensor; bytes != 0; ++i) {  // one tensor, or several in plan order
    const std::uint64_t part = (std::min)(bytes, missing(i));
    state_->written[i] += part;
    bytes -= part;
  }
  return {};
}

template <byte_sink Sink>
result<void> basic_writer<Sink>::append_words(std::string_view tensor,
                                              std::span<const std::byte> next,
                                              std::size_t word_bytes) {
  const result<place> at = next_place(tensor, next.size());
  if (!at) return at.error();
  std::uint64_t offset = at->offset;
  call_guard guard(*state_);
  const std::error_code error =
      detail::put_in_file_order(next, word_bytes, [&](std::span<const std::byte> piece) {
        return send(std::exchange(offset, offset + piece.size()), piece);
      });
  guard.returned = true;
  return sent(*at, next.size(), error);
}

template <byte_sink Sink>
result<void> basic_writer<Sink>::try_append(std::string_view tensor,
                                            std::span<const std::byte> next) {
  return append_words(tensor, next, 1);
}

template <byte_sink Sink> template <element_range R>
result<void> basic_writer<Sink>::try_append(std::string_view tensor, const R& next) {
  using value = std::remove_cv_t<element_of<const R>>;
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  static_assert(detail::has_dtype_width<value>, "dtype_traits<T>::value must be as wide as T");
  if (constexpr dtype given = dtype_traits<value>::value; found->dtype() != given)
    return fail(detail::tensor_failure(
        errc::dtype_mismatch, *found,
        detail::text("it is ", to_string(found->dtype()), ", not ", to_string(given),
                     "; append_bits() takes raw words of its width")));
  return append_words(tensor, std::as_bytes(std::span(std::data(next), std::size(next))),
                      detail::swap_unit(found->dtype()));
}

template <byte_sink Sink> template <word_range R>
result<void> basic_writer<Sink>::try_append_bits(std::string_view tensor, const R& next) {
  constexpr std::size_t word_bytes = sizeof(element_of<const R>);
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  if (auto same = detail::expect_width(*found, word_bytes); !same)
    return fail(std::move(same).error());
  return append_words(tensor, std::as_bytes(std::span(std::data(next), std::size(next))),
                      word_bytes);
}

template <byte_sink Sink> template <class S>
result<void> basic_writer<Sink>::copy(const result<place>& at, S& source, byte_range from) {
  if (!at) return at.error();
  const std::uint64_t bytes = from.size();
  std::uint64_t offset = at->offset;
  if constexpr (std::same_as<Sink, output_file> &&
                std::same_as<std::remove_const_t<S>, file_source>) {
    const std::uint64_t copied = state_->sink.copy_at(offset, source, from);
    from.begin += copied;
    offset += copied;
  }
  call_guard guard(*state_);
  const result<std::error_code> written =
      detail::copy_through(source, from, [&](std::span<const std::byte> piece) {
        return send(std::exchange(offset, offset + piece.size()), piece);
      });
  guard.returned = true;
  if (written) return sent(*at, bytes, *written);
  return stick(written.error());
}

template <byte_sink Sink> template <byte_source S>
result<void> basic_writer<Sink>::try_append_from(std::string_view tensor, S&& source,
                                                 byte_range from) {
  return copy(next_place(tensor, from.size()), source, from);
}

template <byte_sink Sink> template <byte_source S>
result<void> basic_writer<Sink>::try_append_from(S&& source, byte_range from) {
  return copy(next_place_in_order(from.size()), source, from);
}

template <byte_sink Sink>
std::optional<std::uint64_t> basic_writer<Sink>::missing(std::string_view tensor) const noexcept {
  if (state_ == nullptr) return std::nullopt;
  const auto found = state_->plan.tensors().find(tensor);
  if (!found) return std::nullopt;
  return missing(detail::access::record_number(*found));
}

template <byte_sink Sink> result<void> basic_writer<Sink>::try_finish() {
  if (state_ != nullptr && state_->finished && state_->failures == 0) return {};
  if (auto ready = usable(); !ready) return ready;
  skip_complete();
  const detail::tensor_table& table = this->table();
  for (std::size_t i = state_->first_incomplete; i != table.records.size(); ++i)
    if (const std::uint64_t left = missing(i); left != 0)
      return fail({.code = errc::incomplete_write,
                   .tensor = std::string(table.name(table.records[i])),
                   .detail = detail::text(left, " bytes of it are missing")});
  if constexpr (requires(Sink& sink) {
                  { sink.try_commit() } -> std::same_as<result<void>>;
                }) {
    call_guard guard(*state_);
    auto committed = state_->sink.try_commit();
    guard.returned = true;
    if (!committed) return fail(std::move(committed).error());
  }
  state_->finished = true;
  return {};
}

//-- definitions: writing all at once

inline result<void> try_save(path_ref path, list_of<tensor_data> tensors,
                             const write_options& options) {
  const result<detail::layout> layout = detail::lay_out_data(tensors, options.layout);
  if (!layout) return detail::with_path(result<void>(layout.error()), path);
  result<output_file> target =
      output_file::try_create(path, layout->plan.file_size(), options.output);
  if (!target) return std::move(target).error();
  detail::gathering_output output(*target);
  if (!output.start()) return errc::out_of_memory;
  std::error_code error = detail::put_file(
      *layout, [&](std::span<const std::byte> next) { return output.write(next); });
  if (!error) error = output.flush();
  if (error) return detail::with_path(result<void>(detail::source_failure(error)), path);
  return target->try_commit();
}

inline result<std::vector<std::byte>> try_serialize(list_of<tensor_data> tensors,
                                                    const layout_options& options) {
  const result<detail::layout> layout = detail::lay_out_data(tensors, options);
  if (!layout) return layout.error();
  if (layout->plan.file_size() > (std::numeric_limits<std::ptrdiff_t>::max)())
    return errc::out_of_memory;
  std::vector<std::byte> bytes;
  if (!detail::allocates(
          [&] { bytes.reserve(static_cast<std::size_t>(layout->plan.file_size())); }))
    return errc::out_of_memory;
  (void)detail::put_file(*layout, [&](std::span<const std::byte> next) {
    bytes.insert(bytes.end(), next.begin(), next.end());
    return std::error_code();
  });
  return bytes;
}

}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

//-- operating systems

#ifdef _WIN32

extern "C" {
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*,
                                              _OVERLAPPED*);
__declspec(dllimport) int __stdcall FlushFileBuffers(void*);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall DeleteFileW(const wchar_t*);
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t*);
__declspec(dllimport) unsigned long __stdcall GetFinalPathNameByHandleW(void*, wchar_t*,
                                                                        unsigned long,
                                                                        unsigned long);
__declspec(dllimport) unsigned long __stdcall SetFilePointer(void*, long, long*, unsigned long);
__declspec(dllimport) int __stdcall SetEndOfFile(void*);
}

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail::os {

// The file that a path leads to, if there is one: links are followed.
inline result<void> follow_links(std::wstring& path, bool& exists) {
  constexpr unsigned long directory = 0x10, reparse_point = 0x400, share_all = 7, open_existing = 3,
                          normal = 0x80;
  const unsigned long attributes = GetFileAttributesW(path.c_str());
  exists = attributes != ~0ul;
  if (!exists) return {};
  if ((attributes & directory) != 0)
    return source_failure(std::make_error_code(std::errc::is_a_directory));
  const native_handle file =
      CreateFileW(path.c_str(), 0, share_all, nullptr, open_existing, normal, nullptr);
  if (file == invalid_handle) return source_failure(last_error());
  std::wstring found;
  unsigned long length = 0;
  if ((attributes & reparse_point) != 0) {
    found.resize(0x8000);
    length = GetFinalPathNameByHandleW(file, found.data(), 0x8000, 0);
  }
  const std::error_code error = last_error();
  const result<file_facts> regular = regular_file_facts(file);
  CloseHandle(file);
  if (!regular) return regular.error();
  if (found.empty()) return {};
  if (length == 0 || length >= 0x8000) return source_failure(error);
  path.assign(found, 0, length);
  return {};
}

inline result<void> create(open_output& output, const path_ref& path) {
  constexpr unsigned long generic_write = 0x40000000u, share_read_delete = 5, create_new = 1,
                          create_always = 2, normal = 0x80;
  result<std::wstring> target = native_path(path);
  if (!target) return std::move(target).error();
  output.target = *std::move(target);
  bool exists = false;
  if (auto followed = follow_links(output.target, exists); !followed) return followed;
  if (exists && !output.options.replace)
    return source_failure(std::make_error_code(std::errc::file_exists));

  std::wstring name = output.target;
  if (output.options.atomic) {
    const std::string temporary = temporary_name();
    name.resize(name.find_last_of(L"\\/:") + 1);
    name.append(temporary.begin(), temporary.end());
  }
  output.file =
      CreateFileW(name.c_str(), generic_write, share_read_delete, nullptr,
                  output.options.atomic || !output.options.replace ? create_new : create_always,
                  normal, nullptr);
  if (output.file == invalid_handle)
    return source_failure(last_error(), output.options.atomic
                                            ? "no temporary file can be made beside it"
                                            : "it cannot be written");
  output.unfinished = std::move(name);
  if (output.options.atomic && output.options.preallocate) {
    auto high = static_cast<long>(output.size >> 32);
    constexpr unsigned long failed = ~0ul;  // or a position that looks like it
    if ((SetFilePointer(output.file, static_cast<long>(output.size), &high, 0) == failed &&
         GetLastError() != 0) ||
        SetEndOfFile(output.file) == 0)
      return source_failure(last_error(), text("there is no room for ", output.size, " bytes"));
  }
  return {};
}

inline std::error_code write_at(native_handle handle, std::uint64_t offset,
                                std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    file_position position(offset);
    const auto asked = static_cast<unsigned long>((std::min)(bytes.size(), std::size_t{1} << 30));
    unsigned long written = 0;
    if (WriteFile(handle, bytes.data(), asked, &written, position.get()) == 0) return last_error();
    if (written == 0) return std::make_error_code(std::errc::io_error);
    bytes = bytes.subspan(written);
    offset += written;
  }
  return {};
}

inline std::uint64_t copy(native_handle, std::uint64_t, native_handle, std::uint64_t,
                          std::uint64_t) noexcept {
  return 0;
}

inline void start_syncing(native_handle, std::uint64_t, std::uint64_t) noexcept {}

inline result<void> commit(open_output& output) {
  if (output.options.durable && FlushFileBuffers(output.file) == 0)
    return source_failure(last_error(), "it could not be synced");
  if (CloseHandle(std::exchange(output.file, invalid_handle)) == 0)
    return source_failure(last_error(), "it could not be closed");
  const unsigned long flags = (output.options.replace ? 1 /* MOVEFILE_REPLACE_EXISTING */ : 0) |
                              (output.options.durable ? 8 /* MOVEFILE_WRITE_THROUGH */ : 0);
  if (output.options.atomic &&
      MoveFileExW(output.unfinished.c_str(), output.target.c_str(), flags) == 0)
    return source_failure(last_error(),
                          "the new file could not take its place; is the old one open or mapped?");
  output.unfinished.clear();
  return {};
}

inline void discard(open_output& output) noexcept {
  if (output.file != invalid_handle) CloseHandle(output.file);
  if (!output.unfinished.empty()) DeleteFileW(output.unfinished.c_str());
}

}  // namespace detail::os
}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

#else

#include <cstdio>

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail::os {

#if defined(__GLIBC__) || defined(__BIONIC__)
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat64(folder, name, flags, mode);
}
inline int status_at(int folder, const char* name, file_status& status, int flags) noexcept {
  return ::fstatat64(folder, name, &status, flags);
}
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite64(file, from, size, static_cast<file_offset>(offset));
}
#else
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat(folder, name, flags, mode);
}
inline int status_at(int folder, const char* name, file_status& status, int flags) noexcept {
  return ::fstatat(folder, name, &status, flags);
}
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite(file, from, size, static_cast<file_offset>(offset));
}
#endif

// A link to nothing yet is followed too.
inline result<void> follow_links(std::string& path) {
  constexpr int most = 40;
  char link[4096];
  for (int followed = 0; followed <= most; ++followed) {
    const ssize_t length = ::readlink(path.c_str(), link, sizeof link);
    if (length < 0 && (errno == EINVAL || errno == ENOENT)) return {};  // no link, or nothing
    if (length < 0) return source_failure(last_error());
    if (path.starts_with("/proc/") || path.starts_with("/dev/fd/"))
      return source_failure(std::make_error_code(std::errc::invalid_argument),
                            "it leads to an open file, which cannot be replaced");
    if (length == sizeof link)
      return source_failure(std::make_error_code(std::errc::filename_too_long));
    const std::string_view text(link, static_cast<std::size_t>(length));
    path.resize(text.starts_with('/') ? 0 : path.rfind('/') + 1);
    path += text;
  }
  return source_failure(std::make_error_code(std::errc::too_many_symbolic_link_levels));
}

inline int open_folder(const char* path, [[maybe_unused]] bool may_be_unreadable) noexcept {
  const int folder =
      uninterrupted([&] { return ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
#ifdef O_PATH
  if (folder < 0 && errno == EACCES && may_be_unreadable)
    return uninterrupted([&] { return ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); });
#endif
  return folder;
}

// As those of the file that is replaced, and never wider.
inline void keep_permissions(int file, const file_status& old) noexcept {
  ::mode_t mode = old.st_mode & 0777;
  file_status now{};
  const bool same_group = status_of(file, now) == 0 && now.st_gid == old.st_gid;
  const auto give_to = [&](::uid_t owner) {
    return uninterrupted([&] { return ::fchown(file, owner, old.st_gid); }) == 0;
  };
  if ((!same_group || now.st_uid != old.st_uid) && !give_to(old.st_uid) && !same_group &&
      !give_to(static_cast<::uid_t>(-1)))
    mode = (mode & 0700) | (mode & mode >> 3 & 07);           // meant for the other group
  (void)uninterrupted([&] { return ::fchmod(file, mode); });  // without modes, 0600 stays
}

inline std::error_code make_room([[maybe_unused]] int file,
                                 [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef __linux__
  const int failed = uninterrupted([&] {
#if defined(__GLIBC__) || defined(__BIONIC__)
    return ::fallocate64(file, 0, 0, static_cast<file_offset>(size));
#else
    return ::fallocate(file, 0, 0, static_cast<file_offset>(size));
#endif
  });
  if (failed != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) return last_error();
#endif
  return {};
}

inline result<void> open_temporary(open_output& output, const file_status* old) {
  constexpr int attempts = 100;
  for (int i = 0; i < attempts && output.file == invalid_handle; ++i) {
    std::string name = temporary_name();
    // A private file is never public meanwhile; a new one gets what the umask leaves.
    output.file =
        open_at(output.folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                old != nullptr ? 0600 : 0666);
    if (output.file != invalid_handle)
      output.unfinished = std::move(name);
    else if (errno != EEXIST && errno != EINTR)
      break;
  }
  if (output.file == invalid_handle)
    return source_failure(last_error(), "no temporary file can be made beside it");
  if (old != nullptr) keep_permissions(output.file, *old);
  if (!output.options.preallocate) return {};
  if (const std::error_code error = make_room(output.file, output.size))
    return source_failure(error, text("there is no room for ", output.size, " bytes"));
  return {};
}

inline result<void> open_in_place(open_output& output, bool exists) {
  std::string name = output.target;  // before there is a file that a lack of memory would leave
  // O_TRUNC, not ftruncate, which mounts of object stores lack.
  const int existing = exists && output.options.replace ? O_TRUNC : O_EXCL;
  output.file = uninterrupted([&] {
    return open_at(output.folder, output.target.c_str(),
                   O_WRONLY | O_CREAT | existing | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
  });
  if (output.file == invalid_handle) return source_failure(last_error(), "it cannot be written");
  output.unfinished = std::move(name);
  return {};
}

inline result<void> create(open_output& output, const path_ref& path) {
  result<std::string> text = native_path(path);
  if (!text) return std::move(text).error();
  std::string target = *std::move(text);
  if (target.empty())
    return source_failure(std::make_error_code(std::errc::no_such_file_or_directory));
  if (output.size > static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)()))
    return source_failure(std::make_error_code(std::errc::file_too_large));
  if (auto followed = follow_links(target); !followed) return followed;
  const std::size_t name = target.rfind('/') + 1;
  output.target = target.substr(name);
  target.resize(name);
  output.folder = open_folder(name == 0 ? "." : target.c_str(), !output.options.durable);
  if (output.folder == invalid_handle)
    return source_failure(last_error(), "its folder cannot be opened");
  if (output.target.empty()) return source_failure(std::make_error_code(std::errc::is_a_directory));

  file_status old{};
  const bool exists =
      status_at(output.folder, output.target.c_str(), old, AT_SYMLINK_NOFOLLOW) == 0;
  if (!exists && errno != ENOENT) return source_failure(last_error());
  if (exists) {
    if (const result<file_facts> regular = facts_of(old); !regular) return regular.error();
    if (!output.options.replace)
      return source_failure(std::make_error_code(std::errc::file_exists));
    if (!output.options.atomic && mapping_list::of_process().holds(identity_of(old)))
      return failure{.code = errc::invalid_option,
                     .detail =
                         "this process has mapped the file that would be emptied; "
                         "memory_file reads it instead, atomic keeps it"};
  }
  return output.options.atomic ? open_temporary(output, exists ? &old : nullptr)
                               : open_in_place(output, exists);
}

inline std::error_code write_at(native_handle handle, std::uint64_t offset,
                                std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = uninterrupted([&] {
      return write_to(handle, bytes.data(), (std::min)(bytes.size(), std::size_t{1} << 30), offset);
    });
    if (written < 0) return last_error();
    if (written == 0) return std::make_error_code(std::errc::io_error);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

inline std::uint64_t copy([[maybe_unused]] native_handle from,
                          [[maybe_unused]] std::uint64_t from_offset,
                          [[maybe_unused]] native_handle to,
                          [[maybe_unused]] std::uint64_t to_offset,
                          [[maybe_unused]] std::uint64_t size) noexcept {
#if defined(__linux__) && !defined(__BIONIC__)
  auto in = static_cast<file_offset>(from_offset), out = static_cast<file_offset>(to_offset);
  const auto asked = static_cast<std::size_t>((std::min)(size, std::uint64_t{1} << 30));
  const ssize_t copied =
      uninterrupted([&] { return ::copy_file_range(from, &in, to, &out, asked, 0); });
  return copied < 0 ? 0 : static_cast<std::uint64_t>(copied);
#else
  return 0;
#endif
}

inline void start_syncing([[maybe_unused]] int file, [[maybe_unused]] std::uint64_t offset,
                          [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef SYNC_FILE_RANGE_WRITE
  // What fails here fails at the end too, when everything is synced.
  (void)::sync_file_range(file, static_cast<file_offset>(offset), static_cast<file_offset>(size),
                          SYNC_FILE_RANGE_WRITE);
#endif
}

inline int sync(int file) noexcept {
#ifdef F_FULLFSYNC
  if (::fcntl(file, F_FULLFSYNC) == 0) return 0;  // fsync leaves bytes in the drive's memory
#endif
  return ::fsync(file);
}

// Where nothing is to be replaced, there is no moment between the check and the renaming.
inline bool take_place(open_output& output) noexcept {
  const int folder = output.folder;
  const char *from = output.unfinished.c_str(), *to = output.target.c_str();
  bool renamed = false;
  if (output.options.replace) {
    renamed = ::renameat(folder, from, folder, to) == 0;
    if (!renamed) return false;
  }
#ifdef RENAME_NOREPLACE
  if (!renamed) {
    renamed = ::renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0;
    if (!renamed && errno != ENOSYS && errno != EINVAL) return false;
  }
#endif
  if (!renamed && ::linkat(folder, from, folder, to, 0) != 0) return false;
  // The other name of a linked file goes now; if it cannot, with what else is discarded.
  if (renamed || ::unlinkat(folder, from, 0) == 0) output.unfinished.clear();
  return true;
}

inline result<void> commit(open_output& output) {
  if (output.options.durable && sync(output.file) != 0)
    return source_failure(last_error(), "it could not be synced");
  // Network file systems tell only now what could not be written.
  if (::close(std::exchange(output.file, invalid_handle)) != 0 && errno != EINTR)
    return source_failure(last_error(), "it could not be closed");
  if (!output.options.atomic)
    output.unfinished.clear();
  else if (!take_place(output))
    return source_failure(last_error(), "the new file could not take its place");
  // Some file systems have folders that cannot be synced, and say so by EINVAL.
  if (output.options.durable && sync(output.folder) != 0 && errno != EINVAL)
    return source_failure(last_error(), "it is in its place, but its folder could not be synced");
  return {};
}

inline void discard(open_output& output) noexcept {
  if (output.file != invalid_handle) ::close(output.file);
  if (!output.unfinished.empty() && output.process == process_number())
    ::unlinkat(output.folder, output.unfinished.c_str(), 0);
  if (output.folder != invalid_handle) ::close(output.folder);
}

}  // namespace detail::os
}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

#endif
