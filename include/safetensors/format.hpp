// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
/// @file
/// std::format for dtypes, codes and failures: `std::format("{:>8}", tensor.dtype())`. They take
/// the options of text. A dtype is formatted as to_string(), an errc as name(), a failure as
/// message().
#pragma once

#include <safetensors/safetensors.hpp>

#ifdef SAFETENSORS_ABI  // else config.hpp has said what is missing
#include <version>
#ifndef __cpp_lib_format
#error "safetensors/format.hpp needs std::format, as in g++ 13, libc++ 19 and Visual Studio 2019"
#else

#include <format>
#include <string_view>

///@{
/// Formats the text of format_as().
template <> struct std::formatter<safetensors::dtype> : std::formatter<std::string_view> {
  template <class Context> auto format(safetensors::dtype type, Context& context) const {
    return std::formatter<std::string_view>::format(format_as(type), context);
  }
};
template <> struct std::formatter<safetensors::errc> : std::formatter<std::string_view> {
  template <class Context> auto format(safetensors::errc code, Context& context) const {
    return std::formatter<std::string_view>::format(format_as(code), context);
  }
};
template <> struct std::formatter<safetensors::failure> : std::formatter<std::string_view> {
  template <class Context> auto format(const safetensors::failure& what, Context& context) const {
    return std::formatter<std::string_view>::format(format_as(what), context);
  }
};
///@}

#endif
#endif
