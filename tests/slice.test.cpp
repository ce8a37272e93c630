// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <array>
#include <cstring>
#include <numeric>
#include <ranges>

namespace {

using numbers = std::vector<std::uint64_t>;

numbers list(std::span<const std::uint64_t> span) { return {span.begin(), span.end()}; }

// Tensor "t" of 16-bit numbers 0, 1, 2, …
std::string counting(const numbers& shape) {
  std::uint64_t count = 1;
  std::string text;
  for (const std::uint64_t size : shape)
    text += (text.empty() ? "" : ",") + std::to_string(size), count *= size;
  std::string head = "{\"t\":{\"dtype\":\"U16\",\"shape\":[" + text + "],\"data_offsets\":[0," +
                     std::to_string(2 * count) + "]}}";
  head.append((8 - head.size() % 8) % 8, ' ');
  std::string file = make_file(head);
  for (std::uint64_t i = 0; i < count; ++i)
    file += {static_cast<char>(i & 0xFF), static_cast<char>(i >> 8)};
  return file;
}

using text_file = basic_file<std::vector<char>>;
text_file open(const std::string& file) {
  return *text_file::try_from(std::vector<char>(file.begin(), file.end()));
}

// A slice that must be valid.
slice_view cut(const tensor_view& tensor, list_of<dim_range> ranges) {
  result<slice_view> slice = tensor.try_slice(ranges);
  REQUIRE(slice.has_value());
  return *std::move(slice);
}

numbers shape_of(const slice_layout& slice) { return list(slice.shape()); }
numbers strides_of(const slice_layout& slice) { return list(slice.strides()); }

// What a slice must hold, by the plain definition.
numbers expected(const numbers& shape, const std::vector<dim_range>& ranges) {
  numbers found{0};
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const dim_range range = d < ranges.size() ? ranges[d] : dim_range();
    numbers next;
    for (const std::uint64_t base : found)
      for (std::uint64_t i = range.begin; i < (range.end == to_end ? shape[d] : range.end); ++i)
        next.push_back(base * shape[d] + i);
    found = next;
  }
  return found;
}

// A slice's numbers, by each of the ways to get at them, which must agree.
numbers contents(const slice_view& slice, std::string_view file) {
  std::vector<std::uint16_t> copied(static_cast<std::size_t>(slice.element_count()));
  REQUIRE(slice.try_copy_to(copied).has_value());
  std::string packed(static_cast<std::size_t>(slice.byte_size()), '\0');
  REQUIRE(slice.try_copy_bytes(std::as_writable_bytes(std::span(packed))).has_value());
  std::string by_runs, by_file;
  for (std::uint64_t i = 0; i < slice.run_count(); ++i) {
    const auto run = slice.run(i);
    by_runs.append(reinterpret_cast<const char*>(run.data()), run.size());
    const byte_range range = slice.file_run(i);
    by_file +=
        file.substr(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size()));
  }
  CHECK(packed == by_runs);
  CHECK(packed == by_file);
  if (std::endian::native == std::endian::little) {
    if (!packed.empty()) CHECK(std::memcmp(copied.data(), packed.data(), packed.size()) == 0);
    CHECK(slice.try_as<std::uint16_t>().has_value() == slice.contiguous());
    const auto first = slice.try_data<std::uint16_t>();
    REQUIRE(first.has_value());
    std::vector<std::uint16_t> strided;
    for (std::uint64_t i = 0; i < slice.element_count(); ++i) {
      std::uint64_t rest = i, at = 0;
      for (std::size_t d = slice.ndim(); d-- > 0; rest /= slice.shape()[d])
        at += rest % slice.shape()[d] * slice.strides()[d];
      strided.push_back((*first)[at]);
    }
    CHECK(strided == copied);
  }
  return {copied.begin(), copied.end()};
}

}  // namespace

