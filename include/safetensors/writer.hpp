// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// Writes safetensors files. The file is validated as a whole before the first byte, canonical, and
/// either complete or not there at all.
///
///     safetensors::save("model.safetensors", {{"embed.weight", {rows, 768}, weights}},
///                       {.layout = {.metadata = {{"format", "pt"}}}});       // all at once; throws
///
///     auto plan = safetensors::write_plan::make({{"embed.weight", safetensors::dtype::bf16, {rows, 768}}});
///     safetensors::writer out("model.safetensors", std::move(plan));         // a temporary file
///     while (convert(chunk)) out.append("embed.weight", chunk);              // any chunk size
///     out.finish();                                                          // now it has its name
///
///     auto saved = safetensors::try_save(path, tensors);  // result<void>: the same without exceptions
#pragma once

#include <safetensors/safetensors.hpp>
#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing

// Each part uses only parts above it.
// IWYU pragma: begin_exports
#include <safetensors/write/tensor_data.hpp>
#include <safetensors/write/plan.hpp>
#include <safetensors/write/sink.hpp>
#include <safetensors/write/output.hpp>
#include <safetensors/write/writer.hpp>
#include <safetensors/write/save.hpp>
// IWYU pragma: end_exports

#ifndef SAFETENSORS_SEPARATE_COMPILATION
#include <safetensors/write/plan.ipp>
#ifdef _WIN32
#include <safetensors/write/output_windows.ipp>
#else
#include <safetensors/write/path_posix.ipp>
#include <safetensors/write/rights_posix.ipp>
#include <safetensors/write/output_posix.ipp>
#endif
#include <safetensors/write/output.ipp>
#include <safetensors/write/writer.ipp>
#include <safetensors/write/save.ipp>
#endif
#endif
