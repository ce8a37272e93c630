#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Shows that `meta --set` shares the data's blocks where the file system can: on a disk that is a file.
#   sh tests/reflink.sh COMMAND       needs root and mkfs.btrfs or mkfs.xfs; exits with 77 where that is missing
set -eu
command=$1
skip() {
  echo "skipped: $*"
  exit 77
}

folder=$(mktemp -d)
trap 'cd /; umount "$folder/mount" 2>/dev/null || true; rm -rf "$folder"' EXIT
mkdir "$folder/mount"
truncate -s 512M "$folder/disk"
if command -v mkfs.btrfs >/dev/null 2>&1; then
  mkfs.btrfs -q "$folder/disk" >/dev/null 2>&1 || skip "mkfs.btrfs makes no file system"
elif command -v mkfs.xfs >/dev/null 2>&1; then
  mkfs.xfs -q "$folder/disk" >/dev/null 2>&1 || skip "mkfs.xfs makes no file system"
else
  skip "neither mkfs.btrfs nor mkfs.xfs is there"
fi
mount -o loop "$folder/disk" "$folder/mount" 2>/dev/null || skip "this user, or this system, mounts no disk"
cd "$folder/mount"

# 64 MiB of data behind a header of 4088 bytes: the data starts at a block.
mebibytes=64
bytes=$((mebibytes * 1048576))
printf '\370\017\0\0\0\0\0\0%-4088s' \
  "{\"t\":{\"dtype\":\"U8\",\"shape\":[$bytes],\"data_offsets\":[0,$bytes]}}" >model
head -c "$bytes" /dev/urandom >>model

used_mebibytes() {
  sync -f .
  df --output=used -B 1M . | tail -n 1
}
# Runs a command while the old file is kept, and tells by how much the disk fills.
growth() {
  before=$(used_mebibytes)
  "$@" >&2
  echo $(($(used_mebibytes) - before))
}
ln model old
copied=$(growth cp --reflink=never model copy)
changed=$(growth "$command" meta model --set k=v)
echo "a copy of $mebibytes MiB takes $copied MiB, changed metadata takes $changed MiB"
[ "$copied" -ge $((mebibytes / 2)) ] || { echo "the copy takes too little: this measures nothing"; exit 1; }
[ "$changed" -le $((mebibytes / 8)) ] || { echo "the blocks are not shared"; exit 1; }

[ "$("$command" meta model)" = "k: v" ]
[ "$(stat -c %s model)" -eq $((4096 + bytes)) ]
cmp -i 4096 model copy
