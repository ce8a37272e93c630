#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Compiles the faces after the macros that other libraries' headers leave behind, in both modes.

  macros.py COMPILER [OPTION…]

The standard library, nlohmann_json and the system's own headers come before the macros, since these are not what is
tested. Each macro expands to a text that no use survives.
"""
import subprocess
import sys

import house
from claims import check, failures

# Those with () take arguments, so only a name before a parenthesis is theirs.
MACROS = {
    "Qt": "slots signals emit forever foreach() SLOT() SIGNAL() Q_OBJECT",
    "X11": """None Bool True False Status Always Success Above Below Complex Convex Absolute Relative Unsorted Opposite
        CurrentTime Expose FocusIn FocusOut KeyPress KeyRelease FontChange CursorShape GrayScale LSBFirst MSBFirst BadName
        BadLength BadValue BadAccess index() rindex()""",
    "windows.h": """min() max() small near far interface hyper pascal cdecl IN OUT OPTIONAL ERROR DELETE TRUE FALSE CALLBACK
        CONST VOID STRICT THIS INFINITE IGNORE NO_ERROR NO_DATA TEXT() CreateFile DeleteFile CopyFile MoveFile GetMessage
        GetObject SendMessage FindText ReplaceText DrawText LoadImage Yield()""",
    "AssertMacros.h of Apple, and Unreal Engine": "check() verify() require() ensure() PI nil Nil YES NO",
    "C, POSIX and Linux": """I complex noreturn major() minor() makedev() linux unix MIN() MAX() ABS() CLAMP() roundup() howmany()
        isset() PAGE_SIZE ECHO OVERFLOW UNDERFLOW DOMAIN""",
    "curses.h": "border() erase() timeout() getch() addch() scroll() standout() LINES COLS OK ERR",
    "Arduino, logging, tests": """F() word() bit() HIGH LOW INPUT OUTPUT DEFAULT LOG() CHECK() INFO() FATAL DEBUG TEST()
        SECTION() likely() unlikely()""",
    "what short programs define": "fail() text() A B C D E F G H J K L M N O P Q R S T U V W X Y Z",
}

# What a template says is compiled where it is used.
USES = """
#include <safetensors/writer.hpp>

static_assert(safetensors::bit_width(safetensors::dtype::bf16) == 16);

int use(const safetensors::tensor_view& tensor) {
  using namespace safetensors;
  std::vector<float> values(6);
  std::vector<std::uint16_t> words(6);
  const auto whole = tensor.try_as<float>();
  const auto bits = tensor.try_bits<std::uint16_t>();
  const auto copied = tensor.try_copy_to(values);
  const auto copied_bits = tensor.try_copy_bits(words);
  const auto sizes = tensor.try_shape_as<int>();
  const auto item = tensor.try_item<double>();
  const auto slice = tensor.try_slice({{0, 1}, shard_range(3, 0, 2)});
  const auto part = slice->try_to_vector<float>();
  const auto opened = memory_file::try_read(
      function_source{8, [](std::uint64_t, std::span<std::byte>) { return std::error_code(); }});
  auto plan = write_plan::try_make({{"w", dtype::f32, {2, 3}}});
  auto out = writer::try_create("w.safetensors", *std::move(plan));
  const auto appended = out->try_append("w", values);
  const auto saved = try_save("w.safetensors", {tensor_data("w", {6}, values), tensor_data("b", dtype::bf16, {6}, words)});
  return whole && bits && copied && copied_bits && sizes && item && part && opened && appended && saved ? 0 : 1;
}
"""


def text_before(mode):
    """The headers that may come before the macros."""
    standard, systems, json = set(), set(), set()
    for name in house.ORDER:
        if house.system_of(name) not in (None, house.THIS_SYSTEM):
            continue
        if mode == "compiled" and (name.endswith(".ipp") or name in house.HIDDEN):
            continue
        for _, header in house.includes(name):
            if header.startswith(house.OURS):
                continue
            (json if header.startswith("nlohmann/") else systems if house.system_of(name) else standard).add(header)
    if mode == "header-only":
        json.add("nlohmann/json.hpp")
    lines = [f"#include <{header}>" for header in sorted(standard) + sorted(json)]
    return "\n".join(lines + [f"#if __has_include(<{header}>)\n#include <{header}>\n#endif" for header in sorted(systems)])


def definitions():
    for words in MACROS.values():
        for word in words.split():
            name = word.removesuffix("()")
            yield f"#undef {name}\n#define {name}{'(...)' if word.endswith('()') else ''} @{name}"


def main(command):
    if not command:
        sys.exit(__doc__)
    macros = list(definitions())
    for mode, options in house.MODES.items():
        source = "\n".join([text_before(mode), *macros, USES])
        done = subprocess.run([*command, *options, "-I" + house.INCLUDE, "-std=c++20", "-fsyntax-only", "-w", "-x", "c++", "-"],
                              input=source, capture_output=True, text=True)
        check(done.returncode == 0, f"{mode}, after {len(macros)} macros of other libraries")
        print("\n".join([line for line in done.stderr.splitlines() if "error" in line or "note" in line][:20]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
