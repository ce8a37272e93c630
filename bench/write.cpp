// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// How fast is a model written, beside the same bytes written plainly, and beside the reference?
//   bench-write FOLDER [PYTHON SCRIPT]     the folder: on the disk in question; the script:
//                                          reference/save_file.py, run by a Python that has the
//                                          package
#include "support.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace bench;

namespace {

struct cost {
  double real, cpu;  // seconds
};

template <class Function> cost measure(Function&& function) {
  const double real = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  function();
  return {seconds_of(CLOCK_MONOTONIC) - real, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu};
}

//-- the model: 24 layers of a transformer, with its small tensors

struct model {
  std::vector<std::byte> bytes;  // of the whole file
  safetensors::borrowed_file file;
  std::vector<safetensors::tensor_data> tensors;
};

const model& the_model() {
  static const model made = [] {
    constexpr std::uint64_t hidden = 672, layers = 24;
    std::vector<safetensors::tensor_spec> specs;
    for (std::uint64_t layer = 0; layer < layers; ++layer) {
      const std::string name = "model.layers." + std::to_string(layer) + ".";
      const auto add = [&](const char* part, safetensors::shape_ref shape) {
        specs.emplace_back(name + part, safetensors::dtype::bf16, shape);
      };
      for (const char* part : {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                               "self_attn.v_proj.weight", "self_attn.o_proj.weight"})
        add(part, {hidden, hidden});
      for (const char* part : {"mlp.gate_proj.weight", "mlp.up_proj.weight"})
        add(part, {4 * hidden, hidden});
      add("mlp.down_proj.weight", {hidden, 4 * hidden});
      for (const char* part : {"input_layernorm.weight", "post_attention_layernorm.weight",
                               "self_attn.q_norm.weight", "self_attn.k_norm.weight"})
        add(part, {hidden});
    }
    specs.emplace_back("model.embed_tokens.weight", safetensors::dtype::bf16,
                       safetensors::shape_ref{32'000u, hidden});
    std::vector<std::byte> data(40 << 20);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 167 >> 5);
    std::vector<safetensors::tensor_data> tensors;
    for (const safetensors::tensor_spec& spec : specs)
      tensors.emplace_back(spec.name, spec.dtype, spec.shape,
                           std::span(data).first(static_cast<std::size_t>(
                               *safetensors::byte_size(spec.dtype, spec.shape))));
    model built{safetensors::serialize(tensors), {}, {}};
    built.file = safetensors::borrowed_file::from(built.bytes);
    built.tensors.assign(built.file.begin(), built.file.end());
    return built;
  }();
  return made;
}

//-- contenders: each writes the same bytes to a path

std::filesystem::path folder;

void write_plainly(const std::filesystem::path& path, bool durable) {
  const auto& bytes = the_model().bytes;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  require(file >= 0, "open");
  if (durable) {
    constexpr std::size_t block = 8 << 20;
    require(::fallocate(file, 0, 0, static_cast<::off_t>(bytes.size())) == 0, "fallocate");
    for (std::size_t at = 0; at < bytes.size(); at += block) {
      const std::size_t size = std::min(block, bytes.size() - at);
      require(::pwrite(file, bytes.data() + at, size, static_cast<::off_t>(at)) ==
                  std::ssize(std::span(bytes.data(), size)),
              "pwrite");
    }
    require(::fsync(file) == 0, "fsync");
  } else {
    require(::write(file, bytes.data(), bytes.size()) == std::ssize(bytes), "write");
  }
  require(::close(file) == 0, "close");
}

void save(const std::filesystem::path& path, bool durable) {
  safetensors::save(path, the_model().tensors, {.output = {.durable = durable}});
}

void append(const std::filesystem::path& path, bool durable) {
  std::vector<safetensors::tensor_spec> specs(the_model().tensors.begin(),
                                              the_model().tensors.end());
  safetensors::writer out(path, safetensors::write_plan::make(specs), {.durable = durable});
  for (const safetensors::tensor_data& tensor : the_model().tensors)
    out.append(tensor.name, tensor.bytes);
  out.finish();
}

using contender = std::function<cost(const std::filesystem::path&)>;

void run(benchmark::State& state, const contender& write) {
  const auto path = folder / "written.safetensors";
  double cpu = 0;
  for (auto _ : state) {
    std::filesystem::remove(path);
    ::sync();  // nobody pays for the bytes of the one before
    const cost took = write(path);
    state.SetIterationTime(took.real);
    cpu += took.cpu;
  }
  state.counters["cpu_seconds"] = benchmark::Counter(cpu, benchmark::Counter::kAvgIterations);
  state.counters["bytes"] = static_cast<double>(std::filesystem::file_size(path));
}

void add(const char* name, contender write) {
  benchmark::RegisterBenchmark(name, [write](benchmark::State& state) { run(state, write); })
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2 && argc != 4) {
    std::fprintf(stderr, "usage: bench-write FOLDER [PYTHON SCRIPT]\n");
    return 2;
  }
  folder = std::filesystem::path(argv[1]) / "write";
  std::filesystem::create_directories(folder);
  for (const bool durable : {false, true}) {
    const std::string kind = durable ? "durable/" : "plain/";
    const auto ours = [&](auto function) {
      return [=](const std::filesystem::path& path) {
        return measure([&] { function(path, durable); });
      };
    };
    add((kind + "same bytes").c_str(), ours(write_plainly));
    add((kind + "save").c_str(), ours(save));
    add((kind + "writer").c_str(), ours(append));
  }
  std::unique_ptr<answering_process> peer;
  if (argc == 4) {
    const auto source = folder / "source.safetensors";
    safetensors::save(source, the_model().tensors);
    peer = std::make_unique<answering_process>(argv[2], argv[3], source.c_str());
    for (const bool durable : {false, true})
      add(durable ? "durable/reference" : "plain/reference",
          [&peer, durable](const std::filesystem::path& path) {
            const double real = peer->ask((durable ? "durable " : "plain ") + path.string());
            return cost{real, peer->next()};
          });
  }
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(folder);
}
