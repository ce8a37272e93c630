// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// The two lanes that read headers, each by itself.
#pragma once

#include "require.hpp"

#include <algorithm>
#include <cstring>
#include <safetensors/detail/lanes.hpp>

inline std::unique_ptr<safetensors::detail::tensor_table> table_of(std::string_view text) {
  auto made = safetensors::detail::new_table(std::as_bytes(std::span(text)), text.size());
  require(made.has_value(), "there is memory");
  std::unique_ptr<safetensors::detail::tensor_table> table = *std::move(made);
  std::memset(table->text.data() + text.size(), 0, safetensors::detail::text_padding);
  return table;
}

inline void require_identical(const safetensors::detail::tensor_table& a,
                              const safetensors::detail::tensor_table& b) {
  require(a.records.size() == b.records.size(), "as many tensors");
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    const safetensors::detail::record &of_a = a.records[i], &of_b = b.records[i];
    require(a.name(of_a) == b.name(of_b) && of_a.name_offset == of_b.name_offset, "the same name");
    require(of_a.begin == of_b.begin && of_a.end == of_b.end, "the same offsets");
    require(of_a.rank_and_dtype == of_b.rank_and_dtype, "the same dtype and rank");
    require(std::ranges::equal(a.shape(of_a), b.shape(of_b)), "the same shape");
  }
  require(a.metadata.size() == b.metadata.size(), "as much metadata");
  for (std::size_t i = 0; i < a.metadata.size(); ++i) {
    require(a.view(a.metadata[i].key) == b.view(b.metadata[i].key), "the same key");
    require(a.view(a.metadata[i].value) == b.view(b.metadata[i].value), "the same value");
  }
}

// Returns true if the canonical lane recognises a header. The general lane must then accept it too,
// with the identical index.
inline bool check_lanes(std::string_view text) {
  namespace detail = safetensors::detail;
  const auto canonical = table_of(text), general = table_of(text);
  if (!detail::read_canonical(*canonical)) {
    require(std::string_view(canonical->text.data(), canonical->text.size()) == text,
            "what is not recognised is left as it was");
    return false;
  }
  require(detail::read_general(*general).has_value(), "what one accepts, the other accepts");
  require_identical(*canonical, *general);
  const auto first = detail::build_index(*canonical, safetensors::unknown_size, false);
  const auto second = detail::build_index(*general, safetensors::unknown_size, false);
  require(first.has_value() == second.has_value(), "both are valid, or neither");
  if (first)
    require_identical(*canonical, *general);
  else
    require(first.error().message() == second.error().message(), "they fail alike");
  return true;
}
