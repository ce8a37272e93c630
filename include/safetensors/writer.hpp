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
class gathering_output;
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
  /// `{"w", dtype::f32, {rows, 768}}`; name and shape are copied. A negative size is kept as 2^64-1
  /// and is invalid_shape for a plan, until the shape is changed.
  tensor_spec(std::string_view name, safetensors::dtype dtype, shape_ref shape);
  tensor_spec(const tensor_info& tensor);  ///< as a tensor that was read

 private:
  friend detail::plan_access;
  bool given_negative_size_ = false;  // counts only while the shape holds such a size, 2^64-1
};

/// What a tensor is, and where its bytes are: it owns name and shape, and borrows the bytes, which
/// must stay until it is written. A temporary range does not compile.
struct tensor_data : tensor_spec {
  std::span<const std::byte> bytes{};  ///< of all elements, row-major
  /// Width in bytes of the words that `bytes` holds in the machine's byte order; they are written
  /// little-endian. 1 if the bytes are as in a file.
  std::size_t word_bytes = 1;
  /// The dtype of the elements in `bytes`, if it is known. Unless word_bytes is 1, it must be equal
  /// to `dtype`.
  std::optional<safetensors::dtype> elements{};

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
  write_plan() noexcept = default;  ///< of no file, as one that was moved from: no writer takes it

  /// The specs are not kept. Errors, which name the tensor: invalid_utf8 (a name, or metadata),
  /// reserved_name, unknown_dtype (no enumerator), invalid_shape (a negative size, or millions of
  /// dimensions), size_overflow (a tensor, or all of them), partial_byte, duplicate_tensor;
  /// header_too_large, invalid_option (data_alignment), out_of_memory.
  static result<write_plan> try_make(list_of<tensor_spec> tensors,
                                     const layout_options& options = {});

  /// The tensors in the file's order; file_range() says where each goes. Valid while this plan
  /// exists. After a move, ask the new plan: the old one no longer describes the file.
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

/// Selects what happens to a symbolic link at the end of the path that is written. Links to folders
/// within the path are followed, except those of other users in sticky folders: see output_file. On
/// Windows, other reparse points count as files.
enum class link_mode : std::uint8_t {
  replace,  ///< the link becomes the new file; what it leads to stays as it is
  follow,   ///< the file that the link leads to is replaced, or, on POSIX, created if it is missing
  refuse,   ///< a link is an error: invalid_option
};

/// Options for writing a file to a path.
struct output_options {
  /// true: a temporary file beside the target is renamed at the end. The target is always the old
  /// file or the complete new one.
  ///
  /// false, for mounts that cannot rename: the target itself is written, from front to back by
  /// save(). An existing file keeps its bytes until the first byte is written, or until finish() if
  /// there is nothing to append. After that, an unfinished file is removed; other hard links keep
  /// the partial bytes. Do not read the target in another way than by append_from(), which refuses
  /// it, and let no other thread or process use it at the same time. Errors: invalid_option if the
  /// target is a link and `links` is not `follow`; invalid_option if this process has mapped the
  /// target by mapped_file, or if append_from() is given the target itself.
  bool atomic = true;
  /// false: a file or a link that exists, or is created before commit(), is an error (io, with
  /// std::errc::file_exists) and stays as it is.
  bool replace = true;
  /// true: space for the whole file is reserved at the start, where the file system can, so that a
  /// full disk is found before a byte is written. Set it to false to share blocks with the source.
  /// It has no effect in place.
  bool preallocate = true;
  /// The file and its name survive a loss of power once finish() or save() has returned.
  bool durable = false;
  /// Selects what happens to a symbolic link that has the name.
  link_mode links = link_mode::replace;
  /// true: commit() fails if the mode bits cannot be set. They are those of the old file, reduced
  /// if its group or its access list is not kept. false: accepts those that the file system gives.
  /// It has no effect on Windows.
  bool keep_mode = true;
  /// If set, the path must lead to this source's file, unchanged in size and time since the source
  /// was opened or locked; else target_changed. try_create() checks this. commit() checks it again,
  /// just before the rename; with `atomic = false`, the first write does. The source is borrowed
  /// until try_create() returns.
  const file_source* only_over = nullptr;
};

/// A new file: a positional_sink that can be written from several threads at once. If destroyed
/// before commit(), it removes what it wrote. A program that is killed leaves a file called
/// `.safetensors-….tmp`, which nobody takes for a model.
///
/// Threads and processes may make files for one path at once: each commit() replaces the file as a
/// whole, and the last one stays. After fork, destroying the child's copy does not remove the file.
/// Only one of the two processes may write and commit.
///
/// Effects on the file that has the name (POSIX):
/// - A symbolic link is replaced by the new file, unless `output_options::links` says otherwise. It
/// is
///   an error if the link is in /proc, or leads to something that is not a regular file or that
///   cannot be looked at.
/// - A new file gets the permissions that the umask leaves.
/// - A file that replaces another is private (0600, yours) until commit(). It then gets the owner,
///   group and permissions that the other one has at that moment, without set-user-ID and
///   set-group-ID. If the other one is gone, it gets those that it had at the start. If the owner
///   cannot be kept, the new file stays yours. If the group cannot be kept, the new group gets
///   nothing, and others get only what group and others both had.
/// - A file that replaces a link gets the permissions of the file that the link led to, and is
/// yours.
/// - Access control lists and extended attributes are not kept. If the file has a list, the group
///   gets what the list gives to it, and neither group nor others get more than any user or group
///   that the list names. Other hard links keep the old file, and mappings of it stay intact.
/// - In a sticky folder that others may write to, a link is followed or replaced only if it belongs
///   to you or to the folder's owner. The same holds for replacing or writing a file in a sticky
///   folder that group or others may write to. This is so for root too.
///
/// On Windows, a file that somebody maps or has open may refuse to be replaced: then commit()
/// fails, and the old file stays.
///
/// After a move, path() is empty, size() is 0, and write_at() and try_commit() fail.
class output_file {
 public:
  output_file(output_file&&) noexcept;             ///< leaves no file
  output_file& operator=(output_file&&) noexcept;  ///< leaves no file; removes what was begun here
  ~output_file();                                  ///< removes what was not committed

  /// Creates a file of which all `size` bytes are to be written. Errors: out_of_memory if the
  /// object cannot be allocated; io, with the system's error, if the folder cannot be opened or the
  /// name has something that is not a regular file; invalid_option if `links` refuses a link or,
  /// with `atomic = false`, does not follow it; target_changed as `only_over` says; io if a file
  /// exists and `replace` is false, if it cannot be replaced, or if there is no room;
  /// invalid_option if this process has mapped a file that is to be written in place.
  static result<output_file> try_create(path_ref path, std::uint64_t size,
                                        const output_options& options = {});

  /// Writes bytes from `offset` on. Errors: wrong_length (beyond `size`), the operating system's;
  /// in place, what try_create() returns for the file that is emptied now.
  [[nodiscard]] std::error_code write_at(std::uint64_t offset,
                                         std::span<const std::byte> bytes) noexcept;
  /// Lets the system copy bytes [from.begin, from.end) of a file to `offset`, without moving them
  /// through the program; the file system may even share them. Returns how many were copied, from
  /// the first one on: 0 where the system cannot. Copy the rest by reading and writing. In place,
  /// a source that is the target ends the writing: write_at() and try_commit() then fail.
  [[nodiscard]] std::uint64_t copy_at(std::uint64_t offset, const file_source& source,
                                      byte_range from) noexcept;
  /// Gives the file its name, after syncing it if it is to be durable; does nothing once it has
  /// succeeded. Errors: wrong_order if it was moved from; incomplete_write if fewer than size()
  /// bytes were written (their number is counted: writing a byte twice can hide a hole); io;
  /// target_changed. An error is final; the target is as it was, except where the message says that
  /// only the folder could not be synced.
  result<void> try_commit();
  /// The path, as UTF-8. Valid while this object exists and is not moved.
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept;  ///< bytes that are to be written

#if SAFETENSORS_EXCEPTIONS
  /// As try_create() and try_commit(), throwing safetensors::error.
  output_file(path_ref path, std::uint64_t size, const output_options& options = {})
      : output_file(try_create(path, size, options).value()) {}
  void commit() { try_commit().value(); }
#endif

