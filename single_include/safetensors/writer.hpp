// Made by packaging/amalgamate.py from include/safetensors/writer.hpp and its parts: edit those.
// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// Writes safetensors files. The file is validated as a whole before the first byte, canonical, and
/// either complete or not there at all.
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
#ifndef SAFETENSORS_SINGLE_WRITER_HPP
#define SAFETENSORS_SINGLE_WRITER_HPP

#ifdef SAFETENSORS_SEPARATE_COMPILATION
#error "this copy of safetensors/writer.hpp is header-only: for compiled mode, use the folder include/ of safetensors for C++"
#endif

#include "safetensors.hpp"

#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
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

//==== write/tensor_data.hpp
// Tensors that are to be written: what they are, and where their bytes are.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
SAFETENSORS_DECL bool has_negative_size(const tensor_spec& spec) noexcept;
}  // namespace detail

/// A contiguous range of elements that can be read: a vector of float, an array, a span.
template <class Range>
concept element_range = requires(const Range& range) {
  std::size(range);
  requires element<std::remove_cv_t<element_of<const Range>>>;
};
/// A contiguous range of raw words: unsigned integers, 2 bytes wide for BF16 and F16.
template <class Range>
concept word_range = requires(const Range& range) {
  std::size(range);
  requires standard_unsigned<std::remove_cv_t<element_of<const Range>>>;
};
/// A contiguous range of any 1-byte type: std::byte, char, bool, unsigned char.
template <class Range>
concept raw_range = requires(const Range& range) {
  std::size(range);
  requires sizeof(element_of<const Range>) == 1;
  requires std::is_trivially_copyable_v<element_of<const Range>>;
};
/// A range whose elements exist after the expression: a variable, or a span over one. A temporary
/// vector is not one.
template <class Range>
concept lasting_range = std::is_lvalue_reference_v<Range> ||
                        std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>;

namespace detail {

template <class Range> constexpr void explain_data() noexcept {
  constexpr bool is_raw = raw_range<Range>;
  if constexpr (std::is_pointer_v<std::remove_cvref_t<Range>>)
    static_assert(is_never<Range>, "a pointer has no length: pass std::span(pointer, count)");
  else if constexpr (!lasting_range<Range> && (is_raw || element_range<Range>))
    static_assert(is_never<Range>,
                  "the bytes of a temporary are gone when they are written: keep it in a variable, "
                  "and pass that");
  else if constexpr (is_raw)
    static_assert(is_never<Range>, "bytes need a dtype: {name, dtype::bf16, {2, 3}, bytes}");
  else
    static_assert(
        is_never<Range>,
        "no dtype has elements of this type: specialise safetensors::dtype_traits for your "
        "own type, or pass a dtype with raw words: {name, dtype::bf16, {2, 3}, words}");
}

}  // namespace detail

/// Describes a tensor without its bytes.
struct tensor_spec {
  std::string name{};                  ///< UTF-8; anything but "__metadata__"
  safetensors::dtype dtype{};          ///< the type of its elements
  std::vector<std::uint64_t> shape{};  ///< in elements, slowest dimension first; empty for a scalar

  tensor_spec() = default;  ///< Makes a description whose members are set afterwards.
  /// Copies name and shape: `{"w", dtype::f32, {rows, 768}}`. A negative size is kept as 2^64-1. A
  /// plan rejects the tensor as invalid_shape until the shape is changed.
  tensor_spec(std::string_view name, safetensors::dtype dtype, shape_ref shape);
  tensor_spec(const tensor_info& tensor);  ///< Describes a tensor that was read.

  /// Compares name, dtype and shape.
  friend bool operator==(const tensor_spec& a, const tensor_spec& b) {
    return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape;
  }

 private:
  friend bool detail::has_negative_size(const tensor_spec& spec) noexcept;
  bool given_negative_size_ = false;  // counts only while the shape holds such a size, 2^64-1
};

/// Describes a tensor and says where its bytes are. Owns the name and the shape. Borrows the bytes,
/// which must exist until the tensor is written; a temporary range does not compile.
struct tensor_data : tensor_spec {
  std::span<const std::byte> bytes{};  ///< all elements, row-major
  /// Width in bytes of the words in `bytes`, which have the machine's byte order. They are written
  /// little-endian. 1 if the bytes are as in a file.
  std::size_t word_bytes = 1;
  /// The dtype of the elements in `bytes`, if it is known. It must be equal to `dtype`, unless
  /// word_bytes is 1.
  std::optional<safetensors::dtype> elements{};

  /// Deleted, because bytes would be compared by their place or by their values.
  friend bool operator==(const tensor_data&, const tensor_data&) = delete;

  /// Borrows the bytes of a tensor that was read.
  tensor_data(const tensor_view& tensor);
  /// Borrows elements and takes their dtype: `{"w", {rows, 768}, weights}`.
  template <class Range> requires lasting_range<Range> && element_range<Range>
  tensor_data(std::string_view tensor_name, shape_ref sizes, Range&& values)
      : tensor_spec(tensor_name, dtype_traits<std::remove_cv_t<element_of<Range>>>::value, sizes),
        bytes(std::as_bytes(std::span(std::data(values), std::size(values)))),
        word_bytes(detail::swap_unit(dtype)),
        elements(dtype) {
    static_assert(detail::has_dtype_width<std::remove_cv_t<element_of<Range>>>,
                  "dtype_traits must name a dtype of the type's width");
  }
  /// Borrows bytes as in a file, of any dtype: `{"w", dtype::f4, {2, 32}, bytes}`.
  template <class Range> requires lasting_range<Range> && raw_range<Range>
  tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes, Range&& raw)
      : tensor_spec(tensor_name, type, sizes),
        bytes(std::as_bytes(std::span(std::data(raw), std::size(raw)))) {}
  /// Borrows raw words that are as wide as an element: `{"w", dtype::bf16, {rows, 768}, words}`.
  template <class Range> requires(lasting_range<Range> && word_range<Range> && !raw_range<Range>)
  tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes, Range&& words)
      : tensor_spec(tensor_name, type, sizes),
        bytes(std::as_bytes(std::span(std::data(words), std::size(words)))),
        word_bytes(sizeof(element_of<Range>)) {}
  ///@{
  /// Does not compile, and says what to pass instead.
  template <class Range> requires(!lasting_range<Range> || !element_range<Range>)
  tensor_data(std::string_view, shape_ref, Range&&) {
    detail::explain_data<Range>();
  }
  template <class Range>
  requires(!lasting_range<Range> || (!element_range<Range> && !raw_range<Range>))
  tensor_data(std::string_view, safetensors::dtype, shape_ref, Range&&) {
    detail::explain_data<Range>();
  }
  ///@}
  /// Borrows elements, which must have this dtype.
  template <class Range>
  requires(lasting_range<Range> && element_range<Range> && !word_range<Range> && !raw_range<Range>)
  tensor_data(std::string_view tensor_name, safetensors::dtype type, shape_ref sizes,
              Range&& values)
      : tensor_data(tensor_name, sizes, values) {
    dtype = type;
  }
};

namespace detail {
template <class Range, class Item>
concept range_of = requires(Range& range) {
  std::end(range);
  { *std::begin(range) } -> std::convertible_to<Item>;
};
}  // namespace detail

/// Tensors as a parameter; Item is tensor_spec or tensor_data. It is made of `{a, b, c}`, or of any
/// range of what converts to Item: a file, a header, a vector, a filtered view of one. Borrows
/// until the call returns. Copies descriptions that are not Items, but never the bytes of tensors.
///
/// A file or a header brings its metadata along. A view of one has none: pass
/// `model.metadata().to_map()` as layout_options::metadata.
template <class Item> class tensor_list {
 public:
  tensor_list() noexcept = default;  ///< an empty list
  /// Borrows `{a, b, c}`.
  tensor_list(std::initializer_list<Item> items SAFETENSORS_LIFETIMEBOUND) noexcept
      : items_(std::data(items), items.size()) {}
  /// Borrows the Items of a contiguous range. Else makes an Item of each element of the range.
  /// Borrows the metadata_view of a range that has one, such as a file.
  template <detail::range_of<Item> Range> tensor_list(Range&& tensors SAFETENSORS_LIFETIMEBOUND) {
    if constexpr (std::convertible_to<Range&, std::span<const Item>>)
      items_ = tensors;
    else
      copy(tensors);
    if constexpr (requires { metadata_view(tensors.metadata()); }) metadata_ = tensors.metadata();
  }
  tensor_list(const tensor_list&) = delete;
  tensor_list& operator=(const tensor_list&) = delete;
  ~tensor_list() = default;

  /// Returns the tensors. Valid while this object exists.
  [[nodiscard]] std::span<const Item> items() const noexcept { return items_; }
  /// Returns the metadata of the file or header that this was made of, or none.
  [[nodiscard]] metadata_view metadata() const noexcept { return metadata_; }
  /// Returns false if the tensors could not be copied, because memory could not be allocated.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

 private:
  template <class Range> void copy(Range& tensors) {
    complete_ = detail::try_allocating([&] {
      if constexpr (requires { std::size(tensors); })
        copied_.reserve(static_cast<std::size_t>(std::size(tensors)));
      for (auto&& tensor : tensors) copied_.push_back(Item(std::forward<decltype(tensor)>(tensor)));
    });
    items_ = copied_;
  }
  std::vector<Item> copied_{};
  std::span<const Item> items_{};
  metadata_view metadata_{};
  bool complete_ = true;
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== write/plan.hpp
// The layout of a file that is to be written.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
class plan_builder;
}  // namespace detail

/// Options for the contents of a file.
struct layout_options {
  /// UTF-8. If it is empty and the tensors are those of a file or a header, the new file gets its
  /// metadata, unless keep_metadata is false.
  metadata_map metadata{};
  tensor_order order = tensor_order::canonical;  ///< the reference's order, or your own
  /// A power of two, in bytes. The header is padded with spaces, so that the data starts at a
  /// multiple of this number, and always of 8. Tensors follow each other without gaps, as the
  /// format demands.
  std::uint64_t data_alignment = 8;
  /// Longest header that is written, in bytes, with its padding. The default is what readers accept
  /// by default. Raising it over 4 GiB has no effect.
  std::uint64_t max_header_bytes = 100'000'000;
  /// false: the new file has only the metadata of `metadata`.
  bool keep_metadata = true;

  /// Compares all members.
  friend bool operator==(const layout_options&, const layout_options&) = default;
};

/// The validated layout of a file: owns the header that will be written. Does no I/O.
///
/// With the default options the bytes are those of the reference implementation, with two
/// exceptions. Metadata keys are sorted (there, their order is random). Empty metadata is left out.
class write_plan {
 public:
  /// Makes an empty plan, like one that was moved from. No writer accepts it.
  write_plan() noexcept = default;

  /// Lays out the tensors, which are borrowed until the call returns. They are
  /// `{{"w", dtype::f32, {2, 3}}}`, a model, or any range of specs, of tensor_info or of
  /// tensor_view. Failures name the tensor.
  ///
  /// Errors, in this order:
  /// - invalid_option if data_alignment is not a power of two;
  /// - for each tensor, invalid_utf8 if its name is not valid UTF-8; reserved_name if it is
  ///   "__metadata__"; unknown_dtype if its dtype is not an enumerator; invalid_shape if a size is
  ///   negative or if there are more than 2^27-1 dimensions; size_overflow if its size does not fit
  ///   in 64 bits; partial_byte if it does not fill whole bytes;
  /// - invalid_utf8 if metadata is not valid UTF-8;
  /// - size_overflow if all tensors together are too large; header_too_large if the header is
  ///   longer than max_header_bytes; duplicate_tensor if two tensors have one name;
  /// - out_of_memory if memory cannot be allocated.
  static result<write_plan> try_make(const tensor_list<tensor_spec>& tensors,
                                     const layout_options& options = {});

  /// Returns the tensors in the file's order; file_range() says where each one goes. Valid while
  /// this plan exists. After a move, ask the new plan: the old one no longer describes the file.
  [[nodiscard]] const safetensors::header& header() const& noexcept { return header_; }
  void header() const&& = delete;
  /// Returns the bytes in front of the data: 8 bytes of length, and the header. Valid while this
  /// plan exists.
  [[nodiscard]] std::span<const std::byte> header_bytes() const& noexcept {
    return std::as_bytes(std::span(text_.data(), text_.size()));
  }
  void header_bytes() const&& = delete;
  /// Returns the size of the whole file in bytes.
  [[nodiscard]] std::uint64_t file_size() const noexcept { return header_.file_size(); }

#if SAFETENSORS_EXCEPTIONS
  /// Does what try_make() does, and throws safetensors::error if that fails.
  [[nodiscard]] static write_plan make(const tensor_list<tensor_spec>& tensors,
                                       const layout_options& options = {}) {
    return try_make(tensors, options).value();
  }
#endif

