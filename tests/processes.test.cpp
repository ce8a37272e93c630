// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Several processes: what becomes of open files when one is forked or executes another program.
#ifndef _WIN32
#include "versions.hpp"

#include <optional>
#include <thread>

using namespace safetensors;
using namespace testing;

TEST_CASE("a child reads what its parent has mapped, and ends without disturbing it") {
  const temporary_folder folder;
  const auto path = folder / "m";
  REQUIRE(version(1).save(path).has_value());
  std::optional<file> mapped(*file::try_open(path));
  for (const bool destroys : {false, true}) {
    CHECK(true_in_child([&] {
      const bool refused = try_save(path, {}, {.output = {.atomic = false}}).error().code ==
                           errc::invalid_option;  // it is mapped there too
      const bool same = is_one_version(*mapped);
      if (destroys) mapped.reset();
      return same && refused;
    }));
    CHECK(is_one_version(*mapped));
  }
}

TEST_CASE("copy-on-write bytes are changed in one process alone") {
  const temporary_folder folder;
  write_file(folder / "m", "same");
  auto mapped = mapped_bytes::try_open(folder / "m", map_mode::copy_on_write);
  REQUIRE(mapped.has_value());
  const std::span<std::byte> bytes = mapped->writable_bytes();
  bytes[0] = std::byte{'S'};
  CHECK(true_in_child([&] {
    const bool inherited = bytes[0] == std::byte{'S'};
    bytes[1] = std::byte{'A'};
    return inherited;
  }));
  CHECK(bytes[1] == std::byte{'a'});
}

TEST_CASE("parent and child read by one file source at once, and each closes its own") {
  const temporary_folder folder;
  const std::string bytes = version(1).file();
  write_file(folder / "m", bytes);
  std::optional<file_source> source(*file_source::try_open(folder / "m"));
  const auto reads_all = [&] {
    for (std::size_t at = 0; at != bytes.size(); ++at) {
      std::byte read{};
      if (source->read_at(at, std::span(&read, 1)) || static_cast<char>(read) != bytes[at])
        return false;
    }
    return true;
  };
  const ::pid_t child = start_process([&] {
    const bool good = reads_all();
    source.reset();
    return good;
  });
  CHECK(reads_all());
  CHECK(end_of(child) == 0);
  CHECK(reads_all());
  CHECK(::lseek(source->handle(), 0, SEEK_CUR) == 0);  // which they have in common
}

TEST_CASE("a child that ends leaves the file alone that its parent is writing") {
  const temporary_folder folder;
  const std::vector<float> values{1, 2, 3, 4};
  const std::vector<tensor_data> tensors{{"w", {4}, values}};
  for (const bool atomic : {true, false})
    for (const bool destroys : {false, true}) {
      CAPTURE(atomic);
      CAPTURE(destroys);
      std::filesystem::remove(folder / "m");
      std::optional<writer> out(
          *writer::try_create(folder / "m", *write_plan::try_make(tensors), {.atomic = atomic}));
      REQUIRE(out->try_append("w", std::span(values).first(2)).has_value());
      CHECK(true_in_child([&] {
        if (destroys) out.reset();
        return true;
      }));
      CHECK(files_in(folder / "") == 1);
      CHECK(std::filesystem::exists(folder / "m") == !atomic);
      CHECK(out->try_append("w", std::span(values).subspan(2)).has_value());
      CHECK(out->try_finish().has_value());
      const auto written = file::try_open(folder / "m");
      REQUIRE(written.has_value());
      CHECK(*written->find("w")->try_to_vector<float>() == values);
      CHECK(files_in(folder / "") == 1);
    }
}

TEST_CASE("processes that save over one path leave one of their files, whole, and nothing else") {
  const temporary_folder folder;
  const auto path = folder / "m";
  REQUIRE(version(0).save(path).has_value());
  int all_there[2];
  REQUIRE(::pipe(all_there) == 0);
  std::vector<::pid_t> children;
  for (std::size_t child = 0; child != 4; ++child)
    children.push_back(start_process([&] {
      char none = 0;
      ::close(all_there[1]);
      bool saved = ::read(all_there[0], &none, 1) == 0;  // once the parent has closed it too
      for (std::size_t i = 0; i != 50; ++i) saved = version(4 * i + child).save(path) && saved;
      return saved;
    }));
  ::close(all_there[0]);
  ::close(all_there[1]);
  for (int i = 0; i != 100; ++i) {
    const auto opened = file::try_open(path);
    CHECK((opened && is_one_version(*opened)));
  }
  for (const ::pid_t child : children) CHECK(end_of(child) == 0);
  CHECK(is_one_version(read_file(path)));
  CHECK(files_in(folder / "") == 1);
}

TEST_CASE("a process that is forked while other threads map and look for mappings does so too") {
  const temporary_folder folder;
  const auto path = folder / "m", mapped_first = folder / "first";
  for (const auto& each : {path, mapped_first}) REQUIRE(version(1).save(each).has_value());
  std::vector<mapped_bytes> mappings;
  mappings.push_back(*mapped_bytes::try_open(mapped_first));  // looked for at last
  for (int i = 0; i != 1000; ++i) mappings.push_back(*mapped_bytes::try_open(path));
  std::atomic<bool> enough = false;
  std::vector<std::thread> threads;
  for (int i = 0; i != 2; ++i)
    threads.emplace_back([&] {
      while (!enough) {
        (void)mapped_bytes::try_open(path);
        (void)file_sink::try_create(mapped_first, 1, {.atomic = false});  // refused
      }
    });
  for (int i = 0; i != 50; ++i)
    CHECK(true_in_child([&] {
      ::alarm(60);  // lest it wait forever for a thread that it does not have
      const auto here = file::try_open(path);
      mappings.clear();
      return here && is_one_version(*here);
    }));
  enough = true;
  for (std::thread& each : threads) each.join();
}

#ifdef __linux__
TEST_CASE("a program that is executed inherits no descriptor") {
  const temporary_folder folder;
  REQUIRE(version(1).save(folder / "m").has_value());
  const int inherited =
      ::open((folder / "m").c_str(), O_RDONLY);  // which shows that the list is one
  REQUIRE(inherited >= 0);
  const std::size_t before = open_descriptors();
  const auto source = file_source::try_open(folder / "m");
  const auto mapped = file::try_open(folder / "m");
  const auto atomic = writer::try_create(folder / "new", *write_plan::try_make({}));
  const auto in_place =
      writer::try_create(folder / "in place", *write_plan::try_make({}), {.atomic = false});
  REQUIRE((source && mapped && atomic && in_place));
  CHECK(open_descriptors() == before + 6);  // the source, a file, another one twice, two folders
  const outcome listed = run("ls -l /proc/self/fd");
  ::close(inherited);
  std::size_t found = 0;
  const std::string name = (folder / "").parent_path().string();
  for (std::size_t at = listed.out.find(name); at != listed.out.npos;
       at = listed.out.find(name, at + 1))
    ++found;
  INFO(listed.out);
  CHECK(found == 1);
}
#endif
#endif
