// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Tensors by name and in order.
#pragma once

#include <safetensors/detail/failures.hpp>
#include <safetensors/read/metadata.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace safetensors::inline SAFETENSORS_ABI {

/// The tensors of a header or a file. Iterates in data order (by first byte, then by last byte),
/// and finds names in constant time, without allocating.
/// These uses do not compile: views of a temporary, and nullptr, 0 or 'A' as a name.
template <class Value> class tensor_collection {
 public:
  using value_type = Value;                ///< tensor_info or tensor_view
  using iterator = table_iterator<Value>;  ///< iterates in data order
  using const_iterator = iterator;         ///< iterates in data order

  /// Returns the number of tensors.
  [[nodiscard]] std::size_t size() const noexcept {
    return table_ == nullptr ? 0 : table_->records.size();
  }
  /// Returns true if there are no tensors.
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Returns an iterator to the first tensor in data order.
  [[nodiscard]] iterator begin() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return {table_, data_, 0};
  }
  /// Returns an iterator past the last tensor.
  [[nodiscard]] iterator end() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return {table_, data_, size()};
  }
  void begin() const&& = delete;
  void end() const&& = delete;

  /// Returns true if a tensor has a name of exactly these bytes.
  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    return table_ != nullptr && table_->find(name) != nullptr;
  }
  bool contains(std::nullptr_t) const = delete;
  /// Returns the tensor of this name, or nothing.
  [[nodiscard]] std::optional<Value> find(std::string_view name) const& noexcept
      SAFETENSORS_LIFETIMEBOUND {
    const detail::record* found = table_ == nullptr ? nullptr : table_->find(name);
    if (found == nullptr) return std::nullopt;
    return begin()[found - table_->records.data()];
  }
  void find(std::string_view) const&& = delete;
  void find(std::nullptr_t) const = delete;
  /// Returns the tensor of this name. Errors: tensor_not_found if there is none. The failure
  /// contains the name.
  result<Value> try_at(std::string_view name) const& SAFETENSORS_LIFETIMEBOUND {
    if (const std::optional<Value> found = find(name)) return *found;
    return detail::not_found_failure(table_, name);
  }
  void try_at(std::string_view) const&& = delete;
  void try_at(std::nullptr_t) const = delete;
#if SAFETENSORS_EXCEPTIONS
  /// Calls try_at(), and throws safetensors::error if it fails.
  [[nodiscard]] Value at(std::string_view name) const& SAFETENSORS_LIFETIMEBOUND {
    return try_at(name).value();
  }
  void at(std::string_view) const&& = delete;
  void at(std::nullptr_t) const = delete;
  /// Calls at().
  [[nodiscard]] Value operator[](std::string_view name) const& SAFETENSORS_LIFETIMEBOUND {
    return at(name);
  }
  void operator[](std::string_view) const&& = delete;
  void operator[](std::nullptr_t) const = delete;
  template <std::integral Integer> void operator[](Integer) const = delete;
#endif

  /// Returns the `__metadata__`, which may be empty. Valid while the header or file exists.
  [[nodiscard]] metadata_view metadata() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return metadata_view(table_);
  }
  void metadata() const&& = delete;

 protected:
  tensor_collection() noexcept = default;
  // `data` is the start of the data section, or null if the data is not in memory.
  tensor_collection(const detail::tensor_table* table, const std::byte* data) noexcept
      : table_(table), data_(data) {}
  tensor_collection(tensor_collection&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)), data_(std::exchange(other.data_, nullptr)) {}
  tensor_collection& operator=(tensor_collection&& other) noexcept {
    table_ = std::exchange(other.table_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    return *this;
  }
  ~tensor_collection() = default;
  [[nodiscard]] const detail::tensor_table* table() const noexcept { return table_; }

 private:
  const detail::tensor_table* table_ = nullptr;
  const std::byte* data_ = nullptr;
};

}  // namespace safetensors::inline SAFETENSORS_ABI
