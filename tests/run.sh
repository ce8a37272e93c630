#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Installs what is missing, then builds and runs all tests, one workflow preset after the other.
#   sh tests/run.sh [preset…]        default: dev clang sanitize no-exceptions
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests
if command -v ccache >/dev/null 2>&1; then
  export SAFETENSORS_COMPILER_LAUNCHER=ccache
fi
if [ "$#" -eq 0 ]; then
  set -- dev
  if command -v clang++ >/dev/null 2>&1; then
    set -- "$@" clang sanitize
  else
    echo "skipped: the presets clang and sanitize, because there is no clang++"
  fi
  set -- "$@" no-exceptions
fi
for preset in "$@"; do
  printf '\n== %s\n' "$preset"
  cmake --workflow --preset "$preset"
done
