#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Adds a dtype and a rule to a copy of the headers, as docs/architecture.md says, and leaves out one line at a time.

  additions.py COMPILER [OPTION…]

The whole addition must compile and work. Without any one of its lines, the headers must not compile.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import house
from claims import check, failures

# Each line of an addition: the file, a text that occurs once, and what replaces it.
DTYPE = [
    ("fwd.hpp", "  u64,          ///< std::uint64_t\n", "  u64,          ///< std::uint64_t\n  f128,\n"),
    ("base/dtype.hpp", "static_cast<std::size_t>(dtype::u64) + 1", "static_cast<std::size_t>(dtype::f128) + 1"),
    ("base/dtype.hpp", '{"U64", 64},\n', '{"U64", 64},\n    {"F128", 128},\n'),
]
RULE = [
    ("fwd.hpp", "  missing_bytes,  ///<", "  missing_bytes,\n  long_name,  ///<"),
    ("base/error.hpp", "row.code == errc::missing_bytes ", "row.code == errc::long_name "),
    ("base/error.hpp", '    {errc::tensor_not_found, ',
     '    {errc::long_name, "long_name", "names are at most 4 KiB"},\n    {errc::tensor_not_found, '),
]
USES = {
    "a dtype": """
        static_assert(safetensors::bit_width(safetensors::dtype::f128) == 128);
        static_assert(safetensors::dtype_from_string("F128") == safetensors::dtype::f128);""",
    "a rule": """
        static_assert(safetensors::name(safetensors::errc::long_name) == "long_name");
        static_assert(static_cast<int>(safetensors::errc::long_name) == 22);""",
}


def compiles(command, changes, uses):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(os.path.join(house.INCLUDE, "safetensors"), os.path.join(folder, "safetensors"))
        for name, old, new in changes:
            path = os.path.join(folder, "safetensors", name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if text.count(old) != 1:
                sys.exit(f"{name} has not exactly one {old!r}: change tests/additions.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
        done = subprocess.run([*command, "-I" + folder, "-std=c++20", *house.MODES["compiled"], "-fsyntax-only", "-w", "-x", "c++", "-"],
                              input="#include <safetensors/safetensors.hpp>\n" + uses, capture_output=True, text=True)
        return done.returncode == 0


def main(command):
    if not command:
        sys.exit(__doc__)
    for what, lines in {"a dtype": DTYPE, "a rule": RULE}.items():
        check(compiles(command, lines, USES[what]), f"{what} is {len(lines)} lines")
        for left_out in lines:
            rest = [line for line in lines if line != left_out]
            check(not compiles(command, rest, ""), f"{what} without its line {lines.index(left_out) + 1}, in {left_out[0]}, is noticed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
