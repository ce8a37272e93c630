// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// The header's metadata.
#pragma once

#include <safetensors/read/iterator.hpp>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// Metadata to keep or to build. It is sorted, so that equal metadata always results in equal
/// files.
using metadata_map = std::map<std::string, std::string>;

/// The header's `__metadata__`, decoded and sorted by key. Valid while its header exists.
class metadata_view {
 public:
  using value_type = std::pair<std::string_view, std::string_view>;  ///< key and value, in UTF-8
  using iterator = table_iterator<value_type>;  ///< iterates in the order of keys
  using const_iterator = iterator;              ///< iterates in the order of keys

  metadata_view() noexcept = default;  ///< no keys
  /// Returns the number of keys.
  [[nodiscard]] std::size_t size() const noexcept {
    return table_ == nullptr ? 0 : table_->metadata.size();
  }
  /// Returns true if there are no keys.
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Returns an iterator to the first key, in the order of their bytes.
  [[nodiscard]] iterator begin() const noexcept { return {table_, nullptr, 0}; }
  /// Returns an iterator past the last key.
  [[nodiscard]] iterator end() const noexcept { return {table_, nullptr, size()}; }
  /// Returns the value of a key, found by binary search, or nothing.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const noexcept;
  /// Returns a copy, to be kept or changed.
  [[nodiscard]] metadata_map to_map() const;

 private:
  template <class> friend class tensor_collection;
  explicit metadata_view(const detail::tensor_table* table) noexcept : table_(table) {}
  const detail::tensor_table* table_ = nullptr;
};

template <> struct detail::entry_of<metadata_view::value_type> {
  static metadata_view::value_type make(const tensor_table& table, const std::byte*,
                                        std::size_t i) noexcept {
    return {table.view(table.metadata[i].key), table.view(table.metadata[i].value)};
  }
};

}  // namespace safetensors::inline SAFETENSORS_ABI

// Its iterators are valid while the header exists, whatever happens to the view.
template <> inline constexpr bool std::ranges::enable_borrowed_range<safetensors::metadata_view> =
    true;
