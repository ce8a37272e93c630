// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// Files that somebody reads while they are replaced, and writers that are given up.
#include "faults.hpp"

using namespace safetensors;
using namespace testing;

namespace {

std::string_view bytes_of(const file& mapped) {
  return {reinterpret_cast<const char*>(mapped.storage().data()), mapped.storage().size()};
}

}  // namespace

TEST_CASE("saving over a file that is mapped, here or elsewhere, leaves the mapping as it was") {
  const written_model new_model(500, 1, disk());
  const std::string old_file = model(700, 2).file();
  for (const way how : all_ways) {
    const workplace place(target::existing, old_file, disk());
    const auto here = file::try_open(place.path());
    REQUIRE(here.has_value());

    int mapped[2], saved[2];
    REQUIRE(::pipe(mapped) == 0);
    REQUIRE(::pipe(saved) == 0);
    char byte = 0;
    const ::pid_t child = start_process([&] {
      const auto there = file::try_open(place.path());
      (void)!::write(mapped[1], "x", 1);
      (void)!::read(saved[0], &byte, 1);
      return there && bytes_of(*there) == old_file;
    });
    CHECK(::read(mapped[0], &byte, 1) == 1);
    CHECK(new_model.write(how, place.path(), {}).has_value());
    CHECK(::write(saved[1], "x", 1) == 1);
    CHECK(end_of(child) == 0);
    for (const int end : {mapped[0], mapped[1], saved[0], saved[1]}) ::close(end);

    CHECK((bytes_of(*here) == old_file));
    CHECK((read_file(place.path()) == new_model.file()));
  }
}

TEST_CASE("tensors can be saved over the file that they are mapped from") {
  const std::string old_file = model(700, 2).file();
  const workplace place(target::existing, old_file, disk());
  const auto mapped = file::try_open(place.path());
  REQUIRE(mapped.has_value());
  const std::vector<tensor_data> tensors(mapped->begin(), mapped->end());
  CHECK(try_save(place.path(), tensors).has_value());
  CHECK((read_file(place.path()) == old_file));
  CHECK(place.now().at(place.name()).node != place.before().at(place.name()).node);

  const auto now = file::try_open(place.path());
  REQUIRE(now.has_value());
  const std::vector<tensor_data> again(now->begin(), now->end());
  const auto refused = try_save(place.path(), again, {.output = {.atomic = false}});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == errc::invalid_option);
  CHECK((read_file(place.path()) == old_file));
}

TEST_CASE("a writer that is given up leaves nothing behind") {
  const model made(100, 1);
  const std::string old_file = model(30, 2).file();
  const std::size_t descriptors = open_descriptors();
  for (const target kind : {target::absent, target::existing, target::link_to_existing})
    for (const bool atomic : {true, false})
      for (const std::size_t appended : {0u, 1u, 2u}) {  // nothing; a part; too much
        const workplace place(kind, old_file, disk());
        folder_content wanted = place.before();
        if (!atomic && appended == 1) wanted.erase(place.name());  // it was emptied
        {
          auto out =
              writer::try_create(place.path(), made.plan(), place.options({.atomic = atomic}));
          REQUIRE(out.has_value());
          const std::vector<std::byte> bytes(appended * 60'000);
          CHECK(out->try_append("weights", bytes).has_value() == (appended < 2));
          CHECK_FALSE(out->try_finish().has_value());
          const writer moved = *std::move(out);
        }
        CHECK((place.now() == wanted));
        CHECK(open_descriptors() == descriptors);
      }
}
