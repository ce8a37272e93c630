#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Installs what is missing, then builds and runs all tests, one preset after the other.
#   sh tests/run.sh [preset…]        default: dev clang sanitize thread tidy no-exceptions, two minutes of fuzzing, and
#                                    the reference; before a release: tests/full.sh
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests
if command -v ccache >/dev/null 2>&1; then
  export SAFETENSORS_COMPILER_LAUNCHER=ccache
fi
if sh tests/interop/setup.sh; then
  export SAFETENSORS_PYTHON="$PWD/build/interop/bin/python"
  export SAFETENSORS_PUBLISHED_MODELS="$PWD/build/interop/models"
  python3 tests/conformance/generate.py --check
elif [ -n "${CI:-}" ]; then
  echo "The reference package must be there in CI."
  exit 1
else
  echo "skipped: the comparison with the reference package, which could not be installed"
fi
# Without it the test of the recipe is skipped, and fails in CI.
sh tests/environment.sh build/packaging tests/packaging/requirements.txt || echo "Conan could not be installed."

if [ "$#" -eq 0 ]; then
  set -- dev
  if command -v clang++ >/dev/null 2>&1; then
    set -- "$@" clang sanitize thread fuzz
  elif [ -n "${CI:-}" ]; then
    echo "clang must be there in CI."
    exit 1
  else
    echo "skipped: the presets clang, sanitize, thread and fuzz, because there is no clang++"
  fi
  if sh packaging/dependencies.sh newest && command -v clang-tidy-19 >/dev/null 2>&1; then
    set -- "$@" tidy
  elif [ -n "${CI:-}" ]; then
    echo "clang-tidy 19 must be there in CI."
    exit 1
  else
    echo "skipped: the preset tidy, because there is no clang-tidy 19"
  fi
  set -- "$@" no-exceptions docs
fi

# Configures, builds and tests a preset; tidy-all is another build of tidy.
run() {
  under=
  if [ "$1" = thread ] && setarch "$(uname -m)" -R true 2>/dev/null; then
    # Up to LLVM 17, the sanitizer does not start where the system places memory too much at random.
    under="setarch $(uname -m) -R"
  fi
  cmake --preset "${1%-all}"
  $under cmake --build --preset "$1" # which runs the tests' programs to list their cases
  case "$1" in tidy* | fuzz | examples | bench*) ;; *) $under ctest --preset "$1" ;; esac
}

for preset in "$@"; do
  printf '\n== %s\n' "$preset"
  case "$preset" in
    clang-19 | tidy*) sh packaging/dependencies.sh newest ;;
    g++-11) sh packaging/dependencies.sh oldest ;;
  esac
  if [ "$preset" = fuzz ]; then
    sh tests/fuzz/run.sh
  elif [ "$preset" = docs ]; then
    sh tests/docs.sh
  else
    run "$preset"
  fi
done