 private:
  friend detail::plan_builder;
  write_plan(safetensors::header index, detail::block<char> text) noexcept
      : header_(std::move(index)), text_(std::move(text)) {}
  safetensors::header header_;
  detail::block<char> text_;  // length prefix, header, padding
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== write/sink.hpp
// Sinks: where the bytes of a file go.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
template <class Result>
concept sink_answer = std::is_void_v<Result> || std::same_as<Result, bool> ||
                      std::convertible_to<Result, std::error_code>;
template <class Write>
concept sink_callable = std::invocable<Write&, std::span<const std::byte>> &&
                        sink_answer<std::invoke_result_t<Write&, std::span<const std::byte>>>;
}  // namespace detail

/// Accepts bytes at any position, from several threads at once: a file, a block of memory.
template <class Sink>
concept positional_sink =
    requires(Sink& sink, std::uint64_t offset, std::span<const std::byte> bytes) {
      { sink.write_at(offset, bytes) } -> std::convertible_to<std::error_code>;
    };
/// Accepts bytes one after the other: a socket, a pipe, a compressor.
template <class Sink>
concept sequential_sink = requires(Sink& sink, std::span<const std::byte> next) {
  { sink.write(next) } -> std::convertible_to<std::error_code>;
};
/// Accepts all of the bytes or returns an error. A member `result<void> try_commit()`, if there is
/// one, is called once, when the file is complete.
template <class Sink>
concept byte_sink =
    std::move_constructible<Sink> && (positional_sink<Sink> || sequential_sink<Sink>);

/// Makes a sequential_sink from a callable that accepts a std::span<const std::byte>. The callable
/// returns std::error_code, bool (false: it failed) or nothing. Its destination is complete once
/// finish() has succeeded; a stream must then also be flushed without an error:
///
///     function_sink{[&](auto next) { bytes.insert(bytes.end(), next.begin(), next.end()); }}
///     function_sink{[=](auto next) { return std::fwrite(next.data(), 1, next.size(), f) ==
///                                           next.size(); }}
///     function_sink{[&](auto next) { return send_all(socket, next); }}
template <class Write> struct function_sink {
  static_assert(detail::sink_callable<Write>,
                "the callable takes the next bytes, and returns std::error_code, bool or nothing: "
                "compare a number of bytes, such as that of std::fwrite, with next.size() first");

  Write call;  ///< called by write()
  /// Passes the next bytes to the callable. Returns its answer as an error: io_error for false.
  std::error_code write(std::span<const std::byte> next) {
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
};
template <class Write> function_sink(Write) -> function_sink<Write>;  ///< deduces the type

namespace detail {

// Any byte_sink, for functions that are compiled once. Borrows the sink.
class sink_ref {
 public:
  template <class Sink> requires(!std::same_as<std::remove_const_t<Sink>, sink_ref> &&
                                 (positional_sink<Sink> || sequential_sink<Sink>))
  explicit sink_ref(Sink& sink) noexcept
      // The functions below restore the type, const included.
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
      : sink_(const_cast<void*>(static_cast<const void*>(std::addressof(sink)))),
        write_(write_to<Sink>),
        commit_(commit_to<Sink>),
        is_positional_(positional_sink<Sink>) {
    if constexpr (std::same_as<Sink, file_sink>) file_ = &sink;
  }

  [[nodiscard]] bool is_positional() const noexcept { return is_positional_; }
  // Returns the sink if it is a file_sink, else null.
  [[nodiscard]] file_sink* file() const noexcept { return file_; }
  // A sequential sink ignores the offset.
  std::error_code write(std::uint64_t offset, std::span<const std::byte> bytes) const {
    return write_(sink_, offset, bytes);
  }
  // Writes words that have the machine's byte order as little-endian ones.
  std::error_code write_words(std::uint64_t offset, std::span<const std::byte> bytes,
                              std::size_t word_bytes) const;
  // Succeeds if the sink has no try_commit().
  result<void> try_commit() const { return commit_(sink_); }

 private:
  template <class Sink> static std::error_code write_to(void* sink, std::uint64_t offset,
                                                        std::span<const std::byte> bytes) {
    if constexpr (positional_sink<Sink>)
      return static_cast<Sink*>(sink)->write_at(offset, bytes);
    else
      return static_cast<Sink*>(sink)->write(bytes);
  }
  template <class Sink> static result<void> commit_to(void* sink) {
    if constexpr (requires(Sink& of) {
                    { of.try_commit() } -> std::same_as<result<void>>;
                  })
      return static_cast<Sink*>(sink)->try_commit();
    else
      return {};
  }

  void* sink_;
  std::error_code (*write_)(void*, std::uint64_t, std::span<const std::byte>);
  result<void> (*commit_)(void*);
  file_sink* file_ = nullptr;
  bool is_positional_;
};

}  // namespace detail
}  // namespace safetensors::inline SAFETENSORS_ABI

//==== write/output.hpp
// A new file, which appears under its name only when it is complete.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
struct open_output;
struct output_door;
}  // namespace detail

/// Options for writing a file to a path.
struct output_options {
  /// true: writes a temporary file beside the target and renames it at the end. The target is
  /// always the old file or the complete new one.
  ///
  /// false, for mounts that cannot rename: writes the target itself, and save() does so from front
  /// to back.
  /// - An existing file keeps its bytes until the first byte is written, or until finish() if there
  ///   is nothing to append. After that, an unfinished file is removed. Other hard links keep the
  ///   partial bytes.
  /// - Do not read the target in another way than by append_from(), which rejects it. No other
  ///   thread or process may use the target at the same time.
  /// - Do not write a file that this process has mapped, by mapped_bytes or otherwise. On Linux,
  ///   the library looks for the mapping in /proc/self/maps, and rejects the target. On Windows,
  ///   the system itself refuses to empty a mapped file. On other systems, such as macOS, the
  ///   target is not rejected, and reading the mapping afterwards ends the program.
  ///
  /// Errors: invalid_option if the target is a link and `links` is not `follow`; invalid_option if
  /// this process has mapped the target (found on Linux only); invalid_option if append_from() is
  /// given the target itself.
  bool atomic = true;
  /// false: a file or a link that exists, or is created before commit(), is an error (io, with
  /// std::errc::file_exists) and stays as it is.
  bool replace = true;
  /// true: reserves space for the whole file at the start, where the file system can. A full disk
  /// is then found before a byte is written. Set it to false to share blocks with the source. It
  /// has no effect in place.
  bool preallocate = true;
  /// true: the file and its name survive a loss of power once finish() or save() has returned.
  bool durable = false;
  /// Selects what happens to a symbolic link that has the name.
  link_mode links = link_mode::replace;
  /// true: commit() fails if the mode bits cannot be set. They are those of the old file, reduced
  /// if its group or its access list is not kept. false: accepts the bits that the file system
  /// gives. It has no effect on Windows.
  bool keep_mode = true;
  /// If set, the path must lead to this source's file, unchanged in size and time since the source
  /// was opened or locked; else target_changed. try_create() checks this. commit() checks it again,
  /// just before the rename; with `atomic = false`, the first write does. The source is borrowed
  /// until try_create() returns.
  const file_source* only_over = nullptr;

  /// Compares all members.
  friend constexpr bool operator==(const output_options&, const output_options&) noexcept = default;
};

/// A new file: a positional_sink that several threads may write to at once. Owns the file until
/// commit(): if destroyed before, it removes what it wrote. A program that is killed leaves a file
/// called `.safetensors-….tmp`, which nobody takes for a model.
///
/// Threads and processes may make files for one path at once. Each commit() replaces the file as a
/// whole, and the last one stays. After fork, destroying the child's copy does not remove the file.
/// Only one of the two processes may write and commit.
///
/// What happens to the old file, which has the name (POSIX):
/// - If the old file is a symbolic link, the new file replaces the link, unless
///   `output_options::links` says otherwise. A link is an error if it is in /proc. So is a link to
///   something that is not a regular file or that cannot be looked at.
/// - Without an old file, the new file gets the permissions that the umask leaves.
/// - A new file that replaces an old one is private (0600, yours) until commit(). It then gets the
///   owner, group and permissions that the old file has at that moment, without set-user-ID and
///   set-group-ID. If the old file is gone, the new one gets those that the old one had at the
///   start.
/// - If the owner cannot be kept, the new file stays yours. If the group cannot be kept, the new
///   group gets nothing, and others get only what group and others both had.
/// - A new file that replaces a link gets the permissions of the file that the link led to, and is
///   yours.
/// - Access control lists and extended attributes are not kept. If the old file has a list, the
///   group gets what the list gives to it. Neither group nor others get more than any user or group
///   that the list names.
/// - Other hard links keep the old file, and mappings of it stay intact.
///
/// Sticky folders (POSIX, for root too):
/// - Where others may write to the folder, a link is followed or replaced only if it is trusted: it
///   belongs to you or to the folder's owner.
/// - Where group or others may write to the folder, the same holds for replacing or writing a file.
///
/// On Windows, a file that somebody maps or has open may refuse to be replaced: then commit()
/// fails, and the old file stays.
///
/// After a move, path() is empty, size() is 0, and write_at() and try_commit() fail.
class file_sink {
 public:
  file_sink(file_sink&&) noexcept;  ///< Leaves the other one without a file.
  /// Removes what this one began, and leaves the other one without a file.
  file_sink& operator=(file_sink&&) noexcept;
  ~file_sink();  ///< Removes what was not committed.

  /// Creates a file of which all `size` bytes are to be written.
  ///
  /// Errors: out_of_memory if the object cannot be allocated; io, with the system's error, if the
  /// folder cannot be opened or the name has something that is not a regular file; invalid_option
  /// if `links` refuses a link or, with `atomic = false`, does not follow it; target_changed as
  /// `only_over` says; io if a file exists and `replace` is false, if the file cannot be replaced,
  /// or if there is not enough space; invalid_option if this process has mapped a file that is to
  /// be written in place (found on Linux only).
  static result<file_sink> try_create(path_ref path, std::uint64_t size,
                                      const output_options& options = {});

  /// Writes bytes from `offset` on. Errors: wrong_length if they end past `size`; in place, what
  /// try_create() returns for the file that is emptied now; the operating system's if it cannot
  /// write.
  [[nodiscard]] std::error_code write_at(std::uint64_t offset,
                                         std::span<const std::byte> bytes) noexcept;
  /// Lets the system copy bytes [from.begin, from.end) of a file to `offset`, without moving them
  /// through the program; the file system may even share them. Returns how many were copied, from
  /// the first one on: 0 where the system cannot. Copy the rest by reading and writing. In place,
  /// a source that is the target ends the writing: write_at() and try_commit() then fail.
  [[nodiscard]] std::uint64_t copy_at(std::uint64_t offset, const file_source& source,
                                      byte_range from) noexcept;
  /// Gives the file its name, after syncing the file if it is to be durable. Does nothing once it
  /// has succeeded. An error is final. The target is then as it was, except where the message says
  /// that only the folder could not be synced.
  ///
  /// Errors: wrong_order if this object was moved from; io if an earlier call of this function has
  /// failed; incomplete_write if fewer than size() bytes were written (their number is counted:
  /// writing a byte twice can hide a hole); in place, what write_at() returns for a file that is
  /// emptied now; io if the system fails; invalid_option if `links` refuses a link that has the
  /// name by now; target_changed as `only_over` says.
  result<void> try_commit();
  /// Returns the path as UTF-8. Valid while this object exists and is not moved.
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept;  ///< Returns the bytes that are to be written.

#if SAFETENSORS_EXCEPTIONS
  ///@{
  /// Does what try_create() and try_commit() do, and throws safetensors::error if that fails.
  file_sink(path_ref path, std::uint64_t size, const output_options& options = {})
      : file_sink(try_create(path, size, options).value()) {}
  void commit() { try_commit().value(); }
  ///@}
#endif

 private:
  friend detail::output_door;
  explicit file_sink(std::unique_ptr<detail::open_output> state) noexcept;
  std::unique_ptr<detail::open_output> state_;
};

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== write/writer.hpp
// Writes a file tensor by tensor.

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

//==== write/save.hpp
// Writes a whole file by one call.

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
template <class Sink>
concept no_path = !std::convertible_to<Sink, path_ref>;
// As expect_source.
template <class Sink> struct expect_sink {
  static_assert(positional_sink<Sink> || sequential_sink<Sink>,
                "a sink has write_at(offset, bytes), or write(bytes), and returns std::error_code: "
                "function_sink{f} makes one of a function, such as one that writes to a stream");
};
SAFETENSORS_DECL result<void> save_to(sink_ref sink, const tensor_list<tensor_data>& tensors,
                                      const layout_options& options);
}  // namespace detail

/// Options of save().
struct write_options {
  layout_options layout{};  ///< the contents of the file
  output_options output{};  ///< how the file reaches the disk

  /// Compares all members.
  friend bool operator==(const write_options&, const write_options&) = default;
};

