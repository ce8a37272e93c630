// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the tests of targets and of rights share: a small model that is written to a path, other
// users, events between processes. POSIX only.
#pragma once

#include "faults/faults.hpp"

#include <grp.h>
#include <sys/stat.h>

namespace testing {

inline constexpr std::array<unsigned char, 5> new_values{1, 2, 3, 4, 5};

inline safetensors::write_plan new_plan() {
  auto made = safetensors::write_plan::try_make({{"w", safetensors::dtype::u8, {5}}});
  REQUIRE(made.has_value());
  return *std::move(made);
}

// The bytes of the file that write_new() writes.
inline std::string new_file() {
  const auto bytes = safetensors::try_serialize({{"w", safetensors::dtype::u8, {5}, new_values}});
  REQUIRE(bytes.has_value());
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

inline safetensors::result<void> append_new(safetensors::writer& out) {
  return out.try_append("w", std::as_bytes(std::span(new_values)));
}

// Writes new_file(). Something happens after the writer was created, and before anything is
// appended.
template <class Event>
safetensors::result<void> write_new(const std::filesystem::path& path,
                                    const safetensors::output_options& options, Event&& meanwhile) {
  auto out = safetensors::writer::try_create(path, new_plan(), options);
  if (!out) return std::move(out).error();
  meanwhile();
  if (auto appended = append_new(*out); !appended) return appended;
  return out->try_finish();
}

inline safetensors::result<void> write_new(const std::filesystem::path& path,
                                           const safetensors::output_options& options = {}) {
  return write_new(path, options, [] {});
}

// The mask of new files' modes, while the object exists.
class umask_of {
 public:
  explicit umask_of(unsigned mask) : old_(::umask(static_cast<::mode_t>(mask))) {}
  umask_of(const umask_of&) = delete;
  umask_of& operator=(const umask_of&) = delete;
  ~umask_of() { ::umask(old_); }

 private:
  ::mode_t old_;
};

// How a call ended, as a value that passes through a pipe.
struct ending {
  safetensors::errc code{};  // none: it succeeded
  int system = 0;
};

inline ending ending_of(const safetensors::result<void>& done) {
  return done ? ending() : ending{done.error().code, done.error().system.value()};
}

inline void check_done(const ending& end) {
  CHECK(end.code == safetensors::errc{});
  CHECK(end.system == 0);
}
inline void check_done(const safetensors::result<void>& done) {
  if (!done) FAIL_CHECK(done.error().message());
}
inline void check_refused(const ending& end, int system) {
  CHECK(end.code == safetensors::errc::io);
  CHECK(end.system == system);
}
inline void check_refused(const ending& end, safetensors::errc code) { CHECK(end.code == code); }
inline void check_refused(const safetensors::result<void>& done, int system) {
  check_refused(ending_of(done), system);
}
inline void check_refused(const safetensors::result<void>& done, safetensors::errc code) {
  check_refused(ending_of(done), code);
}

// Whether it failed, and its message has these words.
inline bool says(const safetensors::result<void>& done, std::string_view words) {
  return !done && done.error().message().find(words) != std::string::npos;
}

inline struct ::stat status_of(const std::filesystem::path& path) {  // of a link itself
  struct ::stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}
inline unsigned mode_of(const std::filesystem::path& path) {
  return static_cast<unsigned>(status_of(path).st_mode & 07777);
}
inline void set_mode(const std::filesystem::path& path, unsigned mode) {
  REQUIRE(::chmod(path.c_str(), static_cast<::mode_t>(mode)) == 0);
}
inline void give(const std::filesystem::path& path, ::uid_t owner, ::gid_t group) {
  REQUIRE(::lchown(path.c_str(), owner, group) == 0);
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  write_file(path, bytes);
  set_mode(path, mode);
}

inline bool is_temporary(const std::filesystem::path& path) {
  return path.filename().string().starts_with(".safetensors-");
}

// The file that is being written in a folder.
inline std::filesystem::path temporary_file_in(const std::filesystem::path& folder) {
  std::filesystem::path found;
  for (const auto& item : std::filesystem::directory_iterator(folder))
    if (is_temporary(item.path())) found = item.path();
  REQUIRE_FALSE(found.empty());
  return found;
}

// What is in a folder beside what is being written there.
inline folder_content others_in(const std::filesystem::path& folder) {
  folder_content content = content_of(folder);
  std::erase_if(content, [](const auto& item) { return is_temporary(item.first); });
  return content;
}

// What one process waits for and another one reports.
class event {
 public:
  event() { REQUIRE(::pipe(ends_) == 0); }
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void report() const {
    const char byte = 0;
    (void)!::write(ends_[1], &byte, 1);
  }
  // Returns false if the other process has ended without a report.
  [[nodiscard]] bool wait() {
    close(ends_[1]);
    char byte = 0;
    ::ssize_t got = -1;
    do got = ::read(ends_[0], &byte, 1);
    while (got < 0 && errno == EINTR);
    return got == 1;
  }

 private:
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  int ends_[2]{-1, -1};
};

// Calls a function that returns result<void> in a process of another user.
template <class Function> ending as_user(::uid_t user, ::gid_t group, Function&& function) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const ::pid_t child = start_process([&] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(group) != 0 || ::setuid(user) != 0) return false;
    const ending end = ending_of(function());
    return ::write(ends[1], &end, sizeof end) == sizeof end;
  });
  ::close(ends[1]);
  ending end{};
  const ::ssize_t got = ::read(ends[0], &end, sizeof end);
  ::close(ends[0]);
  CHECK(end_of(child) == 0);
  REQUIRE(got == sizeof end);
  return end;
}

