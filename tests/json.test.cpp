// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <nlohmann/json.hpp>

using namespace safetensors;
using namespace testing;

// What is JSON, and what of JSON is a header.

namespace {

constexpr std::string_view entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";

std::string with_unknown(std::string_view value) {
  return R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":)" + std::string(value) + "}}";
}

std::string nested(std::size_t depth, std::string_view inner = "") {
  return std::string(depth, '[') + std::string(inner) + std::string(depth, ']');
}

}  // namespace

TEST_CASE("a header that is no object is refused at its first byte") {
  for (const char* text :
       {"[]", "null", "1", "\"a\"", "x", "}", "\xef\xbb\xbf{}", "// c\n{}", "\x0b{}"}) {
    CAPTURE(text);
    const failure found = failure_of(make_file(text));
    CHECK(found.code == errc::header_not_object);
    CHECK(found.offset == 8);
  }
  CHECK(failure_of(make_file("  []")).offset == 10);
  CHECK(code_of(make_file(std::string_view("\0{}", 3))) == errc::header_not_object);
}

TEST_CASE("an empty or blank header is no JSON") {
  for (const char* text : {"", " ", "\n\t\r "}) {
    const failure found = failure_of(make_file(text));
    CHECK(found.code == errc::invalid_json);
    CHECK(found.offset == 8 + std::string_view(text).size());
  }
}

TEST_CASE("malformed JSON is refused, and the byte is told") {
  struct wrong {
    std::string text;
    std::uint64_t offset;
  };
  using namespace std::string_literals;
  const wrong all[] = {
      {"{", 1},
      {"{}x", 2},
      {"{}\0"s, 2},
      {"{}\0\0\0 "s, 2},
      {"{} \0"s, 3},
      {"{\"a\0b\":1}"s, 3},
      {"{,}", 1},
      {"{\"a\"}", 4},
      {"{'a':1}", 1},
      {"{a:1}", 1},
      {"{} {}", 3},
      {"{}/**/", 2},
      {"{\"__metadata__\":{\"a\":\"b\",}}", 25},
      {"{\"__metadata__\":{\"a\" \"b\"}}", 21},
      {"{\"__metadata__\":{\"a\":\"\n\"}}", 22},
      {"{\"__metadata__\":{\"a\":\"\x1f\"}}", 22},
      {"{\"__metadata__\":{\"a\":\"\\x\"}}", 23},
      {"{\"__metadata__\":{\"a\":\"\\u12G4\"}}", 26},
      {"{\"__metadata__\":{\"a\":\"\\ud800\"}}", 28},
      {"{\"__metadata__\":{\"a\":\"\\udc00\"}}", 27},
      {"{\"__metadata__\":{\"a\":\"b\"", 24},
      {"{\"__metadata__\":{\"a\":\"b", 23},
  };
  for (const wrong& each : all) {
    CAPTURE(each.text);
    const failure found = failure_of(make_file(each.text));
    CHECK(found.code == errc::invalid_json);
    CHECK(found.offset == 8 + each.offset);
    CHECK_FALSE(found.detail.empty());
    CHECK(found.detail.find("json.exception") == std::string::npos);
  }
}

TEST_CASE("a value that is no JSON is refused in unknown fields too") {
  for (const char* value : {"NaN",
                            "Infinity",
                            "-Infinity",
                            "nul",
                            "truE",
                            "+4",
                            "04",
                            "-",
                            "1.",
                            ".5",
                            "1e",
                            "0x10",
                            "1e999",
                            "-1e999",
                            "'a'",
                            "\"\\ud800\"",
                            "\"\\udc00\\ud800\"",
                            "[1,]",
                            "[,1]",
                            "[1 2]",
                            "{\"a\":1,}",
                            "{\"a\"}",
                            "{1:2}",
                            "[}",
                            "[1",
                            "",
                            "1,"}) {
    CAPTURE(value);
    CHECK(code_of(make_file(with_unknown(value), 1)) == errc::invalid_json);
  }
  CHECK(code_of(make_file(with_unknown(std::string(400, '9')), 1)) == errc::invalid_json);
}

TEST_CASE("an unknown field may hold any JSON") {
  for (const char* value : {"null", "true", "false", "0", "-0", "1.5e-999", "1E+2",
                            "18446744073709551616", "\"\"", "\"\\u0000\\/\\ud83e\\udd17\"", "[]",
                            "{}", "[[],{},[{}]]", "{\"a\":{\"a\":[1,\"b\",null]}}",
                            "{\"dtype\":1,\"dtype\":2}", " [ 1 , 2 ] ", "\"\x7f\xef\xbf\xbf\""}) {
    CAPTURE(value);
    CHECK(parse(make_file(with_unknown(value), 1)).has_value());
  }
  const std::string twice = R"({"t":{"x":1,"dtype":"U8","x":2,"shape":[1],"data_offsets":[0,1]}})";
  CHECK(parse(make_file(twice, 1)).has_value());
}

