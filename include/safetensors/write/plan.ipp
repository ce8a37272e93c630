// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/writer.hpp>
//
// Validates the tensors that are to be written, and makes the header of the file.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/block.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/lanes.hpp>
#include <safetensors/detail/table.hpp>
#include <safetensors/write/output_state.hpp>
#include <safetensors/write/plan.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

//-- the header's text

// Compact JSON as the reference writes it. Without memory, later calls do nothing.
class header_text {
 public:
  [[nodiscard]] block<char>& written() noexcept { return text_; }
  [[nodiscard]] bool has_memory() const noexcept { return has_memory_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return text_.size(); }

  header_text& raw(std::string_view piece) noexcept {
    has_memory_ = has_memory_ && text_.append({piece.data(), piece.size()});
    return *this;
  }
  header_text& number(std::uint64_t value) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return raw({digits, static_cast<std::size_t>(end - digits)});
  }
  // Returns the place of the string once it is decoded in place: it ends before its closing quote.
  text_range string(std::string_view value) noexcept {
    raw("\"");
    std::size_t plain = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto c = static_cast<unsigned char>(value[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      raw(value.substr(plain, i - plain));
      plain = i + 1;
      escape(c);
    }
    raw(value.substr(plain)).raw("\"");
    const std::uint64_t end = size() - 8 - 1;
    return {static_cast<std::uint32_t>(end - value.size()),
            static_cast<std::uint32_t>(value.size())};
  }

 private:
  void escape(unsigned char c) noexcept {
    constexpr std::string_view named = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt",
                               digits = "0123456789abcdef";
    if (const std::size_t i = named.find(static_cast<char>(c)); i != named.npos)
      raw("\\").raw(letters.substr(i, 1));
    else
      raw("\\u00").raw(digits.substr(c >> 4, 1)).raw(digits.substr(c & 0xF, 1));
  }

  block<char> text_{};
  bool has_memory_ = true;
};

//-- rules

constexpr bool is_dtype(dtype type) noexcept {
  return static_cast<std::size_t>(type) < std::size(dtypes);
}

SAFETENSORS_DECL bool has_negative_size(const tensor_spec& spec) noexcept {
  return spec.given_negative_size_ &&
         std::find(spec.shape.begin(), spec.shape.end(), any_size) != spec.shape.end();
}

inline failure spec_failure(errc code, const tensor_spec& spec, std::string detail,
                            std::string advice = {}) {
  return {
      .code = code, .tensor = spec.name, .detail = std::move(detail), .advice = std::move(advice)};
}

inline result<void> check_spec(const tensor_spec& spec) {
  if (const std::size_t valid = valid_utf8_prefix(spec.name); valid != spec.name.size())
    return spec_failure(errc::invalid_utf8, spec,
                        join("its name is not valid UTF-8 at byte ", valid));
  if (spec.name == "__metadata__")
    return spec_failure(errc::reserved_name, spec, "a tensor must not be named __metadata__",
                        "put metadata into layout_options::metadata");
  if (!is_dtype(spec.dtype))
    return spec_failure(errc::unknown_dtype, spec, "its dtype is not one of the enumerators");
  if (has_negative_size(spec))
    return spec_failure(errc::invalid_shape, spec, "its shape holds a negative size");
  if (spec.shape.size() > record::max_rank)
    return spec_failure(errc::invalid_shape, spec, too_many_dimensions);
  const tensor_size size = measure(spec.dtype, spec.shape);
  if (size.broken == errc{}) return {};
  return spec_failure(size.broken, spec, size_text(spec.dtype, spec.shape, size));
}

inline result<void> check_metadata(const metadata_map& metadata) {
  for (const auto& [key, value] : metadata) {
    if (valid_utf8_prefix(key) != key.size())
      return failure{.code = errc::invalid_utf8,
                     .detail = join("the metadata key ", in_quotes(key), " is not valid UTF-8")};
    if (valid_utf8_prefix(value) != value.size())
      return failure{.code = errc::invalid_utf8,
                     .detail = join("the value of ", in_quotes(key), " is not valid UTF-8")};
  }
  return {};
}

inline result<void> check_options(const layout_options& options) {
  if (std::has_single_bit(options.data_alignment)) return {};
  return failure{
      .code = errc::invalid_option,
      .detail = join("data_alignment is ", options.data_alignment, ", not a power of two")};
}

SAFETENSORS_DECL std::string conversion_advice(dtype to) {
  const auto bits = static_cast<std::uint64_t>(bit_width(to));
  if (!cpp_type_of(to).empty() || bits < 8)
    return join("convert them to ", to_string(to), " first");
  return join("convert them to ", to_string(to), " first, and write the result as std::uint", bits,
              "_t");
}

