// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The file that is written: what becomes of an old one, of mappings of it, and of its permissions.
// (in_place, targets, rights and irreplaceable have the rest.)
#include "writing.hpp"

#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>
#endif

using namespace safetensors;
using namespace testing;

TEST_CASE("what is in the way of the target is left alone and told") {
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "folder");
  const auto system_of = [&](const std::filesystem::path& path,
                             const output_options& options = {}) {
    const auto saved = try_save(path, model_data(), {.output = options});
    REQUIRE_FALSE(saved.has_value());
    CHECK(saved.error().code == errc::io);
    CHECK(saved.error().path == path_ref(path).to_utf8());
    return saved.error().system;
  };
  for (const bool atomic : {true, false}) {
    const output_options options{.atomic = atomic};
    CHECK(system_of(folder / "folder", options) == std::errc::is_a_directory);
    CHECK(system_of(folder / "missing" / "m", options) == std::errc::no_such_file_or_directory);
    write_file(folder / "taken", "old");
    CHECK(system_of(folder / "taken", {.atomic = atomic, .replace = false}) ==
          std::errc::file_exists);
    CHECK(read_file(folder / "taken") == "old");
#ifndef _WIN32
    CHECK(system_of("/dev/null", options) == std::errc::invalid_argument);
    if (atomic) REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(system_of(folder / "fifo", options) == std::errc::invalid_argument);
    CHECK(system_of(std::string("nul\0inside", 10), options) == std::errc::invalid_argument);
#endif
  }
  CHECK(system_of("") == std::errc::no_such_file_or_directory);
}

TEST_CASE("a file that comes into being while ours is written stays, if it must not be replaced") {
  const temporary_folder folder;
  auto out = writer::try_create(folder / "m", *write_plan::try_make({}), {.replace = false});
  REQUIRE(out.has_value());
  write_file(folder / "m", "first");
  const auto done = out->try_finish();
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::io);
  CHECK(done.error().system == std::errc::file_exists);
  {
    auto ends = std::move(out);
  }
  CHECK(read_file(folder / "m") == "first");
  CHECK(files_in(folder / "") == 1);
}

