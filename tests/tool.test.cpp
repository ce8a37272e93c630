// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The safetensors command's contract: what it prints, where, and with which exit code.
#ifndef _WIN32
#include "tool_support.hpp"

#include <algorithm>

#include <sys/stat.h>

using nlohmann::json;
using safetensors::errc;
using namespace testing;

namespace {

constexpr std::string_view three_tensors_table =
    "name   dtype  shape  size  offset\n"
    "gamma  F32    [2,3]  24 B     256\n"
    "beta   U8     [3]     3 B     280\n"
    "alpha  BF16   []      2 B     283\n"
    "\n"
    "metadata\n"
    "  format: pt\n"
    "\n"
    "3 tensors, 10 elements, 29 B of data, 248 B of header\n";

std::vector<std::string> names(const json& file) {
  std::vector<std::string> all;
  for (const json& tensor : file["tensors"]) all.push_back(tensor["name"]);
  return all;
}

}  // namespace

//-- exit codes and standard error

TEST_CASE("both commands exit with 0 if every file is valid and print no error") {
  const workplace here;
  here.put("a", valid_file());
  here.put("b", three_tensors());
  for (const std::string command : {"ls", "ls --json", "ls --quiet", "verify", "verify --quiet"}) {
    CAPTURE(command);
    const outcome done = here.tool(command + " a b");
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
  }
}

TEST_CASE("both commands exit with 1 if a file is invalid wherever it stands") {
  const workplace here;
  here.put("good", valid_file());
  here.put("bad", invalid_file());
  for (const std::string arguments :
       {"ls bad", "ls good bad", "ls --json bad good", "verify bad good", "verify good bad good",
        "verify -q good bad"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 1);
    CHECK(done.err == error_line("bad", invalid_file()));
  }
}

TEST_CASE("both commands exit with 2 if a file cannot be read and 2 wins over 1") {
  const workplace here;
  here.put("good", valid_file());
  here.put("bad", invalid_file());
  for (const std::string arguments :
       {"ls gone", "verify gone", "verify gone good", "verify bad gone", "verify gone bad",
        "ls good gone bad", "ls --json bad good gone"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 2);
    CHECK(contains(done.err, "gone: io: "));
    CHECK(contains(done.err, "bad: size_mismatch: ") == contains(arguments, "bad"));
    CHECK(lines(done.err) == (contains(arguments, "bad") ? 2 : 1));
  }
}

TEST_CASE("every file is looked at even after a failure") {
  const workplace here;
  here.put("good", valid_file());
  here.put("bad", invalid_file());
  const outcome done = here.tool("verify bad gone good - bad good");
  CHECK(done.exit_code == 2);
  CHECK(done.out == "good: ok (1 tensor, 8 B)\ngood: ok (1 tensor, 8 B)\n");
  CHECK(lines(done.err) == 4);
}

TEST_CASE("an error is one line with the file and the rule and the tensor and the byte") {
  const workplace here;
  here.put("bad", invalid_file());
  const outcome done = here.tool("verify bad");
  CHECK(done.err.starts_with("bad: size_mismatch: tensor \"weight\": "));
  CHECK(done.err.ends_with(" (byte " + std::to_string(testing::failure_of(invalid_file()).offset) +
                           ")\n"));
  CHECK(done.err == error_line("bad", invalid_file()));
}

