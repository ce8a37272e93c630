// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// What is left of an object that was moved from is empty, and can be given something new; and a
// plan is moved from only by a writer that has begun.
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <csignal>
#include <cstring>
#ifndef _WIN32
#include <sys/resource.h>
#endif

using namespace safetensors;
using namespace testing;
using namespace std::string_literals;

namespace {

const std::vector<float> values{1, 2, 3, 4, 5, 6};

// So that what is looked at afterwards is not seen to be moved from, which is asked for here.
template <class T> T taken(T& from) { return std::move(from); }
template <class T> void give(T& from, T& to) { to = std::move(from); }

// make(0) and make(1) are two objects. Moves them in every way: is_left(object) checks one that was
// moved from, has(object, n) one that must be as make(n) made it.
template <class Make, class Left, class Has>
void check_moves(Make&& make, Left&& is_left, Has&& has) {
  auto first = make(0);
  has(first, 0);
  auto second = taken(first);
  is_left(first);
  has(second, 0);
  auto third = make(1);
  give(second, third);
  is_left(second);
  has(third, 0);
  give(third, first);  // to one that is empty
  is_left(third);
  has(first, 0);
  give(second, first);  // from one that is
  is_left(first);
  is_left(second);
  second = make(1);
  has(second, 1);
}

write_plan plan_of(list_of<tensor_spec> specs, const layout_options& options = {}) {
  auto plan = write_plan::try_make(specs, options);
  REQUIRE(plan.has_value());
  return *std::move(plan);
}
write_plan make_plan(int which) {
  return which == 0 ? plan_of({{"w", dtype::f32, {2, 3}}}, {.metadata = {{"format", "pt"}}})
                    : plan_of({{"another", dtype::u8, {9}}, {"one", dtype::f64, {}}});
}
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void is_empty(const header& index) {
  CHECK(index.empty());
  CHECK(index.begin() == index.end());
  CHECK_FALSE(index.find("w").has_value());
  CHECK_FALSE(index.contains("w"));
  CHECK(index.try_at("w").error().code == errc::tensor_not_found);
  CHECK(index.metadata().empty());
  CHECK(index.metadata().begin() == index.metadata().end());
  CHECK_FALSE(index.metadata().find("format").has_value());
  CHECK(index.metadata().to_map().empty());
  CHECK(index.data_start() == 0);
  CHECK(index.data_size() == 0);
  CHECK(index.file_size() == 0);
  CHECK_FALSE(index.unknown_field().has_value());
}
void is_empty(const write_plan& plan) {
  is_empty(plan.header());
  CHECK(plan.header_bytes().empty());
  CHECK(plan.file_size() == 0);
}
bool is_same(const write_plan& plan, const write_plan& other) {
  return text_of(plan.header_bytes()) == text_of(other.header_bytes()) &&
         plan.file_size() == other.file_size() && plan.header().size() == other.header().size() &&
         plan.header().metadata().to_map() == other.header().metadata().to_map();
}

// "w" of F32 [2,3], or of F32 [3,2], with values.
std::string make_model(int which) {
  const auto bytes =
      which == 0
          ? try_serialize({{"w", {2, 3}, values}}, {.metadata = {{"format", "pt"}}})
          : try_serialize({{"w", {3, 2}, values}}, {.metadata = {{"format", "np"}, {"a", "b"}}});
  REQUIRE(bytes.has_value());
  return text_of(*bytes);
}
template <class Model> void has_model(const Model& model, int which) {
  REQUIRE(model.size() == 1);
  CHECK(model.find("w")->matches(dtype::f32, which == 0 ? shape_ref{2, 3} : shape_ref{3, 2}));
  CHECK(model.metadata().find("format") == (which == 0 ? "pt" : "np"));
}

errc code_of_done(const result<void>& done) { return done ? errc() : done.error().code; }
void check_ok(const result<void>& done) {
  if (!done) FAIL_CHECK(done.error().message());
}

}  // namespace