TEST_CASE("in place, and as durable as can be, the same bytes are written") {
  const temporary_folder folder;
  for (const bool atomic : {true, false})
    for (const bool replace : {true, false})
      for (const bool durable : {true, false}) {
        const auto path = folder / "m";
        if (replace)
          write_file(path, std::string(100'000, 'x'));  // longer than the model
        else
          std::filesystem::remove(path);
        check_ok(try_save(path, model_data(),
                          {.output = {.atomic = atomic, .replace = replace, .durable = durable}}));
        CHECK(read_file(path) == serialized(model_data()));
        CHECK(files_in(folder / "") == 1);
      }
}

TEST_CASE("in place over a file that is mapped is refused, however its bytes are named") {
  const temporary_folder folder;
  const auto path = folder / "m";
  check_ok(try_save(path, model_data()));
  const std::string bytes = read_file(path);
  const write_options in_place{.output = {.atomic = false, .links = link_mode::follow}};
#ifndef _WIN32
  std::filesystem::create_hard_link(path, folder / "same file");
  std::filesystem::create_symlink("m", folder / "link");
  const std::vector targets{path, folder / "same file", folder / "link"};
#else
  const std::vector targets{path};
#endif
  const auto check_refused = [&](const tensor_list<tensor_data>& tensors) {
    for (const auto& target : targets) {
      const auto saved = try_save(target, tensors, in_place);
      REQUIRE_FALSE(saved.has_value());
      const auto started = writer::try_create(target, *write_plan::try_make({}), in_place.output);
      REQUIRE_FALSE(started.has_value());
#ifndef _WIN32
      CHECK(saved.error().code == errc::invalid_option);
      CHECK(saved.error().message().find("memory_file") != std::string::npos);
      CHECK(started.error().code == errc::invalid_option);
#endif
    }
    CHECK(read_file(path) == bytes);
  };
  {
    const auto model = file::try_open(path);
    REQUIRE(model.has_value());
    check_refused(*model);
    const tensor_view weight = *model->find("weight");
    check_refused({{"renamed", weight.dtype(), weight.shape(), weight.bytes()}});
    check_refused({{"part", dtype::u8, {4}, weight.bytes().subspan(8, 4)}});
    check_refused({});
  }
  {
    auto mapped = mapped_bytes::try_open(path);
    REQUIRE(mapped.has_value());
    const auto model = borrowed_file::try_from(std::span(mapped->data(), mapped->size()));
    REQUIRE(model.has_value());
    check_refused(*model);
    const mapped_bytes moved = *std::move(mapped);
    check_refused({});
  }
  // What is read into memory may be written in place, and so may what is mapped no longer.
  const auto copy = memory_file::try_open(path);
  REQUIRE(copy.has_value());
  for (const auto& target : targets) check_ok(try_save(target, *copy, in_place));
  CHECK(read_file(path) == bytes);
}

TEST_CASE("many mappings come and go, and in place is refused as long as one is there") {
  const temporary_folder folder;
  check_ok(try_save(folder / "m", model_data()));
  std::vector<mapped_bytes> mappings;
  for (int i = 0; i < 50; ++i) mappings.push_back(*mapped_bytes::try_open(folder / "m"));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) (void)mapped_bytes::try_open(folder / "m");
    });
  for (std::thread& each : threads) each.join();
  const write_options in_place{.output = {.atomic = false}};
  for (const std::size_t gone : {20u, 0u, 47u}) {  // one in the middle, both ends
    mappings.erase(mappings.begin() + static_cast<std::ptrdiff_t>(gone));
    CHECK_FALSE(try_save(folder / "m", {}, in_place).has_value());
  }
  mappings.clear();
  CHECK(try_save(folder / "m", {}, in_place).has_value());
}

TEST_CASE("saving over a file that is mapped succeeds or leaves the old one, and nothing else") {
  const temporary_folder folder;
  const auto path = folder / "m";
  check_ok(try_save(path, model_data()));
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  const auto saved = try_save(path, {{"weight", {6}, weights}});
  if (!saved) {
    MESSAGE("this system does not replace a file that is mapped: ", saved.error().message());
    CHECK(saved.error().code == errc::io);
  }
  CHECK(read_file(path) ==
        (saved ? serialized({{"weight", {6}, weights}}) : serialized(model_data())));
  CHECK(*mapped->find("weight")->try_to_vector<float>() == weights);
  CHECK(files_in(folder / "") == 1);
}

#ifndef _WIN32
TEST_CASE("saving over a file that is mapped leaves the mapping's bytes as they were") {
  const temporary_folder folder;
  const auto path = folder / "m";
  check_ok(try_save(path, model_data()));
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  const std::vector<float> zeros(6);
  check_ok(try_save(path, {{"weight", {2, 3}, zeros}}));
  CHECK(*mapped->find("weight")->try_to_vector<float>() == weights);
  const auto now = file::try_open(path);
  REQUIRE(now.has_value());
  CHECK(*now->find("weight")->try_to_vector<float>() == zeros);
  // and the mapped tensors can be saved over their own file
  check_ok(try_save(path, *mapped));
  CHECK(read_file(path) == serialized(model_data()));
}

