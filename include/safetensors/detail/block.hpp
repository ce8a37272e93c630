// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Memory whose allocation failure is reported without an exception.
#pragma once

#include <safetensors/base/bytes.hpp>

#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI::detail {

// Returns false if a container cannot allocate the memory that it needs.
template <class Allocate> bool try_allocating(const Allocate& allocate) {
#if SAFETENSORS_EXCEPTIONS
  try {
    allocate();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
#else
  // Without exceptions, std::bad_alloc ends the program, so there is nothing to report.
  allocate();
  return true;
#endif
}

// A growing array of uninitialised elements. It reports an allocation failure by false instead of
// throwing.
template <class Item> class block {
  static_assert(std::is_trivially_copyable_v<Item>);

 public:
  block() noexcept = default;
  block(block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  block& operator=(block&& other) noexcept {
    block taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    std::swap(capacity_, taken.capacity_);
    return *this;
  }
  ~block() { ::operator delete(data_); }

  [[nodiscard]] bool reserve(std::size_t capacity) noexcept {
    if (capacity <= capacity_) return true;
    if (capacity > (std::numeric_limits<std::size_t>::max)() / sizeof(Item)) return false;
    void* fresh = ::operator new(capacity * sizeof(Item), std::nothrow);
    if (fresh == nullptr) return false;
    copy_bytes(fresh, data_, size_ * sizeof(Item));
    ::operator delete(std::exchange(data_, static_cast<Item*>(fresh)));
    capacity_ = capacity;
    return true;
  }
  [[nodiscard]] bool push_back(const Item& item) noexcept {
    return push_back(item, [&] { return reserve(2 * capacity_ + 4); });
  }
  // Calls `make_room` if there is none for the item.
  template <class Function>
  [[nodiscard]] bool push_back(const Item& item, const Function& make_room) noexcept {
    if (size_ == capacity_) [[unlikely]]
      if (!make_room()) return false;
    data_[size_++] = item;
    return true;
  }
  [[nodiscard]] bool append(std::span<const Item> items) noexcept {
    // All items are in memory, so the sum of the sizes does not overflow.
    const std::size_t size = size_ + items.size();
    if (size > capacity_ && !reserve(size > 2 * capacity_ ? size : 2 * capacity_)) return false;
    copy_bytes(data_ + size_, items.data(), items.size_bytes());
    size_ = size;
    return true;
  }
  void set_size(std::size_t size) noexcept { size_ = size; }  // size: at most the capacity

  [[nodiscard]] Item* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Item* begin() const noexcept { return data_; }
  [[nodiscard]] Item* end() const noexcept { return data_ + size_; }
  [[nodiscard]] Item& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  Item* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
