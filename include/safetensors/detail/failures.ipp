// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// The sentences of failures, off the fast path.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/read/tensor.hpp>

#include <bit>

namespace safetensors::inline SAFETENSORS_ABI::detail {

//-- of a file

SAFETENSORS_DECL failure failure_at(errc code, std::uint64_t offset, std::string detail,
                                    std::string advice) {
  return {.code = code, .offset = offset, .detail = std::move(detail), .advice = std::move(advice)};
}

SAFETENSORS_DECL failure source_failure(std::error_code error, std::string detail,
                                        std::string advice) {
  failure what{.detail = std::move(detail), .advice = std::move(advice)};
  if (error.category() == error_category()) {
    what.code = static_cast<errc>(error.value());
  } else {
    what.code = error == std::errc::not_enough_memory ? errc::out_of_memory : errc::io;
    what.system = error;
  }
  return what;
}

SAFETENSORS_DECL failure source_failure(std::errc error, std::string detail, std::string advice) {
  return source_failure(std::make_error_code(error), std::move(detail), std::move(advice));
}

SAFETENSORS_DECL failure reported_failure(std::error_code error, const char* what) {
  if (error == errc::missing_bytes)
    return {.code = errc::missing_bytes,
            .detail = "it ends before the bytes that are needed",
            .advice = cut_short};
  return source_failure(error, error.category() == error_category() ? "" : what);
}

SAFETENSORS_DECL std::string limit_advice(std::uint64_t length) {
  constexpr std::uint64_t most_of_hugging_face = 25'000'000;
  return join("max_header_bytes raises the limit",
              length > most_of_hugging_face
                  ? "; other readers refuse more than 100,000,000 bytes, and the Hugging Face "
                    "client more than 25,000,000"
                  : "");
}

SAFETENSORS_DECL std::string map_advice(bool writable) {
  return join(writable ? "map_mode::read_only needs no memory of its own; " : "",
              "memory_file reads all of it if it fits in memory, file_source reads parts of it");
}

SAFETENSORS_DECL failure storage_failure(std::uint64_t size) {
  return failure_at(errc::missing_bytes, size, "the storage holds fewer bytes than its source");
}

SAFETENSORS_DECL failure with_path(failure what, std::string path) {
  what.path = std::move(path);
  return what;
}

SAFETENSORS_DECL failure missing_data_failure(std::uint64_t needed, std::uint64_t data_start,
                                              std::uint64_t present) {
  return failure_at(
      errc::missing_bytes, data_start + present,
      join("the tensors need ", counted(needed, "byte"), " of data, but the file has ", present),
      cut_short);
}

//-- of a tensor

SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail, std::string advice) {
  return {.code = code,
          .path = table.path,
          .tensor = std::string(table.name(entry)),
          .detail = std::move(detail),
          .advice = std::move(advice)};
}

SAFETENSORS_DECL failure tensor_failure(errc code, const tensor_info& tensor, std::string detail,
                                        std::string advice) {
  return tensor_failure(code, tensor_door::table(tensor), tensor_door::entry(tensor),
                        std::move(detail), std::move(advice));
}

SAFETENSORS_DECL failure not_found_failure(const tensor_table* table, std::string_view name) {
  return {.code = errc::tensor_not_found,
          .path = table == nullptr ? std::string() : table->path,
          .tensor = std::string(name)};
}

SAFETENSORS_DECL std::string_view cpp_type_of(dtype type) noexcept {
  switch (type) {
    case dtype::u8: return "std::uint8_t";
    case dtype::i8: return "std::int8_t";
    case dtype::i16: return "std::int16_t";
    case dtype::u16: return "std::uint16_t";
    case dtype::i32: return "std::int32_t";
    case dtype::u32: return "std::uint32_t";
    case dtype::f32: return "float";
    case dtype::c64: return "std::complex<float>";
    case dtype::f64: return "double";
    case dtype::i64: return "std::int64_t";
    case dtype::u64: return "std::uint64_t";
    default: return "";
  }
}

