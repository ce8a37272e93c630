// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Fuzz target: the two lanes that read headers. What the canonical lane takes, the general lane
// takes too, with the identical index; what it declines, it leaves as it was.
#include <safetensors/safetensors.hpp>

#include "require.hpp"

#include <random>

using namespace safetensors;
using detail::tensor_table;

namespace {

std::unique_ptr<tensor_table> table_of(std::string_view text) {
  auto made = detail::new_table(std::as_bytes(std::span(text)), text.size());
  require(made.has_value(), "there is memory");
  std::unique_ptr<tensor_table> table = *std::move(made);
  std::memset(table->text.data() + text.size(), 0, detail::text_padding);
  return table;
}

bool same_shapes(const tensor_table& a, const detail::record& of_a, const tensor_table& b,
                 const detail::record& of_b) {
  return std::ranges::equal(a.shape(of_a), b.shape(of_b));
}

void require_identical(const tensor_table& a, const tensor_table& b) {
  require(a.records.size() == b.records.size(), "as many tensors");
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    const detail::record &of_a = a.records[i], &of_b = b.records[i];
    require(a.name(of_a) == b.name(of_b) && of_a.name_offset == of_b.name_offset, "the same name");
    require(of_a.begin == of_b.begin && of_a.end == of_b.end, "the same offsets");
    require(of_a.rank_and_dtype == of_b.rank_and_dtype, "the same dtype and rank");
    require(same_shapes(a, of_a, b, of_b), "the same shape");
  }
  require(a.metadata.size() == b.metadata.size(), "as much metadata");
  for (std::size_t i = 0; i < a.metadata.size(); ++i) {
    require(a.view(a.metadata[i].key) == b.view(b.metadata[i].key), "the same key");
    require(a.view(a.metadata[i].value) == b.view(b.metadata[i].value), "the same value");
  }
}

void check(std::string_view text) {
  const auto canonical = table_of(text), general = table_of(text);
  const bool taken = detail::canonical_lane(*canonical).read();
  if (!taken) {
    require(std::string_view(canonical->text.data(), canonical->text.size()) == text,
            "what is declined is left as it was");
    return;
  }
  require(detail::read_general_lane(*general).has_value(), "what one takes, the other takes");
  require_identical(*canonical, *general);
  const auto first = detail::complete(*canonical, unknown_size, {});
  const auto second = detail::complete(*general, unknown_size, {});
  require(first.has_value() == second.has_value(), "both are valid, or neither");
  if (first)
    require_identical(*canonical, *general);
  else
    require(first.error().message() == second.error().message(), "they fail alike");
}

#ifdef SAFETENSORS_FUZZ
//-- mutations of tokens, which reach deeper than those of bytes

std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2u : 1u;
      end = std::min(end + 1, text.size());
    } else if (text[at] >= '0' && text[at] <= '9') {
      while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    }
    tokens.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

void mutate(std::vector<std::string>& tokens, std::minstd_rand& random) {
  static const std::vector<std::string> others = tokens_of(
      R"({}[],:"dtype""shape""data_offsets""__metadata__""BF16""F32""F4""U8" null 0 1 8 16 01 )"
      R"(18446744073709551615 9999999999999999999 10000000000000000000 "a""\n""\u0041""\"\\\/""é" )");
  const auto pick = [&](std::size_t count) { return random() % count; };
  if (tokens.empty()) tokens.emplace_back("{}");
  const std::size_t at = pick(tokens.size()), other = pick(tokens.size());
  const std::size_t length = std::min<std::size_t>(1 + pick(16), tokens.size() - at);
  const auto place = tokens.begin() + static_cast<std::ptrdiff_t>(at);
  const std::vector<std::string> piece(place, place + static_cast<std::ptrdiff_t>(length));
  switch (pick(6)) {
    case 0: std::swap(tokens[at], tokens[other]); break;
    case 1: tokens[at] = others[pick(others.size())]; break;
    case 2: tokens.insert(place, others[pick(others.size())]); break;
    case 3: tokens.insert(place, " "); break;
    case 4: tokens.erase(place, place + static_cast<std::ptrdiff_t>(length)); break;
    default:
      tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(other), piece.begin(),
                    piece.end());
  }
}
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text);
  if (size > 8) check(text.substr(8));  // the header of a whole file without data
  return 0;
}

#ifdef SAFETENSORS_FUZZ
extern "C" std::size_t LLVMFuzzerMutate(unsigned char* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(unsigned char* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  if (random() % 3 == 0) return LLVMFuzzerMutate(data, size, most);
  std::vector<std::string> tokens = tokens_of({reinterpret_cast<const char*>(data), size});
  for (std::size_t count = 1 + random() % 3; count != 0; --count) mutate(tokens, random);
  std::string text;
  for (const std::string& token : tokens) text += token;
  text.resize(std::min(text.size(), most));
  std::copy(text.begin(), text.end(), data);
  return text.size();
}
#endif
