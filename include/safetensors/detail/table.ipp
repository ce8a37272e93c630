// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Hashing and lookup of names.
#pragma once

#include <safetensors/detail/system.hpp>
#include <safetensors/detail/table.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace safetensors::inline SAFETENSORS_ABI::detail {

SAFETENSORS_DECL std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using uint128 = unsigned __int128;
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  constexpr std::uint64_t low_half = 0xFFFFFFFFu;
  const std::uint64_t a0 = a & low_half, a1 = a >> 32, b0 = b & low_half, b1 = b >> 32;
  const std::uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32),
                      middle = a0 * b1 + (cross & low_half);
  return (middle << 32 | (low & low_half)) ^ (a1 * b1 + (cross >> 32) + (middle >> 32));
#endif
}

SAFETENSORS_DECL const tensor_table& no_table() noexcept {
  static const tensor_table none;
  return none;
}

// Every factor is masked by a secret key or by a state that depends on one. The last factor is also
// masked by the size. Without the keys, no method is known to craft names that collide. Opening
// therefore stays linear, and lookup constant, for untrusted files.
SAFETENSORS_DECL std::uint64_t hash_name(std::string_view name, const hash_keys& keys) noexcept {
  std::uint64_t state = keys.key[0];
  const char* at = name.data();
  std::size_t left = name.size();
  for (; left > 16; at += 16, left -= 16)
    state = fold(load<std::uint64_t>(at) ^ keys.key[1],
                 load<std::uint64_t>(at + 8) ^ keys.key[2] ^ state);
  std::uint64_t low = 0, high = 0;  // the last bytes; the middle ones are in both
  if (left >= 8) {
    low = load<std::uint64_t>(at), high = load<std::uint64_t>(at + left - 8);
  } else if (left >= 4) {
    low = load<std::uint32_t>(at), high = load<std::uint32_t>(at + left - 4);
  } else if (left >= 2) {
    low = load<std::uint16_t>(at), high = load<std::uint16_t>(at + left - 2);
  } else if (left == 1) {
    low = static_cast<unsigned char>(*at);
  }
  state = fold(low ^ keys.key[1], high ^ keys.key[2] ^ state);
  return fold(state ^ keys.key[3], keys.key[0] ^ name.size());
}

SAFETENSORS_DECL const record* tensor_table::find(std::string_view name) const noexcept {
  if (names.size() == 0) return nullptr;
  const std::uint32_t number = locate(name, hash_name(name, keys))->record_number;
  return number == 0 ? nullptr : &records[number - 1];
}

// Calls `visit` with each byte that is not inside of a string, and with the quotes, until it
// returns false. `at` is not inside of a string.
template <class Function>
#if defined(__GNUC__) && !defined(__clang__)
[[gnu::noinline]]  // GCC would copy it into the canonical lane's fast path.
#endif
void visit_outside_of_strings(const char* at, const char* end, const Function& visit) noexcept {
  for (bool is_inside = false; at < end; ++at) {
    if (*at == '"')
      is_inside = !is_inside;
    else if (is_inside) {
      at += *at == '\\' ? 1 : 0;
      continue;
    }
    if (!visit(at)) return;
  }
}

// Memory stays below 6 bytes per byte of the text. index_text() takes 1.81 with the text. Each byte
// then costs at most 4: a comma that counts is two bytes and takes 8, four quotes take 16, and all
// other bytes take less, for strings, names and sorting.

SAFETENSORS_DECL bool tensor_table::reserve_dimensions(const char* rest) noexcept {
  // A comma precedes each size but the first of a shape, and neither a comma nor a quote follows
  // it. The comma in the data_offsets counts for the first size. The last entry may end in an error
  // after two shapes and no data_offsets.
  std::size_t most = 4;
  visit_outside_of_strings(rest, text.end(), [&](const char* at) {
    most += at[0] == ',' && at[1] != ',' && at[1] != '"' ? 1 : 0;
    return true;
  });
  return dimensions.reserve(dimensions.size() + most);
}

SAFETENSORS_DECL bool tensor_table::reserve_metadata(const char* rest) noexcept {
  constexpr std::size_t few = 1024;  // not worth a look at the values
  if (metadata.size() < few) return metadata.reserve(2 * metadata.size() + 4);
  std::size_t quotes = 0;  // four for each of the pairs
  visit_outside_of_strings(rest, text.end(), [&](const char* at) {
    quotes += *at == '"' ? 1 : 0;
    return *at != '}';
  });
  return metadata.reserve(metadata.size() + quotes / 4 + 1);
}

inline hash_keys draw_keys() noexcept {
  hash_keys keys{};
  if (os::random_bytes(&keys, sizeof keys)) return keys;
  // Without random bytes, the addresses that the system has chosen are the only randomness.
  const auto place = [](const auto& thing) { return reinterpret_cast<std::uintptr_t>(&thing); };
  std::uint64_t state =
      fold(place(keys) ^ 0x9E3779B97F4A7C15u, place(rules) ^ os::process_number());
  for (std::uint64_t& key : keys.key) key = state = fold(state, 0xD6E8FEB86659FD93u);
  for (std::uint64_t& key : keys.file_key) key = state = fold(state, 0xD6E8FEB86659FD93u);
  return keys;
}

SAFETENSORS_DECL hash_keys process_keys() noexcept {
  // No thread waits for another one, which a child of fork might lack. Each thread draws keys, and
  // the first one to set a word sets it for all of them.
  using word = std::uintptr_t;  // atomic on every machine
  constexpr std::size_t count = sizeof(hash_keys) / sizeof(word);
  static constinit std::atomic<word> shared[count]{};
  word words[count]{};
  hash_keys keys{};
  if (shared[count - 1].load(std::memory_order_acquire) == 0) {
    keys = draw_keys();
    std::memcpy(words, &keys, sizeof keys);
    for (std::size_t i = 0; i < count; ++i) {
      word unset = 0;
      shared[i].compare_exchange_strong(unset, (std::max)(words[i], word{1}));
    }
  }
  for (std::size_t i = 0; i < count; ++i) words[i] = shared[i].load(std::memory_order_relaxed);
  std::memcpy(&keys, words, sizeof keys);
  return keys;
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
