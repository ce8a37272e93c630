// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What has the name that is written: links, and a file that must be the one that was read.
#ifndef _WIN32
#include "targets.hpp"

#include <array>
#include <optional>

using namespace safetensors;
using namespace testing;

namespace {

constexpr std::array all_link_modes{link_mode::replace, link_mode::follow, link_mode::refuse};

// Whether nothing changed in a folder but that this path has the new file.
void check_only_new(const std::filesystem::path& folder, folder_content before,
                    const std::filesystem::path& path) {
  check_new(path);
  folder_content now = content_of(folder);
  const std::string name = path.lexically_relative(folder).string();
  now.erase(name);
  before.erase(name);
  CHECK((now == before));
}

constexpr output_options following{.links = link_mode::follow};

}  // namespace

//-- links

TEST_CASE("a link is replaced by the new file, and what it leads to stays as it is") {
  const auto check = [](const cache& made, const std::filesystem::path& path) {
    const folder_content before = content_of(made.folder());
    check_done(write_new(path));
    check_only_new(made.folder(), before, path);
  };
  const cache relative, absolute, chain, dangling(false), loop, durable;
  check(relative, relative.link());
  check(absolute, absolute.add_link(absolute.blob(), "absolute"));
  check(chain, chain.add_link(chain.add_link("snapshots/m", "inner"), "outer"));
  check(dangling, dangling.link());
  check(dangling, dangling.add_link("nowhere/at/all", "lost"));
  check(dangling, dangling.add_link("blobs/../snapshots/m/below-a-file", "below"));
  check(loop, loop.add_link("loop", "loop"));
  (void)loop.add_link("two", "one");
  check(loop, loop.add_link("one", "two"));
  check_done(write_new(durable.link(), {.durable = true}));
  check_new(durable.link());
  CHECK(read_file(durable.blob()) == "old");
}

TEST_CASE("a link is not replaced where nothing is to be, whatever it leads to") {
  for (const bool has_blob : {true, false}) {
    const cache made(has_blob);
    const folder_content before = content_of(made.folder());
    check_refused(write_new(made.link(), {.replace = false}), EEXIST);
    CHECK((content_of(made.folder()) == before));
    if (!has_blob) {
      check_done(write_new(made.link(), {.replace = false, .links = link_mode::follow}));
      check_only_new(made.folder(), before, made.blob());
    }
  }
}

TEST_CASE("the file that replaces a link has the mode of the file behind it, and is ours") {
  for (const unsigned mode : {0600u, 0644u, 0440u, 06755u}) {
    const cache made;
    set_mode(made.blob(), mode);
    const auto far_link = made.add_link(made.link(), "far");
    write_file(made.folder() / "ours", "");
    const struct ::stat ours = status_of(made.folder() / "ours");
    if (::geteuid() == 0) {
      give(made.blob(), 1234, 2345);  // which drops the bits for other users
      set_mode(made.blob(), mode);
      give(far_link, 1234, 2345);
    }
    check_done(write_new(far_link));
    const struct ::stat now = status_of(far_link);
    CHECK((now.st_mode & 07777) == (mode & 0777));
    CHECK(now.st_uid == ours.st_uid);
    CHECK(now.st_gid == ours.st_gid);
    CHECK(mode_of(made.blob()) == mode);
  }
}

TEST_CASE(
    "a file that is new behind a link, or in its place, gets the mode that the umask leaves") {
  for (const unsigned mask : {022u, 077u, 007u})
    for (const link_mode links : {link_mode::replace, link_mode::follow}) {
      const cache made(false);
      const umask_of masked(mask);
      check_done(write_new(made.link(), {.links = links}));
      CHECK(mode_of(links == link_mode::follow ? made.blob() : made.link()) == (0666 & ~mask));
    }
}

