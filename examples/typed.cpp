// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Reads a tensor's elements as floats: in place where that is possible, else as a copy. Every try_
// function returns its value or a failure; nothing is thrown.
#include <safetensors/safetensors.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <span>
#include <vector>

int fail(const safetensors::failure& why) {
  std::cerr << why.message() << '\n';
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example-typed FILE TENSOR\n";
    return 2;
  }
  const auto model = safetensors::file::try_open(std::filesystem::path(argv[1]));
  if (!model) return fail(model.error());
  const auto tensor = model->try_at(argv[2]);
  if (!tensor) return fail(tensor.error());

  std::span<const float> values;
  std::vector<float> copy;
  const auto in_place = tensor->try_as<float>();
  if (in_place) {
    values = *in_place;  // points into the mapped file, and lives as long as model
  } else if (in_place.error().code == safetensors::errc::dtype_mismatch) {
    return fail(in_place.error());  // never reinterpreted, never converted behind your back
  } else {
    // A file may place a tensor at any byte, where a float* must not point. Copying always works.
    std::cout << "not in place: " << in_place.error().message() << '\n';
    copy.resize(static_cast<std::size_t>(tensor->element_count()));
    if (const auto copied = tensor->try_copy_to(copy); !copied) return fail(copied.error());
    values = copy;
  }

  std::cout << values.size() << " floats, " << (in_place ? "in place" : "copied") << ':';
  for (const float value : values.first(std::min<std::size_t>(values.size(), 4)))
    std::cout << ' ' << value;
  std::cout << (values.size() > 4 ? " ...\n" : "\n");
}
