// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "source.hpp"

#include <chrono>
#include <thread>

namespace tool {
namespace {

using safetensors::file_source;

void wait_for_lock(file_source& file, const std::string& argument) {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds pause(20), patience(2000);
  const auto begin = clock::now();
  bool said = false;
  const auto is_taken = [](const safetensors::result<void>& locked) {
    return !locked && locked.error().system == std::errc::resource_unavailable_try_again;
  };
  while (is_taken(file.try_lock())) {
    if (!said && clock::now() - begin >= patience) {
      warn(argument, "waiting for another program, which has locked the file");
      said = true;
    }
    std::this_thread::sleep_for(pause);
  }
}

bool lead_to_one_file(const std::string& a, const std::string& b) {
  std::error_code ignored;  // what is not there is not the same
  return a == b || std::filesystem::equivalent(a, b, ignored);
}

// Returns false where the system cannot identify files.
bool was_replaced(const file_source& before, const file_source& now) {
  return before.is_same_file(before) && !before.is_same_file(now);
}

}  // namespace

safetensors::result<copy_source> try_open_to_copy(const std::string& from, const std::string& to,
                                                  const safetensors::read_options& options) {
  for (;;) {
    const bool is_target = lead_to_one_file(from, to);
    auto bytes = try_open_bytes(from);
    if (!bytes) return std::move(bytes).error();
    if (is_target) {
      wait_for_lock(*bytes, from);
      const auto now = try_open_bytes(from);
      if (!now) return now.error();
      // Begins again with the file that has the name by now.
      if (was_replaced(*bytes, *now) || !lead_to_one_file(from, to)) continue;
    }
    auto header = safetensors::header::try_read(*bytes, options);
    if (!header) return std::move(header).error();
    return copy_source{{*std::move(bytes), *std::move(header)}, is_target};
  }
}

}  // namespace tool
