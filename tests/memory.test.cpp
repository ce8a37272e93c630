// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// What reading costs, counted in allocations and bytes, never in seconds.
#include "support.hpp"

using namespace safetensors;
using namespace testing;

#include <cstring>
#include <new>

namespace {

// What the program has from the heap.
struct heap {
  std::size_t count = 0, bytes = 0, peak = 0, largest = 0;
};
heap now;

void* counted_allocate(std::size_t size, std::size_t alignment) noexcept {
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

void* required(void* block) {
  if (block == nullptr) std::abort();
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

// Builds without optimisation take a tenth.
#ifdef NDEBUG
constexpr std::size_t flood_bytes = 99'999'000;
#else
constexpr std::size_t flood_bytes = 9'999'000;
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

void* operator new(std::size_t size) { return required(counted_allocate(size, 0)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted_allocate(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return required(counted_allocate(size, static_cast<std::size_t>(alignment)));
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

TEST_CASE("the number of allocations does not grow with the number of tensors") {
  std::vector<std::size_t> counts;
  for (const std::size_t count : {1u, 10u, 1000u, 100'000u}) {
    const std::string file = many(count);
    counts.push_back(measure([&] { CHECK(parse(file).has_value()); }).count);
  }
  MESSAGE("allocations for 1, 10, 1,000 and 100,000 tensors: ", counts[0], " ", counts[1], " ",
          counts[2], " ", counts[3]);
  // Ours are the same; nlohmann's buffers grow by doubling.
  CHECK(counts[3] <= counts[0] + 24);
  CHECK(counts[3] <= 40);
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

// nlohmann's parser alone takes minutes, or gigabytes, for some of these. CTest's time limit guards
// the time.
TEST_CASE("a flood of one token fails or opens in memory linear in its size") {
  struct wave {
    std::string what;
    std::string file;
    std::optional<errc> code;
    std::size_t times;  // most memory taken, as a multiple of the file
  };
  const auto check = [](const wave& each) {
    std::optional<errc> code;
    const heap used = measure([&] {
      const auto parsed = parse(each.file);
      if (!parsed) code = parsed.error().code;
    });
    CAPTURE(each.what);
    MESSAGE(each.what, ": ", used.peak / 1'000'000, " MB for ", each.file.size() / 1'000'000,
            " MB");
    CHECK(code == each.code);
    CHECK(used.peak < each.times * each.file.size());
  };
  check({"newlines", flood("{", "\n", "}"), std::nullopt, 2});
  check({"newlines, then an error", flood("{", "\n", "x"), errc::invalid_json, 2});
  check({"newlines behind", flood("{}", "\n", ""), std::nullopt, 2});
  check({"newlines before", flood("", "\n", "{}"), std::nullopt, 2});
  check({"newlines only", flood("", "\n", ""), errc::invalid_json, 2});
  check({"spaces, then an error", flood("{", " ", "x"), errc::invalid_json, 2});
  check({"digits", flood(unknown, "1", "}}"), errc::invalid_json, 2});
  check({"a fraction", flood(std::string(unknown) + "0.", "1", "}}"), std::nullopt, 2});
  check({"opening brackets", flood(unknown, "[", ""), errc::too_deep, 2});
  check({"brackets", flood(std::string(unknown) + "[0", ",[]", "]}}"), std::nullopt, 2});
  check({"brackets, then an error", flood(std::string(unknown) + "[0", ",[]", "x"),
         errc::invalid_json, 2});
  check({"braces", flood(std::string(unknown) + "[0", ",{}", "]}}"), std::nullopt, 2});
  check({"true", flood(std::string(unknown) + "[", "true,", "true]}}"), std::nullopt, 2});
  check({"true, then an error", flood(std::string(unknown) + "[", "true,", "]}}"),
         errc::invalid_json, 2});
  check({"true alone", flood("{", "true,", ""), errc::invalid_json, 2});
  check({"1e-9", flood(std::string(unknown) + "[", "1e-9,", "1]}}"), std::nullopt, 2});
  check({"1e-9 alone", flood("{", "1e-9,", ""), errc::invalid_json, 2});
  check({"one string", flood(std::string(unknown) + "\"", "s", "\"}}"), std::nullopt, 7});
  check({"one name",
         flood("{\"", "s", "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
         std::nullopt, 7});
  check({"one string without an end", flood(std::string(unknown) + "\"", "s", ""),
         errc::invalid_json, 12});
  check({"escapes", flood(std::string(unknown) + "\"", "\\u0000", "\"}}"), std::nullopt, 7});
  check({"a million duplicates", flood("{\"t\":1", ",\"t\":1", "}"), errc::invalid_entry, 2});
  check({"fields",
         flood(R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0])", ",\"a\":0", "}}"),
         std::nullopt, 2});
  check({"dimensions", flood(R"({"t":{"dtype":"U8","data_offsets":[0,0],"shape":[0)", ",1", "]}}"),
         std::nullopt, 10});
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
