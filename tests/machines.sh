#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Builds the tests for other machines and runs them here: by emulators, by Wine, and 32-bit programs and those of musl
# by this processor. Those of macOS are only built, with Apple's headers, which the compiler zig brings along.
#   sudo sh tests/machines.sh [machine…]     default: s390x aarch64 i686 musl windows macos
# Exits with 77 where the kernel does not let it; needs root to tell the kernel of the emulators.
set -eu
cd "$(dirname "$0")/.."
[ "$#" -gt 0 ] || set -- s390x aarch64 i686 musl windows macos
if ! command -v dpkg >/dev/null 2>&1; then
  echo "skipped: the cross compilers are Debian's packages"
  exit 77
fi
sh packaging/dependencies.sh tests machines
if command -v ccache >/dev/null 2>&1; then
  export SAFETENSORS_COMPILER_LAUNCHER=ccache
fi
if sh tests/interop/setup.sh; then # this machine's Python; files are all that the tests exchange with it
  export SAFETENSORS_PYTHON="$PWD/build/interop/bin/python"
  export SAFETENSORS_PUBLISHED_MODELS="$PWD/build/interop/models"
elif [ -n "${CI:-}" ]; then
  echo "The reference package must be there in CI."
  exit 1
fi

# The packages that consist of headers, where no compiler finds this machine's own ones beside them.
packages=build/machines/packages
rm -rf "$packages"
mkdir -p "$packages"
dpkg -L nlohmann-json3-dev doctest-dev libcli11-dev libfmt-dev |
  grep -E '^/usr/(include|share/cmake|lib/cmake)/.*\.' | xargs cp -t "$packages" --parents
sed -i "s|\"/usr\"|\"$PWD/$packages/usr\"|" "$packages/usr/lib/cmake/doctest/doctestTargets.cmake" # knows one place
# Of {fmt}, only that without a library, which is there for one machine.
mkdir -p "$packages/usr/lib/any/cmake/fmt"
cp "$(dpkg -L libfmt-dev | grep 'fmt-config\.cmake$')" "$(dpkg -L libfmt-dev | grep 'fmt-targets\.cmake$')" \
  "$packages/usr/lib/any/cmake/fmt"

# Lets the kernel start this machine's programs by the emulator.
emulate() {
  formats=/proc/sys/fs/binfmt_misc
  [ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats 2>/dev/null || true
  [ ! -e "$formats/qemu-$1" ] || return 0
  if [ ! -w $formats/register ]; then
    echo "skipped: the kernel cannot be told of the emulators here"
    exit 77
  fi
  cat "/usr/lib/binfmt.d/qemu-$1.conf" >$formats/register
}

# What cannot run on a machine, and why.
leave_out() {
  left_out="${left_out:+$left_out|}$1"
  reasons="$reasons$1	$2
"
}

# By name; a pattern without a test is an error.
print_left_out() {
  printf '%s' "$reasons" | while IFS='	' read -r pattern reason; do
    ctest --test-dir "build/$machine" -N -R "$pattern" | sed -n 's/^ *Test *#[0-9]*: //p' >build/machines/names.txt
    [ -s build/machines/names.txt ] || { echo "There is no test: $pattern"; exit 1; }
    sed "s/^/not run: /; s/\$/: $reason/" build/machines/names.txt
  done
}

for machine in "$@"; do
  printf '\n== %s\n' "$machine"
  left_out=
  reasons=
  case $machine in
    s390x)
      emulate s390x
      leave_out ' truncated, the pages behind' "the emulator tells a wrong address of the fault"
      leave_out '^examples:(typed|slice shows|digits (measures|draws|fails when))|^snippets: (README-1|those of docs/guide)' \
        "they show zero-copy access, which needs a little-endian machine"
      ;;
    aarch64) emulate aarch64 ;;
    i686) ;;
    musl) echo "not compiled: faults: they disturb glibc's calls" ;;
    macos) echo "not run: all tests: macOS runs on Apple's machines" ;;
    windows)
      leave_out 'shares the data.s blocks$' "it needs a disk that the system mounts"
      echo "not compiled: faults, interop, processes, mapping, the command's, the examples': they fork or use a POSIX shell"
      export WINEPREFIX="$PWD/build/machines/wine" WINEDEBUG=-all
      ;;
  esac
  leave_out '^(packaging|misuse)' "they are about compilers and build systems, not machines"
  if [ -e "/proc/sys/fs/binfmt_misc/qemu-$machine" ]; then
    leave_out '^(tool|examples):.*(less|too little|MiB of) memory' \
      "the emulator itself needs more than the limit"
    leave_out '^conformance:the large vectors' "the emulator would take long; the 32 bits of i686 are what they are about"
    leave_out '^where the system allows no more mappings' "the emulator waits forever for a mapping of its own"
    leave_out '^a process that is forked while other threads' "the emulator may wait forever in such a child"
    leave_out '^populate reads all pages' "the emulator shows mappings of its own"
    leave_out '^tool:a standard input that is closed' "the emulator opens a file of its own in its place"
    leave_out '^faults:whichever call fails' "the emulator opens files of its own for the list of mappings, which the test counts"
  fi
  case $machine in
    musl | macos)
      sh tests/environment.sh build/machines/zig tests/machines-requirements.txt
      export ZIG_GLOBAL_CACHE_DIR="$PWD/build/machines/zig-cache"
      ;;
  esac
  cmake --preset "$machine"
  cmake --build "build/$machine"
  [ "$machine" != macos ] || continue
  print_left_out
  ctest --test-dir "build/$machine" --output-on-failure --no-tests=error -j 2 -E "$left_out"
done
