// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the tests share: files made of text, temporary folders, programs that are run.
#pragma once

#include <safetensors/safetensors.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#if defined(__cpp_exceptions) && defined(DOCTEST_CONFIG_NO_EXCEPTIONS)
#error "CHECK_THROWS_AS and CHECK_NOTHROW would check nothing"
#endif

namespace testing {

// The 8 bytes that tell a header's length.
inline std::string make_length(std::uint64_t length) {
  std::string bytes;
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(length >> shift & 0xFF);
  return bytes;
}

// The header's length, the header, and data_bytes bytes 0, 1, 2, …
inline std::string make_file(std::string_view header, std::size_t data_bytes = 0) {
  std::string file = make_length(header.size());
  file += header;
  for (std::size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

// A tensor's entry in a header. dtype: as JSON
inline std::string make_entry(std::string_view dtype, std::string_view shape,
                              std::string_view offsets, std::string_view name = "t") {
  return "\"" + std::string(name) + "\":{\"dtype\":" + std::string(dtype) +
         ",\"shape\":" + std::string(shape) + ",\"data_offsets\":" + std::string(offsets) + "}";
}

// The entry of a vector of U8.
inline std::string make_u8_entry(std::string_view name, std::uint64_t begin, std::uint64_t end) {
  return make_entry("\"U8\"", "[" + std::to_string(end - begin) + "]",
                    "[" + std::to_string(begin) + "," + std::to_string(end) + "]", name);
}

// One tensor of this dtype and shape, with its bytes.
inline std::string make_tensor_file(std::string_view dtype, std::string_view shape,
                                    std::size_t data_bytes, std::string_view name = "t") {
  return make_file("{\"" + std::string(name) + "\":{\"dtype\":\"" + std::string(dtype) +
                       "\",\"shape\":" + std::string(shape) + ",\"data_offsets\":[0," +
                       std::to_string(data_bytes) + "]}}",
                   data_bytes);
}

// A file of `count` tensors of one byte each: "layer.0", "layer.1", …
inline std::string make_many(std::size_t count) {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : ",") + make_u8_entry("layer." + std::to_string(i), i, i + 1);
  return make_file(text + "}", count);
}

inline safetensors::result<safetensors::header> parse(
    std::string_view file, const safetensors::read_options& options = {}) {
  return safetensors::header::try_parse(std::as_bytes(std::span(file)), file.size(), options);
}

// The failure of a file that must have one.
// Whether a message has these words, in this order.
inline bool says(const safetensors::failure& found, std::initializer_list<std::string_view> words) {
  const std::string message = found.message();
  std::size_t at = 0;
  for (const std::string_view word : words) {
    at = message.find(word, at);
    if (at == message.npos) return false;
    at += word.size();
  }
  return true;
}

inline safetensors::failure failure_of(std::string_view file,
                                       const safetensors::read_options& options = {}) {
  const auto parsed = parse(file, options);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error();
}

inline safetensors::errc code_of(std::string_view file,
                                 const safetensors::read_options& options = {}) {
  return failure_of(file, options).code;
}

// A folder that goes with the object.
class temporary_folder {
 public:
  explicit temporary_folder(
      const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    static std::atomic<unsigned> count{0};
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    path_ = parent / ("safetensors-test-" + std::to_string(now) + "-" + std::to_string(count++) +
                      "-" + std::to_string(reinterpret_cast<std::uintptr_t>(&count) >> 12));
    REQUIRE(std::filesystem::create_directory(path_));
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
#ifdef _WIN32
  std::FILE* file = ::_wfopen(path.c_str(), L"wb");
#else
  std::FILE* file = std::fopen(path.c_str(), "wb");
#endif
  REQUIRE(file != nullptr);
  const std::size_t written = std::fwrite(bytes.data(), 1, bytes.size(), file);
  const int closed = std::fclose(file);
  REQUIRE(written == bytes.size());
  REQUIRE(closed == 0);
}

inline std::string read_file(const std::filesystem::path& path) {
#ifdef _WIN32
  std::FILE* file = ::_wfopen(path.c_str(), L"rb");
#else
  std::FILE* file = std::fopen(path.c_str(), "rb");
#endif
  REQUIRE(file != nullptr);
  std::string bytes;
  char piece[65536];
  for (std::size_t got = sizeof piece; got == sizeof piece; bytes.append(piece, got))
    got = std::fread(piece, 1, sizeof piece, file);
  std::fclose(file);
  return bytes;
}

inline std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
#ifndef _WIN32
  for (int descriptor = 0; descriptor < 1024; ++descriptor)
    count += ::fcntl(descriptor, F_GETFD) != -1 ? 1u : 0u;
#endif
  return count;
}

// A file below the project's folder.
inline std::filesystem::path source_file(const std::filesystem::path& name) {
  return std::filesystem::path(SAFETENSORS_SOURCE_DIR) / name;
}

#ifndef _WIN32
inline std::filesystem::path disk() { return std::filesystem::temp_directory_path(); }
// Where thousands of files are written without waiting for a disk.
inline std::filesystem::path memory_disk() {
  return ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : disk();
}

struct outcome {
  int exit_code;  // 128 + the signal, if one ended it
  std::string out, err;
};

inline std::string shell_quoted(std::string_view argument) {
  std::string text = "'";
  for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// Calls a function in a process of its own, which tells by its end whether true was returned.
template <class Function>::pid_t start_process(Function&& function) {
  std::fflush(nullptr);  // or both processes print what is there
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) [&]() noexcept { ::_exit(function() ? 0 : 1); }();
  return child;
}

// 0: it returned true.
inline int end_of(::pid_t process) {
  int status = -1;
  REQUIRE(::waitpid(process, &status, 0) == process);
  return status;
}

template <class Function> bool true_in_child(Function&& function) {
  return end_of(start_process(function)) == 0;
}

// Runs a command of the shell.
inline outcome run(const std::string& command) {
  const temporary_folder folder;
  const auto out = folder / "out", err = folder / "err";
  int status = std::system(  // const is nothing that Apple's macros take
      ("{ " + command + "\n} >" + shell_quoted(out.string()) + " 2>" + shell_quoted(err.string()))
          .c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, read_file(out), read_file(err)};
}
#endif

}  // namespace testing
