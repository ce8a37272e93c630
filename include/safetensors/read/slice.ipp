// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of slice.hpp.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/read/slice.hpp>

#include <algorithm>

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

inline failure slice_failure(const tensor_info& tensor, std::string detail) {
  return tensor_failure(errc::invalid_slice, tensor, std::move(detail));
}

// Returns why a range of a dimension is rejected.
inline failure range_failure(const tensor_info& tensor, std::size_t dimension, dim_range range) {
  const std::uint64_t size = tensor.shape()[dimension];
  const auto wrong = [&](const std::string& which, std::string_view why) {
    return slice_failure(tensor, join(which, why, " dimension ", dimension, ", which has ",
                                      counted(size, "element")));
  };
  if (range.drop && range.begin >= size)
    return wrong("index " + std::to_string(static_cast<std::int64_t>(range.begin)), " is not in");
  const std::string asked = join("the range [", range.begin, ",",
                                 range.end == to_end ? "end" : std::to_string(range.end), ")");
  if (range.begin > size) return wrong(asked, " begins past the end of");
  if (range.begin > range.end) return wrong(asked, " ends before it begins in");
  if (range.drop) return wrong(asked, " is dropped, but is not one element of");
  return wrong(asked, " ends past the end of");
}

}  // namespace detail

SAFETENSORS_DECL result<slice_layout> tensor_info::try_slice(list_of<dim_range> ranges) const {
  const auto sizes = shape();
  if (ranges.size() > sizes.size())
    return detail::slice_failure(
        *this, detail::join("it has ", detail::counted(sizes.size(), "dimension"), ", too few for ",
                            detail::counted(ranges.size(), "range")));

  slice_layout layout(*this);
  std::size_t kept = sizes.size();
  bool empty = byte_size() == 0;
  const auto range_of = [&](std::size_t i) {
    dim_range range = i < ranges.size() ? ranges[i] : dim_range();
    if (range.end == to_end) range.end = sizes[i];
    return range;
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const dim_range range = range_of(i);
    if (range.begin > range.end || range.end > sizes[i] ||
        (range.drop && range.end - range.begin != 1))
      return detail::range_failure(*this, i, ranges[i]);
    empty = empty || range.begin == range.end;
    if (range.drop) --kept;
  }

  // Strides and contiguous runs both grow from the last dimension to the first.
  const auto bits = static_cast<std::uint64_t>(bit_width(dtype()));
  if (!detail::try_allocating([&] { layout.numbers_.resize(2 * kept); }))
    return detail::memory_failure(*this, "a slice");
  std::uint64_t stride = byte_size() == 0 ? 0 : 1, first = 0, run = 1, runs = 1;
  bool in_run = true, whole_bytes = true;
  for (std::size_t i = sizes.size(), at = kept; i-- > 0;) {
    const dim_range range = range_of(i);
    const std::uint64_t extent = range.end - range.begin;
    if (!range.drop) {
      layout.numbers_[--at] = extent;
      layout.numbers_[kept + at] = stride;
    }
    if (in_run) {
      run *= extent;
      in_run = extent == sizes[i];
      layout.runs_.outer = at;
    } else if (!empty) {
      runs *= extent;
      whole_bytes = whole_bytes && (extent == 1 || stride * bits % 8 == 0);
    }
    if (!empty) first += range.begin * stride;
    stride *= sizes[i];
  }
  layout.runs_.first_byte = file_range().begin;
  if (empty) return layout;
  if (!whole_bytes || first * bits % 8 != 0 || run * bits % 8 != 0)
    return detail::slice_failure(
        *this, detail::join("an element of ", to_string(dtype()), " has ", bits,
                            " bits, and the slice would begin or end within a byte"));
  layout.runs_.first_byte += first * bits / 8;
  layout.runs_.bytes = run * bits / 8;
  layout.runs_.count = runs;
  return layout;
}

