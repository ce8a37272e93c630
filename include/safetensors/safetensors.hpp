// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// Reads safetensors files: a typed, validated tensor index and zero-copy views. C++20. Header-only
/// use needs nlohmann_json 3.11.
///
///     safetensors::file model("model.safetensors");                  // maps, parses, validates; throws
///     for (safetensors::tensor_view tensor : model)                  // in data order
///       use(tensor.name(), tensor.dtype(), tensor.shape(), tensor.bytes());
///     std::span<const float> w = model["embed.weight"].as<float>();  // zero copy, checked
///     auto row = model["embed.weight"].slice({safetensors::pick(7)});// strided, still zero copy
///
///     auto opened = safetensors::file::try_open(path);    // result<file>: the same without exceptions
///     if (!opened) log(opened.error().message());         // which rule, which tensor, which byte
///     auto head = safetensors::header::try_open(path);    // the index alone: no data is touched
#pragma once

// IWYU pragma: begin_exports
#include <safetensors/base/version.hpp>
#include <safetensors/base/config.hpp>
#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing
#include <safetensors/fwd.hpp>
#include <safetensors/base/bytes.hpp>
#include <safetensors/base/text.hpp>
#include <safetensors/base/error.hpp>
#include <safetensors/base/dtype.hpp>
#include <safetensors/base/parameters.hpp>
#include <safetensors/base/path.hpp>

#include <safetensors/detail/block.hpp>
#include <safetensors/detail/table.hpp>
#include <safetensors/detail/failures.hpp>

#include <safetensors/read/iterator.hpp>
#include <safetensors/read/metadata.hpp>
#include <safetensors/read/range.hpp>
#include <safetensors/read/tensor.hpp>
#include <safetensors/read/slice.hpp>
#include <safetensors/read/source.hpp>
#include <safetensors/read/header.hpp>
#include <safetensors/read/storage.hpp>
#include <safetensors/read/file.hpp>
// IWYU pragma: end_exports

#ifndef SAFETENSORS_SEPARATE_COMPILATION
#include <safetensors/base/text.ipp>
#include <safetensors/base/error.ipp>
#include <safetensors/detail/table.ipp>
#include <safetensors/detail/failures.ipp>
#include <safetensors/detail/index.ipp>
#include <safetensors/detail/canonical.ipp>
#include <safetensors/detail/json.ipp>
#include <safetensors/detail/schema.ipp>
#include <safetensors/detail/foreign.ipp>
#ifdef _WIN32
#include <safetensors/detail/system_windows.ipp>
#else
#include <safetensors/detail/system_posix.ipp>
#endif
#include <safetensors/read/tensor.ipp>
#include <safetensors/read/slice.ipp>
#include <safetensors/read/source.ipp>
#include <safetensors/read/header.ipp>
#include <safetensors/read/storage.ipp>
#endif
#endif
