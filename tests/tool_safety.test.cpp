// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The safetensors command harms nobody: not what others write at the same time, nor what a link
// leads to, nor what a file says of itself; and it leaves nothing behind.
#ifndef _WIN32
#include "tool_support.hpp"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <optional>
#include <thread>

#if defined(__linux__) && __has_include(<linux/seccomp.h>)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <cstddef>
#define CAN_DENY_SYSTEM_CALLS
#endif

using safetensors::metadata_map;
using namespace testing;

namespace {

using names = std::vector<std::string>;

// The command in a process of its own, which goes on while the test does.
class running_tool {
 public:
  // `prepare` is called in the new process; `before` goes before the command in the shell.
  running_tool(
      const workplace& here, const std::string& arguments, const std::string& before = "",
      const std::function<bool()>& prepare = [] { return true; }) {
    const std::string line = "cd " + shell_quoted((here / "").string()) + " && " + before +
                             " exec " + shell_quoted(SAFETENSORS_TOOL) + " " + arguments + " >" +
                             shell_quoted((folder_ / "out").string()) + " 2>" +
                             shell_quoted((folder_ / "err").string());
    process_ = start_process([&] {
      if (prepare()) ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      return false;
    });
  }
  running_tool(const running_tool&) = delete;
  running_tool& operator=(const running_tool&) = delete;
  ~running_tool() {
    if (status_) return;
    send(SIGKILL);
    wait(0);
  }

  void send(int signal) const { ::kill(process_, signal); }
  // Whether it has not ended before it could be stopped.
  [[nodiscard]] bool stop() {
    send(SIGSTOP);
    return !wait(WUNTRACED);
  }
  [[nodiscard]] std::string said() const {
    const auto err = folder_ / "err";
    return std::filesystem::exists(err) ? read_file(err) : std::string();
  }
  // Waits until something is so; false if the process ends or a minute passes before.
  [[nodiscard]] bool wait_until(const std::function<bool()>& is_so) {
    using clock = std::chrono::steady_clock;
    const auto last = clock::now() + std::chrono::minutes(1);
    while (!is_so()) {
      if (wait(WNOHANG) || clock::now() > last) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  outcome end() {
    wait(0);
    const int code = WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_);
    return {code, read_file(folder_ / "out"), said()};
  }

 private:
  // Whether the process has ended.
  bool wait(int options) {
    int status = 0;
    if (!status_ && ::waitpid(process_, &status, options) == process_ && !WIFSTOPPED(status))
      status_ = status;
    return status_.has_value();
  }

  temporary_folder folder_{};
  ::pid_t process_{};
  std::optional<int> status_{};
};

// The advisory lock of a file, as another program holds it.
class file_lock {
 public:
  explicit file_lock(const std::filesystem::path& path)
      : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
        held_(::flock(file_, LOCK_EX | LOCK_NB) == 0) {}
  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;
  ~file_lock() { ::close(file_); }
  [[nodiscard]] bool is_held() const { return held_; }

 private:
  int file_;
  bool held_;
};

std::string waiting_line(const std::string& file) {
  return file + ": warning: waiting for another program, which has locked the file\n";
}

bool has_temporary_file(const workplace& here) {
  const names all = here.files();
  return std::any_of(all.begin(), all.end(),
                     [](const std::string& name) { return name.starts_with(".safetensors-"); });
}
// Stops the command while it copies.
bool stop_copying(running_tool& tool, const workplace& here) {
  return tool.wait_until([&] { return has_temporary_file(here); }) && tool.stop() &&
         has_temporary_file(here);
}
constexpr std::uint64_t size_that_takes_time = std::uint64_t{1} << 29;

// A file whose metadata is this, in JSON, and whose data is in another order than the canonical.
std::string file_with(const std::string& metadata) {
  return file_with_data_at(1024,
                           R"({"__metadata__":{)" + metadata +
                               R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                               R"("a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}})",
                           8);
}
std::string warning(const std::string& text) { return "model: warning: " + text + "\n"; }
constexpr const char* no_format =
    "the metadata has no \"format\", which loaders such as accelerate and transformers look for; "
    "--set format=pt sets it";

