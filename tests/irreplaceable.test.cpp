// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What cannot be replaced: it is found at the start where the system can tell, and at the end
// otherwise.
#ifndef _WIN32
#include "targets.hpp"

#include <optional>

#ifdef __linux__
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#endif

using namespace safetensors;
using namespace testing;

#ifdef __linux__
namespace {

// Of <linux/fs.h>, which some versions of glibc do not allow beside <sys/mount.h>.
// The requests say long, but the kernel reads and writes an int.
constexpr int immutable = 0x10, append_only = 0x20;
constexpr unsigned long get_flags = _IOR('f', 1, long), set_flags = _IOW('f', 2, long);

// The type of a request differs between C libraries.
template <class Request>
bool ask(int (*ioctl)(int, Request, ...), int file, unsigned long request, int* flags) {
  return ioctl(file, static_cast<Request>(request), flags) == 0;
}

// A file that cannot be changed, while the object exists.
class fixed_file {
 public:
  fixed_file(const std::filesystem::path& path, int flag)
      : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    REQUIRE(file_ >= 0);
    int flags = 0;
    is_fixed_ = ask(&::ioctl, file_, get_flags, &flags);
    old_ = flags;
    flags |= flag;
    is_fixed_ = is_fixed_ && ask(&::ioctl, file_, set_flags, &flags);
    if (!is_fixed_) MESSAGE("skipped: this file system, or this user, cannot make files immutable");
  }
  fixed_file(const fixed_file&) = delete;
  fixed_file& operator=(const fixed_file&) = delete;
  ~fixed_file() {
    if (is_fixed_) (void)ask(&::ioctl, file_, set_flags, &old_);
    ::close(file_);
  }
  [[nodiscard]] bool is_fixed() const { return is_fixed_; }

 private:
  int file_;
  int old_ = 0;
  bool is_fixed_ = false;
};

// Whether the system tells before anything is tried.
bool is_found_early() {
#ifdef STATX_ATTR_MOUNT_ROOT
  struct ::statx root_folder{};
  return ::statx(AT_FDCWD, "/", 0, STATX_TYPE, &root_folder) == 0 &&
         (root_folder.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
#else
  return false;
#endif
}

// Calls a function in a process with mounts of its own. Returns whether it returned true; nothing
// where that is not possible.
template <class Function> std::optional<bool> with_own_mounts(Function&& function) {
  constexpr int impossible = 2;
  const int status = end_of(start_process([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) != 0)
      ::_exit(impossible);
    return function();
  }));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != impossible) return status == 0;
  MESSAGE("skipped: nothing can be mounted");
  return std::nullopt;
}

bool mount_over(const std::filesystem::path& from, const std::filesystem::path& over) {
  return ::mount(from.c_str(), over.c_str(), "none", MS_BIND, nullptr) == 0;
}

bool is_busy(const result<void>& done) {
  return !done && done.error().code == errc::io &&
         done.error().system == std::errc::device_or_resource_busy;
}

}  // namespace

TEST_CASE("an immutable file and one that is only appended to are found at the start") {
  for (const int flag : {immutable, append_only})
    for (const bool atomic : {true, false}) {
      const private_place place(0644);
      const folder_content before = content_of(place.folder());
      const fixed_file fixed(place.path(), flag);
      if (!fixed.is_fixed()) return;
      bool created = false;
      check_refused(write_new(place.path(), {.atomic = atomic}, [&] { created = true; }), EPERM);
      CHECK(created == !is_found_early());
      CHECK((content_of(place.folder()) == before));
    }
}

TEST_CASE("a folder that can only be appended to is found at the start, and written in place") {
  const private_place place(0644);
  const fixed_file fixed(place.folder(), append_only);
  if (!fixed.is_fixed() || !is_found_early()) return;
  const folder_content before = content_of(place.folder());
  for (const auto& path : {place.path(), place.other()}) {
    const auto written = write_new(path);
    check_refused(written, EPERM);
    CHECK(says(written, "atomic = false"));
    CHECK((content_of(place.folder()) == before));
  }
  check_done(write_new(place.path(), {.atomic = false}));
}

