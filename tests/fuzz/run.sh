#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Fuzzes each target for so many seconds, from the committed corpus, the conformance vectors and the examples' models,
# and tells how far it came. What it finds goes to build/fuzz/found: a crash is to be mended, and its input added to the
# corpus, by a name that tells what was wrong. No target has crashed so far.
#   sh tests/fuzz/run.sh [seconds [target…]]      default: 30 reader lanes plans edits
# New inputs are gathered in build/fuzz/corpus. Those that reach something new go into the committed corpus by
#   build/fuzz/tests/fuzz/fuzz-plans -merge=1 tests/fuzz/corpus/plans build/fuzz/corpus/plans
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
[ "$#" -eq 0 ] || shift
[ "$#" -ne 0 ] || set -- reader lanes plans edits
sh packaging/dependencies.sh tests
if ! command -v clang++ >/dev/null 2>&1; then
  echo "skipped: there is no clang++"
  exit 77
fi
if command -v ccache >/dev/null 2>&1; then
  export SAFETENSORS_COMPILER_LAUNCHER=ccache
fi
cmake --preset fuzz
cmake --build --preset fuzz
if [ -w /dev/shm ]; then
  export TMPDIR=/dev/shm # for the targets that write files: in memory they are several times as fast
fi
for target in "$@"; do
  mkdir -p build/fuzz/found "build/fuzz/corpus/$target"
  echo "Fuzzing $target for $seconds seconds"
  build/fuzz/tests/fuzz/fuzz-"$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
    -dict=tests/fuzz/headers.dict -artifact_prefix=build/fuzz/found/ \
    "build/fuzz/corpus/$target" tests/fuzz/corpus tests/conformance/vectors examples/data \
    >"build/fuzz/$target.log" 2>&1 || {
    tail -n 100 "build/fuzz/$target.log"
    exit 1
  }
done
for target in "$@"; do
  sed -n "s|^#\([0-9]*\).*DONE *cov: \([0-9]*\) ft: \([0-9]*\) .*|$target: \1 executions, \2 edges, \3 features|p" \
    "build/fuzz/$target.log"
done