// Lets system calls of this process and its children fail; false where the system cannot.
bool deny([[maybe_unused]] const std::vector<unsigned>& calls, [[maybe_unused]] int error) {
#ifdef CAN_DENY_SYSTEM_CALLS
  std::vector<::sock_filter> filter{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(::seccomp_data, nr))};
  for (const unsigned call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const ::sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
  return false;
#endif
}
#ifdef CAN_DENY_SYSTEM_CALLS
const std::vector<unsigned> no_calls{};
const std::vector<unsigned> modes{SYS_fchmod};
const std::vector<unsigned> locks{SYS_flock};
const std::vector<unsigned> renames{
#ifdef SYS_rename
    SYS_rename,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
    SYS_renameat2, SYS_linkat};
#else
const std::vector<unsigned> no_calls{}, modes{}, locks{}, renames{};
#endif
bool calls_can_be_denied() {
  const bool can = true_in_child([] { return deny(no_calls, EPERM); });
  if (!can) MESSAGE("skipped: system calls cannot be denied here");
  return can;
}
outcome tool_without(const std::vector<unsigned>& calls, int error, const workplace& here,
                     const std::string& arguments) {
  return running_tool(here, arguments, "", [&] { return deny(calls, error); }).end();
}

}  // namespace

//-- what others do at the same time

TEST_CASE("keys that twenty processes set at once are all there") {
  const workplace here;
  here.put("model", three_tensors());
  std::vector<std::unique_ptr<running_tool>> all;
  metadata_map wanted{{"format", "pt"}};
  for (int i = 0; i < 20; ++i) {
    const std::string key = "key" + std::to_string(i);
    wanted[key] = "x";
    all.push_back(std::make_unique<running_tool>(here, "meta -q model --set " + key + "=x"));
  }
  for (const auto& each : all) CHECK(each->end().exit_code == 0);
  CHECK(metadata_of(here.get("model")) == wanted);
  CHECK(here.files() == names{"model"});
}

TEST_CASE("who holds the lock is waited for and after two seconds a line says so") {
  const workplace here;
  std::filesystem::create_symlink("linked", here / "link");
  for (const std::string name : {"model", "linked", "rewritten", "same"})
    here.put(name, three_tensors());
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<running_tool>> all;
  {
    const file_lock model(here / "model"), linked(here / "linked"), rewritten(here / "rewritten"),
        same(here / "same");
    REQUIRE((model.is_held() && linked.is_held() && rewritten.is_held() && same.is_held()));
    for (const std::string arguments :
         {"meta -q model --set k=v", "meta -q link --set k=v", "rewrite -q rewritten rewritten",
          "meta same --set format=pt"})
      all.push_back(std::make_unique<running_tool>(here, arguments));
    for (const auto& each : all) REQUIRE(each->wait_until([&] { return each->said() != ""; }));
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::seconds(2));
    CHECK(here.get("model") == three_tensors());
    CHECK(here.files() == names{"link", "linked", "model", "rewritten", "same"});
  }
  for (const auto& each : all) CHECK(each->end().exit_code == 0);
  CHECK(all[0]->said() == waiting_line("model"));
  CHECK(all[1]->said() == waiting_line("link"));
  CHECK(all[2]->said() == waiting_line("rewritten"));
  CHECK(all[3]->end().out == "same: unchanged (3 tensors, 29 B)\n");
  CHECK(metadata_of(here.get("model")).contains("k"));
  CHECK(metadata_of(here.get("link")).contains("k"));
  CHECK(here.get("linked") == three_tensors());
}

TEST_CASE("what became of a file during the wait is what is changed") {
  const workplace here;
  const std::string other = make_file(R"({"__metadata__":{"format":"tf","other":"1"}})");
  for (const std::string name : {"replaced", "written", "first"}) here.put(name, three_tensors());
  for (const std::string name : {"new", "second"}) here.put(name, other);
  std::filesystem::create_symlink("first", here / "link");
  std::vector<std::unique_ptr<running_tool>> all;
  {
    const file_lock replaced(here / "replaced"), written(here / "written"), first(here / "first");
    for (const std::string name : {"replaced", "written", "link"})
      all.push_back(std::make_unique<running_tool>(here, "meta " + name + " --set format=pt"));
    for (const auto& each : all) REQUIRE(each->wait_until([&] { return each->said() != ""; }));
    std::filesystem::rename(here / "new", here / "replaced");
    here.put("written", other);
    std::filesystem::remove(here / "link");
    std::filesystem::create_symlink("second", here / "link");
  }
  for (const auto& each : all) CHECK(each->end().exit_code == 0);
  for (const std::string name : {"replaced", "written", "link"})
    CHECK(metadata_of(here.get(name)) == metadata_map{{"format", "pt"}, {"other", "1"}});
  CHECK(here.get("first") == three_tensors());
  CHECK(here.get("second") == other);
}