TEST_CASE("a slice holds what Python's would, for every combination of ranges") {
  for (const numbers& shape :
       {numbers{}, numbers{5}, numbers{1}, numbers{3, 4}, numbers{1, 4}, numbers{3, 1},
        numbers{2, 3, 4}, numbers{2, 1, 3, 2}, numbers{0, 3}, numbers{3, 0}}) {
    const std::string file = counting(shape);
    const text_file model = open(file);
    const tensor_view tensor = *model.find("t");
    std::vector<std::vector<dim_range>> choices{{}};
    for (std::size_t done = 0, d = 0; d < shape.size(); ++d) {
      const std::size_t upto = choices.size();
      for (std::size_t i = done; i < upto; ++i) {
        const std::vector<dim_range> prefix = choices[i];
        for (std::uint64_t b = 0; b <= shape[d]; ++b) {
          for (std::uint64_t e = b; e <= shape[d]; ++e)
            choices.push_back(prefix), choices.back().emplace_back(b, e);
          if (b < shape[d]) choices.push_back(prefix), choices.back().emplace_back(pick(b));
          choices.push_back(prefix), choices.back().emplace_back(b, to_end);
        }
        choices.push_back(prefix), choices.back().emplace_back();
      }
      done = upto;
    }
    for (const auto& ranges : choices) {
      const auto slice = tensor.try_slice(ranges);
      REQUIRE(slice.has_value());
      numbers sizes;
      for (std::size_t d = 0; d < shape.size(); ++d) {
        const dim_range range = d < ranges.size() ? ranges[d] : dim_range();
        if (!range.drop)
          sizes.push_back((range.end == to_end ? shape[d] : range.end) - range.begin);
      }
      CHECK(list(slice->shape()) == sizes);
      CHECK(contents(*slice, file) == expected(shape, ranges));
    }
  }
}

TEST_CASE("runs are as long and as few as can be") {
  const std::string file = counting({4, 6, 8});
  const text_file model = open(file);
  const tensor_view tensor = *model.find("t");
  const auto runs = [&](list_of<dim_range> ranges) { return cut(tensor, ranges).run_count(); };
  CHECK(runs({}) == 1);
  CHECK(runs({{1, 3}}) == 1);
  CHECK(runs({pick(2)}) == 1);
  CHECK(runs({pick(2), {1, 5}}) == 1);
  CHECK(runs({{1, 2}, {1, 5}}) == 1);
  CHECK(runs({{}, {1, 5}}) == 4);
  CHECK(runs({{}, pick(0)}) == 4);
  CHECK(runs({{}, {}, {0, 4}}) == 24);
  CHECK(runs({{1, 3}, {}, pick(7)}) == 12);
  CHECK(runs({{1, 3}, {0, 6}, {0, 8}}) == 1);
  CHECK(runs({{1, 1}}) == 0);
  CHECK(runs({{}, {}, {3, 3}}) == 0);
  CHECK(cut(tensor, {{1, 1}}).contiguous());
}

TEST_CASE("strides are in elements, and 0 where there are none") {
  const text_file model = open(counting({4, 6, 8}));
  const tensor_view tensor = *model.find("t");
  CHECK(strides_of(cut(tensor, {})) == numbers{48, 8, 1});
  CHECK(strides_of(cut(tensor, {{}, pick(1), {2, 4}})) == numbers{48, 1});
  CHECK(strides_of(cut(tensor, {pick(0), pick(0), pick(0)})).empty());
  CHECK(strides_of(cut(tensor, {{1, 1}})) == numbers{48, 8, 1});
  const auto empty =
      parse(make_tensor_file("U8", "[0,18446744073709551615,18446744073709551615]", 0));
  const auto slice = empty->find("t")->try_slice({{}, {5, 7}});
  CHECK(list(slice->shape()) == numbers{0, 2, std::numeric_limits<std::uint64_t>::max()});
  CHECK(list(slice->strides()) == numbers{0, 0, 0});
  CHECK(slice->element_count() == 0);
  CHECK(slice->byte_size() == 0);
}

