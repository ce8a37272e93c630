// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
/// @file
/// Writes a file tensor by tensor.
#pragma once

#include <safetensors/base/dtype.hpp>
#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/path.hpp>
#include <safetensors/read/source.hpp>
#include <safetensors/write/output.hpp>
#include <safetensors/write/plan.hpp>
#include <safetensors/write/sink.hpp>
#include <safetensors/write/tensor_data.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {

enum class first_failure_state : std::uint8_t { none, being_noted, noted };

// What a writer knows, whatever the type of its sink.
struct writer_core {
  sink_ref sink;
  write_plan plan{};
  std::unique_ptr<std::atomic<std::uint64_t>[]> claimed{};  // bytes of each tensor, in plan order
  std::size_t first_incomplete = 0;         // used by the call that holds the writer
  std::atomic<bool> held = false;           // by a call that must be the only one of its kind
  std::atomic<std::size_t> calls = 0;       // in progress
  std::atomic<bool> header_is_sent = true;  // false: the first append sends it
  std::atomic<bool> finished = false;
  std::atomic<first_failure_state> failures = first_failure_state::none;
  failure first_failure{};
};

// On the heap, so that the sink and its reference survive moves of the writer.
template <class Sink> struct writer_state {
  explicit writer_state(Sink&& taken) : sink(std::move(taken)), core{.sink = sink_ref(sink)} {}
  Sink sink;
  writer_core core;
};

// The bodies of basic_writer. A null writer is one that was moved from.
SAFETENSORS_DECL const write_plan& plan_of(const writer_core* writer) noexcept;
SAFETENSORS_DECL result<file_sink> create_for(const write_plan& plan, path_ref path,
                                              const output_options& options);
// Fails if no writer can write the plan to the sink.
SAFETENSORS_DECL result<void> expect_writable(const write_plan& plan, sink_ref sink);
// `sink` describes the failure if there was no memory for the writer. The plan is moved from only
// if this succeeds.
SAFETENSORS_DECL result<void> start(writer_core* writer, sink_ref sink, write_plan& plan);
SAFETENSORS_DECL result<void> append_bytes(writer_core* writer, std::string_view tensor,
                                           std::span<const std::byte> next);
SAFETENSORS_DECL result<void> append_elements(writer_core* writer, std::string_view tensor,
                                              std::span<const std::byte> next, dtype given);
SAFETENSORS_DECL result<void> append_words(writer_core* writer, std::string_view tensor,
                                           std::span<const std::byte> next, std::size_t word_bytes);
// `file` is the source if it is a file_source, else null.
SAFETENSORS_DECL result<void> append_from(writer_core* writer, std::string_view tensor,
                                          source_ref source, const file_source* file,
                                          byte_range from);
SAFETENSORS_DECL result<void> append_in_order(writer_core* writer, source_ref source,
                                              const file_source* file, byte_range from);
SAFETENSORS_DECL result<std::uint64_t> remaining_bytes_of(const writer_core* writer,
                                                          std::string_view tensor);
SAFETENSORS_DECL result<void> finish(writer_core* writer);

template <class Range> std::span<const std::byte> bytes_of(const Range& range) noexcept {
  return std::as_bytes(std::span(std::data(range), std::size(range)));
}

// A type that is derived from file_source may read in a way of its own.
template <class Source>
const file_source* as_file_source([[maybe_unused]] const Source& source) noexcept {
  if constexpr (std::same_as<Source, file_source>)
    return &source;
  else
    return nullptr;
}

}  // namespace detail