TEST_CASE("white space is space, tab, line feed and carriage return, anywhere between tokens") {
  const std::string spaced =
      " \t\r\n{ \"t\" : { \"dtype\" : \"U8\" ,\n\"shape\" : [ 1 ,\t1 ] , \"data_offsets\" : [ 0 , "
      "1 ] } ,\r\n \"__metadata__\" : { \"a\" : \"b\" } } \n";
  const auto parsed = parse(make_file(spaced, 1));
  REQUIRE(parsed.has_value());
  CHECK(parsed->find("t")->matches(dtype::u8, {1, 1}));
  CHECK(parsed->metadata().find("a") == "b");
  for (const char* blank : {"\v", "\f", "\xc2\xa0", "\xe2\x80\xa8", "\xef\xbb\xbf"}) {
    CAPTURE(blank);
    CHECK(code_of(make_file("{" + std::string(blank) + "}")) == errc::invalid_json);
    CHECK(code_of(make_file("{}" + std::string(blank))) == errc::invalid_json);
  }
}

TEST_CASE("the header is strict UTF-8, and the first wrong byte is told") {
  for (const char* bytes :
       {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x80\xaf", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe", "\xf0\x9f\xa4", "\xe2\x28\xa1"}) {
    const failure found = failure_of(make_file("{\"ab" + std::string(bytes) + "\":1}"));
    CHECK(found.code == errc::invalid_utf8);
    CHECK(found.offset == 8 + 4);
  }
  CHECK(failure_of(make_file("{}\x80")).code == errc::invalid_utf8);
  CHECK(failure_of(make_file("{\"long enough for eight at once: \xc3(\"}")).offset == 8 + 33);
  for (const char* name :
       {"é", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x7f", "ascii and then ünïcödé", "🤗🤗🤗"}) {
    const auto parsed =
        parse(make_file("{\"" + std::string(name) + "\":" + std::string(entry) + "}", 1));
    REQUIRE(parsed.has_value());
    CHECK(parsed->contains(name));
  }
}

TEST_CASE("a name, a key or a value that is not UTF-8 is refused where all else is right") {
  struct halves {
    std::string before, after;
    std::size_t data_bytes;
  };
  const halves headers[] = {{"{\"name", "\":" + std::string(entry) + "}", 1},
                            {"{\"__metadata__\":{\"key", "\":\"value\"}}", 0},
                            {"{\"__metadata__\":{\"key\":\"value", "\"}}", 0}};
  for (const halves& each : headers) {
    CAPTURE(each.before);
    CHECK(parse(make_file(each.before + each.after, each.data_bytes)).has_value());
    for (const char* bytes : {"\x80", "\xc3", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
      const failure found =
          failure_of(make_file(each.before + bytes + each.after, each.data_bytes));
      CHECK(found.code == errc::invalid_utf8);
      CHECK(found.offset == 8 + each.before.size());
    }
  }
}

TEST_CASE("at most 127 objects and arrays nest") {
  for (const char* inner : {"", "1", "true", "\"s\"", "{}"}) {
    const std::size_t used = std::string_view(inner) == "{}" ? 1 : 0;
    CHECK(parse(make_file(with_unknown(nested(125 - used, inner)), 1)).has_value());
    const failure found = failure_of(make_file(with_unknown(nested(126 - used, inner)), 1));
    CHECK(found.code == errc::too_deep);
    CHECK(found.tensor == "t");
    CHECK(found.offset == 8 + with_unknown("").size() - 2 + 125);
  }
  std::string objects;
  for (int i = 0; i < 126; ++i) objects += "{\"a\":";
  CHECK(code_of(make_file(with_unknown(objects), 1)) == errc::too_deep);
  CHECK(code_of(make_file("{\"a\":" + std::string(1'000'000, '['))) == errc::invalid_entry);
  CHECK(code_of(make_file(with_unknown(std::string(1'000'000, '[')), 1)) == errc::too_deep);
}

TEST_CASE("long arrays without strings or numbers are judged like short ones") {
  const auto repeat = [](std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  for (const char* item :
       {"true", "null", "[]", "{}", "[[],[]]", "[true,[false]]", "{\"a\":[]}", " null\n"}) {
    CAPTURE(item);
    const std::string list = repeat(std::string(item) + ",", 5000) + item;
    CHECK(parse(make_file(with_unknown("[" + list + "]"), 1)).has_value());
    CHECK(parse(make_file(with_unknown("[[" + list + "],[" + list + "]]"), 1)).has_value());
    for (const std::string& wrong :
         {"[" + list + ",]", "[" + list + ",,1]", "[," + list + "]", "[" + list + " 1]", "[" + list,
          list + "]", "[" + list + ",x]", "[" + list + "}"}) {
      const failure found = failure_of(make_file(with_unknown(wrong), 1));
      CHECK(found.code == errc::invalid_json);
      CHECK(found.detail.size() <= 200);
    }
  }
  const std::string blanks(10'000, '\n');
  CHECK(parse(make_file(with_unknown("[" + blanks + "1" + blanks + "," + blanks + "[]" + blanks +
                                     "]" + blanks),
                        1))
            .has_value());
  CHECK(failure_of(make_file(with_unknown("[" + blanks + "x]"), 1)).offset ==
        8 + with_unknown("").size() - 2 + 1 + blanks.size());
}

TEST_CASE("a number of any length is judged by its grammar, and by its first 17 digits") {
  const auto zeros = [](std::size_t count) { return std::string(count, '0'); };
  for (const std::string& good : std::vector<std::string>{
           "0." + std::string(5000, '3'), "-0." + zeros(9000), "1" + zeros(5000) + "e-5000",
           "1" + zeros(5000) + "E-4692", "0.0000000001e317", "0." + zeros(9000) + "e9",
           "0e99999999999", "1e-99999999999", "1E308", "123456789012345678901",
           "-18446744073709551616", "1" + zeros(308), "1.7976931348623157e308"})
    CHECK(parse(make_file(with_unknown(good), 1)).has_value());
  for (const std::string& bad : std::vector<std::string>{"1" + zeros(5000),
                                                         "-1" + zeros(5000) + "e-4691",
                                                         "0" + zeros(5000),
                                                         zeros(5000) + ".1",
                                                         "1." + zeros(5000) + "e",
                                                         "1." + zeros(5000) + "e+",
                                                         "1" + zeros(5000) + ".",
                                                         "1" + zeros(5000) + "e-5000.0",
                                                         "1-" + zeros(5000),
                                                         "1" + zeros(5000) + "e-5000-",
                                                         "--1" + zeros(5000) + "e-5000",
                                                         "-" + zeros(5000),
                                                         "1e309",
                                                         "1e99999999999",
                                                         "1.7976931348623158e308",
                                                         "17976931348623158e292",
                                                         "1e+-1",
                                                         "1.5.5",
                                                         "1.5x",
                                                         "-e1",
                                                         "1.5 1.5"}) {
    CAPTURE(bad.substr(0, 20));
    CHECK(code_of(make_file(with_unknown(bad), 1)) == errc::invalid_json);
  }
  const std::string fraction = "0." + zeros(5000);
  CHECK(code_of(make_tensor_file("U8", "[" + fraction + "]", 0)) == errc::invalid_shape);
  const failure found = failure_of(make_file(with_unknown("1e999"), 1));
  CHECK(says(found, {"1e999 is too large"}));
  CHECK(found.offset == 8 + with_unknown("").size() - 2);
}

TEST_CASE("a number with a leading zero is refused where all else is right") {
  const auto code_of_entry = [](std::string_view shape, std::string_view offsets) {
    const auto parsed = parse(make_file("{" + make_entry("\"U8\"", shape, offsets) + "}", 1));
    return parsed ? errc{} : parsed.error().code;
  };
  CHECK(code_of_entry("[1]", "[0,1]") == errc{});
  for (const char* shape : {"[01]", "[001]", "[1,01]"})
    CHECK(code_of_entry(shape, "[0,1]") == errc::invalid_json);
  for (const char* offsets : {"[00,1]", "[0,01]", "[00,01]"})
    CHECK(code_of_entry("[1]", offsets) == errc::invalid_json);
}

TEST_CASE("escapes are decoded before names are compared") {
  const std::string text =
      R"({"\u0061\/\"\\\b\f\n\r\t\u00e9\ud83e\udd17":{"\u0064type":"\u00558","shape":[1],"data_offsets":[0,1]},"__meta\u0064ata__":{"\u006b":"\u0000v"}})";
  const auto parsed = parse(make_file(text, 1));
  REQUIRE(parsed.has_value());
  CHECK(parsed->contains("a/\"\\\b\f\n\r\té🤗"));
  CHECK(parsed->size() == 1);
  CHECK(parsed->metadata().find("k") == std::string_view("\0v", 2));
}

TEST_CASE("an escape is accepted where JSON's grammar allows it, and decoded as it says") {
  std::vector<std::string> all = {
      // four hexadecimal digits, of either case, and nothing else
      "\\u00e9", "\\u00E9", "\\uAbCd", "\\uabcD", "\\uFFFF", "\\uffff", "\\u0000", "\\u001f",
      "\\u0022", "\\u005c", "\\u005C\\u0022", "\\u07ff", "\\u0800", "\\uD7FF", "\\uE000", "\\u+12f",
      "\\u-12f", "\\u0x12", "\\u 123", "\\u123 ", "\\u12 3", "\\u\\t123", "\\u12G4", "\\u12g4",
      "\\u12:4", "\\u12/4", "\\u12@4", "\\u12`4", "\\u", "\\u1", "\\u12", "\\u123", "\\u{41}",
      "\\U0041", "\\u00411",
      // surrogates
      "\\ud83e\\udd17", "\\uD83E\\uDD17", "\\ud800\\udc00", "\\udbff\\udfff", "\\ud800", "\\udbff",
      "\\udc00", "\\udfff", "\\ud800x", "\\ud800\\n", "\\ud800\\\\", "\\ud800\\", "\\ud800\\u",
      "\\ud800\\udc0", "\\ud800\\ud800", "\\ud800\\ue000", "\\ud800\\u0041", "\\ud800\\ud7ff",
      "\\ud800 \\udc00", "\\ud800udc00", "\\ud800/udc00", "\\ud800\\Udc00", "\\ud800\\u+c00",
      "\\udc00\\ud800", "\\ud800\\udc00\\udc00", "\\ud800\\ud800\\udc00", "\\udc00\\udc00"};
  for (int letter = 1; letter != 0x80; ++letter) all.push_back({'\\', static_cast<char>(letter)});
  std::size_t accepted = 0;
  for (const std::string& escape : all)
    for (const std::string& text : {escape, "a" + escape, escape + "b", "\\n" + escape + "\\t"}) {
      CAPTURE(text);
      const std::string string = "\"" + text + "\"";
      const auto wanted = nlohmann::json::parse(string, nullptr, false);
      const auto check = [&](const std::string& before, const std::string& after,
                             auto&& holds) {  // holds: whether a header holds the string
        for (const std::string& end : {"\"" + after, std::string("\""), std::string()}) {
          const bool is_whole = end.size() > 1;
          const auto parsed = parse(make_file(before + "\"" + text + end, 1));
          CHECK(parsed.has_value() == (is_whole && !wanted.is_discarded()));
          if (parsed)
            CHECK(holds(*parsed, wanted.get<std::string>()));
          else
            CHECK(parsed.error().code == errc::invalid_json);
        }
      };
      const std::string tensor = "\"t\":" + std::string(entry), ignored = with_unknown("");
      check("{", ":" + std::string(entry) + "}",
            [](const header& h, const std::string& name) { return h.contains(name); });
      check("{" + tensor + ",\"__metadata__\":{", ":\"\"}}",
            [](const header& h, const std::string& key) { return h.metadata().find(key) == ""; });
      check("{" + tensor + ",\"__metadata__\":{\"k\":", "}}",
            [](const header& h, const std::string& value) {
              return h.metadata().find("k") == value;
            });
      check(ignored.substr(0, ignored.size() - 2), "}}",
            [](const header& h, const std::string&) { return h.contains("t"); });
      check(ignored.substr(0, ignored.size() - 6), ":0}}",
            [](const header& h, const std::string& field) {
              return h.unknown_field()->field == field;
            });
      accepted += wanted.is_discarded() ? 0u : 1u;
    }
  CHECK(accepted > 80);
  CHECK(accepted < 2 * all.size());
}

TEST_CASE("a name may be empty, hold NUL, or nearly be __metadata__") {
  const std::string text = R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                           R"("a\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
                           R"("a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
                           R"("__metadata__ ":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})";
  const auto parsed = parse(make_file(text, 4));
  REQUIRE(parsed.has_value());
  CHECK(parsed->find("")->data_offsets().begin == 0);
  CHECK(parsed->find(std::string_view("a\0b", 3))->data_offsets().begin == 1);
  CHECK(parsed->find("a")->data_offsets().begin == 2);
  CHECK(parsed->find("__metadata__ ")->data_offsets().begin == 3);
  CHECK(parsed->metadata().empty());
}

TEST_CASE("a number that follows a string at once is refused, and the string stays what it was") {
  for (const std::string number : {"1", "1.5", "-0.5e3", "1.5555e", "01", "1e999",
                                   "111111111111111111111111111111", "-", "1.5.5"}) {
    CAPTURE(number);
    for (const std::string& text :
         {"{\"head\"" + number + ":1}", "{\"\\u0061bc\"" + number + ":1}",
          "{\"__metadata__\":{\"key\"" + number + ":\"v\"}}",
          "{\"__metadata__\":{\"k\":\"value\"" + number + "}}",
          "{\"t\":{\"dtype\"" + number + ":\"U8\"}}", "{\"t\":{\"dtype\":\"U8\"" + number + "}}",
          "{\"t\":{\"x\":\"y\"" + number + "}}"}) {
      const failure found = failure_of(make_file(text));
      CHECK(found.code == errc::invalid_json);
      CHECK(found.message().find("\\xff") == std::string::npos);
    }
  }
}