TEST_CASE("a slice out of range is refused, and the failure says why") {
  const text_file model = open(counting({3, 4}));
  const tensor_view tensor = *model.find("t");
  const auto refused = [&](list_of<dim_range> ranges) {
    const auto slice = tensor.try_slice(ranges);
    REQUIRE_FALSE(slice.has_value());
    CHECK(slice.error().code == errc::invalid_slice);
    CHECK(slice.error().tensor == "t");
    return slice.error();
  };
  CHECK(says(refused({{}, {}, {}}), {"2 dimensions", "3 ranges"}));
  CHECK(says(refused({{0, 4}}), {"[0,4)", "dimension 0", "3 elements"}));
  CHECK(says(refused({{}, {3, 2}}), {"[3,2)", "ends before it begins", "dimension 1"}));
  CHECK(says(refused({{4, to_end}}), {"[4,end)", "begins past the end of dimension 0"}));
  CHECK(says(refused({dim_range(0, 2, true)}), {"[0,2)", "not one element of dimension 0"}));
  for (const dim_range index : {pick(3), pick(-1), pick(to_end)}) {
    const failure found = refused({index});
    CHECK(says(found, {"index", "not in dimension 0", "3 elements"}));
    CHECK(found.message().find("18446744073709551615") == std::string::npos);
  }
  refused({{}, {5, -1}});
  refused({{-1, 2}});
  refused({{0, -1}});
  CHECK(tensor.try_slice({{3, 3}}).has_value());
  CHECK(tensor.try_slice({{}, {4, to_end}}).has_value());
}

TEST_CASE("rows are copied at a distance of the caller's") {
  const text_file model = open(counting({4, 6}));
  const tensor_view tensor = *model.find("t");
  const slice_view block = *tensor.try_slice({{1, 3}, {2, 4}});
  std::string wide(20, '.');
  const auto to = std::as_writable_bytes(std::span(wide));
  CHECK(block.try_copy_bytes(to, 10).has_value());
  CHECK(wide == std::string("\x08\x00\x09\x00......\x0e\x00\x0f\x00......", 20));
  CHECK(block.try_copy_bytes(to.first(14), 10).has_value());
  CHECK(block.try_copy_bytes(to.first(13), 10).error().code == errc::wrong_length);
  CHECK(block.try_copy_bytes(to, 3).error().code == errc::wrong_length);
  CHECK(block.try_copy_bytes(to, std::numeric_limits<std::size_t>::max()).error().code ==
        errc::wrong_length);
  CHECK(block.try_copy_bytes(to).error().code == errc::wrong_length);

  std::string whole(3 * 16 + 12, '.');  // one run of four rows
  CHECK(cut(tensor, {}).try_copy_bytes(std::as_writable_bytes(std::span(whole)), 16).has_value());
  CHECK(whole.substr(12, 5) == std::string("....\x06", 5));
  std::string column(8, '.');  // a row of four runs
  CHECK(cut(tensor, {{}, pick(5)})
            .try_copy_bytes(std::as_writable_bytes(std::span(column)), 8)
            .has_value());
  CHECK(column == std::string("\x05\0\x0b\0\x11\0\x17\0", 8));
  std::string scalar(2, '.');
  CHECK(cut(tensor, {pick(1), pick(1)})
            .try_copy_bytes(std::as_writable_bytes(std::span(scalar)), 2)
            .has_value());
  CHECK(scalar == std::string("\x07\0", 2));
  CHECK(cut(tensor, {{1, 1}}).try_copy_bytes({}, 16).has_value());
}

