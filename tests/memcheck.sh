#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Test programs of the preset dev under valgrind: it sees what depends on bytes that were never written, as no sanitizer
# here does.
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests
if ! command -v valgrind >/dev/null 2>&1; then
  echo "there is no valgrind"
  exit 77
fi
if command -v ccache >/dev/null 2>&1; then
  export SAFETENSORS_COMPILER_LAUNCHER=ccache
fi

# Not run: safetensors-memory-tests, before whose own operator new valgrind puts its own, so that nothing is counted;
# safetensors-faults-tests, whose many thousands of saves take too long; those of the command, the examples and the
# reference, which do their work in other programs; snippets; the replayers of plans and edits, which save thousands of
# files.
programs="safetensors-tests safetensors-conformance-tests"
replayers="replay-reader replay-lanes"
# Not run either: valgrind ends when there are so many mappings.
excluded="where the system allows no more mappings*"
# Run without the search for leaks: it takes what other threads held when the child was forked for lost.
forked="a process that is forked while other threads*"

memcheck() {
  valgrind --quiet --error-exitcode=1 --child-silent-after-fork=yes "$@"
}

cmake --preset dev
cmake --build --preset dev --target $programs $replayers
for pattern in "$excluded" "$forked"; do
  build/dev/tests/safetensors-tests --list-test-cases --test-case="$pattern" | grep -q "^${pattern%\*}" || {
    echo "There is no test: $pattern"
    exit 1
  }
done
for program in $programs; do
  printf '\n== %s\n' "$program"
  memcheck --leak-check=full "build/dev/tests/$program" --test-case-exclude="$excluded,$forked"
done
memcheck build/dev/tests/safetensors-tests --test-case="$forked"
for replayer in $replayers; do
  printf '\n== %s\n' "$replayer"
  memcheck "build/dev/tests/fuzz/$replayer" tests/fuzz/corpus tests/conformance/vectors examples/data
done
