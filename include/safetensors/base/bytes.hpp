// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Copying, loading and byte order.
#pragma once

#include <safetensors/base/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

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