/// Writes a file: `save("model.safetensors", {{"w", {2, 3}, values}})`, or
/// `save("copy.safetensors", model)` for the tensors and the metadata of another file. Everything
/// is validated before a byte is written. Errors: those of write_plan; unknown_dtype if `elements`
/// is not an enumerator; dtype_mismatch if the elements have another dtype; size_mismatch if the
/// number of bytes is not what dtype and shape need; dtype_mismatch if the words have another
/// width; those of file_sink; out_of_memory if memory cannot be allocated.
SAFETENSORS_DECL result<void> try_save(path_ref path, const tensor_list<tensor_data>& tensors,
                                       const write_options& options = {});
/// Writes a file to your own sink, which it borrows until the call returns, and commits the sink if
/// it has try_commit(). A sequential_sink gets the bytes from front to back.
/// Errors: those of write_plan; unknown_dtype, dtype_mismatch and size_mismatch as above;
/// wrong_length if the sink is a file_sink of another size; any error that the sink returns.
template <detail::no_path Sink> result<void> try_save(Sink&& sink,
                                                      const tensor_list<tensor_data>& tensors,
                                                      const layout_options& options = {}) {
  (void)detail::expect_sink<std::remove_reference_t<Sink>>();
  return detail::save_to(detail::sink_ref(sink), tensors, options);
}
/// Returns the bytes of the file. Errors: those of write_plan; unknown_dtype, dtype_mismatch and
/// size_mismatch as for try_save(); out_of_memory if memory cannot be allocated.
SAFETENSORS_DECL result<std::vector<std::byte>> try_serialize(
    const tensor_list<tensor_data>& tensors, const layout_options& options = {});

#if SAFETENSORS_EXCEPTIONS
/// Does what try_save() does, and throws safetensors::error if that fails.
inline void save(path_ref path, const tensor_list<tensor_data>& tensors,
                 const write_options& options = {}) {
  try_save(path, tensors, options).value();
}
/// Does what try_save() does, and throws safetensors::error if that fails.
template <detail::no_path Sink> void save(Sink&& sink, const tensor_list<tensor_data>& tensors,
                                          const layout_options& options = {}) {
  try_save(sink, tensors, options).value();
}
/// Does what try_serialize() does, and throws safetensors::error if that fails.
[[nodiscard]] inline std::vector<std::byte> serialize(const tensor_list<tensor_data>& tensors,
                                                      const layout_options& options = {}) {
  return try_serialize(tensors, options).value();
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== write/output_state.hpp
// What the bodies of writing share: a layout and its tensors, the state of a file that is being
// written, and what writing needs of an operating system. Each system has its own files with the
// bodies.

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- tensors with their bytes

// A plan, and the tensors of which it was made, in the file's order.
struct layout {
  write_plan plan;
  block<const tensor_spec*> tensors;
};
// Lays out tensors, and validates that their bytes fit.
SAFETENSORS_DECL result<layout> lay_out_data(const tensor_list<tensor_data>& tensors,
                                             const layout_options& options);
// Says how to write elements of another dtype.
SAFETENSORS_DECL std::string conversion_advice(dtype to);

//-- what has the name

// POSIX: the rights of a file that is replaced.
struct file_rights {
  std::uint32_t mode = 0, owner = 0, group = 0;
  bool with_owner = false;  // false where a link is replaced
};

// What has a name that is to be written: a regular file, a link, or nothing.
struct name_holder {
  bool is_link = false;
  std::uint32_t owner = 0;           // of the file or the link that has the name
  std::optional<file_facts> file{};  // which has the name, or to which the link leads
  file_rights rights{};              // of the file
};

//-- failures

// Detail and advice of a failure that may be found while memory for text cannot be allocated.
struct reason {
  const char *what = nullptr, *advice = "";
};

SAFETENSORS_DECL failure reason_failure(errc code, reason why);
// Makes a failure of an error that a sink returned for bytes from `offset` on.
SAFETENSORS_DECL failure sink_failure(sink_ref sink, std::uint64_t offset, std::error_code error);

inline constexpr const char* cannot_write = "cannot write it";
inline constexpr const char* cannot_follow = "cannot follow the symbolic link";
inline constexpr const char* cannot_sync = "cannot sync it";
inline constexpr const char* cannot_close = "cannot close it";
inline constexpr const char* cannot_create_temporary =
    "cannot create a temporary file in its folder";
inline constexpr const char* cannot_take_place = "the new file cannot take its place";
inline constexpr const char* already_there = "a file of this name exists";
inline constexpr const char* replace_advice = "replace = true replaces it";
inline constexpr const char* without_rename = "atomic = false writes without renaming";
inline constexpr reason mapped_here{
    "this process has mapped the file, which writing in place would empty",
    "load it with memory_file, or leave atomic = true"};
inline constexpr reason link_in_place{"it is a symbolic link, which cannot be replaced in place",
                                      "link_mode::follow writes the file that it leads to"};
inline constexpr reason reads_itself{
    "the source is the file that is written, which writing in place would empty",
    "leave atomic = true"};

//-- the state

// A file that is being written.
struct open_output {
  // In place, the first write opens an existing file, and so empties it.
  enum class stage_of_target : std::uint8_t { untouched, changing, open, refused };

  native_handle file = invalid_handle;
  native_handle second = invalid_handle;  // POSIX: of the same file, for work after closing `file`
  native_handle folder = invalid_handle;  // POSIX: holds both names
  native_handle origin = invalid_handle;  // POSIX: where a relative path begins
  os::path_text given{};                  // POSIX: the path, if it must still lead to only_over
  os::path_text target{};
  os::path_text unfinished{};             // the name that is removed unless it is committed
  file_identity own{};                    // POSIX: of the file that was opened under that name
  bool is_begun = false;                  // Windows: that file was opened
  bool tried = false, committed = false;  // to commit it
  // The process that removes the file. A copy of this object in a forked process does not.
  std::uint64_t process = os::process_number();
  std::uint64_t size = 0;
  std::atomic<std::uint64_t> written = 0;  // bytes in total
  output_options options{};
  std::optional<file_facts> only_over{};  // of options.only_over, which need not exist any more
  std::optional<file_rights> rights{};    // of the file that had the name at the start
  file_facts in_place{};                  // of the target at the start, if it is written itself
  std::atomic<stage_of_target> stage = stage_of_target::open;
  std::error_code refusal{};
  reason why{};        // of the refusal
  std::string path{};  // as UTF-8

  // Returns the stage once no thread is changing it.
  stage_of_target settled() const noexcept;
  // Opens the target if that is still to be done. One thread does it, and the others wait.
  std::error_code ready() noexcept;
  // Ends the writing: every later write returns this code.
  std::error_code refuse(errc code, reason words) noexcept;
};

// What writers ask of a file_sink, which may have been moved from.
struct output_door {
  // Returns true if it writes in place and the existing file still has its bytes.
  static bool is_untouched(const file_sink& file) noexcept;
  // In place, fails for good if the source is the target.
  static std::error_code check_source(file_sink& file, const file_source& source) noexcept;
  // Describes an error of write_at().
  static failure failure_of(const file_sink& file, std::error_code error);
};

//-- rules about the target

// Says why a name no longer leads to the wanted file. Returns null if it does.
SAFETENSORS_DECL const char* what_changed(const file_facts& wanted,
                                          const std::optional<file_facts>& found) noexcept;
SAFETENSORS_DECL result<void> check_only_over(const std::optional<file_facts>& wanted,
                                              const std::optional<file_facts>& found);
SAFETENSORS_DECL result<void> expect_not_refused(const open_output& output,
                                                 const name_holder& holder);
// Fails if the target, which is to be emptied now, is not what it was at the start, or is mapped.
// Sets output.why.
SAFETENSORS_DECL std::error_code check_in_place(open_output& output,
                                                const std::optional<file_facts>& now) noexcept;
// Keeps the existing target until the first write. Fails if this process maps the target.
SAFETENSORS_DECL result<void> start_in_place(open_output& output, const file_facts& target);
SAFETENSORS_DECL failure no_room_failure(std::error_code error, std::uint64_t size);
// Returns a name that no other process and no other thread uses, and another one each time.
SAFETENSORS_DECL std::string temporary_name();

//-- operating systems

namespace os {
SAFETENSORS_DECL result<void> create(open_output& output, const path_ref& path);
// Opens the target, and so empties it.
SAFETENSORS_DECL std::error_code open_in_place(open_output& output) noexcept;
SAFETENSORS_DECL std::error_code write_at(native_handle handle, std::uint64_t offset,
                                          std::span<const std::byte> bytes) noexcept;
// Copies at most `size` bytes within the system, and returns how many. 0: the system cannot, or
// cannot copy these.
SAFETENSORS_DECL std::uint64_t copy(native_handle from, std::uint64_t from_offset, native_handle to,
                                    std::uint64_t to_offset, std::uint64_t size) noexcept;
// Asks the system to bring these bytes to the disk while more are written. Does not wait.
SAFETENSORS_DECL void start_syncing(native_handle handle, std::uint64_t offset,
                                    std::uint64_t size) noexcept;
SAFETENSORS_DECL result<void> commit(open_output& output);
// Closes what is open, and removes the file unless it was committed.
SAFETENSORS_DECL void discard(open_output& output) noexcept;
}  // namespace os

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== write/plan.ipp
// Validates the tensors that are to be written, and makes the header of the file.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

//-- the header's text

// Compact JSON as the reference writes it. Without memory, later calls do nothing.
class header_text {
 public:
  [[nodiscard]] block<char>& written() noexcept { return text_; }
  [[nodiscard]] bool has_memory() const noexcept { return has_memory_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return text_.size(); }

  header_text& raw(std::string_view piece) noexcept {
    has_memory_ = has_memory_ && text_.append({piece.data(), piece.size()});
    return *this;
  }
  header_text& number(std::uint64_t value) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return raw({digits, static_cast<std::size_t>(end - digits)});
  }
  // Returns the place of the string once it is decoded in place: it ends before its closing quote.
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
  bool has_memory_ = true;
};

//-- rules

constexpr bool is_dtype(dtype type) noexcept {
  return static_cast<std::size_t>(type) < std::size(dtypes);
}

SAFETENSORS_DECL bool has_negative_size(const tensor_spec& spec) noexcept {
  return spec.given_negative_size_ &&
         std::find(spec.shape.begin(), spec.shape.end(), any_size) != spec.shape.end();
}

inline failure spec_failure(errc code, const tensor_spec& spec, std::string detail,
                            std::string advice = {}) {
  return {
      .code = code, .tensor = spec.name, .detail = std::move(detail), .advice = std::move(advice)};
}

inline result<void> check_spec(const tensor_spec& spec) {
  if (const std::size_t valid = valid_utf8_prefix(spec.name); valid != spec.name.size())
    return spec_failure(errc::invalid_utf8, spec,
                        join("its name is not valid UTF-8 at byte ", valid));
  if (spec.name == "__metadata__")
    return spec_failure(errc::reserved_name, spec, "a tensor must not be named __metadata__",
                        "put metadata into layout_options::metadata");
  if (!is_dtype(spec.dtype))
    return spec_failure(errc::unknown_dtype, spec, "its dtype is not one of the enumerators");
  if (has_negative_size(spec))
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
                     .detail = join("the metadata key ", in_quotes(key), " is not valid UTF-8")};
    if (valid_utf8_prefix(value) != value.size())
      return failure{.code = errc::invalid_utf8,
                     .detail = join("the value of ", in_quotes(key), " is not valid UTF-8")};
  }
  return {};
}

inline result<void> check_options(const layout_options& options) {
  if (std::has_single_bit(options.data_alignment)) return {};
  return failure{
      .code = errc::invalid_option,
      .detail = join("data_alignment is ", options.data_alignment, ", not a power of two")};
}

SAFETENSORS_DECL std::string conversion_advice(dtype to) {
  const auto bits = static_cast<std::uint64_t>(bit_width(to));
  if (!cpp_type_of(to).empty() || bits < 8)
    return join("convert them to ", to_string(to), " first");
  return join("convert them to ", to_string(to), " first, and write the result as std::uint", bits,
              "_t");
}

// The bytes have the right number, the words the right width, the elements the right dtype.
inline result<void> check_data(const tensor_data& tensor) {
  const dtype elements = tensor.elements.value_or(tensor.dtype);
  if (!is_dtype(elements))
    return spec_failure(errc::unknown_dtype, tensor, "`elements` is not one of the enumerators");
  if (tensor.word_bytes != 1 && elements != tensor.dtype)
    return spec_failure(errc::dtype_mismatch, tensor,
                        join("its dtype is ", to_string(tensor.dtype), ", but the elements are ",
                             to_string(elements)),
                        conversion_advice(tensor.dtype));
  const std::uint64_t wanted = measure(tensor.dtype, tensor.shape).bits / 8;
  if (tensor.bytes.size() != wanted)
    return spec_failure(
        errc::size_mismatch, tensor,
        join(to_string(tensor.dtype), " ", shape_text(tensor.shape), " needs ",
             counted(wanted, "byte"), ", but ", tensor.bytes.size(), " were given"));
  if (tensor.word_bytes == 1 || tensor.word_bytes == swap_unit(tensor.dtype) ||
      8 * tensor.word_bytes == static_cast<std::size_t>(bit_width(tensor.dtype)))
    return {};
  return spec_failure(errc::dtype_mismatch, tensor,
                      join("an element of ", to_string(tensor.dtype), " has ",
                           static_cast<std::uint64_t>(bit_width(tensor.dtype)),
                           " bits, but the words have ", 8 * tensor.word_bytes));
}

