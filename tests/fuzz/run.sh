#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Fuzzes each target for so many seconds, from the committed corpus. What it finds goes to build/fuzz/found:
# a crash is to be mended, and its input added to the corpus.
#   sh tests/fuzz/run.sh [seconds]
set -eu
cd "$(dirname "$0")/../.."
cmake --workflow --preset fuzz
for target in reader lanes; do
  mkdir -p build/fuzz/found build/fuzz/corpus/$target tests/fuzz/corpus/$target
  build/fuzz/tests/fuzz/fuzz-$target -max_total_time="${1:-60}" -max_len=4096 -timeout=10 -verbosity=0 \
    -print_final_stats=1 -dict=tests/fuzz/headers.dict -artifact_prefix=build/fuzz/found/ \
    build/fuzz/corpus/$target tests/fuzz/corpus tests/conformance/vectors
done
