// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Who may read and replace what: sticky folders, permissions, access lists.
#ifndef _WIN32
#include "targets.hpp"

#include <utility>

#ifdef __linux__
#include <sys/xattr.h>
#endif

using namespace safetensors;
using namespace testing;

namespace {

bool can_rename_of(::uid_t writer, ::uid_t holder, ::uid_t owner, unsigned mode) {
  return writer == root || (mode & S_ISVTX) == 0 || holder == writer || owner == writer;
}

void check_ending(const ending& end, int system) {
  if (system == 0)
    check_done(end);
  else
    check_refused(end, system);
}

}  // namespace

//-- sticky folders

TEST_CASE("in a sticky folder that others may write to, a stranger's link is no way to anything") {
  if (!can_be_others()) return;
  for (const ::uid_t writer : {root, writing_user})
    for (const ::uid_t owner : {writer, neighbour})
      for (const ::uid_t holder : {writer, owner, stranger})
        for (const unsigned mode : {01777u, 01770u, 0777u})
          for (const std::string_view name : {"followed", "replaced", "folder/m", "folder/new"}) {
            INFO("writer ", writer, ", owner ", owner, ", holder ", holder, ", mode ", mode, ", ",
                 name);
            const shared_place place(writer, owner, mode);
            link_of(holder, "../own/m", place.shared() / "followed");
            link_of(holder, "../own/m", place.shared() / "replaced");
            link_of(holder, "../own", place.shared() / "folder");
            const folder_content before = content_of(place.folder());
            const bool replaces = name == "replaced";
            const bool is_trap = mode == 01777 && holder != writer && holder != owner;
            const int wanted = is_trap                                                   ? EACCES
                               : replaces && !can_rename_of(writer, holder, owner, mode) ? EPERM
                                                                                         : 0;
            const ending end = as_user(writer, team, [&] {
              return write_new(place.shared() / name,
                               {.links = replaces ? link_mode::replace : link_mode::follow});
            });
            check_ending(end, wanted);
            if (wanted != 0)
              CHECK((content_of(place.folder()) == before));
            else
              CHECK(read_file(place.shared() / name) == new_file());
            CHECK((read_file(place.own() / "m") == "old") ==
                  (wanted != 0 || replaces || name == "folder/new"));
          }
}

TEST_CASE("a stranger's link in the middle of a chain is no way to anything either") {
  if (!can_be_others()) return;
  const shared_place place(root, root, 01777);
  link_of(stranger, "../own/m", place.shared() / "trap");
  link_of(root, "shared/trap", place.folder() / "link");
  link_of(stranger, "../own", place.shared() / "folder");
  link_of(root, "shared/folder/m", place.folder() / "by folder");
  const folder_content before = content_of(place.folder());
  for (const char* name : {"link", "by folder"})
    for (const bool atomic : {true, false})
      check_refused(
          write_new(place.folder() / name, {.atomic = atomic, .links = link_mode::follow}), EACCES);
  CHECK((content_of(place.folder()) == before));
}

TEST_CASE("in a sticky folder that is shared, a stranger's file is not replaced and not written") {
  if (!can_be_others()) return;
  for (const ::uid_t writer : {root, writing_user})
    for (const ::uid_t owner : {writer, neighbour})
      for (const ::uid_t holder : {writer, owner, stranger})
        for (const unsigned mode : {01777u, 01770u, 01755u, 0777u})
          for (const bool atomic : {true, false}) {
            if (mode == 01755 && writer != root && owner != writer) continue;
            INFO("writer ", writer, ", owner ", owner, ", holder ", holder, ", mode ", mode,
                 ", atomic ", atomic);
            const shared_place place(writer, owner, mode);
            write_file_of(holder, place.shared() / "m", 0666);
            const folder_content before = content_of(place.folder());
            const bool is_trap =
                mode != 01755 && mode != 0777 && holder != writer && holder != owner;
            const int wanted = is_trap                                                 ? EACCES
                               : atomic && !can_rename_of(writer, holder, owner, mode) ? EPERM
                                                                                       : 0;
            const ending end = as_user(
                writer, team, [&] { return write_new(place.shared() / "m", {.atomic = atomic}); });
            check_ending(end, wanted);
            if (wanted != 0)
              CHECK((content_of(place.folder()) == before));
            else
              CHECK(read_file(place.shared() / "m") == new_file());
          }
}

