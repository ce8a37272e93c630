// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What the safetensors command writes: files in canonical order, changed metadata, nothing else.
#ifndef _WIN32
#include "tool_support.hpp"

#include <safetensors/writer.hpp>

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

using nlohmann::json;
using safetensors::metadata_map;
using namespace testing;

namespace {

// The bytes that the library gives for the tensors of a file.
std::string serialized(std::string_view file, const safetensors::layout_options& layout) {
  const auto model = safetensors::borrowed_file::from(std::as_bytes(std::span(file)));
  const std::vector<safetensors::tensor_data> tensors(model.begin(), model.end());
  const std::vector<std::byte> bytes = safetensors::serialize(tensors, layout);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string canonical(std::string_view file, std::uint64_t alignment = 8) {
  return serialized(file, {.metadata = metadata_of(file), .data_alignment = alignment});
}
// The same tensors in the same order, with other metadata.
std::string with_metadata(std::string_view file, metadata_map metadata,
                          std::uint64_t alignment = 8) {
  return serialized(file, {.metadata = std::move(metadata),
                           .order = safetensors::tensor_order::as_given,
                           .data_alignment = alignment});
}

using names = std::vector<std::string>;

// Names are in another order than the data.
std::string many_tensors() {
  constexpr std::uint64_t count = 100'000;
  std::string header = "{";
  for (std::uint64_t i = 0; i < count; ++i)
    header += (i == 0 ? "\"t" : ",\"t") + std::to_string(i * 7919 % count) + R"(":{"dtype":")" +
              (i % 3 == 0 ? "I8" : "U8") + R"(","shape":[],"data_offsets":[)" + std::to_string(i) +
              "," + std::to_string(i + 1) + "]}";
  return make_file(header + "}", count);
}

// A terminal that programs can be given, and what they wrote to it.
class terminal {
 public:
  terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
    REQUIRE(master_ >= 0);
    REQUIRE(::grantpt(master_) == 0);
    REQUIRE(::unlockpt(master_) == 0);
  }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;
  ~terminal() { ::close(master_); }
  [[nodiscard]] std::string path() const { return ::ptsname(master_); }
  [[nodiscard]] std::string shown() const {
    std::string text;
    char piece[4096];
    for (ssize_t got = 0; (got = ::read(master_, piece, sizeof piece)) > 0;)
      text.append(piece, static_cast<std::size_t>(got));
    return text;
  }

 private:
  int master_;
};

// Whether programs can be held to little memory.
bool memory_can_be_limited() {
#if defined(__SANITIZE_ADDRESS__)
  constexpr bool sanitized = true;
#elif defined(__has_feature)
  constexpr bool sanitized = __has_feature(address_sanitizer);
#else
  constexpr bool sanitized = false;
#endif
  const bool can = !sanitized && run("ulimit -v 32768").exit_code == 0;
  if (!can) MESSAGE("skipped: the address space is not to be limited here");
  return can;
}
constexpr const char* little_memory = "ulimit -v 32768; exec";  // 32 MiB of addresses

}  // namespace

//-- rewrite

TEST_CASE("rewrite gives the bytes that the library gives") {
  const std::string empty = make_file("{}"), hole = make_tensor_file("F64", "[0,3]", 0);
  const std::string models[] = {three_tensors(),
                                valid_file(),
                                hostile_file(),
                                empty,
                                hole,
                                make_tensor_file("F4", "[2,3]", 3),
                                read_file(source_file("examples/data/digits.safetensors")),
                                make_file(R"({"__metadata__":{"b":"2","a":"1"}})")};
  for (const std::string& model : models) {
    const workplace here;
    here.put("in", model);
    const outcome done = here.tool("rewrite in out");
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
    CHECK(here.get("out") == canonical(model));
    CHECK(here.get("in") == model);
    CHECK(here.files() == names{"in", "out"});
  }
}

TEST_CASE("rewrite sorts by dtype then by name and keeps each tensor's bytes") {
  const workplace here;
  here.put("in", make_file(R"({"z":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                           R"("none":{"dtype":"U64","shape":[0],"data_offsets":[2,2]},)"
                           R"("a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
                           R"("wide":{"dtype":"I64","shape":[],"data_offsets":[3,11]},)"
                           R"("half":{"dtype":"F16","shape":[1],"data_offsets":[11,13]}})",
                           13));
  CHECK(here.tool("rewrite in out").exit_code == 0);
  names order;
  const json listed = here.listed("out");
  for (const json& tensor : listed[0]["tensors"]) order.push_back(tensor["name"]);
  CHECK(order == names{"none", "wide", "half", "a", "z"});
  const std::string bytes = here.get("out");
  CHECK(bytes.substr(data_start_of(bytes)) ==
        std::string("\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x02\x00\x01", 13));
}

TEST_CASE("rewrite says what it has written unless it is to be quiet") {
  const workplace here;
  here.put("in", three_tensors());
  CHECK(here.tool("rewrite in 'out\n'").out == "out\\n: written (3 tensors, 29 B)\n");
  CHECK(here.tool("rewrite -q in out").out == "");
  CHECK(here.get("out") == canonical(three_tensors()));
}

TEST_CASE("rewrite takes a file's own name and changes a canonical file not at all") {
  const workplace here;
  here.put("model", three_tensors());
  for (int i = 0; i < 2; ++i) {
    CHECK(here.tool("rewrite model model").exit_code == 0);
    CHECK(here.get("model") == canonical(three_tensors()));
  }
  CHECK(here.files() == names{"model"});
}

TEST_CASE("rewrite replaces a symbolic link and leaves what it leads to as it is") {
  const workplace here;
  here.put("model", three_tensors());
  for (const std::string from : {"link", "model"}) {
    CAPTURE(from);
    std::filesystem::remove(here / "link");
    std::filesystem::create_symlink("model", here / "link");
    CHECK(here.tool("rewrite " + from + " link").out == "link: written (3 tensors, 29 B)\n");
    CHECK_FALSE(std::filesystem::is_symlink(here / "link"));
    CHECK(here.get("link") == canonical(three_tensors()));
    CHECK(here.get("model") == three_tensors());
  }
  CHECK(here.files() == names{"link", "model"});
}

TEST_CASE("rewrite replaces a symbolic link that leads to nothing or to itself") {
  const workplace here;
  here.put("model", three_tensors());
  std::filesystem::create_symlink("nowhere", here / "dangling");
  std::filesystem::create_symlink("loop", here / "loop");
  for (const std::string link : {"dangling", "loop"}) {
    CHECK(here.tool("rewrite model " + link).exit_code == 0);
    CHECK_FALSE(std::filesystem::is_symlink(here / link));
    CHECK(here.get(link) == canonical(three_tensors()));
  }
  CHECK(here.files() == names{"dangling", "loop", "model"});
}

TEST_CASE("rewrite --align pads the header so that the data starts at a multiple") {
  const workplace here;
  here.put("in", three_tensors());
  for (const std::uint64_t alignment : {1u, 8u, 64u, 4096u, 1u << 20}) {
    CAPTURE(alignment);
    CHECK(here.tool("rewrite --align " + std::to_string(alignment) + " in out").exit_code == 0);
    CHECK(here.get("out") == canonical(three_tensors(), alignment));
    CHECK(data_start_of(here.get("out")) % alignment == 0);
  }
}

TEST_CASE("rewrite --keep-order changes the header alone") {
  const workplace here;
  here.put("in", three_tensors());
  CHECK(here.tool("rewrite --keep-order in out").exit_code == 0);
  CHECK(here.get("out") == with_metadata(three_tensors(), {{"format", "pt"}}));
  CHECK(here.tool("rewrite --keep-order --align 256 out out").exit_code == 0);
  CHECK(here.get("out") == with_metadata(three_tensors(), {{"format", "pt"}}, 256));
}

TEST_CASE("rewrite --durable writes the same") {
  const workplace here;
  here.put("in", three_tensors());
  CHECK(here.tool("rewrite --durable in out").exit_code == 0);
  CHECK(here.get("out") == canonical(three_tensors()));
}

TEST_CASE("rewrite keeps the permissions of the file that it replaces") {
  const workplace here;
  here.put("in", three_tensors());
  here.put("out", "");
  std::filesystem::permissions(here / "out", std::filesystem::perms(0640));
  CHECK(here.tool("rewrite in out").exit_code == 0);
  CHECK(mode(here / "out") == 0640);
}

TEST_CASE("rewrite --no-replace makes a new file but leaves an old one as it is") {
  const workplace here;
  here.put("in", three_tensors());
  CHECK(here.tool("rewrite --no-replace in out").exit_code == 0);
  here.put("old", "old");
  for (const std::string target : {"old", "in"}) {
    const outcome done = here.tool("rewrite --no-replace in " + target);
    CHECK(done.exit_code == 2);
    CHECK(done.err.starts_with(target + ": io: "));
  }
  CHECK(here.get("old") == "old");
  CHECK(here.get("in") == three_tensors());
  CHECK(here.files() == names{"in", "old", "out"});
}

TEST_CASE("rewrite drops bytes after the last tensor if they are allowed") {
  const workplace here;
  const std::string longer = three_tensors() + "more";
  here.put("in", longer);
  const outcome refused = here.tool("rewrite in out");
  CHECK(refused.exit_code == 1);
  CHECK(refused.err == error_line("in", longer));
  CHECK(here.tool("rewrite --allow-trailing-bytes in out").exit_code == 0);
  CHECK(here.get("out") == canonical(three_tensors()));
}

TEST_CASE("an invalid file is reported as verify does and the target stays as it is") {
  const workplace here;
  here.put("in", invalid_file());
  here.put("old", "old");
  for (const std::string arguments : {"rewrite in new", "rewrite in old", "rewrite in in",
                                      "meta in", "meta in --set k=v", "meta in --json"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 1);
    CHECK(done.out == "");
    CHECK(done.err == error_line("in", invalid_file()));
  }
  CHECK(here.get("in") == invalid_file());
  CHECK(here.get("old") == "old");
  CHECK(here.files() == names{"in", "old"});
}

TEST_CASE("what cannot be read or written exits with 2 and leaves nothing behind") {
  const workplace here;
  here.put("in", three_tensors());
  REQUIRE(::mkfifo((here / "fifo").c_str(), 0600) == 0);
  std::filesystem::create_directory(here / "folder");
  const std::pair<std::string, std::string> cases[] = {
      {"rewrite in folder", "folder: io: "},
      {"rewrite in .", ".: io: "},
      {"rewrite in fifo", "fifo: io: "},
      {"rewrite in /dev/null", "/dev/null: io: "},
      {"rewrite in gone/out", "gone/out: io: "},
      {"rewrite in -", "-: io: "},
      {"rewrite in ''", "\"\": io: "},
      {"rewrite - out", "-: io: "},
      {"rewrite gone out", "gone: io: "},
      {"rewrite fifo out", "fifo: io: "},
      {"rewrite --align 134217728 in out", "out: header_too_large: "},
      {"meta gone --set k=v", "gone: io: "},
      {"meta fifo", "fifo: io: "},
      {"meta - --set k=v", "-: io: "},
      {"meta folder --set k=v", "folder: io: "},
      {"meta in --set k=$(printf '\\377')", "in: invalid_utf8: "},
      {"meta in --set $(printf '\\377')=v", "in: invalid_utf8: "},
  };
  for (const auto& each : cases) {
    const auto& arguments = each.first;
    CAPTURE(arguments);
    const outcome done = here.tool(arguments + " </dev/null");
    CHECK(done.exit_code == 2);
    CHECK(done.out == "");
    CHECK(done.err.starts_with(each.second));
    CHECK(lines(done.err) == 1);
  }
  CHECK(here.get("in") == three_tensors());
  CHECK(here.files() == names{"fifo", "folder", "in"});
}

TEST_CASE("a target that outgrows its limit is no target") {
  const workplace here;
  put_sparse(here, "in", 1 << 20);
  for (const std::string arguments : {"rewrite in out", "rewrite in in", "meta in --set k=v"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments, "ulimit -f 100; exec");
    CHECK(done.exit_code == 2);
    CHECK(contains(done.err, ": io: "));
    CHECK(lines(done.err) == 1);
  }
  CHECK(here.get("in").size() == 4096 + (1 << 20));
  CHECK(here.files() == names{"in"});
}

TEST_CASE("wrong usage of what writes exits with 2 and writes nothing") {
  const workplace here;
  here.put("in", three_tensors());
  const std::pair<std::string, const char*> cases[] = {
      {"rewrite", "IN is required"},
      {"rewrite in", "OUT is required"},
      {"rewrite in out more", "more"},
      {"rewrite in out --align", "--align: expected N"},
      {"rewrite in out --align 0", "--align: 0 is not a power of two"},
      {"rewrite in out --align 12", "12 is not a power of two"},
      {"rewrite in out --align -8", "-8 is not a power of two"},
      {"rewrite in out --align 8K", "8K is not a power of two"},
      {"rewrite in out --align 08", "08 is not a power of two"},
      {"rewrite in out --align 36893488147419103232", "is not a power of two"},
      {"rewrite in out --set k=v", "--set"},
      {"meta", "FILE is required"},
      {"meta in in", "in"},
      {"meta in --set", "--set: expected KEY=VALUE"},
      {"meta in --set k", "--set k: expected KEY=VALUE"},
      {"meta in --set k=1 --set k=2", "the key k is given twice"},
      {"meta in --set k=1 --unset k", "the key k is given twice"},
      {"meta in --set k=1 --json", "--set cannot be used together with --json"},
      {"meta in --unset k --json", "--unset cannot be used together with --json"},
      {"meta in --raw --set k=1", "--set cannot be used together with --raw"},
      {"meta in --raw --unset k", "--unset cannot be used together with --raw"},
      {"meta in --raw --json", "--json cannot be used together with --raw"},
      {"rewrite in out --no-rename=maybe", "--no-rename does not take a value"},
      {"rewrite in out --raw", "--raw"},
      {"meta in --set k=1 --no-replace", "--no-replace"},
      {"meta in --set k=1 --no-rename", "--no-rename"},
      {"meta in --set k=1 --keep-order", "--keep-order"},
      {"verify in --follow-links", "--follow-links"},
  };
  check_usage_errors(here, cases);
  CHECK(here.get("in") == three_tensors());
  CHECK(here.files() == names{"in"});
}

TEST_CASE("files to be written may be called as they like") {
  const workplace here;
  here.put("-in", three_tensors());
  for (const std::string name : {"-out", "--align", "[a,b]", "meta", "a=b", "modèle"}) {
    CAPTURE(name);
    CHECK(here.tool("rewrite -- -in " + shell_quoted(name)).exit_code == 0);
    CHECK(here.tool("meta --set k=v -- " + shell_quoted(name)).exit_code == 0);
    CHECK(metadata_of(here.get(name)) == metadata_map{{"format", "pt"}, {"k", "v"}});
  }
}

//-- meta

TEST_CASE("meta prints every key and its whole value") {
  const workplace here;
  const std::string value(5000, 'v');
  here.put("model", make_file(R"({"__metadata__":{"long":")" + value + R"(","a":"","k":"a: b"}})"));
  CHECK(here.tool("meta model").out == "a: \nk: a: b\nlong: " + value + "\n");
  CHECK(here.tool("meta -q model").out == "a: \nk: a: b\nlong: " + value + "\n");
  here.put("none", make_file("{}"));
  CHECK(here.tool("meta none").out == "");
}

TEST_CASE("meta --json prints one object in ASCII") {
  const workplace here;
  here.put("model", three_tensors());
  CHECK(here.tool("meta --json model").out == "{\"format\":\"pt\"}\n");
  here.put("none", make_file("{}"));
  CHECK(here.tool("meta --json none").out == "{}\n");
  here.put("hostile", hostile_file());
  const std::string text = here.tool("meta --json hostile").out;
  CHECK(is_harmless(text));
  CHECK(std::all_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x7F; }));
  CHECK(here.json("meta --json hostile").get<metadata_map>() == metadata_of(hostile_file()));
}