//-- reading

TEST_CASE("a header that was moved from is empty, and its tensors are those of the new one") {
  check_moves(
      [](int which) {
        const std::string bytes = make_model(which);
        auto index = parse(bytes);
        REQUIRE(index.has_value());
        return *std::move(index);
      },
      [](const header& index) { is_empty(index); },
      [](const header& index, int which) {
        has_model(index, which);
        CHECK(index.file_size() == make_model(which).size());
      });
  header first = *parse(make_model(0));
  const tensor_info tensor = *first.find("w");
  const header second = taken(first);
  CHECK(tensor.name() == "w");
  CHECK(tensor.file_range() == second.find("w")->file_range());
}

TEST_CASE_TEMPLATE("a file that was moved from is empty, and its tensors are those of the new one",
                   File, file, memory_file, borrowed_file) {
  const temporary_folder folder;
  const std::string models[] = {make_model(0), make_model(1)};
  write_file(folder / "0", models[0]);
  write_file(folder / "1", models[1]);
  const auto make = [&](int which) {
    auto opened = [&] {
      if constexpr (std::same_as<File, borrowed_file>)
        return File::try_from(std::as_bytes(std::span(models[which])));
      else
        return File::try_open(folder / std::to_string(which));
    }();
    REQUIRE(opened.has_value());
    return *std::move(opened);
  };
  check_moves(
      make,
      [](const File& model) {
        is_empty(model.header());
        CHECK(model.empty());
        CHECK(model.begin() == model.end());
        CHECK_FALSE(model.find("w").has_value());
        CHECK_FALSE(model.contains("w"));
        CHECK(model.try_at("w").error().code == errc::tensor_not_found);
        CHECK(model.metadata().empty());
      },
      [&](const File& model, int which) {
        has_model(model, which);
        CHECK(*model.find("w")->template try_to_vector<float>() == values);
        CHECK(std::size(model.storage()) == models[which].size());
      });
  File first = make(0);
  const tensor_view tensor = *first.find("w");
  const File second = taken(first);
  CHECK(*tensor.template try_to_vector<float>() == values);
}

TEST_CASE("a source that was moved from has no bytes, no path and no descriptor") {
  const temporary_folder folder;
  write_file(folder / "0", make_model(0));
  write_file(folder / "1", make_model(1));
  const std::size_t before = open_descriptors();
  check_moves(
      [&](int which) {
        auto source = file_source::try_open(folder / std::to_string(which));
        REQUIRE(source.has_value());
        return *std::move(source);
      },
      [](const file_source& source) {
        std::byte byte{};
        CHECK(source.size() == 0);
        CHECK(source.path().empty());
        CHECK(source.offset() == 0);
        CHECK(source.handle() == invalid_handle);
        CHECK(source.read_at(0, std::span(&byte, 1)) == errc::missing_bytes);
        CHECK_FALSE(source.read_at(0, {}));
        CHECK(header::try_read(source).error().code == errc::header_too_small);
        CHECK(memory_file::try_read(source).error().code == errc::header_too_small);
        CHECK(file::try_read(source).error().code == errc::header_too_small);
      },
      [&](const file_source& source, int which) {
        CHECK(source.path() == path_ref(folder / std::to_string(which)).to_utf8());
        const auto index = header::try_read(source);
        REQUIRE(index.has_value());
        has_model(*index, which);
      });
  CHECK(open_descriptors() == before);
}

TEST_CASE("mapped and owned bytes that were moved from are none") {
  const temporary_folder folder;
  const std::string models[] = {make_model(0), make_model(1)};
  write_file(folder / "0", models[0]);
  write_file(folder / "1", models[1]);
  for (const map_mode mode : {map_mode::read_only, map_mode::copy_on_write})
    check_moves(
        [&](int which) {
          auto mapped = mapped_bytes::try_open(folder / std::to_string(which), mode);
          REQUIRE(mapped.has_value());
          return *std::move(mapped);
        },
        [](mapped_bytes& mapped) {
          CHECK(mapped.size() == 0);
          CHECK(mapped.data() == nullptr);
          CHECK(mapped.writable_bytes().empty());
        },
        [&](mapped_bytes& mapped, int which) {
          CHECK(text_of({mapped.data(), mapped.size()}) == models[which]);
          CHECK(mapped.writable_bytes().size() ==
                (mode == map_mode::read_only ? 0 : mapped.size()));
        });
  check_moves(
      [&](int which) {
        const auto source = file_source::try_open(folder / std::to_string(which));
        REQUIRE(source.has_value());
        const auto index = header::try_read(*source);
        REQUIRE(index.has_value());
        auto owned = owned_bytes::try_load(*source, *index);
        REQUIRE(owned.has_value());
        return *std::move(owned);
      },
      [](const owned_bytes& owned) {
        CHECK(owned.size() == 0);
        CHECK(owned.data() == nullptr);
      },
      [&](const owned_bytes& owned, int which) {
        CHECK(text_of({owned.data(), owned.size()}) == models[which]);
      });
}

TEST_CASE("a slice that was moved from has no dimensions and no bytes") {
  const std::string bytes = make_model(0);
  const auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)));
  REQUIRE(model.has_value());
  const tensor_view tensor = *model->find("w");
  const tensor_info info = *model->header().find("w");
  const std::uint64_t start = tensor.file_range().begin;
  using numbers = std::vector<std::uint64_t>;
  const auto list = [](std::span<const std::uint64_t> span) {
    return numbers(span.begin(), span.end());
  };
  const auto is_left = [](const slice_layout& slice) {
    CHECK(slice.ndim() == 0);
    CHECK(slice.shape().empty());
    CHECK(slice.strides().empty());
    CHECK(slice.element_count() == 0);
    CHECK(slice.byte_size() == 0);
    CHECK(slice.run_count() == 0);
    CHECK(slice.contiguous());
  };
  const auto has_layout = [&](const slice_layout& slice, int which) {  // columns 1 and 2, or row 1
    CHECK(slice.tensor().name() == "w");
    CHECK(list(slice.shape()) == (which == 0 ? numbers{2, 2} : numbers{3}));
    CHECK(list(slice.strides()) == (which == 0 ? numbers{3, 1} : numbers{1}));
    CHECK(slice.element_count() == (which == 0 ? 4 : 3));
    CHECK(slice.byte_size() == (which == 0 ? 16 : 12));
    CHECK(slice.run_count() == (which == 0 ? 2 : 1));
    CHECK(slice.file_run(0).begin == start + (which == 0 ? 4 : 12));
  };
  const auto cut = [](const auto& from, int which) {
    auto slice = which == 0 ? from.try_slice({{0, 2}, {1, 3}}) : from.try_slice({pick(1)});
    REQUIRE(slice.has_value());
    return *std::move(slice);
  };
  check_moves([&](int which) { return cut(info, which); }, is_left, has_layout);
  check_moves([&](int which) { return cut(tensor, which); },
              [&](const slice_view& slice) {
                is_left(slice);
                CHECK((*slice.try_to_vector<float>()).empty());
                if constexpr (std::endian::native == std::endian::little) {
                  CHECK((*slice.try_as<float>()).empty());
                  CHECK((*slice.try_bits<std::uint32_t>()).empty());
                }
                CHECK(slice.try_data<float>().has_value());
                check_ok(slice.try_copy_bytes({}));
                check_ok(slice.try_copy_bytes({}, 100));
                check_ok(slice.try_copy_to(std::span<float>()));
                check_ok(slice.try_copy_bits(std::span<std::uint32_t>()));
                float one = 0;
                CHECK(code_of_done(slice.try_copy_to(std::span(&one, 1))) == errc::wrong_length);
              },
              [&](const slice_view& slice, int which) {
                has_layout(slice, which);
                CHECK(*slice.try_to_vector<float>() ==
                      (which == 0 ? std::vector<float>{2, 3, 5, 6} : std::vector<float>{4, 5, 6}));
                CHECK(slice.run(0).data() == tensor.bytes().data() + (which == 0 ? 4 : 12));
                const slice_view copy(slice);  // leaves it as it is
                has_layout(copy, which);
                has_layout(slice, which);
              });
}

//-- plans

TEST_CASE("a plan that was moved from is empty, not another one") {
  check_moves(
      make_plan, [](const write_plan& plan) { is_empty(plan); },
      [](const write_plan& plan, int which) { CHECK(is_same(plan, make_plan(which))); });
  is_empty(write_plan());
}

TEST_CASE("no writer takes a plan that was moved from, and no file appears") {
  struct no_sink {
    std::error_code write(std::span<const std::byte>) {
      FAIL_CHECK("is called");
      return {};
    }
  };
  const temporary_folder folder;
  write_file(folder / "old", "old");
  write_plan constructed_from = make_plan(0), assigned_from = make_plan(0), target = make_plan(1);
  const write_plan first = taken(constructed_from);
  give(assigned_from, target);
  write_plan never_any;
  for (write_plan* plan : {&constructed_from, &assigned_from, &never_any}) {
    for (const bool atomic : {true, false})
      for (const char* name : {"new", "old"}) {
        const auto made = writer::try_create(folder / name, std::move(*plan), {.atomic = atomic});
        REQUIRE_FALSE(made.has_value());
        CHECK(made.error().code == errc::invalid_option);
        CHECK(made.error().path == path_ref(folder / name).to_utf8());
      }
    for (const std::uint64_t size : {0u, 8u}) {
      auto file = file_sink::try_create(folder / "new", size);
      REQUIRE(file.has_value());
      const auto started = writer::try_start(*std::move(file), taken(*plan));
      REQUIRE_FALSE(started.has_value());
      CHECK(started.error().code == errc::invalid_option);
    }
    const auto to_sink = basic_writer<no_sink>::try_start(no_sink(), taken(*plan));
    REQUIRE_FALSE(to_sink.has_value());
    CHECK(to_sink.error().code == errc::invalid_option);
#if SAFETENSORS_EXCEPTIONS
    CHECK_THROWS_AS(writer(folder / "new", std::move(*plan)), error);
    CHECK_THROWS_AS(basic_writer(no_sink(), taken(*plan)), error);
#endif
  }
  CHECK(files_in(folder / "") == 1);
  CHECK(read_file(folder / "old") == "old");
}

TEST_CASE("a plan of no tensors is one, and its file is written") {
  const temporary_folder folder;
  for (const bool atomic : {true, false})
    for (const metadata_map& metadata : {metadata_map{}, metadata_map{{"k", "v"}}}) {
      write_file(folder / "m", std::string(1000, 'x'));
      auto out =
          writer::try_create(folder / "m", plan_of({}, {.metadata = metadata}), {.atomic = atomic});
      REQUIRE(out.has_value());
      CHECK(read_file(folder / "m") == std::string(1000, 'x'));
      check_ok(out->try_finish());
      const auto read = header::try_open(folder / "m");
      REQUIRE(read.has_value());
      CHECK(read->empty());
      CHECK(read->metadata().to_map() == metadata);
    }
}

namespace {

// Makes the writers of a plan that fail, one path after the other, and at last one that does not.
template <class Create> void check_one_after_the_other(Create&& create) {
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "folder");
  write_file(folder / "taken", "old");
  for (const bool atomic : {true, false}) {
    write_plan plan = make_plan(0);
    const auto check_refused = [&](const std::filesystem::path& path, bool replace) {
      CHECK_FALSE(create(path, plan, {.atomic = atomic, .replace = replace}).has_value());
      CHECK(is_same(plan, make_plan(0)));
    };
    check_refused(folder / "none" / "m", true);
    check_refused(folder / "folder", true);
    check_refused(folder / "taken", false);
    check_refused("", true);
    auto out = create(folder / "m", plan, {.atomic = atomic});
    REQUIRE(out.has_value());
    is_empty(plan);
    CHECK(is_same(out->plan(), make_plan(0)));
    check_ok(out->try_append("w", values));
    check_ok(out->try_finish());
    CHECK(read_file(folder / "m") == make_model(0));
    CHECK(files_in(folder / "") == 3);
    plan = make_plan(1);  // it may have a new one
    CHECK(create(folder / "m", plan, {.atomic = atomic}).has_value());
    std::filesystem::remove(folder / "m");
  }
  CHECK(read_file(folder / "taken") == "old");
}

}  // namespace

TEST_CASE("one path after the other is tried with one plan, until one can be written") {
  check_one_after_the_other(
      [](const std::filesystem::path& path, write_plan& plan, const output_options& options) {
        return writer::try_create(path, std::move(plan), options);
      });
#if SAFETENSORS_EXCEPTIONS
  check_one_after_the_other([](const std::filesystem::path& path, write_plan& plan,
                               const output_options& options) -> result<writer> {
    try {
      return writer(path, std::move(plan), options);
    } catch (const error& thrown) {
      return thrown.info();
    }
  });
#endif
}

#ifndef _WIN32
TEST_CASE("a plan whose header could not be written is still its caller's") {
  const temporary_folder folder;
  CHECK(true_in_child([&] {
    ::rlimit usual{};
    if (::getrlimit(RLIMIT_FSIZE, &usual) != 0 || ::signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
      return false;
    for (const bool atomic : {true, false})
      for (const bool preallocate : {true, false}) {
        write_plan plan = make_plan(0);
        ::rlimit within_header = usual;
        within_header.rlim_cur = plan.header_bytes().size() / 2;
        if (::setrlimit(RLIMIT_FSIZE, &within_header) != 0) return false;
        const auto none = writer::try_create(folder / "m", std::move(plan),
                                             {.atomic = atomic, .preallocate = preallocate});
        if (none || none.error().system != std::errc::file_too_large) return false;
        if (::setrlimit(RLIMIT_FSIZE, &usual) != 0) return false;
        if (files_in(folder / "") != 0 || !is_same(plan, make_plan(0))) return false;
        auto out = writer::try_create(folder / "m", std::move(plan));
        if (!out || !out->try_append("w", values) || !out->try_finish() ||
            read_file(folder / "m") != make_model(0))
          return false;
        std::filesystem::remove(folder / "m");
      }
    return true;
  }));
}
#endif

//-- writing

namespace {

struct string_sink {
  std::shared_ptr<std::string> bytes = std::make_shared<std::string>();
  std::error_code write(std::span<const std::byte> next) {
    *bytes += text_of(next);
    return {};
  }
};

template <class Writer> void takes_nothing(Writer& out) {
  function_source source{100, [](std::uint64_t, std::span<std::byte>) -> std::error_code {
                           FAIL_CHECK("is read");
                           return {};
                         }};
  CHECK(code_of_done(out.try_append("w", values)) == errc::wrong_order);
  CHECK(code_of_done(out.try_append("w", std::as_bytes(std::span(values)))) == errc::wrong_order);
  CHECK(code_of_done(out.try_append_bits("w", std::vector<std::uint32_t>(6))) == errc::wrong_order);
  CHECK(code_of_done(out.try_append_from("w", source, {0, 24})) == errc::wrong_order);
  CHECK(code_of_done(out.try_append_from(source, {0, 24})) == errc::wrong_order);
  CHECK(code_of_done(out.try_finish()) == errc::wrong_order);
  CHECK_FALSE(out.try_remaining("w").has_value());
  is_empty(out.plan());
}

}  // namespace

TEST_CASE("a writer that was moved from takes nothing and has an empty plan") {
  check_moves(
      [](int which) {
        auto out = basic_writer<string_sink>::try_start(string_sink(), make_plan(which));
        REQUIRE(out.has_value());
        return *std::move(out);
      },
      [](auto& out) { takes_nothing(out); },
      [](auto& out, int which) {
        CHECK(is_same(out.plan(), make_plan(which)));
        CHECK(out.try_remaining(which == 0 ? "w" : "another").value_or(0) == (which == 0 ? 24 : 9));
      });

  const temporary_folder folder;
  auto first = writer::try_create(folder / "m", make_plan(0));
  REQUIRE(first.has_value());
  check_ok(first->try_append("w", std::span(values).first(2)));
  writer second = taken(*first);
  takes_nothing(*first);
  check_ok(second.try_append("w", std::span(values).subspan(2)));
  check_ok(second.try_finish());
  CHECK(read_file(folder / "m") == make_model(0));
  give(second, *first);
  takes_nothing(second);
  check_ok(first->try_finish());
  CHECK(code_of_done(first->try_append("w", values)) == errc::wrong_order);
}

TEST_CASE("an output file that was moved from takes no bytes and cannot be committed") {
  const temporary_folder folder;
  write_file(folder / "in", "0123456789");
  const auto source = file_source::try_open(folder / "in");
  REQUIRE(source.has_value());
  const auto bytes = std::as_bytes(std::span("new", 3));
  for (const bool atomic : {true, false}) {
    check_moves(
        [&](int which) {
          auto out = file_sink::try_create(folder / std::to_string(which), 3, {.atomic = atomic});
          REQUIRE(out.has_value());
          return *std::move(out);
        },
        [&](file_sink& out) {
          CHECK(out.size() == 0);
          CHECK(out.path().empty());
          CHECK(out.write_at(0, bytes) == errc::wrong_length);
          CHECK(out.write_at(3, {}) == errc::wrong_length);
          CHECK_FALSE(out.write_at(0, {}));
          CHECK(out.copy_at(0, *source, {0, 3}) == 0);
          CHECK(out.copy_at(0, *source, {0, 0}) == 0);
          CHECK(code_of_done(out.try_commit()) == errc::wrong_order);
          CHECK(code_of_done(out.try_commit()) == errc::wrong_order);
          const auto made = writer::try_start(taken(out), make_plan(0));
          REQUIRE_FALSE(made.has_value());
          CHECK(made.error().code == errc::wrong_length);
        },
        [&](file_sink& out, int which) {
          CHECK(out.size() == 3);
          CHECK(out.path() == path_ref(folder / std::to_string(which)).to_utf8());
          CHECK_FALSE(out.write_at(0, bytes));
        });
    CHECK(files_in(folder / "") == 1);  // one that is assigned to leaves nothing behind
  }
  auto out = file_sink::try_create(folder / "m", 3);
  REQUIRE(out.has_value());
  CHECK_FALSE(out->write_at(0, bytes));
  file_sink moved = taken(*out);
  check_ok(moved.try_commit());
  CHECK(read_file(folder / "m") == "new");
  CHECK(code_of_done(out->try_commit()) == errc::wrong_order);
}

TEST_CASE("a spec that was moved from is a scalar without a name, whatever its sizes were") {
  check_moves(
      [](int which) {
        return tensor_spec("a name of many letters", dtype::f32, {2, which == 0 ? -3 : 3});
      },
      [](const tensor_spec& spec) {
        const auto plan = write_plan::try_make({spec});
        REQUIRE(plan.has_value());
        CHECK(plan->header().find("")->ndim() == 0);
      },
      [](const tensor_spec& spec, int which) {
        CHECK(spec.name == "a name of many letters");
        const auto plan = write_plan::try_make({spec});
        CHECK(plan.has_value() == (which == 1));
        if (!plan) CHECK(plan.error().code == errc::invalid_shape);
      });
}
