// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Uses that would dangle or mean nothing. Each case is compiled as it should be written, which must
// pass, and with WRONG, which must fail. Those from 25 to 32 compile with g++; clang warns. From 33
// on, the first error says what to write instead.
#include <safetensors/writer.hpp>

#include <array>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace safetensors;

#if CASE == 31  // a view returned from the function that owns the file
#ifdef WRONG
[[maybe_unused]] static tensor_view first(const char* path) {
  const file model(path);
  return model["w"];
}
#else
[[maybe_unused]] static tensor_view first(const file& model) { return model["w"]; }
#endif
#elif CASE == 32  // a path borrowed from a parameter that goes away; views as parameters are right
#ifdef WRONG
[[maybe_unused]] static path_ref borrowed(std::string path) { return path; }
#else
[[maybe_unused]] static path_ref borrowed(std::string_view path) { return path; }
[[maybe_unused]] static shape_ref borrowed(std::span<const int> shape) { return shape; }
#endif
#endif

[[maybe_unused]] static void use(const char* path, std::vector<std::byte>& bytes) {
#if CASE == 1  // a view of a temporary file
#ifdef WRONG
  const tensor_view view = file(path)["w"];
#else
  const file model(path);
  const tensor_view view = model["w"];
#endif
  (void)view;
#elif CASE == 2  // a view of a temporary result
#ifdef WRONG
  (void)file::try_open(path)->find("w");
#else
  const result<file> model = file::try_open(path);
  (void)model->find("w");
#endif
#elif CASE == 3  // a view of a dereferenced temporary result
#ifdef WRONG
  (void)(*file::try_open(path)).find("w");
#else
  const file model = *file::try_open(path);
  (void)model.find("w");
#endif
#elif CASE == 4  // an iterator of a temporary
#ifdef WRONG
  (void)header(path).begin();
#else
  const header index(path);
  (void)index.begin();
#endif
#elif CASE == 5  // metadata of a temporary
#ifdef WRONG
  (void)header(path).metadata();
#else
  const header index(path);
  (void)index.metadata();
#endif
#elif CASE == 6  // a number as a name
#ifdef WRONG
  (void)header(path).contains(0);
#else
  (void)header(path).contains("0");
#endif
#elif CASE == 7  // a letter as a name
  const file model(path);
#ifdef WRONG
  (void)model['A'];
#else
  (void)model["A"];
#endif
#elif CASE == 8  // an index as a name
  const file model(path);
#ifdef WRONG
  (void)model[0];
#else
  (void)model.begin()[0];
#endif
#elif CASE == 9  // memory borrowed from a temporary
#ifdef WRONG
  (void)borrowed_file::try_from(std::vector<std::byte>(bytes));
#else
  (void)borrowed_file::try_from(bytes);
#endif
#elif CASE == 10  // a lone number as a range
  const file model(path);
#ifdef WRONG
  (void)model["w"].slice({3});
#else
  (void)model["w"].slice({pick(3)});
#endif
#elif CASE == 11  // a BOOL as bool, which a byte of 2 is not
  const file model(path);
#ifdef WRONG
  (void)model["w"].as<bool>();
#else
  (void)model["w"].bits<std::uint8_t>();
#endif
#elif CASE == 12  // the shape of a temporary slice
  const file model(path);
#ifdef WRONG
  (void)model["w"].slice({pick(3)}).shape();
#else
  const slice_view row = model["w"].slice({pick(3)});
  (void)row.shape();
#endif
#elif CASE == 13  // a failure that is not looked at
  const file model(path);
  float buffer[4];
#ifdef WRONG
  model["w"].try_copy_to(buffer);
#else
  (void)model["w"].try_copy_to(buffer);
#endif
#elif CASE == 14  // a null path
#ifdef WRONG
  (void)file::try_open(nullptr);
#else
  (void)file::try_open(path);
#endif
#elif CASE == 15  // the header of a temporary file
#ifdef WRONG
  const header& index = file(path).header();
#else
  const file model(path);
  const header& index = model.header();
#endif
  (void)index;
#elif CASE == 16  // writing through a view
  const file model(path);
#ifdef WRONG
  model["w"].as<float>()[0] = 1;
#else
  (void)model["w"].as<float>()[0];
#endif
#elif CASE == 17  // a const temporary result
#ifdef WRONG
  (void)static_cast<const result<file>&&>(file::try_open(path))->size();
#else
  const result<file> model = file::try_open(path);
  (void)model->size();
#endif
#elif CASE == 18  // an array that goes away
#ifdef WRONG
  (void)borrowed_file::try_from(std::array<std::byte, 8>{});
#else
  static const std::array<std::byte, 8> array{};
  (void)borrowed_file::try_from(array);
#endif
#elif CASE == 19  // elements to be written that go away
#ifdef WRONG
  const tensor_data tensor("w", {2}, std::vector<float>{1, 2});
#else
  const std::vector<float> values{1, 2};
  const tensor_data tensor("w", {2}, values);
#endif
  (void)tensor;
#elif CASE == 20  // the header of a temporary plan
#ifdef WRONG
  (void)write_plan::make({}).header_bytes();
#else
  const write_plan plan = write_plan::make({});
  (void)plan.header_bytes();
#endif
#elif CASE == 21  // the tensors of a temporary plan
#ifdef WRONG
  (void)write_plan::make({}).header();
#else
  const write_plan plan = write_plan::make({});
  (void)plan.header();
#endif
#elif CASE == 22  // a file that may not have been finished
  writer out(path, write_plan::make({}));
#ifdef WRONG
  out.try_finish();
#else
  (void)out.try_finish();
#endif
#elif CASE == 23  // two writers of one file
  writer out(path, write_plan::make({}));
#ifdef WRONG
  const writer copy = out;
#else
  const writer moved = std::move(out);
#endif
#elif CASE == 24  // bytes that are no elements, without a dtype
#ifdef WRONG
  const tensor_data tensor("w", {2}, bytes);
#else
  const tensor_data tensor("w", dtype::u8, {2}, bytes);
#endif
  (void)tensor;
#elif CASE == 25  // ranges kept beyond the call that they are for
#ifdef WRONG
  const list_of<dim_range> ranges = {{0, 1}, {2, 3}};
#else
  const std::vector<dim_range> ranges = {{0, 1}, {2, 3}};
#endif
  const file model(path);
  (void)model["w"].slice(ranges);
#elif CASE == 26  // sizes kept beyond the call
#ifdef WRONG
  const shape_ref shape = {2, 3};
#else
  const std::vector<int> shape = {2, 3};
#endif
  (void)byte_size(dtype::f32, shape);
#elif CASE == 27  // sizes of a temporary
#ifdef WRONG
  const shape_ref shape = std::vector<int>{2, 3};
#else
  const std::vector<int> sizes{2, 3};
  const shape_ref shape = sizes;
#endif
  (void)byte_size(dtype::f32, shape);
#elif CASE == 28  // a path borrowed from a temporary string
#ifdef WRONG
  const path_ref where = std::string(path) + ".safetensors";
#else
  const std::string where = std::string(path) + ".safetensors";
#endif
  (void)file::try_open(where);
#elif CASE == 29  // a path borrowed from a temporary string of UTF-8
#ifdef WRONG
  const path_ref where = std::u8string(u8"a");
#else
  const path_ref where = u8"a";
#endif
  (void)file::try_open(where);
#elif CASE == 30  // a path borrowed from a temporary path
#ifdef WRONG
  const path_ref where = std::filesystem::path(path);
#else
  const std::filesystem::path where(path);
#endif
  (void)file::try_open(where);
#elif CASE == 33  // a temporary among the tensors of save()
#ifdef WRONG
  save(path, {{"w", {2}, std::vector<float>{1, 2}}});
#else
  const std::vector<float> values{1, 2};
  save(path, {{"w", {2}, values}});
#endif
#elif CASE == 34  // a pointer to elements that are written
  const float values[2] = {};
  const float* const first = values;
#ifdef WRONG
  save(path, {{"w", {2}, first}});
#else
  save(path, {{"w", {2}, std::span(first, 2)}});
#endif
#elif CASE == 35  // a pointer to a buffer
  const file model(path);
  float values[2] = {};
  float* const first = values;
#ifdef WRONG
  model["w"].copy_to(first);
#else
  model["w"].copy_to(std::span(first, 2));
#endif
#elif CASE == 36  // elements of a type without dtype_traits, read
  struct half {
    std::uint16_t word;
  };
  const file model(path);
#ifdef WRONG
  (void)model["w"].as<half>();
#else
  (void)model["w"].bits<std::uint16_t>();
#endif
#elif CASE == 37  // the same, written
  struct half {
    std::uint16_t word;
  };
#ifdef WRONG
  const std::vector<half> values(2);
  save(path, {{"w", {2}, values}});
#else
  const std::vector<std::uint16_t> values(2);
  save(path, {{"w", dtype::f16, {2}, values}});
#endif
#elif CASE == 38  // a source that returns bool
  struct reader {
    [[nodiscard]] std::uint64_t size() const { return 0; }
#ifdef WRONG
    bool read_at(std::uint64_t, std::span<std::byte>) { return true; }
#else
    std::error_code read_at(std::uint64_t, std::span<std::byte>) { return {}; }
#endif
  };
  (void)memory_file::try_read(reader());
#elif CASE == 39  // a function that returns bool
#ifdef WRONG
  const auto read = [](std::uint64_t, std::span<std::byte>) { return true; };
#else
  const auto read = [](std::uint64_t, std::span<std::byte>) { return std::error_code(); };
#endif
  (void)header::try_read(function_source{8, read});
#elif CASE == 40  // a sink that returns a number of bytes
#ifdef WRONG
  const auto write = [](std::span<const std::byte> next) {
    return std::fwrite(next.data(), 1, next.size(), stdout);
  };
#else
  const auto write = [](std::span<const std::byte> next) {
    return std::fwrite(next.data(), 1, next.size(), stdout) == next.size();
  };
#endif
  basic_writer out{function_sink{write}, write_plan::make({})};
#elif CASE == 41  // a callable where a sink is wanted
  const auto write = [](std::span<const std::byte>) { return true; };
#ifdef WRONG
  basic_writer<decltype(write)> out(write, write_plan::make({}));
#else
  basic_writer out(function_sink{write}, write_plan::make({}));
#endif
#elif CASE == 42  // a stream where bytes are mapped
  struct stream {
    result<std::size_t> read(std::span<std::byte>) { return 0; }
  };
#ifdef WRONG
  (void)file::try_read(stream());
#else
  (void)memory_file::try_read(stream());
#endif
#elif CASE >= 43 && CASE <= 44  // a buffer, and what is appended, of a type without dtype_traits
  struct half {
    std::uint16_t word;
  };
  std::vector<half> values(2);
  std::vector<std::uint16_t> words(2);
#if CASE == 43
  const file model(path);
#ifdef WRONG
  model["w"].copy_to(values);
#else
  model["w"].copy_bits(words);
#endif
#else
  writer out(path, write_plan::make({{"w", dtype::f16, {2}}}));
#ifdef WRONG
  out.append("w", values);
#else
  out.append_bits("w", words);
#endif
#endif
#elif CASE == 45  // a pointer to what is appended
  writer out(path, write_plan::make({{"w", dtype::f32, {2}}}));
  const float values[2] = {};
  const float* const first = values;
#ifdef WRONG
  out.append("w", first);
#else
  out.append("w", std::span(first, 2));
#endif
#elif CASE == 46  // a source that returns bool, appended
  struct reader {
    [[nodiscard]] std::uint64_t size() const { return 8; }
#ifdef WRONG
    bool read_at(std::uint64_t, std::span<std::byte>) { return true; }
#else
    std::error_code read_at(std::uint64_t, std::span<std::byte>) { return {}; }
#endif
  };
  writer out(path, write_plan::make({{"w", dtype::f32, {2}}}));
  out.append_from("w", reader(), {0, 8});
#elif CASE == 47  // a callable where save() wants a sink
  const auto write = [](std::span<const std::byte>) { return true; };
#ifdef WRONG
  save(write, {});
#else
  save(function_sink{write}, {});
#endif
#endif
  (void)path;
  (void)bytes;
}
