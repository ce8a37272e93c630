#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Line coverage of the headers by the tests and the fuzz corpus together: a summary, then every line that nothing
# reaches, with its reason from tests/coverage-exceptions.txt. Fails for a line without a reason, and for a reason
# without a line.
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh tests coverage
if ! command -v llvm-cov >/dev/null 2>&1; then
  echo "This needs clang and llvm-cov."
  exit 77
fi
if command -v ccache >/dev/null 2>&1; then
  export SAFETENSORS_COMPILER_LAUNCHER=ccache
fi

built=build/coverage
rm -rf "$built/profiles"
LLVM_PROFILE_FILE="$PWD/$built/profiles/%2m.profraw" # two files per program, into which its runs are merged
export LLVM_PROFILE_FILE
cmake --preset coverage
cmake --build --preset coverage
ctest --preset coverage
llvm-profdata merge -sparse -o "$built/all.profdata" "$built"/profiles/*.profraw

# Every instrumented program, whichever test runs it.
set --
for program in $(find "$built" -type f -perm -100 ! -path '*/CMakeFiles/*' -exec grep -q __llvm_covmap {} \; -print); do
  set -- "$@" -object "$program"
done
shift # llvm-cov wants the first one without the word
set -- "$@" -instr-profile "$built/all.profdata"

# What it calls mismatched are inline functions that one program has and only another uses.
llvm-cov report "$@" include/ 2>&1 | grep -v 'functions have mismatched data'
llvm-cov show "$@" -show-instantiations=false include/ >"$built/lines.txt" 2>"$built/warnings.txt"
echo
echo "Lines that are not reached:"
awk '
  function trimmed(text) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
  }
  FNR == NR {  # the exceptions
    text = trimmed($0)
    if (text ~ /^#/) reason = substr(text, 3)
    else if (text != "") reasons[text, ++listed[text]] = reason
    next
  }
  /^[^ ].*:$/ {  # a file, if there is more than one
    print
    heading = ""
  }
  /^ *[0-9]+\| +0\|/ {
    text = $0
    sub(/^ *[0-9]+\| +0\|/, "", text)
    text = trimmed(text)
    if (text !~ /[A-Za-z]/ || text ~ /^(\/\/|#)/) next  # braces, comments and directives go with what is around them
    known = ((text, ++reached[text]) in reasons)
    reason = known ? reasons[text, reached[text]] : "NO REASON"
    if (!known) failed = 1
    if (reason != heading) print "  " reason
    heading = reason
    printf "%7d: %s\n", $1, text
  }
  END {
    for (text in listed)
      for (i = reached[text] + 1; i <= listed[text]; ++i) {
        print "REACHED, or gone, but still among the exceptions: " text
        failed = 1
      }
    exit failed
  }
' tests/coverage-exceptions.txt "$built/lines.txt"
