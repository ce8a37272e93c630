// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What tests/debugger/run.py looks at in a debugger:  program MODEL
#include <safetensors/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace st = safetensors;

[[gnu::noinline]] void before() { asm volatile(""); }
[[gnu::noinline]] void here() { asm volatile(""); }

[[gnu::noinline]] void called(const st::tensor_view& by_reference, const st::shape_ref& shape,
                              const st::shape_ref& words, st::list_of<st::dim_range> ranges) {
  here();
  static_cast<void>(by_reference), static_cast<void>(shape), static_cast<void>(words);
  static_cast<void>(ranges);
}

unsigned char zeros[1 << 20];  // for a header that announces too much

int main(int, char** argv) {
  before();
  const std::vector<float> weight(2 * 3, 0.5F);
  const std::vector<std::uint16_t> scale{0x3F80};
  const std::vector<std::byte> nothing;
  const std::vector<std::byte> bytes =
      *st::try_serialize({{"norm.weight", {2, 3}, weight},
                          {"a \"\n\xC3\xA9", st::dtype::bf16, {}, scale},
                          {"none", st::dtype::f6_e2m3, {0, 4}, nothing}},
                         {.metadata = {{"format", "pt"}}});
  const auto borrowed_or = st::borrowed_file::try_from(bytes);
  const st::borrowed_file& borrowed = *borrowed_or;
  auto parsed = st::header::try_parse(bytes, bytes.size());
  const st::header index = *std::move(parsed);
  const auto mapped_or = st::file::try_open(argv[1]);
  const st::file& mapped = *mapped_or;
  const auto memory_or = st::memory_file::try_open(argv[1]);
  const st::memory_file& memory = *memory_or;
  const auto owning_or = st::basic_file<std::vector<std::byte>>::try_from(bytes);
  const auto& owning = *owning_or;
  const st::header empty;
  const st::tensor_view tensor = *borrowed.find("norm.weight");
  const st::tensor_info scalar = *index.find("a \"\n\xC3\xA9");
  const st::dtype type = tensor.dtype();
  const auto absent = st::header::try_open("/nowhere/\"x\n");
  const st::result<void> success;
  const st::result<void> failed = st::failure{.code = st::errc::wrong_length,
                                              .offset = 7,
                                              .tensor = "",
                                              .detail = "the detail",
                                              .advice = "the advice"};
  const st::failure unknown{.code = st::errc{77}};
  const st::result<std::uint64_t> number = std::uint64_t{7};
  const st::metadata_view metadata = index.metadata();
  const st::byte_range range = tensor.data_offsets();
  alignas(st::tensor_view) unsigned char room[sizeof(st::tensor_view)];
  std::memset(room, 0xA5, sizeof room);
  const st::tensor_view& wild = *std::launder(reinterpret_cast<const st::tensor_view*>(room));
  const std::vector<std::uint64_t> sizes{4, 5};
  called(tensor, {2, st::any_size}, sizes, {{0, 1}, st::pick(2), {}});
  static_cast<void>(wild), static_cast<void>(type), static_cast<void>(range);
  static_cast<void>(mapped), static_cast<void>(memory), static_cast<void>(owning);
  static_cast<void>(success), static_cast<void>(failed), static_cast<void>(unknown);
  static_cast<void>(zeros), static_cast<void>(number), static_cast<void>(metadata),
      static_cast<void>(scalar);
}
