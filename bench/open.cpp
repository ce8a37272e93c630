// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// How long does opening take: the header read, parsed, validated and indexed by name?
//   bench-open FOLDER [PYTHON SCRIPT]     the folder: for the models; the script:
//                                         reference/safe_open.py, run by a Python that has the
//                                         package
#include "support.hpp"

#include <safetensors/detail/lanes.hpp>

#include <nlohmann/json.hpp>

#include <unordered_map>

using namespace bench;

namespace {

//-- contenders: each opens a path and returns what it has read

safetensors::read_options options() { return {.max_header_bytes = safetensors::unknown_size}; }

safetensors::file open_file(const std::string& path) { return safetensors::file(path, options()); }

// What opening would be with nlohmann's SAX parser alone.
std::unique_ptr<safetensors::detail::tensor_table> open_by_general_lane(const std::string& path) {
  namespace detail = safetensors::detail;
  const safetensors::file_source source(path);
  std::uint64_t length = 0;
  require(!source.read_at(0, std::as_writable_bytes(std::span(&length, 1))), "read");
  auto table = *detail::new_table({}, length);
  require(!source.read_at(8, std::as_writable_bytes(std::span(table->text.data(), length))),
          "read");
  table->text.set_size(length);
  std::memset(table->text.data() + length, 0, detail::text_padding);
  require(detail::read_general(*table).has_value(), "the general lane");
  require(detail::build_index(*table, source.size(), false).has_value(), "validation");
  return table;
}

// What many programs have: a JSON document, and a map filled from it. It validates little.
struct dom_tensor {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin, end;
};
std::unordered_map<std::string, dom_tensor> open_as_document(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string text(length, '\0');
  file.read(text.data(), static_cast<std::streamsize>(length));
  const nlohmann::json document = nlohmann::json::parse(text);
  std::unordered_map<std::string, dom_tensor> tensors;
  for (const auto& [name, entry] : document.items()) {
    if (name == "__metadata__") continue;
    tensors.emplace(name, dom_tensor{entry.at("dtype").get<std::string>(),
                                     entry.at("shape").get<std::vector<std::uint64_t>>(),
                                     entry.at("data_offsets").at(0).get<std::uint64_t>(),
                                     entry.at("data_offsets").at(1).get<std::uint64_t>()});
  }
  return tensors;
}

// The floor: the header's bytes in memory of our own, and nothing done with them.
std::unique_ptr<char[]> read_plainly(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct ::stat status{};
  std::uint64_t length = 0;
  require(file >= 0 && ::fstat(file, &status) == 0, "open");
  require(::pread(file, &length, sizeof length, 0) == sizeof length, "read");
  auto text = std::make_unique_for_overwrite<char[]>(length);
  require(::pread(file, text.get(), length, 8) == static_cast<::ssize_t>(length), "read");
  ::close(file);
  return text;
}

// The least that opening and closing a small mapped file can be.
void make_system_calls(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct ::stat status{};
  char page[4096];
  require(file >= 0 && ::fstat(file, &status) == 0, "open");
  require(::pread(file, page, sizeof page, 0) > 8, "read");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  require(bytes != MAP_FAILED, "mmap");
  ::munmap(bytes, size);
  ::close(file);
}

//-- opening on the clock

// What it returns is given back off the clock.
template <class Open> auto opening(const std::string& path, Open open) {
  return [=] {
    return [=] {
      const double start = now();
      const auto opened = open(path);
      return now() - start;
    };
  };
}

template <class Open> auto opening_and_closing(const std::string& path, Open open) {
  return [=] { return [=] { return seconds([&] { open(path); }); }; };
}

void add_reference([[maybe_unused]] const std::string& name, [[maybe_unused]] std::size_t count,
                   [[maybe_unused]] const std::string& path) {
#ifdef BENCH_REFERENCE
  add(name, count, [=] {
    const auto bytes = bytes_in_memory(path);
    return [=] {
      const double start = now();
      void* metadata = reference_read_metadata(bytes.data(), bytes.size());
      const double took = now() - start;
      require(metadata != nullptr && reference_size(metadata) == count, "the reference");
      reference_drop_metadata(metadata);
      return took;
    };
  });
#endif
}

void add_python(const std::string& name, std::size_t count, const std::string& path,
                answering_process& python) {
  const auto run = [=, &python](benchmark::State& state) {
    for (auto _ : state) state.SetIterationTime(python.ask(path));
    state.counters["operations"] = static_cast<double>(count);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2 && argc != 4) {
    std::fprintf(stderr, "usage: bench-open FOLDER [PYTHON SCRIPT]\n");
    return 2;
  }
  const model_folder models(std::filesystem::path(argv[1]) / "open");
  std::unique_ptr<answering_process> python;
  if (argc == 4) python = std::make_unique<answering_process>(argv[2], argv[3]);

  const auto add_all = [&](const std::string& name, std::size_t count, header_style style) {
    const std::string path = models.add(name, count, style);
    add(name + "/file", count, opening(path, open_file));
    add(name + "/general lane", count, opening(path, open_by_general_lane));
    add(name + "/nlohmann DOM", count, opening(path, open_as_document));
    add(name + "/plain read", count, opening(path, read_plainly));
    if (count > 100'000) return;  // over the reference's limit
    add_reference(name + "/reference", count, path);
    if (python != nullptr) add_python(name + "/Python", count, path, *python);
  };
  for (std::size_t count : {1u, 100u, 1'000u, 10'000u, 100'000u, 1'000'000u})
    add_all(short_count(count), count, header_style::canonical);
  add_all("100k shuffled", 100'000, header_style::shuffled);
  add_all("100k spaced", 100'000, header_style::spaced);

  const std::string one = models.add("one", 1);
  add("1 and closed/file", 1, opening_and_closing(one, open_file));
  add("1 and closed/system calls", 1, opening_and_closing(one, make_system_calls));
  benchmark::RunSpecifiedBenchmarks();
}