TEST_CASE("what a stranger puts into a sticky folder meanwhile is not replaced") {
  if (!can_be_others()) return;
  for (const bool had_file : {true, false})
    for (const bool is_link : {true, false}) {
      const shared_place place(root, root, 01777);
      const auto path = place.shared() / "m";
      if (had_file) write_file_of(root, path, 0600);
      folder_content before;
      check_refused(write_new(path, {},
                              [&] {
                                std::filesystem::remove(path);
                                if (is_link)
                                  link_of(stranger, "../own/m", path);
                                else
                                  write_file_of(stranger, path, 0666);
                                before = others_in(place.folder());
                              }),
                    EACCES);
      CHECK((content_of(place.folder()) == before));
    }
}

TEST_CASE("files are opened to read in a sticky folder as the system allows it") {
  if (!can_be_others()) return;
  for (const ::uid_t reader : {root, writing_user}) {
    const shared_place place(reader, reader, 01777);
    link_of(stranger, "../own/m", place.shared() / "link");
    write_file_of(stranger, place.shared() / "m", 0644);
    for (const char* name : {"link", "m"}) {
      const ending end = as_user(reader, team, [&]() -> result<void> {
        const bool opens = ::open((place.shared() / name).c_str(), O_RDONLY) >= 0;
        const auto source = file_source::try_open(place.shared() / name);
        if (source.has_value() == opens) return {};
        return failure{.code = errc::io};
      });
      check_done(end);
    }
  }
}

//-- permissions

TEST_CASE("a new file has the permissions that the old one has when its place is taken") {
  for (const unsigned before : {0600u, 0644u, 0664u, 0400u})
    for (const unsigned meanwhile : {0600u, 0644u, 0640u, 0666u, 06755u}) {
      const private_place place(before);
      check_done(write_new(place.path(), {}, [&] {
        CHECK(mode_of(place.temporary()) == 0600);
        set_mode(place.path(), meanwhile);
      }));
      CHECK(mode_of(place.path()) == (meanwhile & 0777));
      CHECK(read_file(place.path()) == new_file());
    }
}

TEST_CASE("a new file has the permissions of one that came and went meanwhile") {
  const private_place gone(0640), came, swapped(0644);
  check_done(write_new(gone.path(), {}, [&] { std::filesystem::remove(gone.path()); }));
  CHECK(mode_of(gone.path()) == 0640);
  check_done(write_new(came.path(), {}, [&] { write_file(came.path(), "private", 0600); }));
  CHECK(mode_of(came.path()) == 0600);
  check_done(write_new(swapped.path(), {.durable = true}, [&] {
    write_file(swapped.other(), "private", 0600);
    std::filesystem::rename(swapped.other(), swapped.path());
  }));
  CHECK(mode_of(swapped.path()) == 0600);
}

TEST_CASE("a new file belongs to whom the old one belongs when its place is taken") {
  if (!is_root("may give files to others")) return;
  const private_place changed(0640), gone(0640);
  give(gone.path(), stranger, team);
  set_mode(gone.path(), 0640);
  check_done(write_new(changed.path(), {}, [&] {
    CHECK(status_of(changed.temporary()).st_uid == ::geteuid());
    give(changed.path(), stranger, team);
    set_mode(changed.path(), 0604);
  }));
  check_done(write_new(gone.path(), {}, [&] {
    CHECK(status_of(gone.temporary()).st_uid == ::geteuid());
    std::filesystem::remove(gone.path());
  }));
  for (const private_place* place : {&changed, &gone}) {
    CHECK(status_of(place->path()).st_uid == stranger);
    CHECK(status_of(place->path()).st_gid == team);
    CHECK(mode_of(place->path()) == (place == &changed ? 0604 : 0640));
  }
}

