// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// The macros that select how the library is compiled.
#pragma once

///@{
/// Define SAFETENSORS_NO_EXCEPTIONS to leave out the throwing half where exceptions are enabled.
/// SAFETENSORS_EXCEPTIONS is then 0.
///
/// Define SAFETENSORS_SEPARATE_COMPILATION for every file of a program, and compile one file that
/// is
/// `#include <safetensors/src.hpp>`, to compile the library's bodies once. The CMake target
/// safetensors::compiled does both.
///
/// Each kind of build has an inline namespace of its own, SAFETENSORS_ABI. Objects of two kinds
/// that pass the library's types to each other therefore fail to link.
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
///@}

/// Reading and writing safetensors files.
///
/// Every fallible operation `try_x` returns a result. Its twin `x` throws safetensors::error
/// instead, and does not exist where exceptions are off. "Errors" lists the codes of failures. If
/// memory for one of the library's large blocks cannot be allocated, the code is out_of_memory; for
/// small strings, std::bad_alloc is thrown. Sizes are in bytes unless they are called elements.
///
/// Thread safety: distinct objects may be used by different threads at once, and so may the const
/// members of one object. After fork, parent and child each have their own objects. Descriptors are
/// not inherited by programs that are executed.
///
/// Every moved-from object is empty: its members may be called, and it may be assigned to and
/// destroyed. Only basic_file::storage(), basic_file::release() and basic_writer::sink() must not
/// be called then. A function_source or a function_sink is as its callable is after the move.
namespace safetensors {}
