// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Fuzz target: plans. What is refused leaves nothing and names its cause; what is accepted is
// written to the bytes that were predicted, in every way and order, and read back.
#include <safetensors/writer.hpp>

#include "input.hpp"
#include "scratch.hpp"
#include "wanted.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <set>
#include <variant>

namespace {

using namespace safetensors;

constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();
constexpr std::uint64_t too_much = 300'000;  // bytes of data to be really written

//-- what the bytes mean

bool is_known(dtype type) { return type <= dtype::u64; }

struct fuzzed_tensor {
  tensor_spec spec;
  std::vector<int> negative{};  // the shape, if it is none
};

// One tensor, or those of several layers, which differ by name.
void make_tensors(input& in, std::vector<fuzzed_tensor>& to) {
  std::string name = in.text();
  if (in.rarely() && !to.empty()) name = to[in.below(to.size())].spec.name;
  const std::uint64_t number = in.number();
  const auto type = static_cast<dtype>(number < 252 ? number % std::size(detail::dtypes) : number);
  if (in.rarely()) {
    const std::vector<int> negative{static_cast<int>(in.number()), -1};
    to.push_back({{name, type, negative}, negative});
    return;
  }
  std::vector<std::uint64_t> shape(in.below(6));
  for (std::uint64_t& size : shape) size = in.size();
  to.push_back({{name, type, shape}});
  if (const std::uint64_t layers = in.number(); layers > 207)
    for (std::uint64_t i = 208; i < layers; i += 4)
      to.push_back({{name + std::to_string(i), type, shape}});
}

layout_options make_options(input& in) {
  layout_options options;
  options.order = in.flag() ? tensor_order::as_given : tensor_order::canonical;
  if (in.flag()) options.data_alignment = std::uint64_t{1} << in.below(13);
  if (in.rarely()) options.data_alignment = std::uint64_t{1} << in.below(64);
  if (in.rarely()) options.data_alignment = in.number(8);
  if (in.rarely()) options.max_header_bytes = in.number(2);
  constexpr std::uint64_t large = 1 << 16;
  if (options.data_alignment > large)  // nothing is padded by 100 MB
    options.max_header_bytes = std::min(options.max_header_bytes, large);
  for (std::size_t count = in.below(8); count > 4; --count) {
    std::string key = in.text();
    options.metadata[std::move(key)] = in.text();
  }
  return options;
}

//-- a tensor's bytes, in the form in which they are given

using contents = std::variant<std::string, std::vector<std::uint16_t>, std::vector<std::uint32_t>,
                              std::vector<std::uint64_t>, std::vector<float>>;

// Little-endian words; the last one is filled up with zeros.
template <class Word> std::vector<Word> words_of(std::string_view bytes) {
  std::vector<Word> words((bytes.size() + sizeof(Word) - 1) / sizeof(Word));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    words[i / sizeof(Word)] = static_cast<Word>(words[i / sizeof(Word)] |
                                                std::uint64_t{static_cast<unsigned char>(bytes[i])}
                                                    << 8 * (i % sizeof(Word)));
  return words;
}
std::vector<float> floats_of(std::string_view bytes) {
  const auto words = words_of<std::uint32_t>(bytes);
  std::vector<float> floats(words.size());
  if (!words.empty()) std::memcpy(floats.data(), words.data(), 4 * words.size());
  return floats;
}

// In a form that fits the dtype, mostly.
contents make_contents(input& in, dtype type, std::string bytes) {
  const std::uint64_t choice = in.number();
  if (choice > 247) bytes.resize(in.below(bytes.size() + 2));
  if (choice < 96 || choice > 247) return bytes;
  if (choice == 240) return floats_of(bytes);
  switch (choice < 240 && is_known(type) ? bit_width(type) : 8 << choice % 4) {
    case 16: return words_of<std::uint16_t>(bytes);
    case 32:
      return type == dtype::f32 ? contents(floats_of(bytes)) : words_of<std::uint32_t>(bytes);
    case 64: return words_of<std::uint64_t>(bytes);
    default: return bytes;
  }
}

//-- what is to be refused: why, and by which tensor's fault

using causes = std::set<std::pair<errc, std::string>>;

result<std::uint64_t> size_of(const tensor_spec& spec) {
  std::uint64_t elements = 1;
  for (const std::uint64_t size : spec.shape) {
    if (size != 0 && elements > most / size) return errc::size_overflow;
    elements *= size;
  }
  const auto width = static_cast<std::uint64_t>(bit_width(spec.dtype));
  if (elements > most / width) return errc::size_overflow;
  if (elements * width % 8 != 0) return errc::partial_byte;
  return elements * width / 8;
}

causes faults_of_parts(const std::vector<fuzzed_tensor>& tensors, const layout_options& options) {
  causes found;
  if (!std::has_single_bit(options.data_alignment)) found.emplace(errc::invalid_option, "");
  for (const auto& [key, value] : options.metadata)
    if (!is_utf8(key) || !is_utf8(value)) found.emplace(errc::invalid_utf8, "");
  for (const auto& [spec, negative] : tensors) {
    if (!is_utf8(spec.name)) found.emplace(errc::invalid_utf8, spec.name);
    if (spec.name == "__metadata__") found.emplace(errc::reserved_name, spec.name);
    if (!negative.empty()) found.emplace(errc::invalid_shape, spec.name);
    if (!is_known(spec.dtype))
      found.emplace(errc::unknown_dtype, spec.name);
    else if (const auto size = size_of(spec); !size)
      found.emplace(size.error().code, spec.name);
  }
  return found;
}

causes faults_of_whole(const wanted_file& wanted, const layout_options& options) {
  causes found;
  std::set<std::string> names;
  for (const wanted_tensor& tensor : wanted.tensors)
    if (!names.insert(tensor.name).second) found.emplace(errc::duplicate_tensor, tensor.name);
  const bool twins = !found.empty();  // whose order is open, and with it which one is too much
  std::uint64_t data = 0;
  for (const wanted_tensor& tensor : wanted.tensors) {
    if (tensor.size > most - data)
      for (const std::string& name : names)
        if (twins || name == tensor.name) found.emplace(errc::size_overflow, name);
    data += tensor.size;
  }
  const std::uint64_t room = options.max_header_bytes + 8;
  const std::uint64_t head = wanted.alignment > room ? wanted.alignment : wanted.head().size();
  if (head > room) found.emplace(errc::header_too_large, "");
  if (data > most - 1 - head) found.emplace(errc::size_overflow, "");
  return found;
}

void find_faults_of_data(const wanted_tensor& tensor, const contents& given, causes& found) {
  std::visit(
      [&](const auto& range) {
        using word = std::remove_cvref_t<decltype(range[0])>;
        if (range.size() * sizeof(word) != tensor.size)
          found.emplace(errc::size_mismatch, tensor.name);
        const bool half = sizeof(word) == 4 && tensor.type == dtype::c64;
        const bool fits = std::same_as<word, float>
                              ? tensor.type == dtype::f32
                              : half || sizeof(word) == 1 ||
                                    8 * static_cast<int>(sizeof(word)) == bit_width(tensor.type);
        if (!fits) found.emplace(errc::dtype_mismatch, tensor.name);
      },
      given);
}

void require_fits(const failure& found, const causes& all) {
  require_tellable(found);
  require(all.contains({found.code, found.tensor.value_or("")}), "a refusal names its cause");
}

//-- tensor by tensor

template <class Sink> result<void> append(basic_writer<Sink>& out, const wanted_tensor& tensor,
                                          std::string_view piece, std::uint64_t way) {
  if (way % 4 == 1) {  // behind something else
    const std::string other = "other" + std::string(piece);
    return out.try_append_from(tensor.name,
                               function_source{other.size(),
                                               [&](std::uint64_t at, std::span<std::byte> to) {
                                                 std::memcpy(to.data(), other.data() + at,
                                                             to.size());
                                                 return std::error_code();
                                               }},
                               {5, other.size()});
  }
  if (way % 4 == 2 && tensor.type == dtype::f32)
    return out.try_append(tensor.name, floats_of(piece));
  if (way % 4 == 3 && bit_width(tensor.type) >= 8) switch (bit_width(tensor.type)) {
      case 8: return out.try_append_bits(tensor.name, words_of<std::uint8_t>(piece));
      case 16: return out.try_append_bits(tensor.name, words_of<std::uint16_t>(piece));
      case 32: return out.try_append_bits(tensor.name, words_of<std::uint32_t>(piece));
      default: return out.try_append_bits(tensor.name, words_of<std::uint64_t>(piece));
    }
  return out.try_append(tensor.name, as_bytes(piece));
}

// Something wrong while these tensors lack bytes: it fails by its rule, and the failure sticks.
template <class Sink> void check_wrong_call(basic_writer<Sink>& out, const wanted_file& wanted,
                                            const std::vector<std::size_t>& open, input& in) {
  const std::string name = in.text() + "?";
  const bool known = out.plan().header().contains(name);
  const std::byte byte{};
  const auto one = [&](std::string_view to) { return out.try_append(to, std::span(&byte, 1)); };
  result<void> done;
  errc code = errc::incomplete_write;
  switch (in.below(5)) {
    case 0:
      if (known) return;
      code = errc::tensor_not_found;
      done = one(name);
      break;
    case 1:
      if (wanted.tensors.size() == open.size()) return;
      code = errc::wrong_length;
      for (std::size_t i = 0; const wanted_tensor& tensor : wanted.tensors)
        if (std::ranges::find(open, i++) == open.end()) done = one(tensor.name);
      break;
    case 2:
      if (open.size() < 2 || positional_sink<Sink>) return;
      code = errc::wrong_order;
      done = one(wanted.tensors[open.back()].name);
      break;
    case 3:
      if (open.empty()) return;
      code = errc::io;
      done = out.try_append_from(wanted.tensors[open.front()].name,
                                 function_source{9,
                                                 [](std::uint64_t, std::span<std::byte>) {
                                                   return std::make_error_code(std::errc::io_error);
                                                 }},
                                 {8, 9});
      break;
    default:
      if (open.empty()) return;
      done = out.try_finish();
      require(!done && done.error().tensor == wanted.tensors[open.front()].name, "who lacks bytes");
  }
  require(!done.has_value() && done.error().code == code, "wrong calls fail by their rule");
  require_tellable(done.error());
  for (const result<void>& later : {one(name), out.try_finish()})
    require(!later && later.error().message() == done.error().message(),
            "the first failure sticks");
}

// Appends pieces, in any order where the sink allows that. Whether the file was finished: not all
// calls are right.
template <class Sink> bool write(basic_writer<Sink>& out, const wanted_file& wanted, input& in) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < wanted.tensors.size(); ++i)
    if (wanted.tensors[i].size != 0) open.push_back(i);
  std::vector<std::size_t> done(wanted.tensors.size());
  const bool careful = in.below(8) != 7;
  for (;;) {
    if (!careful && in.below(4) == 0) return check_wrong_call(out, wanted, open, in), false;
    if (!careful && !wanted.tensors.empty())
      require(append(out, wanted.tensors[in.below(wanted.tensors.size())], "", in.number()),
              "no bytes are taken at any time");
    if (open.empty()) break;
    const std::size_t place = positional_sink<Sink> ? in.below(open.size()) : 0;
    const wanted_tensor& tensor = wanted.tensors[open[place]];
    std::size_t& at = done[open[place]];
    require(out.try_remaining(tensor.name).value_or(0) == tensor.size - at,
            "what is missing is told");
    const std::string_view rest = std::string_view(tensor.bytes).substr(at);
    const auto granule = static_cast<std::size_t>(std::max(bit_width(tensor.type) / 8, 1));
    const std::size_t granules = in.below(rest.size() / granule);
    const std::string_view piece = granules == 0 ? rest : rest.substr(0, granules * granule);
    require(append(out, tensor, piece, in.number()), "what is planned is taken");
    at += piece.size();
    if (at == tensor.size) open.erase(open.begin() + static_cast<std::ptrdiff_t>(place));
  }
  require(out.try_finish(), "what is complete is finished");
  require(out.try_finish(), "once more does nothing");
  return true;
}