TEST_CASE("what only reads a file or writes another one waits for nobody") {
  const workplace here;
  here.put("model", three_tensors());
  const file_lock lock(here / "model");
  REQUIRE(lock.is_held());
  for (const std::string arguments : {"meta model", "verify model", "rewrite model out"}) {
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
  }
}

TEST_CASE("a model that takes the name while the old one is copied stays") {
  const workplace here;
  if (!has_room(here, size_that_takes_time)) return;
  for (const std::string arguments :
       {"meta model --set format=pt", "meta --follow-links link --set format=pt",
        "rewrite model model", "rewrite model link --follow-links", "rewrite link model"}) {
    CAPTURE(arguments);
    put_sparse(here, "model", size_that_takes_time);
    here.put("new", three_tensors());
    std::filesystem::remove(here / "link");
    std::filesystem::create_symlink("model", here / "link");
    running_tool tool(here, arguments);
    REQUIRE(stop_copying(tool, here));
    CHECK_FALSE(file_lock(here / "model").is_held());
    std::filesystem::rename(here / "new", here / "model");
    tool.send(SIGCONT);
    const outcome done = tool.end();
    CHECK(done.exit_code == 2);
    CHECK(done.out == "");
    CHECK(contains(done.err, ": target_changed: "));
    CHECK(lines(done.err) == 1);
    CHECK(here.get("model") == three_tensors());
    CHECK(here.files() == names{"link", "model"});
  }
}

TEST_CASE("a file that is written to while it is copied stays") {
  const workplace here;
  if (!has_room(here, size_that_takes_time)) return;
  put_sparse(here, "model", size_that_takes_time);
  running_tool tool(here, "meta model --set format=pt");
  REQUIRE(stop_copying(tool, here));
  const auto grown = std::filesystem::file_size(here / "model") + 1;
  std::filesystem::resize_file(here / "model", grown);
  tool.send(SIGCONT);
  const outcome done = tool.end();
  CHECK(done.exit_code == 2);
  CHECK(done.err.starts_with("model: target_changed: "));
  CHECK(std::filesystem::file_size(here / "model") == grown);
  CHECK(here.files() == names{"model"});
}

TEST_CASE("where files cannot be locked they are changed nevertheless") {
  if (!calls_can_be_denied()) return;
  const workplace here;
  for (const int error : {ENOSYS, EOPNOTSUPP, ENOLCK, EBADF}) {
    CAPTURE(error);
    here.put("model", three_tensors());
    const outcome done = tool_without(locks, error, here, "meta model --set k=v");
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
    CHECK(metadata_of(here.get("model")).contains("k"));
  }
}

//-- links

TEST_CASE("--follow-links writes the file that a link leads to and names it") {
  for (const std::string arguments :
       {"meta --follow-links link --set k=v", "rewrite --follow-links model link",
        "rewrite --follow-links link link", "rewrite --follow-links model dangling"}) {
    CAPTURE(arguments);
    const workplace here;
    here.put("model", three_tensors());
    std::filesystem::create_directory(here / "blobs");
    here.put("blobs/blob", three_tensors());
    std::filesystem::create_symlink("blobs/blob", here / "link");
    std::filesystem::create_symlink("blobs/new", here / "dangling");
    const std::string written = contains(arguments, "dangling") ? "blobs/new" : "blobs/blob";
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.out ==
          std::filesystem::canonical(here / written).string() + ": written (3 tensors, 29 B)\n");
    CHECK(std::filesystem::is_symlink(here / "link"));
    CHECK(std::filesystem::is_symlink(here / "dangling"));
    CHECK(here.get(written) != three_tensors());
    CHECK(here.get("model") == three_tensors());
  }
}