//-- the plan

// Builds the header's text, and the table that a reader would make of that text.
class plan_builder {
 public:
  plan_builder(std::span<const tensor_spec* const> tensors, const metadata_map& metadata,
               const layout_options& options) noexcept
      : tensors_(tensors),
        metadata_(metadata),
        options_(options),
        limit_((std::min)(options.max_header_bytes, max_text_bytes)) {}

  result<write_plan> build() {
    if (!reserve()) return errc::out_of_memory;
    json_.raw(std::string_view("\0\0\0\0\0\0\0\0{", 9));
    write_metadata();
    for (const tensor_spec* spec : tensors_)
      if (auto written = write_entry(*spec); !written) return std::move(written).error();
    json_.raw("}");
    if (auto padded = pad(); !padded) return std::move(padded).error();
    if (auto indexed = index_tensors(); !indexed) return std::move(indexed).error();
    return write_plan(header_door::make(std::move(table_)), std::move(json_.written()));
  }

 private:
  [[nodiscard]] bool reserve() {
    std::size_t dimensions = 0;
    for (const tensor_spec* spec : tensors_) dimensions += spec->shape.size();
    table_.reset(new (std::nothrow) tensor_table);
    return table_ != nullptr && table_->records.reserve(tensors_.size()) &&
           table_->dimensions.reserve(dimensions) && table_->metadata.reserve(metadata_.size());
  }

  void write_metadata() {
    if (metadata_.empty()) return;
    std::string_view separator = "\"__metadata__\":{";
    for (const auto& [key, value] : metadata_) {
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
    if (!json_.has_memory()) return errc::out_of_memory;
    const std::uint64_t alignment = (std::max)(options_.data_alignment, std::uint64_t{8});
    const std::uint64_t data_start = (json_.size() + alignment - 1) & ~(alignment - 1);
    if (data_start - 8 > limit_) return too_large(data_start - 8);
    block<char>& text = json_.written();
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

  // Copies the text into the table, with decoded strings, and indexes the names.
  result<void> index_tensors() {
    block<char>& text = table_->text;
    if (!text.append({json_.written().data() + 8, json_.written().size() - 8}))
      return errc::out_of_memory;
    const auto decode = [&](std::uint32_t offset, const std::string& value) {
      copy_bytes(text.data() + offset, value.data(), value.size());
    };
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      decode(table_->records[i].name_offset, tensors_[i]->name);
    for (std::size_t i = 0; const auto& [key, value] : metadata_) {
      decode(table_->metadata[i].key.offset, key);
      decode(table_->metadata[i++].value.offset, value);
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
                join("the header would have at least ", size, " bytes, but the limit is ", limit_),
            .advice = options_.data_alignment > limit_ ? "data_alignment makes it so long"
                                                       : limit_advice(size)};
  }

  std::span<const tensor_spec* const> tensors_;
  const metadata_map& metadata_;
  const layout_options& options_;
  std::uint64_t limit_;
  header_text json_{};
  std::unique_ptr<tensor_table> table_{};
};

inline result<layout> lay_out_in_order(block<const tensor_spec*> tensors,
                                       const metadata_map& metadata,
                                       const layout_options& options) {
  for (const tensor_spec* spec : tensors)
    if (auto valid = check_spec(*spec); !valid) return std::move(valid).error();
  if (auto valid = check_metadata(metadata); !valid) return std::move(valid).error();
  if (options.order == tensor_order::canonical)
    std::sort(tensors.begin(), tensors.end(), [](const tensor_spec* a, const tensor_spec* b) {
      const int first = write_order(a->dtype), second = write_order(b->dtype);
      return first != second ? first > second : a->name < b->name;
    });
  result<write_plan> plan =
      plan_builder({tensors.data(), tensors.size()}, metadata, options).build();
  if (!plan) return std::move(plan).error();
  return layout{*std::move(plan), std::move(tensors)};
}

template <class Spec>
result<layout> lay_out(const tensor_list<Spec>& specs, const layout_options& options) {
  if (auto valid = check_options(options); !valid) return std::move(valid).error();
  block<const tensor_spec*> tensors;
  if (!specs.complete() || !tensors.reserve(specs.items().size())) return errc::out_of_memory;
  for (const tensor_spec& spec : specs.items()) (void)tensors.push_back(&spec);  // within capacity
  if (!options.metadata.empty() || !options.keep_metadata || specs.metadata().empty())
    return lay_out_in_order(std::move(tensors), options.metadata, options);
  metadata_map kept;
  if (!try_allocating([&] { kept = specs.metadata().to_map(); })) return errc::out_of_memory;
  return lay_out_in_order(std::move(tensors), kept, options);
}

SAFETENSORS_DECL result<layout> lay_out_data(const tensor_list<tensor_data>& tensors,
                                             const layout_options& options) {
  result<layout> made = lay_out(tensors, options);
  if (!made) return made;
  for (const tensor_data& tensor : tensors.items())
    if (auto valid = check_data(tensor); !valid) return std::move(valid).error();
  return made;
}

}  // namespace detail

SAFETENSORS_DECL tensor_spec::tensor_spec(std::string_view tensor_name, safetensors::dtype type,
                                          shape_ref sizes)
    : name(tensor_name), dtype(type), given_negative_size_(!sizes.valid()) {
  shape.reserve(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) shape.push_back(sizes[i]);
}
SAFETENSORS_DECL tensor_spec::tensor_spec(const tensor_info& tensor)
    : tensor_spec(tensor.name(), tensor.dtype(), tensor.shape()) {}

SAFETENSORS_DECL tensor_data::tensor_data(const tensor_view& tensor)
    : tensor_spec(tensor), bytes(tensor.bytes()) {}

SAFETENSORS_DECL result<write_plan> write_plan::try_make(const tensor_list<tensor_spec>& tensors,
                                                         const layout_options& options) {
  result<detail::layout> made = detail::lay_out(tensors, options);
  if (!made) return std::move(made).error();
  return std::move(made->plan);
}

}  // namespace safetensors::inline SAFETENSORS_ABI

#ifdef _WIN32

//==== write/output_windows.ipp
// Windows: creates, writes and commits files.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

// The few functions that are used, declared as in the SDK, so that <windows.h> and its macros stay
// out.
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

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

//-- what has a name

// Returns true for a name for a symbolic link. Other reparse points, such as files of a cloud, are
// files.
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

// Opens what a path leads to, to ask about it.
inline native_handle open_to_ask(const std::wstring& path) noexcept {
  constexpr unsigned long share_all = 7, open_existing = 3, normal = 0x80;
  return CreateFileW(path.c_str(), 0, share_all, nullptr, open_existing, normal, nullptr);
}

