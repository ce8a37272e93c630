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

// Whether two spellings are of one path, whichever file it leads to at the moment.
bool are_one_path(const std::string& a, const std::string& b) {
  std::error_code a_error, b_error;
  return std::filesystem::canonical(a, a_error) == std::filesystem::canonical(b, b_error) &&
         !a_error && !b_error;
}

// Whether a path leads to the file that is open. Where the system cannot identify files, the paths
// decide.
bool leads_to(const std::string& path, const file_source& file, const std::string& path_of_file) {
  if (!file.is_same_file(file)) return path == path_of_file || are_one_path(path, path_of_file);
  const auto found = try_open_bytes(path);
  return found && found->is_same_file(file);
}

}  // namespace

safetensors::result<copy_source> try_open_to_copy(const std::string& from, const std::string& to,
                                                  const safetensors::read_options& options) {
  for (;;) {
    auto bytes = try_open_bytes(from);
    if (!bytes) return std::move(bytes).error();
    const bool is_target = are_one_path(from, to) || leads_to(to, *bytes, from);
    if (is_target) wait_for_lock(*bytes, from);
    // Begins again if another file has got the name: it may be the one that is to be written, or
    // that is to be locked.
    if (!leads_to(from, *bytes, from) || is_target != leads_to(to, *bytes, from)) continue;
    auto header = safetensors::header::try_read(*bytes, options);
    if (!header) return std::move(header).error();
    return copy_source{{*std::move(bytes), *std::move(header)}, is_target};
  }
}

}  // namespace tool
