#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Installs the implementations into build/compare, gives them every vector, and compares the answers with RESULTS.md.
# Exits with 77 if a toolchain is missing, and what it would run is left out.
set -eu
cd "$(dirname "$0")/../../.."
sh tests/interop/setup.sh
from=tests/conformance/compare
to=build/compare
mkdir -p "$to"

# Whether a part must be made: its toolchain is there, and its files have changed since.
#   wanted PART TOOL FILE...
wanted() {
  part=$1 tool=$2
  shift 2
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "$tool is not there: its implementations are not run."
    rm -rf "$to/$part" "$to/$part".made-*
    return 1
  fi
  made=$to/$part.made-$(cat "$@" | cksum | tr ' ' '-')
  [ ! -e "$made" ] || return 1
  rm -rf "$to/$part" "$to/$part".made-*
  echo "Making $to/$part"
}

if wanted cpp g++ "$from/this_library.cpp" include/safetensors/*.hpp include/safetensors/*/*; then
  mkdir "$to/cpp"
  g++ -std=c++20 -O1 -Iinclude "$from/this_library.cpp" -o "$to/cpp/this_library"
  touch "$made"
fi
if wanted python python3 "$from/python/requirements.txt"; then
  python3 -m venv "$to/python"
  "$to/python/bin/python" -m pip install -q --disable-pip-version-check \
    -r "$from/python/requirements.txt"
  touch "$made"
fi
if wanted npm npm "$from"/npm/*; then
  cp -r "$from/npm" "$to/npm"
  (cd "$to/npm" && npm install --silent --no-package-lock --no-audit --no-fund --ignore-scripts)
  touch "$made"
fi
if wanted rust cargo "$from/rust/Cargo.toml" "$from"/rust/src/*.rs "$from"/rust/src/bin/*.rs; then
  cp -r "$from/rust" "$to/rust"
  # What is built stays for the next time, so that a change of an adapter costs seconds.
  (cd "$to/rust" && cargo build --quiet --release -j 1 --target-dir ../cargo)
  cp "$to/cargo/release/lattice" "$to/cargo/release/yscv" "$to/rust"
  touch "$made"
fi
if wanted go go "$from"/go/*; then
  mkdir "$to/go"
  (cd "$from/go" && go build -o "../../../../$to/go/nlpodyssey" .)
  touch "$made"
fi
build/interop/bin/python "$from/compare.py"
