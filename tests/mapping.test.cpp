// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The edges of mapped files: files that change while they are mapped, the system's limits, and file
// systems. (storage.test.cpp: what a storage holds. processes.test.cpp: fork and exec.)
#ifndef _WIN32
#include "versions.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>

#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

using namespace safetensors;
using namespace testing;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SAFETENSORS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SAFETENSORS_SANITIZED
#endif
#endif

namespace {

// Address and thread sanitizers need address space and mappings themselves.
bool is_sanitized() {
#ifdef SAFETENSORS_SANITIZED
  MESSAGE("skipped: a sanitizer needs what would be limited");
  return true;
#else
  return false;
#endif
}

bool set_limit(decltype(RLIMIT_AS) what, ::rlim_t most) {
  ::rlimit limit{};
  if (::getrlimit(what, &limit) != 0) return false;
  limit.rlim_cur = most;  // valgrind refuses a lower rlim_max
  return ::setrlimit(what, &limit) == 0;
}

}  // namespace

//-- files that change

TEST_CASE("a file that is replaced or removed while it is open stays as it was for its readers") {
  const temporary_folder folder;
  const auto path = folder / "m";
  const std::string old_file = version(1).file();
  write_file(path, old_file);
  write_file(folder / "new", version(2).file());
  const auto mapped = file::try_open(path);
  const auto source = file_source::try_open(path);
  const auto index = header::try_open(path);
  REQUIRE((mapped && source && index));
  const tensor_view tensor = *mapped->find("whole");
  const auto slice = tensor.try_slice({{500, 600}});
  REQUIRE(slice.has_value());
  const auto check_old = [&] {
    CHECK(mapped->metadata().find("version") == "1");
    CHECK(std::ranges::count(tensor.bytes(), std::byte{1}) == 23'000);
    CHECK(std::ranges::count(slice->run(0), std::byte{1}) == 100);
    CHECK(is_one_version(*mapped));
    const auto read = memory_file::try_read(*source);
    REQUIRE(read.has_value());
    CHECK(read->metadata().find("version") == "1");
    CHECK(is_one_version(*read));
    CHECK(index->file_size() == old_file.size());
  };
  std::filesystem::rename(folder / "new", path);
  check_old();
  const auto now = file::try_open(path);
  REQUIRE(now.has_value());
  CHECK(now->metadata().find("version") == "2");
  std::filesystem::remove(path);
  check_old();
  CHECK(file::try_open(path).error().system == std::errc::no_such_file_or_directory);
}

namespace {
const void* volatile expected_fault = nullptr;
void end_by_fault(int, ::siginfo_t* fault, void*) {
  ::_exit(fault->si_addr == expected_fault ? 42 : 43);
}
}  // namespace

TEST_CASE("of a mapped file that is truncated, the pages behind its new end raise SIGBUS") {
  const temporary_folder folder;
  const auto path = folder / "m";
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::string data(4 * page, 'x');
  REQUIRE(try_save(path, {{"t", dtype::u8, {4, page}, data}},
                   {.layout = {.metadata = {{"format", "pt"}}, .data_alignment = page}})
              .has_value());
  const auto read = memory_file::try_open(path);
  const auto source = file_source::try_open(path);
  REQUIRE((read && source));

  int status = end_of(start_process([&] {  // const is nothing that Apple's macros take
    struct ::sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = end_by_fault;
    const auto mapped = file::try_open(path);
    if (!mapped || ::sigaction(SIGBUS, &action, nullptr) != 0) return false;
    const tensor_view tensor = *mapped->find("t");
    const std::uint64_t left = mapped->header().data_start() + page + page / 2;
    if (::truncate(path.c_str(), static_cast<::off_t>(left)) != 0) return false;

    // The header, and what is left, can be read; the rest of the last page is zeros.
    if (!mapped->contains("t") || mapped->metadata().find("format") != "pt") return false;
    if (!tensor.matches(dtype::u8, {4, page}) || (*mapped->begin()).name() != "t") return false;
    const auto bytes = tensor.bytes();
    if (std::ranges::count(bytes.first(2 * page), std::byte{'x'}) !=
        static_cast<std::ptrdiff_t>(page + page / 2))
      return false;
    if (bytes[2 * page - 1] != std::byte{0}) return false;
    expected_fault = bytes.data() + 2 * page;
    return bytes[2 * page] == std::byte{'x'};
  }));
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);

  CHECK(std::ranges::count(read->find("t")->bytes(), std::byte{'x'}) ==
        static_cast<std::ptrdiff_t>(4 * page));
  std::byte byte{};
  CHECK(source->read_at(source->size() - 1, std::span(&byte, 1)) == errc::missing_bytes);
}

