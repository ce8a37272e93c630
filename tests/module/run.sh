#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Builds a program that imports the library as a module, with clang 19 and the oldest CMake that can, and runs it: with
# libstdc++ as C++20, and with libc++, which has std::format, as C++23.
#   sh tests/module/run.sh
set -eu
cd "$(dirname "$0")/../.."
sh packaging/dependencies.sh tests newest modules
for tool in clang++-19 clang-scan-deps-19; do
  command -v "$tool" >/dev/null 2>&1 || { echo "there is no $tool"; exit 77; }
done
sh tests/environment.sh build/module tests/module/requirements.txt || {
  echo "CMake 3.28 and Ninja could not be installed"
  exit 77
}
folder=$PWD/build/module-tests
export PATH="$PWD/build/module/bin:$PATH"
rm -rf "$folder"

cmake --version
for library in libstdc++ libc++; do
  [ "$library" = libc++ ] && standard=23 || standard=20
  build=$folder/$library
  cmake -S tests/module -B "$build" -G Ninja -D CMAKE_CXX_COMPILER=clang++-19 -D CMAKE_CXX_FLAGS="-stdlib=$library" \
    -D CMAKE_CXX_STANDARD="$standard"
  cmake --build "$build"
  "$build/program" examples/data/digits.safetensors "$build/copy.safetensors" >"$build/output.txt"
  cat "$build/output.txt"
  grep -q '^output.bias F32: 0.304744 ' "$build/output.txt"
done

# Without exceptions, there are fewer names.
clang++-19 -std=c++20 -fno-exceptions -Iinclude -DSAFETENSORS_SEPARATE_COMPILATION --precompile src/safetensors.cppm \
  -o "$folder/no-exceptions.pcm"
echo "The module compiles without exceptions."
