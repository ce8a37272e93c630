// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Fuzz target: files that are written again with other metadata, in their order or the canonical
// one. The new file differs by the edit and nothing else, however it is written; what is refused or
// given up leaves the old one.
#include <safetensors/writer.hpp>

#include <nlohmann/json.hpp>

#include "input.hpp"
#include "scratch.hpp"
#include "wanted.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

namespace {

using namespace safetensors;

constexpr read_options lenient{.allow_trailing_bytes = true};

//-- files of other writers: valid, and as loose as the format allows

// Of a list, the first item is made first, whatever the compiler; of a sum, it need not be.
std::string joined(const std::vector<std::string>& parts, std::string_view separator = "") {
  std::string text;
  for (const std::string& part : parts) (text += text.empty() ? "" : separator) += part;
  return text;
}

std::string space(input& in) {
  static constexpr std::string_view spaces[] = {"", "", "", " ", "\n", "\t", "\r\n  "};
  return std::string(spaces[in.below(std::size(spaces))]);
}

// In ASCII alone, perhaps: by escapes that the library does not write.
std::string quoted(input& in, std::string_view text) {
  return joined({space(in), nlohmann::json(text).dump(-1, ' ', in.flag()), space(in)});
}

template <class Item> void shuffle(input& in, std::vector<Item>& items) {
  for (std::size_t i = 0; i < items.size(); ++i)
    std::swap(items[i], items[i + in.below(items.size() - i)]);
}

std::string object(input& in, const std::vector<std::string>& fields) {
  return joined({space(in), "{", joined(fields, ","), space(in), "}", space(in)});
}

// Valid, and used by nothing else.
std::string distinct_text(input& in, std::set<std::string>& used) {
  std::string text = in.text();
  if (!is_utf8(text)) text = "name";
  while (text == "__metadata__" || !used.insert(text).second) text += std::to_string(used.size());
  return text;
}

wanted_tensor make_tensor(input& in, std::set<std::string>& names) {
  wanted_tensor made{.name = distinct_text(in, names),
                     .type = static_cast<dtype>(in.below(std::size(detail::dtypes)))};
  made.shape.resize(in.below(4));
  for (std::uint64_t& size : made.shape) size = in.below(6);
  if (bit_width(made.type) < 8) made.shape.push_back(4);  // whole bytes
  if (in.rarely()) made.shape = {0, in.number(8)};
  std::uint64_t elements = 1;
  for (const std::uint64_t size : made.shape) elements *= size;
  made.size = elements * static_cast<std::uint64_t>(bit_width(made.type)) / 8;
  for (std::uint64_t i = 0; i < made.size; ++i)
    made.bytes += static_cast<char>(i * 31 + names.size());
  return made;
}

std::string entry_text(input& in, const wanted_tensor& tensor, std::uint64_t begin) {
  const auto numbers = [&](const std::vector<std::uint64_t>& list) {
    return joined({space(in), nlohmann::json(list).dump(in.flag() ? 1 : -1)});
  };
  std::vector<std::string> fields{
      joined({quoted(in, "dtype"), ":", quoted(in, to_string(tensor.type))}),
      joined({quoted(in, "shape"), ":", numbers(tensor.shape)}),
      joined({quoted(in, "data_offsets"), ":", numbers({begin, begin + tensor.size})})};
  if (in.rarely()) fields.push_back(quoted(in, "unknown") + ":[{},null,-1.5,[[]]]");
  shuffle(in, fields);
  return joined({quoted(in, tensor.name), ":", object(in, fields)});
}

std::string metadata_text(input& in, const metadata_map& metadata) {
  std::vector<std::string> fields;
  for (const auto& [key, value] : metadata)
    fields.push_back(joined({quoted(in, key), ":", quoted(in, value)}));
  shuffle(in, fields);
  const bool null = metadata.empty() && in.flag();
  return joined({quoted(in, "__metadata__"), ":", null ? "null" : object(in, fields)});
}

// A file, and what it holds.
std::pair<std::string, wanted_file> make_file(input in) {
  wanted_file holds;
  std::set<std::string> names, keys;
  for (std::size_t count = in.below(5); count != 0; --count)
    holds.metadata[distinct_text(in, keys)] = in.flag() ? distinct_text(in, keys) : "";
  for (std::size_t count = in.below(6); count != 0; --count)
    holds.tensors.push_back(make_tensor(in, names));

  std::string data;
  std::vector<std::pair<std::uint64_t, wanted_tensor>> entries;  // with their first byte
  for (const wanted_tensor& tensor : holds.tensors) {
    entries.emplace_back(data.size(), tensor);
    data += tensor.bytes;
  }
  shuffle(in, entries);
  std::vector<std::string> fields;
  for (const auto& [begin, tensor] : entries) fields.push_back(entry_text(in, tensor, begin));
  // Where offsets tell nothing, the header's order is the order.
  std::ranges::stable_sort(entries, {}, [](const auto& entry) {
    return std::pair(entry.first, entry.first + entry.second.size);
  });
  for (std::size_t i = 0; i < entries.size(); ++i) holds.tensors[i] = entries[i].second;
  if (!holds.metadata.empty() || in.flag()) {
    const auto place = static_cast<std::ptrdiff_t>(in.below(fields.size() + 1));
    fields.insert(fields.begin() + place, metadata_text(in, holds.metadata));
  }
  const std::string text = joined({object(in, fields), std::string(in.below(9), ' ')});
  return {length_text(text) + text + data, holds};
}

// What a file holds, as it is read.
wanted_file contents_of(const borrowed_file& model) {
  wanted_file holds{.metadata = model.metadata().to_map()};
  for (const tensor_view tensor : model)
    holds.tensors.push_back({std::string(tensor.name()),
                             tensor.dtype(),
                             {tensor.shape().begin(), tensor.shape().end()},
                             tensor.byte_size(),
                             std::string(as_text(tensor.bytes()))});
  return holds;
}

//-- edits

metadata_map edited(input& in, metadata_map metadata) {
  for (std::size_t count = in.below(6); count != 0; --count) {
    std::string key = in.text();
    if (in.flag() && !metadata.empty())
      key = std::next(metadata.begin(), static_cast<std::ptrdiff_t>(in.below(metadata.size())))
                ->first;
    if (in.flag())
      metadata[key] = in.text();
    else
      metadata.erase(key);
  }
  return metadata;
}

template <class Model> std::vector<tensor_data> tensors_of(const Model& model) {
  return {model.begin(), model.end()};
}

// The file anew, from itself, tensor by tensor or in runs that know nothing of tensors. Empty: it
// was given up on the way.
std::optional<result<void>> stream(const scratch_file& scratch, const layout_options& layout,
                                   input& in) {
  auto source = file_source::try_open(scratch.path());
  require(source.has_value(), "the file is there");
  const auto index = header::try_read(*source, lenient);
  require(index.has_value(), "and valid");
  auto plan = write_plan::try_make(*index, layout);
  if (!plan) return std::move(plan).error();
  auto out = writer::try_create(scratch.path(), *std::move(plan), {.preallocate = in.flag()});
  require(out.has_value(), "a new file can be begun");
  const bool in_runs = layout.order == tensor_order::as_given && in.flag();
  std::vector<std::pair<std::string, byte_range>> pieces;
  for (const tensor_info tensor : *index) pieces.emplace_back(tensor.name(), tensor.file_range());
  if (in_runs)
    pieces = {{"", {index->data_start(), index->file_size()}}};
  else
    shuffle(in, pieces);
  for (auto& [name, range] : pieces) {
    while (range.size() != 0) {
      if (in.rarely()) return std::nullopt;
      const byte_range part{range.begin,
                            range.end - in.below(static_cast<std::size_t>(range.size()))};
      require(
          in_runs ? out->try_append_from(*source, part) : out->try_append_from(name, *source, part),
          "a file is copied");
      range.begin = part.end;
    }
  }
  *source = {};  // Windows replaces no file that is open
  return out->try_finish();
}

template <class Storage> result<void> save_over(const scratch_file& scratch, std::string_view old,
                                                const write_options& options) {
  const auto model = basic_file<Storage>::try_open(scratch.path(), lenient);
  require(model.has_value(), "the file is there, and valid");
  result<void> saved = try_save(scratch.path(), tensors_of(*model), options);
  const Storage& held = model->storage();
  require(as_text({held.data(), held.size()}) == old, "what is held stays as it was");
  return saved;
}

// What is refused is told by this rule.
void check_on_disk(const std::string& old, const layout_options& layout,
                   const std::optional<std::string>& anew, errc refusal, input& in) {
  static const scratch_file scratch;
  scratch.put(old);
  std::optional<result<void>> done;
  const std::size_t way = in.below(3);
#ifndef _WIN32  // where no file is replaced that is mapped
  if (way == 2) {
    const auto in_place =
        save_over<mapped_bytes>(scratch, old, {.layout = layout, .output = {.atomic = false}});
    require(!in_place && in_place.error().code == (anew ? errc::invalid_option : refusal),
            "no file is emptied below its mapping");
    scratch.require_only(old, "nor touched");
    done = save_over<mapped_bytes>(scratch, old, {.layout = layout});
  }
#endif
  if (way == 1)
    done =
        save_over<owned_bytes>(scratch, old, {.layout = layout, .output = {.atomic = in.flag()}});
  else if (!done)
    done = stream(scratch, layout, in);
  if (!done) return scratch.require_only(old, "what is given up leaves the old file");
  require(done->has_value() == anew.has_value(), "an edit is refused in every way, or in none");
  if (!*done) require_tellable(done->error());
  require(*done || done->error().code == refusal, "by the rule that it breaks");
  scratch.require_only(anew ? *anew : old, "a file is edited, or as it was");
}

// A valid file with the edit behind it, or an edit with what makes a file behind it.
void check(std::string_view bytes) {
  input in(bytes);
  std::string old;
  wanted_file holds;
  if (const auto model = borrowed_file::try_from(as_bytes(bytes), lenient)) {
    old = in.raw(static_cast<std::size_t>(model->header().file_size()));
    holds = contents_of(*model);
  } else {
    input edit(in.raw(96));
    std::tie(old, holds) = make_file(std::exchange(in, edit));
  }
  input texts(in.raw(48));
  old += in.raw(in.below(3));  // will not be copied
  const borrowed_file model = require_reads_back(old, holds, lenient);
  check_lanes(header_of(model, old));

  layout_options layout{.metadata = edited(texts, holds.metadata), .keep_metadata = false};
  layout.order = in.flag() ? tensor_order::as_given : tensor_order::canonical;
  layout.data_alignment = std::uint64_t{1} << in.below(13);
  const bool valid = std::ranges::all_of(layout.metadata, [](const auto& entry) {
    return is_utf8(entry.first) && is_utf8(entry.second);
  });
  wanted_file wanted{holds.tensors, layout.metadata, layout.data_alignment};
  if (layout.order == tensor_order::canonical) wanted.sort();
  std::optional<std::string> anew;
  if (valid) anew = wanted.bytes();
  if (valid && in.rarely()) {  // just enough room for the header, or too little
    layout.max_header_bytes = wanted.head().size() - 8;
    if (in.flag()) --layout.max_header_bytes, anew.reset();
  }
  const errc refusal = valid ? errc::header_too_large : errc::invalid_utf8;

  const auto edit = try_serialize(tensors_of(model), layout);
  require(edit.has_value() == anew.has_value(), "valid metadata is taken, and no other");
  if (edit) {
    require(as_text(*edit) == *anew, "the edit is made, and nothing else");
    const borrowed_file read = require_reads_back(*anew, wanted);
    require_both_lanes(header_of(read, *anew));
    layout.metadata = read.metadata().to_map();
    const auto again = try_serialize(tensors_of(read), layout);
    require(again && *again == *edit, "once more changes nothing");
  } else {
    require(edit.error().code == refusal, "what is refused is told by its rule");
  }
  check_on_disk(old, layout, anew, refusal, in);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  check({reinterpret_cast<const char*>(data), size});
  return 0;
}
