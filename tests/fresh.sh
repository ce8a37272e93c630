#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Runs the README's two commands on a bare machine: a Debian made by debootstrap, with nothing but a clean clone in it.
#   sudo sh tests/fresh.sh [preset…]     the presets are the second command's; default: its own
#   SAFETENSORS_DEBIAN                   which Debian; default: bookworm (12, the oldest supported); sid has the newest
#                                        compilers and packages
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
if [ "$(id -u)" -ne 0 ]; then
  echo "Run this as root: it makes a root file system and enters it."
  exit 77
fi
for tool in debootstrap git; do
  command -v "$tool" >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq "$tool"; }
done

folder=$(mktemp -d)
root=$folder/bare
clean_up() {
  for mounted in dev/pts dev proc .; do
    ! mountpoint -q "$root/$mounted" || umount -l "$root/$mounted"
  done
  rm -rf --one-file-system "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# The machine's own mirror serves the bare one too.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  sed -n 's/^deb .*\(http[^ ]*\) [a-z]* main.*/\1/p; s/^URIs: *\(http[^ ]*\).*/\1/p' | head -n 1)
debootstrap --variant=minbase "${SAFETENSORS_DEBIAN:-bookworm}" "$root" ${mirror:+"$mirror"}
cp -r /etc/apt/apt.conf.d "$root/etc/apt/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$root/etc/"
[ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
mount --bind "$root" "$root" # the tests of full disks make the mount at / their own
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"  # for the test of what is shown on a terminal
mount -t proc proc "$root/proc"

git clone -q "$source" "$root/safetensors"
for command in "sh examples/run.sh" "sh tests/run.sh $*"; do
  printf '\n=== %s\n' "$command"
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root ${CI:+CI="$CI"} ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} sh -c "cd /safetensors && $command"
done
printf '\nThe two commands work on a bare machine.\n'
