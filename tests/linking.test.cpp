// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Every other file of this program includes the header too: that they link shows that nothing is
// defined twice. Here it meets what surrounds it in other people's programs. tests/modes.py links
// what is compiled in both ways.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <variant>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#define near
#define far
#define small char
#define interface struct
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define ERROR 0
#define IN
#define OUT
#define I 1
#define VOID void
#include <safetensors/writer.hpp>
#undef near
#undef far
#undef small
#undef interface
#undef min
#undef max
#undef ERROR
#undef IN
#undef OUT
#undef I
#undef VOID
#ifdef _WIN32
#include <windows.h>
#undef small
#endif

#include "support.hpp"

#if SAFETENSORS_TEST_COMPILED
#ifndef SAFETENSORS_SEPARATE_COMPILATION
#error "The tests are to be compiled with safetensors::compiled"
#endif
#elif defined(SAFETENSORS_SEPARATE_COMPILATION)
#error "The tests are to be compiled header-only"
#endif

// Of another_version.cpp and no_exceptions.cpp.
std::size_t count_by_another_version(const char* path);
const std::error_category& category_of_another_version();
std::size_t count_without_exceptions(const char* path);
const std::error_category& category_without_exceptions();
int verdict_of_another_version(std::string_view file);
// Of shared_library.cpp.
extern "C" bool library_finds(const void* index, const char* name);

// Another library uses the same name for its namespace.
namespace safetensors {
struct tensor_t {
  int dtype;
};
}  // namespace safetensors

TEST_CASE("the macros tell the version, and whether there are exceptions") {
  CHECK(SAFETENSORS_VERSION_MAJOR + SAFETENSORS_VERSION_MINOR + SAFETENSORS_VERSION_PATCH > 0);
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
  CHECK(SAFETENSORS_EXCEPTIONS == 1);
#else
  CHECK(SAFETENSORS_EXCEPTIONS == 0);
#endif
}

#if defined(__GNUC__) && !defined(_WIN32)
TEST_CASE("no other macros are left behind") {
  const testing::outcome told = testing::run(
      "printf '#include <safetensors/writer.hpp>\n' | c++ -std=c++20 -I" +
      testing::shell_quoted(testing::source_file("include").string()) +
      " -x c++ -dM -E - | sed -n 's/^#define \\(SAFETENSORS_[A-Z_]*\\).*/\\1/p' | sort");
  CHECK(told.out ==
        "SAFETENSORS_ABI\nSAFETENSORS_DECL\nSAFETENSORS_EXCEPTIONS\nSAFETENSORS_LIFETIMEBOUND\n"
        "SAFETENSORS_VERSION_MAJOR\nSAFETENSORS_VERSION_MINOR\nSAFETENSORS_VERSION_PATCH\n");
}

TEST_CASE("the macro and the compiler's option give the same library without exceptions") {
  // Files of one program may use either, and share the namespace: what a function does must not
  // depend on the file that the linker takes it from. So every definition must be the same text.
  const auto own_text = [](const std::string& options) {
    return testing::run("printf '#include <safetensors/writer.hpp>\n' | c++ -std=c++20 " + options +
                        " -I" + testing::shell_quoted(testing::source_file("include").string()) +
                        " -x c++ -E - | awk '/^# [0-9]+ \"/ { ours = index($0, "
                        "\"/include/safetensors/\"); next } ours'")
        .out;
  };
  const std::string by_macro = own_text("-DSAFETENSORS_NO_EXCEPTIONS");
  CHECK(by_macro.find("_nothrow {") != std::string::npos);
  CHECK(by_macro.find("class basic_writer {") != std::string::npos);
  CHECK((own_text("-fno-exceptions") == by_macro));
  const std::string compiled =
      own_text("-DSAFETENSORS_SEPARATE_COMPILATION -DSAFETENSORS_NO_EXCEPTIONS");
  CHECK(compiled.find("_compiled_nothrow {") != std::string::npos);
  CHECK((own_text("-DSAFETENSORS_SEPARATE_COMPILATION -fno-exceptions") == compiled));
  CHECK((own_text("-fno-exceptions -fno-rtti -DSAFETENSORS_NO_EXCEPTIONS") == by_macro));
  CHECK((own_text("") != by_macro));
}
#endif

using namespace safetensors;

TEST_CASE("another version, and one without exceptions, work in the same program") {
  const std::string path = testing::source_file("examples/data/digits.safetensors").string();
  const result<header> index = header::try_open(path);
  REQUIRE(index.has_value());
  const std::size_t count = index->size();
  CHECK(count != 0);
  CHECK(count_by_another_version(path.c_str()) == count);
  CHECK(count_without_exceptions(path.c_str()) == count);
  // Each has its own objects, so that none is taken for another's.
  CHECK(&category_of_another_version() != &error_category());
  CHECK((&category_without_exceptions() != &error_category()) == (SAFETENSORS_EXCEPTIONS == 1));
}

TEST_CASE("headers that are not canonical are read alike with a version of nlohmann_json to come") {
  for (const std::string_view text :
       {R"({"a" : {"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", R"({"a" : })", R"({"a" : 1})",
        R"({"a" : {}, "\ud800" : {}})"}) {
    CAPTURE(text);
    const std::string file = testing::make_file(text) + "x";
    const result<header> index = header::try_parse(std::as_bytes(std::span(file)), file.size());
    CHECK(verdict_of_another_version(file) == (index ? 0 : static_cast<int>(index.error().code)));
  }
}

TEST_CASE("a shared library with symbols of its own finds names in what the program opened") {
  const result<header> index =
      header::try_open(testing::source_file("examples/data/digits.safetensors"));
  REQUIRE(index.has_value());
  for (const tensor_info tensor : *index)
    CHECK(library_finds(&*index, std::string(tensor.name()).c_str()));
  CHECK_FALSE(library_finds(&*index, "missing"));
}

TEST_CASE("the names do not collide with POSIX under a using-directive") {
  const header none;
  CHECK(none.empty());
  CHECK(safetensors::tensor_t{1}.dtype == 1);
}