/// Writes a planned file: appends bytes to tensors by name, in pieces of any size. Owns the sink
/// and the plan. Memory stays that of the plan, however large the file is. If destroyed before
/// finish(), the writer leaves no file.
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
template <class Sink> class basic_writer {
  static_assert(byte_sink<Sink>,
                "a sink has write_at(offset, bytes), or write(bytes), and returns std::error_code");

 public:
  basic_writer(basic_writer&&) noexcept = default;  ///< Leaves the other one without a file.
  /// Gives up what this one began, and leaves the other one without a file.
  basic_writer& operator=(basic_writer&&) noexcept = default;
  ~basic_writer() = default;

  /// Makes a writer and writes the header. In place over an existing file, the first append writes
  /// the header. Errors: invalid_option if the plan is empty, as after a move; wrong_length if the
  /// sink is a file_sink of another size than the plan's; out_of_memory if the writer cannot be
  /// allocated; any error that the sink returns.
  static result<basic_writer> try_start(Sink sink, write_plan plan) {
    if (auto can = detail::expect_writable(plan, detail::sink_ref(sink)); !can)
      return std::move(can).error();
    return start(std::move(sink), plan);
  }
  /// Creates the file. The plan is moved from only if this succeeds. Errors: invalid_option if the
  /// plan is empty, as after a move; those of file_sink::try_create(); out_of_memory if the
  /// writer cannot be allocated; any error of writing the header.
  static result<basic_writer> try_create(path_ref path, write_plan&& plan,
                                         const output_options& options = {})
      requires std::same_as<Sink, file_sink> {
    result<file_sink> created = detail::create_for(plan, path, options);
    if (!created) return std::move(created).error();
    return start(*std::move(created), plan);
  }

  /// Returns the plan: an empty one if the writer was moved from. Valid while the writer exists,
  /// which may be moved.
  [[nodiscard]] const write_plan& plan() const& noexcept { return detail::plan_of(core()); }
  void plan() const&& = delete;
  /// Returns the sink. Valid while the writer exists, which may be moved. Must not be called on a
  /// moved-from writer.
  [[nodiscard]] Sink& sink() & noexcept { return state_->sink; }

  ///@{
  /// Appends the next bytes of a tensor, as in a file. Takes any contiguous range of a 1-byte type
  /// that is not an element: std::byte, char, bool. Errors: the first failure, once there is
  /// one; wrong_order if the file is finished; tensor_not_found if the plan has no such tensor;
  /// wrong_order if another call is in progress, or if another tensor comes first; wrong_length if
  /// the tensor has fewer bytes left; io and any other error that the sink returns.
  result<void> try_append(std::string_view tensor, std::span<const std::byte> next) {
    return detail::append_bytes(core(), tensor, next);
  }
  template <raw_range Range> requires(!element_range<Range>)
  result<void> try_append(std::string_view tensor, const Range& next) {
    return detail::append_bytes(core(), tensor, detail::bytes_of(next));
  }
  /// Does not compile, and says what to pass instead.
  template <class Range> requires(!element_range<Range> && !raw_range<Range> &&
                                  !std::convertible_to<Range, std::span<const std::byte>>)
  result<void> try_append(std::string_view, const Range&) {
    detail::explain_data<const Range&>();
    return {};
  }
  ///@}
  /// Appends the next elements of a tensor of their dtype. Errors: those of appending bytes; right
  /// after tensor_not_found, dtype_mismatch if the tensor has another dtype.
  template <element_range Range>
  result<void> try_append(std::string_view tensor, const Range& next) {
    using value = std::remove_cv_t<element_of<const Range>>;
    static_assert(detail::has_dtype_width<value>,
                  "dtype_traits must name a dtype of the type's width");
    constexpr dtype given = dtype_traits<value>::value;
    return detail::append_elements(core(), tensor, detail::bytes_of(next), given);
  }
  /// Appends the next raw words of a tensor whose elements are as wide: std::uint16_t for BF16.
  /// Errors: those of appending bytes; right after tensor_not_found, dtype_mismatch if the elements
  /// have another width.
  template <word_range Range>
  result<void> try_append_bits(std::string_view tensor, const Range& next) {
    constexpr std::size_t word_bytes = sizeof(element_of<const Range>);
    return detail::append_words(core(), tensor, detail::bytes_of(next), word_bytes);
  }
  /// Appends the next bytes of a tensor from a source, which is borrowed until the call returns.
  /// From a file_source to a file, the system copies them. Errors: the first failure, once there is
  /// one; wrong_order if the file is finished; tensor_not_found if the plan has no such tensor;
  /// wrong_length if the range ends before it begins; wrong_order and wrong_length as for bytes;
  /// invalid_option if the source is the file that is written in place; out_of_memory if the buffer
  /// of at most 1 MiB cannot be allocated; any error that the source returns, such as
  /// missing_bytes; io and any other error that the sink returns.
  template <class Source>
  result<void> try_append_from(std::string_view tensor, Source&& source, byte_range from) {
    (void)detail::expect_positions<std::remove_reference_t<Source>>();
    return detail::append_from(core(), tensor, detail::source_ref(source),
                               detail::as_file_source(source), from);
  }
  /// Appends the next bytes of the data, in the plan's order, whichever tensors they belong to.
  /// Call it from one thread at a time. Errors: the first failure, once there is one; wrong_order
  /// if the file is finished; wrong_length if the range ends before it begins; wrong_order if
  /// another call is in progress, or if bytes of a tensor other than the first were written
  /// already; wrong_length if the tensors have fewer bytes left; then those of a range for one
  /// tensor, from invalid_option on.
  template <byte_source Source> result<void> try_append_from(Source&& source, byte_range from) {
    return detail::append_in_order(core(), detail::source_ref(source),
                                   detail::as_file_source(source), from);
  }

  /// Returns the number of bytes of a tensor that no append has claimed yet. Errors:
  /// tensor_not_found if the plan has no such tensor, which does not count as a failure of the
  /// writer.
  result<std::uint64_t> try_remaining(std::string_view tensor) const {
    return detail::remaining_bytes_of(core(), tensor);
  }

  /// Completes the file: commits the sink. Does nothing if it has succeeded before, unless an
  /// append followed. Errors: the first failure; incomplete_write if another call is in progress,
  /// or if bytes of a tensor are missing, which it names; those of the sink.
  result<void> try_finish() { return detail::finish(core()); }

#if SAFETENSORS_EXCEPTIONS
  ///@{
  /// Does what try_start(), try_create() and the other `try_` twins do, and throws
  /// safetensors::error if that fails.
  basic_writer(Sink sink, write_plan plan)
      : basic_writer(try_start(std::move(sink), std::move(plan)).value()) {}
  basic_writer(path_ref path, write_plan&& plan, const output_options& options = {})
      requires std::same_as<Sink, file_sink>
      : basic_writer(try_create(path, std::move(plan), options).value()) {}
  void append(std::string_view tensor, std::span<const std::byte> next) {
    try_append(tensor, next).value();
  }
  template <class Range> void append(std::string_view tensor, const Range& next) {
    try_append(tensor, next).value();
  }
  [[nodiscard]] std::uint64_t remaining(std::string_view tensor) const {
    return try_remaining(tensor).value();
  }
  template <word_range Range> void append_bits(std::string_view tensor, const Range& next) {
    try_append_bits(tensor, next).value();
  }
  template <class Source>
  void append_from(std::string_view tensor, Source&& source, byte_range from) {
    try_append_from(tensor, source, from).value();
  }
  template <byte_source Source> void append_from(Source&& source, byte_range from) {
    try_append_from(source, from).value();
  }
  void finish() { try_finish().value(); }
  ///@}
#endif

 private:
  explicit basic_writer(std::unique_ptr<detail::writer_state<Sink>> state) noexcept
      : state_(std::move(state)) {}
  // Without memory, the sink is not moved from, and describes the failure.
  static result<basic_writer> start(Sink sink, write_plan& plan) {
    basic_writer made(std::unique_ptr<detail::writer_state<Sink>>(
        new (std::nothrow) detail::writer_state<Sink>(std::move(sink))));
    if (auto started = detail::start(made.core(), detail::sink_ref(sink), plan); !started)
      return std::move(started).error();
    return made;
  }
  [[nodiscard]] detail::writer_core* core() const noexcept {
    return state_ == nullptr ? nullptr : &state_->core;
  }
  std::unique_ptr<detail::writer_state<Sink>> state_;
};

/// Writes a file to a path: `safetensors::writer out("model.safetensors", std::move(plan));`
using writer = basic_writer<file_sink>;

}  // namespace safetensors::inline SAFETENSORS_ABI
