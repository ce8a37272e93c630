// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// The macros that select how the library is compiled.
#pragma once

// MSVC reports the standard by _MSVC_LANG. Without C++20, SAFETENSORS_ABI is not defined, so that
// the faces declare nothing, and report no error but this one.
#if defined(__cplusplus) && (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) <= 201703L
#error "safetensors needs C++20: compile the files that include it with -std=c++20 or /std:c++20"
#else

///@{
/// Define SAFETENSORS_NO_EXCEPTIONS to leave out the throwing half where exceptions are enabled.
/// SAFETENSORS_EXCEPTIONS is 1 if the library has its throwing half, and 0 if not.
///
/// Define SAFETENSORS_SEPARATE_COMPILATION for every file of a program to compile the library's
/// bodies once. Then also compile one file that is `#include <safetensors/src.hpp>`. The CMake
/// target safetensors::compiled does both.
///
/// Each kind of build has its own inline namespace, SAFETENSORS_ABI. Objects of two kinds that pass
/// the library's types to each other therefore fail to link, instead of misbehaving.
///
/// Define SAFETENSORS_JSON_HEADER, with quotes or angle brackets, if nlohmann_json is not found as
/// `<nlohmann/json.hpp>`: `-DSAFETENSORS_JSON_HEADER='"json.hpp"'`. Only files that compile the
/// library's bodies need it: all that include a face, or the one that includes src.hpp. Define it
/// alike for all of them. The CMake variable SAFETENSORS_JSON_HEADER does so.
///
/// SAFETENSORS_DECL is `inline` before the library's bodies, and nothing if they are compiled once.
///
/// SAFETENSORS_LIFETIMEBOUND follows what a new object or a result refers to, so that clang warns if
/// that is destroyed first.
#if (defined(__cpp_exceptions) || defined(_CPPUNWIND)) && !defined(SAFETENSORS_NO_EXCEPTIONS)
#define SAFETENSORS_EXCEPTIONS 1
#ifdef SAFETENSORS_SEPARATE_COMPILATION
#define SAFETENSORS_ABI v0_2_compiled
#else
#define SAFETENSORS_ABI v0_2
#endif
#else
#define SAFETENSORS_EXCEPTIONS 0
#ifdef SAFETENSORS_SEPARATE_COMPILATION
#define SAFETENSORS_ABI v0_2_compiled_nothrow
#else
#define SAFETENSORS_ABI v0_2_nothrow
#endif
#endif

#ifdef SAFETENSORS_SEPARATE_COMPILATION
#define SAFETENSORS_DECL
#else
#define SAFETENSORS_DECL inline
#endif

#ifdef __clang__
#define SAFETENSORS_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define SAFETENSORS_LIFETIMEBOUND
#endif
///@}
#endif

/// Reading and writing safetensors files.
///
/// Every fallible operation `try_x` returns a result. Its twin `x` throws safetensors::error
/// instead, and does not exist where exceptions are off. `Errors:` lists the codes of failures in
/// the order in which they are checked. Sizes are in bytes unless they are called elements.
///
/// Memory: if a large block of the library cannot be allocated, or the system says that it is out
/// of memory, the code is out_of_memory. If a small string cannot be allocated, std::bad_alloc is
/// thrown, or the program ends where exceptions are off.
///
/// Thread safety: different threads may use distinct objects at the same time, and may call const
/// members of the same object at the same time. After fork, parent and child each have their own
/// objects. A program that is executed does not inherit the library's descriptors.
///
/// Every moved-from object is empty: its members may be called, and it may be assigned to and
/// destroyed. Only basic_file::storage(), basic_file::release() and basic_writer::sink() must not
/// be called then. A moved-from function_source or function_sink is in the state in which the move
/// left its callable.
namespace safetensors {}
