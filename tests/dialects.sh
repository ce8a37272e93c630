#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Compiles tests/dialects.cpp as Objective-C++ and as CUDA, in both modes, and runs it; no GPU is needed. Clang needs
# nothing of Apple's or NVIDIA's for this; nvcc is taken from the system or from a Python package.
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests newest
clang=clang++-19
command -v "$clang" >/dev/null 2>&1 || { echo "there is no $clang"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The library is plain C++, whatever its users are.
compiled="-std=c++20 -Iinclude -DSAFETENSORS_SEPARATE_COMPILATION"
header_only="-std=c++20 -Iinclude $(pkg-config --cflags nlohmann_json)"
"$clang" $compiled $header_only -c src/safetensors.cpp -o "$folder/library.o"

# try NAME COMPILER OPTION…
try() {
  name=$1
  shift
  "$@" $header_only tests/dialects.cpp -o "$folder/$name-header-only"
  "$@" $compiled tests/dialects.cpp -Xlinker "$folder/library.o" -o "$folder/$name-compiled"
  for mode in header-only compiled; do
    printf '%s, %s: ' "$name" "$mode"
    "$folder/$name-$mode" examples/data/digits.safetensors "$folder/copy.safetensors"
  done
}

# This runtime's exceptions are those of C++, so that no library of Objective-C is needed.
try Objective-C++ "$clang" -Wall -Wextra -Werror -x objective-c++ -fobjc-runtime=macosx-fragile
try CUDA-by-clang "$clang" -Wall -Wextra -Werror -x cuda --cuda-host-only -nocudainc -nocudalib -include stdlib.h \
  "-D__host__=__attribute__((host))" "-D__device__=__attribute__((device))"

if command -v nvcc >/dev/null 2>&1; then
  try nvcc nvcc -x cu
elif sh tests/environment.sh build/dialects tests/dialects-requirements.txt; then
  nvcc=$(ls build/dialects/lib/python3*/site-packages/nvidia/cu*/bin/nvcc)
  try nvcc "$nvcc" "-L$(dirname "$nvcc")/../lib" -x cu
else
  echo "not compiled: CUDA by nvcc, which could not be installed"
fi
