// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "copy.hpp"

#include "shown.hpp"
#include "warnings.hpp"

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

constexpr const char* replacing_help =
    R"(A symbolic link is replaced, and the file that it leads to stays as it is. --follow-links
writes that file instead. Runs that change one file at the same time wait for each other.

)";

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
  constexpr int signals[] = {
      SIGINT,  SIGTERM,
#ifdef SIGHUP
      SIGHUP,  SIGQUIT,   SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2,
#endif
#ifdef SIGXCPU
      SIGXCPU, SIGVTALRM, SIGPROF,
#endif
#ifdef SIGPOLL
      SIGPOLL,
#endif
#ifdef SIGPWR
      SIGPWR,
#endif
  };
  for (const int number : signals)
    if (std::signal(number, [](int) { asked_to_stop = 1; }) == SIG_IGN)
      std::signal(number, SIG_IGN);
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit is an error of writing instead
#endif
}

result<void> expect_no_signal(bool atomic) {
  if (asked_to_stop == 0) return {};
  return safetensors::failure{.code = safetensors::errc::io,
                              .detail = atomic
                                            ? "a signal asked to stop; nothing was changed"
                                            : "a signal asked to stop; no unfinished file is left"};
}

// Copies what is adjacent in both files in one run, in pieces between which a signal can
// end the work.
class copier {
 public:
  copier(safetensors::writer& to, const source_file& from, const copy_options& options)
      : to_(to),
        from_(from),
        atomic_(options.output.atomic),
        bar_(from.header.data_size(), options.quiet) {}

  result<void> run() {
    byte_range run;
    for (const safetensors::tensor_info planned : to_.plan().header()) {
      const byte_range next = from_.header.find(planned.name())->file_range();
      if (next.begin != run.end) {
        if (auto copied = copy(run); !copied) return copied;
        run.begin = next.begin;
      }
      run.end = next.end;
    }
    return copy(run);
  }

 private:
  result<void> copy(byte_range run) {
    while (run.size() != 0) {
      const byte_range piece{run.begin, run.begin + (std::min)(run.size(), piece_bytes)};
      if (auto appended = to_.try_append_from(from_.bytes, piece); !appended) return appended;
      if (auto going_on = expect_no_signal(atomic_); !going_on) return going_on;
      bar_.advance(piece.size());
      run.begin = piece.end;
    }
    return {};
  }

  safetensors::writer& to_;
  const source_file& from_;
  bool atomic_;
  progress bar_;
};

result<safetensors::write_plan> try_plan(const safetensors::header& from,
                                         const safetensors::layout_options& layout) {
  const std::vector<safetensors::tensor_spec> tensors(from.begin(), from.end());
  return safetensors::write_plan::try_make(tensors, layout);
}

// Windows replaces no file that is open. Elsewhere the lock is held until the file is replaced.
void close_if_in_the_way([[maybe_unused]] copy_source& source) {
#ifdef _WIN32
  source.file.bytes = {};
#endif
}

result<void> try_copy(copy_source from, const std::string& to, safetensors::write_plan plan,
                      const copy_options& options) {
  const auto path = try_path(to);
  if (!path) return path.error();
  safetensors::output_options output = options.output;
  if (from.is_target) output.only_over = &from.file.bytes;
  stop_at_signals();  // before there is a file that they would leave
  auto file = safetensors::writer::try_create(*path, std::move(plan), output);
  if (!file) return std::move(file).error();
  if (auto copied = copier(*file, from.file, options).run(); !copied) return copied;
  if (auto going_on = expect_no_signal(output.atomic); !going_on) return going_on;
  close_if_in_the_way(from);
  return file->try_finish();
}

// Reports, and returns true, if the copy would drop unknown fields or overwrite its own source.
bool is_refused(const copy_source& from, const std::string& to, const copy_options& options) {
  const std::string_view rule = name(safetensors::errc::invalid_option);
  if (from.is_target && !options.output.atomic) {
    complain(utf8_text(to), rule, "--no-rename cannot write over the file that is read");
    return true;
  }
  const auto unknown = from.file.header.unknown_field();
  if (!unknown || options.drop_unknown_fields) return false;
  complain(from.file.bytes.path(), rule,
           fmt::format("tensor {}: the field {} is not part of the format and would be lost; "
                       "--drop-unknown-fields drops it",
                       in_quotes(unknown->tensor), in_quotes(unknown->field)));
  return true;
}

// The file that was written, where that is not what `to` names.
std::string written_path(const std::string& to, const safetensors::output_options& options) {
  std::error_code error;
  const auto path = std::filesystem::canonical(to, error);
  const bool follows = options.links == safetensors::link_mode::follow;
  return follows && !error ? safetensors::path_ref(path).to_utf8() : utf8_text(to);
}

}  // namespace

void add_copy_options(CLI::App* command, copy_options& to) {
  command->add_flag("--durable", to.output.durable,
                    "Return only when the file would survive a loss of power.");
  command->add_flag_callback(
      "--follow-links", [&to] { to.output.links = safetensors::link_mode::follow; },
      "Write the file that a symbolic link leads to, and keep the link.");
  command->add_flag_callback(
      "--any-mode", [&to] { to.output.keep_mode = false; },
      "If the permissions of the old file cannot be kept, accept those\n"
      "that the file system gives.");
  command->add_flag("--drop-unknown-fields", to.drop_unknown_fields,
                    "Drop the fields of tensors that the format does not define.");
  command->footer(replacing_help + command->get_footer());
}

exit_code copy_tensors(copy_source from, const std::string& to, const copy_options& options,
                       output& out) {
  if (is_refused(from, to, options)) return failed;
  const std::string_view no_rename =
      from.is_target ? "rewrite --no-rename FILE OUT" : "--no-rename";
  const auto fail = [&](const safetensors::failure& what) {
    (void)report(to, what, no_rename);
    return failed;  // whatever it was: the file that is read is valid
  };
  auto plan = try_plan(from.file.header, options.layout);
  if (!plan) return fail(plan.error());
  const std::string contents = contents_text(plan->header());
  const std::vector<std::string> warnings = warnings_about(from.file, plan->header());
  if (const auto copied = try_copy(std::move(from), to, *std::move(plan), options); !copied)
    return fail(copied.error());
  const std::string path = written_path(to, options.output);
  if (!options.quiet) out.print("{}: written ({})\n", safetensors::printable(path), contents);
  out.flush();  // before what is said of it
  for (const std::string& warning : warnings) complain(path, "warning", warning);
  return all_valid;
}

}  // namespace tool
