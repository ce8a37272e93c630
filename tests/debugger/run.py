#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Shows what packaging/debugger makes of the library's objects.

  run.py gdb NLOHMANN_JSON_INCLUDE COMPILER [OPTION…]   compiles a program in both modes, and looks at it in gdb
  run.py natvis COMPILER [OPTION…]                      compares the file for Visual Studio, which does not run here,
                                                        with the rules of such files, and compiles its expressions
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import house
from claims import check, failures

VIEWS = os.path.join(ROOT, "packaging", "debugger")
MODEL = os.path.join(ROOT, "examples", "data", "digits.safetensors")
SEPARATE = "-DSAFETENSORS_SEPARATE_COMPILATION"

TENSORS = ('["a \\"\\né"] = BF16 [], 2 bytes', '["norm.weight"] = F32 [2, 3], 24 bytes', '["none"] = F6_E2M3 [0, 4], 0 bytes')
ENTRY = 'metadata["format"] = "pt"'
DIGITS = ('4 tensors, 4 metadata entries = {["hidden.bias"] = F32 [32], 128 bytes, ',
          '["output.weight"] = F32 [10, 32], 1280 bytes', 'metadata["accuracy"] = "349/360"')
# What gdb must show of each variable; several parts in any order where there are several.
SHOWN = {
    "tensor": '"norm.weight" F32 [2, 3], 24 bytes',
    "scalar": '"a \\"\\né" BF16 [], 2 bytes',
    "index": ("header: 3 tensors, 1 metadata entry = {", *TENSORS, ENTRY),
    "borrowed": ("borrowed_file: 3 tensors, 1 metadata entry = {", *TENSORS, ENTRY),
    "owning": ("basic_file: 3 tensors, 1 metadata entry = {", *TENSORS, ENTRY),
    "mapped": ("file: " + DIGITS[0], *DIGITS[1:]),
    "memory": ("memory_file: " + DIGITS[0], *DIGITS[1:]),
    "mapped_or": ("{value = file: " + DIGITS[0],),
    "parsed": ("{value = header: 0 tensors, 0 metadata entries}"),
    "empty": "header: 0 tensors, 0 metadata entries",
    "absent": '{failure = io: /nowhere/\\"x\\n: cannot open it (system error 2)}',
    "success": "success",
    "failed": '{failure = wrong_length: tensor "": the detail (byte 7); the advice}',
    "unknown": "errc 77",
    "number": "{value = 7}",
    "metadata": 'metadata: 1 entry = {metadata["format"] = "pt"}',
    "range": re.compile(r"\[2, 26\), 24 bytes|\[0, 24\), 24 bytes"),
    "type": re.compile(r"safetensors::(v\d+_\d+\w*::)?dtype::f32"),
    "wild": re.compile(r"tensor: cannot be shown \(Cannot access memory at address 0x\w+\)"),
}
ARGUMENTS = {
    "by_reference": SHOWN["tensor"],
    "shape": "[2, any]",
    "words": "[4, 5]",
    "ranges": "list of 3 = {[0, 1), pick(2), [0, to_end)}",
}

