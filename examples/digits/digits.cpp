// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// Reads handwritten digits with a small network, straight from the mapped files: the weights are
// not copied, and nothing is allocated per image. train.py wrote both files.
#include <safetensors/safetensors.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>

constexpr std::size_t side = 8, pixels = side * side, hidden = 32, classes = 10;
using image = std::span<const std::uint8_t, pixels>;

// A tensor's elements, in place, if it has the dtype and shape that this program is made for.
template <class T> std::span<const T> elements(const safetensors::file& from, std::string_view name,
                                               safetensors::shape_ref shape) {
  const safetensors::tensor_view tensor = from[name];
  tensor.expect(safetensors::dtype_traits<T>::value, shape);  // throws, and says what is there
  return tensor.as<T>();
}

// Spans over the model's file, which must stay open.
struct network {
  std::span<const float> hidden_weight, hidden_bias, output_weight, output_bias;

  explicit network(const safetensors::file& model)
      : hidden_weight(elements<float>(model, "hidden.weight", {hidden, pixels})),
        hidden_bias(elements<float>(model, "hidden.bias", {hidden})),
        output_weight(elements<float>(model, "output.weight", {classes, hidden})),
        output_bias(elements<float>(model, "output.bias", {classes})) {}

  [[nodiscard]] std::size_t classify(image input) const {
    std::array<float, hidden> middle{};
    for (std::size_t i = 0; i < hidden; ++i) {
      const auto row = hidden_weight.subspan(i * pixels, pixels);  // row-major: [out, in]
      const float sum = std::inner_product(row.begin(), row.end(), input.begin(), hidden_bias[i]);
      middle[i] = std::max(sum, 0.0F);
    }
    std::array<float, classes> scores{};
    for (std::size_t i = 0; i < classes; ++i) {
      const auto row = output_weight.subspan(i * hidden, hidden);
      scores[i] = std::inner_product(row.begin(), row.end(), middle.begin(), output_bias[i]);
    }
    return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) -
                                    scores.begin());
  }
};

// Two characters a pixel, as they are twice as high as wide.
void draw(image picture) {
  constexpr std::string_view shades = " .:-=+*#@";  // for 0 to 16
  for (std::size_t i = 0; i < pixels; ++i) {
    const char shade = shades[std::min<std::size_t>(picture[i] / 2U, shades.size() - 1)];
    std::cout << (i % side == 0 ? "  " : "") << shade << shade
              << (i % side == side - 1 ? "\n" : "");
  }
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example-digits MODEL IMAGES\n";
    return 2;
  }
  try {
    const std::filesystem::path model_path = argv[1], images_path = argv[2];
    const safetensors::file model(model_path), test(images_path);

    const network reader(model);
    const auto labels = elements<std::uint8_t>(test, "labels", {safetensors::any_size});
    const auto images = elements<std::uint8_t>(test, "images", {labels.size(), pixels});

    std::size_t correct = 0;
    bool drawn = false;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const image picture = images.subspan(i * pixels).first<pixels>();
      const std::size_t guess = reader.classify(picture);
      if (guess == labels[i]) {
        ++correct;
      } else if (!std::exchange(drawn, true)) {
        std::cout << "image " << i << " shows " << int{labels[i]} << " and was read as " << guess
                  << ":\n";
        draw(picture);
      }
    }

    const std::string measured = std::to_string(correct) + '/' + std::to_string(labels.size());
    const auto trained = model.metadata().find("accuracy");
    const bool same = trained == measured;
    std::cout << "accuracy " << std::fixed << std::setprecision(2)
              << 100 * static_cast<double>(correct) / static_cast<double>(labels.size()) << " % ("
              << correct << " of " << labels.size() << "), "
              << (same ? "as measured in training" : "not as measured in training") << '\n';
    return same ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