TEST_CASE("meta shows hostile keys and values escaped") {
  const workplace here;
  here.put("model", hostile_file());
  const std::string shown(hostile_shown);
  CHECK(here.tool("meta model").out == shown + ": " + shown + "\n");
  const std::string key = shell_quoted("\x1B[31m\n\xE2\x80\xAE");
  const outcome twice = here.tool("meta model --unset " + key + " --set " + key + "=1");
  CHECK(contains(twice.err, R"(\x1b[31m\n\u202e)"));
  CHECK(is_harmless(twice.err));
  const outcome none = here.tool("meta model --set " + key);
  CHECK(contains(none.err, R"(\x1b[31m\n\u202e)"));
  CHECK(is_harmless(none.err));
}

TEST_CASE("meta shows values so that paths and JSON and emoji can be copied") {
  const workplace here;
  here.put(
      "model",
      make_file(
          R"({"__metadata__":{"emoji":"👩‍💻 ❤️ नमस्ते‌","json":"{\"a\": \"\\\"\"}",)"
          R"("path":"C:\\Users\\me","spaces":"\u00a0\u3000|","text":"a\nb\tc"}})"));
  const std::string shown =
      "emoji: 👩‍💻 ❤️ नमस्ते‌\njson: {\"a\": \"\\\"\"}\npath: "
      "C:\\Users\\me\nspaces: "
      "\xC2\xA0\u3000|\n";
  CHECK(here.tool("meta model").out == shown + "text: a\\nb\\x09c\n");
  CHECK(here.tool("meta --raw model").out == shown + "text: a\nb\tc\n");
  CHECK(contains(here.tool("ls model").out, "  path: C:\\Users\\me\n"));
}