TEST_CASE("sub-byte dtypes are cut between bytes only") {
  const std::string file = make_tensor_file("F4", "[2,4]", 4);
  const auto model = open(file);
  const tensor_view tensor = *model.find("t");
  const auto slice = tensor.try_slice({{}, {2, 4}});
  REQUIRE(slice.has_value());
  CHECK(slice->run_count() == 2);
  CHECK(slice->run(1).data() == tensor.bytes().data() + 3);
  CHECK(slice->element_count() == 4);
  std::string packed(2, '.');
  CHECK(slice->try_copy_bytes(std::as_writable_bytes(std::span(packed))).has_value());
  CHECK(packed == "\x01\x03");
  CHECK(tensor.try_slice({pick(1)}).has_value());
  CHECK(tensor.try_slice({{}, {1, 3}}).error().code == errc::invalid_slice);
  CHECK(tensor.try_slice({{}, {0, 1}}).error().code == errc::invalid_slice);
  CHECK(tensor.try_slice({{}, pick(0)}).error().code == errc::invalid_slice);
  CHECK(tensor.try_slice({{}, {1, 1}}).has_value());

  const auto odd = open(make_tensor_file("F4", "[2,3]", 3));  // its rows are one and a half bytes
  CHECK(odd.find("t")->try_slice({}).has_value());
  CHECK(odd.find("t")->try_slice({{0, 1}}).error().code == errc::invalid_slice);
  CHECK(odd.find("t")->try_slice({{1, 2}}).error().code == errc::invalid_slice);
  std::string rows(8, '.');
  CHECK(cut(*odd.find("t"), {})
            .try_copy_bytes(std::as_writable_bytes(std::span(rows)), 4)
            .error()
            .code == errc::invalid_slice);

  const auto six = open(make_tensor_file("F6_E2M3", "[3,4]", 9));
  CHECK(cut(*six.find("t"), {{1, 3}}).byte_size() == 6);
  CHECK(six.find("t")->try_slice({{1, 3}, {0, 2}}).error().code == errc::invalid_slice);
}

TEST_CASE("a slice that is not contiguous has no plain span") {
  const text_file model = open(counting({3, 4}));
  const slice_view column = *model.find("t")->try_slice({{}, pick(1)});
  const failure found = column.try_as<std::uint16_t>().error();
  CHECK(found.code == errc::not_contiguous);
  CHECK(says(found, {"3 separate runs", "copy_to()"}));
  CHECK(column.try_as<float>().error().code == errc::dtype_mismatch);
  CHECK(column.try_data<float>().error().code == errc::dtype_mismatch);
  std::vector<std::uint16_t> two(2);
  CHECK(column.try_copy_to(two).error().code == errc::wrong_length);
  std::vector<float> floats(3);
  CHECK(column.try_copy_to(floats).error().code == errc::dtype_mismatch);
  std::vector<std::uint8_t> octets(3);
  CHECK(column.try_copy_bits(octets).error().code == errc::dtype_mismatch);
#if defined(__cpp_exceptions)
  const slice_view row = model["t"].slice({pick(1)});
  if (std::endian::native == std::endian::little) {
    CHECK(row.as<std::uint16_t>()[0] == 4);
    CHECK(*row.data<std::uint16_t>() == 4);
  }
  std::vector<std::uint16_t> values(4);
  row.copy_to(values);
  CHECK(values == std::vector<std::uint16_t>{4, 5, 6, 7});
  std::array<std::byte, 8> bytes{};
  row.copy_bytes(bytes);
  CHECK(std::memcmp(bytes.data(), row.run(0).data(), bytes.size()) == 0);
  CHECK_THROWS_AS(row.copy_bytes(std::span(bytes).first(7)), error);
  CHECK_THROWS_AS((void)model["t"].slice({pick(9)}), error);
  CHECK(model.header()["t"].slice({pick(1)}).file_run(0) == row.file_run(0));
#endif
}

