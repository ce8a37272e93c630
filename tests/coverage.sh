#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Line coverage of the headers by the tests and the fuzz corpus together: a summary, and every line that no test reaches.
set -eu
cd "$(dirname "$0")/.."
if ! command -v llvm-cov >/dev/null 2>&1; then
  echo "This needs clang and llvm-cov (Debian: clang llvm)."
  exit 2
fi
rm -rf build/coverage/profiles
LLVM_PROFILE_FILE="$PWD/build/coverage/profiles/%p.profraw"
export LLVM_PROFILE_FILE
cmake --workflow --preset coverage
llvm-profdata merge -sparse -o build/coverage/all.profdata build/coverage/profiles/*.profraw
set -- build/coverage/tests/safetensors-tests
for program in memory conformance interop tool examples; do
  set -- "$@" -object "build/coverage/tests/safetensors-$program-tests"
done
set -- "$@" -object build/coverage/tests/fuzz/replay-reader -object build/coverage/examples/tool/safetensors \
  -instr-profile build/coverage/all.profdata
llvm-cov report "$@" include/
echo "Lines that are not reached:"
llvm-cov show "$@" -show-instantiations=false include/ | grep -E '^ *[0-9]+\| +0\|' || echo "none"
