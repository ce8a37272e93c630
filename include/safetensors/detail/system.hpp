// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Functions of an operating system that reading needs. Each system has one file with the bodies.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/path.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace safetensors::inline SAFETENSORS_ABI::detail::os {

#ifdef _WIN32
using path_text = std::wstring;
#else
using path_text = std::string;
#endif
SAFETENSORS_DECL result<path_text> native_path(const path_ref& path);

SAFETENSORS_DECL result<native_handle> open_to_read(const path_ref& path);
SAFETENSORS_DECL result<file_facts> regular_file_facts(native_handle handle);
// Takes the exclusive lock of the whole file. `lock` holds the lock where `handle` cannot.
SAFETENSORS_DECL result<void> try_lock(native_handle handle, native_handle& lock);
SAFETENSORS_DECL std::error_code read_at(native_handle handle, std::uint64_t offset,
                                         std::span<std::byte> to) noexcept;
SAFETENSORS_DECL void close(native_handle handle) noexcept;

SAFETENSORS_DECL std::size_t map_granularity() noexcept;
// offset: a multiple of map_granularity(). writable: pages are copied when they are written to.
SAFETENSORS_DECL result<std::byte*> map(native_handle handle, std::uint64_t offset,
                                        std::size_t size, bool writable);
SAFETENSORS_DECL void unmap(std::byte* data, std::size_t size) noexcept;
// Pass advice about mapped pages to the system, which may ignore it. The pages are whole. drop() is
// for pages that were only read.
SAFETENSORS_DECL void advise(std::span<std::byte> pages, access_advice advice) noexcept;
SAFETENSORS_DECL void drop(std::span<std::byte> pages) noexcept;
inline void touch(std::span<const std::byte> pages) noexcept {
  constexpr std::size_t smallest_page = 4096;
  const volatile std::byte* const bytes = pages.data();
  for (std::size_t at = 0; at < pages.size(); at += smallest_page) (void)bytes[at];
}
// Returns true if this process maps the file, as far as the system reports it.
SAFETENSORS_DECL bool is_mapped(file_identity file) noexcept;

SAFETENSORS_DECL bool random_bytes(void* to, std::size_t size) noexcept;
SAFETENSORS_DECL std::uint64_t process_number() noexcept;
// Lets other threads run, for 50 microseconds, or for one tick of Windows' clock.
SAFETENSORS_DECL void pause() noexcept;

}  // namespace safetensors::inline SAFETENSORS_ABI::detail::os
