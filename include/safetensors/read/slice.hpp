// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
/// @file
/// Slices of tensors: where their bytes are in the file, and the bytes in memory.
#pragma once

#include <safetensors/read/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace safetensors::inline SAFETENSORS_ABI {

/// The runs of a slice, as a range of byte_range. Valid while its slice exists and is not moved.
class file_run_range {
 public:
  /// A forward iterator that yields values.
  class iterator {
   public:
    ///@{
    /// A member that std::forward_iterator requires.
    using value_type = byte_range;
    using reference = byte_range;
    using pointer = void;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;

    iterator() noexcept = default;
    [[nodiscard]] byte_range operator*() const noexcept;
    iterator& operator++() noexcept { return ++at_, *this; }
    iterator operator++(int) noexcept { return {*slice_, at_++}; }
    friend bool operator==(iterator a, iterator b) noexcept { return a.at_ == b.at_; }
    ///@}

   private:
    friend file_run_range;
    iterator(const slice_layout& slice, std::uint64_t at) noexcept : slice_(&slice), at_(at) {}
    const slice_layout* slice_ = nullptr;
    std::uint64_t at_ = 0;
  };

  ///@{
  /// A member of a range, in row-major order.
  [[nodiscard]] iterator begin() const noexcept { return {*slice_, 0}; }
  [[nodiscard]] iterator end() const noexcept { return {*slice_, size()}; }
  [[nodiscard]] std::uint64_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  ///@}

 private:
  friend slice_layout;
  explicit file_run_range(const slice_layout& slice) noexcept : slice_(&slice) {}
  const slice_layout* slice_;
};

/// Describes where the bytes of a slice are in the file. Owns its numbers. Valid while the header
/// of its tensor exists. When moved from, it has no dimensions and no runs.
class slice_layout {
 public:
  slice_layout() noexcept = default;                       ///< a slice of no tensor: without runs
  slice_layout(const slice_layout&) = default;             ///< copies the numbers
  slice_layout& operator=(const slice_layout&) = default;  ///< copies the numbers
  slice_layout(slice_layout&& other) noexcept;             ///< leaves `other` without runs
  slice_layout& operator=(slice_layout&& other) noexcept;  ///< leaves `other` without runs
  ~slice_layout() = default;

  /// Returns the tensor from which the slice is cut.
  [[nodiscard]] tensor_info tensor() const noexcept { return tensor_; }
  /// Returns the dtype of tensor().
  [[nodiscard]] safetensors::dtype dtype() const noexcept { return tensor_.dtype(); }
  /// Returns the sizes in elements, without the dimensions that were picked. Valid while this
  /// object exists.
  [[nodiscard]] std::span<const std::uint64_t> shape() const& noexcept {
    return {numbers_.data(), ndim()};
  }
  void shape() const&& = delete;
  /// Returns one stride per dimension, in elements. All are 0 if the tensor has no elements. Valid
  /// while this object exists.
  [[nodiscard]] std::span<const std::uint64_t> strides() const& noexcept {
    return {numbers_.data() + ndim(), ndim()};
  }
  void strides() const&& = delete;
  /// Returns the number of dimensions.
  [[nodiscard]] std::size_t ndim() const noexcept { return numbers_.size() / 2; }
  /// Returns the number of elements of all runs.
  [[nodiscard]] std::uint64_t element_count() const noexcept {
    return byte_size() * 8 / static_cast<std::uint64_t>(bit_width(dtype()));
  }
  /// Returns the size of all runs together, in bytes.
  [[nodiscard]] std::uint64_t byte_size() const noexcept { return runs_.count * runs_.bytes; }