// All of the data in pieces that know nothing of tensors.
template <class Sink> void write_across(basic_writer<Sink>& out, std::string_view file, input& in) {
  function_source source{file.size(), [&](std::uint64_t at, std::span<std::byte> to) {
                           std::memcpy(to.data(), file.data() + at, to.size());
                           return std::error_code();
                         }};
  for (std::uint64_t at = out.plan().header().data_start(); at != file.size();) {
    const std::size_t some = in.below(static_cast<std::size_t>(file.size() - at));
    const std::uint64_t end = some == 0 ? file.size() : at + some;
    require(out.try_append_from(source, {at, end}), "data is taken in any pieces");
    at = end;
  }
  require(out.try_finish(), "what is complete is finished");
}

// A block of memory that is written at any position.
struct block_sink {
  std::string* bytes;
  std::error_code write_at(std::uint64_t offset, std::span<const std::byte> next) {
    require(offset <= bytes->size() && next.size() <= bytes->size() - offset, "all is in the file");
    bytes->replace(static_cast<std::size_t>(offset), next.size(), as_text(next));
    return {};
  }
};

//-- the properties

struct request {
  layout_options options;
  std::vector<tensor_spec> specs{};
  std::vector<tensor_data> tensors{};
  [[nodiscard]] write_plan plan() const { return *write_plan::try_make(specs, options); }
};

