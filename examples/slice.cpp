// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Takes the first row and the left half of a matrix: a row is one contiguous run of bytes, a block
// of columns is one run per row. Nothing is copied until copy_to.
#include <safetensors/safetensors.hpp>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <vector>

int fail(const safetensors::failure& why) {
  std::cerr << why.message() << '\n';
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example-slice FILE TENSOR\n";
    return 2;
  }
  const auto model = safetensors::file::try_open(std::filesystem::path(argv[1]));
  if (!model) return fail(model.error());
  const auto matrix = model->try_at(argv[2]);
  if (!matrix) return fail(matrix.error());
  constexpr std::uint64_t any = safetensors::any_size;
  if (const auto usable = matrix->try_expect(safetensors::dtype::f32, {any, any}); !usable)
    return fail(usable.error());

  // pick(0) drops its dimension; the one not named is whole. In Python: matrix[0].
  const auto row = matrix->try_slice({safetensors::pick(0)});
  if (!row) return fail(row.error());
  std::cout << "row 0: " << row->element_count() << " elements, "
            << (row->contiguous() ? "contiguous" : "strided") << '\n';
  if (const auto values = row->try_as<float>(); values && !values->empty())  // in place
    std::cout << "  begins with " << values->front() << '\n';

  // {} is a whole dimension, {begin, end} a part of one. In Python: matrix[:, 0:columns / 2].
  const auto left = matrix->try_slice({{}, {0, matrix->shape()[1] / 2}});
  if (!left) return fail(left.error());
  std::cout << "left half: " << left->shape()[0] << " x " << left->shape()[1] << ", "
            << (left->contiguous() ? "contiguous" : "strided") << '\n';
  for (std::uint64_t i = 0; i < left->run_count(); ++i)
    std::cout << "  run " << i << ": " << left->run(i).size() << " bytes\n";

  std::vector<float> copy(static_cast<std::size_t>(left->element_count()));
  if (const auto copied = left->try_copy_to(copy); !copied) return fail(copied.error());
  if (!copy.empty()) std::cout << "  copied: " << copy.front() << " ... " << copy.back() << '\n';
}