TEST_CASE("a file that replaces another is private until its place is taken, whoever owns that") {
  if (!can_be_others()) return;
  const private_place place(0666);
  give(place.path(), stranger, team);
  set_mode(place.path(), 0666);
  set_mode(place.folder(), 0777);
  check_done(write_new(place.path(), {}, [&] {
    const auto temporary = place.temporary();
    CHECK(mode_of(temporary) == 0600);
    for (const ::uid_t user : {stranger, neighbour})
      CHECK(true_in_child([&] {
        return ::setgroups(0, nullptr) == 0 && ::setgid(team) == 0 && ::setuid(user) == 0 &&
               ::open(temporary.c_str(), O_RDONLY) < 0 && errno == EACCES &&
               ::open(temporary.c_str(), O_WRONLY) < 0 && errno == EACCES;
      }));
  }));
  CHECK(mode_of(place.path()) == 0666);
}

TEST_CASE("where owner and group cannot be kept, nobody gets more than before") {
  if (!can_be_others()) return;
  for (const auto& [before, wanted] : {std::pair(0664u, 0604u), std::pair(0640u, 0600u),
                                       std::pair(0660u, 0600u), std::pair(0646u, 0604u)}) {
    const private_place place(0600);
    give(place.folder(), writing_user, team);
    give(place.path(), stranger, root);
    set_mode(place.path(), before);
    check_done(as_user(writing_user, team, [&] { return write_new(place.path()); }));
    CHECK(mode_of(place.path()) == wanted);
    CHECK(status_of(place.path()).st_uid == writing_user);
    CHECK(status_of(place.path()).st_gid == team);
  }
}

TEST_CASE("a temporary file in whose place something else was put is not taken, and that stays") {
  enum class put { link, file, nothing };
  for (const bool had_file : {true, false})
    for (const put what : {put::link, put::file, put::nothing}) {
      private_place place;
      if (had_file) write_file(place.path(), "old");
      write_file(place.other(), "other");
      folder_content before;
      const auto written = write_new(place.path(), {}, [&] {
        const auto temporary = place.temporary();
        std::filesystem::rename(temporary, place.folder() / "stolen");
        if (what == put::link) std::filesystem::create_symlink("other", temporary);
        if (what == put::file) write_file(temporary, "trap");
        before = content_of(place.folder());
        before.erase("stolen");  // it is still being written
      });
      check_refused(written, errc::io);
      folder_content now = content_of(place.folder());
      now.erase("stolen");
      CHECK((now == before));
    }
}

//-- access lists