TEST_CASE("links of a model cache are replaced and leave the blob that they share") {
  const workplace here;
  for (const std::string folder : {"blobs", "snapshots", "snapshots/r1", "snapshots/r2"})
    std::filesystem::create_directory(here / folder);
  here.put("blobs/0123", three_tensors());
  for (const std::string link : {"snapshots/r1/model", "snapshots/r2/model"})
    std::filesystem::create_symlink("../../blobs/0123", here / link);
  CHECK(here.tool("meta snapshots/r1/model --set k=v").exit_code == 0);
  CHECK(metadata_of(here.get("snapshots/r1/model")).contains("k"));
  CHECK(here.get("blobs/0123") == three_tensors());
  CHECK(here.get("snapshots/r2/model") == three_tensors());
}

//-- without renaming

TEST_CASE("rewrite --no-rename writes the target itself") {
  const workplace here;
  here.put("in", three_tensors());
  here.put("out", "old");
  std::filesystem::create_hard_link(here / "out", here / "second");
  const auto before = identity(here / "out");
  CHECK(here.tool("rewrite --no-rename in out").exit_code == 0);
  CHECK(here.tool("rewrite --no-rename in new").exit_code == 0);
  CHECK(here.tool("rewrite in wanted").exit_code == 0);
  CHECK(identity(here / "out") == before);
  for (const std::string name : {"out", "second", "new"})
    CHECK(here.get(name) == here.get("wanted"));
  here.put("old", "old");
  CHECK(here.tool("rewrite --no-rename --no-replace in old").exit_code == 2);
  CHECK(here.get("old") == "old");
}

TEST_CASE("rewrite --no-rename refuses to write over the file that it reads") {
  const workplace here;
  here.put("model", three_tensors());
  std::filesystem::create_hard_link(here / "model", here / "hard");
  std::filesystem::create_symlink("model", here / "link");
  for (const std::string target : {"model", "hard", "link"}) {
    const outcome done = here.tool("rewrite --no-rename --follow-links model " + target);
    CHECK(done.exit_code == 2);
    CHECK(done.err == target +
                          ": invalid_option: --no-rename cannot write over the file that is "
                          "read\n");
    CHECK(here.get("model") == three_tensors());
  }
}

TEST_CASE("rewrite --no-rename follows a link only if it is asked to") {
  const workplace here;
  here.put("in", three_tensors());
  here.put("blob", "old");
  std::filesystem::create_symlink("blob", here / "link");
  const outcome refused = here.tool("rewrite --no-rename in link");
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.starts_with("link: invalid_option: "));
  CHECK(contains(refused.err, "; --follow-links writes the file that it leads to\n"));
  CHECK_FALSE(contains(refused.err, "link_mode"));
  CHECK(here.get("blob") == "old");
  CHECK(here.tool("rewrite --no-rename --follow-links in link").exit_code == 0);
  CHECK(std::filesystem::is_symlink(here / "link"));
  CHECK(here.tool("verify blob").exit_code == 0);
}

TEST_CASE("a line names the option of the command that writes without renaming") {
  if (!calls_can_be_denied()) return;
  const workplace here;
  here.put("model", three_tensors());
  for (const int error : {ENOSYS, EOPNOTSUPP, EPERM}) {
    CAPTURE(error);
    const auto refused = [&](const std::string& arguments) {
      const outcome done = tool_without(renames, error, here, arguments);
      CHECK(done.exit_code == 2);
      CHECK(lines(done.err) == 1);
      CHECK_FALSE(contains(done.err, "atomic"));
      CHECK(here.files() == names{"model"});
      return done.err;
    };
    constexpr const char* option = "; --no-rename writes without renaming\n";
    CHECK(contains(refused("rewrite model out"), option));
    CHECK(contains(refused("rewrite --no-replace model out"), option));
    constexpr const char* another_file = "; rewrite --no-rename FILE OUT writes without renaming\n";
    CHECK(contains(refused("rewrite model model"), another_file));
    CHECK(contains(refused("meta model --set k=v"), another_file));
    CHECK(tool_without(renames, error, here, "rewrite --no-rename model out").exit_code == 0);
    std::filesystem::remove(here / "out");
  }
}

