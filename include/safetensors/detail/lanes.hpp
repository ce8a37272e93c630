// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// From a header's text to the index: two lanes that read it, one that validates what they read.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/detail/table.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace safetensors::inline SAFETENSORS_ABI::detail {

// A header's length that may be meant as one, in bytes.
inline constexpr std::uint64_t plausible_length = std::uint64_t{1} << 40;

// A table with room for text of `capacity` bytes, which begins with `text`.
SAFETENSORS_DECL result<std::unique_ptr<tensor_table>> new_table(std::span<const std::byte> text,
                                                                 std::size_t capacity);

// Reads what known writers emit. False: something was not recognised, and the text is as it was.
SAFETENSORS_DECL bool read_canonical(tensor_table& table) noexcept;
// Reads every header, and says what is wrong with one.
SAFETENSORS_DECL result<void> read_general(tensor_table& table);
// The first lane, then the other one if that is needed.
SAFETENSORS_DECL result<void> read_lanes(tensor_table& table);

// Fills the table of names. Errors: duplicate_tensor, for the first name that occurred before;
// out_of_memory.
SAFETENSORS_DECL result<void> index_names(tensor_table& table);
// Validates what a lane has read, and puts it in order. file_size may be unknown_size.
SAFETENSORS_DECL result<void> build_index(tensor_table& table, std::uint64_t file_size,
                                          bool allow_trailing_bytes);

inline std::string_view text_of(const tensor_table& table) noexcept {
  return {table.text.data(), table.text.size()};
}
// The byte of the file at which a decoded string begins as it is written.
SAFETENSORS_DECL std::uint64_t raw_offset(const tensor_table& table, std::size_t decoded) noexcept;
// A failure at the byte of the tensor's name.
SAFETENSORS_DECL failure record_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail);

// Says what the file seems to be, if that may be why it was refused. start: its first bytes, as
// many as are at hand.
SAFETENSORS_DECL failure explained(failure what, std::span<const std::byte> start,
                                   std::uint64_t file_size);
// Says so if the header was refused because its length counts characters. next: the bytes after the
// header.
SAFETENSORS_DECL failure explained_by_units(failure what, std::string_view text,
                                            std::string_view next, std::uint64_t file_size);
// True if explained_by_units() may help.
SAFETENSORS_DECL bool may_be_units(errc code) noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