TEST_CASE("a link that is followed stays, and what it leads to is replaced or made") {
  for (const bool has_blob : {true, false})
    for (const bool atomic : {true, false}) {
      const cache made(has_blob);
      const auto outer = made.add_link(made.add_link("snapshots/m", "inner"), "outer");
      const folder_content before = content_of(made.folder());
      check_done(write_new(outer, {.atomic = atomic, .links = link_mode::follow}));
      check_only_new(made.folder(), before, made.blob());
      if (!has_blob) continue;
      CHECK(mode_of(made.blob()) == 0640);
      CHECK((status_of(made.blob()).st_ino == before.at("blobs/1").node) == !atomic);
    }
}

TEST_CASE("a link that is followed must lead somewhere in the end") {
  const cache made;
  const auto loop = made.add_link("loop", "loop"), lost = made.add_link("nowhere/at/all", "lost");
  const folder_content before = content_of(made.folder());
  for (const bool atomic : {true, false}) {
    const output_options options{.atomic = atomic, .links = link_mode::follow};
    check_refused(write_new(loop, options), ELOOP);
    check_refused(write_new(lost, options), ENOENT);
  }
  CHECK((content_of(made.folder()) == before));
}

TEST_CASE("a link is an error where links are refused, and in place unless they are followed") {
  for (const bool has_blob : {true, false}) {
    const cache made(has_blob);
    const auto loop = made.add_link("loop", "loop");
    const folder_content before = content_of(made.folder());
    for (const auto& path : {made.link(), loop}) {
      check_refused(write_new(path, {.links = link_mode::refuse}), errc::invalid_option);
      check_refused(write_new(path, {.atomic = false}), errc::invalid_option);
      check_refused(write_new(path, {.atomic = false, .links = link_mode::refuse}),
                    errc::invalid_option);
    }
    CHECK((content_of(made.folder()) == before));
  }
}

TEST_CASE("links among the folders of a path are followed, whatever becomes of the last name") {
  for (const link_mode links : all_link_modes)
    for (const bool atomic : {true, false}) {
      const cache made;
      (void)made.add_link("blobs", "near");
      (void)made.add_link(made.folder() / "near", "far");
      const folder_content before = content_of(made.folder());
      const output_options options{.atomic = atomic, .links = links};
      check_done(write_new(made.folder() / "far" / "1", options));
      check_only_new(made.folder(), before, made.blob());
      check_done(write_new(made.folder() / "far" / ".." / "snapshots" / "new", options));
      check_new(made.folder() / "snapshots" / "new");
    }
}

TEST_CASE("a link put in the place of the target meanwhile is treated like one that was there") {
  const auto swapped = [](const cache& made, link_mode links) {
    const auto path = made.folder() / "m";
    write_file(path, "old", 0600);
    return write_new(path, {.links = links}, [&] {
      std::filesystem::remove(path);
      std::filesystem::create_symlink("blobs/1", path);
    });
  };
  const cache replaced, refused;
  check_done(swapped(replaced, link_mode::replace));
  check_new(replaced.folder() / "m");
  CHECK(mode_of(replaced.folder() / "m") == 0640);  // of the file that the link led to
  CHECK(read_file(replaced.blob()) == "old");

  check_refused(swapped(refused, link_mode::refuse), errc::invalid_option);
  CHECK(std::filesystem::is_symlink(refused.folder() / "m"));
  CHECK(read_file(refused.blob()) == "old");
  CHECK(files_in(refused.folder()) == 3);
}

TEST_CASE("a link to something that is not a file is refused, whatever becomes of links") {
  const cache made;
  const auto to_folder = made.add_link("blobs", "to folder");
  const auto to_device = made.add_link("/dev/null", "to device");
  REQUIRE(::mkfifo((made.folder() / "fifo").c_str(), 0600) == 0);
  const auto to_fifo = made.add_link("fifo", "to fifo");
  const auto to_link = made.add_link("to fifo", "to link");
  std::vector<std::filesystem::path> to_folders{to_folder};
  for (const char* text : {"blobs/", "blobs//", "blobs/.", "./", "..", "/", "to folder/"})
    to_folders.push_back(
        made.add_link(text, ("to folder " + std::to_string(to_folders.size())).c_str()));
  for (const link_mode links : all_link_modes)
    for (const bool atomic : {true, false}) {
      const output_options options{.atomic = atomic, .links = links};
      for (const auto& path : to_folders) check_refused(write_new(path, options), EISDIR);
      for (const auto& path : {to_device, to_fifo, to_link})
        check_refused(write_new(path, options), EINVAL);
    }
  for (const auto& path : {to_folder, to_device, to_fifo, to_link})
    CHECK(std::filesystem::is_symlink(path));
  CHECK(files_in(made.folder()) == 14);
  CHECK(files_in(made.folder() / "blobs") == 1);
}

#ifdef __linux__
TEST_CASE("links of /proc lead to open files, which stay, however they are spelled") {
  const cache made;
  const int file = ::open(made.blob().c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(file >= 0);
  const std::string number = std::to_string(file);
  const auto fds = made.add_link("/proc/self/fd", "fds");
  const auto direct = made.add_link("/proc/self/fd/" + number, "direct");
  std::vector<std::filesystem::path> paths{"/proc/self/fd/" + number,
                                           "//proc/self/fd/" + number,
                                           "/proc/./self/fd/" + number,
                                           "/proc/../proc/self//fd/" + number,
                                           "/proc/" + std::to_string(::getpid()) + "/fd/" + number,
                                           "/proc/thread-self/fd/" + number,
                                           "/dev/fd/" + number,
                                           "/dev/./fd/" + number,
                                           "/dev//fd/" + number,
                                           fds / number,
                                           direct,
                                           made.add_link("direct", "second"),
                                           made.add_link("fds/" + number, "third"),
                                           "/proc/self/exe",
                                           number};
  const auto before_path = std::filesystem::current_path();
  std::filesystem::current_path("/proc/self/fd");
  const auto check_all = [&] {
    const folder_content before = content_of(made.folder());
    for (const auto& path : paths)
      for (const link_mode links : all_link_modes)
        for (const bool atomic : {true, false}) {
          CAPTURE(path.string());
          const ending end = ending_of(write_new(path, {.atomic = atomic, .links = links}));
          if (links != link_mode::refuse || end.code == errc::io) check_refused(end, EINVAL);
          if (links == link_mode::refuse && end.code != errc::io)
            check_refused(end, errc::invalid_option);
        }
    CHECK((content_of(made.folder()) == before));
  };
  check_all();
  std::filesystem::remove(made.blob());  // its link then leads to a name that is not there
  check_all();
  std::filesystem::current_path(before_path);
  ::close(file);
}

TEST_CASE("files below a folder that /proc leads to are written") {
  const cache made;
  const auto before_path = std::filesystem::current_path();
  std::filesystem::current_path(made.folder());
  for (const bool atomic : {true, false}) {
    check_done(write_new("/proc/self/cwd/new", {.atomic = atomic}));
    check_done(write_new("/proc/self/cwd/blobs/1", {.atomic = atomic}));
    check_new(made.folder() / "new");
    check_new(made.blob());
    write_file(made.blob(), "old");
  }
  check_done(write_new("/proc/self/cwd/snapshots/m", following));
  std::filesystem::current_path(before_path);
  check_new(made.blob());
}
#endif

//-- only over

namespace {

struct change {
  std::string_view what;
  void (*make)(const std::filesystem::path&);
};

constexpr std::array changes{
    change{"replaced", put_equal_file_at},
    change{"longer", [](const std::filesystem::path& path) { write_file(path, "longer"); }},
    change{"of another time",
           [](const std::filesystem::path& path) {
             const std::array<::timespec, 2> times{
                 {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 1}}};
             REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0);
           }},
    change{"removed", [](const std::filesystem::path& path) { std::filesystem::remove(path); }}};

}  // namespace

