// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Files that are written in place, and files on which somebody holds a lease.
#ifndef _WIN32
#include "targets.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <thread>

using namespace safetensors;
using namespace testing;

TEST_CASE("in place, an existing file keeps its bytes until the first append, or the end") {
  const cache made;
  auto out = writer::try_create(made.blob(), new_plan(), in_place);
  REQUIRE(out.has_value());
  CHECK(read_file(made.blob()) == "old");
  check_done(append_new(*out));
  CHECK(read_file(made.blob()) != "old");
  check_done(out->try_finish());
  check_new(made.blob());

  for (const auto& specs :
       {std::vector<tensor_spec>(), std::vector<tensor_spec>{{"none", dtype::f32, {0, 3}}}}) {
    write_file(made.blob(), "old");
    out = writer::try_create(made.blob(), *write_plan::try_make(specs), in_place);
    REQUIRE(out.has_value());
    CHECK(read_file(made.blob()) == "old");
    check_done(out->try_finish());
    const auto now = file::try_open(made.blob());
    REQUIRE(now.has_value());
    CHECK(now->size() == specs.size());
  }
}

TEST_CASE("in place, a writer that is given up before the first append leaves the old file") {
  const cache made;
  const folder_content before = content_of(made.folder());
  for (const auto& path : {made.blob(), made.link()}) {
    auto out = writer::try_create(path, new_plan(), {.atomic = false, .links = link_mode::follow});
    REQUIRE(out.has_value());
    check_refused(out->try_finish(), errc::incomplete_write);
    const writer moved = *std::move(out);
  }
  CHECK((content_of(made.folder()) == before));
}

TEST_CASE("in place, the file that would be emptied is not taken as a source") {
  const std::string old_file = make_tensor_file("U8", "[5]", 5, "w");
  const byte_range values{old_file.size() - 5, old_file.size()};
  for (const bool in_order : {true, false})
    for (const std::string_view name : {"blobs/1", "hard", "snapshots/m"}) {
      CAPTURE(name);
      const cache made;
      write_file(made.blob(), old_file);
      std::filesystem::create_hard_link(made.blob(), made.folder() / "hard");
      const folder_content before = content_of(made.folder());
      const file_source source = opened(made.folder() / name);
      const auto borrowed = file_source::try_borrow(source.handle());
      REQUIRE(borrowed.has_value());
      for (const file_source* from : {&source, &*borrowed}) {
        auto out = writer::try_create(made.blob(), new_plan(), in_place);
        REQUIRE(out.has_value());
        const auto copied = in_order ? out->try_append_from(*from, values)
                                     : out->try_append_from("w", *from, values);
        check_refused(copied, errc::invalid_option);
        check_refused(append_new(*out), errc::invalid_option);
        check_refused(out->try_finish(), errc::invalid_option);
      }
      CHECK((content_of(made.folder()) == before));
    }
}

TEST_CASE("in place, a source that turns out to be the target after the first append fails") {
  const cache made;
  const std::string old_file = make_tensor_file("U8", "[5]", 5, "w");
  write_file(made.blob(), old_file);
  const file_source source = opened(made.link());
  {
    auto out = writer::try_create(made.blob(), new_plan(), in_place);
    REQUIRE(out.has_value());
    check_done(out->try_append("w", std::as_bytes(std::span(new_values)).first(2)));
    check_refused(out->try_append_from("w", source, {old_file.size() - 3, old_file.size()}),
                  errc::invalid_option);
    check_refused(out->try_finish(), errc::invalid_option);
  }
  CHECK_FALSE(std::filesystem::exists(made.blob()));
}

TEST_CASE("in place, a source that is another file is copied") {
  const cache made;
  write_file(made.folder() / "in", new_file());
  const file_source source = opened(made.folder() / "in");
  auto out = writer::try_create(made.blob(), new_plan(), in_place);
  REQUIRE(out.has_value());
  check_done(out->try_append_from("w", source, {source.size() - 5, source.size()}));
  check_done(out->try_finish());
  check_new(made.blob());
}

