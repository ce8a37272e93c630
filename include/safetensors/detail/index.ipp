// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
// IWYU pragma: private, include <safetensors/safetensors.hpp>
//
// From the table that a lane has filled to the index: names, order, rules, the end of the file.
#pragma once

#include <safetensors/base/text.hpp>
#include <safetensors/detail/failures.hpp>
#include <safetensors/detail/lanes.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>

namespace safetensors::inline SAFETENSORS_ABI::detail {

SAFETENSORS_DECL result<std::unique_ptr<tensor_table>> new_table(std::span<const std::byte> text,
                                                                 std::size_t capacity) {
  std::unique_ptr<tensor_table> table(new (std::nothrow) tensor_table);
  if (table == nullptr || !table->text.reserve(capacity + text_padding)) return errc::out_of_memory;
  copy_bytes(table->text.data(), text.data(), text.size());
  table->text.set_size(text.size());
  return table;
}

SAFETENSORS_DECL std::uint64_t raw_offset(const tensor_table& table, std::size_t decoded) noexcept {
  while (table.text.data()[decoded - 1] == escape_filler) --decoded;
  return 8 + std::uint64_t{decoded};
}

SAFETENSORS_DECL failure record_failure(errc code, const tensor_table& table, const record& entry,
                                        std::string detail) {
  return {.code = code,
          .offset = raw_offset(table, entry.name_offset),
          .tensor = std::string(table.name(entry)),
          .detail = std::move(detail)};
}

//-- names

inline result<void> sort_metadata(tensor_table& table) {
  const auto key = [&](const metadata_entry& entry) { return table.view(entry.key); };
  std::sort(table.metadata.begin(), table.metadata.end(),
            [&](const metadata_entry& a, const metadata_entry& b) {
              const int order = key(a).compare(key(b));
              return order != 0 ? order < 0 : a.key.offset < b.key.offset;
            });
  const metadata_entry* const twin = std::adjacent_find(
      table.metadata.begin(), table.metadata.end(),
      [&](const metadata_entry& a, const metadata_entry& b) { return key(a) == key(b); });
  if (twin == table.metadata.end()) return {};
  return failure_at(errc::duplicate_metadata_key, raw_offset(table, twin[1].key.offset),
                    join("the metadata key ", in_quotes(key(*twin)), " occurs before, at byte ",
                         raw_offset(table, twin->key.offset)));
}

// The first call goes in the order of the text. The text is therefore in the cache, and the first
// name that occurred before fails.
SAFETENSORS_DECL result<void> index_names(tensor_table& table) {
  const std::size_t count = table.records.size();
  if (count == 0) return {};
  const std::size_t size = std::bit_ceil(count + count / 2 + 1);  // at most two thirds full
  if (!table.names.reserve(size)) return errc::out_of_memory;
  table.names.set_size(size);
  std::memset(static_cast<void*>(table.names.data()), 0, size * sizeof(name_slot));
  const hash_keys keys = table.keys = process_keys();
  std::uint64_t hashes[32];  // ahead, so that their slots are fetched at the same time
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t ahead = i % std::size(hashes);
    for (std::size_t j = i; ahead == 0 && j != (std::min)(count, i + std::size(hashes)); ++j) {
      hashes[j - i] = hash_name(table.name(table.records[j]), keys);
      prefetch(table.first_slot(hashes[j - i]));
    }
    const record& entry = table.records[i];
    name_slot* slot = table.locate(table.name(entry), hashes[ahead]);
    if (slot->record_number != 0)
      return record_failure(
          errc::duplicate_tensor, table, entry,
          join("an earlier tensor has this name, at byte ",
               raw_offset(table, table.records[slot->record_number - 1].name_offset)));
    *slot = {tensor_table::tag(hashes[ahead]), static_cast<std::uint32_t>(i + 1)};
  }
  return {};
}

//-- order and the rules

// Brings the records into data order: by first byte, then by last byte, then as in the text. The
// names follow. Places are sorted instead of records, which have twice their size.
inline result<void> sort_records(tensor_table& table) {
  struct place {
    std::uint64_t begin;
    std::size_t number;  // of the record that begins there
  };
  const std::size_t count = table.records.size();
  block<place> places;
  block<record> sorted;
  block<std::uint32_t> numbers;  // where each record is afterwards
  if (!places.reserve(count) || !sorted.reserve(count) || !numbers.reserve(count))
    return errc::out_of_memory;
  places.set_size(count), sorted.set_size(count), numbers.set_size(count);
  for (std::size_t i = 0; i < count; ++i) places[i] = {table.records[i].begin, i};
  std::sort(places.begin(), places.end(), [&](const place& a, const place& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    const record &first = table.records[a.number], &second = table.records[b.number];
    return first.end != second.end ? first.end < second.end : a.number < b.number;
  });
  for (std::size_t i = 0; i < count; ++i) {
    sorted[i] = table.records[places[i].number];
    numbers[places[i].number] = static_cast<std::uint32_t>(i + 1);
  }
  std::swap(table.records, sorted);
  for (name_slot& slot : table.names)
    if (slot.record_number != 0) slot.record_number = numbers[slot.record_number - 1];
  return {};
}