# Runs in gdb: damages objects, one word or byte at a time, and asks the printers for them.
DAMAGE = """
import random, time
random.seed(1)
inferior = gdb.selected_inferior()
shown = set()
slowest = count = most = 0
def show(value, depth=0):
    global count, most
    printer = gdb.default_visualizer(value)
    if printer is None:
        return
    text = printer.to_string()
    if isinstance(text, str):
        shown.add(text.partition(":")[2].partition("(")[0].strip())
    children = 0
    for name, child in printer.children() if hasattr(printer, "children") else ():
        children += 1
        most = max(most, children)
        if isinstance(child, gdb.Value) and depth < 3 and str(child.type).startswith("safetensors"):
            show(child, depth + 1)
    count += 1
def rooms():
    for name in "index", "borrowed", "tensor", "absent", "failed", "mapped_or", "metadata":
        value = gdb.parse_and_eval(name)
        value = value.referenced_value() if value.type.code == gdb.TYPE_CODE_REF else value
        yield value, int(value.address), value.type.sizeof
        if name in ("index", "borrowed", "tensor"):
            table = value["table_"].dereference()
            yield value, int(table.address), table.type.sizeof
            records = table["records"]
            yield value, int(records["data_"]), int(records["size_"]) * 32
for value, address, size in rooms():
    for _ in range(150):
        width = random.choice((1, 8))
        at = address + random.randrange(size // width) * width
        old = bytes(inferior.read_memory(at, width))
        word = random.choice((random.getrandbits(64), 0, 2**64 - 1, 1 << random.randrange(64), random.getrandbits(16)))
        inferior.write_memory(at, word.to_bytes(8, "little")[:width])
        began = time.monotonic()
        show(value)
        slowest = max(slowest, time.monotonic() - began)
        inferior.write_memory(at, old)
metadata = gdb.parse_and_eval("index.table_->metadata")  # the empty text at 0, more often than anybody can read
for member, value in (("data_", int(gdb.parse_and_eval("&zeros"))), ("size_", 65536), ("capacity_", 65536)):
    address = metadata[member].address
    inferior.write_memory(int(address), value.to_bytes(8, "little"))
show(gdb.parse_and_eval("index"))
print(f"damaged: {count} shown, at most {most} children, {'damaged or not initialised' in shown}, {'cannot be shown' in shown}, "
      f"slowest {slowest:.1f} s")
"""


