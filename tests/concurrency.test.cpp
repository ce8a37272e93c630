// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Many threads at once: reading, opening, writing. The preset `thread` runs this under the thread
// sanitizer.
#include "versions.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>

using namespace safetensors;
using namespace testing;

namespace {

// A std::latch; that of libstdc++ without futexes, as on Windows, loses wake-ups.
class latch {
 public:
  explicit latch(std::size_t count) noexcept : missing_(count) {}
  void arrive_and_wait() noexcept {
    --missing_;
    while (missing_ != 0) std::this_thread::yield();
  }

 private:
  std::atomic<std::size_t> missing_;
};

// Calls function(0), function(1), … each from a thread of its own, all at once; each must return
// true.
template <class Function> void in_threads(std::size_t count, Function&& function) {
  latch all_there(count);
  std::atomic<std::size_t> wrong = 0;
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread != count; ++thread)
    threads.emplace_back([&, thread] {
      all_there.arrive_and_wait();
      if (!function(thread)) ++wrong;
    });
  for (std::thread& each : threads) each.join();
  CHECK(wrong.load() == 0);
}

// "t0", "t1", … of 4 rows of 6 numbers, counted through.
class matrices {
 public:
  static constexpr std::size_t count = 100, rows = 4, columns = 6, size = rows * columns;
  matrices() : numbers_(count * size) {
    std::iota(numbers_.begin(), numbers_.end(), std::uint32_t{0});
  }
  [[nodiscard]] static std::string name(std::size_t i) { return "t" + std::to_string(i); }
  [[nodiscard]] std::span<const std::uint32_t> values(std::size_t i) const {
    return std::span(numbers_).subspan(i * size, size);
  }
  [[nodiscard]] std::vector<tensor_data> tensors() const {
    std::vector<tensor_data> all;
    for (std::size_t i = 0; i != count; ++i)
      all.emplace_back(name(i), shape_ref{rows, columns}, values(i));
    return all;
  }
  [[nodiscard]] std::vector<tensor_spec> specs() const {
    const auto all = tensors();
    return {all.begin(), all.end()};
  }
  [[nodiscard]] std::string file() const {
    const auto bytes = try_serialize(tensors(), {.metadata = {{"format", "pt"}}});
    REQUIRE(bytes.has_value());
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

 private:
  std::vector<std::uint32_t> numbers_;
};

// What a header or a file tells, without its bytes.
template <class Range> bool tells_all(const Range& opened, std::size_t i) {
  const std::string name = matrices::name(i);
  const auto found = opened.find(name);
  const auto missing = opened.try_at(name + "x");
  std::size_t seen = 0;
  for (const auto tensor : opened) seen += opened.contains(tensor.name()) ? 1u : 0u;
  const auto shape = found->template try_shape_as<int>();
  return seen == matrices::count && found && found->name() == name &&
         found->matches(dtype::u32, {any_size, 6}) && *shape == std::vector<int>{4, 6} &&
         !found->try_expect(dtype::f32, {4}) && opened.metadata().find("format") == "pt" &&
         opened.metadata().to_map().size() == 1 && !missing &&
         missing.error().message().find(name + "x") != std::string::npos;
}

bool gives_bytes(const tensor_view& tensor, std::span<const std::uint32_t> wanted) {
  std::vector<std::uint32_t> copied(matrices::size), words(matrices::size), cut(6);
  const auto slice = tensor.try_slice({{1, 3}, {2, 5}});
  const auto row = tensor.try_slice({pick(2)});
  if (!tensor.try_copy_to(copied) || !tensor.try_copy_bits(words) || !slice ||
      !slice->try_copy_to(cut) || !row || tensor.try_as<float>() ||
      slice->try_bits<std::uint32_t>())
    return false;
  if constexpr (std::endian::native == std::endian::little) {
    if (const auto here = tensor.try_as<std::uint32_t>();
        here && !std::equal(here->begin(), here->end(), wanted.begin(), wanted.end()))
      return false;
  }
  return std::equal(copied.begin(), copied.end(), wanted.begin(), wanted.end()) &&
         words == copied && *tensor.try_to_vector<std::uint32_t>() == copied &&
         cut == std::vector{wanted[8], wanted[9], wanted[10], wanted[14], wanted[15], wanted[16]} &&
         slice->run_count() == 2 && row->contiguous() && row->run(0).size() == 24;
}

}  // namespace

//-- reading

