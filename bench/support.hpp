// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the bench programs share: clocks, models, samples in processes of their own, the reference.
#pragma once

#include <safetensors/writer.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}

inline double seconds_of(::clockid_t clock) {
  ::timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
inline double now() { return seconds_of(CLOCK_MONOTONIC); }

template <class Function> double seconds(Function&& function) {
  const double start = now();
  function();
  return now() - start;
}

//-- samples, each in a process of its own: no contender inherits another's heap

struct sample {
  double cold = 0, warm = 0;  // seconds of the first call; of the median of the later half of calls
  double faults = 0;          // pages that the first call touched for the first time
};

inline double page_faults() {
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_minflt);
}

template <class Function> auto in_child(Function&& function) {
  decltype(function()) answer{};
  int ends[2];
  require(::pipe(ends) == 0, "pipe");
  const ::pid_t child = ::fork();
  require(child >= 0, "fork");
  if (child == 0) {
    answer = function();
    require(::write(ends[1], &answer, sizeof answer) == sizeof answer, "write");
    ::_exit(0);
  }
  ::close(ends[1]);
  const bool whole = ::read(ends[0], &answer, sizeof answer) == sizeof answer;
  ::close(ends[0]);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0 && whole, "a child process");
  return answer;
}

// prepare() runs in the new process, off the clock; what it returns measures one call, in seconds.
template <class Prepare> sample sample_in_child(Prepare&& prepare) {
  return in_child([&] {
    auto measure = prepare();
    sample taken;
    taken.faults = -page_faults();
    taken.cold = measure();
    taken.faults += page_faults();
#ifdef __GLIBC__  // otherwise the heap's state decides by chance whether each call gets new pages
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
    std::vector<double> calls;
    for (double spent = 0; spent < 2 && (calls.size() < 8 || spent < 0.02); spent += calls.back())
      calls.push_back(measure());
    const auto later = calls.begin() + std::ssize(calls) / 2;
    const auto middle = later + (calls.end() - later) / 2;
    std::nth_element(later, middle, calls.end());
    taken.warm = *middle;
    return taken;
  });
}