TEST_CASE("a new file gets the mode that the umask leaves, one that replaces another keeps its") {
  const temporary_folder folder;
  const auto mode = [](const std::filesystem::path& path) {
    struct ::stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777u;
  };
  for (const unsigned mask : {022u, 077u, 002u}) {
    const ::mode_t old = ::umask(static_cast<::mode_t>(mask));
    const auto saved = try_save(folder / "new", model_data());
    const auto in_place =
        try_save(folder / "new in place", model_data(), {.output = {.atomic = false}});
    ::umask(old);
    check_ok(saved);
    check_ok(in_place);
    CHECK(mode(folder / "new") == (0666u & ~mask));
    CHECK(mode(folder / "new in place") == (0666u & ~mask));
    std::filesystem::remove(folder / "new");
    std::filesystem::remove(folder / "new in place");
  }
  write_file(folder / "old", "old");
  for (const unsigned wanted : {0600u, 0644u, 0664u, 0400u, 04755u, 02771u}) {
    REQUIRE(::chmod((folder / "old").c_str(), static_cast<::mode_t>(wanted)) == 0);
    check_ok(try_save(folder / "old", model_data()));
    CHECK(mode(folder / "old") == (wanted & 0777u));
  }
}

TEST_CASE("the owner of a file that is replaced stays, where that is permitted") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root may give files to others");
    return;
  }
  const temporary_folder folder;
  const auto path = folder / "m";
  write_file(path, "old");
  REQUIRE(::chown(path.c_str(), 1234, 2345) == 0);
  check_ok(try_save(path, model_data()));
  struct ::stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == 1234);
  CHECK(status.st_gid == 2345);
}

TEST_CASE("other hard links keep the old file") {
  const temporary_folder folder;
  write_file(folder / "m", "old");
  std::filesystem::create_hard_link(folder / "m", folder / "other");
  check_ok(try_save(folder / "m", model_data()));
  CHECK(read_file(folder / "other") == "old");
}

TEST_CASE("a path is relative to the current folder, and may end in a slash only for folders") {
  const temporary_folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  check_ok(try_save("m.safetensors", model_data()));
  const auto slash = try_save("m.safetensors/", {});
  std::filesystem::current_path(before);
  CHECK(read_file(folder / "m.safetensors") == serialized(model_data()));
  CHECK_FALSE(slash.has_value());
}

TEST_CASE("a file larger than the system's positions is refused") {
  const temporary_folder folder;
  const auto out = file_sink::try_create(folder / "m", std::uint64_t{1} << 63);
  REQUIRE_FALSE(out.has_value());
  CHECK(out.error().system == std::errc::file_too_large);
  CHECK(files_in(folder / "") == 0);
}
#endif

TEST_CASE("an output file that cannot be committed is not, ever, and moves keep it") {
  const temporary_folder folder;
  auto out = file_sink::try_create(folder / "m", 3, {.replace = false});
  REQUIRE(out.has_value());
  file_sink& same = *out;
  *out = std::move(same);
  CHECK_FALSE(out->write_at(0, std::as_bytes(std::span("abc", 3))));
  write_file(folder / "m", "old");
  CHECK(out->try_commit().error().system == std::errc::file_exists);
  std::filesystem::remove(folder / "m");
  CHECK(out->try_commit().error().code == errc::io);
  CHECK_FALSE(std::filesystem::exists(folder / "m"));
}

TEST_CASE("an output file takes bytes within its size, from memory and from files") {
  const temporary_folder folder;
  write_file(folder / "in", "0123456789");
  const auto source = file_source::try_open(folder / "in");
  REQUIRE(source.has_value());
  auto out = file_sink::try_create(folder / "out", 10);
  REQUIRE(out.has_value());
  CHECK(out->path() == path_ref(folder / "out").to_utf8());
  if (out->copy_at(4, *source, {0, 6}) != 6)  // where the system cannot
    CHECK_FALSE(out->write_at(4, std::as_bytes(std::span("012345", 6))));
  CHECK_FALSE(out->write_at(0, std::as_bytes(std::span("abcd", 4))));
  CHECK(out->write_at(7, std::as_bytes(std::span("abcd", 4))) == errc::wrong_length);
  CHECK(out->copy_at(5, *source, {0, 6}) == 0);
  CHECK(out->copy_at(0, *source, {5, 11}) == 0);
  CHECK(out->copy_at(0, *source, {5, 4}) == 0);
  check_ok(out->try_commit());
  check_ok(out->try_commit());
  CHECK(read_file(folder / "out") == "abcd012345");
}