// Returns how to read the raw words of a dtype.
inline std::string words_advice(dtype type) {
  const auto bits = static_cast<std::uint64_t>(bit_width(type));
  if (bits < 8) return join("bytes() returns the packed bytes of ", to_string(type));
  return join("bits<std::uint", bits, "_t>() returns the raw words of ", to_string(type));
}

SAFETENSORS_DECL failure dtype_failure(const tensor_info& tensor, dtype wanted) {
  const dtype found = tensor.dtype();
  const std::string_view cpp_type = cpp_type_of(found);
  return tensor_failure(errc::dtype_mismatch, tensor,
                        join("its dtype is ", to_string(found), ", not ", to_string(wanted)),
                        cpp_type.empty()
                            ? words_advice(found)
                            : join("as<", cpp_type, ">() returns elements of ", to_string(found)));
}

SAFETENSORS_DECL failure width_failure(const tensor_info& tensor, std::size_t bytes) {
  const dtype found = tensor.dtype();
  return tensor_failure(
      errc::dtype_mismatch, tensor,
      join("an element of ", to_string(found), " has ",
           static_cast<std::uint64_t>(bit_width(found)), " bits, not ", 8 * bytes),
      words_advice(found));
}

SAFETENSORS_DECL failure length_failure(const tensor_info& tensor, std::uint64_t length,
                                        std::uint64_t wanted, std::string_view unit) {
  return tensor_failure(
      errc::wrong_length, tensor,
      join("the buffer has ", counted(length, unit), ", but it must have exactly ", wanted));
}

SAFETENSORS_DECL failure place_failure(const tensor_info& tensor, std::size_t size,
                                       std::size_t alignment) {
  if (size > 1 && std::endian::native == std::endian::big)
    return tensor_failure(errc::foreign_byte_order, tensor,
                          "this machine is big-endian, and files are little-endian",
                          "copy_to() and copy_bits() convert");
  const std::uint64_t start = tensor.data_offsets().begin;
  // A storage can align only the start of the data section.
  if (start % alignment != 0)
    return tensor_failure(
        errc::misaligned_data, tensor,
        join("it starts at byte ", start, " of the data, which is not a multiple of ", alignment),
        "copy it by copy_to() or copy_bits(), or write the file once more, which aligns it");
  return tensor_failure(errc::misaligned_data, tensor,
                        join("it starts at byte ", tensor.file_range().begin,
                             " of the file, at an address that is not a multiple of ", alignment),
                        "load the file with memory_file, or copy it by copy_to() or copy_bits()");
}

SAFETENSORS_DECL failure read_only_failure(const tensor_info& tensor) {
  return tensor_failure(errc::read_only, tensor, "the file is mapped to be read",
                        "open it with map_mode::copy_on_write, or as memory_file");
}

SAFETENSORS_DECL failure memory_failure(const tensor_info& tensor, std::string_view what) {
  return tensor_failure(errc::out_of_memory, tensor, join("there is not enough memory for ", what));
}

SAFETENSORS_DECL failure item_failure(const tensor_info& tensor) {
  return tensor_failure(
      errc::wrong_length, tensor,
      join("it has ", tensor.element_count(), " elements, but item() needs exactly 1"));
}

SAFETENSORS_DECL failure rank_failure(const tensor_info& tensor, std::size_t room) {
  return tensor_failure(
      errc::does_not_fit, tensor,
      join("it has ", counted(tensor.ndim(), "dimension"), ", but the buffer has room for ", room));
}

SAFETENSORS_DECL failure dimension_failure(const tensor_info& tensor, std::size_t dimension) {
  return tensor_failure(errc::does_not_fit, tensor,
                        join("dimension ", dimension, " has ", tensor.shape()[dimension],
                             " elements, too many for the integer type"));
}

SAFETENSORS_DECL std::string size_text(dtype type, std::span<const std::uint64_t> shape,
                                       const tensor_size& size) {
  if (size.broken == errc::partial_byte)
    return join(to_string(type), " ", shape_text(shape), " needs ", size.bits,
                " bits, which are not a whole number of bytes");
  if (size.elements == 0)
    return join("multiplying its shape ", shape_text(shape), " overflows 64 bits");
  return join(to_string(type), " ", shape_text(shape), " needs at least 2^64 bits");
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