//-- limits

TEST_CASE("the mapping ends with the file object") {
  const temporary_folder folder;
  write_file(folder / "m", version(1).file());
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator(maps), {}, '\n');
  };
  (void)mapped_bytes::try_open(folder / "m");
  const auto before = mappings();
  for (int i = 0; i < 100; ++i) {
    auto mapped = mapped_bytes::try_open(folder / "m");
    mapped_bytes moved = *std::move(mapped);
    mapped_bytes assigned;
    assigned = std::move(moved);
    CHECK(assigned.size() == version(1).file().size());
    CHECK(moved.size() == 0);  // it is promised
    CHECK(moved.data() == nullptr);
  }
  CHECK(mappings() <= before + 10);
}

TEST_CASE("no descriptor stays open while a file is mapped, and none leaks") {
  const temporary_folder folder;
  write_file(folder / "m", version(1).file());
  const std::size_t before = open_descriptors();
  {
    const auto mapped = file::try_open(folder / "m");
    const auto read = memory_file::try_open(folder / "m");
    const auto head = header::try_open(folder / "m");
    CHECK(open_descriptors() == before);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("ten thousand files are mapped at once by a process that may open few") {
  constexpr std::size_t count = 10'000;
  std::size_t most_mappings = count * 2;
  std::ifstream("/proc/sys/vm/max_map_count") >> most_mappings;
  if (most_mappings < count + 1000) {
    MESSAGE("skipped: vm.max_map_count is ", most_mappings);
    return;
  }
  const temporary_folder folder(memory_disk());
  const auto path = [&](std::size_t i) { return folder / std::to_string(i); };
  for (std::size_t i = 0; i != count; ++i) {
    std::string bytes = make_tensor_file("U32", "[1]", 4);
    bytes.back() = static_cast<char>(i % 100);
    write_file(path(i), bytes);
  }
  CHECK(true_in_child([&] {
    if (!set_limit(RLIMIT_NOFILE, 64)) return false;
    std::vector<file> files;
    for (std::size_t i = 0; i != count; ++i) {
      auto opened = file::try_open(path(i));
      if (!opened) return false;
      files.push_back(*std::move(opened));
    }
    for (std::size_t i = 0; i != count; ++i)
      if (files[i].find("t")->bytes().back() != static_cast<std::byte>(i % 100)) return false;

    // A sanitizer that looks at objects for the first time needs a descriptor: one error before.
    if (file_source::try_open(path(count))) return false;
    std::vector<file_source> sources;
    for (;;) {  // until their descriptors are too many
      auto opened = file_source::try_open(path(sources.size()));
      if (!opened)
        return sources.size() > 32 && opened.error().code == errc::io &&
               opened.error().system == std::errc::too_many_files_open;
      sources.push_back(*std::move(opened));
    }
  }));
}

#ifdef __linux__
TEST_CASE("where the system allows no more mappings, files are read into memory") {
  std::size_t most = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> most;
  if (is_sanitized()) return;
  if (most == 0 || most > 200'000) {
    MESSAGE("skipped: vm.max_map_count is ", most);
    return;
  }
  const temporary_folder folder;
  const auto path = folder / "m";
  REQUIRE(version(1).save(path).has_value());
  CHECK(true_in_child([&] {
    const auto source = file_source::try_open(path);
    std::vector<mapped_bytes> mappings;
    mappings.reserve(most);
    // At the limit the heap cannot grow either: room for the last notes and for what is read.
    auto room = std::make_unique<std::array<std::byte, 100'000>>();
    failure refused;
    while (refused.code == errc() && mappings.size() != most) {
      if (mappings.size() + 1'000 == most) room.reset();
      auto mapped = mapped_bytes::try_map(source->handle(), 0, 1);
      if (mapped)
        mappings.push_back(*std::move(mapped));
      else
        refused = mapped.error();
    }
    const auto read = memory_file::try_open(path);
    mappings.resize(most / 2);
    const auto mapped = file::try_open(path);
    return refused.code == errc::out_of_memory &&
           refused.message().find("memory_file") != std::string::npos && read &&
           is_one_version(*read) && mapped && is_one_version(*mapped);
  }));
}

TEST_CASE("where a file system maps no files, that is a clear error") {
  const std::filesystem::path path = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: there is no sysfs");
    return;
  }
  const failure refused = mapped_bytes::try_open(path).error();
  CHECK(refused.code == errc::io);
  CHECK(refused.system == std::errc::no_such_device);
  CHECK(refused.message().find("memory_file") != std::string::npos);
}
#endif

namespace {

// 5 GiB of zeros, which take no room on the disk, and two numbers behind them.
constexpr std::uint64_t zeros = std::uint64_t{5} << 30;
const std::vector<std::uint32_t> numbers{123, 456};

void write_large_model(const std::filesystem::path& path) {
  const auto plan =
      write_plan::try_make({{"zeros", dtype::u8, {zeros}}, {"numbers", dtype::u32, {2}}},
                           {.order = tensor_order::as_given});
  REQUIRE(plan.has_value());
  const auto head = plan->header_bytes();
  const std::string bytes{123, 0, 0, 0, '\xC8', 1, 0, 0};
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(head.data()), std::ssize(head));
  out.seekp(static_cast<std::streamoff>(plan->file_size() - 8));
  out.write(bytes.data(), std::ssize(bytes));
  out.close();
  REQUIRE(out.good());
}

// Reads the numbers by position, by each of the ways that do not map the whole file.
bool reads_numbers(const std::filesystem::path& path, const std::filesystem::path& copy) {
  const auto source = file_source::try_open(path);
  if (!source) return false;
  const auto index = header::try_read(*source);
  if (!index || index->file_size() != source->size()) return false;
  const auto found = index->find("numbers");
  const byte_range range = found->file_range();
  std::vector<std::byte> bytes(8);
  if (range.begin < zeros || source->read_at(range.begin, bytes)) return false;
  if (bytes[0] != std::byte{123} || bytes[4] != std::byte{0xC8}) return false;

  const auto slice = found->try_slice({pick(1)});
  if (!slice || slice->file_run(0) != byte_range{range.begin + 4, range.end}) return false;

  const auto part = mapped_bytes::try_map(source->handle(), range.begin, range.size());
  if (!part || !std::equal(bytes.begin(), bytes.end(), part->data())) return false;

  auto out = writer::try_create(copy, *write_plan::try_make({*found}));
  if (!out || !out->try_append_from("numbers", *source, range) || !out->try_finish()) return false;
  const auto copied = memory_file::try_open(copy);
  return copied && *copied->find("numbers")->try_to_vector<std::uint32_t>() == numbers;
}

// Whether neither the address space nor the memory takes a file, and the failures say what to do.
bool is_too_large(const std::filesystem::path& path) {
  const failure unmapped = file::try_open(path).error();
  const failure unread = memory_file::try_open(path).error();
  return unmapped.code == errc::out_of_memory && unread.code == errc::out_of_memory &&
         unmapped.message().find("file_source") != std::string::npos &&
         unread.message().find("file_source") != std::string::npos;
}

}  // namespace

TEST_CASE("single tensors of a file of more than 4 GiB are read, and all of it where it can be") {
  const temporary_folder folder;
  write_large_model(folder / "m");
  CHECK(reads_numbers(folder / "m", folder / "copy"));
  const auto mapped = file::try_open(folder / "m");
  CHECK(mapped.has_value() == (sizeof(void*) > 4));
  if (mapped)
    CHECK(*mapped->find("numbers")->try_to_vector<std::uint32_t>() == numbers);
  else
    CHECK(is_too_large(folder / "m"));
}

TEST_CASE(
    "a file for which a limit leaves no address space is a clear error, and is read in part") {
  const auto limits = [] { return set_limit(RLIMIT_AS, 1 << 30); };
  if (is_sanitized()) return;
  if (!true_in_child([&] {
        return limits() && ::mmap(nullptr, std::size_t{1} << 31, PROT_READ,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
      })) {
    MESSAGE("skipped: this system, or its emulator, does not limit the address space");
    return;
  }
  const temporary_folder folder;
  write_large_model(folder / "m");
  CHECK(true_in_child([&] {
    return limits() && is_too_large(folder / "m") && reads_numbers(folder / "m", folder / "copy");
  }));
}

//-- file systems

#ifdef __linux__
namespace {

void check_ok(const result<void>& done) {
  if (!done) FAIL_CHECK(done.error().message());
}

// All ways to write and to read.
void check_file_system(const std::filesystem::path& mounted) {
  const temporary_folder folder(mounted);
  const auto path = folder / "m", copy = folder / "copy";
  check_ok(version(1).save(path));
  const auto mapped = file::try_open(path);
  REQUIRE(mapped.has_value());
  CHECK(version(2).save(path, {.atomic = false}).error().code == errc::invalid_option);
  check_ok(version(2).save(path, {.durable = true}));
  CHECK(mapped->metadata().find("version") == "1");
  CHECK(is_one_version(*mapped));
  CHECK(version(3).save(path, {.replace = false}).error().system == std::errc::file_exists);
  CHECK(read_file(path) == version(2).file());
  check_ok(version(3).save(folder / "another", {.replace = false}));
  CHECK(read_file(folder / "another") == version(3).file());
  check_ok(version(4).save(path, {.atomic = false}));

  const auto source = file_source::try_open(path);
  REQUIRE(source.has_value());
  const auto index = header::try_read(*source);
  const auto read = memory_file::try_read(*source);
  REQUIRE((index && read));
  CHECK(is_one_version(*read));
  auto out = writer::try_create(
      copy, *write_plan::try_make(*index, {.metadata = index->metadata().to_map()}));
  REQUIRE(out.has_value());
  check_ok(out->try_append_from(*source, {index->data_start(), index->file_size()}));
  check_ok(out->try_finish());
  CHECK(read_file(copy) == version(4).file());
  const std::filesystem::directory_iterator files(folder / "");
  CHECK(std::none_of(begin(files), end(files), [](const auto& item) {  // others are the system's
    return item.path().filename().string().starts_with(".safetensors-");
  }));
}

}  // namespace

TEST_CASE("files on a tmpfs are written, mapped and read") {
  const std::filesystem::path path = "/dev/shm";
  struct ::statfs status{};
  constexpr auto tmpfs = 0x01021994;
  if (::statfs(path.c_str(), &status) != 0 || status.f_type != tmpfs) {
    MESSAGE("skipped: /dev/shm is no tmpfs here");
    return;
  }
  check_file_system(path);
}

TEST_CASE(
    "files on FUSE mounts are written, mapped and read, with the system's cache and without") {
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    MESSAGE("skipped: /dev/fuse cannot be opened");
    return;
  }
  ::close(device);
  if (run("command -v bindfs").exit_code != 0) {
    MESSAGE("skipped: there is no bindfs");
    CHECK(std::getenv("CI") == nullptr);
    return;
  }
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "bound");
  std::filesystem::create_directory(folder / "mounted");
  const std::string bound = shell_quoted((folder / "bound").string()),
                    mounted = shell_quoted((folder / "mounted").string());
  for (const std::string cache : {"", "-o direct_io "}) {
    CAPTURE(cache);
    const outcome bind = run("bindfs --no-allow-other " + cache + bound + " " + mounted);
    if (bind.exit_code != 0) {
      MESSAGE("skipped: this user, or this system, mounts nothing: ", bind.err);
      return;
    }
    check_file_system(folder / "mounted");
    CHECK(
        run("umount " + mounted + " || fusermount3 -u " + mounted + " || fusermount -u " + mounted)
            .exit_code == 0);
  }
}
#endif
#endif