inline bool is_root(const char* what) {
  if (::geteuid() == 0) return true;
  MESSAGE("skipped: only root " << std::string(what));
  return false;
}

// Whether this process can act as other users.
inline bool can_be_others() {
  if (!is_root("can act as other users")) return false;
  const bool can = true_in_child(
      [] { return ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0; });
  if (!can) MESSAGE("skipped: this root cannot act as other users");
  return can;
}

// Users that need no name. The first one may do what it wants.
inline constexpr ::uid_t root = 0, writing_user = 61001, stranger = 61002, neighbour = 61003;
inline constexpr ::gid_t team = 61000;

inline void write_file_of(::uid_t owner, const std::filesystem::path& path, unsigned mode) {
  write_file(path, "old");
  give(path, owner, team);
  set_mode(path, mode);
}

inline void link_of(::uid_t owner, const char* to, const std::filesystem::path& path) {
  std::filesystem::create_symlink(to, path);
  give(path, owner, team);
}

// A folder that several users share, and one beside it that belongs to the user who writes.
class shared_place {
 public:
  shared_place(::uid_t writer, ::uid_t owner, unsigned mode) {
    set_mode(folder(), 0755);
    for (const auto& inner : {shared(), own()}) std::filesystem::create_directory(inner);
    give(own(), writer, team);
    give(shared(), owner, team);
    set_mode(own(), 0755);
    set_mode(shared(), mode);
    write_file_of(writer, own() / "m", 0644);
  }
  [[nodiscard]] std::filesystem::path folder() const { return folder_ / ""; }
  [[nodiscard]] std::filesystem::path shared() const { return folder_ / "shared"; }
  [[nodiscard]] std::filesystem::path own() const { return folder_ / "own"; }

 private:
  temporary_folder folder_;
};

// A folder with one old file.
class private_place {
 public:
  explicit private_place(unsigned mode) { write_file(path(), "old", mode); }
  private_place() = default;
  [[nodiscard]] std::filesystem::path folder() const { return folder_ / ""; }
  [[nodiscard]] std::filesystem::path path() const { return folder_ / "m"; }
  [[nodiscard]] std::filesystem::path other() const { return folder_ / "other"; }
  [[nodiscard]] std::filesystem::path temporary() const { return temporary_file_in(folder()); }

 private:
  temporary_folder folder_;
};

// A model cache: a link in snapshots/ leads to a file, or to nothing, in blobs/.
class cache {
 public:
  explicit cache(bool has_blob = true) {
    std::filesystem::create_directory(folder_ / "blobs");
    std::filesystem::create_directory(folder_ / "snapshots");
    if (has_blob) write_file(blob(), "old", 0640);
    std::filesystem::create_symlink("../blobs/1", link());
  }
  [[nodiscard]] std::filesystem::path folder() const { return folder_ / ""; }
  [[nodiscard]] std::filesystem::path blob() const { return folder_ / "blobs" / "1"; }
  [[nodiscard]] std::filesystem::path link() const { return folder_ / "snapshots" / "m"; }
  // Another way to the same blob, by further links.
  [[nodiscard]] std::filesystem::path add_link(const std::filesystem::path& to,
                                               const char* name) const {
    std::filesystem::create_symlink(to, folder_ / name);
    return folder_ / name;
  }

 private:
  temporary_folder folder_;
};

inline safetensors::file_source opened(const std::filesystem::path& path) {
  auto source = safetensors::file_source::try_open(path);
  REQUIRE(source.has_value());
  return *std::move(source);
}

inline void check_new(const std::filesystem::path& path) {
  CHECK_FALSE(std::filesystem::is_symlink(path));
  CHECK(read_file(path) == new_file());
}

// Gives the name of a file to another one, of equal bytes.
inline void put_equal_file_at(const std::filesystem::path& path) {
  const std::string other = path.string() + ".other";
  write_file(other, read_file(path));
  std::filesystem::rename(other, path);
}

inline constexpr safetensors::output_options in_place{.atomic = false};

}  // namespace testing
