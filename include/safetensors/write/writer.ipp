// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// The bodies of basic_writer: claims, order, the first failure, and the end.
#pragma once

#include <safetensors/base/bytes.hpp>
#include <safetensors/base/text.hpp>
#include <safetensors/detail/block.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/table.hpp>
#include <safetensors/read/header.hpp>
#include <safetensors/read/tensor.hpp>
#include <safetensors/write/output_state.hpp>
#include <safetensors/write/writer.hpp>

#include <algorithm>
#include <bit>
#include <string>
#include <system_error>

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