TEST_CASE("meta escapes what acts on terminals and on the order of text") {
  const workplace here;
  const auto shown = [&](const std::string& value) {
    here.put("model", make_file(R"({"__metadata__":{"k":")" + value + "\"}}"));
    CHECK(here.tool("meta --raw model").out ==
          "k: " + metadata_of(here.get("model")).at("k") + "\n");
    return here.tool("meta model").out;
  };
  const std::pair<const char*, const char*> escaped[] = {
      {R"(\u0000\u001f)", R"(\x00\x1f)"},
      {R"(\u007f\u0080\u009f)", R"(\x7f\u0080\u009f)"},
      {R"(\u061c)", R"(\u061c)"},
      {R"(\u200e\u200f)", R"(\u200e\u200f)"},
      {R"(\u2028\u2029)", R"(\u2028\u2029)"},
      {R"(\u202a\u202e)", R"(\u202a\u202e)"},
      {R"(\u2066\u2069\u206f)", R"(\u2066\u2069\u206f)"},
      {R"(\ufff9\ufffb)", R"(\ufff9\ufffb)"},
      {R"(\udb40\udc00\udb40\udc7f)", R"(\U000e0000\U000e007f)"},
  };
  for (const auto& each : escaped)
    CHECK(shown(each.first) == "k: " + std::string(each.second) + "\n");
  for (const std::string kept : {" ~", "\xC2\xA0", "\u061b\u061d", "\u200b\u200c\u200d",
                                 "\u2010\u2027", "\u202f\u2060\u2065", "\u2070", "\ufe0e\ufe0f",
                                 "\u3000", "\ufff8\ufffc", "\U000dffff\U000e0080", "\U0010ffff"})
    CHECK(shown(kept) == "k: " + kept + "\n");
}