TEST_CASE("every rule of reading is named by its code") {
  const std::pair<errc, std::string> cases[] = {
      {errc::header_too_small, ""},
      {errc::header_too_small, "1234567"},
      {errc::header_too_large, std::string(8, '\xFF')},
      {errc::header_truncated, make_file("{}").substr(0, 9)},
      {errc::invalid_utf8, make_file("{\"\xFF\":1}")},
      {errc::invalid_json, make_file("{")},
      {errc::invalid_json, make_file("")},
      {errc::too_deep,
       make_file("{\"t\":{\"x\":" + repeated("[", 126) + repeated("]", 126) + "}}")},
      {errc::header_not_object, make_file("[]")},
      {errc::duplicate_tensor,
       make_file(R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                 R"("t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})")},
      {errc::duplicate_metadata_key, make_file(R"({"__metadata__":{"a":"","a":""}})")},
      {errc::duplicate_field, make_file(R"({"__metadata__":{},"__metadata__":{}})")},
      {errc::invalid_metadata, make_file(R"({"__metadata__":[]})")},
      {errc::invalid_entry, make_file(R"({"t":1})")},
      {errc::missing_field, make_file(R"({"t":{}})")},
      {errc::unknown_dtype, make_tensor_file("u8", "[0]", 0)},
      {errc::invalid_shape, make_tensor_file("U8", "[-1]", 0)},
      {errc::invalid_offsets,
       make_file(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2)},
      {errc::size_overflow, make_tensor_file("U8", "[18446744073709551615,2]", 0)},
      {errc::partial_byte, make_tensor_file("F4", "[3]", 2)},
      {errc::size_mismatch, make_tensor_file("F32", "[2]", 7)},
      {errc::trailing_bytes, make_tensor_file("U8", "[1]", 1) + "+"},
      {errc::missing_bytes,
       make_file(R"({"t":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 8)},
  };
  for (const auto& [rule, bytes] : cases) {
    const errc code = rule;  // clang 14 cannot capture a structured binding
    CAPTURE(code);
    const workplace here;
    here.put("bad", bytes);
    CHECK(testing::code_of(bytes) == code);
    const outcome done = here.tool("verify bad");
    CHECK(done.exit_code == 1);
    CHECK(done.out == "");
    CHECK(done.err == error_line("bad", bytes));
    CHECK(lines(done.err) == 1);
  }
}

TEST_CASE("an empty file is invalid") {
  const workplace here;
  here.put("empty", "");
  const outcome done = here.tool("ls empty");
  CHECK(done.exit_code == 1);
  CHECK(done.out == "");
  CHECK(done.err.starts_with("empty: header_too_small: "));
}

TEST_CASE("a folder cannot be read") {
  const workplace here;
  const outcome done = here.tool("verify .");
  CHECK(done.exit_code == 2);
  CHECK(done.err.starts_with(".: io: "));
  CHECK(lines(done.err) == 1);
}

TEST_CASE("a FIFO is refused without waiting for a writer") {
  const workplace here;
  here.put("good", valid_file());
  REQUIRE(::mkfifo((here / "pipe").c_str(), 0600) == 0);
  for (const std::string command : {"ls -q", "verify -q"}) {
    const outcome done = here.tool(command + " pipe good");
    CHECK(done.exit_code == 2);
    CHECK(done.err.starts_with("pipe: io: "));
    CHECK(lines(done.err) == 1);
  }
}

TEST_CASE("standard input is refused kindly and the other files are looked at") {
  const workplace here;
  here.put("good", valid_file());
  for (const std::string arguments : {"verify - good", "verify good -", "verify -- - good"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments + " <good");
    CHECK(done.exit_code == 2);
    CHECK(done.out == "good: ok (1 tensor, 8 B)\n");
    CHECK(done.err ==
          "-: io: only ls reads standard input; name a file, or write ./- for a file that is "
          "called -\n");
  }
  here.put("-", valid_file());
  CHECK(here.tool("verify ./-").out == "./-: ok (1 tensor, 8 B)\n");
}

TEST_CASE("ls reads a header from standard input, and no further") {
  const workplace here;
  here.put("model", three_tensors());
  const std::string wanted = here.tool("ls model").out;
  CHECK(here.tool("ls - <model").out == wanted);
  CHECK(here.tool("ls - <model").exit_code == 0);
  CHECK(here.tool("ls -q - <model").out == here.tool("ls -q model").out);
  const std::string head = three_tensors().substr(0, data_start_of(three_tensors()));
  here.put("head", head);
  CHECK(here.tool("ls - <head").out == wanted);
  CHECK(here.tool("ls --json - <head").out.find("\"path\":\"-\"") != std::string::npos);

  here.put("cut", head.substr(0, head.size() - 1));
  const outcome cut = here.tool("ls - <cut");
  CHECK(cut.exit_code == 1);
  CHECK(cut.out.empty());
  CHECK(cut.err.starts_with("-: header_truncated: "));
  const outcome empty = here.tool("ls - model </dev/null");
  CHECK(empty.exit_code == 1);
  CHECK(empty.err == "-: header_too_small: the file is empty (byte 0); copy or download it again; it may "
                     "have been cut short\n");
  // A pipe that goes on for ever is read up to the data.
  CHECK(here.tool("ls -", "cat head /dev/zero |").out == wanted);
}

TEST_CASE("a standard input that is closed exits with 2") {
  const workplace here;
  const outcome closed = here.tool("ls - <&-");
  CHECK(closed.exit_code == 2);
  CHECK(closed.err.starts_with("-: io: cannot read standard input: "));
}

TEST_CASE("wrong usage exits with 2 and says on standard error what is wrong") {
  const workplace here;
  here.put("good", valid_file());
  const std::pair<std::string, const char*> cases[] = {
      {"", "A subcommand is required"},
      {"good", "good is not a subcommand or an option"},
      {"--json", "--json is not a subcommand or an option"},
      {"ls", "FILE is required"},
      {"verify", "FILE is required"},
      {"verify --", "FILE is required"},
      {"verify --json good", "--json"},
      {"verify --sort name good", "--sort"},
      {"ls --sort", "--sort: expected name|offset|size"},
      {"ls --sort weight good", "--sort: weight is not name, offset or size"},
      {"ls --sort name --sort size good", "--sort is given 2 times"},
      {"ls --json=maybe good", "--json does not take a value"},
      {"ls --max-header", "--max-header: expected N"},
      {"ls --max-header 8K good", "--max-header: 8K is not a number of bytes"},
      {"verify --max-header -8 good", "--max-header: -8 is not a number of bytes"},
      {"verify --max-header 010 good", "--max-header: 010 is not a number of bytes"},
      {"verify --max-header 18446744073709551616 good", "is not a number of bytes"},
      {"ls --frobnicate good", "--frobnicate"},
      {"ls -zgood good", "-zgood"},
  };
  check_usage_errors(here, cases);
}

TEST_CASE("wrong arguments are shown escaped") {
  const workplace here;
  const outcome done = here.tool("ls " + testing::shell_quoted("--\x1B[31m\xE2\x80\xAE") + " x");
  CHECK(done.exit_code == 2);
  CHECK(contains(done.err, R"(--\x1b[31m\u202e)"));
  CHECK(is_harmless(done.err));
}

TEST_CASE("an output that cannot be written exits with 2 and one line") {
  if (!std::filesystem::exists("/dev/full")) return;
  const workplace here;
  here.put("good", valid_file());
  here.put("bad", invalid_file());
  for (const std::string arguments : {"ls good", "ls --quiet good", "ls --json good", "verify good",
                                      "--help", "ls --help", "--version"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments + " >/dev/full");
    CHECK(done.exit_code == 2);
    CHECK(done.err.starts_with("safetensors: standard output cannot be written: "));
    CHECK(lines(done.err) == 1);
  }
  const outcome mixed = here.tool("verify good bad good >/dev/full");
  CHECK(mixed.exit_code == 2);
  CHECK(lines(mixed.err) == 2);
  CHECK(mixed.err.starts_with(error_line("bad", invalid_file())));
}

TEST_CASE("nothing is lost where nothing is written") {
  if (!std::filesystem::exists("/dev/full")) return;
  const workplace here;
  here.put("good", valid_file());
  CHECK(here.tool("verify --quiet good >/dev/full").exit_code == 0);
}

TEST_CASE("a closed output exits with 2") {
  const workplace here;
  here.put("good", valid_file());
  CHECK(here.tool("verify good >&-").exit_code == 2);
}

TEST_CASE("errors that cannot be shown leave the exit code as it is") {
  if (!std::filesystem::exists("/dev/full")) return;
  const workplace here;
  here.put("bad", invalid_file());
  CHECK(here.tool("verify bad 2>/dev/full").exit_code == 1);
  CHECK(here.tool("verify gone 2>/dev/full").exit_code == 2);
}

TEST_CASE("the version is the header's") {
  const outcome done = workplace().tool("--version");
  CHECK(done.exit_code == 0);
  CHECK(done.err == "");
  CHECK(done.out == "safetensors " + std::to_string(SAFETENSORS_VERSION_MAJOR) + "." +
                        std::to_string(SAFETENSORS_VERSION_MINOR) + "." +
                        std::to_string(SAFETENSORS_VERSION_PATCH) + "\n");
}

TEST_CASE("help goes to standard output and explains the exit codes") {
  const workplace here;
  for (const std::string arguments :
       {"--help", "-h", "ls --help", "verify --help", "rewrite --help", "meta --help"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
    CHECK(
        contains(done.out, "\nExit codes:\n  0  Every file is valid.\n  1  A file is not valid."));
    CHECK(contains(done.out, "FILE: warning: TEXT. They do not change the exit code"));
  }
  for (const std::string command : {"rewrite", "meta"}) {
    const std::string help = here.tool(command + " --help").out;
    for (const char* option : {"--durable", "--follow-links", "--any-mode", "--drop-unknown-fields",
                               "A symbolic link is replaced", "wait for each other"})
      CHECK(contains(help, option));
  }
  const std::string help = here.tool("ls --help").out;
  for (const char* key : {"path", "header_bytes", "data_start", "data_bytes", "metadata", "tensors",
                          "{name, dtype, shape, bytes, offset}"})
    CHECK(contains(help, key));
}

TEST_CASE("help shows the usage and nothing of the parser") {
  const workplace here;
  for (const std::string command : {"", "ls", "verify", "rewrite", "meta"}) {
    CAPTURE(command);
    const std::string help = here.tool(command + " --help").out;
    CHECK(contains(help, "\nUsage: " + command_name(command) + " "));
    CHECK(contains(help, "--max-header N ") == !command.empty());
    for (const char* internal : {"Excludes", "REQUIRED", "TEXT ", "UINT", "Positionals", " ..."})
      CHECK_FALSE(contains(help, internal));
  }
}

//-- arguments

TEST_CASE("an empty path is shown as a pair of quotes") {
  const workplace here;
  here.put("in", valid_file());
  for (const std::string arguments : {"verify ''", "ls ''", "meta ''", "meta '' --set a=b",
                                      "rewrite in ''", "rewrite '' out", "verify in '' -q"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments);
    CHECK(done.exit_code == 2);
    CHECK(done.err.starts_with("\"\": io: "));
    CHECK(lines(done.err) == 1);
  }
}

TEST_CASE("paths that look like options work after two dashes") {
  const workplace here;
  for (const std::string name : {"-a", "--json", "--", "b"}) here.put(name, valid_file());
  const outcome done = here.tool("verify -- -a --json -- b");
  CHECK(done.exit_code == 0);
  CHECK(done.out ==
        "-a: ok (1 tensor, 8 B)\n--json: ok (1 tensor, 8 B)\n"
        "--: ok (1 tensor, 8 B)\nb: ok (1 tensor, 8 B)\n");
  CHECK(here.tool("verify b --quiet -- -a").exit_code == 0);
  CHECK(here.tool("verify b -- -a").out == "b: ok (1 tensor, 8 B)\n-a: ok (1 tensor, 8 B)\n");
}

TEST_CASE("a path is taken as it is whatever it looks like") {
  const workplace here;
  for (const std::string name :
       {"ls", "verify", "[a,b]", "[[aa]]", "[", "\x1f[]", "{}", "%%", "a b", "a,b", "'", "\""}) {
    CAPTURE(name);
    here.put(name, valid_file());
    const outcome done = here.tool("verify ls " + testing::shell_quoted(name));
    CHECK(done.exit_code == 0);
    CHECK(done.out ==
          "ls: ok (1 tensor, 8 B)\n" + safetensors::printable(name) + ": ok (1 tensor, 8 B)\n");
  }
}

TEST_CASE("options may stand between files") {
  const workplace here;
  here.put("a", valid_file());
  here.put("b", valid_file());
  const outcome done = here.tool("ls a --sort name b --json");
  CHECK(done.exit_code == 0);
  CHECK(json::parse(done.out, nullptr, false).size() == 2);
}

TEST_CASE("a path that is not ASCII is read and shown as it is") {
  const workplace here;
  const std::string name = "modèle 模型.safetensors";
  here.put(name, valid_file());
  CHECK(here.tool("verify " + testing::shell_quoted(name)).out == name + ": ok (1 tensor, 8 B)\n");
  CHECK(here.listed(testing::shell_quoted(name))[0]["path"] == name);
}

TEST_CASE("trailing bytes are invalid unless they are allowed") {
  const workplace here;
  here.put("long", valid_file() + "more");
  for (const std::string command : {"ls", "ls --json", "verify"}) {
    CAPTURE(command);
    const outcome refused = here.tool(command + " long");
    CHECK(refused.exit_code == 1);
    CHECK(refused.err == error_line("long", valid_file() + "more"));
    const outcome allowed = here.tool(command + " --allow-trailing-bytes long");
    CHECK(allowed.exit_code == 0);
    CHECK(allowed.err == "");
  }
}

TEST_CASE("--max-header sets the longest header that is accepted") {
  const workplace here;
  here.put("model", three_tensors());
  for (const std::string command : {"ls", "ls --json", "verify", "meta"}) {
    CAPTURE(command);
    const outcome refused = here.tool(command + " --max-header 247 model");
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.starts_with("model: header_too_large: "));
    CHECK(lines(refused.err) == 1);
    CHECK(here.tool(command + " --max-header 248 model").exit_code == 0);
    CHECK(here.tool(command + " --max-header 18446744073709551615 model").exit_code == 0);
  }
}

TEST_CASE("advice names the options of the command") {
  const workplace here;
  here.put("model", valid_file());
  here.put("long", valid_file() + "+");
  const std::string long_header = here.tool("verify --max-header 8 model").err;
  CHECK(contains(long_header, "; --max-header N accepts it\n"));
  CHECK_FALSE(contains(long_header, "max_header_bytes"));
  const std::string trailing = here.tool("verify long").err;
  CHECK(contains(trailing, "; --allow-trailing-bytes accepts the file\n"));
  CHECK_FALSE(contains(trailing, "allow_trailing_bytes"));
}

//-- verify

TEST_CASE("verify prints a line for each valid file") {
  const workplace here;
  here.put("a", valid_file());
  here.put("b", three_tensors());
  here.put("none", make_file("{}"));
  CHECK(here.tool("verify a b none").out ==
        "a: ok (1 tensor, 8 B)\nb: ok (3 tensors, 29 B)\nnone: ok (0 tensors, 0 B)\n");
}

TEST_CASE("tensors without elements are counted") {
  const auto file = [](const std::string& shapes_of_c) {
    return make_file(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
                     R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                     R"("c":{"dtype":"F32","shape":)" +
                         shapes_of_c + "}}",
                     4);
  };
  const workplace here;
  here.put("one", file(R"([],"data_offsets":[4,8])") + std::string(4, '\0'));
  here.put("two", file(R"([2,0],"data_offsets":[4,4])"));
  here.put("all", make_tensor_file("F32", "[0]", 0));
  const outcome done = here.tool("verify one two all");
  CHECK(done.exit_code == 0);
  CHECK(done.out ==
        "one: ok (3 tensors, 8 B, 1 of 3 tensors is empty)\n"
        "two: ok (3 tensors, 4 B, 2 of 3 tensors are empty)\n"
        "all: ok (1 tensor, 0 B, 1 of 1 tensor is empty)\n");
  CHECK(here.tool("ls two").out.ends_with(" B of header, 2 of 3 tensors are empty\n"));
  CHECK(here.tool("ls two").exit_code == 0);
  CHECK_FALSE(contains(here.tool("ls -q two").out, "empty"));
}

TEST_CASE("verify --quiet prints the errors alone") {
  const workplace here;
  here.put("good", valid_file());
  here.put("bad", invalid_file());
  for (const char* option : {"-q", "--quiet"}) {
    const outcome done = here.tool("verify good bad " + std::string(option));
    CHECK(done.exit_code == 1);
    CHECK(done.out == "");
    CHECK(done.err == error_line("bad", invalid_file()));
  }
}

TEST_CASE("sizes are shown in units for people") {
  const std::pair<std::uint64_t, const char*> cases[] = {
      {0, "0 B, 1 of 1 tensor is empty"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1048524, "1023.9 KiB"},
      {1048575, "1.0 MiB"},
      {3u << 20, "3.0 MiB"},
      {5368709120, "5.0 GiB"},
  };
  const workplace here;
  for (const auto& [bytes, shown] : cases) {
    const std::string size = std::to_string(bytes);
    CAPTURE(size);
    const std::string head = make_file(R"({"t":{"dtype":"U8","shape":[)" + size +
                                       R"(],"data_offsets":[0,)" + size + "]}}");
    here.put("sized", head);
    std::filesystem::resize_file(here / "sized", head.size() + bytes);  // a hole: takes no space
    CHECK(here.tool("verify sized").out == "sized: ok (1 tensor, " + std::string(shown) + ")\n");
  }
}

//-- ls, for people

TEST_CASE("ls shows a table then the metadata then totals") {
  const workplace here;
  here.put("model", three_tensors());
  CHECK(here.tool("ls model").out == three_tensors_table);
}

TEST_CASE("ls shows an empty model by its totals alone") {
  const workplace here;
  here.put("none", make_file("{}      "));
  CHECK(here.tool("ls none").out == "0 tensors, 0 elements, 0 B of data, 8 B of header\n");
}

TEST_CASE("ls gives each of several files a heading and skips invalid ones") {
  const workplace here;
  here.put("bad", invalid_file());
  here.put("model", three_tensors());
  const std::string table(three_tensors_table);
  CHECK(here.tool("ls bad model model").out == "model:\n" + table + "\nmodel:\n" + table);
}

TEST_CASE("ls --quiet prints the rows of tensors alone") {
  const workplace here;
  here.put("model", three_tensors());
  here.put("none", make_file("{}"));
  CHECK(here.tool("ls -q none model").out ==
        "gamma  F32   [2,3]  24 B  256\n"
        "beta   U8    [3]     3 B  280\n"
        "alpha  BF16  []      2 B  283\n");
}

TEST_CASE("ls sorts by offset unless asked for name or size") {
  const workplace here;
  here.put("model", three_tensors());
  using order = std::vector<std::string>;
  CHECK(names(here.listed("model")[0]) == order{"gamma", "beta", "alpha"});
  CHECK(names(here.listed("--sort offset model")[0]) == order{"gamma", "beta", "alpha"});
  CHECK(names(here.listed("--sort name model")[0]) == order{"alpha", "beta", "gamma"});
  CHECK(names(here.listed("--sort size model")[0]) == order{"gamma", "beta", "alpha"});
  CHECK(here.tool("ls -q --sort name model").out ==
        "alpha  BF16  []      2 B  283\n"
        "beta   U8    [3]     3 B  280\n"
        "gamma  F32   [2,3]  24 B  256\n");
}

TEST_CASE("ls --sort size puts the largest first and keeps the data's order among equals") {
  const workplace here;
  here.put("model", make_file(R"({"z":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                              R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
                              R"("m":{"dtype":"U8","shape":[10],"data_offsets":[2,12]}})",
                              12));
  CHECK(names(here.listed("--sort size model")[0]) == std::vector<std::string>{"m", "z", "a"});
}

TEST_CASE("ls --sort name compares bytes") {
  const workplace here;
  here.put("model", make_file(R"({"é":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                              R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                              R"("Z":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"));
  CHECK(names(here.listed("--sort name model")[0]) == std::vector<std::string>{"Z", "a", "é"});
}

TEST_CASE("ls aligns wide characters by the columns they take") {
  const workplace here;
  here.put("model", file_with_data_at(128,
                                      R"({"模型":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                                      R"("é":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                      1));
  const std::string out = here.tool("ls -q --sort size model").out;
  CHECK(out ==
        "é     U8  [1]  1 B  128\n"
        "模型  U8  [0]  0 B  128\n");
}

TEST_CASE("a long name is shown whole and moves its own row alone") {
  const workplace here;
  const std::string absurd(1000, 'x');
  here.put("model", make_file(R"({"short":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},")" +
                                  absurd + R"(":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                              2));
  const std::string out = here.tool("ls -q model").out;
  CHECK(contains(out, "short" + std::string(55, ' ') + "  U8  [1]  1 B  "));
  CHECK(contains(out, "\n" + absurd + "  U8  [1]  1 B  "));
}

TEST_CASE("long metadata is shortened in the table and whole in JSON") {
  const workplace here;
  const std::string value(5000, 'v');
  here.put("model", make_file(R"({"__metadata__":{"long":")" + value + R"(","short":"s"}})"));
  CHECK(contains(here.tool("ls model").out,
                 "metadata\n  long: " + std::string(100, 'v') + "...\n  short: s\n"));
  CHECK(here.listed("model")[0]["metadata"] == json{{"long", value}, {"short", "s"}});
}

TEST_CASE("ls cuts values after 100 bytes and never within a character") {
  const workplace here;
  here.put("model", make_file(R"({"__metadata__":{"a":")" + repeated("v", 100) + R"(","b":")" +
                              repeated("v", 99) + R"(é","c":")" + repeated("v", 99) + "é!\"}}"));
  CHECK(contains(here.tool("ls model").out, "  a: " + repeated("v", 100) +
                                                "\n  b: " + repeated("v", 99) +
                                                "é\n  c: " + repeated("v", 99) + "é...\n"));
}

TEST_CASE("hostile names and metadata are shown escaped") {
  const workplace here;
  here.put("model", hostile_file());
  const outcome done = here.tool("ls model");
  const std::string shown(hostile_shown);
  CHECK(done.exit_code == 0);
  CHECK(is_harmless(done.out));
  CHECK(lines(done.out) == 7);  // heading, row, blank, metadata, its row, blank, totals
  CHECK(contains(done.out, "\n" + shown + "  U8 "));
  CHECK(contains(done.out, "\n  " + shown + ": " + shown + "\n"));
}

TEST_CASE("hostile names of tensors and files are escaped in errors and headings") {
  const workplace here;
  const std::string path = "\x1B[31m\n\xC2\x9B\xE2\x80\xAE\xFF";
  const std::string shown = R"(\x1b[31m\n\u009b\u202e\xff)";
  here.put(path, make_tensor_file("F32", "[2]", 7, hostile_json));
  here.put("good\n", valid_file());
  const outcome failed = here.tool("verify " + testing::shell_quoted(path));
  CHECK(failed.exit_code == 1);
  CHECK(failed.err.starts_with(shown + ": size_mismatch: tensor \"" + std::string(hostile_shown) +
                               "\": "));
  CHECK(lines(failed.err) == 1);
  CHECK(is_harmless(failed.err));
  CHECK(here.tool("verify 'good\n'").out == "good\\n: ok (1 tensor, 8 B)\n");
  CHECK(here.tool("ls 'good\n' 'good\n'").out.starts_with("good\\n:\nname"));
  CHECK(here.tool("verify '\x1B'").err.starts_with("\\x1b: io: "));
}

//-- ls, as JSON

TEST_CASE("ls --json gives the model exactly") {
  const workplace here;
  here.put("model", three_tensors());
  const json expected = {
      {{"path", "model"},
       {"header_bytes", 248},
       {"data_start", 256},
       {"data_bytes", 29},
       {"metadata", {{"format", "pt"}}},
       {"tensors",
        {{{"name", "gamma"}, {"dtype", "F32"}, {"shape", {2, 3}}, {"bytes", 24}, {"offset", 256}},
         {{"name", "beta"}, {"dtype", "U8"}, {"shape", {3}}, {"bytes", 3}, {"offset", 280}},
         {{"name", "alpha"},
          {"dtype", "BF16"},
          {"shape", json::array()},
          {"bytes", 2},
          {"offset", 283}}}}}};
  CHECK(here.listed("model") == expected);
}

TEST_CASE("ls --json keeps every name and value and 64-bit number") {
  const workplace here;
  here.put("model", file_with_data_at(
                        512,
                        R"({"quote\" back\\slash":{"dtype":"U8","shape":[0,18446744073709551615],)"
                        R"("data_offsets":[0,0]},)"
                        R"("nul\u0000 inside":{"dtype":"F4","shape":[9007199254740993,0],)"
                        R"("data_offsets":[0,0]},)"
                        R"("":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                        R"("__metadata__":{"名\u0000":"\ud83d\ude00\n\u001b","":"{\"a\":1}"}})",
                        8));
  const json file = here.listed("--sort name model")[0];
  CHECK(file["metadata"] == json{{"", "{\"a\":1}"}, {std::string("名\0", 4), "😀\n\x1B"}});
  REQUIRE(names(file) ==
          std::vector<std::string>{"", std::string("nul\0 inside", 11), "quote\" back\\slash"});
  CHECK(file["tensors"][0]["shape"] == json::array());
  CHECK(file["tensors"][0]["offset"] == 512);
  CHECK(file["tensors"][1]["shape"].dump() == "[9007199254740993,0]");
  CHECK(file["tensors"][2]["shape"].dump() == "[0,18446744073709551615]");
}

TEST_CASE("ls --json is text in ASCII that a terminal can take") {
  const workplace here;
  here.put("model", hostile_file());
  const outcome done = here.tool("ls --json model");
  CHECK(is_harmless(done.out));
  CHECK(std::all_of(done.out.begin(), done.out.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x7F; }));
  const std::string name("\x1B[31mred\xC2\x9B\xC2\x85\xE2\x80\xAE\xE2\x80\xA8\n\0\x7F", 21);
  const json file = here.listed("model")[0];
  CHECK(names(file) == std::vector<std::string>{name});
  CHECK(file["metadata"] == json{{name, name}});
}

TEST_CASE("ls --json is one document however many files are valid") {
  const workplace here;
  here.put("a", valid_file());
  here.put("b", three_tensors());
  here.put("bad", invalid_file());
  const json both = here.listed("a b");
  REQUIRE(both.size() == 2);
  CHECK(both[0]["path"] == "a");
  CHECK(both[1]["path"] == "b");
  CHECK(here.listed("b a -q") == json{both[1], both[0]});

  const outcome mixed = here.tool("ls --json bad a gone b bad");
  CHECK(mixed.exit_code == 2);
  CHECK(lines(mixed.err) == 3);
  CHECK(json::parse(mixed.out, nullptr, false) == both);

  const outcome none = here.tool("ls --json bad");
  CHECK(none.exit_code == 1);
  CHECK(json::parse(none.out, nullptr, false) == json::array());
}

TEST_CASE("a path that is not UTF-8 is marked in JSON") {
  const workplace here;
  const std::string path = "a\xFF";
  here.put(path, valid_file());
  CHECK(here.listed(testing::shell_quoted(path))[0]["path"] == "a\xEF\xBF\xBD");
}

//-- scale

TEST_CASE("a million tensors are listed and verified") {
  constexpr int count = 1'000'000;
  std::string header = "{";
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    header += (i == 0 ? "\"t" : ",\"t") + number +
              R"(":{"dtype":"U8","shape":[],"data_offsets":[)" + number + "," +
              std::to_string(i + 1) + "]}";
  }
  const workplace here;
  here.put("large", make_file(header + "}", count));
  CHECK(here.tool("verify large").out == "large: ok (1000000 tensors, 976.6 KiB)\n");
  for (const std::string arguments : {"ls --sort size", "ls --json --sort name"}) {
    CAPTURE(arguments);
    const outcome done = here.tool(arguments + " large >/dev/null");
    CHECK(done.exit_code == 0);
    CHECK(done.err == "");
  }
}
#endif
