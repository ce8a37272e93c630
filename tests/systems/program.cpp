// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Reads and writes in a folder, on systems that cannot run the tests: see run.sh. Without
// exceptions, and without <fstream>.
//   program FOLDER MODEL     the folder has a folder "inner", and a link "link" to nothing
#include <safetensors/safetensors.hpp>
#include <safetensors/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace safetensors;

namespace {

int failed = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("wrong: %s\n", what);
  ++failed;
}

template <class T> bool done(const result<T>& result, const char* what) {
  if (!result) std::printf("failed: %s: %s\n", what, result.error().message().c_str());
  if (!result) ++failed;
  return result.has_value();
}

const std::vector<float> values{1, 2, 3, 4, 5, 6};

bool holds_values(const std::string& path) {
  const auto model = memory_file::try_open(path);
  if (!done(model, "memory_file")) return false;
  const auto tensor = model->try_at("w");
  if (!done(tensor, "at")) return false;
  const auto elements = tensor->template try_as<float>();
  return done(elements, "as") && std::ranges::equal(*elements, values);
}

void write(const std::string& path) {
  for (const bool durable : {false, true})
    for (const bool atomic : {true, false}) {
      const output_options output{.atomic = atomic, .durable = durable};
      if (done(try_save(path, {{"w", {2, 3}, values}}, {.output = output}), "save"))
        check(holds_values(path), "what was saved is read");
    }
  const auto again = try_save(path, {{"w", {2, 3}, values}}, {.output = {.replace = false}});
  check(!again && again.error().system == std::errc::file_exists, "replace = false keeps a file");
}

}  // namespace

int main(int, char** arguments) {
  const std::string folder = std::string(arguments[1]) + "/", model = arguments[2];

  // Mapped where the system maps files.
  const auto mapped = file::try_open(model);
#ifdef __wasi__
  check(!mapped && mapped.error().system == std::errc::not_supported &&
            mapped.error().message().find("memory_file reads all of it") != std::string::npos,
        "where nothing can be mapped, the failure says what to do");
  std::printf("%s\n", mapped ? "" : mapped.error().message().c_str());
#else
  if (done(mapped, "file")) check(mapped->size() == 4, "the model has 4 tensors");
#endif
  const auto read = memory_file::try_open(model);
  if (done(read, "memory_file")) check(read->size() == 4, "the model has 4 tensors");

  for (const char* name : {"a", "inner/a", "link"}) write(folder + name);
  write("in-this-folder");
  done(try_save(folder + "new", {{"w", {2, 3}, values}}, {.output = {.replace = false}}), "new");
  check(holds_values(folder + "new"), "a new file is written without replacing one");

  // From one file to another, which must be the one that was read.
  const auto source = file_source::try_open(folder + "a");
  if (!done(source, "file_source")) return 1;
  auto plan = write_plan::try_make({{"w", dtype::f32, {2, 3}}});
  const auto index = header::try_read(*source);
  if (!done(plan, "plan") || !done(index, "header")) return 1;
  const auto tensor = index->try_at("w");
  if (!done(tensor, "at")) return 1;
  auto copy = writer::try_create(folder + "a", *std::move(plan), {.only_over = &*source});
  if (!done(copy, "writer")) return 1;
  done(copy->try_append_from("w", *source, tensor->file_range()), "append_from");
  done(copy->try_finish(), "finish");
  check(holds_values(folder + "a"), "what was copied is read");

  // Nothing stays of what is not finished.
  auto other = write_plan::try_make({{"w", dtype::f32, {2, 3}}});
  if (done(other, "plan")) {
    auto unfinished = writer::try_create(folder + "unfinished", *std::move(other));
    done(unfinished, "writer");
  }

  std::printf("%s\n", failed == 0 ? "all as it should be" : "not as it should be");
  return failed == 0 ? 0 : 1;
}
