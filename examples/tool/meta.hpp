// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#pragma once

#include "copy.hpp"

namespace tool {

/// `safetensors meta`: prints a file's metadata, or changes it.
class meta {
 public:
  explicit meta(CLI::App& app);
  meta(const meta&) = delete;
  meta& operator=(const meta&) = delete;
  [[nodiscard]] bool chosen() const { return command_->parsed(); }
  exit_code run(output& out) const;

 private:
  void check() const;
  void print(output& out, const safetensors::header& header) const;
  exit_code show(output& out) const;
  [[nodiscard]] safetensors::metadata_map changed(safetensors::metadata_map metadata) const;
  exit_code change(output& out) const;

  settings in_{};
  std::string file_{};
  std::vector<std::string> set_{}, unset_{};
  copy_options options_{};
  bool json_ = false, raw_ = false;
  CLI::App* command_;
};

}  // namespace tool
