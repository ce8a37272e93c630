// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Stands between the library and libc: counts the calls to do with files, and disturbs a chosen
// one.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace testing {

enum class disturbance {
  failure,    // the call is not made and fails; close closes all the same, as on Linux
  cut_short,  // a write or copy does only half of what it is asked; other calls are made
  kill,       // the process is killed before the call; a write has done half of its work
};

struct fault {
  std::size_t call = 0;  // which, counted from 1; 0: none
  disturbance what = disturbance::failure;
  int error = 0;             // of a failure
  bool later_too = false;    // all calls from that one on
  std::string_view every{};  // all calls of this name fail, whatever their number
};

struct system_call {
  std::string_view name;
  bool on_folder;    // its descriptor is a folder's
  bool of_mappings;  // it belongs to looking for this process's mappings of the target
};

// The calls that a function makes.
class watched_calls {
 public:
  // On an old system there is neither fallocate, nor copy_file_range, nor renameat2.
  explicit watched_calls(const fault& fault = {}, bool old_system = false)
      : fault_(fault), old_system_(old_system) {
    calls_.reserve(256);
  }
  // Calls a function, once, and watches. Nothing is synced: waiting for the disk shows nothing.
  template <class Function> auto during(Function&& function) {
    begin();
    auto answer = function();
    end();
    return answer;
  }

  [[nodiscard]] const std::vector<system_call>& calls() const { return calls_; }
  // The call that was disturbed, if it came to that.
  [[nodiscard]] const system_call* disturbed() const;

  // For system_calls.cpp: whether the next call is to be disturbed so.
  [[nodiscard]] bool disturbs_next(disturbance what) const;
  // Notes a call; the error with which it is to fail, or 0.
  int note(system_call call);

 private:
  void begin();
  static void end();
  fault fault_;
  bool old_system_;
  std::vector<system_call> calls_;
};

}  // namespace testing