TEST_CASE("permissions that cannot be kept are an error unless any are accepted") {
  if (!calls_can_be_denied()) return;
  const workplace here;
  here.put("model", three_tensors());
  std::filesystem::permissions(here / "model", std::filesystem::perms(0644));
  for (const std::string arguments : {"meta model --set k=v", "rewrite model model"}) {
    const outcome refused = tool_without(modes, EPERM, here, arguments);
    CHECK(refused.exit_code == 2);
    CHECK(
        contains(refused.err, "; --any-mode accepts the permissions that the file system gives\n"));
    CHECK_FALSE(contains(refused.err, "keep_mode"));
    CHECK(mode(here / "model") == 0644);
  }
  CHECK(here.get("model") == three_tensors());
  CHECK(tool_without(modes, EPERM, here, "meta --any-mode model --set k=v").exit_code == 0);
  CHECK(mode(here / "model") == 0600);
}

//-- fields that the format does not define

TEST_CASE("unknown fields are not dropped unless that is asked for") {
  const std::string model =
      make_file(R"({"__metadata__":{"format":"pt"},"v":{"dtype":"U8","shape":[],"data_offsets":)"
                R"([0,1]},"w":{"dtype":"U8","shape":[],"data_offsets":[1,2],"note":"of mine"}})",
                2);
  const workplace here;
  here.put("model", model);
  for (const std::string arguments :
       {"meta model --set k=v", "meta model --unset format", "rewrite model model",
        "rewrite --no-rename model out", "rewrite --keep-order model out"}) {
    CAPTURE(arguments);
    const outcome refused = here.tool(arguments);
    CHECK(refused.exit_code == 2);
    CHECK(refused.out == "");
    CHECK(refused.err ==
          "model: invalid_option: tensor \"w\": the field \"note\" is not part of the format and "
          "would be lost; --drop-unknown-fields drops it\n");
    CHECK(here.get("model") == model);
    CHECK(here.files() == names{"model"});
  }
  CHECK(here.tool("meta model --set format=pt").out == "model: unchanged (2 tensors, 2 B)\n");
  CHECK(here.tool("rewrite --drop-unknown-fields model out").exit_code == 0);
  CHECK(here.tool("meta --drop-unknown-fields model --set k=v").exit_code == 0);
  for (const std::string name : {"out", "model"}) CHECK_FALSE(contains(here.get(name), "of mine"));
}

