// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <cstddef>
#include <string>

using namespace safetensors;
using namespace testing;

TEST_CASE("every name is found, and no other") {
  for (const std::size_t count : {1u, 2u, 3u, 5u, 6u, 100u, 10'000u}) {
    const auto parsed = parse(make_many(count));
    REQUIRE(parsed.has_value());
    CHECK(parsed->size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "layer." + std::to_string(i);
      const auto found = parsed->find(name);
      REQUIRE(found.has_value());
      CHECK(found->name() == name);
      CHECK(found->data_offsets().begin == i);
    }
    for (const std::string& name : {std::string(), std::string("layer."),
                                    "layer." + std::to_string(count), std::string("Layer.0")}) {
      CHECK_FALSE(parsed->contains(name));
      CHECK_FALSE(parsed->find(name).has_value());
    }
  }
}

TEST_CASE("a missing tensor is named by the failure") {
  const auto parsed = parse(make_many(1));
  const auto missing = parsed->try_at("layer.7");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == errc::tensor_not_found);
  CHECK(missing.error().tensor == "layer.7");
#if defined(__cpp_exceptions)
  CHECK_THROWS_WITH_AS((void)parsed->at("layer.7"),
                       "tensor \"layer.7\": the file has no tensor of this name", error);
  CHECK(parsed->at("layer.0").name() == "layer.0");
  CHECK((*parsed)["layer.0"].name() == "layer.0");
#endif
}
