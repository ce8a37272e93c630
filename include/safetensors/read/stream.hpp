// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Reads a sequential_source from front to back.
#pragma once

#include <safetensors/detail/block.hpp>
#include <safetensors/read/header.hpp>
#include <safetensors/read/source.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>

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
