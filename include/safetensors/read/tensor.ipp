// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of metadata.hpp and tensor.hpp.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/read/slice.hpp>
#include <safetensors/read/tensor.hpp>

#include <algorithm>

namespace safetensors::inline SAFETENSORS_ABI {

SAFETENSORS_DECL std::optional<std::string_view> metadata_view::find(
    std::string_view key) const noexcept {
  const iterator found = std::lower_bound(
      begin(), end(), key,
      [](const value_type& pair, std::string_view wanted) { return pair.first < wanted; });
  if (found == end() || found->first != key) return std::nullopt;
  return found->second;
}

SAFETENSORS_DECL metadata_map metadata_view::to_map() const { return {begin(), end()}; }

SAFETENSORS_DECL result<std::vector<std::uint64_t>> tensor_info::try_strides() const {
  const auto sizes = shape();
  std::vector<std::uint64_t> strides;
  if (!detail::try_allocating([&] { strides.resize(sizes.size()); }))
    return detail::memory_failure(*this, "its strides");
  std::uint64_t stride = byte_size() == 0 ? 0 : 1;
  for (std::size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) strides[i] = stride;
  return strides;
}

SAFETENSORS_DECL bool tensor_info::matches(safetensors::dtype type,
                                           shape_ref wanted) const noexcept {
  const auto sizes = shape();
  if (dtype() != type || sizes.size() != wanted.size() || !wanted.valid()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (wanted[i] != any_size && wanted[i] != sizes[i]) return false;
  return true;
}

SAFETENSORS_DECL result<void> tensor_info::try_expect(safetensors::dtype type,
                                                      shape_ref wanted) const {
  if (matches(type, wanted)) return {};
  if (dtype() != type) {
    failure what = detail::dtype_failure(*this, type);
    what.advice.clear();
    return what;
  }
  std::string sizes;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    sizes += (i == 0 ? "" : ",") + (wanted[i] == any_size ? "any" : std::to_string(wanted[i]));
  return detail::tensor_failure(
      errc::shape_mismatch, *this,
      detail::join("its shape is ", detail::shape_text(shape()), ", not [", sizes, "]"));
}

SAFETENSORS_DECL result<void> tensor_view::try_copy_bytes(std::span<std::byte> to) const {
  if (to.size() != byte_size())
    return detail::length_failure(*this, to.size(), byte_size(), "byte");
  detail::copy_bytes(to.data(), data_, to.size());
  return {};
}

SAFETENSORS_DECL result<void> tensor_view::copy_words(std::span<std::byte> to, std::size_t count,
                                                      std::size_t word_bytes) const {
  if (count != element_count())
    return detail::length_failure(*this, count, element_count(), "element");
  detail::copy_bytes(to.data(), data_, to.size());
  detail::convert_byte_order(to.data(), to.size(), word_bytes);
  return {};
}

}  // namespace safetensors::inline SAFETENSORS_ABI