 private:
  template <byte_sink Sink> friend class basic_writer;
  friend detail::gathering_output;
  explicit output_file(std::unique_ptr<detail::open_output> state) noexcept;
  // In place, the file that exists still has its bytes.
  [[nodiscard]] bool is_untouched() const noexcept;
  // In place, fails for good if the source is the target.
  [[nodiscard]] std::error_code check_source(const file_source& source) noexcept;
  [[nodiscard]] failure failure_of(std::error_code error) const;  // of write_at()
  std::unique_ptr<detail::open_output> state_;
};

//-- writing tensor by tensor

/// Writes a planned file: bytes are appended to tensors by name, in pieces of any size; memory
/// stays that of the plan. Destroyed before finish(), it leaves nothing behind.
///
/// With a positional sink, tensors may be written in any order, and different tensors by different
/// threads at once. Call finish() from one thread, after the others. With a sequential sink,
/// tensors come in the plan's order, from one thread at a time.
///
/// finish() succeeds only if every byte was written, even if the writer was misused. An append
/// claims its bytes of the tensor before it writes any.
/// - An append of more than the tensor has left is wrong_length.
/// - To a sequential sink, a second append during the first is wrong_order, whether it comes from a
///   sink, a source or a thread. So is a second append_from() without a tensor.
/// - finish() during any other call is incomplete_write.
/// - Two threads that append to one tensor are not detected if their bytes fit. The tensor then has
///   them in the order of the claims.
///
/// The first failure sticks: all later calls return it, finish() too. An exception of a sink or a
/// source, or std::bad_alloc, passes through and counts as a failure (incomplete_write). A
/// moved-from writer rejects every call, and its plan is empty; do not call its sink().
template <byte_sink Sink> class basic_writer {
 public:
  basic_writer(basic_writer&&) noexcept = default;             ///< leaves one that takes nothing
  basic_writer& operator=(basic_writer&&) noexcept = default;  ///< gives up what was begun here
  ~basic_writer() = default;

  /// Writes the header. In place over an existing file, the first append writes it. Errors:
  /// invalid_option if the plan is empty, as after a move; wrong_length if the sink is an
  /// output_file of another size than the plan's; out_of_memory; any error that the sink returns.
  static result<basic_writer> try_start(Sink sink, write_plan plan);
  /// Creates the file. The plan is moved from only if this succeeds. Errors: invalid_option if the
  /// plan is empty, as after a move; those of output_file::try_create(); out_of_memory.
  static result<basic_writer> try_create(path_ref path, write_plan&& plan,
                                         const output_options& options = {})
      requires std::same_as<Sink, output_file>;

  /// What is to be written: empty if the writer was moved from. Valid while the writer exists,
  /// which may be moved.
  [[nodiscard]] const write_plan& plan() const& noexcept;
  void plan() const&& = delete;
  /// Where it is written. Valid while the writer exists, which may be moved. Not to be called on a
  /// moved-from writer.
  [[nodiscard]] Sink& sink() & noexcept { return state_->sink; }

  /// The next bytes of a tensor, as in a file. Errors: tensor_not_found, wrong_length (more than
  /// the tensor has), wrong_order (another tensor comes first, another call is in progress, or the
  /// file is finished), io and what else the sink returns; the first failure, once there is one.
  result<void> try_append(std::string_view tensor, std::span<const std::byte> next);
  /// The next elements of a tensor of their dtype. Errors: dtype_mismatch, and those above.
  template <element_range R> result<void> try_append(std::string_view tensor, const R& next);
  /// The next raw words of a tensor whose elements are as wide: std::uint16_t for BF16. Errors:
  /// dtype_mismatch, and those above.
  template <word_range R> result<void> try_append_bits(std::string_view tensor, const R& next);
  /// The next bytes of a tensor, from a source. From a file_source to a file they are copied by the
  /// system. Errors: those above, what the source returns, such as missing_bytes, out_of_memory (a
  /// buffer of at most 1 MiB), and invalid_option if the source is the file that is written in
  /// place.
  template <byte_source S>
  result<void> try_append_from(std::string_view tensor, S&& source, byte_range from);
  /// The next bytes of the data, in the plan's order, whichever tensors they belong to; from one
  /// thread at a time. Tensors of which bytes were written already are wrong_order, except the
  /// first. Errors: those above but tensor_not_found.
  template <byte_source S> result<void> try_append_from(S&& source, byte_range from);

  /// Bytes of a tensor that no append has claimed yet; empty if it is not in the plan.
  [[nodiscard]] std::optional<std::uint64_t> missing(std::string_view tensor) const noexcept;

  /// Completes the file: commits the sink. Called again, it does nothing and succeeds, unless an
  /// append followed. Errors: the first failure; incomplete_write if another call is in progress,
  /// or if bytes of a tensor are missing, which it names; those of the sink.
  result<void> try_finish();

#if SAFETENSORS_EXCEPTIONS
  /// As try_start(), try_create() and the other `try_` twins, throwing safetensors::error.
  basic_writer(Sink sink, write_plan plan)
      : basic_writer(try_start(std::move(sink), std::move(plan)).value()) {}
  basic_writer(path_ref path, write_plan&& plan, const output_options& options = {})
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
    std::unique_ptr<std::atomic<std::uint64_t>[]> claimed;  // bytes of each tensor, in plan order
    std::size_t first_incomplete = 0;                       // for who holds the writer
    std::atomic<bool> held = false;           // by a call that must be the only one of its kind
    std::atomic<std::size_t> calls = 0;       // that are in progress
    std::atomic<bool> header_is_sent = true;  // false: the first append sends it
    std::atomic<bool> finished = false;
    std::atomic<int> failures = 0;  // 1: the first is being noted; 2: it is noted
    failure first_failure{.code = errc::incomplete_write,
                          .detail = "an exception ended an earlier call"};
  };
  // A call that changes the file. Whatever ends it other than success sticks as a failure, also
  // where there is no memory to describe it.
  class call {
   public:
    explicit call(state& of) noexcept : writer_(of) { ++writer_.calls; }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() {
      int none = 0;
      if (!succeeded_) writer_.failures.compare_exchange_strong(none, 2);
      if (holds_) writer_.held = false;
      --writer_.calls;  // last: finish() looks at the failures after the calls
    }
    [[nodiscard]] bool try_hold() noexcept { return holds_ = !writer_.held.exchange(true); }
    result<void> succeed() noexcept {
      succeeded_ = true;
      return {};
    }

   private:
    state& writer_;
    bool holds_ = false, succeeded_ = false;
  };
  struct place {
    std::size_t tensor;    // its number in plan order
    std::uint64_t offset;  // of the file
  };
  explicit basic_writer(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}

  static result<basic_writer> start(Sink sink, write_plan& plan);
  static failure moved_from() {
    return {.code = errc::wrong_order, .detail = "the writer was moved from"};
  }
  [[nodiscard]] const detail::tensor_table& table() const noexcept;
  [[nodiscard]] std::uint64_t missing(std::size_t tensor) const noexcept;
  // Returns how many bytes were claimed before; empty if there are not so many left.
  std::optional<std::uint64_t> claim(std::size_t tensor, std::uint64_t bytes) noexcept;
  void skip_complete() noexcept;
  result<void> fail(failure what);   // of what is written
  result<void> stick(failure what);  // of the sink or the source
  result<void> usable();
  result<void> expect_alone(call& made);
  result<void> expect_ordered(byte_range from);
  result<tensor_info> planned(std::string_view tensor);
  result<place> next_place(call& made, const tensor_info& tensor, std::uint64_t bytes);
  result<place> next_place_in_order(call& made, std::uint64_t bytes);
  std::error_code send(std::uint64_t offset, std::span<const std::byte> bytes);
  result<void> send_header();
  failure sink_failure(std::uint64_t offset, std::error_code error) const;
  result<void> sent(call& made, const place& at, std::error_code error);
  result<void> append_words(call& made, const tensor_info& tensor, std::span<const std::byte> next,
                            std::size_t word_bytes);
  template <class S> result<void> copy(call& made, const place& at, S& source, byte_range from);

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
    return spec.given_negative_size_ &&
           std::find(spec.shape.begin(), spec.shape.end(), any_size) != spec.shape.end();
  }
  static write_plan make(header tensors, block<char> text) noexcept {
    return {std::move(tensors), std::move(text)};
  }
};

struct layout {
  write_plan plan;
  block<const tensor_spec*> tensors;  // in the file's order
};

constexpr bool is_dtype(dtype type) noexcept {
  return static_cast<std::size_t>(type) < std::size(dtypes);
}

inline failure spec_failure(errc code, const tensor_spec& spec, std::string detail,
                            std::string advice = {}) {
  return {
      .code = code, .tensor = spec.name, .detail = std::move(detail), .advice = std::move(advice)};
}

inline result<void> check_spec(const tensor_spec& spec) {
  if (const std::size_t valid = valid_utf8_prefix(spec.name); valid != spec.name.size())
    return spec_failure(errc::invalid_utf8, spec,
                        text("its name is not valid UTF-8 at byte ", valid));
  if (spec.name == "__metadata__")
    return spec_failure(errc::reserved_name, spec, "a tensor must not be named __metadata__",
                        "put metadata into layout_options::metadata");
  if (!is_dtype(spec.dtype))
    return spec_failure(errc::unknown_dtype, spec, "its dtype is not one of the enumerators");
  if (plan_access::has_negative_size(spec))
    return spec_failure(errc::invalid_shape, spec, "its shape holds a negative size");
  if (spec.shape.size() > record::max_rank)
    return spec_failure(errc::invalid_shape, spec, too_many_dimensions);
  const tensor_size size = measure(spec.dtype, spec.shape);
  if (size.broken == errc{}) return {};
  return spec_failure(size.broken, spec, size_text(spec.dtype, spec.shape, size));
}

