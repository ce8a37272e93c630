// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifndef _WIN32
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#endif

using namespace safetensors;
using namespace testing;

namespace {

const std::string model = make_tensor_file("U8", "[2,3]", 6);

template <class File> void check_model(const File& file) {
  REQUIRE(file.size() == 1);
  const auto tensor = file.find("t");
  REQUIRE(tensor.has_value());
  CHECK(tensor->matches(dtype::u8, {2, 3}));
  CHECK(std::memcmp(tensor->bytes().data(), "\0\1\2\3\4\5", 6) == 0);
  CHECK((*file.begin()).bytes().data() == tensor->bytes().data());
  CHECK_FALSE(file.find("u").has_value());
}

}  // namespace

TEST_CASE("a file is mapped, read into memory, or borrowed, with the same content") {
  const temporary_folder folder;
  write_file(folder / "m.safetensors", model);
  const auto mapped = file::try_open(folder / "m.safetensors");
  REQUIRE(mapped.has_value());
  check_model(*mapped);
  CHECK(mapped->storage().size() == model.size());
  const auto read = memory_file::try_open(folder / "m.safetensors");
  REQUIRE(read.has_value());
  check_model(*read);
  const auto borrowed = borrowed_file::try_from(std::as_bytes(std::span(model)));
  REQUIRE(borrowed.has_value());
  check_model(*borrowed);
  const auto owned = basic_file<std::string>::try_from(model);
  REQUIRE(owned.has_value());
  check_model(*owned);
  const auto head = header::try_open(folder / "m.safetensors");
  REQUIRE(head.has_value());
  CHECK(head->file_size() == model.size());
#if defined(__cpp_exceptions)
  check_model(file(folder / "m.safetensors"));
  check_model(memory_file(folder / "m.safetensors"));
  check_model(borrowed_file::from(std::as_bytes(std::span(model))));
  CHECK(header(folder / "m.safetensors").size() == 1);
  CHECK_THROWS_AS(file(folder / "none"), error);
#endif
}

TEST_CASE("what is no readable regular file is a clear error, and nothing leaks or hangs") {
  const temporary_folder folder;
  write_file(folder / "empty", "");
  write_file(folder / "bad", make_file("[]"));
  std::vector<std::pair<std::filesystem::path, errc>> paths = {
      {folder / "none", errc::io},
      {folder / "none" / "deeper", errc::io},
      {"", errc::io},
      {folder / "", errc::io},
      {folder / "empty", errc::header_too_small},
      {folder / "bad", errc::header_not_object}};
#ifndef _WIN32
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  paths.emplace_back(folder / "fifo", errc::io);
  paths.emplace_back("/dev/null", errc::io);
  paths.emplace_back("/dev/zero", errc::io);
  const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(listening >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  paths.emplace_back(folder / "socket", errc::io);
  write_file(folder / "private", model);
  REQUIRE(::chmod((folder / "private").c_str(), 0) == 0);
  if (::geteuid() != 0) paths.emplace_back(folder / "private", errc::io);
  const std::size_t before = open_descriptors();
#endif
  for (const auto& each : paths) {
    const std::filesystem::path& path = each.first;
    const errc code = each.second;
    CAPTURE(path.string());
    for (const failure& found : {file::try_open(path).error(), memory_file::try_open(path).error(),
                                 header::try_open(path).error()}) {
      CHECK(found.code == code);
      CHECK(found.path == path.string());
      CHECK((found.system != std::error_code()) == (code == errc::io));
      CHECK(found.message().find(printable(path.string())) == 0);
    }
  }
#ifndef _WIN32
  CHECK(open_descriptors() == before);
  ::close(listening);
  CHECK(file::try_open(folder / "none").error().system == std::errc::no_such_file_or_directory);
  CHECK(file::try_open(folder / "").error().system == std::errc::is_a_directory);
  CHECK(file::try_open(folder / "fifo").error().detail == "it is not a regular file");
#endif
  CHECK(file::try_open(std::string_view("m\0n", 3)).error().detail == "the path holds a NUL");
}

#ifndef _WIN32
TEST_CASE("a file without permission is a clear error for those who are not root") {
  const temporary_folder folder;
  write_file(folder / "private", model);
  REQUIRE(::chmod((folder / "private").c_str(), 0) == 0);
  REQUIRE(::chmod((folder / "").c_str(), 0755) == 0);
  CHECK(true_in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;
    const auto opened = file::try_open(folder / "private");
    return !opened && opened.error().code == errc::io &&
           opened.error().system == std::errc::permission_denied;
  }));
}
#endif

TEST_CASE("a storage of the caller's is given back") {
  auto opened = basic_file<std::string>::try_from(model);
  basic_file<std::string> taken = *std::move(opened);
  CHECK(std::move(taken).release() == model);
  CHECK(taken.empty());  // it is promised
}

TEST_CASE("a file is opened with options of the header, of the mapping, or both") {
  static_assert(std::is_convertible_v<read_options, open_options>);
  const temporary_folder folder;
  write_file(folder / "m", model + "rest");
  const auto path = folder / "m";
  CHECK(file::try_open(path, {.allow_trailing_bytes = true}).has_value());
  CHECK(file::try_open(path, {.max_header_bytes = 10}).error().code == errc::header_too_large);
  CHECK(file::try_open(path, {.mode = map_mode::copy_on_write}).error().code ==
        errc::trailing_bytes);
  CHECK(file::try_open(path, {}).error().code == errc::trailing_bytes);
  const read_options reading{.allow_trailing_bytes = true};
  CHECK(file::try_open(path, reading).has_value());
  const open_options opening = reading;
  CHECK(opening == open_options{.read = reading});
  CHECK(opening != open_options{});
  const auto opened = file::try_open(path, opening);
  REQUIRE(opened.has_value());
  check_model(*opened);
  const auto source = file_source::try_open(path);
  REQUIRE(source.has_value());
  const auto written =
      file::try_read(*source, open_options{.read = reading, .mode = map_mode::copy_on_write});
  REQUIRE(written.has_value());
  check_model(*written);
  CHECK(file::try_read(*source, {}).error().code == errc::trailing_bytes);
  CHECK(says(file::try_open(folder / "none", {.mode = map_mode::copy_on_write}).error(),
             {"/none: "}));
#if defined(__cpp_exceptions)
  check_model(file(path, {.allow_trailing_bytes = true}));
  check_model(file(path, opening));
  check_model(file(path, {.read = reading, .access = access_advice::sequential}));
#endif
}

TEST_CASE("elements are changed in place, in a copy of the file or in memory") {
  const temporary_folder folder;
  std::string text = R"({"f":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                     R"("n":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},)"
                     R"("u":{"dtype":"U8","shape":[1],"data_offsets":[8,9]},)"
                     R"("odd":{"dtype":"F32","shape":[1],"data_offsets":[9,13]}})";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that mapped data is aligned
  const std::string bytes = make_file(text, 13);
  write_file(folder / "m", bytes);
  const auto check = [](auto& opened) {
    if constexpr (std::endian::native == std::endian::little) {
      const auto elements = opened.template try_writable_as<float>("f");
      REQUIRE(elements.has_value());
      REQUIRE(elements->size() == 2);
      (*elements)[1] = 2.5f;
      CHECK(opened.find("f")->template try_as<float>().value_or(std::span<const float>())[1] ==
            2.5f);
      CHECK(opened.template try_writable_as<float>("odd").error().code == errc::misaligned_data);
    } else {
      CHECK(opened.template try_writable_as<float>("f").error().code == errc::foreign_byte_order);
    }
    const auto none = opened.template try_writable_as<float>("n");
    CHECK((none.has_value() && none->empty()));
    const auto one = opened.template try_writable_as<std::uint8_t>("u");
    CHECK((one.has_value() && one->size() == 1));
    CHECK(opened.template try_writable_as<float>("u").error().code == errc::dtype_mismatch);
    CHECK(opened.template try_writable_as<float>("x").error().code == errc::tensor_not_found);
    const auto word = opened.template try_writable_bits<std::uint8_t>("u");
    REQUIRE(word.has_value());
    word->front() = 9;
    CHECK(opened.find("u")->bytes().front() == std::byte{9});
    CHECK(opened.template try_writable_bits<std::uint16_t>("u").error().code ==
          errc::dtype_mismatch);
  };
  auto copy = file::try_open(folder / "m", {.mode = map_mode::copy_on_write});
  REQUIRE(copy.has_value());
  check(*copy);
  auto memory = memory_file::try_open(folder / "m");
  REQUIRE(memory.has_value());
  check(*memory);
  CHECK(read_file(folder / "m") == bytes);

  auto plain = file::try_open(folder / "m");
  REQUIRE(plain.has_value());
  const failure refused = plain->try_writable_as<float>("f").error();
  CHECK(refused.code == errc::read_only);
  CHECK(says(refused, {"\"f\"", "copy_on_write"}));
  CHECK(plain->try_writable_bits<std::uint8_t>("u").error().code == errc::read_only);
  CHECK(plain->try_writable_as<float>("n").has_value());
#if defined(__cpp_exceptions)
  CHECK(memory->writable_as<std::uint8_t>("u").size() == 1);
  CHECK(memory->writable_bits<std::uint8_t>("u").size() == 1);
  CHECK_THROWS_AS((void)plain->writable_as<std::uint8_t>("u"), error);
#endif
}