void check_refused(const request& asked, const causes& faults, bool atomic,
                   const scratch_file& scratch) {
  const auto bytes = try_serialize(asked.tensors, asked.options);
  require(!bytes, "what is wrong is not serialized");
  require_fits(bytes.error(), faults);
  const std::optional<std::string> old =
      asked.tensors.size() % 2 == 0 ? std::optional<std::string>("old") : std::nullopt;
  scratch.put(old);
  const auto saved = try_save(scratch.path(), asked.tensors,
                              {.layout = asked.options, .output = {.atomic = atomic}});
  require(!saved, "what is wrong is not saved");
  require_fits(saved.error(), faults);
  scratch.require_only(old, "what is refused leaves the target as it was");
}

void check_plan(const write_plan& plan, const wanted_file& wanted) {
  const std::string head = wanted.head();
  require(as_text(plan.header_bytes()) == head, "the header is predicted");
  require(plan.header().data_start() == head.size(), "and where data starts");
  std::uint64_t size = head.size();
  for (const wanted_tensor& tensor : wanted.tensors) size += tensor.size;
  require(plan.file_size() == size, "and the file's size");
  require_index(plan.header(), wanted);
  const auto read = header::try_parse(plan.header_bytes(), plan.file_size());
  require(read.has_value(), "what is planned is read");
  require_index(*read, wanted);
  require_both_lanes(std::string_view(head).substr(8));
}

