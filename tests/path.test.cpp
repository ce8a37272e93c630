// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <filesystem>
#include <string>
#include <string_view>

using namespace safetensors;
using namespace testing;

namespace {
const std::string model = make_tensor_file("U8", "[2,3]", 6);
}  // namespace

TEST_CASE("a path is given as text of any kind, and non-ASCII ones work") {
  const temporary_folder folder;
  const std::filesystem::path path =
      folder / std::filesystem::path(u8"模型 ü \U0001F917.safetensors");
  write_file(path, model);
  const std::u8string utf8 = path.u8string();
  const std::string bytes(utf8.begin(), utf8.end());
  CHECK(file::try_open(path).has_value());
  CHECK(file::try_open(bytes).has_value());
  CHECK(file::try_open(bytes.c_str()).has_value());
  CHECK(file::try_open(std::string_view(bytes + "x").substr(0, bytes.size())).has_value());
  CHECK(file::try_open(utf8).has_value());
  CHECK(file::try_open(utf8.c_str()).has_value());
#ifdef _WIN32
  CHECK(file::try_open(path.c_str()).has_value());
  CHECK(file::try_open(path.wstring()).has_value());
#endif
  CHECK(path_ref(path).to_utf8() == bytes);
  CHECK(path_ref(static_cast<const char*>(nullptr)).to_utf8().empty());
  char* no_argument = nullptr;  // as argv[1] of a program without arguments
  CHECK(file::try_open(no_argument).error().code == errc::io);
}
