#!/bin/sh
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Installs what building needs, through the system's package manager; does nothing if all is there.
#   sh packaging/dependencies.sh [tests] [newest] [oldest] [modules] [machines] [coverage] [docs] [bench]
#                     also for the tests, the same with the newest and the oldest compiler, as a module, and for other
#                     machines, coverage, the reference, benches
set -eu

say() { printf '%s\n' "$*"; }

# One column per package manager; a dash where the package comes with another.
packages() {
  case "$1:$2" in
    apt:build) echo "g++ cmake ninja-build nlohmann-json3-dev libcli11-dev libfmt-dev" ;;
    apt:tests) echo "clang libclang-rt-dev doctest-dev pkg-config ccache python3 python3-venv btrfs-progs valgrind bindfs meson gdb" ;;
    dnf:build) echo "gcc-c++ cmake ninja-build json-devel cli11-devel fmt-devel" ;;
    dnf:tests) echo "clang compiler-rt doctest-devel pkgconf-pkg-config ccache python3 btrfs-progs valgrind bindfs meson gdb" ;;
    pacman:build) echo "gcc cmake ninja nlohmann-json cli11 fmt" ;;
    pacman:tests) echo "clang compiler-rt doctest pkgconf ccache python btrfs-progs valgrind bindfs meson gdb" ;;
    brew:build) echo "cmake ninja nlohmann-json cli11 fmt" ;;
    brew:tests) echo "doctest pkgconf ccache python meson" ;;
    apt:machines) echo "g++-s390x-linux-gnu g++-i686-linux-gnu g++-aarch64-linux-gnu g++-mingw-w64-x86-64-posix qemu-user-static wine wine64 nodejs" ;;
    apt:newest) echo "clang-19 clang-tidy-19 libc++-19-dev libc++abi-19-dev" ;;
    apt:oldest) echo "g++-11" ;;
    apt:modules) echo "clang-tools-19" ;;
    *:coverage) echo "llvm" ;;
    *:docs) echo "doxygen" ;;
    apt:bench) echo "libbenchmark-dev" ;;
    dnf:bench) echo "google-benchmark-devel" ;;
    pacman:bench) echo "benchmark" ;;
    brew:bench) echo "google-benchmark" ;;
  esac
}

is_installed() {
  case "$1" in
    apt) dpkg-query -W -f '${Status}' "$2" 2>/dev/null | grep -q '^install ok installed$' ;;
    dnf) rpm -q --whatprovides "$2" >/dev/null 2>&1 ;;
    pacman) pacman -Q "$2" >/dev/null 2>&1 ;;
    brew) brew list --versions "$2" >/dev/null 2>&1 ;;
  esac
}

manager=
for candidate in apt-get dnf pacman brew; do
  if command -v "$candidate" >/dev/null 2>&1; then
    manager=${candidate%-get}
    break
  fi
done
if [ -z "$manager" ]; then
  say "No package manager that this script knows. These must be there: a C++20 compiler, CMake 3.25,"
  say "Ninja, nlohmann_json 3.11, CLI11, fmt; for the tests also clang and doctest; for their coverage llvm."
  say "With vcpkg: vcpkg install nlohmann-json cli11 fmt doctest"
  exit 0
fi

wanted=
for purpose in build "$@"; do
  case "$purpose" in
    build | tests | newest | oldest | modules | machines | coverage | docs | bench) ;;
    *)
      say "There is no purpose $purpose."
      exit 2
      ;;
  esac
  wanted="$wanted $(packages "$manager" "$purpose")"
done
missing=
for package in $wanted; do
  is_installed "$manager" "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

case "$manager" in
  apt) install="apt-get install -y --no-install-recommends$missing" ;;
  dnf) install="dnf install -y$missing" ;;
  pacman) install="pacman -S --needed --noconfirm$missing" ;;
  brew) install="brew install$missing" ;;
esac
as_root=
if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    say "Missing:$missing"
    say "Install them as root, then run this again:  $install"
    exit 1
  fi
  as_root=sudo
fi

say "Installing:$missing"
if [ "$manager" = apt ]; then
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive $install -qq
else
  $as_root $install
fi
