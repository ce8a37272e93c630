// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// The process is killed while it writes.
#include "faults.hpp"
#include "system_calls.hpp"

#include <algorithm>
#include <csignal>
#include <random>

using namespace safetensors;
using namespace testing;

namespace {

std::size_t place_of(const std::vector<system_call>& calls, std::string_view name) {
  const auto found = std::find_if(calls.begin(), calls.end(),
                                  [&](const system_call& call) { return call.name == name; });
  return static_cast<std::size_t>(found - calls.begin()) + 1;
}

// The temporary files in a folder, which no reader of the folder takes for models. None is open to
// more than the target is.
std::vector<std::filesystem::path> leftovers_in(const std::filesystem::path& folder,
                                                ::mode_t target_mode) {
  std::vector<std::filesystem::path> found;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path& path = item.path();
    if (path.filename() == "t.safetensors" || item.is_directory()) continue;
    CHECK(path.extension() == ".tmp");
    CHECK(path.filename().string().starts_with('.'));
    struct ::stat status{};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777 & ~target_mode) == 0);
    found.push_back(path);
  }
  return found;
}

}  // namespace

TEST_CASE("killed at whichever call, a write has left the old file or the new one") {
  const written_model model(100, 1, memory_disk());
  const std::string old_file = testing::model(30, 2).file();
  std::size_t kills = 0, leftovers = 0;
  for (const way how : all_ways)
    for (const target kind : {target::absent, target::existing})
      for (const bool old_system : {false, true})
        for (const bool replace : {true, false}) {
          if (kind == target::existing && !replace) continue;  // nothing is written
          CAPTURE(static_cast<int>(how));
          CAPTURE(static_cast<int>(kind));
          CAPTURE(old_system);
          CAPTURE(replace);
          workplace place(kind, old_file, memory_disk());
          const output_options output{.replace = replace, .durable = true};
          const auto write = [&] { return model.write(how, place.path(), output); };
          watched_calls watched({}, old_system);
          REQUIRE(watched.during(write).has_value());
          const std::vector<system_call>& calls = watched.calls();
          const std::size_t opened = place_of(calls, "openat64");
          const std::size_t named = place_of(calls, replace      ? "renameat"
                                                    : old_system ? "linkat"
                                                                 : "renameat2");
          const std::size_t cleared = replace || !old_system ? named : place_of(calls, "unlinkat");
          REQUIRE(cleared < calls.size());
          for (std::size_t call = 1; call <= calls.size(); ++call) {
            CAPTURE(call);
            place.prepare();
            const int status = end_of(start_process([&] {
              watched_calls killed({.call = call, .what = disturbance::kill}, old_system);
              return killed.during(write).has_value();
            }));
            REQUIRE(WIFSIGNALED(status));
            REQUIRE(WTERMSIG(status) == SIGKILL);
            ++kills;

            const folder_content now = place.now();
            const bool is_new = call > named;
            REQUIRE(now.contains(place.name()) == (is_new || place.exists()));
            const ::mode_t mode = place.exists() ? old_mode : new_mode;
            if (is_new) {
              const entry& file = now.at(place.name());
              CHECK((file.bytes == model.file()));
              CHECK((file.mode & 07777) == mode);
            } else if (place.exists()) {
              CHECK((now.at(place.name()) == place.before().at(place.name())));
            }
            const auto left = leftovers_in(place.path().parent_path(), mode);
            CHECK(left.size() == (call > opened && call <= cleared ? 1 : 0));
            leftovers += left.size();

            if (!replace && is_new) continue;
            CHECK(write().has_value());
            CHECK((place.now().at(place.name()).bytes == model.file()));
          }
        }
  MESSAGE(kills << " kills, " << leftovers << " leftovers");
}

TEST_CASE("killed at random moments, a writer has left one of its models, complete") {
  constexpr std::size_t kills = 200;
  const written_model models[]{{3000, 1, disk()}, {2500, 2, disk()}};
  const written_model last(10, 3, disk());
  workplace place(target::existing, models[0].file(), disk());
  std::mt19937 random(1);
  std::size_t leftovers = 0, found[3]{};
  for (std::size_t kill = 0; kill != kills; ++kill) {
    CAPTURE(kill);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const ::pid_t child = start_process([&] {
      for (std::size_t i = kill;; ++i) {
        if (i == kill + 1) (void)!::write(ready[1], "x", 1);  // from now on, it is always writing
        const output_options output{.preallocate = i % 4 < 2, .durable = i % 8 == 3};
        if (!models[i % 2].write(all_ways[i % 3], place.path(), output)) return false;
      }
    });
    char byte = 0;
    ::close(ready[1]);
    CHECK(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::usleep(static_cast<::useconds_t>(random() % 8000));
    REQUIRE(::kill(child, SIGKILL) == 0);
    const int status = end_of(child);
    REQUIRE(WIFSIGNALED(status));

    {
      const auto opened = file::try_open(place.path());
      REQUIRE(opened.has_value());
      const auto bytes = std::string_view(reinterpret_cast<const char*>(opened->storage().data()),
                                          opened->storage().size());
      const std::size_t which = bytes == models[0].file() ? 0 : bytes == models[1].file() ? 1 : 2;
      CHECK(which != 2);
      ++found[which];
    }
    struct ::stat target_status{};
    REQUIRE(::stat(place.path().c_str(), &target_status) == 0);
    CHECK((target_status.st_mode & 07777) == old_mode);

    const auto left = leftovers_in(place.path().parent_path(), old_mode);
    CHECK(left.size() <= 1);
    leftovers += left.size();
    CHECK(last.write(way::saved, place.path(), {}).has_value());
    CHECK((read_file(place.path()) == last.file()));
    CHECK(leftovers_in(place.path().parent_path(), old_mode).size() == left.size());
    for (const auto& path : left) std::filesystem::remove(path);
  }
  MESSAGE(kills << " kills, " << leftovers << " leftovers; the target was one model " << found[0]
                << " times, the other " << found[1] << " times");
}