TEST_CASE("meta prints the metadata of a header whose data is missing") {
  const workplace here;
  const std::string whole = three_tensors(), cut = whole.substr(0, data_start_of(whole));
  for (const std::string& bytes : {cut, cut + "some"}) {
    here.put("model", bytes);
    const std::pair<std::string, std::string> cases[] = {
        {"meta model", "format: pt\n"},
        {"meta --raw model", "format: pt\n"},
        {"meta --json model", "{\"format\":\"pt\"}\n"},
        {"meta --allow-trailing-bytes model", "format: pt\n"},
        {"meta model --set k=v", ""},
        {"meta model --unset format", ""},
        {"verify model", ""},
    };
    for (const auto& each : cases) {
      const auto& arguments = each.first;
      CAPTURE(arguments);
      const outcome done = here.tool(arguments);
      CHECK(done.exit_code == 1);
      CHECK(done.out == each.second);
      CHECK(done.err == error_line("model", bytes));
      CHECK(done.err.starts_with("model: missing_bytes: "));
    }
    const outcome together = here.tool("meta model 2>&1");
    CHECK(together.out.starts_with("format: pt\nmodel: missing_bytes: "));
    CHECK(here.get("model") == bytes);
  }
  here.put("model", cut.substr(0, cut.size() - 1));
  CHECK(here.tool("meta model").out == "");
}

