// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What a writer calls finished is complete, whoever calls it while it writes: other threads, its
// sink, its source. (concurrency.test.cpp: threads that do what they may.)
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <cstring>
#include <functional>
#include <thread>

using namespace safetensors;
using namespace testing;
using namespace std::string_literals;

namespace {

// The tensors "a", "b" and "c", 8 bytes each.
const std::string data = "aaaaaaaabbbbbbbbcccccccc";

write_plan planned() {
  auto plan =
      write_plan::try_make({{"a", dtype::u8, {8}}, {"b", dtype::u8, {8}}, {"c", dtype::u8, {8}}});
  REQUIRE(plan.has_value());
  return *std::move(plan);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// What a sink has taken, and what happens each time before it takes more: in several threads at
// once, if they are in the sink at once.
struct output {
  std::string bytes{};
  std::function<void()> before = [] {};
};
struct positional {
  output* to;
  [[nodiscard]] std::error_code write_at(std::uint64_t offset,
                                         std::span<const std::byte> next) const {
    to->before();
    if (offset > to->bytes.size() || next.size() > to->bytes.size() - offset)
      return std::make_error_code(std::errc::no_space_on_device);
    std::memcpy(to->bytes.data() + offset, next.data(), next.size());
    return {};
  }
};
struct sequential {
  output* to;
  [[nodiscard]] std::error_code write(std::span<const std::byte> next) const {
    to->before();
    to->bytes.append(reinterpret_cast<const char*>(next.data()), next.size());
    return {};
  }
};

// A writer to memory that has sent its header.
template <class Sink> class memory_model {
 public:
  memory_model() : writer(start(out)) {}
  // The data as it was taken; '.' is what was not.
  [[nodiscard]] std::string written() const {
    return out.bytes.substr(static_cast<std::size_t>(writer.plan().header().data_start()));
  }
  result<void> append(std::string_view tensor, std::string_view text) {
    return writer.try_append(tensor, bytes_of(text));
  }
  // The tensors from `first` on, all of their bytes.
  result<void> append_rest(char first) {
    for (char name = first; name <= 'c'; ++name)
      if (auto done = append({&name, 1}, std::string(8, name)); !done) return done;
    return {};
  }

  output out{};
  basic_writer<Sink> writer;

 private:
  static basic_writer<Sink> start(output& out) {
    write_plan plan = planned();
    if constexpr (positional_sink<Sink>)
      out.bytes.assign(static_cast<std::size_t>(plan.file_size()), '.');
    auto made = basic_writer<Sink>::try_start({&out}, std::move(plan));
    REQUIRE(made.has_value());
    return *std::move(made);
  }
};

// The data as a source, and what happens each time before it gives some.
auto data_source(std::function<void()> before = [] {}) {
  return function_source{data.size(),
                         [before](std::uint64_t at, std::span<std::byte> to) -> std::error_code {
                           before();
                           std::memcpy(to.data(), data.data() + at, to.size());
                           return {};
                         }};
}

// Calls a function the first time only: what is called from a sink comes to the sink again.
template <class Function> std::function<void()> once(Function function) {
  return [function, called = std::make_shared<bool>(false)] {
    if (!std::exchange(*called, true)) function();
  };
}

// Threads that wait in a sink until all are there, or have come out without.
class meeting {
 public:
  explicit meeting(std::ptrdiff_t count) noexcept : missing_(count) {}
  void arrive() noexcept { --missing_; }
  void arrive_and_wait() noexcept {
    --missing_;
    while (missing_ > 0) std::this_thread::yield();
  }

 private:
  std::atomic<std::ptrdiff_t> missing_;
};

// Two events: a thread is in a sink or a source, and may leave it.
class stay {
 public:
  void enter() noexcept {
    inside_ = true;
    while (!may_leave_) std::this_thread::yield();
  }
  void wait_until_entered() const noexcept {
    while (!inside_) std::this_thread::yield();
  }
  void let_leave() noexcept { may_leave_ = true; }

 private:
  std::atomic<bool> inside_ = false, may_leave_ = false;
};

errc code_of_done(const result<void>& done) { return done ? errc() : done.error().code; }

void check_ok(const result<void>& done) {
  if (!done) FAIL_CHECK(done.error().message());
}

template <class Writer> void check_sticks(Writer& writer, errc code) {
  const auto finished = writer.try_finish();
  REQUIRE_FALSE(finished.has_value());
  CHECK(finished.error().code == code);
  CHECK(code_of_done(writer.try_append("a", std::span<const std::byte>())) == code);
  const auto again = writer.try_finish();
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().message() == finished.error().message());
}

// Every way to append, none of which claims more than a tensor has.
template <class Sink> struct way {
  const char* what;
  result<void> (*append)(basic_writer<Sink>& writer);
};
template <class Sink> constexpr way<Sink> ways[] = {
    {"nothing", [](auto& writer) { return writer.try_append("a", std::span<const std::byte>()); }},
    {"bytes", [](auto& writer) { return writer.try_append("a", bytes_of("aa")); }},
    {"elements",
     [](auto& writer) { return writer.try_append("a", std::vector<std::uint8_t>{'a', 'a'}); }},
    {"words",
     [](auto& writer) { return writer.try_append_bits("a", std::vector<std::uint8_t>{'a', 'a'}); }},
    {"another tensor", [](auto& writer) { return writer.try_append("b", bytes_of("bb")); }},
    {"from a source",
     [](auto& writer) { return writer.try_append_from("a", data_source(), {0, 2}); }},
    {"in order", [](auto& writer) { return writer.try_append_from(data_source(), {0, 2}); }},
};

}  // namespace

//-- claims of tensors

TEST_CASE("a tensor that two threads append as a whole does not stand for the next one") {
  memory_model<positional> model;
  meeting both(2);
  model.out.before = [&] { both.arrive_and_wait(); };
  std::atomic<int> refused = 0;
  const auto append = [&] {
    if (model.append("a", "aaaaaaaa")) return;
    ++refused;
    both.arrive();
  };
  std::thread other(append);
  append();
  other.join();
  CHECK(refused == 1);
  CHECK_FALSE(model.append_rest('c').has_value());
  check_sticks(model.writer, errc::wrong_length);
}

TEST_CASE("of four threads that append the last tensor, one does, and the file is not finished") {
  constexpr std::ptrdiff_t count = 4;
  memory_model<positional> model;
  check_ok(model.append("a", "aaaaaaaa"));
  check_ok(model.append("b", "bbbbbbbb"));
  meeting all(count);
  model.out.before = [&] { all.arrive_and_wait(); };
  std::atomic<std::ptrdiff_t> refused = 0, with_other_codes = 0;
  std::vector<std::thread> threads;
  for (std::ptrdiff_t i = 0; i != count; ++i)
    threads.emplace_back([&] {
      const auto done = model.append("c", "cccccccc");
      if (done) return;
      ++refused;
      // The second one may meet the first one's failure while that is being noted.
      const errc code = done.error().code;
      if (code != errc::wrong_length && code != errc::incomplete_write) ++with_other_codes;
      all.arrive();
    });
  for (std::thread& each : threads) each.join();
  CHECK(refused == count - 1);
  CHECK(with_other_codes == 0);
  CHECK(model.written() == data);  // nobody wrote beyond it
  check_sticks(model.writer, errc::wrong_length);
}

TEST_CASE("two threads whose bytes fit complete a tensor, in the order of their claims") {
  memory_model<positional> model;
  meeting both(2);
  model.out.before = [&] { both.arrive_and_wait(); };
  std::atomic<bool> appended = false;
  std::thread other([&] { appended = model.append("a", "AAAA").has_value(); });
  check_ok(model.append("a", "aaaa"));
  other.join();
  CHECK(appended);
  model.out.before = [] {};
  check_ok(model.append_rest('b'));
  check_ok(model.writer.try_finish());
  const std::string rest = data.substr(8);
  CHECK((model.written() == "AAAAaaaa" + rest || model.written() == "aaaaAAAA" + rest));
}

TEST_CASE("a positional sink that appends more than its tensor has is refused, and that sticks") {
  for (const auto& each : ways<positional>) {
    memory_model<positional> model;
    if (each.what == "nothing"s || each.what == "another tensor"s || each.what == "in order"s)
      continue;  // which claim nothing of this tensor
    CAPTURE(each.what);
    errc inner{};
    model.out.before = once([&] { inner = code_of_done(each.append(model.writer)); });
    check_ok(model.append("a", "aaaaaaaa"));  // it has what it claimed
    CHECK(inner == errc::wrong_length);
    CHECK_FALSE(model.append_rest('b').has_value());
    check_sticks(model.writer, errc::wrong_length);
  }
}

TEST_CASE("a positional sink or a source that appends to another tensor is right") {
  for (const bool by_source : {false, true})
    for (const bool in_order : {false, true}) {
      memory_model<positional> model;
      const auto append_b = once([&] {
        check_ok(in_order ? model.writer.try_append_from(data_source(), {8, 16})
                          : model.append("b", "bbbbbbbb"));
      });
      if (by_source) {
        check_ok(model.writer.try_append_from("a", data_source(append_b), {0, 8}));
      } else {
        model.out.before = append_b;
        check_ok(model.append("a", "aaaaaaaa"));
      }
      check_ok(model.append_rest('c'));
      check_ok(model.writer.try_finish());
      CHECK(model.written() == data);
    }
}

TEST_CASE("bytes are missing until an append claims them, not until they are written") {
  memory_model<positional> model;
  std::optional<std::uint64_t> in_sink, in_source;
  model.out.before = once([&] { in_sink = model.writer.try_remaining("a").value_or(0); });
  CHECK(model.writer.try_remaining("a").value_or(0) == 8);
  check_ok(model.append("a", "aaa"));
  CHECK(in_sink == 5);
  check_ok(model.writer.try_append_from(
      data_source([&] { in_source = model.writer.try_remaining("b").value_or(0); }), {3, 10}));
  CHECK(in_source == 6);
  CHECK(model.writer.try_remaining("a").value_or(0) == 0);
  CHECK(model.writer.try_remaining("b").value_or(0) == 6);
}

//-- appends in order

TEST_CASE("an append in order goes on behind what another thread has claimed by name") {
  memory_model<positional> model;
  stay in_sink;
  model.out.before = once([&] { in_sink.enter(); });
  std::thread by_name([&] { (void)model.append("a", "aaaaaaaa"); });
  in_sink.wait_until_entered();
  check_ok(model.writer.try_append_from(data_source(), {8, 16}));
  in_sink.let_leave();
  by_name.join();
  check_ok(model.append_rest('c'));
  check_ok(model.writer.try_finish());
  CHECK(model.written() == data);
}

TEST_CASE("an append by name goes on behind what another thread has claimed in order") {
  memory_model<positional> model;
  stay in_source;
  std::thread in_order([&] {
    (void)model.writer.try_append_from(data_source(once([&] { in_source.enter(); })), {0, 12});
  });
  in_source.wait_until_entered();
  check_ok(model.append("b", "bbbb"));
  check_ok(model.append_rest('c'));
  in_source.let_leave();
  in_order.join();
  check_ok(model.writer.try_finish());
  CHECK(model.written() == data);
}

TEST_CASE("bytes that another thread has claimed in order are not appended by name") {
  memory_model<positional> model;
  stay in_source;
  std::thread in_order([&] {
    (void)model.writer.try_append_from(data_source(once([&] { in_source.enter(); })), {0, 24});
  });
  in_source.wait_until_entered();
  CHECK(code_of_done(model.append("b", "b")) == errc::wrong_length);
  in_source.let_leave();
  in_order.join();
  check_sticks(model.writer, errc::wrong_length);
}

TEST_CASE("an append in order does not go across a tensor that another thread has begun") {
  memory_model<positional> model;
  stay in_sink;
  model.out.before = once([&] { in_sink.enter(); });
  std::thread by_name([&] { (void)model.append("b", "bb"); });
  in_sink.wait_until_entered();
  const auto done = model.writer.try_append_from(data_source(), {0, 10});
  CHECK(code_of_done(done) == errc::wrong_order);
  in_sink.let_leave();
  by_name.join();
  check_sticks(model.writer, errc::wrong_order);
}

TEST_CASE("of two appends in order at the same time, the second is refused, and that sticks") {
  memory_model<positional> model;
  stay in_source;
  errc first{};
  std::thread other([&] {
    first = code_of_done(
        model.writer.try_append_from(data_source(once([&] { in_source.enter(); })), {0, 4}));
  });
  in_source.wait_until_entered();
  CHECK(code_of_done(model.writer.try_append_from(data_source(), {4, 24})) == errc::wrong_order);
  in_source.let_leave();
  other.join();
  CHECK(first == errc());
  check_sticks(model.writer, errc::wrong_order);
}

TEST_CASE("an append in order is not called from another one, by a sink or a source") {
  for (const bool by_source : {false, true}) {
    memory_model<positional> model;
    errc inner{};
    const auto call_back =
        once([&] { inner = code_of_done(model.writer.try_append_from(data_source(), {8, 24})); });
    if (!by_source) model.out.before = call_back;
    (void)model.writer.try_append_from(by_source ? data_source(call_back) : data_source(), {0, 8});
    CHECK(inner == errc::wrong_order);
    check_sticks(model.writer, errc::wrong_order);
  }
}

//-- sequential sinks

TEST_CASE("a sequential sink that appends to its writer is refused, and that sticks") {
  for (const auto& each : ways<sequential>) {
    CAPTURE(each.what);
    memory_model<sequential> model;
    errc inner{};
    model.out.before = once([&] { inner = code_of_done(each.append(model.writer)); });
    (void)model.append("a", "aaaaaa");
    CHECK(inner == errc::wrong_order);
    (void)model.append("a", "aa");
    (void)model.append_rest('b');
    check_sticks(model.writer, errc::wrong_order);
  }
}

TEST_CASE("a source that appends to the writer of a sequential sink is refused, and that sticks") {
  for (const bool in_order : {false, true})
    for (const auto& each : ways<sequential>) {
      CAPTURE(each.what);
      memory_model<sequential> model;
      errc inner{};
      auto source = data_source(once([&] { inner = code_of_done(each.append(model.writer)); }));
      (void)(in_order ? model.writer.try_append_from(source, {0, 6})
                      : model.writer.try_append_from("a", source, {0, 6}));
      CHECK(inner == errc::wrong_order);
      (void)model.append("a", "aa");
      (void)model.append_rest('b');
      check_sticks(model.writer, errc::wrong_order);
    }
}

TEST_CASE("a thread that appends while another one is in a sequential sink is refused") {
  for (const auto& each : ways<sequential>) {
    CAPTURE(each.what);
    memory_model<sequential> model;
    stay in_sink;
    model.out.before = once([&] { in_sink.enter(); });
    std::thread other([&] { (void)model.append("a", "aaaaaa"); });
    in_sink.wait_until_entered();
    CHECK(code_of_done(each.append(model.writer)) == errc::wrong_order);
    in_sink.let_leave();
    other.join();
    check_sticks(model.writer, errc::wrong_order);
  }
}

//-- finishing

TEST_CASE_TEMPLATE("a file is not finished from a sink or a source, all of whose bytes are claimed",
                   Sink, positional, sequential) {
  for (const bool by_source : {false, true}) {
    memory_model<Sink> model;
    check_ok(model.append("a", "aaaaaaaa"));
    check_ok(model.append("b", "bbbbbbbb"));
    errc inner{};
    const auto finish = once([&] { inner = code_of_done(model.writer.try_finish()); });
    if (!by_source) model.out.before = finish;
    (void)model.writer.try_append_from("c", by_source ? data_source(finish) : data_source(),
                                       {16, 24});
    CHECK(inner == errc::incomplete_write);
    check_sticks(model.writer, errc::incomplete_write);
  }
}

TEST_CASE_TEMPLATE("a file is not finished while another thread is in the sink with its last bytes",
                   Sink, positional, sequential) {
  memory_model<Sink> model;
  check_ok(model.append("a", "aaaaaaaa"));
  check_ok(model.append("b", "bbbbbbbb"));
  stay in_sink;
  model.out.before = once([&] { in_sink.enter(); });
  std::thread other([&] { (void)model.append("c", "cccccccc"); });
  in_sink.wait_until_entered();
  const auto finished = model.writer.try_finish();
  in_sink.let_leave();
  other.join();
  CHECK(code_of_done(finished) == errc::incomplete_write);
  check_sticks(model.writer, errc::incomplete_write);
}

TEST_CASE("a sink that calls its writer while it is committed has not been finished") {
  struct committing {
    std::function<void()>* on_commit;
    [[nodiscard]] std::error_code write_at(std::uint64_t, std::span<const std::byte>) const {
      return {};
    }
    [[nodiscard]] result<void> try_commit() const { return (*on_commit)(), result<void>(); }
  };
  for (const bool by_finish : {false, true}) {
    std::function<void()> on_commit;
    auto writer = basic_writer<committing>::try_start({&on_commit}, planned());
    REQUIRE(writer.has_value());
    check_ok(writer->try_append_from(data_source(), {0, 24}));
    errc inner{};
    int commits = 0;
    on_commit = [&] {
      if (++commits == 1)
        inner =
            code_of_done(by_finish ? writer->try_finish() : writer->try_append("a", bytes_of("a")));
    };
    const errc code = by_finish ? errc::incomplete_write : errc::wrong_length;
    CHECK(code_of_done(writer->try_finish()) == code);
    CHECK(inner == code);
    CHECK(commits == 1);
    check_sticks(*writer, code);
  }
}

TEST_CASE("whatever many threads append at once, what is finished is whole") {
  // Each tries to write all of the data by itself, in one way or another.
  const auto write_all = [](memory_model<positional>& model, std::size_t how) {
    if (how == 0) {
      (void)model.writer.try_append_from(data_source(), {0, 24});
    } else if (how == 1) {
      for (std::uint64_t at = 0; at != 24; at += 4)
        (void)model.writer.try_append_from(data_source(), {at, at + 4});
    } else {
      for (const char* name : {"a", "b", "c"})
        while (model.writer.try_remaining(name).value_or(0) != 0 &&
               model.append(name, std::string(4, *name))) {
        }
    }
  };
  std::size_t finished = 0, incomplete = 0;
  for (std::size_t round = 0; round != 300; ++round) {
    memory_model<positional> model;
    model.out.before = [] { std::this_thread::yield(); };
    meeting both(2);
    std::thread other([&] {
      both.arrive_and_wait();
      write_all(model, round / 3 % 3);
    });
    both.arrive_and_wait();
    write_all(model, round % 3);
    other.join();
    if (!model.writer.try_finish()) continue;
    ++finished;
    if (model.written() != data) ++incomplete;
  }
  MESSAGE(finished, " of 300 were finished");
  CHECK(incomplete == 0);
}

//-- files

TEST_CASE("a file that is committed before all of its bytes are written never gets its name") {
  for (const bool atomic : {true, false})
    for (const bool exists : {true, false}) {
      CAPTURE(atomic);
      CAPTURE(exists);
      const bool writes = atomic || !exists;  // in place, the old file is gone with the first byte
      const temporary_folder folder;
      const auto path = folder / "m";
      const output_options options{.atomic = atomic};
      const auto check_refused = [&](const result<void>& committed, std::string_view detail) {
        REQUIRE_FALSE(committed.has_value());
        CHECK(committed.error().code == errc::incomplete_write);
        CHECK(committed.error().path == path_ref(path).to_utf8());
        CHECK(committed.error().message().find(detail) != std::string::npos);
      };
      const auto check_old = [&] {
        CHECK(files_in(folder / "") == (exists ? 1u : 0u));
        if (exists) CHECK(read_file(path) == "old");
      };
      if (exists) write_file(path, "old");
      {
        auto out = writer::try_create(path, planned(), options);
        REQUIRE(out.has_value());
        if (writes) check_ok(out->try_append("a", bytes_of("aaaaaaaa")));
        check_refused(
            out->sink().try_commit(),
            writes ? std::to_string(out->plan().file_size() - 16) + " of its " : "0 of its ");
        if (writes) (void)out->try_append_from(data_source(), {8, 24});
        CHECK_FALSE(out->try_finish().has_value());
      }
      check_old();
      {
        auto out = file_sink::try_create(path, 3, options);
        REQUIRE(out.has_value());
        if (writes) CHECK_FALSE(out->write_at(0, bytes_of("ne")));
        check_refused(out->try_commit(), writes ? "2 of its 3 bytes" : "0 of its 3 bytes");
        if (writes) (void)out->write_at(2, bytes_of("w"));
        CHECK_FALSE(out->try_commit().has_value());
      }
      check_old();
    }
}

TEST_CASE("in place, a file that has been refused its name does not empty the old one any more") {
  const temporary_folder folder;
  write_file(folder / "in", "new");
  const auto source = file_source::try_open(folder / "in");
  REQUIRE(source.has_value());
  const auto check_kept = [&](auto&& write) {
    write_file(folder / "m", "old");
    {
      auto out = file_sink::try_create(folder / "m", 3, {.atomic = false});
      REQUIRE(out.has_value());
      CHECK(code_of_done(out->try_commit()) == errc::incomplete_write);
      write(*out);
      CHECK_FALSE(out->try_commit().has_value());
      CHECK(read_file(folder / "m") == "old");
    }
    REQUIRE(files_in(folder / "") == 2);
    CHECK(read_file(folder / "m") == "old");
  };
  check_kept([](file_sink& out) { CHECK(out.write_at(0, bytes_of("new"))); });
  check_kept([&](file_sink& out) { CHECK(out.copy_at(0, *source, {0, 3}) == 0); });
}

TEST_CASE("a file of nothing is complete at once, and one whose bytes are copied once they are") {
  const temporary_folder folder;
  auto nothing = file_sink::try_create(folder / "nothing", 0);
  REQUIRE(nothing.has_value());
  check_ok(nothing->try_commit());
  CHECK(read_file(folder / "nothing").empty());

  write_file(folder / "in", "0123456789");
  const auto source = file_source::try_open(folder / "in");
  auto out = file_sink::try_create(folder / "out", 10);
  REQUIRE((source && out));
  CHECK_FALSE(out->write_at(0, bytes_of("abc")));
  if (out->copy_at(3, *source, {3, 10}) != 7)  // where the system cannot
    CHECK_FALSE(out->write_at(3, bytes_of("3456789")));
  check_ok(out->try_commit());
  CHECK(read_file(folder / "out") == "abc3456789");
}

TEST_CASE("a file of another size than the plan's is refused when it is to be begun") {
  const temporary_folder folder;
  const auto path = folder / "m";
  write_file(path, "old");
  const std::uint64_t wanted = planned().file_size();
  for (const std::uint64_t size :
       {wanted - 4, wanted - 1, wanted + 1, wanted + 100, std::uint64_t{0}})
    for (const bool atomic : {true, false})
      for (const bool preallocate : {true, false}) {
        CAPTURE(size);
        auto target =
            file_sink::try_create(path, size, {.atomic = atomic, .preallocate = preallocate});
        REQUIRE(target.has_value());
        const auto out = writer::try_start(*std::move(target), planned());
        REQUIRE_FALSE(out.has_value());
        CHECK(out.error().code == errc::wrong_length);
        CHECK(out.error().path == path_ref(path).to_utf8());
        CHECK(says(out.error(), {std::to_string(wanted) + " bytes", std::to_string(size)}));
        CHECK(files_in(folder / "") == 1);
        CHECK(read_file(path) == "old");
      }
  auto target = file_sink::try_create(path, wanted);
  REQUIRE(target.has_value());
  auto out = writer::try_start(*std::move(target), planned());
  REQUIRE(out.has_value());
  check_ok(out->try_append_from(data_source(), {0, 24}));
  check_ok(out->try_finish());
  CHECK(read_file(path).ends_with(data));
}
