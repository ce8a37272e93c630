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
#include <safetensors/write/sink.hpp>
#include <safetensors/write/tensor_data.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
template <class Sink>
concept no_path = !std::convertible_to<Sink, path_ref>;
// As expect_source.
template <class Sink> struct expect_sink {
  static_assert(positional_sink<Sink> || sequential_sink<Sink>,
                "a sink has write_at(offset, bytes), or write(bytes), and returns std::error_code: "
                "function_sink{f} makes one of a function, such as one that writes to a stream");
};
SAFETENSORS_DECL result<void> save_to(sink_ref sink, const tensor_list<tensor_data>& tensors,
                                      const layout_options& options);
}  // namespace detail

/// Options of save().
struct write_options {
  layout_options layout{};  ///< the contents of the file
  output_options output{};  ///< how the file reaches the disk

  /// Compares all members.
  friend bool operator==(const write_options&, const write_options&) = default;
};

/// Writes a file: `save("model.safetensors", {{"w", {2, 3}, values}})`, or
/// `save("copy.safetensors", model)` for the tensors and the metadata of another file. Everything
/// is validated before a byte is written. Errors: those of write_plan; unknown_dtype if `elements`
/// is not an enumerator; dtype_mismatch if the elements have another dtype; size_mismatch if the
/// number of bytes is not what dtype and shape need; dtype_mismatch if the words have another
/// width; those of file_sink; out_of_memory if memory cannot be allocated.
SAFETENSORS_DECL result<void> try_save(path_ref path, const tensor_list<tensor_data>& tensors,
                                       const write_options& options = {});
/// Writes a file to your own sink, which it borrows until the call returns, and commits the sink if
/// it has try_commit(). A sequential_sink gets the bytes from front to back.
/// Errors: those of write_plan; unknown_dtype, dtype_mismatch and size_mismatch as above;
/// wrong_length if the sink is a file_sink of another size; any error that the sink returns.
template <detail::no_path Sink> result<void> try_save(Sink&& sink,
                                                      const tensor_list<tensor_data>& tensors,
                                                      const layout_options& options = {}) {
  (void)detail::expect_sink<std::remove_reference_t<Sink>>();
  return detail::save_to(detail::sink_ref(sink), tensors, options);
}
/// Returns the bytes of the file. Errors: those of write_plan; unknown_dtype, dtype_mismatch and
/// size_mismatch as for try_save(); out_of_memory if memory cannot be allocated.
SAFETENSORS_DECL result<std::vector<std::byte>> try_serialize(
    const tensor_list<tensor_data>& tensors, const layout_options& options = {});

#if SAFETENSORS_EXCEPTIONS
/// Does what try_save() does, and throws safetensors::error if that fails.
inline void save(path_ref path, const tensor_list<tensor_data>& tensors,
                 const write_options& options = {}) {
  try_save(path, tensors, options).value();
}
/// Does what try_save() does, and throws safetensors::error if that fails.
template <detail::no_path Sink> void save(Sink&& sink, const tensor_list<tensor_data>& tensors,
                                          const layout_options& options = {}) {
  try_save(sink, tensors, options).value();
}
/// Does what try_serialize() does, and throws safetensors::error if that fails.
[[nodiscard]] inline std::vector<std::byte> serialize(const tensor_list<tensor_data>& tensors,
                                                      const layout_options& options = {}) {
  return try_serialize(tensors, options).value();
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI
