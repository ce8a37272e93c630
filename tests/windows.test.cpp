// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The library behind the system's own header and its macros; linking.test.cpp has it in front.
#ifdef _WIN32
#include <windows.h>

#include <safetensors/writer.hpp>

#undef min
#undef max
#include "support.hpp"

#include <array>
#include <cstring>

using namespace testing;
using namespace safetensors;

namespace {

const std::vector<float> old_values{1, 2}, new_values{3, 4, 5};

result<void> save(const path_ref& path, const std::vector<float>& values) {
  return try_save(path, {{"w", {values.size()}, values}});
}

std::vector<float> values_at(const path_ref& path) {
  const auto model = file::try_open(path);
  REQUIRE(model.has_value());
  return *model->find("w")->try_to_vector<float>();
}

// Windows' number of the error, or 0.
template <class Result> int number_of(const Result& done) {
  return done ? 0 : done.error().system.value();
}

std::string utf8(const std::filesystem::path& path) {
  const std::u8string text = path.u8string();
  return {text.begin(), text.end()};
}

// A file as another program has it open, which lets others do what share says.
class opened_elsewhere {
 public:
  opened_elsewhere(const std::filesystem::path& path, DWORD share)
      : handle_(::CreateFileW(path.c_str(), GENERIC_READ, share, nullptr, OPEN_EXISTING,
                              FILE_ATTRIBUTE_NORMAL, nullptr)) {
    REQUIRE(handle_ != INVALID_HANDLE_VALUE);
  }
  opened_elsewhere(const opened_elsewhere&) = delete;
  opened_elsewhere& operator=(const opened_elsewhere&) = delete;
  ~opened_elsewhere() { ::CloseHandle(handle_); }

 private:
  HANDLE handle_;
};

// Saving was refused, which is told, and has left the old file alone.
void check_refused(const result<void>& saved, const temporary_folder& folder) {
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().code == errc::io);
  CHECK((number_of(saved) == ERROR_ACCESS_DENIED || number_of(saved) == ERROR_SHARING_VIOLATION ||
         number_of(saved) == ERROR_USER_MAPPED_FILE));
  CHECK(says(saved.error(), {"cannot take its place", "memory_file"}));
  CHECK(files_in(folder / "") == 1);
}

// Versions of Windows differ in whether a file is replaced that a reader of this library has open.
void check_replaced_or_refused(const result<void>& saved, const temporary_folder& folder) {
  if (!saved) return check_refused(saved, folder);
  CHECK(files_in(folder / "") == 1);
  CHECK(values_at(folder / "m") == new_values);
}

}  // namespace

//-- paths

TEST_CASE("paths that are not ASCII are written and read, wide and as UTF-8") {
  const temporary_folder folder;
  const std::filesystem::path path = folder / L"größe \u5c42 \U0001F917.safetensors";
  REQUIRE(save(path.wstring(), old_values).has_value());
  CHECK(values_at(path.wstring()) == old_values);
  CHECK(values_at(utf8(path)) == old_values);
  REQUIRE(save(utf8(path), new_values).has_value());
  CHECK(values_at(path) == new_values);
  CHECK(files_in(folder / "") == 1);
  CHECK(says(file::try_open(utf8(path) + "\xFF").error(), {"not valid UTF-8"}));
}

TEST_CASE("paths longer than 260 characters are written, replaced and read with their prefix") {
  const temporary_folder folder;
  std::vector<std::wstring> folders{L"\\\\?\\" + (folder / "").parent_path().wstring()};
  while (folders.back().size() < 600) {
    folders.push_back(folders.back() + L"\\" + std::wstring(100, L'ü'));
    REQUIRE(::CreateDirectoryW(folders.back().c_str(), nullptr) != 0);
  }
  const std::wstring path = folders.back() + L"\\m.safetensors";
  REQUIRE(save(path, old_values).has_value());
  REQUIRE(save(path, new_values).has_value());
  CHECK(values_at(path) == new_values);
  CHECK(values_at(utf8(path)) == new_values);
  CHECK(file::try_open(path + L"x").error().path == utf8(path) + "x");

  {  // Without the prefix it depends on the system's settings.
    const auto plain = file::try_open(path.substr(4));
    CHECK((plain.has_value() || plain.error().code == errc::io));
  }

  // The temporary folder does not know the prefix.
  CHECK(::DeleteFileW(path.c_str()) != 0);
  for (; folders.size() > 1; folders.pop_back())
    CHECK(::RemoveDirectoryW(folders.back().c_str()) != 0);  // so nothing else was left
}

TEST_CASE("a long path of UTF-8 is not cut") {
  std::string path = "C:";
  for (int i = 0; i != 100; ++i) {
    path += '\\';
    for (int character = 0; character != 200; ++character) path += "\u5c42";
  }
  const failure found = file::try_open(path).error();
  CHECK(found.code == errc::io);
  CHECK_FALSE(says(found, {"not valid UTF-8"}));
  CHECK(found.path == path);
}

TEST_CASE("a device is not a regular file") {
  CHECK(file::try_open("NUL").error().detail == "it is not a regular file");
  const auto saved = save("NUL", old_values);
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().code == errc::io);
}

//-- files that others have open

TEST_CASE("a file that somebody has open for themselves is a clear error, and stays") {
  const temporary_folder folder;
  REQUIRE(save(folder / "m", old_values).has_value());
  {
    const opened_elsewhere held(folder / "m", 0);
    CHECK(number_of(file::try_open(folder / "m")) == ERROR_SHARING_VIOLATION);
    CHECK(number_of(memory_file::try_open(folder / "m")) == ERROR_SHARING_VIOLATION);
    CHECK(number_of(header::try_open(folder / "m")) == ERROR_SHARING_VIOLATION);
    check_refused(save(folder / "m", new_values), folder);
    const auto in_place = try_save(folder / "m", {{"w", {3}, new_values}},
                                   write_options{.output = {.atomic = false}});
    CHECK(number_of(in_place) == ERROR_SHARING_VIOLATION);
  }
  CHECK(values_at(folder / "m") == old_values);
}

TEST_CASE("a file that somebody reads is read too, and not replaced before they close it") {
  const temporary_folder folder;
  REQUIRE(save(folder / "m", old_values).has_value());
  {
    const opened_elsewhere held(folder / "m", FILE_SHARE_READ);
    CHECK(values_at(folder / "m") == old_values);
    check_refused(save(folder / "m", new_values), folder);
    CHECK(values_at(folder / "m") == old_values);
  }
  REQUIRE(save(folder / "m", new_values).has_value());
  CHECK(values_at(folder / "m") == new_values);
}

TEST_CASE("a file that is written in place has one writer, and can be saved over afterwards") {
  const temporary_folder folder;
  {
    const auto out = file_sink::try_create(folder / "m", 8, {.atomic = false});
    REQUIRE(out.has_value());
    auto second = file_sink::try_create(folder / "m", 8, {.atomic = false});
    REQUIRE(second.has_value());  // which opens the file when it writes
    const std::array<std::byte, 8> bytes{};
    CHECK(second->write_at(0, bytes).value() == ERROR_SHARING_VIOLATION);
  }
  REQUIRE(save(folder / "m", old_values).has_value());
  CHECK(values_at(folder / "m") == old_values);
}

TEST_CASE("whoever has a file mapped keeps its bytes, whether it is replaced or not") {
  const temporary_folder folder;
  REQUIRE(save(folder / "m", old_values).has_value());
  {
    const auto mapped = file::try_open(folder / "m");
    REQUIRE(mapped.has_value());
    check_replaced_or_refused(save(folder / "m", new_values), folder);
    CHECK(*mapped->find("w")->try_to_vector<float>() == old_values);
  }
  REQUIRE(save(folder / "m", new_values).has_value());
  CHECK(values_at(folder / "m") == new_values);
}

TEST_CASE("whoever reads from an open file keeps its bytes, whether it is replaced or not") {
  const temporary_folder folder;
  REQUIRE(save(folder / "m", old_values).has_value());
  {
    const auto source = file_source::try_open(folder / "m");
    REQUIRE(source.has_value());
    check_replaced_or_refused(save(folder / "m", new_values), folder);
    const auto read = memory_file::try_read(*source);
    REQUIRE(read.has_value());
    CHECK(*read->find("w")->try_to_vector<float>() == old_values);
  }
  REQUIRE(save(folder / "m", new_values).has_value());
  CHECK(values_at(folder / "m") == new_values);
}

//-- mapping

TEST_CASE("any part of a file is mapped, though Windows maps from whole 64 KiB on") {
  const temporary_folder folder;
  std::string bytes(200'000, '\0');
  for (std::size_t i = 0; i != bytes.size(); ++i) bytes[i] = static_cast<char>(i % 251);
  write_file(folder / "m", bytes);
  const auto source = file_source::try_open(folder / "m");
  REQUIRE(source.has_value());
  for (const std::size_t begin : {0u, 1u, 65'535u, 65'536u, 65'537u, 131'072u, 199'999u}) {
    CAPTURE(begin);
    const auto part = mapped_bytes::try_map(source->handle(), begin, bytes.size() - begin);
    REQUIRE(part.has_value());
    REQUIRE(part->size() == bytes.size() - begin);
    CHECK(std::memcmp(part->data(), bytes.data() + begin, part->size()) == 0);
  }
}

TEST_CASE("a file can be removed once its mapping has gone") {
  const temporary_folder folder;
  REQUIRE(save(folder / "m", old_values).has_value());
  {
    CHECK(values_at(folder / "m") == old_values);
  }
  CHECK(::DeleteFileW((folder / "m").c_str()) != 0);
  CHECK(files_in(folder / "") == 0);
}
#endif