  /// Returns the number of contiguous runs of bytes that the slice consists of. All runs have the
  /// same size, and are as long as possible. It is 0 if the slice has no elements.
  [[nodiscard]] std::uint64_t run_count() const noexcept { return runs_.count; }
  /// Returns true if the slice has one run, or none.
  [[nodiscard]] bool contiguous() const noexcept { return runs_.count <= 1; }
  /// Returns all runs as ranges of absolute bytes in the file, in row-major order. Valid while this
  /// object exists and is not moved.
  [[nodiscard]] file_run_range file_runs() const& noexcept SAFETENSORS_LIFETIMEBOUND {
    return file_run_range(*this);
  }
  void file_runs() const&& = delete;
  /// Returns the range of absolute bytes of run i in the file, for HTTP ranges and pread. Runs are
  /// in row-major order. i must be less than run_count().
  [[nodiscard]] byte_range file_run(std::uint64_t i) const noexcept {
    std::uint64_t at = runs_.first_byte;
    for (std::size_t d = runs_.outer; d-- > 0; i /= shape()[d])
      at += i % shape()[d] * (strides()[d] * static_cast<std::uint64_t>(bit_width(dtype())) / 8);
    return {at, at + runs_.bytes};
  }

 private:
  friend tensor_info;
  friend tensor_view;
  explicit slice_layout(const tensor_info& tensor) noexcept : tensor_(tensor) {}
  tensor_info tensor_{};
  std::vector<std::uint64_t> numbers_{};  // shape, then strides
  struct {
    std::uint64_t first_byte = 0;  // counted from the start of the file
    std::uint64_t bytes = 0;       // of each run
    std::uint64_t count = 0;
    std::size_t outer = 0;  // leading dimensions that distinguish the runs
  } runs_{};
};

inline byte_range file_run_range::iterator::operator*() const noexcept {
  return slice_->file_run(at_);
}
inline std::uint64_t file_run_range::size() const noexcept { return slice_->run_count(); }

/// A slice whose bytes are in memory. Valid while its file object exists, even after that is moved.
class slice_view : public slice_layout {
 public:
  slice_view() noexcept = default;  ///< a slice of no tensor: without runs
  /// Returns the bytes of run i, as in the file. i must be less than run_count(). Valid while the
  /// file object exists.
  [[nodiscard]] std::span<const std::byte> run(std::uint64_t i) const noexcept;
  /// Copies the slice row-major, in the file's byte order. `row_stride` is the distance in bytes
  /// between the rows (the last dimension) in `to`. A row_stride of 0 packs them. `to` must not
  /// overlap the file's bytes in memory.
  /// Errors: invalid_slice if there is a row_stride and a row of a sub-byte dtype is not whole
  /// bytes; wrong_length if rows with a row_stride overlap, or do not fit in `to`; wrong_length if
  /// packed rows, or a slice without elements, do not fill `to` exactly.
  result<void> try_copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const;
  /// Copies the elements row-major, in host byte order. `to` must not overlap the file's bytes in
  /// memory.
  /// Errors: dtype_mismatch if the elements of `to` are not of the type of dtype(); wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <class Buffer> result<void> try_copy_to(Buffer&& to) const;
  /// Copies the raw words row-major, in host byte order. `to` must not overlap the file's bytes in
  /// memory.
  /// Errors: dtype_mismatch if dtype() has another width than the elements of `to`; wrong_length if
  /// `to` does not have exactly element_count() elements.
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  [[nodiscard]] result<void> try_copy_bits(Buffer&& to) const;
  /// Returns a copy of the elements, row-major and in host byte order. Errors: as
  /// tensor_view::try_to_vector().
  template <class Element> result<std::vector<Element>> try_to_vector() const;
  /// Returns the raw words, zero copy. Valid while the file object exists.
  /// Errors: dtype_mismatch if dtype() has another width than Word; not_contiguous if contiguous()
  /// is false; then as tensor_view::try_bits().
  template <standard_unsigned Word> result<std::span<const Word>> try_bits() const;
  /// Returns the elements, zero copy. Valid while the file object exists.
  /// Errors: dtype_mismatch if Element is not the type of dtype(); not_contiguous if contiguous()
  /// is false; then as tensor_view::try_as().
  template <class Element> result<std::span<const Element>> try_as() const;
  /// Returns a pointer to the first element, to be used with shape() and strides() (mdspan,
  /// DLPack). Valid while the file object exists. Without elements, do not dereference it. Errors:
  /// as tensor_view::try_as().
  template <class Element> result<const Element*> try_data() const;

#if SAFETENSORS_EXCEPTIONS
  /// Calls its `try_` twin, and throws safetensors::error if that fails.
  void copy_bytes(std::span<std::byte> to, std::size_t row_stride = 0) const {
    try_copy_bytes(to, row_stride).value();
  }
  template <class Buffer> void copy_to(Buffer&& to) const { try_copy_to(to).value(); }
  template <class Element> [[nodiscard]] std::span<const Element> as() const {
    return try_as<Element>().value();
  }
  template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
  void copy_bits(Buffer&& to) const {
    try_copy_bits(to).value();
  }
  template <class Element> [[nodiscard]] std::vector<Element> to_vector() const {
    return try_to_vector<Element>().value();
  }
  template <standard_unsigned Word> [[nodiscard]] std::span<const Word> bits() const {
    return try_bits<Word>().value();
  }
  template <class Element> [[nodiscard]] const Element* data() const {
    return try_data<Element>().value();
  }
#endif