// The bytes have the right number, the words the right width, the elements the right dtype.
inline result<void> check_data(const tensor_data& tensor) {
  const dtype elements = tensor.elements.value_or(tensor.dtype);
  if (!is_dtype(elements))
    return spec_failure(errc::unknown_dtype, tensor, "`elements` is not one of the enumerators");
  if (tensor.word_bytes != 1 && elements != tensor.dtype)
    return spec_failure(errc::dtype_mismatch, tensor,
                        join("its dtype is ", to_string(tensor.dtype), ", but the elements are ",
                             to_string(elements)),
                        conversion_advice(tensor.dtype));
  const std::uint64_t wanted = measure(tensor.dtype, tensor.shape).bits / 8;
  if (tensor.bytes.size() != wanted)
    return spec_failure(
        errc::size_mismatch, tensor,
        join(to_string(tensor.dtype), " ", shape_text(tensor.shape), " needs ",
             counted(wanted, "byte"), ", but ", tensor.bytes.size(), " were given"));
  if (tensor.word_bytes == 1 || tensor.word_bytes == swap_unit(tensor.dtype) ||
      8 * tensor.word_bytes == static_cast<std::size_t>(bit_width(tensor.dtype)))
    return {};
  return spec_failure(errc::dtype_mismatch, tensor,
                      join("an element of ", to_string(tensor.dtype), " has ",
                           static_cast<std::uint64_t>(bit_width(tensor.dtype)),
                           " bits, but the words have ", 8 * tensor.word_bytes));
}

//-- the plan

// Builds the header's text, and the table that a reader would make of that text.
class plan_builder {
 public:
  plan_builder(std::span<const tensor_spec* const> tensors, const metadata_map& metadata,
               const layout_options& options) noexcept
      : tensors_(tensors),
        metadata_(metadata),
        options_(options),
        limit_((std::min)(options.max_header_bytes, max_text_bytes)) {}

  result<write_plan> build() {
    if (!reserve()) return errc::out_of_memory;
    json_.raw(std::string_view("\0\0\0\0\0\0\0\0{", 9));
    write_metadata();
    for (const tensor_spec* spec : tensors_)
      if (auto written = write_entry(*spec); !written) return std::move(written).error();
    json_.raw("}");
    if (auto padded = pad(); !padded) return std::move(padded).error();
    if (auto indexed = index_tensors(); !indexed) return std::move(indexed).error();
    return write_plan(header_door::make(std::move(table_)), std::move(json_.written()));
  }

 private:
  [[nodiscard]] bool reserve() {
    std::size_t dimensions = 0;
    for (const tensor_spec* spec : tensors_) dimensions += spec->shape.size();
    table_.reset(new (std::nothrow) tensor_table);
    return table_ != nullptr && table_->records.reserve(tensors_.size()) &&
           table_->dimensions.reserve(dimensions) && table_->metadata.reserve(metadata_.size());
  }

  void write_metadata() {
    if (metadata_.empty()) return;
    std::string_view separator = "\"__metadata__\":{";
    for (const auto& [key, value] : metadata_) {
      const text_range key_range = json_.raw(separator).string(key);
      const text_range value_range = json_.raw(":").string(value);
      (void)table_->metadata.push_back({key_range, value_range});  // within its capacity
      separator = ",";
    }
    json_.raw("}");
  }

  result<void> write_entry(const tensor_spec& spec) {
    const std::uint64_t bytes = measure(spec.dtype, spec.shape).bits / 8;
    if (bytes > (std::numeric_limits<std::uint64_t>::max)() - table_->data_size)
      return spec_failure(errc::size_overflow, spec,
                          "all tensors together need more than 2^64 bytes");
    if (json_.size() > limit_) return too_large(json_.size());

    if (json_.size() > 9) json_.raw(",");
    const text_range name = json_.string(spec.name);
    record entry{};
    entry.name_offset = name.offset;
    entry.name_length = name.length;
    entry.begin = table_->data_size;
    entry.end = table_->data_size += bytes;
    entry.first_dimension = static_cast<std::uint32_t>(table_->dimensions.size());
    entry.set(static_cast<std::uint32_t>(spec.shape.size()), spec.dtype);
    (void)table_->records.push_back(entry);  // within its capacity, as the sizes are

    json_.raw(":{\"dtype\":\"").raw(to_string(spec.dtype)).raw("\",\"shape\":[");
    std::string_view separator = "";
    for (const std::uint64_t size : spec.shape) {
      json_.raw(separator).number(size);
      separator = ",";
      (void)table_->dimensions.push_back(size);
    }
    json_.raw("],\"data_offsets\":[").number(entry.begin).raw(",").number(entry.end).raw("]}");
    return {};
  }

  result<void> pad() {
    if (!json_.has_memory()) return errc::out_of_memory;
    const std::uint64_t alignment = (std::max)(options_.data_alignment, std::uint64_t{8});
    const std::uint64_t data_start = (json_.size() + alignment - 1) & ~(alignment - 1);
    if (data_start - 8 > limit_) return too_large(data_start - 8);
    block<char>& text = json_.written();
    const auto size = static_cast<std::size_t>(data_start);
    if (!text.reserve(size)) return errc::out_of_memory;
    std::memset(text.data() + text.size(), ' ', size - text.size());
    text.set_size(size);
    for (std::size_t i = 0; i < 8; ++i)
      text[i] = static_cast<char>(static_cast<unsigned char>((data_start - 8) >> 8 * i));
    if (table_->data_size > (std::numeric_limits<std::uint64_t>::max)() - 1 - data_start)
      return failure{.code = errc::size_overflow,
                     .detail = "the file would be longer than 2^64 bytes"};
    return {};
  }

