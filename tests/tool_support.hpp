// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the tests of the safetensors command share.
#pragma once

#include "support.hpp"

#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <span>
#include <utility>

namespace testing {

// A folder with files, in which the command is run: its messages show their bare names.
class workplace {
 public:
  void put(std::string_view name, std::string_view bytes) const {
    write_file(folder_ / name, bytes);
  }
  // `before` goes before the command in the shell, such as a limit.
  [[nodiscard]] outcome tool(const std::string& arguments, const std::string& before = "") const {
    return run("cd " + shell_quoted((folder_ / "").string()) + " && " + before + " " +
               shell_quoted(SAFETENSORS_TOOL) + " " + arguments);
  }
  // What a command prints as JSON.
  [[nodiscard]] nlohmann::json json(const std::string& arguments) const {
    const outcome done = tool(arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
    return nlohmann::json::parse(done.out, nullptr, false);
  }
  [[nodiscard]] nlohmann::json listed(const std::string& arguments) const {
    return json("ls --json " + arguments);
  }
  [[nodiscard]] std::string get(std::string_view name) const { return read_file(folder_ / name); }
  // The names of all files, sorted.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / ""))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return folder_ / name;
  }

 private:
  temporary_folder folder_{};
};

// How the command names itself and the subcommand that these arguments begin with, if one does.
inline std::string command_name(const std::string& arguments) {
  const std::string first = arguments.substr(0, arguments.find(' '));
  constexpr std::string_view subcommands[] = {"ls", "verify", "rewrite", "meta"};
  const bool known =
      std::find(std::begin(subcommands), std::end(subcommands), first) != std::end(subcommands);
  return known ? "safetensors " + first : "safetensors";
}

// Arguments that are refused, each with what is said of them.
inline void check_usage_errors(const workplace& here,
                               std::span<const std::pair<std::string, const char*>> cases) {
  for (const auto& each : cases) {
    const auto& arguments = each.first;
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 2);
    CHECK(done.out == "");
    const std::string name = command_name(arguments);
    CHECK(done.err.starts_with(name + ": "));
    CHECK(done.err.find(each.second) < done.err.find('\n'));
    CHECK(done.err.find("\nUsage: " + name + " ") != std::string::npos);
    CHECK(done.err.ends_with("\nRun '" + name + " --help' for details.\n"));
  }
}

// A file whose data starts at this byte.
inline std::string file_with_data_at(std::size_t start, std::string header,
                                     std::size_t data_bytes) {
  REQUIRE(header.size() + 8 <= start);
  header.resize(start - 8, ' ');
  return make_file(header, data_bytes);
}

// Not in the order of the data, nor of names, nor of sizes.
inline std::string three_tensors() {
  return file_with_data_at(256,
                           R"({"beta":{"dtype":"U8","shape":[3],"data_offsets":[24,27]},)"
                           R"("gamma":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                           R"("alpha":{"dtype":"BF16","shape":[],"data_offsets":[27,29]},)"
                           R"("__metadata__":{"format":"pt"}})",
                           29);
}
inline std::string valid_file() { return make_tensor_file("F32", "[2]", 8); }
inline std::string invalid_file() { return make_tensor_file("F32", "[2]", 7, "weight"); }

// The line that the command writes for a file with these bytes.
inline std::string error_line(std::string_view shown_path, std::string_view bytes) {
  safetensors::failure what = failure_of(bytes);
  if (what.advice.find("allow_trailing_bytes") != std::string::npos)
    what.advice = "--allow-trailing-bytes accepts the file";
  return std::string(shown_path) + ": " + std::string(name(what.code)) + ": " + what.message() +
         "\n";
}

inline safetensors::metadata_map metadata_of(std::string_view file) {
  const safetensors::header header = parse(file).value();
  return header.metadata().to_map();
}
inline std::size_t data_start_of(std::string_view file) {
  return static_cast<std::size_t>(parse(file).value().data_start());
}

// The node's number: another one after a file has been replaced.
inline auto identity(const std::filesystem::path& path) {
  struct ::stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_ino;
}
inline unsigned mode(const std::filesystem::path& path) {
  return static_cast<unsigned>(std::filesystem::status(path).permissions());
}

// A file of one tensor, most of which is a hole that takes no space.
inline void put_sparse(const workplace& here, std::string_view name, std::uint64_t bytes) {
  const std::string size = std::to_string(bytes);
  here.put(name, file_with_data_at(4096,
                                   R"({"t":{"dtype":"U8","shape":[)" + size +
                                       R"(],"data_offsets":[0,)" + size + "]}}",
                                   0));
  std::filesystem::resize_file(here / name, 4096 + bytes);
}

// Whether there is room on the disk for a file of this size and half of it again.
inline bool has_room(const workplace& here, std::uint64_t bytes) {
  const bool room = std::filesystem::space(here / "").available >= bytes + bytes / 2;
  if (!room) MESSAGE("skipped: the disk has too little room");
  return room;
}

inline std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline auto lines(std::string_view text) { return std::count(text.begin(), text.end(), '\n'); }

// Nothing that a terminal would act upon, but for the ends of lines.
inline bool is_harmless(std::string_view text) {
  const bool controls = std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n') || byte == 0x7F;
  });
  return !controls && !contains(text, "\xC2\x85") && !contains(text, "\xC2\x9B") &&
         !contains(text, "\xE2\x80\xAE") && !contains(text, "\xE2\x80\xA8");
}

// ESC, a C1 control, a bidirectional mark, a line separator, a newline, NUL, DEL.
inline constexpr std::string_view hostile_json =
    "\\u001b[31mred\xC2\x9B\xC2\x85\xE2\x80\xAE\xE2\x80\xA8\\n\\u0000\x7F";
inline constexpr std::string_view hostile_shown =
    R"(\x1b[31mred\u009b\u0085\u202e\u2028\n\x00\x7f)";

inline std::string hostile_file() {
  const std::string text(hostile_json);
  return make_file(R"({"__metadata__":{")" + text + R"(":")" + text + R"("},")" + text +
                       R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                   1);
}

}  // namespace testing
