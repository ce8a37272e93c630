// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// Bodies of header.hpp: from bytes to the index.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/lanes.hpp>
#include <safetensors/read/header.hpp>
#include <safetensors/read/stream.hpp>

#include <algorithm>
#include <cstring>

namespace safetensors::inline SAFETENSORS_ABI {
namespace detail {

// Reads the header by the canonical lane. If that returns false, reads it by the general lane.
inline result<void> read_lanes(tensor_table& table) {
  if (read_canonical(table)) return {};
  table.records.set_size(0);
  table.dimensions.set_size(0);
  table.metadata.set_size(0);
  return read_general(table);
}

// Reads the text that is in the table. If that fails, the caller keeps the table.
inline result<header> index_text(std::unique_ptr<tensor_table>& table, std::uint64_t file_size,
                                 const read_options& options) {
  const std::size_t size = table->text.size();
  std::memset(table->text.data() + size, 0, text_padding);
  constexpr std::size_t shortest_entry =
      sizeof R"("":{"dtype":"U8","shape":[],"data_offsets":[0,0]})";  // the NUL counts as its comma
  if (!table->records.reserve(size / shortest_entry + 1) ||
      !table->dimensions.reserve(size / 48 + 4))
    return errc::out_of_memory;
  result<void> valid;
  if (!try_allocating([&] {  // for buffers of the JSON parser, which a very long string needs
        valid = read_lanes(*table);
        if (valid) valid = build_index(*table, file_size, options.allow_trailing_bytes);
      }))
    return errc::out_of_memory;
  if (!valid) return std::move(valid).error();
  return header_door::make(std::move(table));
}

inline result<header> read_header(const source_ref& source, const read_options& options) {
  const std::uint64_t size = source.size();
  const bool known = size != unknown_size;
  std::byte first[4096];
  const std::span<std::byte> got(
      first, known ? static_cast<std::size_t>((std::min)(size, std::uint64_t{sizeof first})) : 8);
  if (!got.empty())
    if (const std::error_code error = source.read_at(0, got))
      return reported_failure(error, cannot_read);
  const result<std::uint64_t> needed = header::try_bytes_needed(got, size, options);
  if (!needed) return needed.error();

  const auto length = static_cast<std::size_t>(*needed - 8);
  auto made = new_table(got.subspan(8, (std::min)(length, got.size() - 8)), known ? length : 0);
  if (!made) return std::move(made).error();
  std::unique_ptr<tensor_table> table = *std::move(made);
  block<char>& text = table->text;
  while (text.size() < length) {
    const std::size_t have = text.size(), left = length - have;
    // If the size is unknown, a false length costs at most as much memory again as was received.
    const std::size_t step = known ? left : (std::min)(left, (std::max)(have, sizeof first));
    if (!text.reserve(have + step + text_padding)) return errc::out_of_memory;
    if (const std::error_code error =
            source.read_at(8 + have, std::as_writable_bytes(std::span(text.data() + have, step))))
      return explained(reported_failure(error, cannot_read), got, size);
    text.set_size(have + step);
  }
  table->path = source.path();
  result<header> indexed = index_text(table, size, options);
  if (indexed) return indexed;
  failure what = explained(std::move(indexed).error(), got, size);
  const std::uint64_t left = known ? size - 8 - length : 0;
  if (left == 0 || !may_be_units(what.code)) return what;
  const std::span<std::byte> next(
      first, static_cast<std::size_t>((std::min)(left, std::uint64_t{sizeof first})));
  if (source.read_at(8 + length, next)) return what;
  return explained_by_units(std::move(what), text_of(*table), as_text(next), size);
}

//-- from a stream

SAFETENSORS_DECL result<std::size_t> stream_reader::fill(std::span<std::byte> to) {
  std::size_t filled = 0;
  while (filled != to.size()) {
    const std::size_t left = to.size() - filled;
    const result<std::size_t> got = source_.read(to.subspan(filled));
    if (!got) return got.error();
    if (*got > left)
      return failure{.code = errc::wrong_length,
                     .detail = join("the source returned ", counted(*got, "byte"), ", but only ",
                                    left, " were asked for")};
    if (*got == 0) break;
    filled += *got;
  }
  return filled;
}

SAFETENSORS_DECL std::error_code stream_reader::read_at(std::uint64_t offset,
                                                        std::span<std::byte> to) {
  if (offset == 0) {  // the length, which is there already
    copy_bytes(to.data(), head_.data(), to.size());
    return {};
  }
  const result<std::size_t> got = fill(to);
  if (!got) failed_ = got.error();
  received_ += got ? *got : 0;
  if (got && keeps_head_) {
    // Doubling would need more memory than the header.
    if (!head_.reserve(head_.size() + *got)) return make_error_code(errc::out_of_memory);
    (void)head_.append(to.first(*got));  // within its capacity
  }
  return got && *got == to.size() ? std::error_code() : make_error_code(errc::missing_bytes);
}

SAFETENSORS_DECL failure stream_reader::placed(failure what) const {
  if (what.path.empty()) what.path = source_.path();
  return what;
}

SAFETENSORS_DECL result<header> stream_reader::read_header(const read_options& options) {
  if (!head_.reserve(8)) return placed({.code = errc::out_of_memory});
  const result<std::size_t> got = fill({head_.data(), 8});
  if (!got) return placed(got.error());
  head_.set_size(*got);
  received_ = *got;
  result<header> made = *got == 8 ? header::try_read(*this, options) : errc::header_too_small;
  if (made) return made;
  if (failed_) return placed(*std::move(failed_));
  // The end of the source is that of the file, whose size is therefore known.
  const errc code = made.error().code;
  if (code == errc::header_too_small || code == errc::missing_bytes)
    if (auto needed = header::try_bytes_needed(head(), received_, options); !needed)
      return placed(std::move(needed).error());
  return placed(std::move(made).error());
}

}  // namespace detail

SAFETENSORS_DECL file_kind looks_like(std::span<const std::byte> first_bytes,
                                      std::uint64_t file_size) {
  const std::string_view text = detail::as_text(first_bytes);
  const std::size_t brace = text.find_first_not_of(" \t\r\n", 8);
  if (brace != text.npos && text[brace] == '{') {
    const std::uint64_t length = detail::load_length(first_bytes.data());
    if (length < detail::plausible_length && brace < 8 + length && 8 + length <= file_size)
      return file_kind::safetensors;
  }
  return detail::foreign_kind(first_bytes);
}

SAFETENSORS_DECL header::header() noexcept = default;
SAFETENSORS_DECL header::header(header&&) noexcept = default;
SAFETENSORS_DECL header& header::operator=(header&&) noexcept = default;
SAFETENSORS_DECL header::~header() = default;
SAFETENSORS_DECL header::header(std::unique_ptr<detail::tensor_table> table) noexcept
    : tensor_collection(table.get(), nullptr), owned_(std::move(table)) {}

SAFETENSORS_DECL result<header> header::read_from(const detail::source_ref& source,
                                                  const read_options& options) {
  result<header> made = detail::read_header(source, options);
  if (made) return made;
  return detail::with_path(std::move(made).error(), source.path());
}

SAFETENSORS_DECL result<header> header::read_from(const detail::stream_ref& source,
                                                  const read_options& options) {
  return detail::stream_reader(source, false).read_header(options);
}

SAFETENSORS_DECL result<std::uint64_t> header::try_bytes_needed(std::span<const std::byte> first8,
                                                                std::uint64_t file_size,
                                                                const read_options& options) {
  const auto refused = [&](errc code, std::uint64_t offset, std::string why, std::string advice) {
    return detail::explained(detail::failure_at(code, offset, std::move(why), std::move(advice)),
                             first8, file_size);
  };
  if (const std::uint64_t size = (std::min)(file_size, std::uint64_t{first8.size()}); size < 8)
    return refused(errc::header_too_small, 0,
                   size == 0 ? "the file is empty"
                             : detail::join("the file has only ", detail::counted(size, "byte"),
                                            ", but the header's length needs 8"),
                   detail::cut_short);
  const std::uint64_t length = detail::load_length(first8.data());
  const std::uint64_t limit = (std::min)(options.max_header_bytes, detail::max_text_bytes);
  const bool is_whole = length <= file_size - 8;
  if (length > limit)
    return refused(errc::header_too_large, 0,
                   detail::join("the header's length is ", length, ", but the limit is ", limit),
                   length > detail::max_text_bytes ? "this is probably not a safetensors file"
                   : is_whole                      ? detail::limit_advice(length)
                                                   : "");
  if (!is_whole)
    return refused(errc::header_truncated, file_size,
                   detail::join("the header ends at byte ", 8 + length, ", but the file has only ",
                                detail::counted(file_size, "byte")),
                   detail::cut_short);
  return 8 + length;
}

SAFETENSORS_DECL result<header> header::try_parse(std::span<const std::byte> head,
                                                  std::uint64_t file_size,
                                                  const read_options& options) {
  const result<std::uint64_t> needed = try_bytes_needed(head, file_size, options);
  if (!needed) return needed.error();
  if (head.size() < *needed)
    return detail::explained(
        detail::failure_at(errc::header_truncated, head.size(),
                           detail::join("the header ends at byte ", *needed, ", but only ",
                                        detail::counted(head.size(), "byte"), " were given")),
        head, file_size);
  const auto length = static_cast<std::size_t>(*needed - 8);
  auto table = detail::new_table(head.subspan(8, length), length);
  if (!table) return std::move(table).error();
  result<header> made = detail::index_text(*table, file_size, options);
  if (made) return made;
  failure what = detail::explained(std::move(made).error(), head, file_size);
  if (!detail::may_be_units(what.code)) return what;
  return detail::explained_by_units(std::move(what), detail::text_of(**table),
                                    detail::as_text(head.subspan(8 + length)), file_size);
}

SAFETENSORS_DECL result<header> header::try_open(path_ref path, const read_options& options) {
  result<file_source> source = file_source::try_open(path);
  if (!source) return std::move(source).error();
  return try_read(*source, options);
}

SAFETENSORS_DECL std::optional<entry_field> header::unknown_field() const& noexcept {
  const detail::tensor_table* const table = this->table();
  if (table == nullptr || table->unknown_field.offset == 0) return std::nullopt;
  return entry_field{table->view(table->unknown_field_tensor), table->view(table->unknown_field)};
}

}  // namespace safetensors::inline SAFETENSORS_ABI