TEST_CASE("one file is read by many threads at once, in every way") {
  const matrices model;
  const temporary_folder folder;
  write_file(folder / "m", model.file());
  const auto index = header::try_open(folder / "m");
  const auto mapped = file::try_open(folder / "m");
  const auto read = memory_file::try_open(folder / "m");
  REQUIRE((index && mapped && read));
  in_threads(8, [&](std::size_t thread) {
    for (std::size_t each = 0; each != matrices::count; ++each) {
      const std::size_t i = (each * 7 + thread) % matrices::count;
      if (!tells_all(*index, i) || !tells_all(*mapped, i) || !tells_all(*read, i)) return false;
      for (const tensor_view tensor : {*mapped->find(model.name(i)), *read->find(model.name(i))})
        if (!gives_bytes(tensor, model.values(i))) return false;
    }
    return true;
  });
}

TEST_CASE("results, failures, slices and errors are copied by many threads at once") {
  const matrices model;
  const std::string bytes = model.file();
  const auto opened = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(opened.has_value());
  const result<tensor_view> found = opened->try_at("t1");
  const result<tensor_view> missing = opened->try_at("no such tensor, by a name of many letters");
  const result<slice_view> slice = found->try_slice({{1, 3}, {2, 5}});
  const std::string message = missing.error().message();
  in_threads(8, [&](std::size_t) {
    for (int i = 0; i != 200; ++i) {
      const result<tensor_view> found_again = found, missing_again = missing;
      const failure told = missing.error();
      const result<slice_view> cut = slice;
      if (found_again->name() != "t1" || missing_again.error().message() != message ||
          told.message() != message || cut->byte_size() != 24)
        return false;
    }
    return true;
  });
#if SAFETENSORS_EXCEPTIONS
  auto shared = std::make_unique<error>(missing.error());
  const std::vector<error> copies(8, *shared);  // all of one report, which the last one releases
  shared.reset();
  std::vector<std::optional<error>> taken(copies.begin(), copies.end());
  in_threads(8, [&](std::size_t thread) {
    for (int i = 0; i != 200; ++i) {
      const error copy = *taken[thread];
      if (copy.what() != message || copy.code() != errc::tensor_not_found) return false;
    }
    taken[thread].reset();
    return true;
  });
  in_threads(8, [&](std::size_t) {
    try {
      (void)missing.value();
    } catch (const error& thrown) {
      return thrown.what() == message;
    }
    return false;
  });
#endif
}

TEST_CASE("many threads open and close files at once, and are told of those that are none") {
  const temporary_folder folder;
  const auto path = folder / "m", broken = folder / "broken", none = folder / "none";
  write_file(path, version(1).file());
  write_file(broken, make_file("[]"));
  const auto say = [](const auto& opened) { return opened ? "" : opened.error().message(); };
  const std::string not_there = say(file::try_open(none)), invalid = say(file::try_open(broken));
  in_threads(8, [&](std::size_t) {
    for (int i = 0; i != 50; ++i) {
      const auto mapped = file::try_open(path);
      const auto read = memory_file::try_open(path);
      const auto index = header::try_open(path);
      auto copy = mapped_bytes::try_open(path, map_mode::copy_on_write);
      if (!mapped || !read || !index || !copy || !is_one_version(*mapped) || !is_one_version(*read))
        return false;
      copy->writable_bytes().front() = std::byte{0};
      if (say(memory_file::try_open(none)) != not_there || say(header::try_open(broken)) != invalid)
        return false;
    }
    return true;
  });
}

TEST_CASE("one source is read by many threads at once") {
  const temporary_folder folder;
  const std::string bytes = version(1).file();
  write_file(folder / "m", bytes);
  const auto source = file_source::try_open(folder / "m");
  REQUIRE(source.has_value());
  in_threads(8, [&](std::size_t thread) {
    std::byte piece[16];
    for (std::size_t i = 0; i != 1000; ++i) {
      const std::size_t at = (thread + 8 * i) % (bytes.size() - sizeof piece);
      if (source->read_at(at, piece) || std::memcmp(piece, bytes.data() + at, sizeof piece) != 0)
        return false;
    }
    const auto read = memory_file::try_read(*source);
    return read && is_one_version(*read);
  });
}

//-- writing

TEST_CASE("many threads each write a file of their own at once") {
  const temporary_folder folder;
  in_threads(8, [&](std::size_t thread) {
    const auto path = folder / std::to_string(thread);
    for (std::size_t i = 0; i != 20; ++i) {
      const version model(8 * i + thread);
      if (!model.save(path, {.replace = i != 0}) || read_file(path) != model.file()) return false;
    }
    return true;
  });
  CHECK(files_in(folder / "") == 8);
}

