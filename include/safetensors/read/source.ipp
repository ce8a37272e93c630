// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of source.hpp.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/system.hpp>
#include <safetensors/read/source.hpp>

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL void file_source::swap(file_source& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(owned_, other.owned_);
  std::swap(offset_, other.offset_);
  std::swap(size_, other.size_);
  std::swap(facts_, other.facts_);
  std::swap(lock_, other.lock_);
  path_.swap(other.path_);
}
SAFETENSORS_DECL file_source::file_source(file_source&& other) noexcept { swap(other); }
SAFETENSORS_DECL file_source& file_source::operator=(file_source&& other) noexcept {
  file_source(std::move(other)).swap(*this);
  return *this;
}
SAFETENSORS_DECL file_source::~file_source() {
  if (lock_ != invalid_handle) detail::os::close(lock_);
  if (owned_) detail::os::close(handle_);
}

SAFETENSORS_DECL result<file_source> file_source::try_open(path_ref path) {
  file_source source;
  // The path is copied before there is a handle, which an allocation failure would leak.
  source.path_ = path.to_utf8();
  const result<native_handle> opened = detail::os::open_to_read(path);
  if (!opened) return detail::with_path(opened.error(), std::move(source.path_));
  source.handle_ = *opened;
  source.owned_ = true;  // closes the file even if a failure's text cannot be allocated
  const result<detail::file_facts> facts = detail::os::regular_file_facts(*opened);
  if (!facts) return detail::with_path(facts.error(), std::move(source.path_));
  source.size_ = facts->size;
  source.facts_ = *facts;
  return source;
}

SAFETENSORS_DECL result<file_source> file_source::try_borrow(native_handle handle,
                                                             std::uint64_t offset,
                                                             std::uint64_t size) {
  const result<detail::file_facts> whole = detail::os::regular_file_facts(handle);
  if (!whole) return whole.error();
  if (offset > whole->size || (size != to_end && size > whole->size - offset))
    return detail::failure_at(errc::missing_bytes, whole->size,
                              size == to_end
                                  ? detail::join("byte ", offset, " is past the file's end")
                                  : detail::join(detail::counted(size, "byte"), " from byte ",
                                                 offset, " on end past the file's end"));
  file_source source;
  source.handle_ = handle;
  source.offset_ = offset;
  source.size_ = size == to_end ? whole->size - offset : size;
  source.facts_ = *whole;
  return source;
}

SAFETENSORS_DECL result<void> file_source::try_lock() {
  if (auto locked = detail::os::try_lock(handle_, lock_); !locked)
    return detail::with_path(std::move(locked).error(), path_);
  const result<detail::file_facts> now = detail::os::regular_file_facts(handle_);
  if (!now) return detail::with_path(now.error(), path_);
  facts_ = *now;
  if (owned_) size_ = now->size;  // a part of a borrowed file keeps its size
  return {};
}

SAFETENSORS_DECL bool file_source::is_same_file(const file_source& other) const noexcept {
  return facts_.identity != detail::file_identity{} && facts_.identity == other.facts_.identity;
}

SAFETENSORS_DECL std::error_code file_source::read_at(std::uint64_t offset,
                                                      std::span<std::byte> to) const noexcept {
  if (offset > size_ || to.size() > size_ - offset) return make_error_code(errc::missing_bytes);
  return detail::os::read_at(handle_, offset_ + offset, to);
}

SAFETENSORS_DECL result<void> file_source::try_read(std::uint64_t offset,
                                                    std::span<std::byte> to) const {
  const std::error_code error = read_at(offset, to);
  if (!error) return {};
  failure what = detail::with_path(detail::reported_failure(error, detail::cannot_read), path_);
  what.offset = offset;
  return what;
}

}  // namespace safetensors::inline SAFETENSORS_ABI
