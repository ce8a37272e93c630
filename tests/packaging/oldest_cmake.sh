#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Takes the library in each way with the oldest CMake that is supported, that of Ubuntu 22.04; then finds with it what a
# newer CMake installed.
#   sh tests/packaging/oldest_cmake.sh
set -eu
cd "$(dirname "$0")/../.."
sh packaging/dependencies.sh tests
sh tests/environment.sh build/oldest-cmake tests/packaging/oldest-cmake-requirements.txt
sh tests/environment.sh build/packaging tests/packaging/requirements.txt
oldest=$PWD/build/oldest-cmake/bin
folder=$PWD/build/oldest-cmake-tests
newer=$(command -v cmake)
only_library="-G Ninja -D SAFETENSORS_BUILD_TOOL=OFF -D SAFETENSORS_BUILD_EXAMPLES=OFF"
export PATH="$oldest:$PATH" # for Conan and Meson

rm -rf "$folder"
cmake --version
if cmake -S . -B "$folder/module" $only_library -D SAFETENSORS_BUILD_MODULE=ON >"$folder.txt" 2>&1 ||
  ! grep -q "SAFETENSORS_BUILD_MODULE needs CMake 3.28" "$folder.txt"; then
  cat "$folder.txt"
  echo "CMake must say that it is too old for the module"
  exit 1
fi
cmake -S . -B "$folder" $only_library
cmake --build "$folder" --target safetensors_compiled
ctest --test-dir "$folder" --output-on-failure --no-tests=error -R '^packaging: '

"$newer" --version
"$newer" -S . -B "$folder/newer" $only_library -D SAFETENSORS_BUILD_TESTS=OFF
"$newer" --build "$folder/newer"
rm -rf "$folder/tests/packaging/prefix"
"$newer" --install "$folder/newer" --prefix "$folder/tests/packaging/prefix"
cmake -D support="$folder/tests/packaging/support.cmake" -P tests/packaging/find_package.cmake