 private:
  friend tensor_view;
  result<void> expect_contiguous() const;
  // Copies `count` elements of checked dtype, whose words have `word_bytes` bytes.
  result<void> copy_words(std::span<std::byte> to, std::size_t count, std::size_t word_bytes) const;
  slice_view(slice_layout layout, const std::byte* first) noexcept
      : slice_layout(std::move(layout)), first_(first) {}
  const std::byte* first_ = nullptr;
};

template <class Buffer> result<void> slice_view::try_copy_to(Buffer&& to) const {
  (void)detail::expect_buffer<Buffer>();
  if (auto same = detail::expect_element<element_of<Buffer>>(tensor()); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), detail::swap_unit(dtype()));
}

template <element_buffer Buffer> requires standard_unsigned<element_of<Buffer>>
result<void> slice_view::try_copy_bits(Buffer&& to) const {
  if (auto same = detail::expect_width<element_of<Buffer>>(tensor()); !same) return same;
  return copy_words(detail::writable_bytes_of(to), std::size(to), sizeof(element_of<Buffer>));
}

template <class Element> result<std::vector<Element>> slice_view::try_to_vector() const {
  return detail::to_vector<Element>(*this, tensor());
}

template <class Element> result<std::span<const Element>> slice_view::try_as() const {
  if (auto same = detail::expect_element<Element>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<Element>(tensor(), first_, byte_size());
}

template <standard_unsigned Word> result<std::span<const Word>> slice_view::try_bits() const {
  if (auto same = detail::expect_width<Word>(tensor()); !same) return std::move(same).error();
  if (auto one = expect_contiguous(); !one) return std::move(one).error();
  return detail::in_place<Word>(tensor(), first_, byte_size());
}

template <class Element> result<const Element*> slice_view::try_data() const {
  if (auto same = detail::expect_element<Element>(tensor()); !same) return std::move(same).error();
  if (byte_size() != 0)
    if (auto usable = detail::expect_usable<Element>(tensor(), first_); !usable)
      return std::move(usable).error();
  return reinterpret_cast<const Element*>(first_);
}

#if SAFETENSORS_EXCEPTIONS
inline slice_layout tensor_info::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
inline slice_view tensor_view::slice(list_of<dim_range> ranges) const {
  return try_slice(ranges).value();
}
#endif

}  // namespace safetensors::inline SAFETENSORS_ABI

// Its iterators are valid while the slice exists, whatever happens to the range.
template <> inline constexpr bool std::ranges::enable_borrowed_range<safetensors::file_run_range> =
    true;
