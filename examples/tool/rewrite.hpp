// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#pragma once

#include "copy.hpp"

namespace tool {

/// `safetensors rewrite`: writes the tensors of a file again, in canonical order by default.
class rewrite {
 public:
  explicit rewrite(CLI::App& app);
  rewrite(const rewrite&) = delete;
  rewrite& operator=(const rewrite&) = delete;
  [[nodiscard]] bool chosen() const { return command_->parsed(); }
  exit_code run(output& out) const;

 private:
  settings in_{};
  std::string from_{}, to_{};
  copy_options options_{};
  CLI::App* command_;
};

}  // namespace tool