TEST_CASE("--max-header is also the limit of the header that is written") {
  const workplace here;
  here.put("model", three_tensors());
  const std::string set = " --set k=" + std::string(300, 'v');
  for (const std::string& arguments :
       {std::string("rewrite model out --align 4096 --max-header 1000"),
        "meta model --max-header 300" + set}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 2);
    CHECK(contains(done.err, ": header_too_large: "));
    CHECK(lines(done.err) == 1);
  }
  CHECK(here.get("model") == three_tensors());
  CHECK(here.files() == names{"model"});
  CHECK(here.tool("rewrite model out --align 4096 --max-header 4088").exit_code == 0);
  CHECK(here.tool("meta model --max-header 2000" + set).exit_code == 0);
}

TEST_CASE("meta sets and removes keys and leaves all else as it was") {
  const std::string model = three_tensors();
  const std::pair<std::string, metadata_map> cases[] = {
      {"--set k=v", {{"format", "pt"}, {"k", "v"}}},
      {"--set format=np", {{"format", "np"}}},
      {"--set=k=v", {{"format", "pt"}, {"k", "v"}}},
      {"--set k=a=b=", {{"format", "pt"}, {"k", "a=b="}}},
      {"--set k= --set =v", {{"", "v"}, {"format", "pt"}, {"k", ""}}},
      {"--unset format", {}},
      {"--unset format --unset format --unset gone --set a=1", {{"a", "1"}}},
      {"--set b=2 --set a=1", {{"a", "1"}, {"b", "2"}, {"format", "pt"}}},
      {"--set '[a=1,b=2]'", {{"[a", "1,b=2]"}, {"format", "pt"}}},
      {"--set -x=--y --set '\"k\"= v '", {{"\"k\"", " v "}, {"-x", "--y"}, {"format", "pt"}}},
      {"--set \"$(printf '名\\033')=$(printf '😀\\n\\001\\\\\"')\"",
       {{"format", "pt"}, {"名\x1B", "😀\n\x01\\\""}}},
      {"--durable --set k=v", {{"format", "pt"}, {"k", "v"}}},
  };
  for (const auto& each : cases) {
    const auto& arguments = each.first;
    CAPTURE(arguments);
    const workplace here;
    here.put("model", model);
    const outcome done = here.tool("meta model " + arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.err.empty() == each.second.contains("format"));
    CHECK(done.out == "model: written (3 tensors, 29 B)\n");
    CHECK(here.get("model") == with_metadata(model, each.second, 256));
    CHECK(here.json("meta model --json").get<metadata_map>() == each.second);
    CHECK(here.files() == names{"model"});
  }
}

