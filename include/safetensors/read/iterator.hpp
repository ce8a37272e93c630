// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// The iterator over a header's entries.
#pragma once

#include <safetensors/detail/table.hpp>

#include <compare>
#include <cstddef>
#include <iterator>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

namespace detail {
// make(table, data, i) returns entry i as a Value. `data` is the start of the data section, or null
// if the data is not in memory.
template <class Value> struct entry_of;
}  // namespace detail

/// A random-access iterator over the entries of a header. It yields values: its `reference` is the
/// value itself, as C++20's concepts and algorithms allow. Valid while the header or file that it
/// iterates over exists, even after that is moved.
template <class Value> class table_iterator {
  struct arrow {
    Value value;
    const Value* operator->() const noexcept { return &value; }
  };

 public:
  ///@{
  /// A member that std::random_access_iterator requires.
  using value_type = Value;
  using reference = Value;
  using pointer = arrow;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::random_access_iterator_tag;

  table_iterator() noexcept = default;
  [[nodiscard]] Value operator*() const noexcept {
    return detail::entry_of<Value>::make(*table_, data_, static_cast<std::size_t>(at_));
  }
  [[nodiscard]] arrow operator->() const noexcept { return {**this}; }
  [[nodiscard]] Value operator[](difference_type n) const noexcept { return *(*this + n); }
  table_iterator& operator++() noexcept { return *this += 1; }
  table_iterator& operator--() noexcept { return *this -= 1; }
  table_iterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
  table_iterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
  table_iterator& operator+=(difference_type n) noexcept { return at_ += n, *this; }
  table_iterator& operator-=(difference_type n) noexcept { return at_ -= n, *this; }
  [[nodiscard]] friend table_iterator operator+(table_iterator i, difference_type n) noexcept {
    return i += n;
  }
  [[nodiscard]] friend table_iterator operator+(difference_type n, table_iterator i) noexcept {
    return i += n;
  }
  [[nodiscard]] friend table_iterator operator-(table_iterator i, difference_type n) noexcept {
    return i -= n;
  }
  [[nodiscard]] friend difference_type operator-(table_iterator a, table_iterator b) noexcept {
    return a.at_ - b.at_;
  }
  friend bool operator==(table_iterator a, table_iterator b) noexcept { return a.at_ == b.at_; }
  friend auto operator<=>(table_iterator a, table_iterator b) noexcept { return a.at_ <=> b.at_; }
  ///@}

 private:
  friend metadata_view;
  template <class> friend class tensor_collection;
  table_iterator(const detail::tensor_table* table, const std::byte* data, std::size_t at) noexcept
      : table_(table), data_(data), at_(static_cast<difference_type>(at)) {}
  const detail::tensor_table* table_ = nullptr;
  const std::byte* data_ = nullptr;
  difference_type at_ = 0;
};

}  // namespace safetensors::inline SAFETENSORS_ABI
