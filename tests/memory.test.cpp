// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// What reading costs, counted in allocations and bytes, never in seconds.
#include "support.hpp"

#include <safetensors/writer.hpp>

using namespace safetensors;
using namespace testing;

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <functional>
#include <new>
#include <random>
#include <thread>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <csignal>
#endif

namespace {

// What the program has from the heap.
struct heap {
  std::size_t count = 0, bytes = 0, peak = 0, largest = 0;
};
heap now;

// Which allocation fails, counted from 1, and whether all behind it do.
struct shortage {
  std::size_t at = 0;  // 0: none
  bool lasting = false;
  std::size_t asked = 0;
  bool strikes() noexcept {
    if (at == 0) return false;
    ++asked;
    return asked == at || (lasting && asked > at);
  }
};
shortage lack;

void* counted_allocate(std::size_t size, std::size_t alignment) noexcept {
  if (lack.strikes()) return nullptr;
  const std::size_t lead = std::max<std::size_t>(alignment, 2 * sizeof(std::size_t));
  void* block = nullptr;
#ifdef _WIN32
  block = ::_aligned_malloc(lead + size, lead);
#else
  if (::posix_memalign(&block, lead, lead + size) != 0) return nullptr;
#endif
  if (block == nullptr) return nullptr;
  char* user = static_cast<char*>(block) + lead;
  reinterpret_cast<std::size_t*>(user)[-1] = size;
  reinterpret_cast<std::size_t*>(user)[-2] = lead;
  ++now.count;
  now.bytes += size;
  now.peak = std::max(now.peak, now.bytes);
  now.largest = std::max(now.largest, size);
  return user;
}

void counted_free(void* pointer) noexcept {
  if (pointer == nullptr) return;
  const std::size_t* sizes = static_cast<const std::size_t*>(pointer);
  now.bytes -= sizes[-1];
  void* block = static_cast<char*>(pointer) - sizes[-2];
#ifdef _WIN32
  ::_aligned_free(block);
#else
  std::free(block);
#endif
}

// Throwing new.
void* required_allocate(std::size_t size, std::size_t alignment = 0) {
#if defined(__cpp_exceptions)
  void* block = counted_allocate(size, alignment);
  if (block == nullptr) throw std::bad_alloc();
#else  // cannot fail: only what the library asks for without throwing does
  const shortage kept = std::exchange(lack, {});
  void* block = counted_allocate(size, alignment);
  if (block == nullptr) std::abort();
  lack = kept;
#endif
  return block;
}

// What a function took from the heap, at most at a time, beyond what was there before.
template <class Function> heap measure(Function&& function) {
  const std::size_t before = now.bytes;
  now = {.count = 0, .bytes = before, .peak = before, .largest = 0};
  function();
  heap used = now;
  used.peak -= before;
  return used;
}

std::string many(std::size_t count, std::string_view shape = "[0]") {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
            "\":{\"dtype\":\"BF16\",\"shape\":" + std::string(shape) + ",\"data_offsets\":[0,0]}";
  return make_file(text + "}");
}

// Builds without optimisation take a fiftieth.
#ifdef NDEBUG
constexpr std::size_t flood_bytes = 99'999'000;
#else
constexpr std::size_t flood_bytes = 1'999'000;
#endif

std::string flood(std::string_view head, std::string_view item, std::string_view tail,
                  std::size_t bytes = flood_bytes) {
  std::string text(head);
  text.reserve(bytes + 100);
  while (text.size() < bytes) text += item;
  return make_file(text + std::string(tail));
}

constexpr std::string_view unknown = R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":)";

}  // namespace