TEST_CASE("slices of dtypes that C++ lacks have raw words") {
  std::string file = counting({3, 4});
  file.replace(file.find("\"U16\""), 5, "\"F16\"");
  const text_file model = open(file);
  const tensor_view tensor = *model.find("t");
  std::vector<std::uint16_t> column(3), row(4);
  CHECK(cut(tensor, {{}, pick(1)}).try_copy_bits(column).has_value());
  CHECK(column == std::vector<std::uint16_t>{1, 5, 9});
  CHECK(cut(tensor, {{}, pick(1)}).try_copy_bits(row).error().code == errc::wrong_length);
  CHECK(cut(tensor, {{}, pick(1)}).try_bits<std::uint16_t>().error().code == errc::not_contiguous);
  CHECK(cut(tensor, {pick(2)}).try_bits<std::uint32_t>().error().code == errc::dtype_mismatch);
  CHECK(cut(tensor, {pick(2)}).try_to_vector<std::uint16_t>().error().code == errc::dtype_mismatch);
  if (std::endian::native == std::endian::little)
    CHECK((*cut(tensor, {pick(2)}).try_bits<std::uint16_t>())[3] == 11);
  const text_file numbers_file = open(counting({3, 4}));
  CHECK(*cut(*numbers_file.find("t"), {{}, pick(3)}).try_to_vector<std::uint16_t>() ==
        std::vector<std::uint16_t>{3, 7, 11});
#if defined(__cpp_exceptions)
  CHECK(numbers_file["t"].slice({pick(0)}).to_vector<std::uint16_t>().size() == 4);
  CHECK_NOTHROW(model["t"].slice({pick(0)}).copy_bits(row));
#endif
}

TEST_CASE("a shard of every dimension can be cut for every rank") {
  const std::string file = counting({8, 6});
  const text_file model = open(file);
  const tensor_view tensor = *model.find("t");
  numbers rows;
  for (std::uint64_t rank = 0; rank < 4; ++rank) {
    const numbers part = contents(*tensor.try_slice({shard_range(8, rank, 4)}), file);
    rows.insert(rows.end(), part.begin(), part.end());
    CHECK(shape_of(cut(tensor, {{}, shard_range(6, rank, 4)}))[1] == (rank < 3 ? 2 : 0));
  }
  numbers all(48);
  std::iota(all.begin(), all.end(), 0u);
  CHECK(rows == all);
}

TEST_CASE("slices of many dimensions work") {
  numbers shape(1000, 1);
  shape[500] = 4;
  const text_file model = open(counting(shape));
  std::vector<dim_range> ranges(1000);
  ranges[500] = {1, 3};
  const auto slice = model.find("t")->try_slice(ranges);
  REQUIRE(slice.has_value());
  CHECK(slice->run_count() == 1);
  CHECK(slice->ndim() == 1000);
  CHECK(slice->element_count() == 2);
}

TEST_CASE("the runs of a slice are a range") {
  static_assert(std::ranges::forward_range<file_run_range>);
  static_assert(std::ranges::sized_range<file_run_range>);
  static_assert(std::ranges::borrowed_range<file_run_range>);
  const auto index = parse(make_tensor_file("U8", "[2,3,4]", 24));
  REQUIRE(index.has_value());
  const auto slice = index->find("t")->try_slice({{}, {1, 3}, {0, 2}});
  REQUIRE(slice.has_value());
  std::vector<byte_range> runs;
  for (const byte_range run : slice->file_runs()) runs.push_back(run);
  CHECK(runs.size() == 4);
  CHECK(slice->file_runs().size() == 4);
  for (std::size_t i = 0; i < runs.size(); ++i) CHECK(runs[i] == slice->file_run(i));
  CHECK(std::ranges::distance(slice->file_runs()) == 4);
  const auto none = index->find("t")->try_slice({{1, 1}});
  CHECK(none->file_runs().empty());
  CHECK(none->file_runs().begin() == none->file_runs().end());
}

TEST_CASE("a slice is empty by default") {
  const slice_view slice;
  CHECK(slice.ndim() == 0);
  CHECK(slice.run_count() == 0);
  CHECK(slice.element_count() == 0);
  CHECK(slice.file_runs().empty());
  CHECK(slice.try_copy_bytes({}).has_value());
  const slice_layout layout;
  CHECK(layout.tensor().name().empty());
  CHECK(layout.shape().empty());
}
