// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
// The module for `import safetensors;`, in compiled mode: see docs/builds.md. The names are in the
// order of the headers, which tests/house.py checks. A module has no macros.
module;

#ifndef SAFETENSORS_SEPARATE_COMPILATION
#error "the module safetensors belongs to compiled mode: define SAFETENSORS_SEPARATE_COMPILATION for every file"
#endif

#include <safetensors/writer.hpp>

export module safetensors;

export namespace safetensors {

// fwd.hpp
using safetensors::errc;
using safetensors::dtype;
using safetensors::map_mode;
using safetensors::access_advice;
using safetensors::file_kind;
using safetensors::tensor_order;
using safetensors::link_mode;

using safetensors::failure;
#if SAFETENSORS_EXCEPTIONS
using safetensors::error;
#endif
using safetensors::result;
using safetensors::dtype_traits;
using safetensors::list_of;
using safetensors::shape_ref;
using safetensors::path_ref;
using safetensors::byte_range;
using safetensors::dim_range;

using safetensors::read_options;
using safetensors::open_options;
using safetensors::metadata_view;
using safetensors::tensor_info;
using safetensors::tensor_view;
using safetensors::file_run_range;
using safetensors::slice_layout;
using safetensors::slice_view;
using safetensors::tensor_collection;
using safetensors::function_source;
using safetensors::function_stream;
using safetensors::file_source;
using safetensors::entry_field;
using safetensors::header;
using safetensors::mapped_bytes;
using safetensors::owned_bytes;
using safetensors::basic_file;
using safetensors::file;
using safetensors::memory_file;

using safetensors::tensor_spec;
using safetensors::tensor_data;
using safetensors::tensor_list;
using safetensors::layout_options;
using safetensors::output_options;
using safetensors::write_options;
using safetensors::write_plan;
using safetensors::file_sink;
using safetensors::function_sink;
using safetensors::basic_writer;
using safetensors::writer;

// base/text.hpp
using safetensors::printable;

// base/error.hpp
using safetensors::name;
using safetensors::describe;
using safetensors::to_string;
using safetensors::error_category;
using safetensors::make_error_code;
using safetensors::operator<<;
using safetensors::format_as;

// base/dtype.hpp
using safetensors::bit_width;
using safetensors::write_order;
using safetensors::dtype_from_string;
using safetensors::standard_integer;
using safetensors::standard_unsigned;
using safetensors::element;
using safetensors::element_of;
using safetensors::element_buffer;

// base/parameters.hpp
using safetensors::any_size;
using safetensors::to_end;
using safetensors::unknown_size;
using safetensors::byte_size;
using safetensors::pick;
using safetensors::shard_range;

// base/path.hpp
using safetensors::native_handle;
using safetensors::invalid_handle;

// read/iterator.hpp
using safetensors::table_iterator;

// read/metadata.hpp
using safetensors::metadata_map;

// read/source.hpp
using safetensors::byte_source;
using safetensors::concurrent_byte_source;
using safetensors::sequential_source;

// read/header.hpp
using safetensors::looks_like;

// read/storage.hpp
using safetensors::try_read_into;
#if SAFETENSORS_EXCEPTIONS
using safetensors::read_into;
#endif
using safetensors::byte_storage;
using safetensors::loadable_storage;

// read/file.hpp
using safetensors::borrowed_file;

// write/tensor_data.hpp
using safetensors::element_range;
using safetensors::word_range;
using safetensors::raw_range;
using safetensors::lasting_range;

// write/sink.hpp
using safetensors::positional_sink;
using safetensors::sequential_sink;
using safetensors::byte_sink;

// write/save.hpp
using safetensors::try_save;
using safetensors::try_serialize;
#if SAFETENSORS_EXCEPTIONS
using safetensors::save;
using safetensors::serialize;
#endif

}  // namespace safetensors
