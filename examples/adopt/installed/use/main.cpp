// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// A program that knows the installed library alone.   use MODEL COPY
#include <arrays/arrays.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: use MODEL COPY\n";
    return 2;
  }
  try {
    arrays::save(argv[2], arrays::load(argv[1]));
    std::cout << arrays::load(argv[2]).arrays.size() << " arrays\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