TEST_CASE("names of unknown fields are shown escaped") {
  const workplace here;
  const std::string text(hostile_json), shown(hostile_shown);
  here.put("model",
           make_file("{\"" + text + R"(":{"dtype":"U8","shape":[],"data_offsets":[0,1],")" + text +
                         "\":1}}",
                     1));
  const outcome done = here.tool("rewrite model out");
  CHECK(is_harmless(done.err));
  CHECK(contains(done.err, "tensor \"" + shown + "\": the field \"" + shown + "\" is not"));
  CHECK(lines(done.err) == 1);
}

//-- warnings

TEST_CASE("a key to be unset that is not there is named") {
  const workplace here;
  const auto no_key = [](const std::string& key) {
    return warning("there is no key \"" + key + "\" to unset");
  };
  here.put("model", file_with(R"("format":"pt","name":"x")"));
  const std::pair<std::string, std::string> cases[] = {
      {"--unset nam", no_key("nam")},
      {"-q --unset nam", no_key("nam")},
      {"-q --unset 'n*' --unset b --unset b", no_key("b") + no_key("n*")},
      {"--unset $(printf '\\033')", no_key("\\x1b")},
      {"--unset nam --unset name", no_key("nam")},
      {"--set k=v", ""},
      {"--unset k", ""},
  };
  for (const auto& each : cases) {
    const auto& arguments = each.first;
    CAPTURE(arguments);
    const outcome done = here.tool("meta model " + arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.err == each.second);
    CHECK(is_harmless(done.err));
  }
}

TEST_CASE("metadata that loses its format or begins without one is a warning") {
  const std::string none = make_file("{}"), plain = file_with(R"("k":"v")"),
                    with_format = file_with(R"("format":"pt")");
  struct {
    std::string model, arguments;
    bool warns;
  } const cases[] = {
      {none, "meta model --set k=v", true},
      {none, "meta -q model --set k=v", true},
      {none, "meta model --set k=v --set format=np", false},
      {none, "rewrite model model", false},
      {plain, "meta model --set k=w", false},
      {plain, "meta model --unset k", false},
      {plain, "rewrite model model", false},
      {with_format, "meta model --unset format", true},
      {with_format, "meta model --unset format --set k=v", true},
      {with_format, "meta model --set format=tf", false},
      {with_format, "meta model --set format=pt", false},
      {with_format, "rewrite model model", false},
  };
  for (const auto& each : cases) {
    CAPTURE(each.arguments);
    const workplace here;
    here.put("model", each.model);
    const outcome done = here.tool(each.arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.err == (each.warns ? warning(no_format) : ""));
  }
}

TEST_CASE("a recorded hash of the data that is no longer right is a warning") {
  const std::string order = "it is that of the data in its old order, which --keep-order keeps",
                    dropped =
                        "it is that of the data with the bytes after the last tensor, which were "
                        "dropped";
  const auto is_stale = [](const std::string& key, const std::string& why) {
    return warning("the hash \"" + key + "\" in the metadata is stale: " + why);
  };
  for (const std::string key : {"sshs_model_hash", "modelspec.hash_sha256"}) {
    const std::string model = file_with("\"format\":\"pt\",\"" + key + "\":\"0123\"");
    const std::pair<std::string, std::string> cases[] = {
        {"rewrite model model", is_stale(key, order)},
        {"rewrite -q model model", is_stale(key, order)},
        {"rewrite --keep-order model model", ""},
        {"rewrite --keep-order --align 4096 model model", ""},
        {"meta model --set k=v", ""},
        {"rewrite --allow-trailing-bytes model model", is_stale(key, order)},
        {"rewrite --allow-trailing-bytes --keep-order longer model", is_stale(key, dropped)},
        {"meta --allow-trailing-bytes longer --set k=v",
         "longer" + is_stale(key, dropped).substr(5)},
        {"meta --allow-trailing-bytes longer --set " + key + "=4567", ""},
        {"meta --allow-trailing-bytes longer --unset " + key, ""},
    };
    for (const auto& each : cases) {
      const auto& arguments = each.first;
      CAPTURE(arguments);
      const workplace here;
      here.put("model", model);
      here.put("longer", model + "more");
      const outcome done = here.tool(arguments);
      CHECK(done.exit_code == 0);
      CHECK(done.err == each.second);
    }
  }
  const workplace here;
  here.put("model", file_with(R"("format":"pt")"));
  CHECK(here.tool("rewrite model model").err == "");
}

TEST_CASE("encrypted and signed files are called so and changing them is a warning") {
  const std::pair<std::string, std::string> cases[] = {
      {R"("__encryption__":"{}")", "encrypted"},
      {R"("__signature__":"")", "signed"},
      {R"("__policy__":"{}")", "signed"},
      {R"("__signature__":"","__crypto_keys__":"{}")", "signed"},
      {R"("__crypto_keys__":"{}","__encryption__":"{}","__policy__":"{}","__signature__":"")",
       "encrypted, signed"},
  };
  for (const auto& each : cases) {
    const auto& words = each.second;
    CAPTURE(words);
    const workplace here;
    here.put("model", file_with(each.first + R"(,"format":"pt")"));
    CHECK(here.tool("verify model").out == "model: ok (2 tensors, 8 B, " + words + ")\n");
    CHECK(here.tool("ls model").out.ends_with(" B of header, " + words + "\n"));
    const std::string both = words == "encrypted, signed" ? "encrypted and signed" : words;
    const std::string changed = warning("the old file was " + both +
                                        "; programs that verify its header may refuse the new one");
    CHECK(here.tool("meta model --set format=pt").err == "");
    for (const std::string arguments : {"meta -q model --set k=v", "rewrite -q model model"}) {
      const outcome done = here.tool(arguments);
      CHECK(done.exit_code == 0);
      CHECK(done.err == changed);
    }
  }
}

TEST_CASE("a file that could not be written gets one line and no warning") {
  const workplace here;
  here.put("model", file_with(R"("__signature__":"","sshs_model_hash":"0123")"));
  const outcome done = here.tool("rewrite model gone/out");
  CHECK(done.exit_code == 2);
  CHECK(lines(done.err) == 1);
}

TEST_CASE("a header that other programs refuse is a warning") {
  const workplace here;
  here.put("model", file_with(R"("format":"pt")"));
  const auto written = [&](std::uint64_t alignment) {
    return here.tool("rewrite -q --max-header 200000000 model out --align " +
                     std::to_string(alignment));
  };
  const auto line = [](const std::string& bytes, const std::string& rest) {
    return "out: warning: the header is " + bytes + " bytes long; " + rest + "\n";
  };
  CHECK(written(1 << 24).err == "");
  CHECK(written(1 << 25).err == line("33554424",
                                     "the Hugging Face client refuses more than "
                                     "25,000,000"));
  CHECK(written(1 << 27).err == line("134217720", "other programs refuse more than 100,000,000"));

  CHECK(here.tool("verify out").err.starts_with("out: header_too_large: "));
  CHECK(here.tool("meta out --unset format").err.starts_with("out: header_too_large: "));
  CHECK(here.tool("verify -q --max-header 200000000 out").exit_code == 0);
  CHECK(here.tool("meta -q out --max-header 200000000 --set k=v").exit_code == 0);
  CHECK(here.tool("verify -q out").exit_code == 0);
  CHECK(metadata_of(here.get("out")) == metadata_map{{"format", "pt"}, {"k", "v"}});
}

//-- signals and limits

TEST_CASE("a signal to end lets the unfinished file disappear first") {
  const workplace here;
  put_sparse(here, "model", std::uint64_t{64} << 30);
  for (const int signal :
       {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGVTALRM}) {
    CAPTURE(signal);
    // The limit, in blocks of 512 or 1024 bytes, saves the disk if the signal is not heard.
    running_tool tool(here, "meta model --set k=v", "ulimit -f 8000000;");
    REQUIRE(tool.wait_until([&] { return has_temporary_file(here); }));
    tool.send(signal);
    const outcome done = tool.end();
    CHECK(done.exit_code == 2);
    CHECK(done.err == "model: io: a signal asked to stop; nothing was changed\n");
    CHECK(here.files() == names{"model"});
  }
  CHECK(here.tool("meta model").out == "");
}

TEST_CASE("a signal to end is heard where there is no data to copy") {
  const workplace here;
  here.put("model", make_file(R"({"__metadata__":{"k":")" + std::string(50'000'000, 'v') + "\"}}"));
  outcome done{};
  for (int attempts = 0; attempts < 10 && done.exit_code != 2; ++attempts) {
    std::filesystem::remove(here / "out");
    running_tool tool(here, "rewrite -q model out");
    if (!stop_copying(tool, here)) continue;  // it was faster
    tool.send(SIGTERM);
    tool.send(SIGCONT);
    done = tool.end();
  }
  CHECK(done.exit_code == 2);
  CHECK(contains(done.err, "a signal asked to stop; nothing was changed\n"));
  CHECK(here.files() == names{"model"});
}