inline result<void> check_metadata(const metadata_map& metadata) {
  for (const auto& [key, value] : metadata) {
    if (valid_utf8_prefix(key) != key.size())
      return failure{.code = errc::invalid_utf8,
                     .detail = text("the metadata key ", in_quotes(key), " is not valid UTF-8")};
    if (valid_utf8_prefix(value) != value.size())
      return failure{.code = errc::invalid_utf8,
                     .detail = text("the value of ", in_quotes(key), " is not valid UTF-8")};
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
      return spec_failure(errc::size_overflow, spec,
                          "all tensors together need more than 2^64 bytes");
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
    return failure{.code = errc::duplicate_tensor,
                   .tensor = indexed.error().tensor,
                   .detail = "two tensors have this name"};
  }

  [[nodiscard]] failure too_large(std::uint64_t size) const {
    return {.code = errc::header_too_large,
            .detail =
                text("the header would have at least ", size, " bytes, but the limit is ", limit_),
            .advice = options_.data_alignment > limit_ ? "data_alignment makes it so long"
                                                       : limit_advice(size)};
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
        .detail = text("data_alignment is ", options.data_alignment, ", not a power of two")};
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

// How to write elements of another dtype.
inline std::string conversion_advice(dtype to) {
  const auto bits = static_cast<std::uint64_t>(bit_width(to));
  if (!cpp_type_of(to).empty() || bits < 8)
    return text("convert them to ", to_string(to), " first");
  return text("convert them to ", to_string(to), " first, and write the result as std::uint", bits,
              "_t");
}

// Bytes are as many as they must be, words as wide, and elements of the dtype.
inline result<void> check_data(const tensor_data& tensor) {
  const dtype elements = tensor.elements.value_or(tensor.dtype);
  if (!is_dtype(elements))
    return spec_failure(errc::unknown_dtype, tensor, "`elements` is not one of the enumerators");
  if (tensor.word_bytes != 1 && elements != tensor.dtype)
    return spec_failure(errc::dtype_mismatch, tensor,
                        text("its dtype is ", to_string(tensor.dtype), ", but the elements are ",
                             to_string(elements)),
                        conversion_advice(tensor.dtype));
  const std::uint64_t wanted = measure(tensor.dtype, tensor.shape).bits / 8;
  if (tensor.bytes.size() != wanted)
    return spec_failure(
        errc::size_mismatch, tensor,
        text(to_string(tensor.dtype), " ", shape_text(tensor.shape), " needs ",
             counted(wanted, "byte"), ", but ", tensor.bytes.size(), " were given"));
  if (tensor.word_bytes == 1 || tensor.word_bytes == swap_unit(tensor.dtype) ||
      8 * tensor.word_bytes == static_cast<std::size_t>(bit_width(tensor.dtype)))
    return {};
  return spec_failure(errc::dtype_mismatch, tensor,
                      text("an element of ", to_string(tensor.dtype), " has ",
                           static_cast<std::uint64_t>(bit_width(tensor.dtype)),
                           " bits, but the words have ", 8 * tensor.word_bytes));
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
  [[nodiscard]] failure failure_of(std::error_code error) const { return file_.failure_of(error); }

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

// POSIX: what a file that replaces another gets.
struct file_rights {
  std::uint32_t mode = 0, owner = 0, group = 0;
  bool with_owner = false;  // not where a link is replaced
};

// What has a name that is to be written: a regular file, by itself or behind a link, or nothing.
struct name_holder {
  bool is_link = false;
  std::uint32_t owner = 0;  // of the file or the link that has the name
  std::optional<file_facts> file{};
  file_rights rights{};  // of the file
};

// Detail and advice of a failure that may be found where there is no memory for text.
struct reason {
  const char *what = nullptr, *advice = "";
};

inline failure reason_failure(errc code, reason why) {
  return {.code = code, .detail = why.what, .advice = why.advice};
}

// A file that is being written.
struct open_output {
  // In place, a file that exists is opened, and so emptied, by the first write.
  enum class stage_of_target : std::uint8_t { untouched, changing, open, refused };

  native_handle file = invalid_handle;
  native_handle second = invalid_handle;  // POSIX: of the same file, for what closing it leaves
  native_handle folder = invalid_handle;  // POSIX: holds both names
  native_handle origin = invalid_handle;  // POSIX: where a relative path begins
  os::path_text given{};                  // POSIX: the path, if it must still lead to only_over
  os::path_text target{};
  os::path_text unfinished{};                    // the name that is removed unless it is committed
  file_identity own{};                           // POSIX: of the file that was opened under it
  bool is_begun = false;                         // Windows: that file was opened
  bool tried = false, committed = false;         // to commit it
  std::uint64_t process = os::process_number();  // that removes it: no copy in one forked from it
  std::uint64_t size = 0;
  std::atomic<std::uint64_t> written = 0;  // bytes, all in all
  output_options options{};
  std::optional<file_facts> only_over{};  // of options.only_over, which may be gone
  std::optional<file_rights> rights{};    // of the file that had the name at the start
  file_facts in_place{};                  // of the target at the start, where it is written itself
  std::atomic<stage_of_target> stage = stage_of_target::open;
  std::error_code refusal{};
  reason why{};        // of the refusal
  std::string path{};  // as UTF-8

  // Returns the stage once no thread is changing it.
  stage_of_target settled() const noexcept;
  // Opens the target if that is still to be done, by one thread.
  std::error_code ready() noexcept;
  // Nothing more is written.
  std::error_code refuse(errc code, reason words) noexcept;
};

inline constexpr const char* cannot_write = "cannot write it";
inline constexpr const char* cannot_follow = "cannot follow the symbolic link";
inline constexpr const char* already_there = "a file of this name exists";
inline constexpr const char* without_rename = "atomic = false writes without renaming";

namespace os {
result<void> create(open_output& output, const path_ref& path);
std::error_code open_in_place(open_output& output) noexcept;
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

inline open_output::stage_of_target open_output::settled() const noexcept {
  stage_of_target now = stage;
  for (; now == stage_of_target::changing; now = stage) os::rest();
  return now;
}

inline std::error_code open_output::ready() noexcept {
  for (stage_of_target now = settled(); now != stage_of_target::open; now = settled()) {
    if (now == stage_of_target::refused) return refusal;
    if (!stage.compare_exchange_strong(now, stage_of_target::changing)) continue;
    refusal = os::open_in_place(*this);
    stage = refusal ? stage_of_target::refused : stage_of_target::open;
  }
  return {};
}

inline std::error_code open_output::refuse(errc code, reason words) noexcept {
  for (stage_of_target now = settled(); now != stage_of_target::refused; now = settled()) {
    if (!stage.compare_exchange_strong(now, stage_of_target::changing)) continue;
    refusal = make_error_code(code);
    why = words;
    stage = stage_of_target::refused;
  }
  return refusal;
}

inline result<void> expect_plan(const write_plan& plan) {
  if (!plan.header_bytes().empty()) return {};
  return failure{.code = errc::invalid_option,
                 .detail = "the plan is empty; it may have been moved from"};
}

// Why a name no longer leads to the file that it is to lead to; null: it does.
inline const char* what_changed(const file_facts& wanted,
                                const std::optional<file_facts>& found) noexcept {
  if (!found) return "the file is no longer there";
  if (found->identity != wanted.identity) return "another file has its name now";
  return *found == wanted ? nullptr : "the file has been written to";
}

inline result<void> check_only_over(const std::optional<file_facts>& wanted,
                                    const std::optional<file_facts>& found) {
  const char* const why = wanted ? what_changed(*wanted, found) : nullptr;
  if (why == nullptr) return {};
  return failure{.code = errc::target_changed, .detail = why};
}

inline constexpr reason mapped_here{
    "this process has mapped the file, which writing in place would empty",
    "load it with memory_file, or leave atomic = true"};
inline constexpr reason link_in_place{"it is a symbolic link, which cannot be replaced in place",
                                      "link_mode::follow writes the file that it leads to"};
inline constexpr reason reads_itself{
    "the source is the file that is written, which writing in place would empty",
    "leave atomic = true"};

inline result<void> expect_not_refused(const open_output& output, const name_holder& holder) {
  if (!holder.is_link || output.options.links != link_mode::refuse) return {};
  return failure{.code = errc::invalid_option,
                 .detail = "it is a symbolic link, which link_mode::refuse forbids"};
}

// Whether the target in place, which is to be emptied now, is still what it was at the start.
inline std::error_code expect_in_place(open_output& output,
                                       const std::optional<file_facts>& now) noexcept {
  output.why = {what_changed(output.in_place, now)};
  if (output.why.what != nullptr) return make_error_code(errc::target_changed);
  if (!mapping_list::of_process().holds(output.in_place.identity)) return {};
  output.why = mapped_here;
  return make_error_code(errc::invalid_option);
}

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
      failure what = reported_failure(error, cannot_read);
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
    : name(tensor_name), dtype(type), given_negative_size_(!sizes.valid()) {
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
      word_bytes(detail::swap_unit(dtype)),
      elements(dtype) {
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
  dtype = type;
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
  if (made.state_ == nullptr)
    return detail::with_path(result<output_file>(errc::out_of_memory), path);
  made.state_->path = path.to_utf8();
  made.state_->size = size;
  made.state_->options = options;
  if (const file_source* source = std::exchange(made.state_->options.only_over, nullptr))
    made.state_->only_over = detail::access::facts(*source);
  if (auto created = detail::os::create(*made.state_, path); !created)
    return detail::with_path(result<output_file>(std::move(created).error()), path);
  return made;
}

inline std::error_code output_file::write_at(std::uint64_t offset,
                                             std::span<const std::byte> bytes) noexcept {
  if (offset > size() || bytes.size() > size() - offset) return make_error_code(errc::wrong_length);
  if (bytes.empty()) return {};
  if (const std::error_code error = state_->ready()) return error;
  while (!bytes.empty()) {
    const auto piece = bytes.first((std::min)(bytes.size(), detail::piece_bytes));
    if (const std::error_code error = detail::os::write_at(state_->file, offset, piece))
      return error;
    state_->written += piece.size();
    if (state_->options.durable) detail::os::start_syncing(state_->file, offset, piece.size());
    bytes = bytes.subspan(piece.size());
    offset += piece.size();
  }
  return {};
}

inline std::uint64_t output_file::copy_at(std::uint64_t offset, const file_source& source,
                                          byte_range from) noexcept {
  const std::uint64_t begin = from.begin;
  if (begin > from.end || from.end > source.size() || offset > size() ||
      from.size() > size() - offset)
    return 0;
  if (from.size() == 0 || check_source(source) || state_->ready()) return 0;
  while (from.begin != from.end) {
    const std::uint64_t to = offset + (from.begin - begin);
    const std::uint64_t most = state_->options.durable ? detail::piece_bytes : from.size();
    const std::uint64_t copied = detail::os::copy(source.handle(), source.offset() + from.begin,
                                                  state_->file, to, (std::min)(from.size(), most));
    if (copied == 0) break;
    state_->written += copied;
    if (state_->options.durable) detail::os::start_syncing(state_->file, to, copied);
    from.begin += copied;
  }
  return from.begin - begin;
}

inline result<void> output_file::try_commit() {
  if (state_ == nullptr)
    return failure{.code = errc::wrong_order, .detail = "this output_file was moved from"};
  if (state_->committed) return {};
  constexpr const char* final_failure = "finishing it failed before";
  const std::uint64_t written = state_->written;
  result<void> done;
  if (std::exchange(state_->tried, true)) {
    done = failure{.code = errc::io, .detail = final_failure};
  } else if (written < state_->size) {
    (void)state_->refuse(errc::incomplete_write, {final_failure});  // also to empty what exists
    done = failure{.code = errc::incomplete_write,
                   .detail = detail::text("only ", written, " of its ",
                                          detail::counted(state_->size, "byte"), " were written")};
  } else if (const std::error_code error = state_->ready()) {
    done = failure_of(error);
  } else {
    done = detail::os::commit(*state_);
  }
  state_->committed = done.has_value();
  if (done) return done;  // there may be no memory for anything, and the file has its name
  return detail::with_path(std::move(done), state_->path);
}

inline std::string_view output_file::path() const noexcept {
  return state_ == nullptr ? std::string_view() : state_->path;
}
inline std::uint64_t output_file::size() const noexcept {
  return state_ == nullptr ? 0 : state_->size;
}
inline bool output_file::is_untouched() const noexcept {
  return state_ != nullptr && state_->settled() == detail::open_output::stage_of_target::untouched;
}
inline std::error_code output_file::check_source(const file_source& source) noexcept {
  const detail::file_identity identity = detail::access::facts(source).identity;
  if (state_ == nullptr || identity == detail::file_identity{} ||
      identity != state_->in_place.identity)
    return {};
  return state_->refuse(errc::invalid_option, detail::reads_itself);
}
inline failure output_file::failure_of(std::error_code error) const {
  const bool refused =
      state_ != nullptr && state_->settled() == detail::open_output::stage_of_target::refused;
  const bool has_reason = refused && error == state_->refusal && state_->why.what != nullptr;
  failure what = has_reason ? detail::source_failure(error, state_->why.what, state_->why.advice)
                            : detail::reported_failure(error, detail::cannot_write);
  what.path = path();
  return what;
}

//-- definitions: writer

template <byte_sink Sink>
result<basic_writer<Sink>> basic_writer<Sink>::start(Sink sink, write_plan& plan) {
  if constexpr (std::same_as<Sink, output_file>)
    if (sink.size() != plan.file_size())
      return failure{
          .code = errc::wrong_length,
          .path = std::string(sink.path()),
          .detail = detail::text("the plan has ", detail::counted(plan.file_size(), "byte"),
                                 ", but the output_file was made for ", sink.size())};
  basic_writer made(std::unique_ptr<state>(new (std::nothrow) state{
      .plan = {},
      .sink = std::move(sink),
      .claimed = std::unique_ptr<std::atomic<std::uint64_t>[]>(
          new (std::nothrow) std::atomic<std::uint64_t>[plan.tensors().size()] {})}));
  if (made.state_ == nullptr)
    return detail::with_path_of(result<basic_writer>(errc::out_of_memory), sink);
  if (made.state_->claimed == nullptr)
    return detail::with_path_of(result<basic_writer>(errc::out_of_memory), made.state_->sink);
  if constexpr (std::same_as<Sink, output_file>)
    made.state_->header_is_sent = !made.state_->sink.is_untouched();
  if (made.state_->header_is_sent)
    if (const std::error_code error = made.send(0, plan.header_bytes()))
      return made.sink_failure(0, error);
  made.state_->plan = std::move(plan);
  return made;
}

template <byte_sink Sink>
result<basic_writer<Sink>> basic_writer<Sink>::try_start(Sink sink, write_plan plan) {
  if (auto usable = detail::expect_plan(plan); !usable) return std::move(usable).error();
  return start(std::move(sink), plan);
}

template <byte_sink Sink>
result<basic_writer<Sink>> basic_writer<Sink>::try_create(path_ref path, write_plan&& plan,
                                                          const output_options& options)
    requires std::same_as<Sink, output_file> {
  if (auto usable = detail::expect_plan(plan); !usable)
    return detail::with_path(result<basic_writer>(std::move(usable).error()), path);
  result<output_file> created = output_file::try_create(path, plan.file_size(), options);
  if (!created) return std::move(created).error();
  return start(*std::move(created), plan);
}

template <byte_sink Sink> const write_plan& basic_writer<Sink>::plan() const& noexcept {
  static const write_plan none;
  return state_ == nullptr ? none : state_->plan;
}

template <byte_sink Sink> const detail::tensor_table& basic_writer<Sink>::table() const noexcept {
  return *detail::access::table(state_->plan.tensors());
}

template <byte_sink Sink>
std::uint64_t basic_writer<Sink>::missing(std::size_t tensor) const noexcept {
  const detail::record& entry = table().records[tensor];
  return entry.end - entry.begin - state_->claimed[tensor];
}

template <byte_sink Sink>
std::optional<std::uint64_t> basic_writer<Sink>::claim(std::size_t tensor,
                                                       std::uint64_t bytes) noexcept {
  const detail::record& entry = table().records[tensor];
  std::uint64_t before = state_->claimed[tensor];
  do
    if (bytes > entry.end - entry.begin - before) return std::nullopt;
  while (!state_->claimed[tensor].compare_exchange_weak(before, before + bytes));
  return before;
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
  if (state_->failures == 2) return state_->first_failure;
  if (state_->failures == 1)
    return failure{.code = errc::incomplete_write,
                   .detail = "another thread's call failed at the same time"};
  if (state_->finished)
    return fail({.code = errc::wrong_order, .detail = "it is finished already"});
  return {};
}

template <byte_sink Sink> result<void> basic_writer<Sink>::expect_alone(call& made) {
  if (made.try_hold()) return {};
  return fail({.code = errc::wrong_order,
               .detail = "a sink, a source or another thread called the writer during an append"});
}

template <byte_sink Sink> result<void> basic_writer<Sink>::expect_ordered(byte_range from) {
  if (from.begin <= from.end) return {};
  return fail({.code = errc::wrong_length,
               .detail = detail::text("the range of the source ends at byte ", from.end,
                                      ", before it begins")});
}

template <byte_sink Sink> result<tensor_info> basic_writer<Sink>::planned(std::string_view tensor) {
  if (auto ready = usable(); !ready) return std::move(ready).error();
  result<tensor_info> found = state_->plan.tensors().try_at(tensor);
  if (found) return found;
  failure what = std::move(found).error();
  what.detail = "the plan has no tensor of this name";
  return fail(std::move(what)).error();
}

template <byte_sink Sink>
auto basic_writer<Sink>::next_place(call& made, const tensor_info& tensor, std::uint64_t bytes)
    -> result<place> {
  const std::size_t number = detail::access::record_number(tensor);
  if constexpr (!positional_sink<Sink>) {
    if (auto alone = expect_alone(made); !alone) return std::move(alone).error();
    skip_complete();
    if (bytes != 0 && missing(number) != 0 && number != state_->first_incomplete)
      return fail(
                 detail::tensor_failure(
                     errc::wrong_order, tensor,
                     detail::text(
                         detail::counted(missing(state_->first_incomplete), "byte"), " of ",
                         detail::in_quotes(table().name(table().records[state_->first_incomplete])),
                         " come first")))
          .error();
  }
  if (const auto before = claim(number, bytes))
    return place{number, tensor.file_range().begin + *before};
  return fail(detail::tensor_failure(
                  errc::wrong_length, tensor,
                  detail::text(detail::counted(bytes, "byte"), " were given, but only ",
                               missing(number), " are missing")))
      .error();
}

template <byte_sink Sink>
auto basic_writer<Sink>::next_place_in_order(call& made, std::uint64_t bytes) -> result<place> {
  if (auto alone = expect_alone(made); !alone) return std::move(alone).error();
  skip_complete();
  const detail::tensor_table& table = this->table();
  const std::size_t first = state_->first_incomplete, count = table.records.size();
  std::uint64_t room = 0;
  for (std::size_t i = first; i != count && room < bytes; ++i) {
    if (i != first && state_->claimed[i] != 0)
      return fail(detail::tensor_failure(
                      errc::wrong_order, detail::access::info(table, table.records[i]),
                      "bytes of it were appended before those of the tensors in front of it"))
          .error();
    room += missing(i);
  }
  if (room < bytes)
    return fail({.code = errc::wrong_length,
                 .detail = detail::text(detail::counted(bytes, "byte"), " were given, but only ",
                                        room, " are missing")})
        .error();
  std::uint64_t at = table.data_size;
  for (std::size_t i = first; i != count && (i == first || bytes != 0); ++i) {
    const std::uint64_t part = (std::min)(bytes, missing(i));
    const auto before = claim(i, part);
    if (i == first && before) at = table.records[i].begin + *before;
    // Another thread appends to these tensors by name.
    if (!before || (i != first && *before != 0))
      return fail(detail::tensor_failure(errc::wrong_order,
                                         detail::access::info(table, table.records[i]),
                                         "bytes of it were appended at the same time"))
          .error();
    bytes -= part;
  }
  if (bytes != 0)
    return fail({.code = errc::wrong_order, .detail = "other bytes were appended at the same time"})
        .error();
  return place{first, table.data_start() + at};
}

template <byte_sink Sink>
std::error_code basic_writer<Sink>::send(std::uint64_t offset, std::span<const std::byte> bytes) {
  if constexpr (positional_sink<Sink>)
    return state_->sink.write_at(offset, bytes);
  else
    return state_->sink.write(bytes);
}

template <byte_sink Sink> result<void> basic_writer<Sink>::send_header() {
  if (state_->header_is_sent.exchange(true)) return {};
  if (const std::error_code error = send(0, state_->plan.header_bytes()))
    return stick(sink_failure(0, error));
  return {};
}

template <byte_sink Sink>
failure basic_writer<Sink>::sink_failure(std::uint64_t offset, std::error_code error) const {
  failure what;
  if constexpr (std::same_as<Sink, output_file>)
    what = state_->sink.failure_of(error);
  else
    what = detail::reported_failure(error, "the sink failed");
  what.offset = offset;
  return what;
}

template <byte_sink Sink>
result<void> basic_writer<Sink>::sent(call& made, const place& at, std::error_code error) {
  if (!error) return made.succeed();
  failure what = sink_failure(at.offset, error);
  if (at.tensor != table().records.size())
    what.tensor = std::string(table().name(table().records[at.tensor]));
  return stick(std::move(what));
}

template <byte_sink Sink>
result<void> basic_writer<Sink>::append_words(call& made, const tensor_info& tensor,
                                              std::span<const std::byte> next,
                                              std::size_t word_bytes) {
  const result<place> at = next_place(made, tensor, next.size());
  if (!at) return at.error();
  if (next.empty()) return made.succeed();
  if (auto begun = send_header(); !begun) return begun;
  std::uint64_t offset = at->offset;
  return sent(made, *at,
              detail::put_in_file_order(next, word_bytes, [&](std::span<const std::byte> piece) {
                return send(std::exchange(offset, offset + piece.size()), piece);
              }));
}

template <byte_sink Sink>
result<void> basic_writer<Sink>::try_append(std::string_view tensor,
                                            std::span<const std::byte> next) {
  if (state_ == nullptr) return moved_from();
  call made(*state_);
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  return append_words(made, *found, next, 1);
}

template <byte_sink Sink> template <element_range R>
result<void> basic_writer<Sink>::try_append(std::string_view tensor, const R& next) {
  using value = std::remove_cv_t<element_of<const R>>;
  static_assert(detail::has_dtype_width<value>, "dtype_traits<T>::value must be as wide as T");
  if (state_ == nullptr) return moved_from();
  call made(*state_);
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  if (constexpr dtype given = dtype_traits<value>::value; found->dtype() != given)
    return fail(detail::tensor_failure(errc::dtype_mismatch, *found,
                                       detail::text("its dtype is ", to_string(found->dtype()),
                                                    ", but the elements are ", to_string(given)),
                                       detail::conversion_advice(found->dtype())));
  return append_words(made, *found, std::as_bytes(std::span(std::data(next), std::size(next))),
                      detail::swap_unit(found->dtype()));
}

template <byte_sink Sink> template <word_range R>
result<void> basic_writer<Sink>::try_append_bits(std::string_view tensor, const R& next) {
  constexpr std::size_t word_bytes = sizeof(element_of<const R>);
  if (state_ == nullptr) return moved_from();
  call made(*state_);
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  if (auto same = detail::expect_width(*found, word_bytes); !same) {
    failure what = std::move(same).error();
    what.advice = "append() takes bytes of any dtype";
    return fail(std::move(what));
  }
  return append_words(made, *found, std::as_bytes(std::span(std::data(next), std::size(next))),
                      word_bytes);
}

template <byte_sink Sink> template <class S>
result<void> basic_writer<Sink>::copy(call& made, const place& at, S& source, byte_range from) {
  constexpr bool by_system =
      std::same_as<Sink, output_file> && std::same_as<std::remove_const_t<S>, file_source>;
  if (from.size() == 0) return made.succeed();
  std::uint64_t offset = at.offset;
  if constexpr (by_system)
    if (const std::error_code error = state_->sink.check_source(source))
      return sent(made, at, error);
  if (auto begun = send_header(); !begun) return begun;
  if constexpr (by_system) {
    const std::uint64_t copied = state_->sink.copy_at(offset, source, from);
    from.begin += copied;
    offset += copied;
  }
  const result<std::error_code> written =
      detail::copy_through(source, from, [&](std::span<const std::byte> piece) {
        return send(std::exchange(offset, offset + piece.size()), piece);
      });
  if (written) return sent(made, at, *written);
  return stick(written.error());
}

template <byte_sink Sink> template <byte_source S>
result<void> basic_writer<Sink>::try_append_from(std::string_view tensor, S&& source,
                                                 byte_range from) {
  if (state_ == nullptr) return moved_from();
  call made(*state_);
  const result<tensor_info> found = planned(tensor);
  if (!found) return found.error();
  if (auto ordered = expect_ordered(from); !ordered) return ordered;
  const result<place> at = next_place(made, *found, from.size());
  if (!at) return at.error();
  return copy(made, *at, source, from);
}

template <byte_sink Sink> template <byte_source S>
result<void> basic_writer<Sink>::try_append_from(S&& source, byte_range from) {
  if (state_ == nullptr) return moved_from();
  call made(*state_);
  if (auto ready = usable(); !ready) return ready;
  if (auto ordered = expect_ordered(from); !ordered) return ordered;
  const result<place> at = next_place_in_order(made, from.size());
  if (!at) return at.error();
  return copy(made, *at, source, from);
}

template <byte_sink Sink>
std::optional<std::uint64_t> basic_writer<Sink>::missing(std::string_view tensor) const noexcept {
  const auto found = plan().tensors().find(tensor);
  if (!found) return std::nullopt;
  return missing(detail::access::record_number(*found));
}

template <byte_sink Sink> result<void> basic_writer<Sink>::try_finish() {
  if (state_ == nullptr) return moved_from();
  if (state_->finished && state_->failures == 0) return {};
  call made(*state_);
  if (auto ready = usable(); !ready) return ready;
  const auto expect_no_other_call = [&]() -> result<void> {
    if (state_->calls == 1) return {};
    return fail(
        {.code = errc::incomplete_write, .detail = "another call of the writer is in progress"});
  };
  if (auto alone = expect_no_other_call(); !alone) return alone;
  // Claims, then calls, then failures: what a call still does or has failed to do is seen.
  const detail::tensor_table& table = this->table();
  for (std::size_t i = 0; i != table.records.size(); ++i)
    if (const std::uint64_t left = missing(i); left != 0)
      return fail({.code = errc::incomplete_write,
                   .tensor = std::string(table.name(table.records[i])),
                   .detail = detail::text(detail::counted(left, "byte"), " of it ",
                                          left == 1 ? "was" : "were", " not appended")});
  if (auto alone = expect_no_other_call(); !alone) return alone;
  if (auto ready = usable(); !ready) return ready;
  if (auto begun = send_header(); !begun) return begun;
  if constexpr (requires(Sink& sink) {
                  { sink.try_commit() } -> std::same_as<result<void>>;
                })
    if (auto committed = state_->sink.try_commit(); !committed)
      return fail(std::move(committed).error());
  state_->finished = true;
  if (state_->failures != 0) return usable();  // of a call that the sink made meanwhile
  return made.succeed();
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
  if (!output.start()) return detail::with_path(result<void>(errc::out_of_memory), path);
  std::error_code error = detail::put_file(
      *layout, [&](std::span<const std::byte> next) { return output.write(next); });
  if (!error) error = output.flush();
  if (error) return output.failure_of(error);
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

struct _WIN32_FIND_DATAW;
extern "C" {
__declspec(dllimport) void* __stdcall FindFirstFileW(const wchar_t*, _WIN32_FIND_DATAW*);
__declspec(dllimport) int __stdcall FindClose(void*);
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

// A name for a symbolic link: other reparse points, such as files of a cloud, are files.
inline bool is_symbolic_link(const std::wstring& path, unsigned long attributes) noexcept {
  constexpr unsigned long reparse_point = 0x400, link_tag = 0xA000000Cu;
  if ((attributes & reparse_point) == 0) return false;
  std::uint32_t words[148]{};  // WIN32_FIND_DATAW
  constexpr std::size_t tag = 9;
  void* const search = FindFirstFileW(path.c_str(), reinterpret_cast<_WIN32_FIND_DATAW*>(words));
  if (search == invalid_handle) return false;
  FindClose(search);
  return words[tag] == link_tag;
}

// To ask for what a path leads to.
inline native_handle open_to_ask(const std::wstring& path) noexcept {
  constexpr unsigned long share_all = 7, open_existing = 3, normal = 0x80;
  return CreateFileW(path.c_str(), 0, share_all, nullptr, open_existing, normal, nullptr);
}

// What has a name that is to be written.
inline result<name_holder> look(const std::wstring& path) {
  constexpr unsigned long directory = 0x10;
  name_holder holder;
  const unsigned long attributes = GetFileAttributesW(path.c_str());
  if (attributes == ~0ul) {
    const unsigned long error = GetLastError();
    if (error == 2 || error == 3) return holder;  // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
    return source_failure(last_error(), cannot_examine);
  }
  if ((attributes & directory) != 0)
    return source_failure(std::make_error_code(std::errc::is_a_directory), cannot_write);
  holder.is_link = is_symbolic_link(path, attributes);
  const native_handle file = open_to_ask(path);
  if (file == invalid_handle) {
    const unsigned long error = GetLastError();
    const bool nowhere = error == 2 || error == 3 || error == 1921;  // or nothing but links
    if (holder.is_link && nowhere) return holder;
    return source_failure(last_error(), cannot_examine);
  }
  const result<file_facts> regular = regular_file_facts(file);
  CloseHandle(file);
  if (!regular) return regular.error();
  holder.file = *regular;
  return holder;
}

inline result<void> follow_link(std::wstring& path) {
  constexpr unsigned long most = 0x8000;
  const native_handle file = open_to_ask(path);
  if (file == invalid_handle) return source_failure(last_error(), cannot_follow);
  std::wstring found(most, L'\0');
  const unsigned long length = GetFinalPathNameByHandleW(file, found.data(), most, 0);
  const std::error_code error = last_error();
  CloseHandle(file);
  if (length == 0 || length >= most) return source_failure(error, cannot_follow);
  path.assign(found, 0, length);
  return {};
}

// The name leads to what it is to lead to.
inline result<void> expect_holder(const open_output& output, const name_holder& holder) {
  if (auto allowed = expect_not_refused(output, holder); !allowed) return allowed;
  if (holder.is_link && !output.options.atomic && output.options.links != link_mode::follow)
    return reason_failure(errc::invalid_option, link_in_place);
  return check_only_over(output.only_over, holder.file);
}

inline native_handle open_to_write(const std::wstring& path, unsigned long disposition) noexcept {
  constexpr unsigned long generic_write = 0x40000000u, share_read_delete = 5, normal = 0x80;
  return CreateFileW(path.c_str(), generic_write, share_read_delete, nullptr, disposition, normal,
                     nullptr);
}
inline constexpr unsigned long create_new = 1, create_always = 2;

// Empties what is written in place.
inline std::error_code open_in_place(open_output& output) noexcept {
  std::optional<file_facts> now;
  if (const native_handle file = open_to_ask(output.target); file != invalid_handle) {
    now = facts_of(file);
    CloseHandle(file);
  }
  if (const std::error_code error = expect_in_place(output, now)) return error;
  output.file = open_to_write(output.target, create_always);
  if (output.file == invalid_handle) return last_error();
  output.is_begun = true;
  return {};
}

inline result<void> create(open_output& output, const path_ref& path) {
  result<std::wstring> target = native_path(path);
  if (!target) return std::move(target).error();
  output.target = *std::move(target);
  if (output.target.empty())
    return source_failure(std::make_error_code(std::errc::no_such_file_or_directory), empty_path);
  result<name_holder> found = look(output.target);
  if (!found) return std::move(found).error();
  if (auto expected = expect_holder(output, *found); !expected) return expected;
  if (found->is_link && output.options.links == link_mode::follow)
    if (auto followed = follow_link(output.target); !followed) return followed;
  if ((found->is_link || found->file) && !output.options.replace)
    return source_failure(std::make_error_code(std::errc::file_exists), already_there,
                          "replace = true replaces it");

  std::wstring name = output.target;
  if (output.options.atomic) {
    const std::string temporary = temporary_name();
    name.resize(name.find_last_of(L"\\/:") + 1);
    name.append(temporary.begin(), temporary.end());
  } else if (found->file) {
    output.in_place = *found->file;
    output.stage = open_output::stage_of_target::untouched;
    output.unfinished = std::move(name);
    if (mapping_list::of_process().holds(output.in_place.identity))
      return reason_failure(errc::invalid_option, mapped_here);
    return {};
  }
  output.file = open_to_write(name, create_new);
  if (output.file == invalid_handle)
    return source_failure(last_error(), output.options.atomic
                                            ? "cannot create a temporary file in its folder"
                                            : cannot_write);
  output.unfinished = std::move(name);
  output.is_begun = true;
  if (output.options.atomic && output.options.preallocate) {
    auto high = static_cast<long>(output.size >> 32);
    constexpr unsigned long failed = ~0ul;  // or a position that looks like it
    if ((SetFilePointer(output.file, static_cast<long>(output.size), &high, 0) == failed &&
         GetLastError() != 0) ||
        SetEndOfFile(output.file) == 0)
      return source_failure(last_error(),
                            text("there is not enough space for ", counted(output.size, "byte")));
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
    return source_failure(last_error(), "cannot sync it");
  if (CloseHandle(std::exchange(output.file, invalid_handle)) == 0)
    return source_failure(last_error(), "cannot close it");
  if (output.options.atomic && output.options.replace) {
    const result<name_holder> now = look(output.target);
    if (!now) return now.error();
    if (auto expected = expect_holder(output, *now); !expected) return expected;
  }
  const unsigned long flags = (output.options.replace ? 1 /* MOVEFILE_REPLACE_EXISTING */ : 0) |
                              (output.options.durable ? 8 /* MOVEFILE_WRITE_THROUGH */ : 0);
  if (output.options.atomic &&
      MoveFileExW(output.unfinished.c_str(), output.target.c_str(), flags) == 0)
    return source_failure(last_error(), "the new file cannot take its place",
                          "close or unmap the old file first; memory_file keeps no file open");
  output.unfinished.clear();
  return {};
}

inline void discard(open_output& output) noexcept {
  if (output.file != invalid_handle) CloseHandle(output.file);
  if (output.is_begun && !output.unfinished.empty()) DeleteFileW(output.unfinished.c_str());
}

}  // namespace detail::os
}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

#else

#include <cstdio>

#ifdef __linux__
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#endif

namespace safetensors {
inline namespace SAFETENSORS_ABI {
namespace detail::os {

#if defined(__GLIBC__) || defined(__BIONIC__)
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat64(folder, name, flags, mode);
}
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite64(file, from, size, static_cast<file_offset>(offset));
}
#else
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat(folder, name, flags, mode);
}
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite(file, from, size, static_cast<file_offset>(offset));
}
#endif

// Closes what it opened.
class descriptor {
 public:
  explicit descriptor(int file = invalid_handle) noexcept : file_(file) {}
  descriptor(descriptor&& other) noexcept : file_(std::exchange(other.file_, invalid_handle)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~descriptor() {
    if (file_ != invalid_handle) ::close(file_);
  }
  [[nodiscard]] int get() const noexcept { return file_; }
  [[nodiscard]] int release() noexcept { return std::exchange(file_, invalid_handle); }

 private:
  int file_;
};

inline descriptor duplicate(int file) noexcept {
  return descriptor(::fcntl(file, F_DUPFD_CLOEXEC, 0));
}

// Folders may be unreadable, where the system lets them be opened all the same.
#if defined(O_PATH)
inline constexpr int folder_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
#elif defined(O_SEARCH)
inline constexpr int folder_flags = O_SEARCH | O_DIRECTORY | O_CLOEXEC;
#else
inline constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
#endif

inline descriptor open_folder(int parent, const char* name, int more_flags = 0) noexcept {
  return descriptor(
      uninterrupted([&] { return ::openat(parent, name, folder_flags | more_flags); }));
}

// What has a name, if anything; a link is not followed.
inline result<std::optional<file_status>> status_in(int folder, const char* name) {
  file_status status{};
  if (status_at(folder, name, status, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(status);
  if (errno == ENOENT) return std::optional<file_status>();
  return source_failure(last_error(), cannot_examine);
}

// In a sticky folder that these others may write to, what is neither ours nor the folder's owner's
// may be a trap. As Linux with fs.protected_symlinks and fs.protected_regular, but always.
inline result<void> expect_own(int folder, const file_status& status, ::mode_t others,
                               std::string_view what) {
  if (status.st_uid == ::geteuid()) return {};
  file_status parent{};
  if (status_of(folder, parent) != 0) return source_failure(last_error(), cannot_examine);
  if ((parent.st_mode & S_ISVTX) == 0 || (parent.st_mode & others) == 0 ||
      status.st_uid == parent.st_uid)
    return {};
  return source_failure(std::make_error_code(std::errc::permission_denied),
                        text(what,
                             " belongs to another user, in a sticky folder that others may "
                             "write to"));
}

inline bool is_in_procfs([[maybe_unused]] int folder) noexcept {
#ifdef __linux__
  constexpr auto magic = 0x9fa0;  // PROC_SUPER_MAGIC
  struct ::statfs status{};
  return ::fstatfs(folder, &status) == 0 && status.f_type == magic;
#else
  return false;
#endif
}

// Goes along a path, from folder to folder, so that it sees every link.
class path_walk {
 public:
  // From a folder, unless the path is absolute, to the folder of the path's last name.
  result<void> go(descriptor origin, std::string path) {
    if (path.empty())
      return source_failure(std::make_error_code(std::errc::no_such_file_or_directory), empty_path);
    rest_ = std::move(path);
    folder_ = std::move(origin);
    return go_on();
  }
  // From a folder along the link that it holds.
  result<void> follow(descriptor folder, std::string link_name) {
    if (folder.get() == invalid_handle) return cannot_open_folder();
    folder_ = std::move(folder);
    name_ = std::move(link_name);
    return follow();
  }
  // Along the link that has the last name.
  result<void> follow() {
    in_chain_ = true;
    if (auto allowed = check_link(name_); !allowed) return allowed;
    if (auto read = put_link_first(name_, ""); !read) return read;
    return go_on();
  }
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }
  [[nodiscard]] int release_folder() noexcept { return folder_.release(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // the last one
  // To the end of a chain of links: what is there, if anything.
  result<std::optional<file_status>> follow_all() {
    for (;;) {
      if (name_.empty())  // the link's text ends in a slash
        return source_failure(std::make_error_code(std::errc::is_a_directory), cannot_write);
      auto status = status_in(folder(), name_.c_str());
      if (!status || !*status || !S_ISLNK((*status)->st_mode)) return status;
      if (auto followed = follow(); !followed) return std::move(followed).error();
    }
  }

 private:
  result<void> go_on() {
    for (;;) {
      if (rest_.starts_with('/')) {
        folder_ = open_folder(AT_FDCWD, "/");
        rest_.erase(0, rest_.find_first_not_of('/'));
      }
      if (folder_.get() == invalid_handle) return cannot_open_folder();
      const std::size_t slash = rest_.find('/');
      name_ = rest_.substr(0, slash);
      if (slash == rest_.npos) {
        rest_.clear();
        return {};
      }
      rest_.erase(0, (std::min)(rest_.find_first_not_of('/', slash), rest_.size()));
      if (auto entered = enter(name_); !entered) return entered;
    }
  }
  result<void> enter(const std::string& name) {
    descriptor inner = open_folder(folder(), name.c_str(), O_NOFOLLOW);
    if (inner.get() == invalid_handle) {
      if (errno != ELOOP && errno != ENOTDIR && errno != EMLINK) return cannot_open_folder();
      const std::error_code error = last_error();
      const auto status = status_in(folder(), name.c_str());
      if (!status) return status.error();
      if (!*status || !S_ISLNK((*status)->st_mode)) return source_failure(error, cannot_open);
      if (auto allowed = check_link(name); !allowed) return allowed;
      if (!is_in_procfs(folder())) return put_link_first(name, "/");
      inner = open_folder(folder(), name.c_str());  // the text of such a link is not a path
      if (inner.get() == invalid_handle) return cannot_open_folder();
    }
    folder_ = std::move(inner);
    return {};
  }
  result<void> check_link(const std::string& name) {
    const auto status = status_in(folder(), name.c_str());
    if (!status) return status.error();
    if (!*status)
      return source_failure(std::make_error_code(std::errc::no_such_file_or_directory),
                            cannot_follow);
    if (in_chain_ && is_in_procfs(folder()))
      return source_failure(std::make_error_code(std::errc::invalid_argument),
                            "it leads to an open file, which cannot be replaced");
    return expect_own(folder(), **status, S_IWOTH, "a link in its path");
  }
  result<void> put_link_first(const std::string& name, std::string_view separator) {
    constexpr int most = 40;
    if (++links_ > most)
      return source_failure(std::make_error_code(std::errc::too_many_symbolic_link_levels),
                            cannot_follow);
    char link[4096];
    const ssize_t length = ::readlinkat(folder(), name.c_str(), link, sizeof link);
    if (length < 0) return source_failure(last_error(), cannot_follow);
    if (length == sizeof link)
      return source_failure(std::make_error_code(std::errc::filename_too_long), cannot_follow);
    rest_ = text(std::string_view(link, static_cast<std::size_t>(length)), separator, rest_);
    return {};
  }
  static result<void> cannot_open_folder() { return source_failure(last_error(), cannot_open); }

  static constexpr const char* cannot_open = "cannot open its folder";
  descriptor folder_{};
  std::string name_{}, rest_{};
  int links_ = 0;
  bool in_chain_ = false;  // of links that begins at the name that is written
};

#ifdef __linux__
inline constexpr const char* access_list = "system.posix_acl_access";

// The mode for a file without the access list that a file of this mode has. The group gets what the
// list gives to it, of which the mode shows only the most. Whoever the list names is then one of
// the others, or of the group: neither gets more than the list gives to any of those.
inline std::uint32_t mode_without_list(std::uint32_t mode, std::span<const unsigned char> list) {
  // 4 bytes of version; then entries: tag, rights, number, in 2, 2 and 4 bytes, little-endian.
  constexpr std::size_t header_bytes = 4, entry_bytes = 8;
  enum tag : unsigned char { user = 2, own_group = 4, group = 8 };
  const std::uint32_t most = mode >> 3 & 7;
  std::uint32_t of_group = most, of_others = mode & 7;
  bool complete = false;
  for (std::size_t at = header_bytes; at + entry_bytes <= list.size(); at += entry_bytes) {
    const std::uint32_t rights = list[at + 2] & most;
    if (list[at] == user || list[at] == own_group) of_group &= rights;
    if (list[at] == user || list[at] == group) of_others &= rights;
    complete = complete || list[at] == own_group;
  }
  return complete ? (mode & 0700) | of_group << 3 | of_others : mode & 0700;
}
#endif

// The mode bits that give nobody more than a file gives.
inline std::uint32_t mode_of([[maybe_unused]] int folder, [[maybe_unused]] const char* name,
                             const file_status& status) {
  const std::uint32_t mode = status.st_mode & 0777u;
#ifdef __linux__
  if ((mode & 077) == 0) return mode;
  unsigned char list[1024];
  const std::string path = text("/proc/self/fd/", static_cast<std::uint64_t>(folder), "/", name);
  ssize_t size = ::lgetxattr(path.c_str(), access_list, list, sizeof list);
  if (size < 0 && errno == ENOENT) {  // there is no /proc
    const descriptor file(
        open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0));
    size = ::fgetxattr(file.get(), access_list, list, sizeof list);
  }
  if (size < 0 && (errno == ENODATA || errno == EOPNOTSUPP || errno == ENOSYS)) return mode;
  return mode_without_list(mode, {list, static_cast<std::size_t>((std::max)(size, ssize_t{0}))});
#else
  return mode;
#endif
}

inline file_rights rights_of(int folder, const char* name, const file_status& status,
                             bool with_owner) {
  return {mode_of(folder, name, status), static_cast<std::uint32_t>(status.st_uid),
          static_cast<std::uint32_t>(status.st_gid), with_owner};
}

// What has a name that is to be written, if it may be replaced, or followed if it is a link.
inline result<name_holder> look(int folder, const std::string& name) {
  name_holder holder;
  auto status = status_in(folder, name.c_str());
  path_walk walk;
  if (status && *status) holder.owner = (*status)->st_uid;
  if (status && *status && S_ISLNK((*status)->st_mode)) {
    holder.is_link = true;
    const auto followed = walk.follow(duplicate(folder), name);
    status = followed ? walk.follow_all() : followed.error();
    if (!status)
      for (const auto nowhere :
           {std::errc::no_such_file_or_directory, std::errc::not_a_directory,
            std::errc::filename_too_long, std::errc::too_many_symbolic_link_levels})
        if (status.error().system == nowhere) return holder;
  }
  if (!status) return std::move(status).error();
  if (!*status) return holder;
  if (auto regular = expect_regular(**status); !regular) return std::move(regular).error();
  if (!holder.is_link)
    if (auto own = expect_own(folder, **status, S_IWGRP | S_IWOTH, "it"); !own)
      return std::move(own).error();
  holder.file = facts_of(**status);
  holder.rights = holder.is_link ? rights_of(walk.folder(), walk.name().c_str(), **status, false)
                                 : rights_of(folder, name.c_str(), **status, true);
  return holder;
}

// As look(), by the whole path, whose folders may be others by now.
inline result<name_holder> look_along_path(const open_output& output) {
  path_walk walk;
  descriptor origin = output.origin != invalid_handle ? duplicate(output.origin) : descriptor();
  if (auto gone = walk.go(std::move(origin), output.given); !gone) {
    const std::error_code error = gone.error().system;
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
      return name_holder();
    return std::move(gone).error();
  }
  return look(walk.folder(), walk.name());
}

// Whether a file of another owner can be renamed in a sticky folder. Without CAP_FOWNER, root
// cannot either.
inline bool may_rename_any() noexcept {
#ifdef __linux__
  constexpr unsigned version = 0x20080522, fowner = 3;  // _LINUX_CAPABILITY_VERSION_3, CAP_FOWNER
  struct {
    std::uint32_t version;
    int process;
  } header{version, 0};
  struct {
    std::uint32_t effective, permitted, inheritable;
  } sets[2]{};
  return ::syscall(SYS_capget, &header, sets) != 0 || (sets[0].effective >> fowner & 1) != 0;
#else
  return ::geteuid() == 0;
#endif
}

// What cannot be replaced, as far as the system says so beforehand.
inline result<void> expect_replaceable(int folder, const std::string& name,
                                       const name_holder& holder, bool atomic) {
  const auto refused = [](std::errc error, const char* why) {
    return source_failure(std::make_error_code(error), why);
  };
#ifdef STATX_ATTR_MOUNT_ROOT
  struct ::statx found{};
  if (::statx(folder, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &found) ==
      0) {
    if ((found.stx_attributes & STATX_ATTR_IMMUTABLE) != 0)
      return refused(std::errc::operation_not_permitted, "it is immutable");
    if ((found.stx_attributes & STATX_ATTR_APPEND) != 0)
      return refused(std::errc::operation_not_permitted, "it is append-only");
    if (atomic && (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
      return refused(std::errc::device_or_resource_busy, "it is a mount point");
  }
#endif
  if (!atomic) {
    if (::faccessat(folder, name.c_str(), W_OK, AT_EACCESS) != 0 &&
        (errno == EACCES || errno == EROFS))
      return source_failure(last_error(), cannot_write);
    return {};
  }
  if (holder.owner == ::geteuid()) return {};
  file_status parent{};
  if (status_of(folder, parent) != 0) return source_failure(last_error(), cannot_examine);
  if ((parent.st_mode & S_ISVTX) == 0 || parent.st_uid == ::geteuid() || may_rename_any())
    return {};
  return refused(
      std::errc::operation_not_permitted,
      "it belongs to another user, in a sticky folder where only its owner may replace it");
}

// Whether files in a folder can be renamed, as far as the system says so beforehand.
inline result<void> expect_renaming([[maybe_unused]] int folder) {
#ifdef STATX_ATTR_APPEND
  struct ::statx found{};
  if (::statx(folder, "", AT_EMPTY_PATH, STATX_TYPE, &found) == 0 &&
      (found.stx_attributes & STATX_ATTR_APPEND) != 0)
    return source_failure(std::make_error_code(std::errc::operation_not_permitted),
                          "files in its folder cannot be renamed, as it is append-only",
                          without_rename);
#endif
  return {};
}

// Makes room for a file, where the file system can. Signals may interrupt that again and again.
inline std::error_code make_room([[maybe_unused]] int file,
                                 [[maybe_unused]] std::uint64_t size) noexcept {
#ifdef __linux__
  constexpr int most_tries = 8;
  for (int tries = 0; tries != most_tries; ++tries) {
#if defined(__GLIBC__) || defined(__BIONIC__)
    if (::fallocate64(file, 0, 0, static_cast<file_offset>(size)) == 0) return {};
#else
    if (::fallocate(file, 0, 0, static_cast<file_offset>(size)) == 0) return {};
#endif
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return last_error();
    if (errno != EINTR) return {};
  }
#endif
  return {};
}

// Remembers which file was opened under the name that is to be removed.
inline std::error_code remember_own(open_output& output) noexcept {
  file_status status{};
  if (status_of(output.file, status) == 0) {
    output.own = identity_of(status);
    return {};
  }
  const std::error_code error = last_error();
  ::unlinkat(output.folder, output.unfinished.c_str(), 0);
  return error;
}

// Whether that name still is that file's. While a descriptor of it is open, no other file gets its
// number.
inline std::error_code check_own(const open_output& output) noexcept {
  file_status named{};
  if (status_at(output.folder, output.unfinished.c_str(), named, AT_SYMLINK_NOFOLLOW) != 0)
    return last_error();
  return identity_of(named) == output.own ? std::error_code() : make_error_code(errc::io);
}
inline constexpr const char* lost_name = "the file that was written was replaced or removed";

inline result<void> open_temporary(open_output& output, bool is_private) {
  constexpr int attempts = 100;
  for (int i = 0; i < attempts && output.file == invalid_handle; ++i) {
    std::string name = temporary_name();
    output.file =
        open_at(output.folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                is_private ? 0600 : 0666);
    if (output.file != invalid_handle)
      output.unfinished = std::move(name);
    else if (errno != EEXIST && errno != EINTR)
      break;
  }
  if (output.file == invalid_handle)
    return source_failure(last_error(), "cannot create a temporary file in its folder");
  if (const std::error_code error = remember_own(output))
    return source_failure(error, cannot_examine);
  output.second = duplicate(output.file).release();
  if (output.second == invalid_handle) return source_failure(last_error(), "cannot open it twice");
  if (!output.options.preallocate) return {};
  if (const std::error_code error = make_room(output.file, output.size))
    return source_failure(error,
                          text("there is not enough space for ", counted(output.size, "byte")));
  return {};
}

inline int open_target(const open_output& output, int more_flags) noexcept {
  const auto open = [&](int flags) {
    return uninterrupted([&] {
      return open_at(output.folder, output.target.c_str(),
                     O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | flags, 0666);
    });
  };
  const int file = open(more_flags | O_NONBLOCK);
  if (file >= 0 || errno != EAGAIN) return file;
  return open(more_flags);  // a regular file, so somebody holds a lease on it
}

// Empties what is written in place.
inline std::error_code open_in_place(open_output& output) noexcept {
  file_status status{};
  std::optional<file_facts> now;
  if (status_at(output.folder, output.target.c_str(), status, AT_SYMLINK_NOFOLLOW) == 0)
    now = facts_of(status);
  else if (errno != ENOENT)
    return last_error();
  if (const std::error_code error = expect_in_place(output, now)) return error;
  if (output.only_over) {
    result<name_holder> along{name_holder()};
    if (!allocates([&] { along = look_along_path(output); }))
      return std::make_error_code(std::errc::not_enough_memory);
    if (!along) return along.error().system ? along.error().system : make_error_code(errc::io);
    output.why = {what_changed(*output.only_over, along->file)};
    if (output.why.what != nullptr) return make_error_code(errc::target_changed);
  }
  // O_TRUNC, not ftruncate, which mounts of object stores lack.
  output.file = open_target(output, O_TRUNC);
  if (output.file == invalid_handle) return last_error();
  if (const std::error_code error = remember_own(output)) return error;
  if (output.own == output.in_place.identity) return {};
  output.own = {};  // another file, which came in the last microseconds: it is not removed, too
  return make_error_code(errc::target_changed);
}

inline result<void> create(open_output& output, const path_ref& path) {
  result<std::string> text = native_path(path);
  if (!text) return std::move(text).error();
  if (output.size > static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)()))
    return source_failure(std::make_error_code(std::errc::file_too_large), cannot_write);
  const output_options& options = output.options;
  path_walk walk;
  descriptor origin = text->starts_with('/') ? descriptor() : open_folder(AT_FDCWD, ".");
  if (output.only_over) {
    output.given = *text;
    if (origin.get() != invalid_handle) {
      output.origin = duplicate(origin.get()).release();
      if (output.origin == invalid_handle)
        return source_failure(last_error(), "cannot open its folder twice");
    }
  }
  if (auto gone = walk.go(std::move(origin), *std::move(text)); !gone) return gone;
  if (walk.name().empty())
    return source_failure(std::make_error_code(std::errc::is_a_directory), cannot_write);
  result<name_holder> found = look(walk.folder(), walk.name());
  if (found && found->is_link && options.links == link_mode::follow) {
    if (auto end = walk.follow_all(); !end) return std::move(end).error();
    found = look(walk.folder(), walk.name());
  }
  if (!found) return std::move(found).error();
  if (auto allowed = expect_not_refused(output, *found); !allowed) return allowed;
  if (found->is_link && !options.atomic) return reason_failure(errc::invalid_option, link_in_place);
  if (auto same = check_only_over(output.only_over, found->file); !same) return same;
  const bool exists = found->is_link || found->file;
  if (exists && !options.replace)
    return source_failure(std::make_error_code(std::errc::file_exists), already_there,
                          "replace = true replaces it");
  if (exists)
    if (auto can = expect_replaceable(walk.folder(), walk.name(), *found, options.atomic); !can)
      return can;

  output.target = walk.name();
  // fsync needs a descriptor that is open for reading.
  output.folder = !options.durable ? walk.release_folder() : uninterrupted([&] {
    return ::openat(walk.folder(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  });
  if (output.folder == invalid_handle)
    return source_failure(last_error(), "cannot open its folder");
  if (found->file) output.rights = found->rights;
  if (options.atomic) {
    if (auto can = expect_renaming(output.folder); !can) return can;
    return open_temporary(output, found->file.has_value());
  }

  output.unfinished = output.target;
  if (found->file) {
    output.in_place = *found->file;
    output.stage = open_output::stage_of_target::untouched;
    if (mapping_list::of_process().holds(output.in_place.identity))
      return reason_failure(errc::invalid_option, mapped_here);
    return {};
  }
  output.file = open_target(output, O_CREAT | O_EXCL);
  if (output.file == invalid_handle) return source_failure(last_error(), cannot_write);
  if (const std::error_code error = remember_own(output))
    return source_failure(error, cannot_examine);
  return {};
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

// Gives a file owner and group, or the group alone, as far as the system does that.
inline void give_owner(int file, const file_rights& rights) noexcept {
  const auto give_to = [&](::uid_t owner) {
    return uninterrupted([&] { return ::fchown(file, owner, rights.group); }) == 0;
  };
  if (!give_to(rights.owner)) (void)give_to(static_cast<::uid_t>(-1));
}

// Gives a new file the rights of the one that it replaces, reduced if the group cannot be kept.
// Returns true if that changed anything.
inline result<bool> give_rights(int file, const file_rights& rights, bool keep_mode) {
  file_status before{}, now{};
  if (status_of(file, before) != 0) return source_failure(last_error(), cannot_examine);
  if (rights.with_owner && (before.st_uid != rights.owner || before.st_gid != rights.group))
    give_owner(file, rights);
  std::uint32_t most = 0777;
#ifdef __linux__
  // A list that the folder gives to new files would come to life with the group's bits.
  if (::fremovexattr(file, access_list) != 0 && errno != ENODATA && errno != EOPNOTSUPP &&
      errno != ENOSYS)
    most = 0700;
#endif
  if (status_of(file, now) != 0) return source_failure(last_error(), cannot_examine);
  std::uint32_t mode = rights.mode & most;
  if (rights.with_owner && now.st_gid != rights.group)
    mode = (mode & 0700) | (mode & mode >> 3 & 07);  // the bits are meant for the other group
  std::error_code error;
  if ((now.st_mode & 0777u) != mode) {
    if (uninterrupted([&] { return ::fchmod(file, static_cast<::mode_t>(mode)); }) != 0)
      error = last_error();
    if (status_of(file, now) != 0) return source_failure(last_error(), cannot_examine);
  }
  if (const std::uint32_t given = now.st_mode & 0777u; given != mode && keep_mode) {
    const auto octal = [](std::uint32_t bits) {
      return text(std::uint64_t{bits >> 6 & 7}, std::uint64_t{bits >> 3 & 7},
                  std::uint64_t{bits & 7});
    };
    return source_failure(error,
                          text("the new file has the mode ", octal(given),
                               ", which cannot be changed to ", octal(mode)),
                          "keep_mode = false accepts that");
  }
  return before.st_mode != now.st_mode || before.st_uid != now.st_uid ||
         before.st_gid != now.st_gid;
}

// What the name leads to now decides about the new file's rights, and whether it takes the place.
inline result<void> prepare_to_replace(const open_output& output) {
  constexpr int most_rounds = 8;
  for (int round = 0; round != most_rounds; ++round) {
    const result<name_holder> now = look(output.folder, output.target);
    if (!now) return now.error();
    if (auto allowed = expect_not_refused(output, *now); !allowed) return allowed;
    if (auto same = check_only_over(output.only_over, now->file); !same) return same;
    if (output.only_over) {
      const result<name_holder> along = look_along_path(output);
      if (!along) return along.error();
      if (auto same = check_only_over(output.only_over, along->file); !same) return same;
    }
    const auto rights = now->file ? std::optional(now->rights) : output.rights;
    if (!rights) return {};
    const result<bool> changed = give_rights(output.second, *rights, output.options.keep_mode);
    if (!changed) return changed.error();
    if (!*changed || !output.options.durable) return {};
    // That takes long, so the name is looked at again.
    if (sync(output.second) != 0) return source_failure(last_error(), "cannot sync it");
  }
  return failure{.code = errc::target_changed, .detail = "its permissions keep changing"};
}

// Where nothing is to be replaced, there is no moment between the check and the renaming.
inline bool rename_to_target(open_output& output) noexcept {
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

inline result<void> take_place(open_output& output) {
  if (output.options.replace)
    if (auto prepared = prepare_to_replace(output); !prepared) return prepared;
  if (const std::error_code error = check_own(output)) return source_failure(error, lost_name);
  ::close(std::exchange(output.second, invalid_handle));  // some mounts rename no open file
  if (rename_to_target(output)) return {};
  const std::error_code error = last_error();
  if (error == std::errc::operation_not_permitted)
    if (const auto now = look(output.folder, output.target); now)
      if (auto can = expect_replaceable(output.folder, output.target, *now, true); !can) return can;
  const bool cannot_rename =
      error == std::errc::function_not_supported || error == std::errc::operation_not_supported ||
      error == std::errc::not_supported || error == std::errc::operation_not_permitted;
  return source_failure(error, "the new file cannot take its place",
                        cannot_rename ? without_rename : "");
}

inline result<void> commit(open_output& output) {
  if (output.options.durable && sync(output.file) != 0)
    return source_failure(last_error(), "cannot sync it");
  if (!output.options.atomic)
    if (const std::error_code error = check_own(output)) return source_failure(error, lost_name);
  // Network file systems report only now what could not be written.
  if (::close(std::exchange(output.file, invalid_handle)) != 0 && errno != EINTR)
    return source_failure(last_error(), "cannot close it");
  if (!output.options.atomic)
    output.unfinished.clear();
  else if (auto placed = take_place(output); !placed)
    return placed;
  // Some file systems have folders that cannot be synced, and say so by EINVAL.
  if (output.options.durable && sync(output.folder) != 0 && errno != EINVAL)
    return source_failure(last_error(),
                          "the new file is in its place, but its folder cannot be synced");
  return {};
}

inline void discard(open_output& output) noexcept {
  if (output.own != file_identity{} && !output.unfinished.empty() &&
      output.process == process_number() && !check_own(output))
    ::unlinkat(output.folder, output.unfinished.c_str(), 0);
  for (const int opened : {output.file, output.second, output.folder, output.origin})
    if (opened != invalid_handle) ::close(opened);
}

}  // namespace detail::os
}  // namespace SAFETENSORS_ABI
}  // namespace safetensors

#endif
