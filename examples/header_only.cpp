// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Tells which bytes of a file hold a tensor, or one rank's half of it, as the Range header of an
// HTTP request wants them. Only the file's header is read, however large its data is.
#include <safetensors/safetensors.hpp>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <vector>

int fail(const safetensors::failure& why) {
  std::cerr << why.message() << '\n';
  return 1;
}

void print(safetensors::byte_range range) {
  if (range.size() == 0)
    std::cout << "no bytes\n";
  else  // HTTP names the last byte, byte_range the one after it
    std::cout << "bytes=" << range.begin << '-' << range.end - 1 << '\n';
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example-header_only FILE TENSOR\n";
    return 2;
  }
  const auto header = safetensors::header::try_open(std::filesystem::path(argv[1]));
  if (!header) return fail(header.error());
  for (const safetensors::tensor_info tensor : *header) {
    std::cout << safetensors::printable(tensor.name()) << ": ";
    print(tensor.file_range());
  }

  const auto tensor = header->try_at(argv[2]);
  if (!tensor) return fail(tensor.error());
  // The second of two ranks, of which each takes half of the last dimension.
  std::vector<safetensors::dim_range> half(tensor->ndim());
  if (!half.empty()) half.back() = safetensors::shard_range(tensor->shape().back(), 1, 2);
  const auto slice = tensor->try_slice(half);
  if (!slice) return fail(slice.error());
  std::cout << "second half: " << slice->byte_size() << " bytes in " << slice->run_count()
            << " runs\n";
  for (std::uint64_t i = 0; i < slice->run_count(); ++i) {
    std::cout << "  ";
    print(slice->file_run(i));
  }
}
