// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Failures, made of a table, a record and numbers, so that no template builds a sentence.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/detail/table.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {
class tensor_info;
}

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- of a file

inline constexpr const char* cannot_open = "cannot open it";
inline constexpr const char* cannot_read = "cannot read it";
inline constexpr const char* cannot_examine = "cannot read its size and kind";
inline constexpr const char* cannot_map = "cannot map it";
inline constexpr const char* cannot_lock = "cannot lock it";
inline constexpr const char* locked_elsewhere = "another program holds its lock";
inline constexpr const char* not_regular = "it is not a regular file";
inline constexpr const char* empty_path = "the path is empty";
inline constexpr const char* path_holds_nul = "the path holds a NUL";
inline constexpr const char* cut_short = "copy or download it again; it may have been cut short";
inline constexpr const char* too_many_dimensions = "its shape has more than 2^27-1 dimensions";

SAFETENSORS_DECL failure failure_at(errc code, std::uint64_t offset, std::string detail,
                                    std::string advice = {});
// Makes a failure of an error that a byte_source or the system returned. Its code is the library's
// own code, out_of_memory, or io.
SAFETENSORS_DECL failure source_failure(std::error_code error, std::string detail,
                                        std::string advice = {});
SAFETENSORS_DECL failure source_failure(std::errc error, std::string detail,
                                        std::string advice = {});
// Makes a failure as source_failure() does. `what` says what could not be done. Only the system's
// errors need it, not the library's own codes.
SAFETENSORS_DECL failure reported_failure(std::error_code error, const char* what);
// Returns how to accept a header of this length.
SAFETENSORS_DECL std::string limit_advice(std::uint64_t length);
// Says what works where mapping does not. Copies need memory that mappings do not need, and the
// reverse.
SAFETENSORS_DECL std::string map_advice(bool writable);
SAFETENSORS_DECL failure storage_failure(std::uint64_t size);
// Makes a failure of a file that ends within its data, of which it has `present` bytes.
SAFETENSORS_DECL failure missing_data_failure(std::uint64_t needed, std::uint64_t data_start,
                                              std::uint64_t present);
SAFETENSORS_DECL failure with_path(failure what, std::string path);

//-- of a tensor

SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail, std::string advice = {});
SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_info& tensor, std::string detail,
                                        std::string advice = {});
SAFETENSORS_DECL failure not_found_failure(const tensor_table* table, std::string_view name);
SAFETENSORS_DECL failure dtype_failure(const tensor_info& tensor, dtype wanted);
SAFETENSORS_DECL failure width_failure(const tensor_info& tensor, std::size_t bytes);
SAFETENSORS_DECL failure length_failure(const tensor_info& tensor, std::uint64_t length,
                                        std::uint64_t wanted, std::string_view unit);
// Makes a failure of elements that cannot be used in place, because of byte order or alignment.
SAFETENSORS_DECL failure place_failure(const tensor_info& tensor, std::size_t size,
                                       std::size_t alignment);
SAFETENSORS_DECL failure read_only_failure(const tensor_info& tensor);
SAFETENSORS_DECL failure memory_failure(const tensor_info& tensor, std::string_view what);
SAFETENSORS_DECL failure item_failure(const tensor_info& tensor);
SAFETENSORS_DECL failure rank_failure(const tensor_info& tensor, std::size_t room);
SAFETENSORS_DECL failure dimension_failure(const tensor_info& tensor, std::size_t dimension);

//-- pieces of sentences, for bodies alone

// Returns why dtype and shape break the rule that measure() found.
SAFETENSORS_DECL std::string size_text(dtype type, std::span<const std::uint64_t> shape,
                                       const tensor_size& size);
// Returns the C++ type of elements, or an empty text if the dtype has none.
SAFETENSORS_DECL std::string_view cpp_type_of(dtype type) noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
