// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of error.hpp.
#pragma once

#include <safetensors/base/error.hpp>
#include <safetensors/base/text.hpp>

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

class category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "safetensors"; }
  [[nodiscard]] std::string message(int code) const override {
    return std::string(describe(static_cast<errc>(code)));
  }
};

// Shared libraries share the variable. They would not share a static of the function, which clang
// copies into its callers.
SAFETENSORS_DECL constinit category the_category{};

}  // namespace detail

SAFETENSORS_DECL const std::error_category& error_category() noexcept {
  return detail::the_category;
}

SAFETENSORS_DECL std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

SAFETENSORS_DECL std::string failure::message() const {
  constexpr std::size_t shown = 200;
  const auto safe = [](std::string_view text) {  // text from the file is already escaped in it
    return detail::escaped(text, detail::escapes::invisible);
  };
  std::string line;
  if (!path.empty()) line += printable(path) + ": ";
  if (tensor) line += "tensor " + detail::in_quotes(*tensor, shown) + ": ";
  line += detail.empty() ? std::string(describe(code)) : safe(detail);
  if (system) line += ": " + safe(system.message());
  if (offset != no_offset) line += " (byte " + std::to_string(offset) + ")";
  if (!advice.empty()) line += "; " + safe(advice);
  return line;
}

#if SAFETENSORS_EXCEPTIONS
SAFETENSORS_DECL error::error(failure what) : std::system_error(make_error_code(what.code)) {
  std::string text = what.message();
  report_ = std::make_shared<const report>(report{std::move(what), std::move(text)});
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI
