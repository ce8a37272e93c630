// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// The disk is full, or a file may not become larger: at every stage of a write.
#include "faults.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

using namespace safetensors;
using namespace testing;

namespace {

// The largest file that this process may write, while the object exists.
class file_size_limit {
 public:
  explicit file_size_limit(std::size_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    ::rlimit now = old_;
    now.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;
  ~file_size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  void (*signal_)(int);
  ::rlimit old_{};
};

// A small disk of its own; it goes with the object, or with the process.
class small_disk {
 public:
  small_disk() {
    errno_ = ::unshare(CLONE_NEWNS) != 0 ||
                     ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                     ::mount("none", path().c_str(), "tmpfs", 0, "size=1m,nr_inodes=16") != 0
                 ? errno
                 : 0;
    if (errno_ == 0) return;
    MESSAGE("skipped: a tmpfs cannot be mounted: " << std::string(std::strerror(errno_)));
    if (std::getenv("CI") != nullptr && ::geteuid() == 0) CHECK(errno_ == EPERM);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk() {
    if (mounted()) ::umount2(path().c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return errno_ == 0; }
  [[nodiscard]] std::filesystem::path path() const { return folder_ / ""; }
  [[nodiscard]] std::uint64_t free_blocks() const { return status().f_bfree; }
  [[nodiscard]] std::uint64_t block_bytes() const { return status().f_bsize; }
  [[nodiscard]] std::uint64_t free_nodes() const { return status().f_ffree; }

 private:
  [[nodiscard]] struct ::statvfs status() const {
    struct ::statvfs found{};
    REQUIRE(::statvfs(path().c_str(), &found) == 0);
    return found;
  }
  temporary_folder folder_;
  int errno_ = 0;
};

const written_model& new_model() {
  static const written_model made(300, 1, memory_disk());
  return made;
}
const std::string& old_file() {
  static const std::string made = model(3, 2).file();
  return made;
}

}  // namespace

TEST_CASE("a limit on the size of files leaves the old file, whichever byte is the last one") {
  std::size_t failures = 0;
  const std::size_t size = new_model().file().size();
  for (const way how : all_ways)
    for (const target kind : {target::absent, target::existing})
      for (const bool preallocate : {true, false})
        for (const bool atomic : {true, false}) {
          workplace place(kind, old_file(), memory_disk());
          const auto write_with_limit = [&](std::size_t limit) {
            const file_size_limit limited(limit);
            return new_model().write(how, place.path(),
                                     {.atomic = atomic, .preallocate = preallocate});
          };
          for (std::size_t part = 0; part <= 64; ++part) {
            // Around the header's end, then in equal steps up to the last byte but one.
            const std::size_t limit = part < 16 ? part * 20 : (part - 15) * size / 49 - 1;
            CAPTURE(limit);
            const auto done = write_with_limit(limit);
            REQUIRE_FALSE(done.has_value());
            CHECK(done.error().code == errc::io);
            CHECK(done.error().system == std::errc::file_too_large);
            folder_content wanted = place.before();
            if (!atomic) wanted.erase(place.name());
            CHECK((place.now() == wanted));
            if (!atomic) place.prepare();
            ++failures;
          }
          CHECK(write_with_limit(size).has_value());
        }
  MESSAGE(failures << " writes failed");
}

TEST_CASE(
    "a full disk leaves the old file and gives its room back, whichever block is the last one") {
  const small_disk disk;
  if (!disk.mounted()) return;
  const auto path = disk.path() / "t.safetensors", ballast = disk.path() / "ballast";
  std::size_t failures = 0;
  for (const way how : all_ways)
    for (const bool preallocate : {true, false}) {
      write_file(path, old_file());
      bool written = false;
      for (std::uint64_t room = 0; !written; ++room) {
        CAPTURE(room);
        const std::uint64_t filled = disk.free_blocks() - room;
        write_file(ballast,
                   std::string(static_cast<std::size_t>(filled * disk.block_bytes()), 'x'));
        REQUIRE(disk.free_blocks() == room);
        const folder_content before = content_of(disk.path());
        const auto done = new_model().write(how, path, {.preallocate = preallocate});
        written = done.has_value();
        if (!written) {
          ++failures;
          CHECK(done.error().code == errc::io);
          CHECK(done.error().system == std::errc::no_space_on_device);
          CHECK((content_of(disk.path()) == before));
          CHECK(disk.free_blocks() == room);
        }
        std::filesystem::remove(ballast);
        if (room > new_model().file().size() / disk.block_bytes() + 2) REQUIRE(written);
      }
      CHECK(read_file(path) == new_model().file());
      CHECK(content_of(disk.path()).size() == 1);
    }
  CHECK(failures > 6 * new_model().file().size() / disk.block_bytes());
  MESSAGE(failures << " writes failed");
}

TEST_CASE("a disk that has no room for another file leaves the old one") {
  const small_disk disk;
  if (!disk.mounted()) return;
  const auto path = disk.path() / "t.safetensors";
  write_file(path, old_file());
  for (int i = 0; disk.free_nodes() != 0; ++i)
    write_file(disk.path() / ("ballast" + std::to_string(i)), "");
  const folder_content before = content_of(disk.path());
  const auto done = new_model().write(way::saved, path, {});
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().system == std::errc::no_space_on_device);
  CHECK((content_of(disk.path()) == before));
  CHECK(new_model().write(way::saved, path, {.atomic = false}).has_value());  // as it says
}
