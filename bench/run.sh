#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Builds the bench programs, lets the contenders take turns, and writes bench/results/<question>.md.
#   sh bench/run.sh [question…]      default: all of them
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests bench
cmake --workflow --preset bench
[ "$#" -gt 0 ] || set -- write
peer=
if sh tests/interop/setup.sh; then
  peer=build/interop/bin/python
else
  echo "skipped: the reference, which could not be installed"
fi
for question in "$@"; do
  printf '\n== %s\n' "$question"
  build/bench/bench/bench-"$question" --benchmark_repetitions="${ROUNDS:-15}" \
    --benchmark_enable_random_interleaving=true --benchmark_out=build/bench/"$question".json \
    --benchmark_out_format=json build/bench ${peer:+"$peer" bench/reference/save_file.py}
  python3 bench/report.py "$question" build/bench/"$question".json >bench/results/"$question".md
  cat bench/results/"$question".md
done