// A contender: a call is so many operations. bench/report.py divides.
template <class Prepare>
void add(const std::string& name, std::size_t operations, Prepare prepare) {
  const auto run = [=](benchmark::State& state) {
    for (auto _ : state) {
      const sample taken = sample_in_child(prepare);
      state.SetIterationTime(taken.warm);
      state.counters["cold"] = taken.cold;
      state.counters["faults"] = taken.faults;
    }
    state.counters["operations"] = static_cast<double>(operations);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

//-- models: transformers of BF16 tensors, about 130 bytes of header each, data that takes no disk

enum class header_style { canonical, shuffled, spaced };

// Layers with the sizes of a small language model's: hidden size 1,024, 16 heads over 8.
inline std::vector<safetensors::tensor_spec> transformer(std::size_t count) {
  struct part {
    const char* name;
    std::vector<std::uint64_t> shape;
  };
  static const part parts[] = {
      {"self_attn.q_proj.weight", {2048, 1024}}, {"self_attn.k_proj.weight", {1024, 1024}},
      {"self_attn.v_proj.weight", {1024, 1024}}, {"self_attn.o_proj.weight", {1024, 2048}},
      {"mlp.gate_proj.weight", {3072, 1024}},    {"mlp.up_proj.weight", {3072, 1024}},
      {"mlp.down_proj.weight", {1024, 3072}},    {"post_attention_layernorm.weight", {1024}}};
  std::vector<safetensors::tensor_spec> specs;
  for (std::size_t i = 0; i < count; ++i)
    specs.emplace_back("model.layers." + std::to_string(i / 8) + "." + parts[i % 8].name,
                       safetensors::dtype::bf16, parts[i % 8].shape);
  return specs;
}

// The same tensors in a header of another style: their entries in random order, or with spaces as
// Python's json writes them.
inline std::string restyled(const safetensors::header& tensors, header_style style) {
  const bool spaced = style == header_style::spaced;
  const std::string comma = spaced ? ", " : ",", colon = spaced ? ": " : ":";
  std::vector<std::string> entries;
  for (const safetensors::tensor_info tensor : tensors) {
    std::string entry = "\"";  // g++ 12 warns of "\"" + std::string()
    entry.append(tensor.name()).append("\"").append(colon).append("{\"dtype\"").append(colon);
    entry.append("\"").append(to_string(tensor.dtype())).append("\"").append(comma);
    entry.append("\"shape\"").append(colon).append("[");
    for (std::size_t i = 0; i < tensor.ndim(); ++i)
      entry += (i == 0 ? "" : comma) + std::to_string(tensor.shape()[i]);
    const auto [begin, end] = tensor.data_offsets();
    entries.push_back(entry + "]" + comma + "\"data_offsets\"" + colon + "[" +
                      std::to_string(begin) + comma + std::to_string(end) + "]}");
  }
  if (style == header_style::shuffled) std::ranges::shuffle(entries, std::mt19937(1));
  std::string text = "{";
  for (const std::string& entry : entries) text += (text.size() == 1 ? "" : comma) + entry;
  return text + "}";
}

// In a process of its own, so that the heap of this one stays as small as it is.
inline void write_model(const std::filesystem::path& path, std::size_t count, header_style style) {
  in_child([&] {
    const auto plan = safetensors::write_plan::make(
        transformer(count), {.max_header_bytes = safetensors::unknown_size});
    const auto made = plan.header_bytes();
    std::string bytes(reinterpret_cast<const char*>(made.data()), made.size());
    if (style != header_style::canonical) {
      const std::string text = restyled(plan.header(), style);
      bytes.assign(8, '\0');
      for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(text.size() >> 8 * i & 0xFF);
      bytes += text;
    }
    std::ofstream file(path, std::ios::binary);
    file << bytes << std::flush;
    require(file.good(), "writing a model");
    std::filesystem::resize_file(path, bytes.size() + plan.header().data_size());
    return true;
  });
}

// A count as in a table: 1, 10k, 1M.
inline std::string short_count(std::size_t count) {
  return count % 1'000'000 == 0 ? std::to_string(count / 1'000'000) + "M"
         : count % 1'000 == 0   ? std::to_string(count / 1'000) + "k"
                                : std::to_string(count);
}

// The folder for one question's models, which are gone when it ends.
class model_folder {
 public:
  explicit model_folder(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
  }
  model_folder(const model_folder&) = delete;
  model_folder& operator=(const model_folder&) = delete;
  ~model_folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string add(const std::string& name, std::size_t count,
                                header_style style = header_style::canonical) const {
    const auto path = path_ / (name + ".safetensors");
    write_model(path, count, style);
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

//-- the reference: the Rust crate, and the Python package in a process that answers

// The whole file in memory, which stays as long as the process; its header has been read.
inline std::span<const std::byte> bytes_in_memory(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  require(file >= 0 && bytes != MAP_FAILED, "mmap");
  ::close(file);
  const std::span all(static_cast<const std::byte*>(bytes), size);
  std::size_t header = 0;
  std::memcpy(&header, bytes, sizeof header);
  for (std::size_t at = 0; at < 8 + header; at += 4096) benchmark::DoNotOptimize(all[at]);
  return all;
}

struct name_ref {
  const char* data;
  std::size_t size;
};

extern "C" {
// reference/lib.rs says what they do.
void* reference_read_metadata(const std::byte* bytes, std::size_t size);
std::size_t reference_size(const void* metadata);
std::uint64_t reference_info(const void* metadata, const name_ref* names, std::size_t count);
std::uint64_t reference_in_order(const void* metadata);
void reference_drop_metadata(void* metadata);
void* reference_deserialize(const std::byte* bytes, std::size_t size);
std::uint64_t reference_tensor(const void* tensors, const name_ref* names, std::size_t count);
std::uint64_t reference_iter(const void* tensors);
}

// A process that is given lines, and answers each with one or more numbers of seconds.
class answering_process {
 public:
  answering_process(const char* program, const char* script, const char* argument = nullptr) {
    int to_child[2], from_child[2];
    require(::pipe2(to_child, O_CLOEXEC) == 0 && ::pipe2(from_child, O_CLOEXEC) == 0, "pipe");
    child_ = ::fork();
    require(child_ >= 0, "fork");
    if (child_ == 0) {
      ::dup2(to_child[0], 0);
      ::dup2(from_child[1], 1);
      ::execl(program, program, script, argument, static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    commands_ = ::fdopen(to_child[1], "w");
    answers_ = ::fdopen(from_child[0], "r");
  }
  answering_process(const answering_process&) = delete;
  answering_process& operator=(const answering_process&) = delete;
  ~answering_process() {
    std::fclose(commands_);
    std::fclose(answers_);
    ::waitpid(child_, nullptr, 0);
  }

  double ask(const std::string& line) {
    std::fprintf(commands_, "%s\n", line.c_str());
    std::fflush(commands_);
    return next();
  }
  // The next number of the same answer.
  double next() {
    double seconds = 0;
    require(std::fscanf(answers_, "%lf", &seconds) == 1, "the reference");
    return seconds;
  }

 private:
  ::pid_t child_ = -1;
  std::FILE* commands_ = nullptr;
  std::FILE* answers_ = nullptr;
};

}  // namespace bench