void check_too_large(const request& asked, const scratch_file& scratch) {
  scratch.put(std::nullopt);
  const auto out = writer::try_create(scratch.path(), asked.plan());
  require(!out && out.error().code == errc::io, "what no system can store is not created");
  scratch.require_only(std::nullopt, "and nothing is left of it");
}

void check_in_memory(const request& asked, const wanted_file& wanted, const std::string& file,
                     input& in) {
  const auto bytes = try_serialize(asked.tensors, asked.options);
  require(bytes.has_value(), "what is planned is serialized");
  require(as_text(*bytes) == file, "to the bytes that are predicted");
  (void)require_reads_back(file, wanted);

  std::string written;
  const auto start = [&] {
    written.clear();
    function_sink sink{[&](std::span<const std::byte> next) { written += as_text(next); }};
    auto out = basic_writer<decltype(sink)>::try_start(std::move(sink), asked.plan());
    require(out.has_value(), "a writer starts");
    return *std::move(out);
  };
  auto in_order = start();
  const bool finished = write(in_order, wanted, in);
  require(finished ? written == file : file.starts_with(written), "sinks get the file's bytes");
  auto across = start();
  write_across(across, file, in);
  require(written == file, "sources give the file's bytes");

  std::string block(file.size(), '?');
  auto out = basic_writer<block_sink>::try_start(block_sink{&block}, asked.plan());
  require(out.has_value(), "a writer starts");
  if (write(*out, wanted, in)) require(block == file, "any order gives the file's bytes");

  const std::size_t room = in.below(file.size());
  written.clear();
  function_sink small{[&](std::span<const std::byte> next) {
    if (next.size() > room - written.size()) return false;
    written += as_text(next);
    return true;
  }};
  auto crowded = basic_writer<decltype(small)>::try_start(std::move(small), asked.plan());
  if (crowded) {
    result<void> done;
    for (const wanted_tensor& tensor : wanted.tensors)
      if (done) done = append(*crowded, tensor, tensor.bytes, in.number());
    require(!done && done.error().code == errc::io, "a sink that fails is told");
    require(crowded->try_finish().error().message() == done.error().message(), "and it sticks");
  } else {
    require(crowded.error().code == errc::io, "a sink that fails at once is told");
  }
  require(file.starts_with(written), "what it took is the file's");
}

