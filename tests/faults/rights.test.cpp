// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// File systems that refuse what others can: to change modes, to make room, to rename.
#include "../targets.hpp"
#include "system_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

using namespace safetensors;
using namespace testing;

namespace {

// A folder with one old file, over which a new one is written while every call of one kind fails.
class refusing_place {
 public:
  refusing_place(std::string_view call, int error, unsigned had_mode = 0644)
      : watched_({.error = error, .every = call}) {
    write_file(path(), "old", had_mode);
    before_ = content_of(folder_ / "");
  }
  [[nodiscard]] result<void> write(const output_options& options = {}) {
    return watched_.during([&] { return write_new(path(), options); });
  }
  // How often such calls were made.
  [[nodiscard]] std::size_t calls(std::string_view name) const {
    return static_cast<std::size_t>(
        std::count_if(watched_.calls().begin(), watched_.calls().end(),
                      [&](const system_call& each) { return each.name == name; }));
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_ / "m"; }
  [[nodiscard]] bool is_as_before() const { return content_of(folder_ / "") == before_; }
  [[nodiscard]] bool has_only_new_file() const {
    return read_file(path()) == new_file() && files_in(folder_ / "") == 1;
  }

 private:
  temporary_folder folder_{memory_disk()};
  folder_content before_;
  watched_calls watched_;
};

}  // namespace

TEST_CASE("a mode that cannot be given to the new file keeps the old one, and the message helps") {
  for (const int error : {EPERM, EOPNOTSUPP, EROFS})
    for (const auto& [had_mode, name] :
         {std::pair(0644u, "644"), std::pair(0660u, "660"), std::pair(0400u, "400")})
      for (const bool durable : {true, false}) {
        refusing_place place("fchmod", error, had_mode);
        const auto written = place.write({.durable = durable});
        check_refused(written, error);
        CHECK(says(written, "keep_mode = false"));
        CHECK(says(written, name));
        CHECK(place.is_as_before());
      }
}

TEST_CASE("a mode that cannot be given to the new file is left as it is where that is accepted") {
  for (const unsigned had_mode : {0644u, 0660u, 0400u}) {
    refusing_place place("fchmod", EPERM, had_mode);
    check_done(place.write({.keep_mode = false}));
    CHECK(place.calls("fchmod") != 0);
    CHECK(mode_of(place.path()) == 0600);
    CHECK(place.has_only_new_file());
  }
}

TEST_CASE("a mode that the new file has already need not be given to it") {
  refusing_place place("fchmod", EPERM, 0600);
  check_done(place.write());
  CHECK(mode_of(place.path()) == 0600);
  CHECK(place.has_only_new_file());
}

TEST_CASE("a new file needs no mode to be given") {
  refusing_place place("fchmod", EPERM);
  std::filesystem::remove(place.path());
  check_done(place.write());
  CHECK(place.has_only_new_file());
}

TEST_CASE("a mode that cannot be given for a link's sake is refused as well") {
  refusing_place place("fchmod", EPERM);
  std::filesystem::rename(place.path(), place.path().string() + ".far");
  std::filesystem::create_symlink("m.far", place.path());
  CHECK(says(place.write(), "keep_mode = false"));
  CHECK(std::filesystem::is_symlink(place.path()));
  check_done(place.write({.keep_mode = false}));
  CHECK(read_file(place.path()) == new_file());
  CHECK(read_file(place.path().string() + ".far") == "old");
}

TEST_CASE("an owner who cannot be kept is no failure, whatever the system says") {
  if (!is_root("may give files to others")) return;
  for (const int error : {EPERM, EOPNOTSUPP, EINVAL}) {
    refusing_place place("fchown", error, 0664);
    REQUIRE(::chown(place.path().c_str(), 61001, 61000) == 0);
    check_done(place.write());
    CHECK(mode_of(place.path()) == 0604);  // the group's rights were another group's
    CHECK(place.has_only_new_file());
  }
}

TEST_CASE("room that signals always interrupt is asked for a few times, then not made") {
  refusing_place place("fallocate64", EINTR);
  check_done(place.write());
  CHECK(place.calls("fallocate64") > 1);
  CHECK(place.calls("fallocate64") < 100);
  CHECK(place.has_only_new_file());
}

TEST_CASE("a file system that cannot rename is told from other failures, and the message helps") {
  for (const int error : {ENOSYS, EOPNOTSUPP, EPERM, EIO, ENOSPC}) {
    refusing_place place("renameat", error);
    const auto written = place.write();
    check_refused(written, error);
    CHECK(says(written, "atomic = false") == (error != EIO && error != ENOSPC));
    CHECK(place.is_as_before());
    check_done(place.write({.atomic = false}));
    CHECK(place.has_only_new_file());
  }
}

TEST_CASE("where only what is open for writing can be locked, a file is opened for it") {
  const temporary_folder folder(memory_disk());
  write_file(folder / "m", "old");
  auto first = file_source::try_open(folder / "m"), second = file_source::try_open(folder / "m");
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  watched_calls nfs({.call = 1, .error = EBADF});
  check_done(nfs.during([&] { return first->try_lock(); }));
  check_refused(second->try_lock(), EWOULDBLOCK);
  check_done(first->try_lock());
  first = file_source();
  check_done(second->try_lock());
}

TEST_CASE("a file system without locks is told from a lock that somebody holds") {
  const temporary_folder folder(memory_disk());
  write_file(folder / "m", "old");
  auto source = file_source::try_open(folder / "m");
  REQUIRE(source.has_value());
  for (const int error : {ENOTSUP, ENOLCK, EINVAL, EBADF}) {
    watched_calls without({.error = error, .every = "flock"});
    check_refused(without.during([&] { return source->try_lock(); }), error);
  }
  check_done(source->try_lock());
}
