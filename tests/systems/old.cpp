// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Compiled as if for a system whose C library lacks calls that the kernel's headers have constants
// for. To name such a call is an error.
//   ANDROID=29: renameat2, statx          GLIBC=27: renameat2, statx
//   ANDROID=25: also sync_file_range      GLIBC=26: also copy_file_range
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(RENAME_NOREPLACE) || !defined(STATX_ATTR_APPEND) || !defined(SYNC_FILE_RANGE_WRITE)
#error "without the constants, nothing is tested"
#endif

#ifdef ANDROID
#define __BIONIC__ 1
#define __ANDROID_API__ ANDROID
#if ANDROID < 26
#pragma GCC poison sync_file_range
#endif
#else
#undef __GLIBC_MINOR__
#define __GLIBC_MINOR__ GLIBC
#if GLIBC < 27
#pragma GCC poison copy_file_range
#endif
#endif
#pragma GCC poison renameat2
#define statx statx_is_not_declared  // the structure of this name is

#include <safetensors/writer.hpp>
