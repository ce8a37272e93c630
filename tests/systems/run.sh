#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Compiles one program that reads and writes for systems that cannot run the tests, and runs it: with the headers of
# glibc 2.26, and for WebAssembly as a WASI host runs it, here Node. The compiler is zig, which brings both systems along.
#   sh tests/systems/run.sh old-glibc|wasm
set -eu
cd "$(dirname "$0")/../.."
sh packaging/dependencies.sh tests machines
sh tests/environment.sh build/machines/zig tests/machines-requirements.txt
export ZIG_GLOBAL_CACHE_DIR="$PWD/build/machines/zig-cache"
work=build/systems/$1
rm -rf "$work"
mkdir -p "$work/include" "$work/folder/inner"
json=$(pkg-config --cflags-only-I --keep-system-cflags nlohmann_json | sed 's/^-I//; s/ *$//')
cp -r "$json/nlohmann" "$work/include" # without this machine's other headers
cp examples/data/digits.safetensors "$work/folder"
ln -s nothing "$work/folder/link"

compile() {
  build/machines/zig/bin/python -m ziglang c++ -std=c++20 -O1 -Wall -Wextra -Werror -Iinclude -isystem "$work/include" "$@" \
    tests/systems/program.cpp -o "$work/program"
}
case $1 in
  old-glibc)
    compile -target "$(uname -m)-linux-gnu.2.26"
    run="../program"
    folder=$PWD/$work/folder
    ;;
  wasm)
    compile -target wasm32-wasi -fno-exceptions -fno-rtti
    run="node --no-warnings ../../../../tests/systems/wasi.mjs ../program"
    folder=/of-the-host
    ;;
  *)
    echo "There is no system $1."
    exit 2
    ;;
esac
cd "$work/folder"
$run "$folder" digits.safetensors
ls -l
if [ "$(find . | sort | tr '\n' ' ')" != ". ./a ./digits.safetensors ./in-this-folder ./inner ./inner/a ./link ./new " ]; then
  echo "There are other files than those that were written."
  exit 1
fi
[ ! -L link ] || { echo "The link was not replaced."; exit 1; }