TEST_CASE(
    "only over: the file that was read is replaced, also through links, and the source may go") {
  for (const link_mode links : {link_mode::replace, link_mode::follow}) {
    const cache made;
    for (const auto& path : {made.blob(), made.link()}) {
      write_file(made.blob(), "old");
      auto source = std::optional(opened(made.blob()));
      check_done(write_new(path, {.links = links, .only_over = &*source}, [&] { source.reset(); }));
      check_new(links == link_mode::follow ? made.blob() : path);
    }
  }
  const cache made;
  const file_source source = opened(made.link());
  check_done(write_new(made.blob(), {.atomic = false, .only_over = &source}));
  check_new(made.blob());
}

TEST_CASE("only over: a target that has changed at the start is refused, and nothing is left") {
  for (const change& each : changes)
    for (const bool atomic : {true, false})
      for (const bool by_link : {true, false})
        for (const bool replace : {true, false}) {
          CAPTURE(each.what);
          const cache made;
          const file_source source = opened(made.blob());
          each.make(made.blob());
          const folder_content before = content_of(made.folder());
          check_refused(write_new(by_link ? made.link() : made.blob(),
                                  {.atomic = atomic,
                                   .replace = replace,
                                   .links = atomic ? link_mode::replace : link_mode::follow,
                                   .only_over = &source}),
                        errc::target_changed);
          CHECK((content_of(made.folder()) == before));
        }
}

TEST_CASE("only over: a target that changes before the end is refused, and nothing is left") {
  for (const change& each : changes)
    for (const link_mode links : {link_mode::replace, link_mode::follow})
      for (const bool by_link : {true, false}) {
        CAPTURE(each.what);
        const cache made;
        const file_source source = opened(made.blob());
        folder_content before;
        check_refused(
            write_new(by_link ? made.link() : made.blob(), {.links = links, .only_over = &source},
                      [&] {
                        each.make(made.blob());
                        before = others_in(made.folder());
                      }),
            errc::target_changed);
        CHECK((content_of(made.folder()) == before));
      }
}

TEST_CASE("only over: a link that leads to another file before the end is refused, and stays") {
  for (const link_mode links : {link_mode::replace, link_mode::follow}) {
    const cache made;
    write_file(made.folder() / "blobs" / "2", "old", 0640);
    const file_source source = opened(made.link());
    folder_content before;
    check_refused(write_new(made.link(), {.links = links, .only_over = &source},
                            [&] {
                              std::filesystem::remove(made.link());
                              std::filesystem::create_symlink("../blobs/2", made.link());
                              before = others_in(made.folder());
                            }),
                  errc::target_changed);
    CHECK((content_of(made.folder()) == before));
  }
}

TEST_CASE("only over: a path whose folders lead elsewhere before the end is refused, and stays") {
  const auto before_path = std::filesystem::current_path();
  for (const bool relative : {true, false})
    for (const bool by_link : {true, false}) {
      const temporary_folder folder;
      for (const char* version : {"1", "2"}) {
        std::filesystem::create_directory(folder / version);
        write_file(folder / version / "m", "old", 0640);
      }
      if (by_link)
        std::filesystem::create_symlink("1", folder / "current");
      else
        std::filesystem::rename(folder / "1", folder / "current");
      if (relative) std::filesystem::current_path(folder / "");
      const auto path = (relative ? std::filesystem::path() : folder / "") / "current" / "m";
      const file_source source = opened(path);
      folder_content before;
      check_refused(write_new(path, {.only_over = &source},
                              [&] {
                                std::filesystem::current_path(before_path);
                                std::filesystem::rename(folder / "current", folder / "old");
                                if (by_link)
                                  std::filesystem::create_symlink("2", folder / "current");
                                else
                                  std::filesystem::rename(folder / "2", folder / "current");
                                before = others_in(folder / "");
                              }),
                    errc::target_changed);
      CHECK((others_in(folder / "") == before));
    }
}

TEST_CASE("only over: in place, a followed link that leads elsewhere is refused and stays") {
  const cache made;
  write_file(made.folder() / "blobs" / "2", "old", 0640);
  const file_source source = opened(made.link());
  folder_content before;
  check_refused(
      write_new(made.link(), {.atomic = false, .links = link_mode::follow, .only_over = &source},
                [&] {
                  std::filesystem::remove(made.link());
                  std::filesystem::create_symlink("../blobs/2", made.link());
                  before = others_in(made.folder());
                }),
      errc::target_changed);
  CHECK((content_of(made.folder()) == before));
}

