// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of storage.hpp.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system.hpp>
#include <safetensors/read/storage.hpp>

#include <limits>
#include <new>

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL void mapped_file::unmap::operator()(std::byte* first) const noexcept {
  detail::os::unmap(first - lead, size + lead);
}

SAFETENSORS_DECL result<mapped_file> mapped_file::try_map(native_handle handle,
                                                          std::uint64_t offset, std::uint64_t size,
                                                          map_mode mode) {
  const result<file_source> part = file_source::try_borrow(handle, offset, size);
  if (!part) return part.error();
  return map_source(*part, mode);
}

SAFETENSORS_DECL result<mapped_file> mapped_file::map_source(const file_source& source,
                                                             map_mode mode) {
  const bool writable = mode == map_mode::copy_on_write;
  mapped_file mapped;
  if (source.size() == 0) return mapped;  // systems reject mappings of 0 bytes
  const std::uint64_t lead = source.offset() % detail::os::map_granularity();
  if (source.size() > (std::numeric_limits<std::size_t>::max)() - lead)
    return failure{.code = errc::out_of_memory,
                   .detail = "its size is more than this machine can map",
                   .advice = detail::map_advice(writable)};
  const auto length = static_cast<std::size_t>(source.size() + lead);
  const result<std::byte*> base =
      detail::os::map(source.handle(), source.offset() - lead, length, writable);
  if (!base) return base.error();
  const auto skipped = static_cast<std::size_t>(lead);
  mapped.bytes_ = {*base + skipped, unmap{length - skipped, skipped, mode}};
  return mapped;
}

SAFETENSORS_DECL result<mapped_file> mapped_file::try_open(path_ref path, map_mode mode) {
  const result<file_source> source = file_source::try_open(path);
  if (!source) return source.error();
  result<mapped_file> mapped = map_source(*source, mode);
  if (!mapped) return detail::with_path(std::move(mapped).error(), std::string(source->path()));
  mapped->path_ = source->path();
  return mapped;
}

SAFETENSORS_DECL result<mapped_file> mapped_file::try_load(const file_source& source,
                                                           const header&) {
  return try_map(source.handle(), source.offset(), source.size());
}

SAFETENSORS_DECL std::span<std::byte> mapped_file::writable_bytes() noexcept {
  if (bytes_ == nullptr || bytes_.get_deleter().mode == map_mode::read_only) return {};
  return {bytes_.get(), size()};
}

SAFETENSORS_DECL result<owned_bytes> owned_bytes::load_from(const detail::source_ref& source,
                                                            std::uint64_t data_start) {
  const std::uint64_t size = source.size();
  if (size == unknown_size)
    return failure{.code = errc::missing_bytes,
                   .detail = "the source has no size, and memory_file needs one"};
  const auto lead = static_cast<std::size_t>((alignment - data_start % alignment) % alignment);
  const auto length = static_cast<std::size_t>(size);
  // A block cannot be larger, because libstdc++ rounds sizes up to the alignment and past the
  // largest one.
  constexpr auto most = static_cast<std::uint64_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  void* block = nullptr;
  if (size <= most - alignment)
    block = ::operator new(lead + length, std::align_val_t(alignment), std::nothrow);
  if (block == nullptr)
    return failure{.code = errc::out_of_memory,
                   .detail = detail::join("there is not enough memory for the file's ",
                                          detail::counted(size, "byte")),
                   .advice = "file maps it, and file_source reads parts of it"};
  owned_bytes bytes;
  bytes.bytes_ = {static_cast<std::byte*>(block) + lead, release{length, lead}};
  if (const std::error_code error = source.read_at(0, std::span(bytes.bytes_.get(), length)))
    return detail::reported_failure(error, detail::cannot_read);
  return bytes;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