TEST_CASE("different tensors are appended by different threads") {
  const matrices model;
  const temporary_folder folder;
  write_file(folder / "from", model.file());
  const auto source = file_source::try_open(folder / "from");
  const auto index = header::try_open(folder / "from");
  REQUIRE((source && index));
  auto out = writer::try_create(
      folder / "m", *write_plan::try_make(model.specs(), {.metadata = {{"format", "pt"}}}));
  REQUIRE(out.has_value());
  in_threads(4, [&](std::size_t thread) {
    for (std::size_t at = 0; at != matrices::size; at += matrices::columns)
      for (std::size_t i = thread; i < matrices::count; i += 4) {
        const std::string name = model.name(i);
        if (out->try_remaining(model.name((i + 1) % matrices::count)).value_or(0) >
            4 * matrices::size)
          return false;
        if (out->try_remaining(name).value_or(0) != 4 * (matrices::size - at) ||
            !out->plan().header().contains(name))
          return false;
        const std::uint64_t first = index->find(name)->file_range().begin + 4 * at;
        if (i % 3 == 0 ? !out->try_append_from(name, *source, {first, first + 24})
                       : !out->try_append(name, model.values(i).subspan(at, matrices::columns)))
          return false;
      }
    return true;
  });
  CHECK(out->try_finish().has_value());
  CHECK(read_file(folder / "m") == model.file());
}

TEST_CASE("where several threads fail at the same time, one failure sticks for all of them") {
  constexpr std::size_t threads = 8;
  struct failing_sink {
    latch* all_fail;
    [[nodiscard]] std::error_code write_at(std::uint64_t offset, std::span<const std::byte>) const {
      if (offset == 0) return {};
      all_fail->arrive_and_wait();
      return std::make_error_code(std::errc::no_space_on_device);
    }
  };
  const matrices model;
  for (int i = 0; i != 20; ++i) {
    latch all_fail(threads);
    auto out =
        basic_writer<failing_sink>::try_start({&all_fail}, *write_plan::try_make(model.specs()));
    REQUIRE(out.has_value());
    in_threads(threads, [&](std::size_t thread) {
      const auto done = out->try_append(model.name(thread), model.values(thread));
      const auto later = out->try_append(model.name(thread), model.values(thread));
      return !done && done.error().tensor == model.name(thread) && !later;
    });
    const failure first = out->try_append(model.name(0), model.values(0)).error();
    CHECK(first.system == std::errc::no_space_on_device);
    CHECK(out->try_finish().error().message() == first.message());
  }
}

TEST_CASE("of many threads that may not replace a file, one makes it") {
  const temporary_folder folder;
  for (std::size_t i = 0; i != 20; ++i) {
    const auto path = folder / std::to_string(i);
    std::vector<file_sink> files;  // all begun before the first of them is there
    for (char letter = 'a'; letter != 'e'; ++letter) {
      files.push_back(*file_sink::try_create(path, 1, {.replace = false}));
      REQUIRE_FALSE(files.back().write_at(0, std::as_bytes(std::span(&letter, 1))));
    }
    std::atomic<char> made = 0;
    in_threads(files.size(), [&](std::size_t thread) {
      const auto done = files[thread].try_commit();
      if (done) return made.exchange(static_cast<char>('a' + thread)) == 0;
      return done.error().system == std::errc::file_exists;
    });
    CHECK(read_file(path) == std::string(1, made));
  }
  CHECK(files_in(folder / "") == 20);
}

#ifndef _WIN32  // there, a file that somebody has open may refuse to be replaced
TEST_CASE("a file that many threads save again and again is always one of theirs, whole") {
  const temporary_folder folder;
  const auto path = folder / "m";
  REQUIRE(version(0).save(path).has_value());
  constexpr std::size_t writers = 3, readers = 3;
  std::atomic<std::size_t> writing = writers, opened = 0;
  in_threads(writers + readers, [&](std::size_t thread) {
    if (thread < writers) {
      bool saved = true;
      for (std::size_t i = 0; i != 100; ++i)
        saved = version(writers * i + thread).save(path, {.durable = i % 50 == 0}) && saved;
      --writing;
      return saved;
    }
    do {
      const auto mapped = file::try_open(path);
      const auto read = memory_file::try_open(path);
      const auto index = header::try_open(path);
      if (!mapped || !read || !index || !is_one_version(*mapped) || !is_one_version(*read))
        return false;
      ++opened;
    } while (writing != 0);
    return true;
  });
  MESSAGE(opened.load(), " times opened meanwhile");
  CHECK(is_one_version(read_file(path)));
  CHECK(files_in(folder / "") == 1);
  REQUIRE(version(1000).save(path).has_value());
  CHECK(read_file(path) == version(1000).file());
}
#endif
