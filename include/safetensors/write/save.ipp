// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// Writes all of a file, from front to back.
#pragma once

#include <safetensors/detail/block.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/write/output_state.hpp>
#include <safetensors/write/save.hpp>
#include <safetensors/write/sink.hpp>
#include <safetensors/write/writer.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

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