void* operator new(std::size_t size) { return required_allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted_allocate(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return required_allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted_allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* pointer) noexcept { counted_free(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { counted_free(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { counted_free(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { counted_free(pointer); }
void operator delete(void* pointer, std::size_t, std::align_val_t) noexcept {
  counted_free(pointer);
}
void operator delete(void* pointer, std::align_val_t, const std::nothrow_t&) noexcept {
  counted_free(pointer);
}

#ifdef __linux__
// The system has no random numbers for this program, as in a sandbox that forbids them.
namespace {
std::atomic<int> asked_for_entropy = 0;
std::atomic<bool> entropy_is_slow = false;
struct stream {
  std::string_view left;
  result<std::size_t> read(std::span<std::byte> to) {
    const std::size_t got = (std::min)(to.size(), left.size());
    if (got != 0) std::memcpy(to.data(), left.data(), got);
    left.remove_prefix(got);
    return got;
  }
};

}  // namespace
extern "C" int getentropy(void*, std::size_t) {
  ++asked_for_entropy;
  while (entropy_is_slow) std::this_thread::yield();
  return -1;
}

TEST_CASE("without random numbers the hash keys differ all the same, and names are found") {
  const detail::hash_keys& keys = detail::process_keys();
  CHECK(asked_for_entropy == 1);
  for (int i = 0; i < 4; ++i) {
    CHECK(keys.key[i] != 0);
    for (int j = 0; j < i; ++j) CHECK(keys.key[i] != keys.key[j]);
  }
  const auto parsed = parse(many(1000));
  REQUIRE(parsed.has_value());
  for (int i = 0; i < 1000; ++i) CHECK(parsed->contains(std::to_string(i)));
  CHECK_FALSE(parsed->contains("1000"));
  CHECK(asked_for_entropy == 1);
}

TEST_CASE("a process that is forked while other threads draw the hash keys draws its own") {
  if (asked_for_entropy != 0) {
    MESSAGE("skipped: another test has drawn them; ctest gives each a process of its own");
    return;
  }
  const std::string file = many(10);
  entropy_is_slow = true;
  std::vector<std::thread> others;
  for (int i = 0; i < 80; ++i) others.emplace_back([&] { (void)parse(file); });
  while (asked_for_entropy != 80) std::this_thread::yield();
  CHECK(true_in_child([&] {
    ::alarm(60);  // lest it wait forever for a thread that it does not have
    entropy_is_slow = false;
    const auto parsed = parse(file);
    return parsed && parsed->contains("9");
  }));
  entropy_is_slow = false;
  for (std::thread& other : others) other.join();
  const auto parsed = parse(file);
  CHECK((parsed && parsed->contains("9")));
}
#endif

TEST_CASE("the number of allocations does not grow with the number of tensors") {
  std::vector<std::size_t> counts;
  for (const std::size_t count : {1u, 10u, 1000u, 100'000u}) {
    const std::string file = many(count);
    counts.push_back(measure([&] { CHECK(parse(file).has_value()); }).count);
  }
  MESSAGE("allocations for 1, 10, 1,000 and 100,000 tensors: ", counts[0], " ", counts[1], " ",
          counts[2], " ", counts[3]);
  for (const std::size_t count : counts) CHECK(count == counts[0]);
  // With what no canonical header has, two spaces, nlohmann's buffers grow by doubling.
  const auto counted_spaced = [](std::size_t count) {
    const std::string text = many(count).substr(8), file = make_file("{  " + text.substr(1));
    return measure([&] { CHECK(parse(file).has_value()); }).count;
  };
  CHECK(counted_spaced(100'000) <= counted_spaced(1) + 24);
}

TEST_CASE("many dimensions take few allocations") {
  std::string shape = "[0";
  for (int i = 0; i < 1'000'000; ++i) shape += ",1";
  const std::string file = many(1, shape + "]");
  const heap used = measure([&] { CHECK(parse(file).has_value()); });
  CHECK(used.count <= 40);
}

TEST_CASE("lookup and iteration allocate nothing") {
  const std::string file = many(10'000);
  const auto parsed = parse(file);
  REQUIRE(parsed.has_value());
  std::size_t found = 0;
  const heap used = measure([&] {
    for (const tensor_info tensor : *parsed) found += parsed->contains(tensor.name()) ? 1u : 0u;
    for (char name[] = "00"; name[0] <= '9'; ++name[0]) found += parsed->find(name) ? 1u : 0u;
    found += parsed->find("no such tensor") ? 1u : 0u;
    found += parsed->begin()->matches(dtype::bf16, {any_size}) ? 1u : 0u;
  });
  CHECK(used.count == 0);
  CHECK(found == 10'000 + 9 + 1);
}

TEST_CASE("typed access to the right dtype allocates nothing") {
  const std::string file = make_tensor_file("U8", "[4]", 4);
  const auto opened = borrowed_file::try_from(std::as_bytes(std::span(file)));
  REQUIRE(opened.has_value());
  std::uint8_t copy[4];
  const heap used = measure([&] {
    const auto tensor = opened->find("t");
    CHECK(tensor->try_as<std::uint8_t>().has_value());
    CHECK(tensor->try_bits<std::uint8_t>().has_value());
    CHECK(tensor->try_copy_to(copy).has_value());
  });
  CHECK(used.count == 0);
}

TEST_CASE("nothing is allocated from a number in the header") {
  const std::string lying_length =
      "\xff\xe0\xf5\x05" + std::string(4, '\0') + "{}";  // announces 99,999,999
  CHECK(measure([&] { CHECK(code_of(lying_length) == errc::header_truncated); }).largest < 1000);
  auto source = function_source{unknown_size,
                                [&](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
                                  if (at + to.size() > lying_length.size())
                                    return std::make_error_code(std::errc::io_error);
                                  std::memcpy(to.data(), lying_length.data() + at, to.size());
                                  return {};
                                }};
  CHECK(measure([&] { CHECK_FALSE(header::try_read(source).has_value()); }).largest < 10'000);
  const std::string lying_size = make_file(
      R"({"t":{"dtype":"U8","shape":[1000000000000],"data_offsets":[0,1000000000000]}})", 4);
  CHECK(measure([&] { CHECK(code_of(lying_size) == errc::missing_bytes); }).largest < 1000);
  CHECK(measure([&] {
          CHECK(memory_file::try_read(stream{lying_size}).error().code == errc::missing_bytes);
        }).largest < 2'000'000);
  const temporary_folder folder;
  write_file(folder / "m", lying_size);
  CHECK(measure([&] { CHECK_FALSE(memory_file::try_open(folder / "m").has_value()); }).largest <
        10'000);
}

TEST_CASE("memory is linear in the header") {
  for (const std::size_t count : {1000u, 100'000u}) {
    const std::string file = many(count);
    const heap used = measure([&] { CHECK(parse(file).has_value()); });
    CHECK(used.peak < 3 * file.size());
  }
}

namespace {

// The most memory that reading takes: so many times the file's length, and a constant for what does
// not depend on it. The guide promises 6 times and 64 KiB for any file.
constexpr double promised_times = 6, constant = 64 << 10;
constexpr double tables = 1.81,  // the text, and room for tensors: what every header takes
    one_string = tables + 1,     // and a string, decoded or in the failure
    few_sizes = tables + 0.3, tiny_tensors = 3.0, pairs = 4.5, sizes = 5.81;
static_assert(std::max({one_string + 1, few_sizes, tiny_tensors, pairs, sizes}) < promised_times);

// `make` returns a file of about that many bytes. One limit for all lengths means linear. What
// grows by doubling takes the most at the last one.
template <class Make> void check_flood(std::string_view what, const Make& make,
                                       std::optional<errc> wanted, double most_times) {
  CAPTURE(what);
  for (const std::size_t bytes :
       {std::size_t{20'000}, flood_bytes / 10, std::bit_floor(flood_bytes) + 1000}) {
    const std::string file = make(bytes);
    std::optional<errc> code;
    const heap used = measure([&] {
      const auto parsed = parse(file);
      if (!parsed) code = parsed.error().code;
    });
    const auto peak = static_cast<double>(used.peak), size = static_cast<double>(file.size());
    MESSAGE(what, ": ", peak / size, " times ", file.size(), " bytes");
    CHECK(code == wanted);
    CHECK(peak < most_times * size + constant);
    // A stream grows while the header arrives. A file also needs its bytes, twice for a moment.
    const double grown_times = (std::max)(most_times, 2.2);
    const heap header_used = measure([&] { (void)header::try_read(stream{file}); });
    CHECK(static_cast<double>(header_used.peak) < grown_times * size + constant);
    const heap file_used = measure([&] { (void)memory_file::try_read(stream{file}); });
    CHECK(static_cast<double>(file_used.peak) < (grown_times + 2) * size + constant);
  }
}

struct text_flood {
  std::string what, head, item, tail;
  std::optional<errc> code{};
  double most_times = tables;
};
void check_flood(const text_flood& each) {
  check_flood(
      each.what, [&](std::size_t bytes) { return flood(each.head, each.item, each.tail, bytes); },
      each.code, each.most_times);
}

constexpr std::optional<errc> valid = std::nullopt;
constexpr auto invalid_json = errc::invalid_json;

}  // namespace

// nlohmann's parser alone takes minutes, or gigabytes, for some of these. CTest's time limit guards
// the time.
TEST_CASE("a flood of one token fails or opens in memory linear in its size") {
  const std::string in_array = std::string(unknown) + "[";
  check_flood({"newlines", "{", "\n", "}"});
  check_flood({"newlines, then an error", "{", "\n", "x", invalid_json});
  check_flood({"newlines behind", "{}", "\n", ""});
  check_flood({"newlines before", "", "\n", "{}"});
  check_flood({"newlines only", "", "\n", "", invalid_json});
  check_flood({"spaces, then an error", "{", " ", "x", invalid_json});
  check_flood({"NUL bytes behind", "{}", std::string(1, '\0'), "", invalid_json});
  check_flood({"digits", std::string(unknown), "1", "}}", invalid_json});
  check_flood({"digits of a size", R"({"t":{"shape":[1)", "1", "]}}", invalid_json});
  for (const std::string number : {"1", "-", "1.", "-1e"}) {
    check_flood({number + " after a key", "{\"a\"" + number, "1", "}", invalid_json});
    check_flood(
        {number + " after a value", R"({"t":{"dtype":"U8")" + number, "1", "}", invalid_json});
    for (const std::string value : {"true", "null", "\"\"", "[true", "[\"\"", "{}", "{\"\"", "[]"})
      check_flood({number + " after " + value, std::string(unknown) + value + number, "1", "}}",
                   invalid_json});
  }
  check_flood({"a fraction", std::string(unknown) + "0.", "1", "}}"});
  check_flood({"an exponent", std::string(unknown) + "1e-", "1", "}}"});
  check_flood({"opening brackets", std::string(unknown), "[", "", errc::too_deep});
  check_flood({"opening braces", std::string(unknown), "{\"\":", "", errc::too_deep});
  check_flood({"brackets", in_array + "0", ",[]", "]}}"});
  check_flood({"brackets, then an error", in_array + "0", ",[]", "x", invalid_json});
  check_flood({"braces", in_array + "0", ",{}", "]}}"});
  check_flood({"true", in_array, "true,", "true]}}"});
  check_flood({"true, then an error", in_array, "true,", "]}}", invalid_json});
  check_flood({"true alone", "{", "true,", "", invalid_json});
  check_flood({"1e-9", in_array, "1e-9,", "1]}}"});
  check_flood({"1e-9 alone", "{", "1e-9,", "", invalid_json});
  check_flood({"letters", in_array, "x", "]}}", invalid_json});
  check_flood({"strings", in_array + "0", ",\"\"", "]}}"});
  check_flood({"strings, then an error", in_array + "0", ",\"\"", "x", invalid_json});
  check_flood({"no entries", R"({"t":1)", R"(,"t":1)", "}", errc::invalid_entry});
  check_flood(
      {"fields", R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0])", R"(,"a":0)", "}}"});
}

TEST_CASE("a flood in one string fails or opens in memory linear in its size") {
  const std::string entry = R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                    tensor = R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],")",
                    ignored = tensor + R"(x":")", metadata = R"({"__metadata__":{")";
  struct content {
    std::string name, item;
    double decoded;
  };
  for (const auto& [name, item, decoded] : {content{"letters", "s", tables},
                                            {"\\n", "\\n", one_string},
                                            {"\\u", "\\u0041\\u0000", one_string},
                                            {"pairs", "\\ud83d\\ude00", one_string}}) {
    const double in_failure = decoded + 1;
    check_flood({"a name of " + name, "{\"", item, entry, valid, decoded});
    check_flood({"a metadata key of " + name, metadata, item, "\":\"\"}}", valid, decoded});
    check_flood({"a metadata value of " + name, metadata + "k\":\"", item, "\"}}", valid, decoded});
    check_flood({"an unknown field's name of " + name, tensor, item, "\":0}}", valid, decoded});
    check_flood({"an ignored string of " + name, ignored, item, "\"}}", valid, decoded});
    check_flood(
        {"a dtype of " + name, R"({"t":{"dtype":")", item, "\"}}", errc::unknown_dtype, decoded});
    check_flood(
        {"a size of " + name, R"({"t":{"shape":[")", item, "\"]}}", errc::invalid_shape, decoded});
    check_flood({"a name without an entry of " + name, "{\"", item, "\":1}", errc::invalid_entry,
                 in_failure});
    check_flood(
        {"a name without a colon of " + name, "{\"", item, "\"x", invalid_json, in_failure});
    check_flood({"no end of " + name, ignored, item, "", invalid_json});
    check_flood({"a wrong escape after " + name, ignored, item, "\\q\"}}", invalid_json});
    check_flood({"half a pair after " + name, ignored, item, "\\ud83d\"}}", invalid_json});
    check_flood({"a control character after " + name, ignored, item, "\1\"}}", invalid_json});
    check_flood({"a wrong letter after " + name, ignored, item, "\"x}}", invalid_json, decoded});
  }
  check_flood({"a wrong byte after letters", ignored, "s", "\xff\"}}", errc::invalid_utf8});
  check_flood({"a name of letters and an escape", "{\"\\n", "s", entry, valid, one_string});
}

TEST_CASE("a flood of sizes, of metadata or of tensors takes memory linear in its size") {
  const std::string shape = R"({"t":{"dtype":"U8","data_offsets":[0,0],"shape":[0)";
  for (const std::string size : {",0", ", 0", "\t,0"}) {
    check_flood({"sizes as" + size, shape, size, "]}}", valid, sizes});
    check_flood({"sizes as" + size + ", and an entry that never ends", shape, size,
                 R"(]},"u":{"shape":[0],"shape":[0])", errc::duplicate_field, sizes});
    check_flood({"sizes as" + size + ", without an end", shape, size, "", invalid_json, sizes});
  }
  for (const std::string first : {"", "\\u0041"}) {
    const std::string head = "{\"__metadata__\":{\"" + first + "\":\"\"";
    check_flood({"pairs", head, R"(,"":"")", "}}", errc::duplicate_metadata_key, pairs});
    check_flood(
        {"pairs with quotes", head, R"(,"":"\"}")", "}}", errc::duplicate_metadata_key, pairs});
    check_flood({"pairs without an end", head, R"(,"":"")", "", invalid_json, pairs});
  }
  check_flood({"one tensor again and again", "{",
               R"("":{"dtype":"U8","shape":[],"data_offsets":[0,1]},)",
               R"("":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", errc::duplicate_tensor,
               tiny_tensors});
  for (const std::string_view begin : {"{", "{  "})  // by each of the lanes
    check_flood(
        "tensors without data in the file, the last one first",
        [&](std::size_t bytes) {
          std::string text(begin);
          for (std::size_t i = bytes / 50; text.size() < bytes; --i)
            text += (text.size() < 5 ? "\"" : ",\"") + std::to_string(i % 10'000'000) +
                    R"(":{"dtype":"U8","shape":[],"data_offsets":[)" + std::to_string(i) + "," +
                    std::to_string(i + 1) + "]}";
          return make_file(text + "}");
        },
        errc::invalid_offsets, tiny_tensors);
  for (const std::size_t rank : {1u, 4u, 16u, 64u, 1000u})
    check_flood(
        "tensors of rank " + std::to_string(rank),
        [&](std::size_t bytes) {
          std::string one = "[0";
          for (std::size_t i = 1; i < rank; ++i) one += ",0";
          return many(bytes / (55 + one.size()), one + "]");
        },
        valid, sizes);
}

TEST_CASE("a flood after many sizes and many pairs takes memory linear in its size") {
  // The sizes and the pairs need more room than there is at first, and then the rest is counted.
  const auto check = [](const std::string& what, const std::string& before, std::string_view item,
                        std::string_view after, std::optional<errc> code, double most_times) {
    for (const std::string_view begin : {"{", "{  "})  // by each of the lanes
      check_flood(
          what,
          [&](std::size_t bytes) {
            std::string text(begin);
            text += R"("t":{"dtype":"U8","shape":[0)";
            while (text.size() < bytes / 20) text += ",0";
            text += before;
            while (text.size() < bytes) text += item;
            return make_file(text.append(after));
          },
          code, most_times);
  };
  const std::string next = R"(],"data_offsets":[0,0]},)", metadata = next + R"("__metadata__":{)";
  const std::string entry = R"("u":{"dtype":"U8","shape":[0],"data_offsets":[0,0])",
                    ignored = next + entry + R"(,"x":)";
  for (const std::string item : {",", ",0", "\\\"", "\\\\"}) {
    const double times = item[0] == '\\' ? few_sizes + 1 : few_sizes;  // for the decoded string
    check(item + " in a metadata value", metadata + R"("":")", item, "\"}}", valid, times);
    check(item + " in a metadata key", metadata + R"(")", item, R"(":""}})", valid, times);
    check(item + " in a name", next + "\"", item, "\"" + entry.substr(3) + "}}", valid, times);
    check(item + " in an ignored string", ignored + "\"", item, "\"}}", valid, times);
  }
  for (const std::string item : {",,", ",", "{},", "\"", "\"\"", ",0\"\"", "\\", "\\,"})
    check(item + " in a shape", "", item, "", invalid_json, sizes);
  for (const std::string item : {",0", ",\"\"", ",{}", ",[]", ",[0,0]", ",true"})
    check(item + " in an ignored array", ignored + "[0", item, "]}}", valid, sizes);
  std::string many_pairs = metadata + R"("":"")";
  for (int i = 0; i != 2043; ++i) many_pairs += R"(,"":"")";  // as many as there is room for
  for (const std::string item : {"\"", "\"\"", ",0\"\"", ",,", "\"\\\"", "\\\""})
    check(item + " after a pair", many_pairs + R"(,"":"")", item, "", invalid_json, sizes);
}

namespace {

// Returns a header of long runs of what takes memory, mostly valid at its beginning.
std::string random_header(std::minstd_rand& random) {
  static const std::vector<std::string_view>
      of_strings = {"s", ",", ",0", "\\n", "\\\"", "}", "\\u0041", "é", "\\\\", "],["},
      anywhere = {",0",      ", 0",   ",",   ",,", "0", "1.5",    "-",   "\"", "\"\"",
                  ",\"\"",   "\\\"",  "\\n", "[",  "]", ",[]",    ",{}", "}",  "true",
                  ",\"\":0", "null-", " ",   "\n", ":", ",0\"\"", "x"},
      of_shapes = {",0", ", 0", ",12345", "\t,0"},
      of_metadata = {R"(,"":"")", R"(, "":"\"}")", R"(,"key":"\u00e9,,,")"},
      of_arrays = {",0", ",[]", ",\"\"", ",{}", ",1e9", ",true"};
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  const auto run = [&](const std::vector<std::string_view>& pieces) {
    const std::string_view piece = pieces[pick(pieces.size())];
    const std::size_t bytes = pick(std::size_t{1} << pick(18));
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  constexpr std::string_view usual = R"("dtype":"U8","shape":[0],"data_offsets":[0,0])";
  std::string text = pick(2) == 0 ? "{" : "{ \n";
  for (std::size_t i = 0, count = 1 + pick(5); i != count; ++i) {
    if (i != 0) text += ',';
    const std::string name = "\"" + std::to_string(i) + run(of_strings) + "\":{";
    switch (pick(5)) {
      case 0: text += "\"__metadata__\":{\"\":\"\"" + run(of_metadata) + run(of_metadata); break;
      case 1: text.append(name).append(usual).append(",\"x\":[0") += run(of_arrays) + "]"; break;
      case 2: text.append(name).append(usual).append(",\"x\":\"") += run(of_strings) + "\""; break;
      default:
        text += name + R"("dtype":"U8","shape":[0)" + run(of_shapes) + run(of_shapes) +
                R"(],"data_offsets":[0,0])";
    }
    if (pick(8) == 0) text += run(anywhere);
    text += '}';
  }
  if (pick(2) == 0) return text + "}";
  return text + run(anywhere) + run(anywhere) + run(anywhere);
}

}  // namespace

TEST_CASE("headers of random pieces take less than 6 times their length and 64 KiB") {
  std::minstd_rand random(1);
  std::size_t count_of[2] = {}, bytes = 0;
  double most_times = 0;
  for (int i = 0; i != 600; ++i) {
    CAPTURE(i);
    const std::string file = make_file(random_header(random));
    bool opens = false;
    const heap used = measure([&] { opens = parse(file).has_value(); });
    const auto peak = static_cast<double>(used.peak), size = static_cast<double>(file.size() - 8);
    CHECK(peak <= promised_times * size + constant);
    if (size > constant) most_times = std::max(most_times, peak / size);
    ++count_of[opens ? 1 : 0];
    bytes += file.size();
  }
  MESSAGE(count_of[1], " are valid, ", count_of[0], " are not, ", bytes, " bytes, at most ",
          most_times, " times");
  CHECK(count_of[0] > 100);
  CHECK(count_of[1] > 100);
  CHECK(most_times > 5);
}

TEST_CASE("a million empty tensors open") {
  const std::string file = many(1'000'000);
  std::size_t found = 0;
  const heap used = measure([&] {
    const auto parsed = parse(file);
    if (parsed) found = parsed->size();
  });
  CHECK(found == 1'000'000);
  CHECK(used.peak < 3 * file.size());
}

TEST_CASE("a million names of the same name, and a million metadata keys") {
  std::string twice = "{", keys = "{\"__metadata__\":{";
  for (int i = 0; i < 1'000'000; ++i) {
    twice +=
        (i == 0 ? "" : ",") + std::string(R"("t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
    keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  }
  CHECK(code_of(make_file(twice + "}")) == errc::duplicate_tensor);
  const std::string file = make_file(keys + "}}");
  std::size_t found = 0;
  const heap used = measure([&] {
    const auto parsed = parse(file);
    if (parsed) found = parsed->metadata().size();
  });
  CHECK(found == 1'000'000);
  CHECK(used.peak < 5 * file.size());
}

namespace {

// Every block of a header's tables has to grow for it, and no string is a small one.
std::string greedy_file() {
  std::string text = R"({"__metadata__":{)";
  for (int i = 0; i < 20; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i % 10) + " is a key of many letters, as " +
            std::to_string(i) + "\":\"\\u00e9\"";
  text += R"(},"a tensor with a name of many letters":{"dtype":"U8","shape":[3)";
  for (int i = 0; i < 1000; ++i) text += ",1";
  return make_file(text + R"(],"data_offsets":[0,3]}})" + std::string(4096, ' '), 3);
}

// Whether small strings, which may throw, are among what is allocated outside of the header.
enum class strings : bool { none, some };

// Opens with the first, second, … allocation failing, and with all behind it failing too, until
// none fails: what it gives then must be usual, and before that out of memory; nothing may leak.
// after: what else must hold each time.
template <class Open>
void starve(strings outside, Open&& open, const std::function<void()>& after = [] {}) {
  using opened = decltype(open());
  const auto code_of_opened = [](const opened& outcome) {
    return outcome ? errc() : outcome.error().code;
  };
  const errc usual = code_of_opened(open());
  for (const bool lasting : {false, true}) {
    std::size_t failed = 0, thrown = 0;
    for (bool complete = false; !complete; ++failed) {
      const std::size_t descriptors = open_descriptors(), bytes = now.bytes;
      errc code{};
      bool out_of_memory = false;
      lack = {.at = failed + 1, .lasting = lasting};
#if defined(__cpp_exceptions)
      try {
        code = code_of_opened(open());
      } catch (const std::bad_alloc&) {
        ++thrown;
        out_of_memory = true;
      }
#else
      code = code_of_opened(open());
#endif
      complete = std::exchange(lack, {}).asked <= failed;
      const bool leaks = now.bytes != bytes || open_descriptors() != descriptors;
      after();
      CAPTURE(failed);
      CAPTURE(lasting);
      CHECK_FALSE(leaks);
      CHECK((out_of_memory || code == (complete ? usual : errc::out_of_memory)));
    }
    CHECK(failed > 1);
    CHECK((thrown == 0 || outside == strings::some));
  }
}

}  // namespace

TEST_CASE("whichever allocation fails, opening is out of memory and leaks nothing") {
  const temporary_folder folder;
  const std::string model = greedy_file();
  const auto path = folder / "m";
  write_file(path, model);
  starve(strings::none, [&] { return parse(model); });
  starve(strings::none, [&] { return borrowed_file::try_from(std::as_bytes(std::span(model))); });
#if defined(__cpp_exceptions)
  const auto opened = borrowed_file::try_from(std::as_bytes(std::span(model)));
  REQUIRE(opened.has_value());
  const tensor_view tensor = *opened->begin();
  starve(strings::some, [&] { return tensor.try_to_vector<std::uint8_t>(); });
  starve(strings::some, [&] { return tensor.try_shape_as<int>(); });
  starve(strings::some, [&] { return tensor.try_slice({{0, 1}}); });
#endif
  starve(strings::some, [&] { return header::try_open(path); });
  starve(strings::some, [&] { return file::try_open(path); });
  starve(strings::some, [&] { return memory_file::try_open(path); });
  starve(strings::none, [&] {
    return header::try_read(function_source{
        unknown_size, [&](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
          std::memcpy(to.data(), model.data() + at, to.size());
          return {};
        }});
  });
  starve(strings::none, [&] { return header::try_read(stream{model}); });
  starve(strings::some, [&] { return memory_file::try_read(stream{model}); });
}

#if defined(__cpp_exceptions)
TEST_CASE("whichever allocation fails, a header out of order is out of memory and leaks nothing") {
  std::string text = "{";
  for (std::size_t i = 300; i-- > 0;)
    text += (text.size() == 1 ? "\"" : ",\"") + std::to_string(i) +
            "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" + std::to_string(i) + "," +
            std::to_string(i + 1) + "]}";
  const std::string head = make_file(text + "}", 300);
  starve(strings::none, [&] { return parse(head); });
}

TEST_CASE("whichever allocation fails, a file that is refused leaks nothing either") {
  const temporary_folder folder;
  const auto path = folder / "m", none = folder / "none";
  const std::vector<std::string> files = {greedy_file() + "!",                           // too long
                                          make_file("{\"a name of many letters\":[]}"),  // no entry
                                          make_file("{" + std::string(100, ' ') + "\""),  // no JSON
                                          make_file("\xff"), "\x01"};
  for (const std::string& each : files) {
    write_file(path, each);
    starve(strings::some, [&] { return header::try_open(path); });
    starve(strings::some, [&] { return file::try_open(path); });
    starve(strings::some, [&] { return memory_file::try_open(path); });
  }
  starve(strings::some, [&] { return file::try_open(none); });
#ifndef _WIN32
  const auto fifo = folder / "fifo", directory = folder / "";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  starve(strings::some, [&] { return file::try_open(fifo); });
  starve(strings::some, [&] { return file::try_open(directory); });
  const int handle = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);  // which refuses to be mapped
  REQUIRE(handle >= 0);
  starve(strings::some, [&] { return mapped_bytes::try_map(handle, 0, 1); });
  starve(strings::some, [&] { return mapped_bytes::try_map(handle, 0, 1000); });
  ::close(handle);
#endif
}
#endif

TEST_CASE("whichever allocation fails, what is written is the old file or the new one") {
  const temporary_folder folder;
  const auto path = folder / "a path that is longer than small strings.safetensors";
  const std::vector<float> values(1000);
  std::vector<tensor_data> tensors;
  for (int i = 0; i < 20; ++i)
    tensors.emplace_back("a tensor with a name of many letters " + std::to_string(i),
                         shape_ref{10, 100}, values);
  const std::vector<tensor_spec> specs(tensors.begin(), tensors.end());
  const layout_options layout{.metadata = {{"a key of many letters", "\"\n"}}};

  REQUIRE(try_save(path, tensors, {.layout = layout}).has_value());
  const std::string written = read_file(path);
  const auto is_old_or_new = [&] {
    const std::string found = read_file(path);
    CHECK((found == "old" || found == written));
    CHECK(std::distance(std::filesystem::directory_iterator(folder / ""), {}) == 1);
    write_file(path, "old");
  };
  starve(strings::some, [&] { return try_save(path, tensors, {.layout = layout}); }, is_old_or_new);
  starve(
      strings::some,
      [&]() -> result<void> {
        auto plan = write_plan::try_make(specs, layout);
        if (!plan) return plan.error();
        auto out = writer::try_create(path, *std::move(plan));
        if (!out) return out.error();
        for (const tensor_data& tensor : tensors)
          if (auto done = out->try_append(tensor.name, tensor.bytes); !done) return done;
        return out->try_finish();
      },
      is_old_or_new);
  starve(strings::none, [&] { return try_serialize(tensors, layout); });
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(written)));
  REQUIRE(model.has_value());
  starve(strings::none, [&] { return write_plan::try_make(model->header()); });
  starve(strings::some, [&] { return try_serialize(*model); });
}

#if SAFETENSORS_EXCEPTIONS
namespace {

// A caller that does not take a lack of memory for an answer, and tries again.
template <class Step> bool insists(Step&& step) {
  for (int tries = 0; tries != 3; ++tries) try {
      return step().has_value();
    } catch (const std::bad_alloc&) {
    }
  return false;
}

// Four tensors, as they are to be written.
struct four_tensors {
  const std::string names[4] = {"a tensor with a name of many letters",
                                "b, as long as the others, too", "c, as long as the others, too",
                                "d, as long as the others, too"};
  const std::vector<std::uint8_t> values = std::vector<std::uint8_t>(64, 'x');
  std::string file{};
  std::size_t data_start = 0;

  four_tensors() {
    std::vector<tensor_data> tensors;
    for (const std::string& name : names) tensors.emplace_back(name, shape_ref{64}, values);
    const auto bytes = try_serialize(tensors);
    REQUIRE(bytes.has_value());
    file.assign(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    const write_plan planned = plan();
    data_start = static_cast<std::size_t>(planned.header().data_start());
  }
  [[nodiscard]] write_plan plan() const {
    std::vector<tensor_spec> specs;
    for (const std::string& name : names) specs.emplace_back(name, dtype::u8, shape_ref{64});
    auto made = write_plan::try_make(specs);
    REQUIRE(made.has_value());
    return *std::move(made);
  }
  [[nodiscard]] auto source() const {
    return function_source{file.size(),
                           [this](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
                             std::memcpy(to.data(), file.data() + at, to.size());
                             return {};
                           }};
  }
};

// Calls run() with each allocation failing, and with all behind it failing too, until none does.
// run() ends the lack itself, and returns how many allocations there were.
template <class Run> void starve_in_vain(Run&& run) {
  for (const bool lasting : {false, true})
    for (std::size_t at = 1;; ++at) {
      const std::size_t descriptors = open_descriptors(), bytes = now.bytes;
      const std::size_t asked = run(shortage{.at = at, .lasting = lasting});
      const bool leaks = now.bytes != bytes || open_descriptors() != descriptors;
      CHECK_FALSE(leaks);
      if (asked < at) break;
    }
}

// Takes half of the bytes of one call, and fails.
struct faulty_output {
  char bytes[4096] = {};
  std::size_t size = 0;
  int calls = 0, failing = 0;
  std::error_code write_at(std::uint64_t offset, std::span<const std::byte> next) noexcept {
    const bool fails = ++calls == failing;
    const std::size_t taken = fails ? next.size() / 2 : next.size();
    if (offset + taken > sizeof bytes) return std::make_error_code(std::errc::no_space_on_device);
    std::memcpy(bytes + offset, next.data(), taken);
    size = std::max(size, static_cast<std::size_t>(offset) + taken);
    return fails ? std::make_error_code(std::errc::io_error) : std::error_code();
  }
};
struct faulty_block {
  faulty_output* to;
  std::error_code write_at(std::uint64_t offset, std::span<const std::byte> next) noexcept {
    return to->write_at(offset, next);
  }
};
struct faulty_stream {
  faulty_output* to;
  std::error_code write(std::span<const std::byte> next) noexcept {
    return to->write_at(to->size, next);
  }
};

}  // namespace

TEST_CASE_TEMPLATE(
    "whoever goes on after std::bad_alloc, with a sink that fails, finishes no wrong file", Sink,
    faulty_block, faulty_stream) {
  const four_tensors model;
  std::size_t finished = 0, wrong = 0;
  for (int failing = 0; failing != 6; ++failing)  // 0 and 5: no call fails
    starve_in_vain([&](const shortage& short_of) {
      faulty_output out{.failing = failing};
      std::vector<write_plan> plans;  // for each try to begin
      for (int i = 0; i != 3; ++i) plans.push_back(model.plan());
      auto source = model.source();
      std::optional<basic_writer<Sink>> writer;
      bool done = false;

      lack = short_of;
      insists([&] {
        out.size = 0;
        write_plan plan = std::move(plans.back());
        plans.pop_back();
        auto started = basic_writer<Sink>::try_start({&out}, std::move(plan));
        if (started) writer.emplace(*std::move(started));
        return started;
      });
      const auto go_on = [&] {
        const std::uint64_t begin = model.data_start;
        insists([&] { return writer->try_append(model.names[0], model.values); });
        insists([&] {
          return writer->try_append_from(model.names[1], source, {begin + 64, begin + 128});
        });
        insists([&] { return writer->try_append_from(source, {begin + 128, begin + 256}); });
        return insists([&] { return writer->try_finish(); });
      };
      if (writer) done = go_on();
      const std::size_t asked = std::exchange(lack, {}).asked;
      if (writer && !done) done = go_on();  // with memory it is too late
      if (done) ++finished;
      if (done && std::string_view(out.bytes, out.size) != model.file) ++wrong;
      return asked;
    });
  MESSAGE(finished, " were finished");
  CHECK(finished != 0);
  CHECK(wrong == 0);
}

#ifndef _WIN32
TEST_CASE("whoever goes on after std::bad_alloc, with a disk that fails, finishes no wrong file") {
  const four_tensors model;
  const temporary_folder folder(memory_disk());
  const auto path = folder / "a path that is longer than small strings.safetensors";
  write_file(folder / "in", model.file);
  const auto in = file_source::try_open(folder / "in");
  REQUIRE(in.has_value());
  auto source = model.source();
  ::rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &usual) == 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  // Within the header, within the tensors by every way to append, when it gets its name, never.
  const std::size_t middle = model.data_start + 32;
  const std::size_t limits[] = {model.data_start / 2, middle, middle + 64, middle + 128, 0, 0};
  constexpr std::size_t naming = 4;
  std::size_t finished = 0, wrong = 0, left_behind = 0, lost_plans = 0;
  for (const bool atomic : {true, false})
    for (std::size_t failing = 0; failing != std::size(limits); ++failing)
      starve_in_vain([&](const shortage& short_of) {
        std::filesystem::remove(path);
        const output_options options{
            .atomic = atomic, .replace = failing != naming, .preallocate = false};
        write_plan plan = model.plan();
        std::optional<writer> out;
        bool has_failed = false, done = false;
        // The first try of one step meets a full disk, in the middle of its bytes.
        const auto step = [&](std::size_t number, auto&& call) {
          return insists([&] {
            const bool fails =
                number == failing && limits[number] != 0 && !std::exchange(has_failed, true);
            ::rlimit limit = usual;
            if (fails) limit.rlim_cur = limits[number];
            struct restored {
              const ::rlimit& usual;
              ~restored() { ::setrlimit(RLIMIT_FSIZE, &usual); }
            } guard{usual};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            return call();
          });
        };
        const auto go_on = [&] {
          const std::uint64_t begin = model.data_start;
          step(1, [&] { return out->try_append(model.names[0], model.values); });
          step(2, [&] {
            return out->try_append_from(model.names[1], *in, {begin + 64, begin + 128});
          });
          step(3, [&] { return out->try_append_from(source, {begin + 128, begin + 256}); });
          if (failing == naming && atomic)
            ::close(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
          return step(4, [&] { return out->try_finish(); });
        };

        lack = short_of;
        step(0, [&] {
          auto made = writer::try_create(path, std::move(plan), options);
          if (made) out.emplace(*std::move(made));
          return made;
        });
        if (!out && plan.file_size() != model.file.size()) ++lost_plans;
        if (out) done = go_on();
        const std::size_t asked = std::exchange(lack, {}).asked;
        if (out && !done) done = go_on();
        out.reset();
        if (done) ++finished;
        if (done && read_file(path) != model.file) ++wrong;
        const std::size_t files = 1 + (done || (failing == naming && atomic) ? 1u : 0u);
        if (files_in(folder / "") > files) ++left_behind;  // also what got its name all the same
        return asked;
      });
  ::signal(SIGXFSZ, old_handler);
  MESSAGE(finished, " were finished");
  CHECK(finished != 0);
  CHECK(wrong == 0);
  CHECK(left_behind == 0);
  CHECK(lost_plans == 0);
}
#endif

TEST_CASE("a sink is committed once, also where there is no memory to keep why that failed") {
  struct refused_once {
    int* commits;
    const shortage* short_of;
    std::error_code write(std::span<const std::byte>) noexcept { return {}; }
    result<void> try_commit() {
      if (++*commits != 1) return {};
      failure why{.code = errc::io, .detail = "the other side has refused it, and will for ever"};
      lack = *short_of;
      return why;
    }
  };
  std::size_t finished = 0, committed_again = 0;
  const four_tensors model;
  auto source = model.source();
  starve_in_vain([&](const shortage& short_of) {
    int commits = 0;
    auto out = basic_writer<refused_once>::try_start({&commits, &short_of}, model.plan());
    REQUIRE(out.has_value());
    REQUIRE(out->try_append_from(source, {model.data_start, model.file.size()}).has_value());
    bool done = insists([&] { return out->try_finish(); });
    const std::size_t asked = std::exchange(lack, {}).asked;
    done = insists([&] { return out->try_finish(); }) || done;
    if (done) ++finished;
    if (commits != 1) ++committed_again;
    return asked;
  });
  CHECK(finished == 0);
  CHECK(committed_again == 0);
}
#endif

TEST_CASE("appending takes no memory, and a plan as many blocks for any number of tensors") {
  const std::vector<float> values(6);
  std::vector<std::size_t> counts;
  for (const std::size_t count : {10u, 1000u, 100'000u}) {
    std::vector<tensor_spec> specs;
    for (std::size_t i = 0; i < count; ++i)
      specs.emplace_back("layer." + std::to_string(i), dtype::f32, shape_ref{2, 3});
    std::optional<write_plan> plan;
    counts.push_back(measure([&] {
                       plan = *write_plan::try_make(specs, {.max_header_bytes = 1u << 30});
                     }).count);
    auto out =
        basic_writer<function_sink<std::error_code (*)(std::span<const std::byte>)>>::try_start(
            {[](std::span<const std::byte>) { return std::error_code(); }}, *std::move(plan));
    REQUIRE(out.has_value());
    const heap used = measure([&] {
      for (std::size_t i = 0; i < 10; ++i)
        CHECK(out->try_append(out->plan().header().begin()[static_cast<std::ptrdiff_t>(i)].name(),
                              values)
                  .has_value());
    });
    CHECK(used.count == 0);
  }
  // Only the text grows, by doubling.
  MESSAGE("blocks of plans for 10, 1,000 and 100,000 tensors: ", counts[0], " ", counts[1], " ",
          counts[2]);
  CHECK(counts[2] < counts[0] + 20);
}