// Examines what has a name that is to be written.
inline result<name_holder> look(const std::wstring& path) {
  constexpr unsigned long directory = 0x10;
  name_holder holder;
  const unsigned long attributes = GetFileAttributesW(path.c_str());
  if (attributes == ~0ul) {
    const unsigned long error = GetLastError();
    if (error == 2 || error == 3) return holder;  // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
    return source_failure(last_error(), cannot_examine);
  }
  if ((attributes & directory) != 0) return source_failure(std::errc::is_a_directory, cannot_write);
  holder.is_link = is_symbolic_link(path, attributes);
  const native_handle file = open_to_ask(path);
  if (file == invalid_handle) {
    const unsigned long error = GetLastError();
    // ERROR_CANT_RESOLVE_FILENAME: the link leads to nothing but links.
    const bool nowhere = error == 2 || error == 3 || error == 1921;
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

// Fails if the name does not lead to what it must lead to.
inline result<void> expect_holder(const open_output& output, const name_holder& holder) {
  if (auto allowed = expect_not_refused(output, holder); !allowed) return allowed;
  if (holder.is_link && !output.options.atomic && output.options.links != link_mode::follow)
    return reason_failure(errc::invalid_option, link_in_place);
  return check_only_over(output.only_over, holder.file);
}

//-- creating

inline native_handle open_to_write(const std::wstring& path, unsigned long disposition) noexcept {
  constexpr unsigned long generic_write = 0x40000000u, share_read_delete = 5, normal = 0x80;
  return CreateFileW(path.c_str(), generic_write, share_read_delete, nullptr, disposition, normal,
                     nullptr);
}
inline constexpr unsigned long create_new = 1, create_always = 2;

SAFETENSORS_DECL std::error_code open_in_place(open_output& output) noexcept {
  std::optional<file_facts> now;
  if (const native_handle file = open_to_ask(output.target); file != invalid_handle) {
    now = facts_of(file);
    CloseHandle(file);
  }
  if (const std::error_code error = check_in_place(output, now)) return error;
  output.file = open_to_write(output.target, create_always);
  if (output.file == invalid_handle) return last_error();
  output.is_begun = true;
  return {};
}

// Makes room for the whole file.
inline result<void> make_room(open_output& output) {
  auto high = static_cast<long>(output.size >> 32);
  constexpr unsigned long failed = ~0ul;  // or a position that looks like it
  if ((SetFilePointer(output.file, static_cast<long>(output.size), &high, 0) == failed &&
       GetLastError() != 0) ||
      SetEndOfFile(output.file) == 0)
    return no_room_failure(last_error(), output.size);
  return {};
}

SAFETENSORS_DECL result<void> create(open_output& output, const path_ref& path) {
  result<std::wstring> target = native_path(path);
  if (!target) return std::move(target).error();
  output.target = *std::move(target);
  if (output.target.empty())
    return source_failure(std::errc::no_such_file_or_directory, empty_path);
  const result<name_holder> found = look(output.target);
  if (!found) return found.error();
  if (auto expected = expect_holder(output, *found); !expected) return expected;
  if (found->is_link && output.options.links == link_mode::follow)
    if (auto followed = follow_link(output.target); !followed) return followed;
  if ((found->is_link || found->file) && !output.options.replace)
    return source_failure(std::errc::file_exists, already_there, replace_advice);

  std::wstring name = output.target;
  if (output.options.atomic) {
    const std::string temporary = temporary_name();
    name.resize(name.find_last_of(L"\\/:") + 1);
    name.append(temporary.begin(), temporary.end());
  } else if (found->file) {
    output.unfinished = std::move(name);
    return start_in_place(output, *found->file);
  }
  output.file = open_to_write(name, create_new);
  if (output.file == invalid_handle)
    return source_failure(last_error(),
                          output.options.atomic ? cannot_create_temporary : cannot_write);
  output.unfinished = std::move(name);
  output.is_begun = true;
  if (output.options.atomic && output.options.preallocate) return make_room(output);
  return {};
}

//-- bytes

SAFETENSORS_DECL std::error_code write_at(native_handle handle, std::uint64_t offset,
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

SAFETENSORS_DECL std::uint64_t copy(native_handle, std::uint64_t, native_handle, std::uint64_t,
                                    std::uint64_t) noexcept {
  return 0;
}

SAFETENSORS_DECL void start_syncing(native_handle, std::uint64_t, std::uint64_t) noexcept {}

//-- the end

SAFETENSORS_DECL result<void> commit(open_output& output) {
  if (output.options.durable && FlushFileBuffers(output.file) == 0)
    return source_failure(last_error(), cannot_sync);
  if (CloseHandle(std::exchange(output.file, invalid_handle)) == 0)
    return source_failure(last_error(), cannot_close);
  if (output.options.atomic && output.options.replace) {
    const result<name_holder> now = look(output.target);
    if (!now) return now.error();
    if (auto expected = expect_holder(output, *now); !expected) return expected;
  }
  const unsigned long flags = (output.options.replace ? 1 /* MOVEFILE_REPLACE_EXISTING */ : 0) |
                              (output.options.durable ? 8 /* MOVEFILE_WRITE_THROUGH */ : 0);
  if (output.options.atomic &&
      MoveFileExW(output.unfinished.c_str(), output.target.c_str(), flags) == 0)
    return source_failure(last_error(), cannot_take_place,
                          "close or unmap the old file first; memory_file keeps no file open");
  output.unfinished.clear();
  return {};
}

SAFETENSORS_DECL void discard(open_output& output) noexcept {
  if (output.file != invalid_handle) CloseHandle(output.file);
  if (output.is_begun && !output.unfinished.empty()) DeleteFileW(output.unfinished.c_str());
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os

#else

//==== write/path_posix.ipp
// POSIX: descriptors, and the walk along a path that sees every link.

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

#if defined(__GLIBC__) || defined(__BIONIC__)
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat64(folder, name, flags, mode);
}
#else
inline int open_at(int folder, const char* name, int flags, ::mode_t mode) noexcept {
  return ::openat(folder, name, flags, mode);
}
#endif

// Owns a descriptor, and closes it.
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
  [[nodiscard]] bool is_open() const noexcept { return file_ != invalid_handle; }
  [[nodiscard]] int release() noexcept { return std::exchange(file_, invalid_handle); }

 private:
  int file_;
};

// Unreadable folders can be opened too, where the system allows that.
#if defined(O_PATH)
inline constexpr int folder_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
#elif defined(O_SEARCH) && !defined(__wasi__)  // which then opens nothing in it for reading
inline constexpr int folder_flags = O_SEARCH | O_DIRECTORY | O_CLOEXEC;
#else
inline constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
#endif

inline descriptor open_folder(int parent, const char* name, int more_flags = 0) noexcept {
  return descriptor(
      uninterrupted([&] { return ::openat(parent, name, folder_flags | more_flags); }));
}

inline descriptor open_folder_again(int folder) noexcept {
#ifdef __wasi__  // which cannot duplicate descriptors
  return open_folder(folder, ".");
#else
  return descriptor(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
#endif
}

// Examines what has a name, if anything does. A link is not followed.
inline result<std::optional<file_status>> status_in(int folder, const char* name) {
  file_status status{};
  if (status_at(folder, name, status, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(status);
  if (errno == ENOENT) return std::optional<file_status>();
  return source_failure(last_error(), cannot_examine);
}

inline ::uid_t own_user() noexcept {
#ifdef __wasi__
  return 0;  // as every file's owner
#else
  return ::geteuid();
#endif
}

// In a sticky folder that `others` may write to, anything that belongs neither to us nor to the
// folder's owner may be a trap. Linux checks this with fs.protected_symlinks and
// fs.protected_regular; this function always does.
inline result<void> expect_own(int folder, const file_status& status, ::mode_t others,
                               std::string_view what) {
  if (status.st_uid == own_user()) return {};
  file_status parent{};
  if (status_of(folder, parent) != 0) return source_failure(last_error(), cannot_examine);
  if ((parent.st_mode & S_ISVTX) == 0 || (parent.st_mode & others) == 0 ||
      status.st_uid == parent.st_uid)
    return {};
  return source_failure(std::errc::permission_denied,
                        join(what,
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

// Walks along a path, from folder to folder, so that it sees every link.
class path_walk {
 public:
  // From a folder, unless the path is absolute, to the folder of the path's last name.
  result<void> go(descriptor origin, std::string path) {
    if (path.empty()) return source_failure(std::errc::no_such_file_or_directory, empty_path);
    rest_ = std::move(path);
    folder_ = std::move(origin);
#ifdef __wasi__
    // A path begins with the name of a folder that the host opened, and "/" is seldom one.
    if (const std::size_t slash = rest_.rfind('/'); slash != rest_.npos) {
      folder_ = open_folder(AT_FDCWD, slash == 0 ? "/" : rest_.substr(0, slash).c_str());
      rest_ = rest_.substr(slash + 1);
    }
#endif
    return go_on();
  }
  // From a folder along the link that has this name in it.
  result<void> follow(descriptor folder, std::string link_name) {
    if (!folder.is_open()) return cannot_open_folder();
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
  // To the end of a chain of links. Returns what is there, if anything.
  result<std::optional<file_status>> follow_all() {
    for (;;) {
      if (name_.empty())  // the link's text ends in a slash
        return source_failure(std::errc::is_a_directory, cannot_write);
      auto status = status_in(folder(), name_.c_str());
      if (!status || !*status || !S_ISLNK((*status)->st_mode)) return status;
      if (auto followed = follow(); !followed) return std::move(followed).error();
    }
  }
  [[nodiscard]] int folder() const noexcept { return folder_.get(); }
  [[nodiscard]] int release_folder() noexcept { return folder_.release(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // the last one

 private:
  result<void> go_on() {
    for (;;) {
      if (rest_.starts_with('/')) {
        folder_ = open_folder(AT_FDCWD, "/");
        rest_ = rest_.substr((std::min)(rest_.find_first_not_of('/'), rest_.size()));
      }
      if (!folder_.is_open()) return cannot_open_folder();
      const std::size_t slash = rest_.find('/');
      name_ = rest_.substr(0, slash);
      if (slash == rest_.npos) {
        rest_.clear();
        return {};
      }
      rest_ = rest_.substr((std::min)(rest_.find_first_not_of('/', slash), rest_.size()));
      if (auto entered = enter(name_); !entered) return entered;
    }
  }
  result<void> enter(const std::string& name) {
    descriptor inner = open_folder(folder(), name.c_str(), O_NOFOLLOW);
    if (!inner.is_open()) {
      if (errno != ELOOP && errno != ENOTDIR && errno != EMLINK) return cannot_open_folder();
      const std::error_code error = last_error();
      const auto status = status_in(folder(), name.c_str());
      if (!status) return status.error();
      if (!*status || !S_ISLNK((*status)->st_mode)) return source_failure(error, no_folder);
      if (auto allowed = check_link(name); !allowed) return allowed;
      if (!is_in_procfs(folder())) return put_link_first(name, "/");
      inner = open_folder(folder(), name.c_str());  // the text of such a link is not a path
      if (!inner.is_open()) return cannot_open_folder();
    }
    folder_ = std::move(inner);
    return {};
  }
  result<void> check_link(const std::string& name) {
    const auto status = status_in(folder(), name.c_str());
    if (!status) return status.error();
    if (!*status) return source_failure(std::errc::no_such_file_or_directory, cannot_follow);
    if (in_chain_ && is_in_procfs(folder()))
      return source_failure(std::errc::invalid_argument,
                            "it leads to an open file, which cannot be replaced");
    return expect_own(folder(), **status, S_IWOTH, "a link in its path");
  }
  result<void> put_link_first(const std::string& name, std::string_view separator) {
    constexpr int most_links = 40;
    if (++links_ > most_links)
      return source_failure(std::errc::too_many_symbolic_link_levels, cannot_follow);
    char link[4096];
    const ssize_t length = ::readlinkat(folder(), name.c_str(), link, sizeof link);
    if (length < 0) return source_failure(last_error(), cannot_follow);
    if (length == sizeof link) return source_failure(std::errc::filename_too_long, cannot_follow);
    rest_ = join(std::string_view(link, static_cast<std::size_t>(length)), separator, rest_);
    return {};
  }
  static result<void> cannot_open_folder() { return source_failure(last_error(), no_folder); }

  static constexpr const char* no_folder = "cannot open its folder";
  descriptor folder_{};
  std::string name_{}, rest_{};
  int links_ = 0;
  bool in_chain_ = false;  // of links that begins at the name that is written
};

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os

//==== write/rights_posix.ipp
// POSIX: modes, access lists and owners, and which names may be replaced.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <sys/xattr.h>
#endif

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

//-- the mode of a file

#ifdef __linux__
inline constexpr const char* access_list = "system.posix_acl_access";

// Returns the mode for a file without the access list that a file of this mode has.
// - The group gets what the list gives to it. The mode's group bits are only the most that the list
//   gives to anybody but the owner and the others.
// - A user or group that the list names is then one of the others, or of the group. Neither of
//   these gets more than the list gives to any of those.
inline std::uint32_t mode_without_list(std::uint32_t mode, std::span<const unsigned char> list) {
  // 4 bytes of version; then entries: tag, rights, number, in 2, 2 and 4 bytes, little-endian.
  constexpr std::size_t header_bytes = 4, entry_bytes = 8;
  enum tag : unsigned char { user = 2, own_group = 4, group = 8 };
  const std::uint32_t mask = mode >> 3 & 7;
  std::uint32_t group_rights = mask, other_rights = mode & 7;
  bool has_own_group = false;
  for (std::size_t at = header_bytes; at + entry_bytes <= list.size(); at += entry_bytes) {
    const std::uint32_t rights = list[at + 2] & mask;
    if (list[at] == user || list[at] == own_group) group_rights &= rights;
    if (list[at] == user || list[at] == group) other_rights &= rights;
    has_own_group = has_own_group || list[at] == own_group;
  }
  return has_own_group ? (mode & 0700) | group_rights << 3 | other_rights : mode & 0700;
}
#endif

// Returns the mode bits that give nobody more than the file gives.
inline std::uint32_t mode_of([[maybe_unused]] int folder, [[maybe_unused]] const char* name,
                             const file_status& status) {
  const std::uint32_t mode = status.st_mode & 0777u;
#ifdef __linux__
  if ((mode & 077) == 0) return mode;
  unsigned char list[1024];
  const std::string path = join("/proc/self/fd/", static_cast<std::uint64_t>(folder), "/", name);
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

//-- what has a name

// Examines what has a name that is to be written. Fails if it may not be replaced, or not followed
// if it is a link.
inline result<name_holder> look(int folder, const std::string& name) {
  name_holder holder;
  auto status = status_in(folder, name.c_str());
  path_walk walk;
  if (status && *status) holder.owner = (*status)->st_uid;
  if (status && *status && S_ISLNK((*status)->st_mode)) {
    holder.is_link = true;
    const auto followed = walk.follow(open_folder_again(folder), name);
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

// Does what look() does, along the whole path, whose folders may be others by now.
inline result<name_holder> look_along_path(const open_output& output) {
  path_walk walk;
  descriptor origin =
      output.origin != invalid_handle ? open_folder_again(output.origin) : descriptor();
  if (auto gone = walk.go(std::move(origin), output.given); !gone) {
    const std::error_code error = gone.error().system;
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
      return name_holder();
    return std::move(gone).error();
  }
  return look(walk.folder(), walk.name());
}

//-- what can be replaced

// Returns true if a file of another owner can be renamed in a sticky folder. Root needs CAP_FOWNER
// for that.
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
  return own_user() == 0;
#endif
}

// Older C libraries have no statx, though the kernel's headers may define what it returns.
#if (!defined(__GLIBC__) || __GLIBC_MINOR__ >= 28) && \
    (!defined(__ANDROID_API__) || __ANDROID_API__ >= 30)
#define SAFETENSORS_DETAIL_STATX
#endif

// Fails if the name cannot be replaced, as far as the system says so beforehand.
inline result<void> expect_replaceable(int folder, const std::string& name,
                                       const name_holder& holder, bool atomic) {
#if defined(SAFETENSORS_DETAIL_STATX) && defined(STATX_ATTR_MOUNT_ROOT)
  struct ::statx found{};
  if (::statx(folder, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &found) ==
      0) {
    if ((found.stx_attributes & STATX_ATTR_IMMUTABLE) != 0)
      return source_failure(std::errc::operation_not_permitted, "it is immutable");
    if ((found.stx_attributes & STATX_ATTR_APPEND) != 0)
      return source_failure(std::errc::operation_not_permitted, "it is append-only");
    if (atomic && (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
      return source_failure(std::errc::device_or_resource_busy, "it is a mount point");
  }
#endif
  if (!atomic) {
    if (::faccessat(folder, name.c_str(), W_OK, AT_EACCESS) != 0 &&
        (errno == EACCES || errno == EROFS))
      return source_failure(last_error(), cannot_write);
    return {};
  }
  if (holder.owner == own_user()) return {};
  file_status parent{};
  if (status_of(folder, parent) != 0) return source_failure(last_error(), cannot_examine);
  if ((parent.st_mode & S_ISVTX) == 0 || parent.st_uid == own_user() || may_rename_any()) return {};
  return source_failure(
      std::errc::operation_not_permitted,
      "it belongs to another user, in a sticky folder where only its owner may replace it");
}

// Fails if files in a folder cannot be renamed, as far as the system says so beforehand.
inline result<void> expect_renaming([[maybe_unused]] int folder) {
#if defined(SAFETENSORS_DETAIL_STATX) && defined(STATX_ATTR_APPEND)
  struct ::statx found{};
  if (::statx(folder, "", AT_EMPTY_PATH, STATX_TYPE, &found) == 0 &&
      (found.stx_attributes & STATX_ATTR_APPEND) != 0)
    return source_failure(std::errc::operation_not_permitted,
                          "files in its folder cannot be renamed, as it is append-only",
                          without_rename);
#endif
  return {};
}
#undef SAFETENSORS_DETAIL_STATX

//-- the rights of the new file

// Gives a file owner and group, or the group alone, as far as the system allows.
inline void give_owner([[maybe_unused]] int file,
                       [[maybe_unused]] const file_rights& rights) noexcept {
#ifndef __wasi__
  const auto give_to = [&](::uid_t owner) {
    return uninterrupted([&] { return ::fchown(file, owner, rights.group); }) == 0;
  };
  if (!give_to(rights.owner)) (void)give_to(static_cast<::uid_t>(-1));
#endif
}

inline failure mode_failure(std::error_code error, std::uint32_t given, std::uint32_t wanted) {
  const auto octal = [](std::uint32_t bits) {
    return join(std::uint64_t{bits >> 6 & 7}, std::uint64_t{bits >> 3 & 7},
                std::uint64_t{bits & 7});
  };
  return source_failure(error,
                        join("the new file has the mode ", octal(given),
                             ", which cannot be changed to ", octal(wanted)),
                        "keep_mode = false accepts that");
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
  // The group's bits would bring a list to life that the folder gives to new files.
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
  if (const std::uint32_t given = now.st_mode & 0777u; given != mode && keep_mode)
    return mode_failure(error, given, mode);
  return before.st_mode != now.st_mode || before.st_uid != now.st_uid ||
         before.st_gid != now.st_gid;
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os

//==== write/output_posix.ipp
// POSIX: creates, writes and commits files.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

//-- bytes

#if defined(__GLIBC__) || defined(__BIONIC__)
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite64(file, from, size, static_cast<file_offset>(offset));
}
#else
inline ssize_t write_to(int file, const void* from, std::size_t size,
                        std::uint64_t offset) noexcept {
  return ::pwrite(file, from, size, static_cast<file_offset>(offset));
}
#endif

SAFETENSORS_DECL std::error_code write_at(native_handle handle, std::uint64_t offset,
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

SAFETENSORS_DECL std::uint64_t copy([[maybe_unused]] native_handle from,
                                    [[maybe_unused]] std::uint64_t from_offset,
                                    [[maybe_unused]] native_handle to,
                                    [[maybe_unused]] std::uint64_t to_offset,
                                    [[maybe_unused]] std::uint64_t size) noexcept {
#if defined(__linux__) && !defined(__BIONIC__) && (!defined(__GLIBC__) || __GLIBC_MINOR__ >= 27)
  auto in = static_cast<file_offset>(from_offset), out = static_cast<file_offset>(to_offset);
  const auto asked = static_cast<std::size_t>((std::min)(size, std::uint64_t{1} << 30));
  const ssize_t copied =
      uninterrupted([&] { return ::copy_file_range(from, &in, to, &out, asked, 0); });
  return copied < 0 ? 0 : static_cast<std::uint64_t>(copied);
#else
  return 0;
#endif
}

SAFETENSORS_DECL void start_syncing([[maybe_unused]] int file,
                                    [[maybe_unused]] std::uint64_t offset,
                                    [[maybe_unused]] std::uint64_t size) noexcept {
#if defined(SYNC_FILE_RANGE_WRITE) && (!defined(__ANDROID_API__) || __ANDROID_API__ >= 26)
  // If this fails, so does the sync at the end.
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

//-- the name that is removed unless it is committed

inline constexpr const char* lost_name = "the file that was written was replaced or removed";

// Remembers which file was opened under the name.
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

// Fails if something else has the name now. While a descriptor of the file is open, no other file
// gets its number.
inline std::error_code check_own(const open_output& output) noexcept {
  file_status named{};
  if (status_at(output.folder, output.unfinished.c_str(), named, AT_SYMLINK_NOFOLLOW) != 0)
    return last_error();
  return identity_of(named) == output.own ? std::error_code() : make_error_code(errc::io);
}

//-- creating

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
  if (output.file == invalid_handle) return source_failure(last_error(), cannot_create_temporary);
  if (const std::error_code error = remember_own(output))
    return source_failure(error, cannot_examine);
#ifdef __wasi__  // which cannot duplicate descriptors
  output.second = open_at(output.folder, output.unfinished.c_str(), O_RDONLY | O_NOFOLLOW, 0);
#else
  output.second = ::fcntl(output.file, F_DUPFD_CLOEXEC, 0);
#endif
  if (output.second == invalid_handle) return source_failure(last_error(), "cannot open it twice");
  if (!output.options.preallocate) return {};
  if (const std::error_code error = make_room(output.file, output.size))
    return no_room_failure(error, output.size);
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
  return open(more_flags);  // it is a regular file, so somebody holds a lease on it
}

SAFETENSORS_DECL std::error_code open_in_place(open_output& output) noexcept {
  file_status status{};
  std::optional<file_facts> now;
  if (status_at(output.folder, output.target.c_str(), status, AT_SYMLINK_NOFOLLOW) == 0)
    now = facts_of(status);
  else if (errno != ENOENT)
    return last_error();
  if (const std::error_code error = check_in_place(output, now)) return error;
  if (output.only_over) {
    result<name_holder> along{name_holder()};
    if (!try_allocating([&] { along = look_along_path(output); }))
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
  output.own = {};  // another file, which came in the last microseconds, is not removed as well
  return make_error_code(errc::target_changed);
}

// Remembers the path, if it must still lead to only_over later.
inline result<void> remember_path(open_output& output, const std::string& path,
                                  const descriptor& origin) {
  if (!output.only_over) return {};
  output.given = path;
  if (!origin.is_open()) return {};
  output.origin = open_folder_again(origin.get()).release();
  if (output.origin != invalid_handle) return {};
  return source_failure(last_error(), "cannot open its folder twice");
}

// Walks to the name that is written, and examines what has it.
inline result<name_holder> find_target(path_walk& walk, descriptor origin, std::string path,
                                       link_mode links) {
  if (auto gone = walk.go(std::move(origin), std::move(path)); !gone)
    return std::move(gone).error();
  if (walk.name().empty()) return source_failure(std::errc::is_a_directory, cannot_write);
  result<name_holder> found = look(walk.folder(), walk.name());
  if (!found || !found->is_link || links != link_mode::follow) return found;
  if (auto end = walk.follow_all(); !end) return std::move(end).error();
  return look(walk.folder(), walk.name());
}

inline result<void> expect_target(const open_output& output, const path_walk& walk,
                                  const name_holder& found) {
  const output_options& options = output.options;
  if (auto allowed = expect_not_refused(output, found); !allowed) return allowed;
  if (found.is_link && !options.atomic) return reason_failure(errc::invalid_option, link_in_place);
  if (auto same = check_only_over(output.only_over, found.file); !same) return same;
  if (!found.is_link && !found.file) return {};
  if (!options.replace)
    return source_failure(std::errc::file_exists, already_there, replace_advice);
  return expect_replaceable(walk.folder(), walk.name(), found, options.atomic);
}

SAFETENSORS_DECL result<void> create(open_output& output, const path_ref& path) {
  result<std::string> text = native_path(path);
  if (!text) return std::move(text).error();
  if (output.size > static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)()))
    return source_failure(std::errc::file_too_large, cannot_write);
  const output_options& options = output.options;
  path_walk walk;
  descriptor origin = text->starts_with('/') ? descriptor() : open_folder(AT_FDCWD, ".");
  if (auto remembered = remember_path(output, *text, origin); !remembered) return remembered;
  const result<name_holder> found =
      find_target(walk, std::move(origin), *std::move(text), options.links);
  if (!found) return found.error();
  if (auto can = expect_target(output, walk, *found); !can) return can;

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
  if (found->file) return start_in_place(output, *found->file);
  output.file = open_target(output, O_CREAT | O_EXCL);
  if (output.file == invalid_handle) return source_failure(last_error(), cannot_write);
  if (const std::error_code error = remember_own(output))
    return source_failure(error, cannot_examine);
  return {};
}

//-- committing

// Gives the new file the rights of what has the name now, and fails if the new file may not take
// its place.
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
    // A sync takes long, so the name is looked at again.
    if (sync(output.second) != 0) return source_failure(last_error(), cannot_sync);
  }
  return failure{.code = errc::target_changed, .detail = "its permissions keep changing"};
}

// With `replace = false`, nothing happens between the check and the renaming.
inline bool rename_to_target(open_output& output) noexcept {
  const int folder = output.folder;
  const char *from = output.unfinished.c_str(), *to = output.target.c_str();
  bool renamed = false;
  if (output.options.replace) {
    renamed = ::renameat(folder, from, folder, to) == 0;
    if (!renamed) return false;
  }
// The kernel's headers define RENAME_NOREPLACE for older C libraries too.
#if defined(RENAME_NOREPLACE) && (!defined(__GLIBC__) || __GLIBC_MINOR__ >= 28) && \
    (!defined(__ANDROID_API__) || __ANDROID_API__ >= 30)
  if (!renamed) {
    renamed = ::renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0;
    if (!renamed && errno != ENOSYS && errno != EINVAL) return false;
  }
#endif
  if (!renamed && ::linkat(folder, from, folder, to, 0) != 0) return false;
  // A linked file has its other name removed now, or else when the rest is discarded.
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
  return source_failure(error, cannot_take_place, cannot_rename ? without_rename : "");
}

SAFETENSORS_DECL result<void> commit(open_output& output) {
  if (output.options.durable && sync(output.file) != 0)
    return source_failure(last_error(), cannot_sync);
  if (!output.options.atomic)
    if (const std::error_code error = check_own(output)) return source_failure(error, lost_name);
  // Network file systems report only now what could not be written.
  if (::close(std::exchange(output.file, invalid_handle)) != 0 && errno != EINTR)
    return source_failure(last_error(), cannot_close);
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

SAFETENSORS_DECL void discard(open_output& output) noexcept {
  if (output.own != file_identity{} && !output.unfinished.empty() &&
      output.process == process_number() && !check_own(output))
    ::unlinkat(output.folder, output.unfinished.c_str(), 0);
  for (const int opened : {output.file, output.second, output.folder, output.origin})
    if (opened != invalid_handle) ::close(opened);
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os

#endif

//==== write/output.ipp
// What writing a file does on every system: checks of the target, pieces, the end.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

SAFETENSORS_DECL failure reason_failure(errc code, reason why) {
  return {.code = code, .detail = why.what, .advice = why.advice};
}

//-- the stage of the target

SAFETENSORS_DECL open_output::stage_of_target open_output::settled() const noexcept {
  stage_of_target now = stage;
  for (; now == stage_of_target::changing; now = stage) os::pause();
  return now;
}

SAFETENSORS_DECL std::error_code open_output::ready() noexcept {
  for (stage_of_target now = settled(); now != stage_of_target::open; now = settled()) {
    if (now == stage_of_target::refused) return refusal;
    if (!stage.compare_exchange_strong(now, stage_of_target::changing)) continue;
    refusal = os::open_in_place(*this);
    stage = refusal ? stage_of_target::refused : stage_of_target::open;
  }
  return {};
}

SAFETENSORS_DECL std::error_code open_output::refuse(errc code, reason words) noexcept {
  for (stage_of_target now = settled(); now != stage_of_target::refused; now = settled()) {
    if (!stage.compare_exchange_strong(now, stage_of_target::changing)) continue;
    refusal = make_error_code(code);
    why = words;
    stage = stage_of_target::refused;
  }
  return refusal;
}

//-- rules about the target

SAFETENSORS_DECL const char* what_changed(const file_facts& wanted,
                                          const std::optional<file_facts>& found) noexcept {
  if (!found) return "the file is no longer there";
  if (found->identity != wanted.identity) return "another file has its name now";
  return *found == wanted ? nullptr : "the file has been written to";
}

SAFETENSORS_DECL result<void> check_only_over(const std::optional<file_facts>& wanted,
                                              const std::optional<file_facts>& found) {
  const char* const why = wanted ? what_changed(*wanted, found) : nullptr;
  if (why == nullptr) return {};
  return failure{.code = errc::target_changed, .detail = why};
}

SAFETENSORS_DECL result<void> expect_not_refused(const open_output& output,
                                                 const name_holder& holder) {
  if (!holder.is_link || output.options.links != link_mode::refuse) return {};
  return failure{.code = errc::invalid_option,
                 .detail = "it is a symbolic link, which link_mode::refuse forbids"};
}

SAFETENSORS_DECL std::error_code check_in_place(open_output& output,
                                                const std::optional<file_facts>& now) noexcept {
  output.why = {what_changed(output.in_place, now)};
  if (output.why.what != nullptr) return make_error_code(errc::target_changed);
  if (!os::is_mapped(output.in_place.identity)) return {};
  output.why = mapped_here;
  return make_error_code(errc::invalid_option);
}

SAFETENSORS_DECL result<void> start_in_place(open_output& output, const file_facts& target) {
  output.in_place = target;
  output.stage = open_output::stage_of_target::untouched;
  if (!os::is_mapped(target.identity)) return {};
  return reason_failure(errc::invalid_option, mapped_here);
}

SAFETENSORS_DECL failure no_room_failure(std::error_code error, std::uint64_t size) {
  return source_failure(error, join("there is not enough space for ", counted(size, "byte")));
}

// A name that is in use is not tried again.
SAFETENSORS_DECL std::string temporary_name() {
  static std::atomic<std::uint64_t> count = 0;
  const hash_keys keys = process_keys();
  const std::uint64_t number =
      fold(keys.file_key[0] ^ count++, keys.file_key[1] ^ os::process_number());
  return join(".safetensors-", number, ".tmp");  // no reader of a folder takes it for a model
}

//-- what writers ask

SAFETENSORS_DECL bool output_door::is_untouched(const file_sink& file) noexcept {
  return file.state_ != nullptr &&
         file.state_->settled() == open_output::stage_of_target::untouched;
}

SAFETENSORS_DECL std::error_code output_door::check_source(file_sink& file,
                                                           const file_source& source) noexcept {
  const file_identity identity = source_door::facts(source).identity;
  if (file.state_ == nullptr || identity == file_identity{} ||
      identity != file.state_->in_place.identity)
    return {};
  return file.state_->refuse(errc::invalid_option, reads_itself);
}

SAFETENSORS_DECL failure output_door::failure_of(const file_sink& file, std::error_code error) {
  const open_output* const state = file.state_.get();
  const bool refused =
      state != nullptr && state->settled() == open_output::stage_of_target::refused;
  const bool has_reason = refused && error == state->refusal && state->why.what != nullptr;
  failure what = has_reason ? source_failure(error, state->why.what, state->why.advice)
                            : reported_failure(error, cannot_write);
  what.path = file.path();
  return what;
}

// The disk works on one piece while the next one is made.
inline constexpr std::size_t piece_bytes = 8 << 20;

}  // namespace detail

SAFETENSORS_DECL file_sink::file_sink(std::unique_ptr<detail::open_output> state) noexcept
    : state_(std::move(state)) {}
SAFETENSORS_DECL file_sink::file_sink(file_sink&&) noexcept = default;
SAFETENSORS_DECL file_sink& file_sink::operator=(file_sink&& other) noexcept {
  file_sink taken(std::move(other));
  state_.swap(taken.state_);
  return *this;
}
SAFETENSORS_DECL file_sink::~file_sink() {
  if (state_ != nullptr) detail::os::discard(*state_);
}

SAFETENSORS_DECL result<file_sink> file_sink::try_create(path_ref path, std::uint64_t size,
                                                         const output_options& options) {
  file_sink made(std::unique_ptr<detail::open_output>(new (std::nothrow) detail::open_output));
  if (made.state_ == nullptr)
    return detail::with_path({.code = errc::out_of_memory}, path.to_utf8());
  made.state_->path = path.to_utf8();
  made.state_->size = size;
  made.state_->options = options;
  if (const file_source* source = std::exchange(made.state_->options.only_over, nullptr))
    made.state_->only_over = detail::source_door::facts(*source);
  if (auto created = detail::os::create(*made.state_, path); !created)
    return detail::with_path(std::move(created).error(), path.to_utf8());
  return made;
}

SAFETENSORS_DECL std::error_code file_sink::write_at(std::uint64_t offset,
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

SAFETENSORS_DECL std::uint64_t file_sink::copy_at(std::uint64_t offset, const file_source& source,
                                                  byte_range from) noexcept {
  const std::uint64_t begin = from.begin;
  if (begin > from.end || from.end > source.size() || offset > size() ||
      from.size() > size() - offset)
    return 0;
  if (from.size() == 0 || detail::output_door::check_source(*this, source) || state_->ready())
    return 0;
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

SAFETENSORS_DECL result<void> file_sink::try_commit() {
  if (state_ == nullptr)
    return failure{.code = errc::wrong_order, .detail = "this file_sink was moved from"};
  if (state_->committed) return {};
  constexpr const char* final_failure = "finishing it failed before";
  const std::uint64_t written = state_->written;
  result<void> done;
  if (std::exchange(state_->tried, true)) {
    done = failure{.code = errc::io, .detail = final_failure};
  } else if (written < state_->size) {
    // In place, no later write may empty the file that exists.
    (void)state_->refuse(errc::incomplete_write, {final_failure});
    done = failure{.code = errc::incomplete_write,
                   .detail = detail::join("only ", written, " of its ",
                                          detail::counted(state_->size, "byte"), " were written")};
  } else if (const std::error_code error = state_->ready()) {
    done = detail::output_door::failure_of(*this, error);
  } else {
    done = detail::os::commit(*state_);
  }
  state_->committed = done.has_value();
  if (done) return done;  // the file has its name, and there may be no memory for anything
  return detail::with_path(std::move(done).error(), state_->path);
}

SAFETENSORS_DECL std::string_view file_sink::path() const noexcept {
  return state_ == nullptr ? std::string_view() : state_->path;
}
SAFETENSORS_DECL std::uint64_t file_sink::size() const noexcept {
  return state_ == nullptr ? 0 : state_->size;
}

}  // namespace safetensors::inline SAFETENSORS_ABI

//==== write/writer.ipp
// The bodies of basic_writer: claims, order, the first failure, and the end.

namespace safetensors::inline SAFETENSORS_ABI::detail {

SAFETENSORS_DECL std::error_code sink_ref::write_words(std::uint64_t offset,
                                                       std::span<const std::byte> bytes,
                                                       std::size_t word_bytes) const {
  if (std::endian::native == std::endian::little || word_bytes < 2) return write(offset, bytes);
  std::byte swapped[4096];
  while (!bytes.empty()) {
    const auto piece = std::span(swapped).first((std::min)(bytes.size(), sizeof swapped));
    copy_bytes(piece.data(), bytes.data(), piece.size());
    convert_byte_order(piece.data(), piece.size(), word_bytes);
    if (const std::error_code error = write(offset, piece)) return error;
    bytes = bytes.subspan(piece.size());
    offset += piece.size();
  }
  return {};
}

//-- one call

// Reads a part of a source piece by piece, into a buffer of its own.
class piecewise_reader {
 public:
  piecewise_reader(const source_ref& source, byte_range part) noexcept
      : source_(source), left_(part) {}
  [[nodiscard]] bool is_done() const noexcept { return left_.begin == left_.end; }
  // Returns the next bytes. They become invalid when the next ones are read.
  result<std::span<const std::byte>> read() {
    const auto most = static_cast<std::size_t>((std::min)(left_.size(), most_bytes));
    if (!buffer_.reserve(most)) return errc::out_of_memory;
    if (const std::error_code error = source_.read_at(left_.begin, {buffer_.data(), most})) {
      failure what = reported_failure(error, cannot_read);
      what.path = source_.path();
      what.offset = left_.begin;
      return what;
    }
    left_.begin += most;
    return std::span<const std::byte>(buffer_.data(), most);
  }

 private:
  static constexpr std::uint64_t most_bytes = 1 << 20;
  source_ref source_;
  byte_range left_;
  block<std::byte> buffer_{};
};

SAFETENSORS_DECL failure sink_failure(sink_ref sink, std::uint64_t offset, std::error_code error) {
  failure what = sink.file() != nullptr ? output_door::failure_of(*sink.file(), error)
                                        : reported_failure(error, "the sink failed");
  what.offset = offset;
  return what;
}

inline failure unplanned_failure(const writer_core* writer, std::string_view tensor) {
  const file_sink* const file = writer != nullptr ? writer->sink.file() : nullptr;
  return {.code = errc::tensor_not_found,
          .path = std::string(file != nullptr ? file->path() : ""),
          .tensor = std::string(tensor),
          .detail = "the plan has no tensor of this name"};
}

// A call that changes the file. If it ends without success, that counts as a failure of the writer,
// even if memory to describe it cannot be allocated.
class writer_call {
 public:
  explicit writer_call(writer_core& writer) noexcept : writer_(writer) { ++writer_.calls; }
  writer_call(const writer_call&) = delete;
  writer_call& operator=(const writer_call&) = delete;
  ~writer_call() {
    auto none = first_failure_state::none;
    if (!succeeded_) writer_.failures.compare_exchange_strong(none, first_failure_state::noted);
    if (holds_) writer_.held = false;
    --writer_.calls;  // last, as finish() looks at the failures after the calls
  }

  struct place {
    std::size_t tensor;    // its number in plan order
    std::uint64_t offset;  // in the file
  };

  [[nodiscard]] const tensor_table& table() const noexcept {
    return *header_door::table(writer_.plan.header());
  }
  [[nodiscard]] const record& entry(std::size_t tensor) const noexcept {
    return table().records[tensor];
  }

  // Notes a failure of what is written, and returns it with the path of the file, if there is one.
  failure note_with_path(failure what) {
    if (const file_sink* file = writer_.sink.file()) what.path = file->path();
    return note(std::move(what));
  }

  //-- checks

  result<void> expect_usable() {
    const first_failure_state failures = writer_.failures;
    if (failures == first_failure_state::noted) return writer_.first_failure;
    if (failures == first_failure_state::being_noted)
      return failure{.code = errc::incomplete_write,
                     .detail = "another thread's call failed at the same time"};
    if (writer_.finished)
      return note_with_path({.code = errc::wrong_order, .detail = "it is finished already"});
    return {};
  }
  result<void> expect_ordered(byte_range from) {
    if (from.begin <= from.end) return {};
    return note_with_path(
        {.code = errc::wrong_length,
         .detail = join("the range of the source ends at byte ", from.end, ", before it begins")});
  }
  result<std::size_t> number_of(std::string_view tensor) {
    if (auto usable = expect_usable(); !usable) return std::move(usable).error();
    if (const record* found = table().find(tensor))
      return static_cast<std::size_t>(found - table().records.data());
    return note(unplanned_failure(&writer_, tensor));
  }

  //-- claims

  result<place> next_place(std::size_t tensor, std::uint64_t bytes) {
    if (!writer_.sink.is_positional()) {
      if (auto alone = expect_alone(); !alone) return std::move(alone).error();
      skip_complete();
      const std::size_t first = writer_.first_incomplete;
      if (bytes != 0 && remaining(tensor) != 0 && tensor != first)
        return note_with_path(
            tensor_failure(errc::wrong_order, table(), entry(tensor),
                           join(counted(remaining(first), "byte"), " of ",
                                in_quotes(table().name(entry(first))), " come first")));
    }
    if (const auto before = claim(tensor, bytes))
      return place{tensor, table().data_start() + entry(tensor).begin + *before};
    return note_with_path(tensor_failure(
        errc::wrong_length, table(), entry(tensor),
        join(counted(bytes, "byte"), " were given, but only ", remaining(tensor), " are missing")));
  }
  result<place> next_place_in_order(std::uint64_t bytes) {
    if (auto alone = expect_alone(); !alone) return std::move(alone).error();
    skip_complete();
    if (auto room = expect_room_in_order(bytes); !room) return std::move(room).error();
    const std::size_t first = writer_.first_incomplete;
    std::uint64_t at = table().data_size;
    for (std::size_t i = first; i != tensor_count() && (i == first || bytes != 0); ++i) {
      const std::uint64_t part = (std::min)(bytes, remaining(i));
      const auto before = claim(i, part);
      if (i == first && before) at = entry(i).begin + *before;
      // Another thread appends to these tensors by name.
      if (!before || (i != first && *before != 0))
        return note_with_path(tensor_failure(errc::wrong_order, table(), entry(i),
                                             "bytes of it were appended at the same time"));
      bytes -= part;
    }
    if (bytes != 0)
      return note_with_path(
          {.code = errc::wrong_order, .detail = "other bytes were appended at the same time"});
    return place{first, table().data_start() + at};
  }

  //-- bytes

  result<void> send(std::size_t tensor, std::span<const std::byte> next, std::size_t word_bytes) {
    const result<place> at = next_place(tensor, next.size());
    if (!at) return at.error();
    if (next.empty()) return succeed();
    if (auto begun = send_header(); !begun) return begun;
    return sent(*at, writer_.sink.write_words(at->offset, next, word_bytes));
  }
  result<void> copy(const place& at, source_ref source, const file_source* file, byte_range from) {
    if (from.size() == 0) return succeed();
    file_sink* const by_system = file != nullptr ? writer_.sink.file() : nullptr;
    if (by_system != nullptr)
      if (const std::error_code error = output_door::check_source(*by_system, *file))
        return sent(at, error);
    if (auto begun = send_header(); !begun) return begun;
    std::uint64_t offset = at.offset;
    if (by_system != nullptr) {
      const std::uint64_t copied = by_system->copy_at(offset, *file, from);
      from.begin += copied;
      offset += copied;
    }
    for (piecewise_reader pieces(source, from); !pieces.is_done();) {
      const result<std::span<const std::byte>> piece = pieces.read();
      if (!piece) return note(piece.error());
      if (const std::error_code error = writer_.sink.write(offset, *piece)) return sent(at, error);
      offset += piece->size();
    }
    return succeed();
  }

  //-- the end

  result<void> finish() {
    if (auto usable = expect_usable(); !usable) return usable;
    if (auto alone = expect_no_other_call(); !alone) return alone;
    // Claims, then calls, then failures: nothing that a call still does or failed to do is missed.
    if (auto complete = expect_complete(); !complete) return complete;
    if (auto alone = expect_no_other_call(); !alone) return alone;
    if (auto usable = expect_usable(); !usable) return usable;
    if (auto begun = send_header(); !begun) return begun;
    if (auto committed = writer_.sink.try_commit(); !committed)
      return note_with_path(std::move(committed).error());
    writer_.finished = true;
    // The sink may have called the writer during try_commit().
    if (writer_.failures != first_failure_state::none) return expect_usable();
    return succeed();
  }

 private:
  [[nodiscard]] std::size_t tensor_count() const noexcept { return table().records.size(); }
  [[nodiscard]] std::uint64_t remaining(std::size_t tensor) const noexcept {
    return entry(tensor).end - entry(tensor).begin - writer_.claimed[tensor];
  }
  void skip_complete() noexcept {
    std::size_t& at = writer_.first_incomplete;
    while (at != tensor_count() && remaining(at) == 0) ++at;
  }

  // Succeeds if this call is the only one of its kind, and holds the writer until this call ends.
  result<void> expect_alone() {
    holds_ = !writer_.held.exchange(true);
    if (holds_) return {};
    return note_with_path(
        {.code = errc::wrong_order,
         .detail = "a sink, a source or another thread called the writer during an append"});
  }
  result<void> expect_no_other_call() {
    if (writer_.calls == 1) return {};
    return note_with_path(
        {.code = errc::incomplete_write, .detail = "another call of the writer is in progress"});
  }
  result<void> expect_complete() {
    for (std::size_t i = 0; i != tensor_count(); ++i)
      if (const std::uint64_t left = remaining(i); left != 0)
        return note_with_path({.code = errc::incomplete_write,
                               .tensor = std::string(table().name(entry(i))),
                               .detail = join(counted(left, "byte"), " of it ",
                                              left == 1 ? "was" : "were", " not appended")});
    return {};
  }
  result<void> expect_room_in_order(std::uint64_t bytes) {
    const std::size_t first = writer_.first_incomplete;
    std::uint64_t room = 0;
    for (std::size_t i = first; i != tensor_count() && room < bytes; ++i) {
      if (i != first && writer_.claimed[i] != 0)
        return note_with_path(
            tensor_failure(errc::wrong_order, table(), entry(i),
                           "bytes of it were appended before those of the tensors in front of it"));
      room += remaining(i);
    }
    if (room >= bytes) return {};
    return note_with_path(
        {.code = errc::wrong_length,
         .detail = join(counted(bytes, "byte"), " were given, but only ", room, " are missing")});
  }

  // Returns how many bytes were claimed before. Empty if fewer than `bytes` are left.
  std::optional<std::uint64_t> claim(std::size_t tensor, std::uint64_t bytes) noexcept {
    const std::uint64_t size = entry(tensor).end - entry(tensor).begin;
    std::uint64_t before = writer_.claimed[tensor];
    do
      if (bytes > size - before) return std::nullopt;
    while (!writer_.claimed[tensor].compare_exchange_weak(before, before + bytes));
    return before;
  }

  result<void> send_header() {
    if (writer_.header_is_sent.exchange(true)) return {};
    if (const std::error_code error = writer_.sink.write(0, writer_.plan.header_bytes()))
      return note(sink_failure(writer_.sink, 0, error));
    return {};
  }
  result<void> sent(const place& at, std::error_code error) {
    if (!error) return succeed();
    failure what = sink_failure(writer_.sink, at.offset, error);
    if (at.tensor != tensor_count()) what.tensor = std::string(table().name(entry(at.tensor)));
    return note(std::move(what));
  }

  result<void> succeed() noexcept {
    succeeded_ = true;
    return {};
  }
  // Notes a failure, which sticks if it is the first one. Returns it as it is.
  failure note(failure what) {
    auto none = first_failure_state::none;
    failure copy = what;
    if (writer_.failures.compare_exchange_strong(none, first_failure_state::being_noted)) {
      writer_.first_failure = std::move(copy);
      writer_.failures = first_failure_state::noted;
    }
    return what;
  }

  writer_core& writer_;
  bool holds_ = false, succeeded_ = false;
};

//-- the calls of basic_writer

SAFETENSORS_DECL const write_plan& plan_of(const writer_core* writer) noexcept {
  static const write_plan none;
  return writer == nullptr ? none : writer->plan;
}

inline result<void> expect_plan(const write_plan& plan) {
  if (!plan.header_bytes().empty()) return {};
  return failure{.code = errc::invalid_option,
                 .detail = "the plan is empty; it may have been moved from"};
}

SAFETENSORS_DECL result<file_sink> create_for(const write_plan& plan, path_ref path,
                                              const output_options& options) {
  if (auto usable = expect_plan(plan); !usable)
    return with_path(std::move(usable).error(), path.to_utf8());
  return file_sink::try_create(path, plan.file_size(), options);
}

SAFETENSORS_DECL result<void> expect_writable(const write_plan& plan, sink_ref sink) {
  if (auto usable = expect_plan(plan); !usable) return usable;
  const file_sink* const file = sink.file();
  if (file == nullptr || file->size() == plan.file_size()) return {};
  return failure{.code = errc::wrong_length,
                 .path = std::string(file->path()),
                 .detail = join("the plan has ", counted(plan.file_size(), "byte"),
                                ", but the file_sink was made for ", file->size())};
}

SAFETENSORS_DECL result<void> start(writer_core* writer, sink_ref sink, write_plan& plan) {
  if (writer != nullptr) {
    sink = writer->sink;
    writer->claimed.reset(new (std::nothrow) std::atomic<std::uint64_t>[plan.header().size()] {});
  }
  const file_sink* const file = sink.file();
  if (writer == nullptr || writer->claimed == nullptr)
    return failure{.code = errc::out_of_memory,
                   .path = std::string(file != nullptr ? file->path() : "")};
  // A call that an exception ends notes no failure of its own.
  writer->first_failure = {.code = errc::incomplete_write,
                           .detail = "an exception ended an earlier call"};
  writer->header_is_sent = file == nullptr || !output_door::is_untouched(*file);
  if (writer->header_is_sent)
    if (const std::error_code error = sink.write(0, plan.header_bytes()))
      return sink_failure(sink, 0, error);
  writer->plan = std::move(plan);
  return {};
}

inline failure moved_from_failure() {
  return {.code = errc::wrong_order, .detail = "the writer was moved from"};
}

// Calls then(writer_call&, number of the tensor).
template <class Then>
result<void> call_for(writer_core* writer, std::string_view tensor, const Then& then) {
  if (writer == nullptr) return moved_from_failure();
  writer_call call(*writer);
  const result<std::size_t> number = call.number_of(tensor);
  if (!number) return number.error();
  return then(call, *number);
}

SAFETENSORS_DECL result<void> append_bytes(writer_core* writer, std::string_view tensor,
                                           std::span<const std::byte> next) {
  return call_for(writer, tensor, [&](writer_call& call, std::size_t number) {
    return call.send(number, next, 1);
  });
}

SAFETENSORS_DECL result<void> append_elements(writer_core* writer, std::string_view tensor,
                                              std::span<const std::byte> next, dtype given) {
  return call_for(writer, tensor, [&](writer_call& call, std::size_t number) -> result<void> {
    const dtype wanted = call.entry(number).dtype();
    if (given == wanted) return call.send(number, next, swap_unit(given));
    return call.note_with_path(tensor_failure(
        errc::dtype_mismatch, call.table(), call.entry(number),
        join("its dtype is ", to_string(wanted), ", but the elements are ", to_string(given)),
        conversion_advice(wanted)));
  });
}

SAFETENSORS_DECL result<void> append_words(writer_core* writer, std::string_view tensor,
                                           std::span<const std::byte> next,
                                           std::size_t word_bytes) {
  return call_for(writer, tensor, [&](writer_call& call, std::size_t number) -> result<void> {
    const dtype type = call.entry(number).dtype();
    const auto bits = static_cast<std::uint64_t>(bit_width(type));
    if (bits == 8 * word_bytes) return call.send(number, next, word_bytes);
    return call.note_with_path(tensor_failure(
        errc::dtype_mismatch, call.table(), call.entry(number),
        join("an element of ", to_string(type), " has ", bits, " bits, not ", 8 * word_bytes),
        "append() takes bytes of any dtype"));
  });
}

SAFETENSORS_DECL result<void> append_from(writer_core* writer, std::string_view tensor,
                                          source_ref source, const file_source* file,
                                          byte_range from) {
  return call_for(writer, tensor, [&](writer_call& call, std::size_t number) -> result<void> {
    if (auto ordered = call.expect_ordered(from); !ordered) return ordered;
    const auto at = call.next_place(number, from.size());
    if (!at) return at.error();
    return call.copy(*at, source, file, from);
  });
}

SAFETENSORS_DECL result<void> append_in_order(writer_core* writer, source_ref source,
                                              const file_source* file, byte_range from) {
  if (writer == nullptr) return moved_from_failure();
  writer_call call(*writer);
  if (auto usable = call.expect_usable(); !usable) return usable;
  if (auto ordered = call.expect_ordered(from); !ordered) return ordered;
  const auto at = call.next_place_in_order(from.size());
  if (!at) return at.error();
  return call.copy(*at, source, file, from);
}

SAFETENSORS_DECL result<std::uint64_t> remaining_bytes_of(const writer_core* writer,
                                                          std::string_view tensor) {
  const tensor_table* const table = header_door::table(plan_of(writer).header());
  const record* const found = table != nullptr ? table->find(tensor) : nullptr;
  if (found == nullptr) return unplanned_failure(writer, tensor);
  return found->end - found->begin -
         writer->claimed[static_cast<std::size_t>(found - table->records.data())];
}

SAFETENSORS_DECL result<void> finish(writer_core* writer) {
  if (writer == nullptr) return moved_from_failure();
  if (writer->finished && writer->failures == first_failure_state::none) return {};
  return writer_call(*writer).finish();
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail

//==== write/save.ipp
// Writes all of a file, from front to back.

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

// Gathers small pieces, so that models of many small tensors need few system calls.
class gathering_sink {
 public:
  explicit gathering_sink(file_sink& file) noexcept : file_(file) {}
  [[nodiscard]] bool start() noexcept { return pending_.reserve(capacity); }

  std::error_code write(std::span<const std::byte> next) noexcept {
    if (next.size() >= capacity - pending_.size())
      if (const std::error_code error = flush()) return error;
    if (next.size() < capacity / 4) {
      (void)pending_.append(next);  // within its capacity
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
  file_sink& file_;
  block<std::byte> pending_{};
  std::uint64_t at_ = 0;
};

// How far a file was written.
struct progress {
  std::uint64_t offset = 0;
  const tensor_spec* tensor = nullptr;  // null within the header
};

// Writes from front to back. Some sinks take an empty span for the end, so none is written.
inline std::error_code put_file(const layout& file, sink_ref sink, progress& at) {
  const std::span<const std::byte> head = file.plan.header_bytes();
  if (const std::error_code error = sink.write(0, head)) return error;
  at.offset = head.size();
  for (const tensor_spec* spec : file.tensors) {
    const auto& tensor = static_cast<const tensor_data&>(*spec);
    if (tensor.bytes.empty()) continue;
    at.tensor = spec;
    if (const std::error_code error = sink.write_words(at.offset, tensor.bytes, tensor.word_bytes))
      return error;
    at.offset += tensor.bytes.size();
  }
  return {};
}

SAFETENSORS_DECL result<void> save_to(sink_ref sink, const tensor_list<tensor_data>& tensors,
                                      const layout_options& options) {
  const result<layout> layout = lay_out_data(tensors, options);
  if (!layout) return layout.error();
  if (auto fits = expect_writable(layout->plan, sink); !fits) return fits;
  progress at;
  const std::error_code error = put_file(*layout, sink, at);
  if (!error) return sink.try_commit();
  failure what = sink_failure(sink, at.offset, error);
  if (at.tensor != nullptr) what.tensor = at.tensor->name;
  return what;
}

}  // namespace detail

SAFETENSORS_DECL result<void> try_save(path_ref path, const tensor_list<tensor_data>& tensors,
                                       const write_options& options) {
  const result<detail::layout> layout = detail::lay_out_data(tensors, options.layout);
  if (!layout) return detail::with_path(layout.error(), path.to_utf8());
  result<file_sink> target = file_sink::try_create(path, layout->plan.file_size(), options.output);
  if (!target) return std::move(target).error();
  detail::gathering_sink sink(*target);
  if (!sink.start()) return detail::with_path({.code = errc::out_of_memory}, path.to_utf8());
  detail::progress at;
  std::error_code error = detail::put_file(*layout, detail::sink_ref(sink), at);
  if (!error) error = sink.flush();
  if (error) return detail::output_door::failure_of(*target, error);
  return target->try_commit();
}

SAFETENSORS_DECL result<std::vector<std::byte>> try_serialize(
    const tensor_list<tensor_data>& tensors, const layout_options& options) {
  const result<detail::layout> layout = detail::lay_out_data(tensors, options);
  if (!layout) return layout.error();
  if (layout->plan.file_size() > (std::numeric_limits<std::ptrdiff_t>::max)())
    return errc::out_of_memory;
  std::vector<std::byte> bytes;
  if (!detail::try_allocating(
          [&] { bytes.reserve(static_cast<std::size_t>(layout->plan.file_size())); }))
    return errc::out_of_memory;
  function_sink sink{[&](std::span<const std::byte> next) {
    bytes.insert(bytes.end(), next.begin(), next.end());
  }};
  detail::progress at;
  (void)detail::put_file(*layout, detail::sink_ref(sink), at);
  return bytes;
}

}  // namespace safetensors::inline SAFETENSORS_ABI

#endif

#elif SAFETENSORS_VERSION_MAJOR != 0 || SAFETENSORS_VERSION_MINOR != 2 || SAFETENSORS_VERSION_PATCH != 0
#error "one source file includes version 0.2.0 of safetensors/writer.hpp and another one: take both from the same copy"
#endif