  // Copies the text into the table, with decoded strings, and indexes the names.
  result<void> index_tensors() {
    block<char>& text = table_->text;
    if (!text.append({json_.written().data() + 8, json_.written().size() - 8}))
      return errc::out_of_memory;
    const auto decode = [&](std::uint32_t offset, const std::string& value) {
      copy_bytes(text.data() + offset, value.data(), value.size());
    };
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      decode(table_->records[i].name_offset, tensors_[i]->name);
    for (std::size_t i = 0; const auto& [key, value] : metadata_) {
      decode(table_->metadata[i].key.offset, key);
      decode(table_->metadata[i++].value.offset, value);
    }
    result<void> indexed = index_names(*table_);
    if (indexed || indexed.error().code != errc::duplicate_tensor) return indexed;
    return failure{.code = errc::duplicate_tensor,
                   .tensor = indexed.error().tensor,
                   .detail = "two tensors have this name"};
  }

  [[nodiscard]] failure too_large(std::uint64_t size) const {
    return {.code = errc::header_too_large,
            .detail =
                join("the header would have at least ", size, " bytes, but the limit is ", limit_),
            .advice = options_.data_alignment > limit_ ? "data_alignment makes it so long"
                                                       : limit_advice(size)};
  }

  std::span<const tensor_spec* const> tensors_;
  const metadata_map& metadata_;
  const layout_options& options_;
  std::uint64_t limit_;
  header_text json_{};
  std::unique_ptr<tensor_table> table_{};
};

inline result<layout> lay_out_in_order(block<const tensor_spec*> tensors,
                                       const metadata_map& metadata,
                                       const layout_options& options) {
  for (const tensor_spec* spec : tensors)
    if (auto valid = check_spec(*spec); !valid) return std::move(valid).error();
  if (auto valid = check_metadata(metadata); !valid) return std::move(valid).error();
  if (options.order == tensor_order::canonical)
    std::sort(tensors.begin(), tensors.end(), [](const tensor_spec* a, const tensor_spec* b) {
      const int first = write_order(a->dtype), second = write_order(b->dtype);
      return first != second ? first > second : a->name < b->name;
    });
  result<write_plan> plan =
      plan_builder({tensors.data(), tensors.size()}, metadata, options).build();
  if (!plan) return std::move(plan).error();
  return layout{*std::move(plan), std::move(tensors)};
}

template <class Spec>
result<layout> lay_out(const tensor_list<Spec>& specs, const layout_options& options) {
  if (auto valid = check_options(options); !valid) return std::move(valid).error();
  block<const tensor_spec*> tensors;
  if (!specs.complete() || !tensors.reserve(specs.items().size())) return errc::out_of_memory;
  for (const tensor_spec& spec : specs.items()) (void)tensors.push_back(&spec);  // within capacity
  if (!options.metadata.empty() || !options.keep_metadata || specs.metadata().empty())
    return lay_out_in_order(std::move(tensors), options.metadata, options);
  metadata_map kept;
  if (!try_allocating([&] { kept = specs.metadata().to_map(); })) return errc::out_of_memory;
  return lay_out_in_order(std::move(tensors), kept, options);
}

SAFETENSORS_DECL result<layout> lay_out_data(const tensor_list<tensor_data>& tensors,
                                             const layout_options& options) {
  result<layout> made = lay_out(tensors, options);
  if (!made) return made;
  for (const tensor_data& tensor : tensors.items())
    if (auto valid = check_data(tensor); !valid) return std::move(valid).error();
  return made;
}

}  // namespace detail

SAFETENSORS_DECL tensor_spec::tensor_spec(std::string_view tensor_name, safetensors::dtype type,
                                          shape_ref sizes)
    : name(tensor_name), dtype(type), given_negative_size_(!sizes.valid()) {
  shape.reserve(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) shape.push_back(sizes[i]);
}
SAFETENSORS_DECL tensor_spec::tensor_spec(const tensor_info& tensor)
    : tensor_spec(tensor.name(), tensor.dtype(), tensor.shape()) {}

SAFETENSORS_DECL tensor_data::tensor_data(const tensor_view& tensor)
    : tensor_spec(tensor), bytes(tensor.bytes()) {}

SAFETENSORS_DECL result<write_plan> write_plan::try_make(const tensor_list<tensor_spec>& tensors,
                                                         const layout_options& options) {
  result<detail::layout> made = detail::lay_out(tensors, options);
  if (!made) return std::move(made).error();
  return std::move(made->plan);
}

}  // namespace safetensors::inline SAFETENSORS_ABI
