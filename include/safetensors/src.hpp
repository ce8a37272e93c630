// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
/// @file
/// The library's bodies, for one file of a program that is compiled with
/// SAFETENSORS_SEPARATE_COMPILATION: `#include <safetensors/src.hpp>`. src/safetensors.cpp is one.
#pragma once

#ifndef SAFETENSORS_SEPARATE_COMPILATION
#error "safetensors/src.hpp belongs to compiled mode: define SAFETENSORS_SEPARATE_COMPILATION for every file, or do not include it"
#endif

#include <safetensors/safetensors.hpp>
#include <safetensors/writer.hpp>
#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing

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
