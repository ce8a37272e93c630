#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Makes single_include/safetensors: for each face one file, with all its parts, to copy.

  amalgamate.py            writes the files
  amalgamate.py --check    compares them with the headers, and fails if they differ
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = ROOT / "include"
OUTPUT = ROOT / "single_include"
FACES = ["safetensors.hpp", "writer.hpp"]  # a face includes those above it

OPENING = """\
// Made by packaging/amalgamate.py from include/safetensors/{face} and its parts: edit those.
// SPDX-FileCopyrightText: 2026 The safetensors C++ authors
// SPDX-License-Identifier: MIT
//
// clang-format off
{tour}
#ifndef {guard}
#define {guard}

#ifdef SAFETENSORS_SEPARATE_COMPILATION
#error "this copy of safetensors/{face} is header-only: for compiled mode, use the folder include/ of safetensors for C++"
#endif
"""

# Two libraries may each have a copy, and one file may include both.
CLOSING = """
#elif SAFETENSORS_VERSION_MAJOR != {major} || SAFETENSORS_VERSION_MINOR != {minor} || SAFETENSORS_VERSION_PATCH != {patch}
#error "one source file includes version {major}.{minor}.{patch} of safetensors/{face} and another one: take both from the same copy"
#endif
"""


def split(name):
    """The comment at the top, without what is the same in all files, and the lines after #pragma once."""
    top, _, rest = (INCLUDE / "safetensors" / name).read_text(encoding="utf-8").partition("#pragma once\n")
    lines = [line for line in top.splitlines()
             if not re.match(r"// (SPDX-|IWYU |clang-format )|/// @file$|//$", line)]
    return lines, rest.strip("\n").splitlines()


def is_of_a_system(name):
    return name.endswith(("_posix.ipp", "_windows.ipp"))


def ours(line):
    match = re.match(r"#include <safetensors/(.*)>", line)
    return match and match.group(1)


class Single:
    """One file: the standard headers that it always needs, and each part after the parts that it includes."""

    def __init__(self, face, beside, done):
        tour, lines = split(face)
        self.done = done  # what the files beside this one hold
        self.standard = set()
        self.lines = [f'\n#include "{other}"' for other in beside]
        conditions = []
        for number, line in enumerate(lines):
            if line.startswith("#if"):
                conditions.append(line)
            if line == "#ifdef _WIN32":  # what the parts of both systems need comes before
                for part in filter(None, map(ours, lines[number:lines.index("#endif", number)])):
                    self.add_needs(part)
            if ours(line):
                if ours(line) not in beside:
                    self.add(ours(line))
            elif line.startswith("#") and conditions[-1:] != ["#ifndef SAFETENSORS_SEPARATE_COMPILATION"]:
                self.lines += ["", line]
            if line.startswith("#ifdef SAFETENSORS_ABI"):
                place = len(self.lines)  # of the standard headers: an older standard may lack some
            if line.startswith("#endif"):
                conditions.pop()
        self.lines[place:place] = ["", *sorted(self.standard)]
        major, minor, patch = re.findall(r"SAFETENSORS_VERSION_[A-Z]+ (\d+)", "\n".join(split("base/version.hpp")[1]))
        names = {"face": face, "guard": "SAFETENSORS_SINGLE_" + face.removesuffix(".hpp").upper() + "_HPP",
                 "tour": "\n".join(["/// @file", *tour]), "major": major, "minor": minor, "patch": patch}
        self.text = OPENING.format(**names) + "\n".join(self.lines) + "\n" + CLOSING.format(**names)

    def add_needs(self, name):
        for other in filter(None, map(ours, split(name)[1])):
            if not is_of_a_system(other):
                self.add(other)

    def add(self, name):
        if name in self.done:
            return
        self.add_needs(name)
        self.done.add(name)
        about, lines = split(name)
        depth = 0
        kept = []
        for line in lines:
            depth += bool(re.match(r"\s*#\s*if", line)) - bool(re.match(r"\s*#\s*endif", line))
            if line.startswith("#include") and depth == 0 and not is_of_a_system(name) and not ours(line):
                self.standard.add(line)
            elif not ours(line):
                kept.append(line)
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
        self.lines += ["", f"//==== {name}", *(re.sub("^///?", "//", line) for line in about), "", body]


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    differing = []
    done = set()
    for place, face in enumerate(FACES):
        text, path = Single(face, FACES[:place], done).text, OUTPUT / "safetensors" / face
        if not arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            differing.append(str(path.relative_to(ROOT)))
    for name in differing:
        print(f"{name} is not what packaging/amalgamate.py makes: run it")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