SAFETENSORS_DECL result<slice_view> tensor_view::try_slice(list_of<dim_range> ranges) const {
  result<slice_layout> layout = tensor_info::try_slice(ranges);
  if (!layout) return std::move(layout).error();
  const std::uint64_t skipped = layout->runs_.first_byte - file_range().begin;
  return slice_view(*std::move(layout), data_ + static_cast<std::size_t>(skipped));
}

SAFETENSORS_DECL slice_layout::slice_layout(slice_layout&& other) noexcept
    : tensor_(other.tensor_),
      numbers_(std::exchange(other.numbers_, {})),
      runs_(std::exchange(other.runs_, {})) {}
SAFETENSORS_DECL slice_layout& slice_layout::operator=(slice_layout&& other) noexcept {
  slice_layout taken(std::move(other));
  std::swap(tensor_, taken.tensor_);
  numbers_.swap(taken.numbers_);
  std::swap(runs_, taken.runs_);
  return *this;
}

SAFETENSORS_DECL std::span<const std::byte> slice_view::run(std::uint64_t i) const noexcept {
  const byte_range range = file_run(i);
  return {first_ + static_cast<std::size_t>(range.begin - file_run(0).begin),
          static_cast<std::size_t>(range.size())};
}

SAFETENSORS_DECL result<void> slice_view::copy_words(std::span<std::byte> to, std::size_t count,
                                                     std::size_t word_bytes) const {
  if (count != element_count())
    return detail::length_failure(tensor(), count, element_count(), "element");
  if (auto copied = try_copy_bytes(to); !copied) return copied;
  detail::convert_byte_order(to.data(), to.size(), word_bytes);
  return {};
}

SAFETENSORS_DECL result<void> slice_view::try_copy_bytes(std::span<std::byte> to,
                                                         std::size_t row_stride) const {
  const std::uint64_t total = byte_size();
  std::uint64_t row = total, stride = total;  // packed rows are copied as one
  if (row_stride != 0 && total != 0) {
    const std::uint64_t bits =
        (ndim() == 0 ? 1 : shape().back()) * static_cast<std::uint64_t>(bit_width(dtype()));
    if (bits % 8 != 0)
      return detail::slice_failure(
          tensor(),
          detail::join("a row has ", bits, " bits, which are not a whole number of bytes"));
    row = bits / 8;
    stride = row_stride;
    const std::uint64_t rows = total / row;
    const auto wrong = [&](std::string why) {
      return detail::tensor_failure(errc::wrong_length, tensor(), std::move(why));
    };
    if (stride < row)
      return wrong(
          detail::join("the stride is ", detail::counted(stride, "byte"), ", but a row has ", row));
    if (to.size() < row || (to.size() - row) / stride < rows - 1)
      return wrong(detail::join(detail::counted(rows, "row"), " of ", detail::counted(row, "byte"),
                                " at a stride of ", stride, " do not fit in a buffer of ",
                                detail::counted(to.size(), "byte")));
  } else if (to.size() != total) {
    return detail::length_failure(tensor(), to.size(), total, "byte");
  }
  std::uint64_t copied = 0;
  for (std::uint64_t i = 0; i < run_count(); ++i) {
    std::span<const std::byte> from = run(i);
    while (!from.empty()) {  // either runs hold whole rows, or rows hold whole runs
      const auto piece = static_cast<std::size_t>((std::min)(std::uint64_t{from.size()}, row));
      detail::copy_bytes(to.data() + static_cast<std::size_t>(copied / row * stride + copied % row),
                         from.data(), piece);
      from = from.subspan(piece);
      copied += piece;
    }
  }
  return {};
}

SAFETENSORS_DECL result<void> slice_view::expect_contiguous() const {
  if (contiguous()) return {};
  return detail::tensor_failure(
      errc::not_contiguous, tensor(),
      detail::join("the slice has ", run_count(), " separate runs of bytes"),
      "copy_to() and copy_bits() pack them");
}

}  // namespace safetensors::inline SAFETENSORS_ABI
