// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Fuzz target: what the reader accepts must be consistent, whatever the bytes.
#include "require.hpp"

#include <algorithm>
#include <map>

namespace {

void check_slices(const safetensors::tensor_view& tensor) {
  std::vector<safetensors::dim_range> halves;
  for (const std::uint64_t size : tensor.shape()) halves.emplace_back(size / 4, size - size / 3);
  const auto slice = tensor.try_slice(halves);
  if (!slice) return require(slice.error().code == safetensors::errc::invalid_slice, "slice code");
  std::vector<std::byte> copy(static_cast<std::size_t>(slice->byte_size()));
  require(slice->try_copy_bytes(copy).has_value(), "a slice can be copied");
  const std::byte* begin = tensor.bytes().data();
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(slice->run_count(), 1000); ++i) {
    const auto run = slice->run(i);
    require(run.data() >= begin && run.data() + run.size() <= begin + tensor.bytes().size(),
            "a run lies within its tensor");
  }
}

// Gives the bytes in pieces whose sizes differ.
struct stream {
  std::span<const std::byte> left;
  std::size_t piece = 0;
  safetensors::result<std::size_t> read(std::span<std::byte> to) {
    piece = piece % 1000 + 7;
    const std::size_t got = std::min({piece, to.size(), left.size()});
    std::copy_n(left.begin(), got, to.begin());
    left = left.subspan(got);
    return got;
  }
};

// A stream is accepted if the same bytes are in memory, and rejected by the same rule.
void check_stream(std::span<const std::byte> bytes, const safetensors::read_options& options,
                  const safetensors::result<safetensors::borrowed_file>& wanted) {
  constexpr std::uint64_t most = 1 << 20;  // or a false size could need all memory
  const auto index = safetensors::header::try_read(stream{bytes}, options);
  if (index && index->data_size() > most) return;
  const auto read = safetensors::memory_file::try_read(stream{bytes}, options);
  require(read.has_value() == wanted.has_value(), "a stream is a file");
  if (!read) {
    const bool is_end = read.error().code == safetensors::errc::size_overflow;
    return require(is_end || read.error().code == wanted.error().code, "a stream breaks the rule");
  }
  require(read->header().file_size() == wanted->header().file_size(), "a stream is whole");
  require(std::equal(read->storage().data(), read->storage().data() + read->storage().size(),
                     bytes.begin()),
          "a stream's bytes are kept");
}

void check(std::span<const std::byte> bytes, const safetensors::read_options& options) {
  const auto read = safetensors::borrowed_file::try_from(bytes, options);
  check_stream(bytes, options, read);
  if (read)
    require(safetensors::looks_like(bytes, bytes.size()) == safetensors::file_kind::safetensors,
            "a file that is valid looks like one");
  if (!read) return require_tellable(read.error());
  const safetensors::header& index = read->header();
  require(index.file_size() <= bytes.size(), "the file fits in the buffer");
  require(options.allow_trailing_bytes || index.file_size() == bytes.size(), "no bytes are left");
  std::uint64_t end = 0;
  for (const safetensors::tensor_view tensor : *read) {
    require(tensor.data_offsets().begin == end, "tensors tile the data");
    end = tensor.data_offsets().end;
    require(tensor.bytes().data() == bytes.data() + tensor.file_range().begin,
            "views are in place");
    require(tensor.bytes().size() == tensor.byte_size(), "views are as long as their tensor");
    require(tensor.file_range().end <= bytes.size(), "views lie within the buffer");
    require(safetensors::byte_size(tensor.dtype(), tensor.shape()) == tensor.byte_size(),
            "sizes agree");
    const auto found = read->find(tensor.name());
    require(found && found->data_offsets() == tensor.data_offsets() &&
                found->name().data() == tensor.name().data(),
            "every name is found");
    check_slices(tensor);
  }
  require(end == index.data_size(), "tensors fill the data");
  for (const auto& [key, value] : read->metadata())
    require(read->metadata().find(key) == value, "every metadata key is found");
  require(read->metadata().to_map().size() == read->metadata().size(),
          "metadata keys are distinct");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check(bytes, {});
  check(bytes, {.max_header_bytes = 64 << 10, .allow_trailing_bytes = true});

  // The same bytes as a header of the right length, so that few inputs are lost to the first rules.
  std::vector<std::byte> framed(8 + size);
  for (std::size_t i = 0; i < 8; ++i)
    framed[i] = static_cast<std::byte>(std::uint64_t{size} >> (8 * i));
  std::copy(bytes.begin(), bytes.end(), framed.begin() + 8);
  check(framed, {});
  const auto parsed = safetensors::header::try_parse(framed, safetensors::unknown_size);
  if (parsed && parsed->data_size() < 4096) {  // and with the data that it wants
    framed.resize(static_cast<std::size_t>(parsed->file_size()));
    require(safetensors::borrowed_file::try_from(std::span<const std::byte>(framed)).has_value(),
            "accepted without a size, accepted with it");
    check(framed, {});
  }
  return 0;
}
