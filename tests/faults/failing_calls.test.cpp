// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// A system call fails: the first, the second, and so on until a write is through.
#include "faults.hpp"
#include "system_calls.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

using namespace safetensors;
using namespace testing;

namespace {

constexpr std::array errors{ENOSPC, EIO, EINTR, EACCES, EINVAL, ENOSYS, EEXIST};
constexpr std::string_view temporary_suffix = ".tmp";

struct setting {
  way how;
  target kind;
  output_options output;
  bool old_system;
};

std::ostream& operator<<(std::ostream& out, const setting& s) {
  return out << "way " << static_cast<int>(s.how) << ", target " << static_cast<int>(s.kind)
             << ", atomic " << s.output.atomic << ", replace " << s.output.replace << ", durable "
             << s.output.durable << ", old system " << s.old_system;
}

const written_model& new_model() {
  static const written_model made(100, 1, memory_disk());  // large enough for several writes
  return made;
}
const std::string& old_file() {
  static const std::string made = model(30, 2).file();
  return made;
}

template <class Function> void for_all_settings(Function&& function) {
  (void)new_model();  // opens a file: before calls are watched and descriptors counted
  for (const way how : all_ways)
    for (const target kind : {target::absent, target::existing, target::link_to_existing,
                              target::link_to_absent, target::replaced_link, target::foreign}) {
      if (kind == target::foreign && ::geteuid() != 0) {
        if (how == way::saved)
          MESSAGE("left out: files of another owner, which only root can make");
        continue;
      }
      for (unsigned bits = 0; bits != 16; ++bits) {
        const bool atomic = (bits & 1) != 0, old_system = (bits & 8) != 0;
        if (old_system && !atomic) continue;  // it differs only in what is then not called
        if (kind == target::replaced_link && !atomic) continue;  // such links are refused
        function(setting{how,
                         kind,
                         {.atomic = atomic, .replace = (bits & 2) != 0, .durable = (bits & 4) != 0},
                         old_system});
      }
    }
}

result<void> write(const setting& s, const workplace& place, watched_calls& watched) {
  const output_options options = place.options(s.output);
  return watched.during([&] { return new_model().write(s.how, place.path(), options); });
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_sync_of_folder(const system_call& call) { return call.name == "fsync" && call.on_folder; }
bool is_close_of_file(const system_call& call) {
  return call.name == "close" && !call.on_folder && !call.of_mappings;
}

// Whether the file must be written although this call failed.
bool is_harmless(const setting& s, const fault& fault, const watched_calls& watched) {
  const system_call& call = *watched.disturbed();
  if (fault.what == disturbance::cut_short) return true;
  const int error = fault.error;
  if (call.of_mappings) return true;
  // Only of use where it works.
  if (is_one_of(call.name, {"fchown", "copy_file_range", "unlinkat", "sync_file_range", "statx",
                            "fstatfs", "lgetxattr", "fremovexattr"}))
    return true;
  if (call.name == "fallocate64") return error != ENOSPC;
  if (call.name == "faccessat") return error != EACCES;
  if (call.name == "close") {
    const auto first = watched.calls().begin();
    // The file's second descriptor is closed before it gets its name.
    const bool again = std::any_of(first, first + static_cast<std::ptrdiff_t>(fault.call) - 1,
                                   [](const system_call& c) { return is_close_of_file(c); });
    return call.on_folder || again || error == EINTR;
  }
  // An interrupted call is made again; a file once synced in vain is given up.
  if (error == EINTR)
    return is_one_of(call.name, {"openat", "openat64", "pwrite64", "pread64", "fchmod"});
  if (call.name == "openat64") return error == EEXIST && s.output.atomic;
  if (call.name == "renameat2") return error == ENOSYS || error == EINVAL;
  return is_sync_of_folder(call) && error == EINVAL;
}

// What is in the folder once the file is there, with the mode and the owner that it ought to have.
folder_content with_new_file(const workplace& place, const folder_content& now) {
  folder_content wanted = place.before();
  entry& file = wanted[place.name()];
  if (!place.exists() || S_ISLNK(file.mode))  // which gets the mode of what the link led to
    file = {S_IFREG | (place.exists() ? old_mode : new_mode), 0, ::geteuid(), ::getegid(), {}};
  file.bytes = new_model().file();
  if (const auto found = now.find(place.name()); found != now.end()) file.node = found->second.node;
  return wanted;
}

// What could not be carried over makes the file more private, never less.
void pardon_permissions(const system_call& call, const entry& wanted, entry& file) {
  if (!is_one_of(call.name, {"fchown", "lgetxattr", "fremovexattr"})) return;
  CHECK((file.mode & ~wanted.mode) == 0);
  if (file.group != wanted.group) CHECK((file.mode & 070) == 0);
  file.mode = wanted.mode;
  file.owner = wanted.owner;
  file.group = wanted.group;
}

void remove_temporary(folder_content& content) {
  std::erase_if(content, [](const auto& item) { return item.first.ends_with(temporary_suffix); });
}

void check_outcome(const setting& s, const workplace& place, const fault& fault,
                   const watched_calls& watched, const result<void>& done) {
  const system_call* hit = watched.disturbed();
  const bool refused = place.exists() && !s.output.replace;
  const bool harmless = hit == nullptr || is_harmless(s, fault, watched);
  CHECK(done.has_value() == (harmless && !refused));
  if (!done) {
    CHECK(done.error().code == errc::io);
    CHECK(done.error().system ==
          std::error_code(harmless ? EEXIST : fault.error, std::generic_category()));
    CHECK_FALSE(done.error().path.empty());
  }

  folder_content now = place.now();
  // It is removed at the second attempt, or could not be if that was the one that failed.
  if (hit != nullptr && refused && is_one_of(hit->name, {"unlinkat", "fstatat64"}))
    remove_temporary(now);
  const bool only_folder_unsynced = hit != nullptr && is_sync_of_folder(*hit);
  if (done || only_folder_unsynced) {
    folder_content wanted = with_new_file(place, now);
    REQUIRE(now.contains(place.name()));
    if (hit != nullptr && (hit->name != "fchown" || fault.error != EINTR))
      pardon_permissions(*hit, wanted[place.name()], now[place.name()]);
    CHECK((now == wanted));
    if (s.output.atomic && place.exists())
      CHECK(now[place.name()].node != place.before().at(place.name()).node);
  } else {
    folder_content wanted = place.before();
    const auto first = watched.calls().begin();
    const bool begun = std::any_of(first, first + static_cast<std::ptrdiff_t>(fault.call) - 1,
                                   [](const system_call& c) { return c.name == "openat64"; });
    if (!s.output.atomic && begun) wanted.erase(place.name());  // it was emptied
    CHECK((now == wanted));
  }
}

}  // namespace

TEST_CASE("the calls of a save are seen") {
  const workplace place(target::existing, old_file(), memory_disk());
  const written_model& model = new_model();
  const std::size_t descriptors = open_descriptors();
  watched_calls watched;
  REQUIRE(watched.during([&] { return model.write(way::saved, place.path(), {.durable = true}); })
              .has_value());
  std::string seen;
  for (const system_call& call : watched.calls())
    seen += std::string(call.name) + (call.on_folder ? "(folder) " : " ");
  seen.erase(0, seen.find("fstatat64"));  // before it, each folder of the path is opened
  // The header, and each tensor; swapped bytes gather in the writer's buffer, which holds them all.
  const std::string write = "pwrite64 sync_file_range ";
  const std::string writes =
      std::endian::native == std::endian::little ? write + write + write : write;
  const std::string look = "fstatat64(folder) lgetxattr ";
  const std::string rights = "fstat64 fremovexattr fstat64 ";
  CHECK(seen ==
        look + "statx(folder) openat(folder) statx(folder) openat64(folder) fstat64 fallocate64 " +
            "close(folder) " + writes + "fsync close " + look + rights + "fchmod fstat64 fsync " +
            look + rights + "fstatat64(folder) close renameat(folder) fsync(folder) " +
            "close(folder) ");
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE(
    "whichever call fails, the target is the old file or the new one, and nothing else stays") {
  std::size_t writes = 0, reported = 0, pardoned = 0, settings = 0;
  std::map<std::string_view, std::size_t> calls;
  for_all_settings([&](const setting& s) {
    INFO(s);
    ++settings;
    workplace place(s.kind, old_file(), memory_disk());
    const std::size_t descriptors = open_descriptors();
    const auto disturb = [&](fault fault) {
      INFO("error " << fault.error);
      for (bool hit = true; hit;) {
        ++fault.call;
        INFO("call " << fault.call);
        watched_calls watched(fault, s.old_system);
        const result<void> done = write(s, place, watched);
        CHECK(open_descriptors() == descriptors);
        const system_call* disturbed = watched.disturbed();
        hit = disturbed != nullptr;
        if (hit) ++calls[disturbed->name], ++(done ? pardoned : reported);
        INFO("disturbed: " << (hit ? disturbed->name : "none") << "; "
                           << (done ? "written" : done.error().message()));
        check_outcome(s, place, fault, watched, done);
        ++writes;
        if (place.now() != place.before()) place.prepare();
      }
    };
    for (const int error : errors) disturb({.error = error});
    disturb({.what = disturbance::cut_short});
  });
  std::string names;
  for (const auto& [name, count] : calls)
    names += " " + std::string(name) + " " + std::to_string(count);
  MESSAGE(writes << " writes in " << settings << " settings; of the calls disturbed, " << pardoned
                 << " did no harm and " << reported << " were reported:" << names);
}

TEST_CASE("when a device fails for good, the target is still the old file or the new one") {
  std::size_t writes = 0, leftovers = 0;
  for_all_settings([&](const setting& s) {
    if (!s.output.atomic) return;
    INFO(s);
    workplace place(s.kind, old_file(), memory_disk());
    const std::size_t descriptors = open_descriptors();
    fault fault{.error = EIO, .later_too = true};
    for (bool hit = true; hit; ++writes) {
      ++fault.call;
      INFO("from call " << fault.call << " on");
      watched_calls watched(fault, s.old_system);
      const result<void> done = write(s, place, watched);
      CHECK(open_descriptors() == descriptors);
      hit = watched.disturbed() != nullptr;
      if (hit && !done) CHECK(done.error().code == errc::io);
      // Only the sync of the folder comes after the rename.
      const bool written =
          done || std::any_of(watched.calls().begin(), watched.calls().end(), is_sync_of_folder);
      folder_content now = place.now();
      const std::size_t files = now.size();
      remove_temporary(now);  // which the device did not let us remove
      leftovers += files - now.size();
      CHECK((now == (written ? with_new_file(place, now) : place.before())));
      place.prepare();
    }
  });
  MESSAGE(writes << " writes; " << leftovers << " temporary files that could not be removed");
}
