#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Runs the tests of JSON with other versions of nlohmann_json than the system's: 3.9.1 from Debian 11, newer ones from
# PyPI.   sh tests/json_versions.sh [compiler]     default: g++
set -eu
cd "$(dirname "$0")/.."
if ! command -v apt-get >/dev/null 2>&1; then
  echo "skipped: only Debian's apt-get can fetch the old nlohmann_json"
  exit 77
fi
sh packaging/dependencies.sh tests
folder=$PWD/build/json-versions
mkdir -p "$folder/lists/partial" "$folder/archives/partial"

# apt-get with lists of its own, so that the system's stay as they are.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  sed -n 's/^deb .*\(http[^ ]*\) [a-z]* main.*/\1/p; s/^URIs: *\(http[^ ]*\).*/\1/p' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} bullseye main" \
  >"$folder/sources.list"
cat >"$folder/apt.conf" <<EOF
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/lists";
Dir::Cache "$folder";
APT::Sandbox::User "root";
EOF
export APT_CONFIG="$folder/apt.conf"
if [ ! -e "$folder/3.9.1" ]; then
  apt-get -qq update
  (cd "$folder" && apt-get -qq download nlohmann-json3-dev=3.9.1-1)
  dpkg-deb -x "$folder"/nlohmann-json3-dev_3.9.1-1_all.deb "$folder/3.9.1"
fi
for version in 3.11.3 3.12.0; do
  [ ! -e "$folder/$version" ] || continue
  python3 -m pip download -q --disable-pip-version-check --no-deps -d "$folder" "nlohmann-json==$version"
  python3 -m zipfile -e "$folder/nlohmann_json-$version-py3-none-any.whl" "$folder/$version"
done

for version in 3.9.1 3.11.3 3.12.0; do
  include=$(find "$folder/$version" -path '*/include/nlohmann/json.hpp' | sed 's|/nlohmann/json.hpp$||')
  ${SAFETENSORS_COMPILER_LAUNCHER:-} "${1:-g++}" -std=c++20 -Wall -Wextra -Werror -Iinclude -isystem "$include" \
    -DSAFETENSORS_JSON_HEADER="<nlohmann/json.hpp>" -DSAFETENSORS_TEST_COMPILED=0 -DSAFETENSORS_SOURCE_DIR="\"$PWD\"" \
    tests/main.cpp tests/json.test.cpp tests/entries.test.cpp tests/messages.test.cpp tests/conformance.test.cpp \
    -o "$folder/tests-$version"
  echo "== nlohmann_json $version"
  "$folder/tests-$version"
done