void check_on_disk(const request& asked, const wanted_file& wanted, const std::string& file,
                   input& in, const scratch_file& scratch) {
  const output_options options{.atomic = !in.rarely(),
                               .replace = !in.rarely(),
                               .preallocate = in.flag(),
                               .durable = in.rarely()};
  std::optional<std::string> old;
  if (in.rarely()) old = "old";
  scratch.put(old);
  const bool in_the_way = old && !options.replace;
  std::optional<std::string> left = in_the_way || (old && options.atomic) ? old : std::nullopt;
  if (in.flag()) {
    const auto saved =
        try_save(scratch.path(), asked.tensors, {.layout = asked.options, .output = options});
    if (!in_the_way) require(saved, "what is planned is saved");
    require(saved.has_value() != in_the_way, "what is in the way is not replaced");
    if (saved) left = file;
  } else {
    auto out = writer::try_create(scratch.path(), asked.plan(), options);
    if (!out && !in_the_way) require(out.error(), "what is planned is created");
    require(out.has_value() != in_the_way, "what is in the way is not replaced");
    if (out && write(*out, wanted, in)) left = file;
  }
  scratch.require_only(left, "a file is complete, or what it was");
}

void check(input in) {
  static const scratch_file scratch;
  input ways(in.raw(64));  // first, so that plans of any length leave some
  request asked{.options = make_options(in)};
  std::vector<fuzzed_tensor> tensors;
  for (std::size_t count = in.below(10); count != 0; --count) make_tensors(in, tensors);
  causes faults = faults_of_parts(tensors, asked.options);

  wanted_file wanted{.metadata = asked.options.metadata, .alignment = asked.options.data_alignment};
  std::uint64_t data = 0;  // or too much
  for (const fuzzed_tensor& tensor : tensors) {
    const tensor_spec& spec = tensor.spec;
    const auto size =
        is_known(spec.dtype) ? size_of(spec) : result<std::uint64_t>(errc::unknown_dtype);
    const std::uint64_t bytes = size ? *size : 0;
    wanted.tensors.push_back({spec.name, spec.dtype, spec.shape, bytes});
    asked.specs.push_back(spec);
    data = std::min(data + std::min(bytes, too_much), too_much);
  }
  std::vector<contents> given;
  causes faults_of_data;
  for (wanted_tensor& tensor : wanted.tensors) {
    if (data != too_much)
      for (std::uint64_t i = 0; i < tensor.size; ++i)
        tensor.bytes += static_cast<char>(i * 31 + (i >> 8) + given.size());
    given.push_back(make_contents(in, tensor.type, tensor.bytes));
    if (faults.empty()) find_faults_of_data(tensor, given.back(), faults_of_data);
  }
  for (std::size_t i = 0; i < given.size(); ++i)
    std::visit(
        [&, &tensor = tensors[i]](const auto& range) {
          const auto& [spec, negative] = tensor;
          const shape_ref shape = negative.empty() ? shape_ref(spec.shape) : shape_ref(negative);
          asked.tensors.emplace_back(spec.name, spec.dtype, shape, range);
        },
        given[i]);

  if (asked.options.order == tensor_order::canonical) wanted.sort();
  if (faults.empty()) faults = faults_of_whole(wanted, asked.options);
  const auto plan = write_plan::try_make(asked.specs, asked.options);
  require(plan.has_value() == faults.empty(), "what is wrong is refused, and nothing else");
  if (plan) {
    check_plan(*plan, wanted);
    if (plan->file_size() > most / 2) check_too_large(asked, scratch);
  } else {
    require_fits(plan.error(), faults);
  }
  faults.merge(faults_of_data);
  if (!faults.empty()) return check_refused(asked, faults, ways.flag(), scratch);
  const std::string file = wanted.bytes();
  check_on_disk(asked, wanted, file, ways, scratch);
  check_in_memory(asked, wanted, file, ways);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  check(input({reinterpret_cast<const char*>(data), size}));
  return 0;
}
