// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "copy.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace tool {
namespace {

using safetensors::byte_range;
using safetensors::result;

constexpr std::uint64_t mebibyte = 1 << 20;
constexpr std::uint64_t piece_bytes = 64 * mebibyte;  // a multiple of every file system's blocks
constexpr std::uint64_t long_work_bytes = 256 * mebibyte;

bool error_is_terminal() {
#ifdef _WIN32
  return _isatty(_fileno(stderr)) != 0;
#else
  return isatty(STDERR_FILENO) != 0;
#endif
}

// A bar on a terminal that is gone at the end; silent elsewhere, and where the work is short.
class progress {
 public:
  progress(std::uint64_t total, bool quiet)
      : total_(total), shown_(!quiet && total > long_work_bytes && error_is_terminal()) {
    show();
  }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() {
    if (shown_) print(fmt::format("\r{:{}}\r", "", bar_width + 8));
  }
  void advance(std::uint64_t bytes) {
    done_ += bytes;
    show();
  }

 private:
  static constexpr std::size_t bar_width = 50;

  static void print(const std::string& text) {
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
  }
  void show() const {
    if (!shown_) return;
    const double part = static_cast<double>(done_) / static_cast<double>(total_);
    const std::string filled(static_cast<std::size_t>(part * bar_width), '#');
    print(fmt::format("\r[{:.<{}}] {:3.0f} %", filled, bar_width, part * 100));
  }

  std::uint64_t total_, done_ = 0;
  bool shown_;
};

// A signal to end lets the unfinished file be removed first.
volatile std::sig_atomic_t asked_to_stop = 0;

void stop_at_signals() {
#ifdef SIGHUP
  constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#else
  constexpr int signals[] = {SIGINT, SIGTERM};
#endif
  for (const int number : signals)
    if (std::signal(number, [](int) { asked_to_stop = 1; }) == SIG_IGN)
      std::signal(number, SIG_IGN);
}

result<void> try_append(safetensors::writer& to, const safetensors::file_source& from,
                        byte_range run, progress& bar) {
  while (run.size() != 0) {
    const byte_range piece{run.begin, run.begin + (std::min)(run.size(), piece_bytes)};
    if (auto appended = to.try_append_from(from, piece); !appended) return appended;
    if (asked_to_stop != 0)
      return safetensors::failure{.code = safetensors::errc::io,
                                  .detail = "a signal asked to stop; nothing was changed"};
    bar.advance(piece.size());
    run.begin = piece.end;
  }
  return {};
}

// What is adjacent in both files goes together.
result<void> try_append_all(safetensors::writer& to, const source_file& from, progress& bar) {
  byte_range run;
  for (const safetensors::tensor_info planned : to.plan().tensors()) {
    const byte_range next = from.header.find(planned.name())->file_range();
    if (next.begin != run.end) {
      if (auto appended = try_append(to, from.bytes, run, bar); !appended) return appended;
      run.begin = next.begin;
    }
    run.end = next.end;
  }
  return try_append(to, from.bytes, run, bar);
}

result<safetensors::write_plan> try_plan(const safetensors::header& from,
                                         const safetensors::layout_options& layout) {
  const std::vector<safetensors::tensor_spec> tensors(from.begin(), from.end());
  return safetensors::write_plan::try_make(tensors, layout);
}

result<void> try_copy(source_file from, const std::string& to, const copy_options& options) {
  const auto path = try_path(to);
  if (!path) return path.error();
  auto plan = try_plan(from.header, options.layout);
  if (!plan) return std::move(plan).error();
  stop_at_signals();  // before there is a file that they would leave
  auto file = safetensors::writer::try_create(*path, *std::move(plan), options.output);
  if (!file) return std::move(file).error();
  {
    progress bar(from.header.data_size(), options.quiet);
    if (auto appended = try_append_all(*file, from, bar); !appended) return appended;
  }
  from.bytes = {};  // Windows replaces no file that is open
  return file->try_finish();
}

}  // namespace

void add_durable(CLI::App* command, safetensors::output_options& to) {
  command->add_flag("--durable", to.durable, "wait until the file would survive a loss of power");
}

exit_code copy_tensors(source_file from, const std::string& to, const copy_options& options,
                       output& out) {
  const std::string contents = contents_text(from.header);
  if (const auto copied = try_copy(std::move(from), to, options); !copied) {
    (void)report(to, copied.error());
    return failed;  // whatever it was: the file that is read is valid
  }
  if (!options.quiet)
    out.print("{}: written ({})\n", safetensors::printable(utf8_text(to)), contents);
  return all_valid;
}

}  // namespace tool