TEST_CASE("only over: in place, a target that changes before the first byte is refused and stays") {
  for (const change& each : changes) {
    CAPTURE(each.what);
    const cache made;
    const file_source source = opened(made.blob());
    folder_content before;
    const ending end =
        ending_of(write_new(made.blob(), {.atomic = false, .only_over = &source}, [&] {
          each.make(made.blob());
          before = others_in(made.folder());
        }));
    check_refused(end, errc::target_changed);
    CHECK((content_of(made.folder()) == before));
  }
}

TEST_CASE("only over: a file that must not be replaced is not, though it is the right one") {
  const cache made;
  const file_source source = opened(made.blob());
  check_refused(write_new(made.blob(), {.replace = false, .only_over = &source}), EEXIST);
  CHECK(read_file(made.blob()) == "old");
}

TEST_CASE("sources of one file are told from those of others, by whatever path") {
  const cache made;
  std::filesystem::create_hard_link(made.blob(), made.folder() / "hard");
  write_file(made.folder() / "equal", "old");
  file_source source = opened(made.blob());
  CHECK(source.is_same_file(source));
  for (const auto& path : {made.blob(), made.link(), made.folder() / "hard"})
    CHECK(source.is_same_file(opened(path)));
  CHECK_FALSE(source.is_same_file(opened(made.folder() / "equal")));

  const auto part = file_source::try_borrow(source.handle(), 1, 1);
  REQUIRE(part.has_value());
  CHECK(part->is_same_file(source));
  CHECK(source.is_same_file(*part));

  const file_source moved = std::move(source);
  CHECK(moved.is_same_file(*part));
  CHECK_FALSE(source.is_same_file(moved));
  CHECK_FALSE(moved.is_same_file(source));
  CHECK_FALSE(source.is_same_file(file_source()));  // neither has a file
}

TEST_CASE("a lock is held by one source at a time, until that is closed") {
  const cache made;
  file_source second = opened(made.link());
  {
    file_source first = opened(made.blob());
    check_done(first.try_lock());
    check_done(first.try_lock());
    check_refused(second.try_lock(), EAGAIN);
    file_source moved = std::move(first);
    check_refused(second.try_lock(), EAGAIN);
    check_refused(first.try_lock(), EBADF);  // it has no file
  }
  check_done(second.try_lock());
  second = file_source();

  const int handle = ::open(made.blob().c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(handle >= 0);
  {
    auto borrowed = file_source::try_borrow(handle);
    REQUIRE(borrowed.has_value());
    check_done(borrowed->try_lock());
  }
  second = opened(made.blob());
  check_refused(second.try_lock(), EAGAIN);  // its owner has not closed it
  ::close(handle);
  check_done(second.try_lock());
}

TEST_CASE("a source that has got the lock has the size that the file has then") {
  const cache made;
  file_source source = opened(made.blob());
  write_file(made.blob(), "longer than it was");
  CHECK(source.size() == 3);
  check_done(source.try_lock());
  CHECK(source.size() == 18);
  std::array<std::byte, 18> bytes{};
  CHECK_FALSE(source.read_at(0, bytes));
  check_done(write_new(made.blob(), {.only_over = &source}));
}

TEST_CASE("a lock is held against other processes, and ends with the one that holds it") {
  const cache made;
  event locked, enough;
  const ::pid_t child = start_process([&] {
    auto source = file_source::try_open(made.blob());
    if (!source || !source->try_lock()) return false;
    locked.report();
    return enough.wait();
  });
  CHECK(locked.wait());
  file_source source = opened(made.blob());
  check_refused(source.try_lock(), EAGAIN);
  enough.report();
  CHECK(end_of(child) == 0);
  check_done(source.try_lock());
}
#endif