#ifdef __linux__
TEST_CASE("in place, a file that is mapped before the first append is refused and stays") {
  const cache made;
  const std::string old_file = make_tensor_file("F32", "[2]", 8);
  write_file(made.blob(), old_file);
  const folder_content before = content_of(made.folder());
  std::optional<result<file>> mapped;
  const auto written =
      write_new(made.blob(), in_place, [&] { mapped.emplace(file::try_open(made.link())); });
  REQUIRE((mapped.has_value() && mapped->has_value()));
  check_refused(written, errc::invalid_option);
  CHECK(says(written, "memory_file"));
  CHECK((content_of(made.folder()) == before));
  mapped.reset();
  check_done(write_new(made.blob(), in_place));
}

TEST_CASE("in place, a file that is mapped by a name that is gone is refused by another name") {
  const cache made;
  write_file(made.blob(), make_tensor_file("F32", "[2]", 8));
  const auto other_name = made.folder() / "a name (deleted)\nand more";
  std::filesystem::create_hard_link(made.blob(), other_name);
  const auto mapped = file::try_open(other_name);
  REQUIRE(mapped.has_value());
  check_refused(write_new(made.blob(), in_place),
                errc::invalid_option);  // the name has a line break
  std::filesystem::remove(other_name);
  check_refused(write_new(made.blob(), in_place), errc::invalid_option);
}
#endif

TEST_CASE("in place, another file that has the name before the first append is refused and stays") {
  const cache made;
  folder_content before;
  check_refused(write_new(made.blob(), in_place,
                          [&] {
                            put_equal_file_at(made.blob());
                            before = content_of(made.folder());
                          }),
                errc::target_changed);
  CHECK((content_of(made.folder()) == before));
  check_refused(write_new(made.blob(), in_place,
                          [&] {
                            std::filesystem::rename(made.blob(), made.folder() / "moved");
                            before = content_of(made.folder());
                          }),
                errc::target_changed);
  CHECK((content_of(made.folder()) == before));
  check_refused(write_new(made.folder() / "moved", in_place,
                          [&] {
                            std::filesystem::rename(made.folder() / "moved", made.blob());
                            std::filesystem::create_symlink("blobs/1", made.folder() / "moved");
                            before = content_of(made.folder());
                          }),
                errc::target_changed);
  CHECK((content_of(made.folder()) == before));
}

TEST_CASE(
    "in place, a file that is moved to the name meanwhile is not removed with the unfinished one") {
  for (const bool existed : {true, false}) {
    const cache made;
    const auto path = existed ? made.blob() : made.folder() / "new";
    folder_content wanted;
    {
      auto out = writer::try_create(path, new_plan(), in_place);
      REQUIRE(out.has_value());
      REQUIRE(append_new(*out).has_value());
      std::filesystem::rename(path, made.folder() / "unfinished");
      write_file(path, "of another program");
      wanted = content_of(made.folder());
    }
    CHECK((content_of(made.folder()) == wanted));
  }
}

TEST_CASE("in place, a file that has lost its name meanwhile is not called finished") {
  for (const bool existed : {true, false})
    for (const bool replaced : {true, false}) {
      const cache made;
      const auto path = existed ? made.blob() : made.folder() / "new";
      folder_content wanted;
      {
        auto out = writer::try_create(path, new_plan(), in_place);
        REQUIRE(out.has_value());
        REQUIRE(append_new(*out).has_value());
        std::filesystem::remove(path);
        if (replaced) write_file(path, "of another program");
        wanted = content_of(made.folder());
        const auto finished = out->try_finish();
        check_refused(finished, errc::io);
        CHECK(says(finished, "replaced or removed"));
      }
      CHECK((content_of(made.folder()) == wanted));
    }
}

