#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# The full run before a release: every preset and every script, then a table. It takes hours, and goes on after a
# failure. What a check printed is build/full/<name>.log; the table of the last run of all is build/full/table.txt.
#   sudo sh tests/full.sh [check…]        default: all; SAFETENSORS_FUZZ_MINUTES: for each target, default 10
set -u
cd "$(dirname "$0")/.."
mkdir -p build/full
only=" $* "
[ "$#" -eq 0 ] && table=build/full/table.txt || table=build/full/partial-table.txt
reasons=build/full/skipped.txt
: >"$reasons"
export CI="${CI:-true}" # skipping what can be installed is a failure
printf '%-26s %-8s %9s  %s\n' check result seconds "figures, or the reason" >"$table"
failed=0

# What ctest, doctest, llvm-cov, the fuzzers and the script of the bugs counted.
figures() {
  awk '
    /% tests passed, / { passed += $NF - $4 }  # N% tests passed, F tests failed out of T
    /^\[doctest\] test cases:/ { split($0, part, "|"); passed += part[2] + 0 }
    /\(Skipped\)$/ { ++skipped }
    /^TOTAL / { covered = $10 }
    /^[a-z]+: [0-9]+ executions, / { executions += $2 }
    /^[0-9]+ of [0-9]+ bugs killed, / { bugs = $1 " of " $3 " bugs killed" }
    END {
      if (passed) figures = figures sprintf(", %d tests", passed - skipped)  # of which ctest counts both
      if (skipped) figures = figures sprintf(", %d skipped", skipped)
      if (covered) figures = figures sprintf(", %s of the lines", covered)
      if (executions) figures = figures sprintf(", %d executions", executions)
      if (bugs) figures = figures ", " bugs
      print substr(figures, 3)
    }' "$1"
}

# Runs the command; 77 is the exit code of what cannot run here.
check() {
  name=$1
  shift
  [ "$only" = "  " ] || case "$only" in *" $name "*) ;; *) return ;; esac
  log=build/full/$name.log
  echo "== $name: $log"
  began=$(date +%s)
  "$@" >"$log" 2>&1
  code=$?
  details=$(figures "$log")
  case $code in
    0) result=passed ;;
    77)
      result=skipped failed=1 details=$(tail -n 1 "$log") # what is missing can be installed
      ;;
    *) result=failed failed=1 details="${details:+$details; }exit code $code" ;;
  esac
  for said in "$log" "build/$name/Testing/Temporary/LastTest.log"; do
    [ ! -e "$said" ] || grep -ohE '(skipped|left out|not run|not compiled): [^.].*' "$said"
  done | sort -u | sed "s/^/$name: /" >>"$reasons"
  printf '%-26s %-8s %9d  %s\n' "$name" "$result" $(($(date +%s) - began)) "$details" >>"$table"
}

check dev env SAFETENSORS_MUTATIONS=100000 sh tests/run.sh dev
check dev-compiled sh tests/run.sh dev-compiled
check clang sh tests/run.sh clang
check clang-header-only sh tests/run.sh clang-header-only
check clang-19 sh tests/run.sh clang-19
check g++-11 sh tests/run.sh g++-11
check c++23 sh tests/run.sh c++23
check no-exceptions sh tests/run.sh no-exceptions
check no-exceptions-header-only sh tests/run.sh no-exceptions-header-only
check sanitize sh tests/run.sh sanitize
check thread sh tests/run.sh thread
check memcheck sh tests/memcheck.sh
for compiler in g++ clang++; do
  check "parts-$compiler" python3 tests/house.py --compile both $compiler
done
json=$(pkg-config --keep-system-cflags --cflags-only-I nlohmann_json | sed 's/^-I//; s/ .*//') # Debian names no variable
for question in proof mixed shared; do
  check "modes-$question" python3 tests/modes.py $question "$json" clang++ -O1
done
check debugger-clang++ python3 tests/debugger/run.py gdb "$json" clang++
check dialects sh tests/dialects.sh
check json-versions sh tests/json_versions.sh
for machine in s390x aarch64 i686 musl windows macos; do
  check $machine sh tests/machines.sh $machine
done
check old-glibc sh tests/systems/run.sh old-glibc
check wasm sh tests/systems/run.sh wasm
check oldest-cmake sh tests/packaging/oldest_cmake.sh
check module sh tests/module/run.sh
check tidy sh tests/run.sh tidy-all
check coverage sh tests/coverage.sh
check mutations sh -c 'sh packaging/dependencies.sh tests && exec python3 tests/mutations/run.py'
check docs sh tests/docs.sh
check examples sh examples/run.sh
check compare sh tests/conformance/compare/run.sh
check fuzz sh tests/fuzz/run.sh $((${SAFETENSORS_FUZZ_MINUTES:-10} * 60))
check fresh sh tests/fresh.sh dev docs
check sid env SAFETENSORS_DEBIAN=sid sh tests/fresh.sh dev clang

for name in "$@"; do
  grep -q "^$name " "$table" || { echo "there is no check $name"; failed=1; }
done
printf '\nWhat was left out, and why:\n'
cat "$reasons"
echo
cat "$table"
exit "$failed"