TEST_CASE("meta keeps the data's bytes and order and alignment") {
  const workplace here;
  for (const std::size_t start : {251u, 252u, 256u, 264u, 4096u, 8192u}) {
    CAPTURE(start);
    std::string header = three_tensors().substr(8, 243);
    const std::string model = file_with_data_at(start, header, 29);
    here.put("model", model);
    CHECK(here.tool("meta -q model --set k=" + std::string(300, 'v')).out == "");
    const std::string changed = here.get("model");
    CHECK(data_start_of(changed) % (std::min)(start & -start, std::size_t{4096}) == 0);
    CHECK(changed.substr(data_start_of(changed)) == model.substr(start));
    CHECK(here.tool("meta -q model --unset k").exit_code == 0);
    CHECK(metadata_of(here.get("model")) == metadata_of(model));
  }
}

TEST_CASE("meta writes nothing where nothing changes") {
  const workplace here;
  here.put("model", three_tensors());
  const auto before = identity(here / "model");
  for (const std::string arguments : {"--set format=pt", "--unset gone"}) {
    const outcome done = here.tool("meta model " + arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.out == "model: unchanged (3 tensors, 29 B)\n");
    CHECK(here.tool("meta -q model " + arguments).out == "");
  }
  CHECK(here.get("model") == three_tensors());
  CHECK(identity(here / "model") == before);
}

TEST_CASE("meta keeps the permissions and replaces a symbolic link") {
  const workplace here;
  here.put("model", three_tensors());
  std::filesystem::permissions(here / "model", std::filesystem::perms(0604));
  std::filesystem::create_symlink("model", here / "link");
  CHECK(here.tool("meta link --set k=v").exit_code == 0);
  CHECK_FALSE(std::filesystem::is_symlink(here / "link"));
  CHECK(mode(here / "link") == 0604);
  CHECK(metadata_of(here.get("link")).contains("k"));
  CHECK(here.get("model") == three_tensors());
  CHECK(here.tool("meta model --set k=v").exit_code == 0);
  CHECK(mode(here / "model") == 0604);
  CHECK(here.files() == names{"link", "model"});
}

