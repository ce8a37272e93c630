#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Builds the bench programs, lets the contenders take turns, and writes bench/results/<question>.md
# and bench/README.md.
#   sh bench/run.sh [question…]      default: all of them; ROUNDS=n sets the number of rounds
#                                    BEFORE=commit: include also compiles the headers of that commit
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests bench
if command -v cargo >/dev/null 2>&1 &&
  cargo build -q --release --manifest-path bench/reference/Cargo.toml --target-dir build/reference; then
  :
else
  echo "skipped: the reference crate, which needs Rust and its registry"
fi
python=
if sh tests/interop/setup.sh; then
  python=build/interop/bin/python
else
  echo "skipped: the reference package, which could not be installed"
fi
cmake --workflow --preset bench
[ "$#" -gt 0 ] || set -- open lookup iterate include write
for question in "$@"; do
  printf '\n== %s\n' "$question"
  json=build/bench/$question.json
  script=
  case $question in
    include) python3 bench/include.py "${ROUNDS:-7}" "$json" ${BEFORE:+"$BEFORE"} ;;
    open) script=bench/reference/safe_open.py ;;
    write) script=bench/reference/save_file.py ;;
  esac
  [ "$question" = include ] ||
    build/bench/bench/bench-"$question" --benchmark_repetitions="${ROUNDS:-15}" \
      --benchmark_enable_random_interleaving=true --benchmark_out="$json" \
      --benchmark_out_format=json build/bench ${script:+${python:+"$python" "$script"}}
  python3 bench/report.py "$question" "$json" bench/results
  cat bench/results/"$question".md
done
python3 bench/report.py index bench/results >bench/README.md
