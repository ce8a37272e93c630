// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#pragma once

#include "tool.hpp"

namespace tool {

/// `safetensors ls`: what is in the files, for people or as JSON.
class ls {
 public:
  explicit ls(CLI::App& app);
  ls(const ls&) = delete;
  ls& operator=(const ls&) = delete;
  [[nodiscard]] bool chosen() const { return command_->parsed(); }
  exit_code run(output& out) const;

 private:
  settings in_{};
  std::vector<std::string> files_{};
  std::string order_ = "offset";
  bool json_ = false;
  CLI::App* command_;
};

}  // namespace tool