TEST_CASE("a file that becomes immutable meanwhile is found at the end, and nothing is left") {
  for (const int flag : {immutable, append_only})
    for (const bool atomic : {true, false}) {
      const private_place place(0644);
      const folder_content before = content_of(place.folder());
      std::optional<fixed_file> fixed;
      const auto written =
          write_new(place.path(), {.atomic = atomic}, [&] { fixed.emplace(place.path(), flag); });
      REQUIRE(fixed.has_value());
      if (!fixed->is_fixed()) return;
      check_refused(written, EPERM);
      CHECK_FALSE(says(written, "atomic = false"));  // which would not help
      CHECK((content_of(place.folder()) == before));
    }
}

TEST_CASE("a file that is a mount of its own is found at the start, and written in place") {
  const private_place place(0644);
  write_file(place.other(), "mounted");
  const folder_content before = content_of(place.folder());
  const auto replaced = with_own_mounts([&] {
    bool created = false;
    return mount_over(place.other(), place.path()) &&
           is_busy(write_new(place.path(), {}, [&] { created = true; })) &&
           created == !is_found_early();
  });
  if (!replaced) return;
  CHECK(*replaced);
  CHECK((content_of(place.folder()) == before));
  const auto written = with_own_mounts([&] {
    return mount_over(place.other(), place.path()) &&
           write_new(place.path(), {.atomic = false}).has_value();
  });
  CHECK(written.value_or(false));
  CHECK(read_file(place.path()) == "old");
  CHECK(read_file(place.other()) == new_file());
}

TEST_CASE("a file over which one is mounted meanwhile is found at the end, and nothing is left") {
  const private_place place(0644);
  write_file(place.other(), "mounted");
  const folder_content before = content_of(place.folder());
  const auto refused = with_own_mounts([&] {
    bool mounted = false;
    return is_busy(write_new(place.path(), {},
                             [&] { mounted = mount_over(place.other(), place.path()); })) &&
           mounted;
  });
  if (!refused) return;
  CHECK(*refused);
  CHECK((content_of(place.folder()) == before));
}
#endif

TEST_CASE("another's file in a sticky folder is found at the start by who may not replace it") {
  if (!can_be_others()) return;
  for (const bool is_link : {true, false}) {
    const shared_place place(writing_user, neighbour, 01777);
    const auto path = place.shared() / "m";
    if (is_link)
      link_of(neighbour, "../own/m", path);
    else
      write_file_of(neighbour, path, 0666);
    const folder_content before = content_of(place.folder());
    const ending end = as_user(writing_user, team, [&]() -> result<void> {
      bool created = false;
      auto done = write_new(path, {}, [&] { created = true; });
      if (created) return failure{.code = errc::wrong_order};  // it was found too late
      return done;
    });
    check_refused(end, EPERM);
    CHECK((content_of(place.folder()) == before));
  }
}

TEST_CASE("a folder that becomes sticky meanwhile is found at the end, and nothing is left") {
  if (!can_be_others()) return;
  const shared_place place(writing_user, neighbour, 0777);
  const auto path = place.shared() / "m";
  write_file_of(neighbour, path, 0666);
  const folder_content before = content_of(place.folder());
  event created, sticky;
  const ::pid_t root_process = start_process([&] {
    const bool changes = created.wait() && ::chmod(place.shared().c_str(), 01777) == 0;
    sticky.report();
    return changes;
  });
  check_refused(as_user(writing_user, team,
                        [&] {
                          return write_new(path, {}, [&] {
                            created.report();
                            (void)sticky.wait();
                          });
                        }),
                EPERM);
  created.report();  // lest that process wait for ever
  CHECK(end_of(root_process) == 0);
  CHECK((content_of(place.folder()) == before));
}
#endif
