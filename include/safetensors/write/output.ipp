// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// What writing a file does on every system: checks of the target, pieces, the end.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/table.hpp>
#include <safetensors/write/output_state.hpp>

#include <algorithm>
#include <new>
#include <utility>

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
