// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Converts a model's F32 tensors to BF16 and copies the others, 1 MiB at a time, however large the
// model is. OUT may be IN: the old file stays until the new one is complete.
#include <safetensors/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

// A float's upper half, rounded to the nearest, and to even halfway between two.
std::uint16_t to_bf16(std::uint32_t bits) {
  const bool nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  if (nan)
    bits |= 0x00400000;  // without this bit, a NaN's upper half may be an infinity's
  else
    bits += 0x7FFF + (bits >> 16 & 1);
  return static_cast<std::uint16_t>(bits >> 16);
}

// A little-endian word, whatever this machine's byte order is.
std::uint32_t load(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[3]} << 24;
}

// Appends an F32 tensor of the source as BF16.
void convert(const safetensors::tensor_info& tensor, const safetensors::file_source& source,
             safetensors::writer& out) {
  const auto chunk = static_cast<std::size_t>(std::min<std::uint64_t>(tensor.byte_size(), 1 << 20));
  std::vector<std::uint8_t> bytes(chunk);
  std::vector<std::uint16_t> words;
  for (safetensors::byte_range left = tensor.file_range(); left.size() != 0;) {
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left.size(), chunk)));
    if (const auto error = source.read_at(left.begin, std::as_writable_bytes(std::span(bytes))))
      throw safetensors::error({.code = safetensors::errc::io,
                                .system = error,
                                .offset = left.begin,
                                .path = std::string(source.path()),
                                .tensor = std::string(tensor.name())});
    words.resize(bytes.size() / 4);
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = to_bf16(load(&bytes[4 * i]));
    out.append_bits(tensor.name(), words);  // which writes them little-endian
    left.begin += bytes.size();
  }
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example-convert IN OUT\n";
    return 2;
  }
  try {
    const safetensors::file_source source{std::filesystem::path(argv[1])};
    const auto model = safetensors::header::read(source);
    std::vector<safetensors::tensor_spec> tensors(model.begin(), model.end());
    for (safetensors::tensor_spec& tensor : tensors)
      if (tensor.dtype == safetensors::dtype::f32) tensor.dtype = safetensors::dtype::bf16;
    // The plan is the new header, checked as a whole before any data is read.
    auto plan = safetensors::write_plan::make(tensors, {.metadata = model.metadata().to_map()});

    safetensors::writer out(std::filesystem::path(argv[2]), std::move(plan));
    for (const safetensors::tensor_info tensor : model) {
      if (tensor.dtype() == safetensors::dtype::f32)
        convert(tensor, source, out);
      else
        out.append_from(tensor.name(), source, tensor.file_range());
    }
    out.finish();
    std::cout << model.file_size() << " bytes became " << out.plan().file_size() << '\n';
  } catch (const std::exception& error) {  // of any kind, so that an unfinished file is removed
    std::cerr << error.what() << '\n';
    return 1;
  }
}
