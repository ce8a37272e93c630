// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "other.hpp"

#include <string_view>

// Names, and even signatures, that safetensors.hpp declares as well. A linker that took them for
// the same would keep one of each.
namespace safetensors {

enum class dtype : int { float32 };
enum class errc : int { header_too_small = 1 };

constexpr std::string_view to_string(dtype) noexcept { return "their dtype"; }
constexpr std::string_view name(errc) noexcept { return "their error"; }

namespace detail {
struct record {
  std::string text;
};
}  // namespace detail

struct header {
  std::size_t size() const { return 1; }
  std::vector<detail::record> records;
};

bool load_from_file(const std::string&, safetensors_t* model) {
  // Through pointers, so that functions are called and not computed by the compiler.
  std::string_view (*volatile dtype_text)(dtype) noexcept = to_string;
  std::string_view (*volatile error_text)(errc) noexcept = name;
  const header read;
  model->tensors.assign(read.size(), {std::string(dtype_text(dtype::float32)), {1}});
  model->warning = error_text(errc::header_too_small);
  return true;
}

}  // namespace safetensors
