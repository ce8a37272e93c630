// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
/// @file
/// Declares the library's types, for headers that only name them: complete enumerations, and
/// classes without their members. The other headers include this one. `borrowed_file` is not
/// declared here, as it would need the header of std::span.
///
///     #include <safetensors/fwd.hpp>
///     void load(layer& into, const safetensors::file& model);
///     template <> struct safetensors::dtype_traits<bfloat> {
///       static constexpr dtype value = dtype::bf16;
///     };
///
/// A declaration of your own, such as `namespace safetensors { class file; }`, would be another
/// class than the library's, which is in an inline namespace.
#pragma once

#include <safetensors/base/config.hpp>

#include <cstdint>

#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing
namespace safetensors::inline SAFETENSORS_ABI {

//-- enumerations

/// Codes of broken rules, one per rule. The numbers never change.
/// The rules for opening a file are those of the reference implementation, the Rust crate
/// safetensors 0.8. Where this library is stricter, the entry says what the reference does.
enum class errc : int {
  // Opening a file.
  header_too_small = 1,    ///< the file has fewer than 8 bytes
  header_too_large,        ///< longer than the limit: the format's 100 MB, or your own
  header_truncated,        ///< the file, or the buffer, ends within the header
  invalid_utf8,            ///< the header, or a name or metadata to be written, is not strict UTF-8
  invalid_json,            ///< for example lone surrogates, 1e999, or anything after the object
  too_deep,                ///< more than 127 nested objects and arrays
  header_not_object,       ///< the header does not begin with an opening brace
  duplicate_tensor,        ///< two names are equal once unescaped; the reference keeps the last
  duplicate_metadata_key,  ///< two keys are equal once unescaped; the reference keeps the last
  duplicate_field,         ///< a field that the format knows occurs twice, or `__metadata__` does
  invalid_metadata,        ///< `__metadata__` is neither null nor an object of strings
  invalid_entry,           ///< an entry is not an object; the reference also accepts arrays
  missing_field,           ///< an entry lacks `dtype`, `shape` or `data_offsets`
  unknown_dtype,           ///< not one of the 22 strings; the reference also accepts objects
  invalid_shape,           ///< not an array of integers from 0 to 2^64-1, such as 4.0 or -1
  invalid_offsets,         ///< not two such integers, reversed, or with a gap or an overlap
  size_overflow,           ///< elements, bits, or the end of the file do not fit in 64 bits
  partial_byte,            ///< a tensor of 4 or 6 bits per element does not fill whole bytes
  size_mismatch,           ///< dtype and shape need another number of bytes
  trailing_bytes,          ///< bytes follow the last tensor
  missing_bytes,  ///< the file ends before its last tensor, or before the bytes that are needed
  // Access to tensors.
  tensor_not_found = 101,  ///< no tensor of this name
  dtype_mismatch,          ///< elements of another dtype, or words of another width
  misaligned_data,         ///< data in place is not aligned, as files may place it at any byte
  foreign_byte_order,  ///< zero-copy access to elements wider than a byte on a big-endian machine
  wrong_length,        ///< too many or too few bytes or elements for the buffer or the tensor
  does_not_fit,        ///< a buffer or an integer is too small for a shape
  invalid_slice,       ///< too many ranges, a range outside the shape, or a cut within a byte
  not_contiguous,      ///< a slice of several runs, which no span can describe
  shape_mismatch,      ///< the shape is not the expected one
  read_only,           ///< writable access to bytes that may only be read
  // Writing: see writer.hpp.
  reserved_name = 201,  ///< a tensor is named `__metadata__`, which the format reserves
  wrong_order,          ///< not in the plan's order, or after the end
  incomplete_write,  ///< finished too early, or after an exception or a failure of another thread
  invalid_option,    ///< a value that cannot be used: see layout_options, output_options
  target_changed,    ///< another file has the path, or somebody has written to the file
  // The machine.
  out_of_memory = 901,  ///< memory or address space is exhausted
  io,                   ///< failure::system holds the operating system's error
};

/// The format's 22 element types. The numbers never change, and new dtypes are appended.
enum class dtype : std::uint8_t {
  boolean,      ///< "BOOL": one byte of any value, so read it with bits<std::uint8_t>()
  f4,           ///< 4 bits: 2 of exponent, 1 of mantissa; two elements per byte
  f6_e2m3,      ///< 6 bits: 2 of exponent, 3 of mantissa; four elements in three bytes
  f6_e3m2,      ///< 6 bits: 3 of exponent, 2 of mantissa; four elements in three bytes
  u8,           ///< std::uint8_t
  i8,           ///< std::int8_t
  f8_e5m2,      ///< 8 bits: 5 of exponent, 2 of mantissa, with infinities
  f8_e4m3,      ///< 8 bits: 4 of exponent, 3 of mantissa, without infinities
  f8_e8m0,      ///< 8 bits of exponent: the scale of a block
  f8_e4m3fnuz,  ///< as f8_e4m3, without negative zero
  f8_e5m2fnuz,  ///< as f8_e5m2, without infinities and negative zero
  i16,          ///< std::int16_t
  u16,          ///< std::uint16_t
  f16,          ///< IEEE 754 half precision
  bf16,         ///< the upper half of an f32
  i32,          ///< std::int32_t
  u32,          ///< std::uint32_t
  f32,          ///< float
  c64,          ///< two f32: real, imaginary
  f64,          ///< double
  i64,          ///< std::int64_t
  u64,          ///< std::uint64_t
};

/// Allowed uses of mapped bytes.
enum class map_mode : std::uint8_t {
  read_only,      ///< the bytes may only be read
  copy_on_write,  ///< writable_bytes() may be changed, and the file never changes; pages that are
                  ///< written to need memory, and if none is left, Linux ends the program
};

/// Advice to the system about how mapped bytes will be read: see open_options.
enum class access_advice : std::uint8_t {
  normal,      ///< nothing is known
  sequential,  ///< from front to back: the system reads further ahead
  will_need,   ///< all of them, soon: the system begins to read them
  populate,    ///< all of them, now: opening returns once they are in memory
};

/// Kinds of files, as looks_like() reports them by their first bytes. New kinds are appended.
enum class file_kind : std::uint8_t {
  unknown,            ///< none of the following
  safetensors,        ///< a length that fits in the file, and the beginning of a header in JSON
  safetensors_index,  ///< the index of a model in several files, in JSON
  git_lfs_pointer,    ///< a text that stands for a file that was not downloaded
  html,               ///< a web page, such as the error of a server
  json,               ///< any other JSON
  text,               ///< any other text
  pickle,             ///< a pickle of Python, such as an old file of torch.save
  zip,                ///< a ZIP archive, such as a file of torch.save, or NumPy's .npz
  gguf,               ///< GGUF
  ggml,               ///< GGML and its relatives, which are older than GGUF
  numpy,              ///< NumPy's .npy
  hdf5,               ///< HDF5, as Keras writes it
  onnx,               ///< ONNX
  tensorflow_lite,    ///< TensorFlow Lite
  compressed,         ///< compressed data, or an archive other than ZIP
  other,              ///< another known kind, such as an image
};

/// The order in which tensors follow each other in a file.
enum class tensor_order : std::uint8_t {
  canonical,  ///< the reference's: dtypes by write_order(), highest first; then names, by bytes
  as_given,   ///< as in the list: for converters that stream
};

/// Selects what happens to a symbolic link at the end of the path that is written. Links to folders
/// within the path are followed, except those of other users in sticky folders: see file_sink. On
/// Windows, other reparse points count as files.
enum class link_mode : std::uint8_t {
  replace,  ///< the link becomes the new file; what it leads to stays as it is
  follow,   ///< the file that the link leads to is replaced, or, on POSIX, created if it is missing
  refuse,   ///< a link is an error: invalid_option
};

//-- values and parameters

struct failure;
#if SAFETENSORS_EXCEPTIONS
class error;
#endif
template <class Value> class [[nodiscard]] result;
template <class Type> struct dtype_traits;
template <class Item> class list_of;
class shape_ref;
class path_ref;
struct byte_range;
struct dim_range;

//-- reading: safetensors.hpp

struct read_options;
struct open_options;
class metadata_view;
class tensor_info;
class tensor_view;
class file_run_range;
class slice_layout;
class slice_view;
template <class Value> class tensor_collection;
template <class Read> struct function_source;
template <class Read> struct function_stream;
class file_source;
struct entry_field;
class header;
class mapped_bytes;
class owned_bytes;
template <class Storage> class basic_file;
using file = basic_file<mapped_bytes>;
using memory_file = basic_file<owned_bytes>;

//-- writing: writer.hpp

struct tensor_spec;
struct tensor_data;
template <class Item> class tensor_list;
struct layout_options;
struct output_options;
struct write_options;
class write_plan;
class file_sink;
template <class Write> struct function_sink;
template <class Sink> class basic_writer;
using writer = basic_writer<file_sink>;

}  // namespace safetensors::inline SAFETENSORS_ABI
#endif
