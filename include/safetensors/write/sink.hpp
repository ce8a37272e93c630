// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
/// @file
/// Sinks: where the bytes of a file go.
#pragma once

#include <safetensors/base/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <type_traits>

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