TEST_CASE("in place, first appends of several threads at once write one file, whole") {
  constexpr std::size_t count = 4, size = 3000;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<tensor_data> tensors;
  for (std::size_t i = 0; i != count; ++i) bytes.emplace_back(size, static_cast<std::byte>(i + 1));
  for (std::size_t i = 0; i != count; ++i)
    tensors.emplace_back("t" + std::to_string(i), dtype::u8, shape_ref{size}, bytes[i]);
  const auto serialized = try_serialize(tensors);
  REQUIRE(serialized.has_value());
  const cache made;
  for (int round = 0; round != 50; ++round) {
    write_file(made.blob(), std::string(100'000, 'x'));
    auto out = writer::try_create(made.blob(), *write_plan::try_make(tensors), in_place);
    REQUIRE(out.has_value());
    std::atomic<std::size_t> missing = count, failed = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i != count; ++i)
      threads.emplace_back([&, i] {
        const std::span<const std::byte> all = bytes[i];
        --missing;
        while (missing != 0) std::this_thread::yield();  // all begin at once
        for (const auto piece : {all.first(size / 3), all.subspan(size / 3)})
          if (!out->try_append(tensors[i].name, piece)) ++failed;
      });
    for (std::thread& each : threads) each.join();
    CHECK(failed.load() == 0);
    check_done(out->try_finish());
    const std::string now = read_file(made.blob());
    CHECK(std::ranges::equal(std::as_bytes(std::span(now)), *serialized));
  }
}

TEST_CASE("in place, a file that cannot be written is found at the start") {
  const cache made;
  const auto check = [&](auto&& write_as_user) {
    set_mode(made.folder(), 0777);
    set_mode(made.blob(), 0444);
    const folder_content before = content_of(made.folder());
    bool created = false;
    check_refused(
        write_as_user([&] { return write_new(made.blob(), in_place, [&] { created = true; }); }),
        EACCES);
    CHECK_FALSE(created);
    CHECK((content_of(made.folder()) == before));
  };
  if (::geteuid() != 0)
    check([](auto&& write) { return ending_of(write()); });
  else if (can_be_others())
    check([](auto&& write) { return as_user(65534, 65534, write); });
}

//-- leases

#if defined(__linux__) && defined(F_SETLEASE)
namespace {

int leased_file = -1;

// A process that holds a lease on a file, and gives it up when it is asked to, as file servers do.
class lease_holder {
 public:
  lease_holder(const std::filesystem::path& path, int kind) {
    child_ = start_process([&] {
      leased_file = ::open(path.c_str(), kind == F_WRLCK ? O_RDWR : O_RDONLY);
      struct ::sigaction action{};
      action.sa_handler = [](int) { ::fcntl(leased_file, F_SETLEASE, F_UNLCK); };
      ::sigaction(SIGIO, &action, nullptr);
      if (::fcntl(leased_file, F_SETLEASE, kind) != 0) return false;
      taken_.report();
      return enough_.wait();
    });
    holds_ = taken_.wait();
    if (!holds_) MESSAGE("skipped: this file system, or this user, has no leases");
  }
  lease_holder(const lease_holder&) = delete;
  lease_holder& operator=(const lease_holder&) = delete;
  ~lease_holder() {
    enough_.report();
    CHECK((end_of(child_) == 0) == holds_);
  }
  [[nodiscard]] bool holds() const { return holds_; }

 private:
  event taken_, enough_;
  ::pid_t child_ = 0;
  bool holds_ = false;
};

}  // namespace

TEST_CASE("a file on which somebody holds a lease is opened once that is given up") {
  const temporary_folder folder(memory_disk());
  write_file(folder / "m", make_tensor_file("F32", "[2]", 8));
  const lease_holder held(folder / "m", F_WRLCK);
  if (!held.holds()) return;
  const auto opened_file = file::try_open(folder / "m");
  if (!opened_file) FAIL_CHECK(opened_file.error().message());
}

TEST_CASE("a file on which somebody holds a lease is written in place once that is given up") {
  const temporary_folder folder(memory_disk());
  write_file(folder / "m", "old");
  const lease_holder held(folder / "m", F_RDLCK);
  if (!held.holds()) return;
  check_done(write_new(folder / "m", in_place));
  check_new(folder / "m");
}
#endif
#endif
