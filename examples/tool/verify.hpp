// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#pragma once

#include "tool.hpp"

namespace tool {

/// `safetensors verify`: whether the files are valid.
class verify {
 public:
  explicit verify(CLI::App& app);
  verify(const verify&) = delete;
  verify& operator=(const verify&) = delete;
  [[nodiscard]] bool chosen() const { return command_->parsed(); }
  exit_code run(output& out) const;

 private:
  settings in_{};
  std::vector<std::string> files_{};
  CLI::App* command_;
};

}  // namespace tool
