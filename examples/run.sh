#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Installs what is missing, builds the command and the examples, and runs them on the committed models.
set -eu
cd "$(dirname "$0")/.."
sh packaging/dependencies.sh
cmake --workflow --preset examples

built=build/examples/examples
data=examples/data
show() {
  printf '\n$ %s\n' "$*"
  "$@"
}
show "$built/tool/safetensors" ls "$data/digits.safetensors"
show "$built/tool/safetensors" verify "$data/digits.safetensors" "$data/digits-test.safetensors"

changed=$(mktemp -d)
trap 'rm -rf "$changed"' EXIT
show "$built/tool/safetensors" rewrite --align 4096 "$data/digits.safetensors" "$changed/digits.safetensors"
show "$built/tool/safetensors" meta "$changed/digits.safetensors" --set licence="CC BY 4.0" --unset input
show "$built/tool/safetensors" meta "$changed/digits.safetensors"

show "$built/digits/example-digits" "$data/digits.safetensors" "$data/digits-test.safetensors"
show "$built/example-write" build/examples/written.safetensors
show "$built/example-convert" "$data/digits.safetensors" build/examples/digits-bf16.safetensors
show "$built/tool/safetensors" ls build/examples/digits-bf16.safetensors
