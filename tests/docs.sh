#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Makes the reference, build/docs/html, and fails if a public name is missing in it or has no documentation.
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh docs
mkdir -p build/docs
SAFETENSORS_VERSION=$(sed -n 's/^#define SAFETENSORS_VERSION_[A-Z]* //p' include/safetensors/safetensors.hpp | paste -s -d . -)
export SAFETENSORS_VERSION
doxygen docs/Doxyfile

failed=0
for header in include/safetensors/*.hpp; do
  awk -f docs/public.awk "$header" >build/docs/public.txt
  # Some versions of Doxygen do not ask for enumerators.
  if sed -n '/^enum class/,/^};/p' build/docs/public.txt | grep '^  [a-z]' | grep -v '///<'; then
    echo "These enumerators of $header are not documented."
    failed=1
  fi
  # What the filter or a version's parser loses would not be missed otherwise.
  for name in $(sed '/^ private:/,/^};/d' build/docs/public.txt | grep -o 'try_[a-z0-9_]*(' | tr -d '(' | sort -u); do
    grep -q "<name>$name</name>" build/docs/safetensors.tag || { echo "$name is not in the reference."; failed=1; }
  done
done
[ "$failed" -eq 0 ] && echo "The reference of version $SAFETENSORS_VERSION is build/docs/html/index.html"
exit "$failed"