// Returns the first rule that the tensor breaks at its place, or errc{}.
inline errc broken_rule(const tensor_table& table, const record& entry,
                        std::uint64_t previous_end) noexcept {
  if (entry.begin != previous_end || entry.end < entry.begin) return errc::invalid_offsets;
  const tensor_size size = measure(entry.dtype(), table.shape(entry));
  if (size.broken != errc{}) return size.broken;
  return entry.end - entry.begin == size.bits / 8 ? errc{} : errc::size_mismatch;
}

// Returns the tensor that ends where the broken one should begin, or null. In data order, tensors
// without bytes at that place come after the broken one.
inline const record* find_neighbour(const tensor_table& table, const record& broken,
                                    std::uint64_t end) noexcept {
  for (const record* entry = &broken; entry != table.records.begin();) {
    --entry;
    if (entry->end == end) return entry;
  }
  return nullptr;
}

inline failure broken_rule_failure(const tensor_table& table, const record& entry,
                                   std::uint64_t previous_end) {
  const errc code = broken_rule(table, entry, previous_end);
  const auto shape = table.shape(entry);
  const tensor_size size = measure(entry.dtype(), shape);
  const auto range_text = [](const record& of) { return join("[", of.begin, ",", of.end, "]"); };
  failure what = record_failure(code, table, entry, {});
  if (code == size.broken) {
    what.detail = size_text(entry.dtype(), shape, size);
    return what;
  }
  if (code == errc::size_mismatch) {
    what.detail = join(to_string(entry.dtype()), " ", shape_text(shape), " needs ",
                       counted(size.bits / 8, "byte"), ", but data_offsets ", range_text(entry),
                       " span ", entry.end - entry.begin);
    return what;
  }
  what.detail = join("its data_offsets are ", range_text(entry), "; ");
  if (entry.end < entry.begin) {
    what.detail += "they end before they begin";
  } else if (previous_end == 0 && entry.begin == table.data_start()) {
    what.detail += "they seem to count from the start of the file";
    what.advice = "count them from the end of the header, where the data begins";
  } else if (entry.begin > previous_end) {
    const std::uint64_t gap = entry.begin - previous_end;
    what.detail += join("the ", counted(gap, "byte"), " before it ",
                        gap == 1 ? "belongs" : "belong", " to no tensor");
  } else {
    const record* const other = find_neighbour(table, entry, previous_end);
    what.detail += "the tensor overlaps ";
    what.detail += other == nullptr ? "another"
                                    : join(in_quotes(table.name(*other)), ", ", range_text(*other));
  }
  return what;
}

// Returns the first tensor that breaks a rule, or null. Then data_size is where that tensor should
// begin.
inline const record* find_broken(tensor_table& table) noexcept {
  table.data_size = 0;
  for (const record& entry : table.records) {
    if (broken_rule(table, entry, table.data_size) != errc{}) return &entry;
    table.data_size = entry.end;
  }
  return nullptr;
}

inline result<void> validate_end(tensor_table& table, std::uint64_t file_size,
                                 bool allow_trailing_bytes) {
  const std::uint64_t start = table.data_start();
  if (file_size == unknown_size) {
    if (table.data_size <= (std::numeric_limits<std::uint64_t>::max)() - 1 - start) return {};
    return failure{.code = errc::size_overflow,
                   .detail = "the file would be longer than 2^64 bytes"};
  }
  const std::uint64_t present = file_size - start;
  if (table.data_size > present) return missing_data_failure(table.data_size, start, present);
  if (table.data_size < present && !allow_trailing_bytes) {
    constexpr std::uint64_t padding = 64;  // more bytes are probably something else
    const std::uint64_t more = present - table.data_size;
    return failure_at(
        errc::trailing_bytes, start + table.data_size,
        join(counted(more, "byte"), more == 1 ? " follows" : " follow", " the last tensor"),
        more <= padding ? "allow_trailing_bytes accepts the file" : "");
  }
  return {};
}

SAFETENSORS_DECL result<void> build_index(tensor_table& table, std::uint64_t file_size,
                                          bool allow_trailing_bytes) {
  if (auto sorted = sort_metadata(table); !sorted) return sorted;
  if (auto indexed = index_names(table); !indexed) return indexed;
  // If no tensor breaks a rule, all are in data order already, so sorting is not needed.
  const record* broken = find_broken(table);
  if (broken != nullptr) {
    if (auto sorted = sort_records(table); !sorted) return sorted;
    broken = find_broken(table);
  }
  if (broken != nullptr) return broken_rule_failure(table, *broken, table.data_size);
  return validate_end(table, file_size, allow_trailing_bytes);
}

}  // namespace safetensors::inline SAFETENSORS_ABI::detail
