#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Makes a Python environment in a folder, with what a file of requirements lists; does nothing if it is there.
#   sh tests/environment.sh FOLDER REQUIREMENTS
set -eu
folder=$1 requirements=$2
if ! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Python 3.11 with venv is not there."
  exit 1
fi
done=$folder/$(cksum <"$requirements" | tr ' ' '-')
[ ! -e "$done" ] || exit 0
echo "Installing $(cut -d= -f1 "$requirements" | paste -s -d ' ' -) into $folder"
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"
touch "$done"
