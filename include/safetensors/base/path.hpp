// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Paths and handles of files.
#pragma once

#include <safetensors/base/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {

struct path_door;
// Identifies a file, whatever its path. All words are 0 if the system does not report it.
struct file_identity {
  std::uint64_t device = 0, node = 0;
  friend constexpr bool operator==(file_identity, file_identity) noexcept = default;
};
// Facts that show a change. If they differ, the file is another one, or somebody has written to it.
struct file_facts {
  std::uint64_t size = 0;
  file_identity identity{};
  std::uint64_t modified = 0;  // in the system's units, modulo 2^64
  friend constexpr bool operator==(const file_facts&, const file_facts&) noexcept = default;
};

}  // namespace detail

#ifdef _WIN32
using native_handle = void*;  ///< HANDLE
inline const native_handle invalid_handle = reinterpret_cast<void*>(std::intptr_t{-1});
#else
using native_handle = int;                           ///< a file descriptor; on Windows, a HANDLE
inline constexpr native_handle invalid_handle = -1;  ///< no file; on Windows, INVALID_HANDLE_VALUE
#endif
/// A file's path as a parameter. Borrows the path until the call returns.
/// - Text is UTF-8 on every system. On POSIX, its bytes are passed on unchanged.
/// - std::filesystem::path is accepted, and so is wide text on Windows.
/// - On Windows, argv is not UTF-8: use std::filesystem::path(argv[1]).
class path_ref {
 public:
  ///@{
  /// Borrows the path until the call returns. A null `const char*` is an empty path.
  template <std::convertible_to<std::string_view> Text> requires(!std::is_pointer_v<Text>)
  path_ref(const Text& utf8 SAFETENSORS_LIFETIMEBOUND) noexcept : utf8_(utf8) {}
  path_ref(std::string_view utf8) noexcept : utf8_(utf8) {}
  path_ref(const char* utf8 SAFETENSORS_LIFETIMEBOUND) noexcept
      : utf8_(utf8 != nullptr ? utf8 : "") {}
  template <std::convertible_to<std::u8string_view> Text>
  path_ref(const Text& utf8 SAFETENSORS_LIFETIMEBOUND) noexcept;
#ifdef _WIN32
  template <std::convertible_to<std::wstring_view> Text>
  path_ref(const Text& wide SAFETENSORS_LIFETIMEBOUND) noexcept
      : wide_(wide), is_wide_(true) {}
#endif
  template <class Path> requires requires(const Path& path) { path.native(); }
  path_ref(const Path& path SAFETENSORS_LIFETIMEBOUND) noexcept : path_ref(path.native()) {}
  path_ref(std::nullptr_t) = delete;
  ///@}

  /// Returns the path as UTF-8, as failures show it.
  [[nodiscard]] std::string to_utf8() const;

 private:
  friend detail::path_door;
  std::string_view utf8_{};
#ifdef _WIN32
  std::wstring_view wide_{};
  bool is_wide_ = false;
#endif
};

template <std::convertible_to<std::u8string_view> Text>
path_ref::path_ref(const Text& utf8 SAFETENSORS_LIFETIMEBOUND) noexcept {
  const std::u8string_view text = utf8;
  utf8_ = {reinterpret_cast<const char*>(text.data()), text.size()};
}

namespace detail {

struct path_door {
  static std::string_view utf8(const path_ref& path) noexcept { return path.utf8_; }
#ifdef _WIN32
  static bool is_wide(const path_ref& path) noexcept { return path.is_wide_; }
  static std::wstring_view wide(const path_ref& path) noexcept { return path.wide_; }
#endif
};

}  // namespace detail
}  // namespace safetensors::inline SAFETENSORS_ABI
