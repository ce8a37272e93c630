// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Fuzz target: the two lanes that read headers. What the canonical lane accepts, the general lane
// accepts too, with the identical index. The canonical lane leaves what it does not recognise as it
// was.
#include "lanes.hpp"

#include <algorithm>
#include <random>

#ifdef SAFETENSORS_FUZZ
//-- mutations of tokens, which reach deeper than those of bytes

namespace {

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

}  // namespace
#endif

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_lanes(text);
  if (size > 8) check_lanes(text.substr(8));  // the header of a whole file without data
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
