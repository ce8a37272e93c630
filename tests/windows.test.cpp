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

using namespace testing;

TEST_CASE("wide paths that are not ASCII are written and read") {
  const temporary_folder folder;
  const std::wstring path = (folder / L"größe \u5c42.safetensors").wstring();
  const std::vector<float> values{1, 2};
  REQUIRE(safetensors::try_save(path, {{"w", {2}, values}}).has_value());
  const auto model = safetensors::file::try_open(path);
  REQUIRE(model.has_value());
  CHECK(*model->find("w")->try_to_vector<float>() == values);
}
#endif
