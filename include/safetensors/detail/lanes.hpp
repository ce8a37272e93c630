// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// From a header's text to the index: two lanes that read it, and the validation of what they read.
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

// Lengths of headers below this one, in bytes, are plausible.
inline constexpr std::uint64_t plausible_length = std::uint64_t{1} << 40;

// Returns a table with room for `capacity` bytes of text, which begins with `text`.
SAFETENSORS_DECL result<std::unique_ptr<tensor_table>> new_table(std::span<const std::byte> text,
                                                                 std::size_t capacity);

// Reads what known writers emit. Returns false if something was not recognised, and leaves the text
// unchanged.
SAFETENSORS_DECL bool read_canonical(tensor_table& table) noexcept;
// Reads every header, and reports what is wrong with one.
SAFETENSORS_DECL result<void> read_general(tensor_table& table);

// Fills the table of names. Errors: duplicate_tensor, for the first name that occurred before;
// out_of_memory.
SAFETENSORS_DECL result<void> index_names(tensor_table& table);
// Validates what a lane has read, and brings it into data order. file_size may be unknown_size.
SAFETENSORS_DECL result<void> build_index(tensor_table& table, std::uint64_t file_size,
                                          bool allow_trailing_bytes);

inline std::string_view text_of(const tensor_table& table) noexcept {
  return {table.text.data(), table.text.size()};
}
// Returns the byte of the file at which the raw form of a decoded string begins.
SAFETENSORS_DECL std::uint64_t raw_offset(const tensor_table& table, std::size_t decoded) noexcept;
// Makes a failure at the byte of the tensor's name.
SAFETENSORS_DECL failure record_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail);

// Returns what the file seems to be, if it is not a safetensors file. start: its first bytes.
SAFETENSORS_DECL file_kind foreign_kind(std::span<const std::byte> start);
// Adds what the file seems to be, if that may be why it was rejected. start: its first bytes, as
// far as they were read.
SAFETENSORS_DECL failure explained(failure what, std::span<const std::byte> start,
                                   std::uint64_t file_size);
// Adds an explanation if the header was rejected because its length counts characters. next: the
// bytes after the header.
SAFETENSORS_DECL failure explained_by_units(failure what, std::string_view text,
                                            std::string_view next, std::uint64_t file_size);
// Returns true if explained_by_units() may help.
SAFETENSORS_DECL bool may_be_units(errc code) noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
