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
#include <safetensors/read/stream.hpp>

#include <algorithm>
#include <limits>
#include <new>

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL void mapped_bytes::unmap::operator()(std::byte* first) const noexcept {
  detail::os::unmap(first - lead, size + lead);
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::try_map(native_handle handle,
                                                            std::uint64_t offset,
                                                            std::uint64_t size, map_mode mode) {
  const result<file_source> part = file_source::try_borrow(handle, offset, size);
  if (!part) return part.error();
  return map_source(*part, mode);
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::map_source(const file_source& source,
                                                               map_mode mode) {
  const bool writable = mode == map_mode::copy_on_write;
  mapped_bytes mapped;
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

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::try_open(path_ref path, map_mode mode) {
  const result<file_source> source = file_source::try_open(path);
  if (!source) return source.error();
  result<mapped_bytes> mapped = map_source(*source, mode);
  if (!mapped) return detail::with_path(std::move(mapped).error(), std::string(source->path()));
  mapped->path_ = source->path();
  return mapped;
}

SAFETENSORS_DECL result<mapped_bytes> mapped_bytes::try_load(const file_source& source,
                                                             const header&,
                                                             const open_options& options) {
  result<mapped_bytes> mapped =
      try_map(source.handle(), source.offset(), source.size(), options.mode);
  if (mapped) detail::os::advise(mapped->pages_of({0, source.size()}, false), options.access);
  return mapped;
}

SAFETENSORS_DECL void mapped_bytes::prefetch(byte_range bytes) const noexcept {
  detail::os::advise(pages_of(bytes, false), access_advice::will_need);
}

SAFETENSORS_DECL void mapped_bytes::drop(byte_range bytes) const noexcept {
  if (bytes_ != nullptr && bytes_.get_deleter().mode == map_mode::read_only)
    detail::os::drop(pages_of(bytes, true));
}

SAFETENSORS_DECL std::span<std::byte> mapped_bytes::pages_of(byte_range bytes,
                                                             bool only_whole) const noexcept {
  if (bytes_ == nullptr) return {};
  // From here on, bytes are counted from the start of the first page.
  const std::size_t page = detail::os::map_granularity(), lead = bytes_.get_deleter().lead;
  const auto within = [&](std::uint64_t at) {
    return lead + static_cast<std::size_t>((std::min)(at, std::uint64_t{size()}));
  };
  std::size_t begin = within(bytes.begin), end = within(bytes.end);
  // The first and the last page hold no other bytes of the file that are mapped.
  if (only_whole && begin != lead) begin += page - 1;
  if (only_whole && end != lead + size()) end -= end % page;
  begin -= begin % page;
  if (begin >= end) return {};
  return {bytes_.get() - lead + begin, end - begin};
}

SAFETENSORS_DECL std::span<std::byte> mapped_bytes::writable_bytes() noexcept {
  if (bytes_ == nullptr || bytes_.get_deleter().mode == map_mode::read_only) return {};
  return {bytes_.get(), size()};
}

SAFETENSORS_DECL result<owned_bytes> owned_bytes::allocate(std::uint64_t size,
                                                           std::uint64_t data_start,
                                                           const char* advice) {
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
                   .advice = advice};
  owned_bytes bytes;
  bytes.bytes_ = {static_cast<std::byte*>(block) + lead, release{length, lead}};
  return bytes;
}

SAFETENSORS_DECL result<owned_bytes> owned_bytes::load_from(const detail::source_ref& source,
                                                            std::uint64_t data_start) {
  const std::uint64_t size = source.size();
  if (size == unknown_size)
    return failure{.code = errc::missing_bytes,
                   .detail = "the source has no size, and memory_file needs one"};
  result<owned_bytes> bytes =
      allocate(size, data_start, "file maps it, and file_source reads parts of it");
  if (!bytes) return bytes;
  if (const std::error_code error = source.read_at(0, bytes->writable_bytes()))
    return detail::reported_failure(error, detail::cannot_read);
  return bytes;
}

SAFETENSORS_DECL result<std::pair<header, owned_bytes>> owned_bytes::load_stream(
    const detail::stream_ref& source, const read_options& options) {
  detail::stream_reader stream(source, true);
  result<header> index = stream.read_header(options);
  if (!index) return std::move(index).error();
  // A false size costs in proportion to the bytes that were received.
  constexpr std::uint64_t first_step = 1 << 20;
  const std::uint64_t size = index->file_size();
  owned_bytes bytes;
  for (std::size_t filled = 0; filled != size;) {
    const std::span<const std::byte> old = filled == 0 ? stream.head() : bytes.writable_bytes();
    result<owned_bytes> larger =
        allocate((std::min)(size, 2 * std::uint64_t{old.size()} + first_step), index->data_start(),
                 "header::read() and your own reads need less");
    if (!larger) return stream.placed(std::move(larger).error());
    filled = old.size();
    detail::copy_bytes(larger->bytes_.get(), old.data(), filled);
    bytes = *std::move(larger);
    const std::span<std::byte> rest = bytes.writable_bytes().subspan(filled);
    const result<std::size_t> got = stream.fill(rest);
    if (!got) return stream.placed(got.error());
    filled += *got;
    if (*got != rest.size())
      return stream.placed(detail::missing_data_failure(index->data_size(), index->data_start(),
                                                        filled - stream.head().size()));
  }
  if (options.allow_trailing_bytes) return std::pair(*std::move(index), std::move(bytes));
  std::byte next{};
  const result<std::size_t> more = stream.fill({&next, 1});
  if (!more) return stream.placed(more.error());
  if (*more != 0)
    return stream.placed(detail::failure_at(errc::trailing_bytes, index->file_size(),
                                            "at least 1 byte follows the last tensor",
                                            "allow_trailing_bytes accepts the file"));
  return std::pair(*std::move(index), std::move(bytes));
}

SAFETENSORS_DECL result<void> detail::read_into(const source_ref& source, const tensor_info& tensor,
                                                std::span<std::byte> to) {
  if (to.size() != tensor.byte_size())
    return length_failure(tensor, to.size(), tensor.byte_size(), "byte");
  const std::uint64_t begin = tensor.file_range().begin;
  const std::error_code error = to.empty() ? std::error_code() : source.read_at(begin, to);
  if (!error) return {};
  failure what = with_path(reported_failure(error, cannot_read), source.path());
  what.tensor = std::string(tensor.name());
  what.offset = begin;
  return what;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