TEST_CASE("meta drops bytes after the last tensor if they are allowed") {
  const workplace here;
  here.put("model", three_tensors() + "more");
  CHECK(here.tool("meta model --set k=v").exit_code == 1);
  CHECK(here.get("model") == three_tensors() + "more");
  CHECK(here.tool("meta --allow-trailing-bytes model --set k=v").exit_code == 0);
  CHECK(here.get("model") == with_metadata(three_tensors(), {{"format", "pt"}, {"k", "v"}}, 256));
}

//-- scale

TEST_CASE("a file of 100000 tensors in any order is rewritten and changed") {
  const std::string model = many_tensors();
  const workplace here;
  here.put("model", model);
  CHECK(here.tool("meta model --set k=v").exit_code == 0);
  CHECK(here.get("model") == with_metadata(model, {{"k", "v"}}));
  CHECK(here.tool("rewrite model model --align 64").exit_code == 0);
  CHECK(here.get("model") == serialized(model, {.metadata = {{"k", "v"}}, .data_alignment = 64}));
}

TEST_CASE("4 GiB are rewritten in less than 32 MiB of memory") {
  constexpr std::uint64_t size = std::uint64_t{4} << 30;
  const workplace here;
  if (!memory_can_be_limited() || !has_room(here, size)) return;
  put_sparse(here, "in", size);
  const outcome done = here.tool("rewrite in out", little_memory);
  CHECK(done.exit_code == 0);
  CHECK(done.err == "");
  CHECK(done.out == "out: written (1 tensor, 4.0 GiB)\n");
  CHECK(here.tool("verify -q out").exit_code == 0);
}

TEST_CASE("metadata is changed in less memory than the data takes") {
  constexpr std::uint64_t size = std::uint64_t{1} << 29;
  const workplace here;
  if (!memory_can_be_limited() || !has_room(here, size)) return;
  put_sparse(here, "model", size);
  CHECK(here.tool("meta model --set k=v", little_memory).exit_code == 0);
  CHECK(here.tool("meta model").out == "k: v\n");
}

TEST_CASE("too little memory exits with 2 and leaves the file as it was") {
  if (!memory_can_be_limited()) return;
  const workplace here;
  const std::string model = many_tensors();
  here.put("model", model);
  int failures = 0;
  for (int mebibytes = 16; mebibytes <= 128; mebibytes += 16) {
    CAPTURE(mebibytes);
    const outcome done = here.tool("meta model --set k=v",
                                   "ulimit -v " + std::to_string(mebibytes * 1024) + "; exec");
    if (done.exit_code == 0) break;
    ++failures;
    CHECK(done.exit_code == 2);
    CHECK(done.out == "");
    CHECK(contains(done.err, "memory"));
    CHECK(lines(done.err) == 1);
    CHECK(here.get("model") == model);
    CHECK(here.files() == names{"model"});
  }
  CHECK(failures > 0);
  CHECK(metadata_of(here.get("model")) == metadata_map{{"k", "v"}});
}

TEST_CASE("progress is shown on a terminal for long work alone and is gone at the end") {
  constexpr std::uint64_t size = std::uint64_t{300} << 20;
  const workplace here;
  if (!has_room(here, size)) return;
  const terminal screen;
  put_sparse(here, "in", size);
  here.put("small", three_tensors());
  const auto shown_by = [&](const std::string& arguments) {
    CHECK(here.tool(arguments + " 2>" + screen.path()).exit_code == 0);
    return screen.shown();
  };
  for (const std::string arguments : {"rewrite in out", "meta in --set format=pt"}) {
    CAPTURE(arguments);
    const std::string shown = shown_by(arguments);
    CHECK(shown.starts_with("\r[" + std::string(50, '.') + "]   0 %\r["));
    CHECK(contains(shown, "\r[##########"));
    CHECK(contains(shown, "] 100 %"));
    CHECK(shown.ends_with("\r" + std::string(58, ' ') + "\r"));
  }
  CHECK(shown_by("rewrite small out") == "");
  CHECK(shown_by("rewrite -q in out") == "");
  const outcome piped = here.tool("rewrite in out");
  CHECK(piped.exit_code == 0);
  CHECK(piped.err == "");
}
#endif