#ifdef __linux__
namespace {

constexpr const char *access_list = "system.posix_acl_access",
                     *default_list = "system.posix_acl_default";
constexpr std::uint16_t user_obj = 1, user = 2, group_obj = 4, acl_group = 8, mask = 0x10,
                        other = 0x20;

struct list_entry {
  std::uint16_t tag = 0, rights = 0;
  std::uint32_t number = 0xFFFFFFFF;
};

void put_little_endian(std::string& bytes, std::uint32_t value, unsigned width) {
  for (unsigned i = 0; i != width; ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
}

// Returns false, and says so, where there are no lists.
bool set_list(const std::filesystem::path& path, const char* name,
              std::initializer_list<list_entry> entries) {
  std::string bytes;
  put_little_endian(bytes, 2, 4);  // the version
  for (const list_entry& each : entries) {
    put_little_endian(bytes, each.tag, 2);
    put_little_endian(bytes, each.rights, 2);
    put_little_endian(bytes, each.number, 4);
  }
  if (::setxattr(path.c_str(), name, bytes.data(), bytes.size(), 0) == 0) return true;
  REQUIRE(errno == ENOTSUP);
  MESSAGE("skipped: the file system has no access lists");
  return false;
}

std::string access_list_of(const std::filesystem::path& path) {
  char bytes[1024];
  const ::ssize_t size = ::lgetxattr(path.c_str(), access_list, bytes, sizeof bytes);
  return size < 0 ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("the mask of an access list does not become rights of the group") {
  struct setting {
    std::uint16_t group, mask;
    unsigned wanted;
  };
  for (const setting& each : {setting{0, 6, 0600}, setting{4, 6, 0640}, setting{6, 4, 0640},
                              setting{6, 6, 0660}, setting{6, 0, 0600}})
    for (const bool by_link : {true, false})
      for (const bool meanwhile : {true, false}) {
        INFO("group ", each.group, ", mask ", each.mask, ", by link ", by_link);
        const private_place place(0644);
        const auto path = by_link ? place.other() : place.path();
        if (by_link) std::filesystem::create_symlink("m", path);
        const auto set = [&] {
          return set_list(place.path(), access_list,
                          {{user_obj, 6},
                           {user, 6, stranger},
                           {group_obj, each.group},
                           {mask, each.mask},
                           {other, 0}});
        };
        if (!meanwhile && !set()) return;
        bool has_lists = true;
        check_done(write_new(path, {}, [&] { has_lists = !meanwhile || set(); }));
        if (!has_lists) return;
        CHECK(mode_of(path) == each.wanted);
        CHECK(access_list_of(path).empty());
        CHECK(access_list_of(place.path()).empty() == !by_link);
      }
}

TEST_CASE("whom an access list gives less than the others gets no more without it") {
  struct setting {
    list_entry named{};
    unsigned mode = 0, wanted = 0;
  };
  for (const setting& each :
       {setting{{user, 0, stranger}, 0644, 0600}, setting{{user, 4, stranger}, 0666, 0644},
        setting{{acl_group, 0, team}, 0644, 0640}, setting{{acl_group, 6, team}, 0644, 0644},
        setting{{user, 0, stranger}, 0604, 0600}}) {
    INFO("mode ", each.mode, ", wanted ", each.wanted);
    const private_place place;
    write_file(place.path(), "old", each.mode);
    const auto bits = [&](unsigned shift) {
      return static_cast<std::uint16_t>(each.mode >> shift & 7);
    };
    const bool is_user = each.named.tag == user;  // lists are sorted
    const list_entry own_group{group_obj, bits(3)};
    if (!set_list(place.path(), access_list,
                  {{user_obj, bits(6)},
                   is_user ? each.named : own_group,
                   is_user ? own_group : each.named,
                   {mask, bits(3)},
                   {other, bits(0)}}))
      return;
    check_done(write_new(place.path()));
    CHECK(mode_of(place.path()) == each.wanted);
  }
}

TEST_CASE("a folder's default access list does not come to life over a file that comes meanwhile") {
  const umask_of none(0);
  const private_place place;
  if (!set_list(place.folder(), default_list,
                {{user_obj, 7}, {user, 6, stranger}, {group_obj, 5}, {mask, 6}, {other, 4}}))
    return;
  const temporary_folder elsewhere;
  write_file(elsewhere / "m", "new", 0664);
  check_done(write_new(place.path(), {}, [&] {
    CHECK(mode_of(place.temporary()) == 0664);  // of which the list's mask is a part
    std::filesystem::rename(elsewhere / "m", place.path());
  }));
  CHECK(mode_of(place.path()) == 0664);
  CHECK(access_list_of(place.path()).empty());
}

TEST_CASE("a folder's default access list does not come to life on a file that has none") {
  for (const unsigned mode : {0640u, 0600u, 0666u, 0604u}) {
    const private_place place(mode);
    if (!set_list(place.folder(), default_list,
                  {{user_obj, 7}, {user, 6, stranger}, {group_obj, 5}, {mask, 7}, {other, 5}}))
      return;
    check_done(write_new(place.path(), {}, [&] {
      CHECK((mode_of(place.temporary()) & 077) == 0);  // of which the list's mask is a part
    }));
    CHECK(mode_of(place.path()) == mode);
    if ((mode & 070) != 0) CHECK(access_list_of(place.path()).empty());
    if (mode != 0640 || ::geteuid() != 0 || !can_be_others()) continue;
    set_mode(place.folder(), 0755);
    CHECK(true_in_child([&] {
      return ::setgroups(0, nullptr) == 0 && ::setgid(team) == 0 && ::setuid(stranger) == 0 &&
             ::open(place.path().c_str(), O_RDONLY) < 0 && errno == EACCES;
    }));
  }
}

TEST_CASE("a new file in a folder with a default access list is what the system makes it") {
  for (const bool atomic : {true, false}) {
    const private_place place;
    if (!set_list(place.folder(), default_list,
                  {{user_obj, 7}, {user, 6, stranger}, {group_obj, 5}, {mask, 7}, {other, 0}}))
      return;
    check_done(write_new(place.path(), {.atomic = atomic}));
    write_file(place.other(), "made by open()");
    CHECK(mode_of(place.path()) == mode_of(place.other()));
    CHECK_FALSE(access_list_of(place.path()).empty());
    CHECK(access_list_of(place.path()) == access_list_of(place.other()));
  }
}
#endif
#endif