def look(program, folder):
    """What gdb prints of each variable, and all that it prints."""
    with open(os.path.join(folder, "damage.py"), "w", encoding="utf-8") as file:
        file.write(DAMAGE)
    commands = ["source " + os.path.join(VIEWS, "safetensors_gdb.py"), "break before", "break here", "run " + MODEL, "up"]
    uninitialised = [name for name in SHOWN if name not in ("type", "number")]

    def show(prefix, names):
        return [line for name in names for line in (f"echo \\n@{prefix}{name}=", f"output {name}", "echo \\n")]

    commands += show("early ", uninitialised) + ["continue", "up"] + show("", ARGUMENTS) + ["up"] + show("", SHOWN)
    commands += ["set print elements 1"] + show("one of ", ["index"]) + ["source damage.py"]
    done = subprocess.run(["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0", "-iex",
                           "set host-charset UTF-8", *[word for line in commands for word in ("-ex", line)], program],
                          cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=300,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    printed = done.stdout + done.stderr
    return dict(re.findall(r"^@([^=\n]+)=(.*)$", done.stdout, re.M)), printed


def holds(wanted, found):
    if isinstance(wanted, re.Pattern):
        return wanted.fullmatch(found) is not None
    return wanted == found if isinstance(wanted, str) else all(part in found for part in wanted)


def gdb(nlohmann, *compiler):
    if shutil.which("gdb") is None:
        reason = "gdb is not there: sh tests/run.sh installs it"
        return check(False, reason) if os.environ.get("CI") else reason
    tried = subprocess.run(["gdb", "-nx", "-batch", "-ex", "run", "/bin/true"], capture_output=True, text=True)
    if "exited normally" not in tried.stdout:
        return "gdb starts no program here: " + tried.stderr.strip().replace("\n", " ")
    if "python" not in subprocess.run(["gdb", "-nx", "-batch", "-ex", "python print('python')"], capture_output=True,
                                      text=True).stdout:
        return "this gdb was built without Python"

    with tempfile.TemporaryDirectory() as folder:
        for mode, options, sources in (("header-only", [], []),
                                       ("compiled", [SEPARATE], [os.path.join(ROOT, "src", "safetensors.cpp")])):
            program = os.path.join(folder, mode)
            objects = []
            for source in [os.path.join(HERE, "program.cpp"), *sources]:
                objects.append(f"{program}{len(objects)}.o")
                subprocess.run([*compiler, "-std=c++20", "-g", "-O0", "-I" + house.INCLUDE, "-I" + nlohmann, *options, "-c",
                                source, "-o", objects[-1]], check=True)
            subprocess.run([*compiler, *objects, "-o", program], check=True)
            found, printed = look(program, folder)
            for name, wanted in {**ARGUMENTS, **SHOWN}.items():
                text = found.get(name, "nothing")
                check(holds(wanted, text), f"{mode}: {name} is shown as {text[:120]}")
            text = found.get("one of index", "")
            check(text.count(" bytes") == 1 and text.endswith("...}"), f"{mode}: gdb's limit of children holds: {text[:90]}")
            early = [name for name in found if name.startswith("early ")]
            check(len(early) > 10, f"{mode}: {len(early)} objects are shown before they are initialised")
            damaged = re.search(r"^damaged: \d+ shown, at most (\d+) children, True, True, slowest (\d+\.\d) s$", printed, re.M)
            check(damaged and 10000 <= int(damaged[1]) < 10100 and float(damaged[2]) < 20, f"{mode}: {damaged[0] if damaged else printed[-500:]}")
            wrong = re.findall(r"^.*(?:Python Exception|Traceback|^Error|No symbol).*$", printed, re.M)
            check(not wrong, f"{mode}: gdb reports no exception {' '.join(wrong[:3])}")
    return None


# The elements of a .natvis file that are used here: their attributes, and their children in order. The attributes with an
# asterisk must be there. Text: an expression; a display string, with expressions in braces; or none.
ELEMENTS = {
    "AutoVisualizer": ("", "Type", None),
    "Type": ("Name*", "AlternativeType DisplayString Expand", None),
    "AlternativeType": ("Name*", "", None),
    "DisplayString": ("Condition IncludeView", "", "display"),
    "Expand": ("", "Item ArrayItems IndexListItems CustomListItems Synthetic", None),
    "Item": ("Name* Condition", "", "expression"),
    "ArrayItems": ("Condition", "Size ValuePointer", None),
    "IndexListItems": ("Condition", "Size ValueNode", None),
    "CustomListItems": ("Condition MaxItemsPerView", "Variable Size Loop", None),
    "Synthetic": ("Name* Condition", "DisplayString Expand", None),
    "Variable": ("Name* InitialValue*", "", None),
    "Loop": ("Condition", "Item Exec", None),
    "Size": ("Condition", "", "expression"),
    "ValuePointer": ("Condition", "", "expression"),
    "ValueNode": ("Condition", "", "expression"),
    "Exec": ("", "", "expression"),
}
IN_ANY_ORDER = ("Expand", "Loop")
EXPRESSIONS = {"Condition", "InitialValue"}
FORMATS = re.compile(r"en|s8|s8b|view\((\w+)\)")
NATVIS = "{http://schemas.microsoft.com/vstudio/debugger/natvis/2010}"


def tag(node):
    return node.tag.removeprefix(NATVIS)


def check_element(node, where):
    """An element has only what such files may have; returns what is wrong."""
    attributes, children, text = ELEMENTS.get(tag(node), ("", "", None))
    allowed, children = {name.rstrip("*") for name in attributes.split()}, children.split()
    wrong = [] if tag(node) in ELEMENTS and node.tag.startswith(NATVIS) else [f"{where}: unknown"]
    wrong += [f"{where}: attribute {name}" for name in node.attrib if name not in allowed]
    wrong += [f"{where}: lacks {name}" for name in attributes.split() if name.endswith("*") and name[:-1] not in node.attrib]
    places = [children.index(tag(child)) if tag(child) in children else -1 for child in node]
    if -1 in places or places != sorted(places) and tag(node) not in IN_ANY_ORDER:
        wrong.append(f"{where}: children {' '.join(tag(child) for child in node)}")
    if bool((node.text or "").strip()) != (text is not None):
        wrong.append(f"{where}: text {node.text!r}")
    return wrong + [line for child in node for line in check_element(child, f"{where}/{tag(child)}")]


def without_format(expression):
    """An expression and its format, such as `name,[size]s8`, as expressions of C++."""
    depth = 0
    for at, character in enumerate(expression):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            size, kind = re.fullmatch(r"(?:\[(.*)\])?(.*)", expression[at + 1:]).groups()
            assert FORMATS.fullmatch(kind), f"unknown format {kind}"
            return [expression[:at]] + ([size] if size else [])
    return [expression]


def expressions_of(node):
    """All of an element, in order; those of its children within braces, as a variable is known in its list alone."""
    found = [value for name, value in node.attrib.items() if name in EXPRESSIONS and tag(node) != "Variable"]
    if tag(node) == "Variable":
        return [f"auto {node.get('Name')} = {node.get('InitialValue')};"]
    kind = ELEMENTS[tag(node)][2]
    displayed = [node.get("Name", "")] if tag(node) == "Item" else []
    displayed += [node.text] if kind == "display" else []
    found += [each for text in displayed for each in re.findall(r"\{([^{}]*)\}", text)]
    found += [node.text] if kind == "expression" else []
    lines = [f"(void)({part});" for each in found for part in without_format(each)]
    inner = [line for child in node for line in expressions_of(child)]
    return lines + (["{", *inner, "}"] if len(node) else [])


def natvis(*compiler):
    root = xml.etree.ElementTree.parse(os.path.join(VIEWS, "safetensors.natvis")).getroot()
    wrong = check_element(root, tag(root))
    check(not wrong, f"every element is one of those that Visual Studio knows {' '.join(wrong[:3])}")

    config = house.read("base/config.hpp")
    spaces = sorted(set(re.findall(r"#define SAFETENSORS_ABI (\w+)", config)))
    code = ['#include <safetensors/safetensors.hpp>', "using namespace safetensors;"]
    dtypes = []
    for number, node in enumerate(root):
        names = [node.get("Name")] + [child.get("Name") for child in node if tag(child) == "AlternativeType"]
        plain = {re.sub(r"^safetensors::\w+::", "", name) for name in names}
        known = sorted(re.match(r"safetensors::(\w+)::", name)[1] for name in names)
        check(known == spaces and len(plain) == 1, f"{names[0]} is named in each inline namespace: {' '.join(known)}")
        of = {"tensor_collection<*>": "tensor_collection<tensor_info>", "result<*>": "result<header>"}
        name = plain.pop()
        lines = [line.replace("$i", "(std::size_t())").replace("._Has_value", ".has_value()").replace("._Value", ".value()")
                 for line in expressions_of(node)]
        code += [f"struct view{number} : {of.get(name, name)} {{ view{number}() = delete; void expressions() {{", *lines, "} };"]
        dtypes += [(*re.fullmatch(r"\(rank_and_dtype & (\d+)\) == (\d+)", child.get("Condition")).groups(), child.text)
                   for child in node if child.get("IncludeView") == "dtype" and child.get("Condition")]
    code.append(f"static_assert(std::size(detail::dtypes) == {len(dtypes)} && detail::record::dtype_bits == 5);")
    code += [f'static_assert({mask} == (1 << detail::record::dtype_bits) - 1 && to_string(dtype{{{value}}}) == "{text}");'
             for mask, value, text in dtypes]

    with open(os.path.join(VIEWS, "safetensors_gdb.py"), encoding="utf-8") as file:
        in_gdb = re.search(r'^DTYPES = """(.*?)"""', file.read(), re.M | re.S)[1].split()
    check(in_gdb == [text for _, _, text in dtypes], f"both files know the same {len(dtypes)} dtypes")

    # What Visual Studio may look at, private members too, must be there.
    done = subprocess.run([*compiler, "-std=c++20", "-fno-access-control", "-w", "-I" + house.INCLUDE, SEPARATE,
                           "-fsyntax-only", "-x", "c++", "-"], input="\n".join(code), capture_output=True, text=True)
    expressions = sum(line.startswith("(void)") for line in code)
    check(done.returncode == 0 and expressions > 100, f"{expressions} expressions compile {done.stderr[:2000]}")


def main(arguments):
    if not arguments or arguments[0] not in ("gdb", "natvis"):
        sys.exit(__doc__)
    skipped = globals()[arguments[0]](*arguments[1:])
    if skipped:
        print("skipped:", skipped)
        return 77
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
