// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// The index of a header: a table of flat blocks, and the lookup of names in it.
#pragma once

#include <safetensors/base/dtype.hpp>
#include <safetensors/detail/block.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace safetensors::inline SAFETENSORS_ABI::detail {

// Returns the two halves of the 128-bit product, combined by exclusive or.
SAFETENSORS_DECL std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept;

inline void prefetch([[maybe_unused]] const void* from) noexcept {
#ifdef __GNUC__
  __builtin_prefetch(from);
#endif
}

struct hash_keys {
  std::uint64_t key[4];
  std::uint64_t file_key[2];  // for the names of temporary files, which others see
};
// Returns random keys, which are drawn once per process.
SAFETENSORS_DECL hash_keys process_keys() noexcept;
SAFETENSORS_DECL std::uint64_t hash_name(std::string_view name, const hash_keys& keys) noexcept;

// A tensor in 32 bytes. Its name is in the header's text, and its shape is in the table's
// dimensions.
struct record {
  std::uint64_t begin, end;  // bytes of the data section
  std::uint32_t name_offset, name_length;
  std::uint32_t first_dimension;
  std::uint32_t rank_and_dtype;

  static constexpr std::uint32_t dtype_bits = 5;
  static constexpr std::uint32_t max_rank = (1u << (32 - dtype_bits)) - 1;

  void set(std::uint32_t rank, dtype type) noexcept {
    rank_and_dtype = rank << dtype_bits | static_cast<std::uint32_t>(type);
  }
  [[nodiscard]] std::uint32_t rank() const noexcept { return rank_and_dtype >> dtype_bits; }
  [[nodiscard]] safetensors::dtype dtype() const noexcept {
    return static_cast<safetensors::dtype>(rank_and_dtype & ((1u << dtype_bits) - 1));
  }
};
static_assert(sizeof(record) == 32);
static_assert(std::size(dtypes) <= std::size_t{1} << record::dtype_bits);

struct text_range {
  std::uint32_t offset, length;
};

struct metadata_entry {
  text_range key, value;
};

struct name_slot {
  std::uint32_t tag;
  std::uint32_t record_number;  // counted from 1; 0 if the slot is free
};

// Zero bytes are stored after the text, so that readers may look ahead.
inline constexpr std::size_t text_padding = 64;
// Positions in the text have 32 bits.
inline constexpr std::uint64_t max_text_bytes = 0xFFFF'FFFFu - text_padding;

// The index of a header: a fixed number of flat blocks, however many tensors there are.
struct tensor_table {
  // The header. Strings with escapes are decoded in place, and end where the raw strings end.
  block<char> text{};
  block<record> records{};  // in data order once build_index() has succeeded
  block<std::uint64_t> dimensions{};
  block<metadata_entry> metadata{};  // by key once build_index() has succeeded
  block<name_slot> names{};
  // A copy, because another shared library that looks up a name may have other process_keys().
  hash_keys keys{};
  std::uint64_t data_size = 0;
  text_range unknown_field{}, unknown_field_tensor{};  // the first one; at 0 if there is none
  std::string path{};                                  // of the file, for failures

  [[nodiscard]] std::string_view view(text_range range) const noexcept {
    return {text.data() + range.offset, range.length};
  }
  [[nodiscard]] std::string_view name(const record& entry) const noexcept {
    return view({entry.name_offset, entry.name_length});
  }
  [[nodiscard]] std::span<const std::uint64_t> shape(const record& entry) const noexcept {
    return {dimensions.data() + entry.first_dimension, entry.rank()};
  }
  [[nodiscard]] std::uint64_t data_start() const noexcept { return 8 + text.size(); }

  // Add an item. If there is no room, each function first reserves memory for all items that the
  // text from `rest` on can hold. `rest` is not inside of a string. Doubling is not used,
  // because it takes up to three times what the items need: the old memory, and a new one of twice
  // its size, exist at the same time.
  [[nodiscard]] bool add_dimension(std::uint64_t size, const char* rest) noexcept {
    return dimensions.push_back(size, [&] { return reserve_dimensions(rest); });
  }
  [[nodiscard]] bool add_metadata(const metadata_entry& entry, const char* rest) noexcept {
    return metadata.push_back(entry, [&] { return reserve_metadata(rest); });
  }
  [[nodiscard]] bool reserve_dimensions(const char* rest) noexcept;
  [[nodiscard]] bool reserve_metadata(const char* rest) noexcept;

  // Returns null if no tensor has this name.
  [[nodiscard]] const record* find(std::string_view name) const noexcept;

  // Returns the slot of the name, or the free slot where the name would be stored.
  [[nodiscard]] name_slot* locate(std::string_view name, std::uint64_t hash) const noexcept {
    name_slot* slot = first_slot(hash);
    while (slot->record_number != 0 &&
           (slot->tag != tag(hash) || this->name(records[slot->record_number - 1]) != name))
      if (++slot == names.end()) slot = names.begin();
    return slot;
  }
  [[nodiscard]] name_slot* first_slot(std::uint64_t hash) const noexcept {
    return &names[static_cast<std::size_t>(hash) & (names.size() - 1)];
  }
  [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }
};

// What views refer to that refer to no tensor.
inline constexpr record no_record{};
SAFETENSORS_DECL const tensor_table& no_table() noexcept;

// A decoded string ends where its raw form ends, and may be shorter. The bytes before it are then
// filled with this byte, which UTF-8 never contains.
inline constexpr char escape_filler = '\xFF';

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