TEST_CASE("a signal to end lets an unfinished target disappear that is written itself") {
  const workplace here;
  put_sparse(here, "model", std::uint64_t{64} << 30);
  running_tool tool(here, "rewrite --no-rename model out", "ulimit -f 8000000;");
  REQUIRE(tool.wait_until([&] { return std::filesystem::exists(here / "out"); }));
  tool.send(SIGTERM);
  const outcome done = tool.end();
  CHECK(done.exit_code == 2);
  CHECK(contains(done.err, "a signal asked to stop; no unfinished file is left\n"));
  CHECK(here.files() == names{"model"});
}

TEST_CASE("a signal that was ignored stays ignored") {
  const workplace here;
  if (!has_room(here, size_that_takes_time)) return;
  put_sparse(here, "model", size_that_takes_time);
  running_tool tool(here, "meta model --set format=pt", "trap '' HUP;");
  REQUIRE(tool.wait_until([&] { return has_temporary_file(here); }));
  tool.send(SIGHUP);
  CHECK(tool.end().exit_code == 0);
}

TEST_CASE("a signal of a file's greatest size does not end the command") {
  const workplace here;
  if (!has_room(here, size_that_takes_time)) return;
  put_sparse(here, "model", size_that_takes_time);
  running_tool tool(here, "meta model --set format=pt");
  REQUIRE(tool.wait_until([&] { return has_temporary_file(here); }));
  tool.send(SIGXFSZ);
  CHECK(tool.end().exit_code == 0);
}
#endif
