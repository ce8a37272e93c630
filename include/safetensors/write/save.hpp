// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
/// @file
/// Writes a whole file by one call.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/path.hpp>
#include <safetensors/write/output.hpp>
#include <safetensors/write/plan.hpp>
#include <safetensors/write/tensor_data.hpp>

#include <cstddef>
#include <vector>

namespace safetensors::inline SAFETENSORS_ABI {

/// Options of save().
struct write_options {
  layout_options layout{};  ///< the contents of the file
  output_options output{};  ///< how the file reaches the disk
};

/// Writes a file: `save("model.safetensors", {{"w", {2, 3}, values}})`. Everything is validated
/// before a byte is written. Errors: those of write_plan; unknown_dtype if `elements` is not an
/// enumerator; dtype_mismatch if the elements have another dtype; size_mismatch if the number of
/// bytes is not what dtype and shape need; dtype_mismatch if the words have another width; those of
/// output_file; out_of_memory if memory cannot be allocated.
SAFETENSORS_DECL result<void> try_save(path_ref path, list_of<tensor_data> tensors,
                                       const write_options& options = {});
/// Returns the bytes of the file. Errors: those of write_plan; unknown_dtype, dtype_mismatch and
/// size_mismatch as for try_save(); out_of_memory if memory cannot be allocated.
SAFETENSORS_DECL result<std::vector<std::byte>> try_serialize(list_of<tensor_data> tensors,
                                                              const layout_options& options = {});

#if SAFETENSORS_EXCEPTIONS
/// Does what try_save() does, and throws safetensors::error if that fails.
inline void save(path_ref path, list_of<tensor_data> tensors, const write_options& options = {}) {
  try_save(path, tensors, options).value();
}
/// Does what try_serialize() does, and throws safetensors::error if that fails.
[[nodiscard]] inline std::vector<std::byte> serialize(list_of<tensor_data> tensors,
                                                      const layout_options& options = {}) {
  return try_serialize(tensors, options).value();
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI
