// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Every vector of tests/conformance, through every way of reading; the valid ones through every way
// of writing too.
#include "support.hpp"

#include <safetensors/writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace safetensors;
using namespace testing;

namespace {

struct vector_case {
  nlohmann::json facts;
  std::filesystem::path path;
  read_options options{};

  [[nodiscard]] std::string name() const { return facts["name"].get<std::string>(); }
  [[nodiscard]] std::string verdict() const { return facts["verdict"].get<std::string>(); }
};

std::vector<vector_case> small_vectors() {
  const auto folder = source_file("tests/conformance");
  const auto manifest = nlohmann::json::parse(read_file(folder / "manifest.json"));
  std::vector<vector_case> cases;
  for (const auto& facts : manifest["vectors"]) {
    if (!facts.contains("file")) continue;
    vector_case each{facts, folder / facts["file"].get<std::string>()};
    const auto options = facts.value("options", nlohmann::json::object());
    each.options.allow_trailing_bytes = options.value("allow_trailing_bytes", false);
    each.options.max_header_bytes =
        options.value("max_header_bytes", each.options.max_header_bytes);
    cases.push_back(std::move(each));
  }
  return cases;
}

#if defined(NDEBUG) || defined(__OPTIMIZE__)
#define SAFETENSORS_COOKS  // slow without optimisation
// The file that a recipe describes: tests/conformance/README.md tells how.
std::string cook(const nlohmann::json& recipe) {
  std::string header;
  for (const auto& part : recipe["parts"]) {
    const auto kind = part[0].get<std::string>(), text = part[1].get<std::string>();
    if (kind == "text") {
      header += text;
    } else if (kind == "repeat") {
      const auto count = part[2].get<std::size_t>();
      header.reserve(header.size() + count * text.size());
      for (std::size_t i = 0; i < count; ++i) header += text;
    } else {
      REQUIRE(kind == "number_sequence");
      const auto behind = part[4].get<std::string>();
      for (auto number = part[2].get<std::size_t>(); number <= part[3].get<std::size_t>(); ++number)
        header += text + std::to_string(number) + behind;
    }
  }
  std::string file = make_file(header);
  const auto& length = recipe["prefix_length"];
  if (!length.is_null()) file.replace(0, 8, make_length(length.get<std::uint64_t>()));
  return file;
}
#endif

void check_failure(const vector_case& each, const failure& found) {
  CHECK(name(found.code) == each.verdict());
  if (each.facts.contains("tensor")) CHECK(found.tensor == each.facts["tensor"].get<std::string>());
  if (each.facts.contains("offset"))
    CHECK(found.offset == each.facts["offset"].get<std::uint64_t>());
}

// The index of a valid vector: a header's or a file's.
template <class Model> void check_index(const vector_case& each, const Model& model) {
  const auto& tensors = each.facts["tensors"];
  REQUIRE(model.size() == tensors.size());
  for (std::size_t i = 0; const auto tensor : model) {
    const auto& wanted = tensors[i++];
    CHECK(tensor.name() == wanted["name"].get<std::string>());
    CHECK(to_string(tensor.dtype()) == wanted["dtype"].get<std::string>());
    const auto shape = wanted["shape"].get<std::vector<std::uint64_t>>();
    CHECK(std::equal(shape.begin(), shape.end(), tensor.shape().begin(), tensor.shape().end()));
    CHECK(tensor.data_offsets().begin == wanted["data_offsets"][0].get<std::uint64_t>());
    CHECK(tensor.data_offsets().end == wanted["data_offsets"][1].get<std::uint64_t>());
    const auto found = model.find(tensor.name());
    REQUIRE(found.has_value());
    CHECK(found->data_offsets() == tensor.data_offsets());
  }
  CHECK(model.metadata().to_map() == each.facts["metadata"].get<metadata_map>());
}

template <class Model> void check_verdict(const vector_case& each, const result<Model>& read) {
  if (each.verdict() != "valid") {
    REQUIRE_FALSE(read.has_value());
    check_failure(each, read.error());
  } else {
    if (!read) FAIL_CHECK(read.error().message());
    REQUIRE(read.has_value());
    check_index(each, *read);
  }
}

// Two models, headers or files, are the same, in any order or in this one. A recipe has a million
// tensors: only what is wrong is an assertion.
enum class in_order : bool { no, yes };
template <class Model, class Other>
void check_same(const Model& model, const Other& other, in_order order) {
  REQUIRE(model.size() == other.size());
  CHECK(model.metadata().to_map() == other.metadata().to_map());
  for (auto next = other.begin(); const auto tensor : model) {
    const auto found = order == in_order::yes ? std::optional(*next++) : other.find(tensor.name());
    bool same = found && found->name() == tensor.name() && found->dtype() == tensor.dtype() &&
                std::ranges::equal(found->shape(), tensor.shape());
    if (order == in_order::yes) same = same && found->data_offsets() == tensor.data_offsets();
    if constexpr (requires { tensor.bytes(); })
      same = same && std::ranges::equal(found->bytes(), tensor.bytes());
    if (!same) FAIL_CHECK("another tensor: ", printable(tensor.name()));
  }
}

// What a plan tells is what a reader makes of its header.
write_plan check_plan(const borrowed_file& model, const layout_options& layout) {
  auto plan = write_plan::try_make(model, layout);
  REQUIRE(plan.has_value());
  const auto head = header::try_parse(plan->header_bytes(), plan->file_size());
  REQUIRE(head.has_value());
  check_same(*head, plan->header(), in_order::yes);
  CHECK(head->data_start() == plan->header_bytes().size());
  CHECK(head->data_start() == plan->header().data_start());
  CHECK(head->data_size() == plan->header().data_size());
  return *std::move(plan);
}

// The model in memory: equal when it is read, and the same bytes when it is written again.
std::vector<std::byte> check_serialized(const borrowed_file& model, const layout_options& layout) {
  auto bytes = try_serialize(model, layout);
  if (!bytes) FAIL_CHECK(bytes.error().message());
  REQUIRE(bytes.has_value());
  const auto read = borrowed_file::try_from(*bytes);
  REQUIRE(read.has_value());
  const bool as_given = layout.order == tensor_order::as_given;
  check_same(model, *read, as_given ? in_order::yes : in_order::no);
  const auto twice = try_serialize(*read, layout);
  REQUIRE(twice.has_value());
  CHECK(*twice == *bytes);
  check_plan(model, layout);
  return *std::move(bytes);
}

// Gives the tensors to `append` in pieces of random sizes, one after the other or mixed.
template <class Append>
void append_in_pieces(std::vector<tensor_data> tensors, bool mixed, Append&& append) {
  std::mt19937 random(1);
  std::reverse(tensors.begin(), tensors.end());
  while (!tensors.empty()) {
    if (mixed) std::swap(tensors[random() % tensors.size()], tensors.back());
    std::span<const std::byte>& rest = tensors.back().bytes;
    const auto piece = rest.first((std::min)(rest.size(), std::size_t{random() % 10}));
    if (const auto appended = append(tensors.back().name, piece); !appended)
      FAIL_CHECK(appended.error().message());
    rest = rest.subspan(piece.size());
    if (rest.empty()) tensors.pop_back();
  }
}

// All other ways of writing make the same file.
void check_written(const borrowed_file& model, const layout_options& layout,
                   std::span<const std::byte> wanted) {
  const temporary_folder folder;
  const auto path = folder / "model.safetensors";
  const auto check_file = [&] {
    const std::string bytes = read_file(path);
    CHECK(std::ranges::equal(std::as_bytes(std::span(bytes)), wanted));
  };
  REQUIRE(try_save(path, model, {.layout = layout}).has_value());
  check_file();

  auto to_file = writer::try_create(path, check_plan(model, layout));
  REQUIRE(to_file.has_value());
  append_in_pieces(std::vector<tensor_data>(model.begin(), model.end()), true,
                   [&](std::string_view name, std::span<const std::byte> piece) {
                     return to_file->try_append(name, piece);
                   });
  CHECK(to_file->try_finish().has_value());
  check_file();

  std::vector<std::byte> streamed;
  function_sink sink{[&](std::span<const std::byte> next) {
    streamed.insert(streamed.end(), next.begin(), next.end());
  }};
  auto to_memory = basic_writer<decltype(sink)>::try_start(sink, check_plan(model, layout));
  REQUIRE(to_memory.has_value());
  const auto written = borrowed_file::try_from(wanted);
  REQUIRE(written.has_value());
  append_in_pieces(std::vector<tensor_data>(written->begin(), written->end()), false,
                   [&](std::string_view name, std::span<const std::byte> piece) {
                     return to_memory->try_append(name, piece);
                   });
  CHECK(to_memory->try_finish().has_value());
  CHECK(std::ranges::equal(streamed, wanted));
}

void check_rewriting(const borrowed_file& model) {
  layout_options layout{.metadata = model.metadata().to_map()};
  check_written(model, layout, check_serialized(model, layout));

  layout.order = tensor_order::as_given;
  layout.data_alignment = 64;
  const auto bytes = check_serialized(model, layout);
  check_written(model, layout, bytes);
  // Only the header is new.
  const auto data = model.storage().subspan(static_cast<std::size_t>(model.header().data_start()),
                                            static_cast<std::size_t>(model.header().data_size()));
  CHECK((bytes.size() - data.size()) % 64 == 0);
  CHECK(std::ranges::equal(std::span(bytes).last(data.size()), data));
}

}  // namespace

TEST_CASE("every conformance vector gets its verdict, by every way of reading") {
  const std::vector<vector_case> cases = small_vectors();
  CHECK(cases.size() >= 250);
  for (const vector_case& each : cases) {
    const std::string title = each.name();
    CAPTURE(title);
    const std::string bytes = read_file(each.path);
    const auto view = std::as_bytes(std::span(bytes));
    check_verdict(each, header::try_parse(view, bytes.size(), each.options));
    check_verdict(each, header::try_open(each.path, each.options));
    auto source = function_source{bytes.size(), [&](std::uint64_t at, std::span<std::byte> to) {
                                    const auto from =
                                        view.subspan(static_cast<std::size_t>(at), to.size());
                                    std::copy(from.begin(), from.end(), to.begin());
                                    return std::error_code();
                                  }};
    check_verdict(each, header::try_read(source, each.options));
    check_verdict(each, file::try_open(each.path, each.options));
    check_verdict(each, memory_file::try_open(each.path, each.options));
    check_verdict(each, memory_file::try_read(source, each.options));
    check_verdict(each, borrowed_file::try_from(view, each.options));
    check_verdict(each, basic_file<std::string>::try_from(bytes, each.options));
  }
}

TEST_CASE("every valid conformance vector is written again, by every way of writing") {
  std::size_t count = 0;
  for (const vector_case& each : small_vectors()) {
    if (each.verdict() != "valid") continue;
    ++count;
    const std::string title = each.name();
    CAPTURE(title);
    const std::string bytes = read_file(each.path);
    const auto model = borrowed_file::try_from(std::as_bytes(std::span(bytes)), each.options);
    REQUIRE(model.has_value());
    check_rewriting(*model);
  }
  MESSAGE("vectors written again: ", count);
  CHECK(count >= 50);
}

TEST_CASE("the large vectors, which are recipes, get their verdicts") {
#ifndef SAFETENSORS_COOKS
  MESSAGE("skipped: the recipes take optimised builds; the preset clang runs them, among others");
#else
  const auto manifest =
      nlohmann::json::parse(read_file(source_file("tests/conformance/manifest.json")));
  std::size_t count = 0;
  for (const auto& facts : manifest["vectors"]) {
    if (!facts.contains("recipe")) continue;
    ++count;
    const std::string title = facts["name"].get<std::string>();
    CAPTURE(title);
    const std::string bytes = cook(facts["recipe"]);
    read_options options;
    options.max_header_bytes = facts.value("options", nlohmann::json::object())
                                   .value("max_header_bytes", options.max_header_bytes);
    const auto read = borrowed_file::try_from(std::as_bytes(std::span(bytes)), options);
    if (facts["verdict"] == "valid") {
      if (!read) FAIL_CHECK(read.error().message());
      REQUIRE(read.has_value());
      CHECK(read->size() == facts["tensor_count"].get<std::size_t>());
      check_serialized(*read, {.metadata = read->metadata().to_map()});
    } else {
      REQUIRE_FALSE(read.has_value());
      CHECK(name(read.error().code) == facts["verdict"].get<std::string>());
      if (facts.contains("offset"))
        CHECK(read.error().offset == facts["offset"].get<std::uint64_t>());
    }
  }
  CHECK(count >= 20);
#endif
}

TEST_CASE("every code of opening has vectors") {
  std::map<std::string, int> counts;
  for (const vector_case& each : small_vectors()) ++counts[each.verdict()];
  CHECK(counts["valid"] >= 50);
  for (int code = 1; name(static_cast<errc>(code)) != "unknown"; ++code) {
    const std::string rule(name(static_cast<errc>(code)));
    CAPTURE(rule);
    CHECK(counts[rule] >= 1);
  }
}

#if !defined(_WIN32) && defined(SAFETENSORS_TOOL)
TEST_CASE("the command gives every vector its verdict") {
  std::string files;
  std::map<std::string, std::string> wanted;
  for (const vector_case& each : small_vectors()) {
    if (each.facts.contains("options")) continue;
    files += " " + shell_quoted(each.path.string());
    if (each.verdict() != "valid") wanted[each.path.string()] = each.verdict();
  }
  const outcome ran = run(shell_quoted(SAFETENSORS_TOOL) + " verify --quiet" + files);
  CHECK(ran.exit_code == 1);
  CHECK(ran.out == "");
  std::map<std::string, std::string> told;
  for (std::size_t at = 0; at < ran.err.size();) {
    const std::size_t end = ran.err.find('\n', at), path = ran.err.find(": ", at),
                      rule = ran.err.find(": ", path + 2);
    told[ran.err.substr(at, path - at)] = ran.err.substr(path + 2, rule - path - 2);
    at = end + 1;
  }
  CHECK(told == wanted);
}
#endif
