#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Checks how the parts of the library are built: their order, their length, what they include, what they leave behind.

  house.py                          the rules that need no compiler
  house.py --compile MODE COMMAND   that every part and single file compiles alone, and that no macro is left behind;
                                    MODE: header-only, compiled, or both; COMMAND: the compiler with its options
  house.py --count                  prints the lines of code of reading
  house.py --draw                   prints the picture of docs/architecture.md, which is docs/architecture.svg

A violation is printed as FILE:LINE: what is wrong.
"""
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys

import drawing

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
INCLUDE, SINGLE = os.path.join(ROOT, "include"), os.path.join(ROOT, "single_include")
OURS = "safetensors/"

# Each part may include those above it. ° marks headers that only bodies include. People may include fwd.hpp alone.
LIST = """
base/    version.hpp config.hpp ../fwd.hpp bytes.hpp text.hpp error.hpp dtype.hpp parameters.hpp path.hpp
         text.ipp error.ipp
detail/  block.hpp table.hpp failures.hpp lanes.hpp° events.hpp° system.hpp°
         table.ipp failures.ipp index.ipp canonical.ipp json.ipp schema.ipp foreign.ipp
         system_posix.ipp system_windows.ipp
read/    iterator.hpp metadata.hpp range.hpp tensor.hpp slice.hpp source.hpp header.hpp stream.hpp° storage.hpp file.hpp
         tensor.ipp slice.ipp source.ipp header.ipp storage.ipp
write/   tensor_data.hpp plan.hpp sink.hpp output.hpp writer.hpp save.hpp output_state.hpp°
         plan.ipp path_posix.ipp rights_posix.ipp output_posix.ipp output_windows.ipp output.ipp writer.ipp save.ipp
"""
FACES = {"safetensors.hpp": ("base/", "fwd.hpp", "detail/", "read/"), "writer.hpp": ("write/",)}
BODIES = "src.hpp"
FORMAT = "format.hpp"  # a face that not every compiler can include
FORWARD = "fwd.hpp"
NOT_FORWARD = {"table_iterator"}  # which nobody names
# The parts whose names people use: each has a test file of its name.
PUBLIC = re.compile(r"(base/(text|error|dtype|parameters|path)|(read|write)/\w+)\.hpp")
MODULE = "src/safetensors.cppm"
PAGE, PICTURE = "docs/architecture.md", "docs/architecture.svg"
SYSTEMS = ("_posix.ipp", "_windows.ipp")
JSON = "detail/json.ipp"
CONFIG = "base/config.hpp"

MAX_LINES = 600
MAX_BODY_LINES = 5
PUBLIC_MACROS = {"SAFETENSORS_EXCEPTIONS", "SAFETENSORS_VERSION_MAJOR", "SAFETENSORS_VERSION_MINOR",
                 "SAFETENSORS_VERSION_PATCH", "SAFETENSORS_ABI", "SAFETENSORS_DECL", "SAFETENSORS_LIFETIMEBOUND"}
HEAVY = {"iostream", "fstream", "regex", "filesystem", "functional"}
STANDARD = set("""
algorithm any array atomic barrier bit bitset charconv chrono compare complex concepts condition_variable coroutine
deque exception execution expected filesystem format forward_list fstream functional future generator initializer_list
iomanip ios iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new numbers
numeric optional ostream print queue random ranges ratio regex scoped_allocator semaphore set shared_mutex
source_location span sstream stack stdexcept stdfloat stop_token streambuf string string_view strstream syncstream
system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector
version cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef cstdint
cstdio cstdlib cstring ctime cuchar cwchar cwctype
""".split())

violations = []


def report(file, line, what):
    report_at(f"include/{OURS}{file}", line, what)


def report_at(path, line, what):
    violations.append(f"{path}:{line}: {what}")


def parts():
    """All parts in order, each with whether only bodies include it."""
    folder = ""
    for word in LIST.split():
        if word.endswith("/"):
            folder = word
        else:
            yield os.path.normpath(folder + word.rstrip("°")), word.endswith("°")


ORDER = [name for name, _ in parts()]
PLACE = {name: place for place, name in enumerate(ORDER)}
HIDDEN = {name for name, hidden in parts() if hidden}


def read(name):
    with open(os.path.join(INCLUDE, OURS, name), encoding="utf-8") as file:
        return file.read()


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'", re.S)


def without(text, strings):
    """The text without comments, and without what is in strings where that is asked for; each line stays where it is."""
    def kept(match):
        token = match.group()
        if token.startswith("/"):
            return " " + re.sub(r"[^\n]", "", token)
        return '""' + re.sub(r"[^\n]", "", token) if strings else token
    return TOKEN.sub(kept, text)


def blank(pattern, text, flags=re.M):
    """The text without what matches; each line stays where it is."""
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", "", match.group()), text, flags=flags)


def code_of(name):
    return without(read(name), strings=False)


DIRECTIVE = r"^[ \t]*#(?:[^\n\\]|\\\n?)*"


def without_detail(text):
    return blank(r"^namespace [^\n]*\bdetail \{(?:[^{}]*\}|.*?^\}  // namespace)", text, re.S | re.M)


def public_headers():
    return [name for name in ORDER if name.endswith(".hpp") and not name.startswith("detail/") and name not in HIDDEN]


def includes(name):
    """Each #include, with its line."""
    for number, line in enumerate(code_of(name).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def system_of(name):
    return next((system for system in SYSTEMS if name.endswith(system)), None)


def check_folder():
    found = set()
    for folder, _, names in os.walk(os.path.join(INCLUDE, OURS)):
        found |= {os.path.relpath(os.path.join(folder, name), os.path.join(INCLUDE, OURS)) for name in names}
    known = set(ORDER) | set(FACES) | {BODIES, FORMAT}
    for name in sorted(found - known):
        report(name, 1, "it has no place in the list of tests/house.py")
    for name in sorted(known - found):
        report(name, 1, "there is no such file, but tests/house.py lists it")
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        lists = re.findall(r"^set\((?:faces|parts)\b(.*?)\)$", file.read(), re.S | re.M)
    listed = set(" ".join(lists).split())
    for name in sorted(found ^ listed):
        report(name, 1, "CMakeLists.txt lists no such file" if name in found else "only CMakeLists.txt knows it")
    return found & known


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def check_pragmas(name):
    """Tools that insert includes must insert the face, not the part."""
    lines = read(name).splitlines()
    face = next((face for face, folders in FACES.items() if name.startswith(folders)), None)
    if face and name != FORWARD and (len(lines) < 3 or lines[2] != f"// IWYU pragma: private, include <{OURS}{face}>"):
        report(name, 3, f"does not say that <{OURS}{face}> is to be included instead")
    if name in FACES:
        exported = False
        for number, line in enumerate(lines, 1):
            exported = line == "// IWYU pragma: begin_exports" or exported and line != "// IWYU pragma: end_exports"
            if line.startswith("#include") and line.endswith(".hpp>") and not exported and \
                    not any(line == f"#include <{OURS}{face}>" for face in FACES):
                report(name, number, "is not between begin_exports and end_exports")


def check_tests():
    listed = text_of("tests/CMakeLists.txt")
    for name in ORDER:
        if PUBLIC.fullmatch(name) and name not in HIDDEN:
            test = os.path.basename(name).replace(".hpp", ".test.cpp")
            if not os.path.exists(os.path.join(ROOT, "tests", test)) or f"  {test}\n" not in listed:
                report(name, 1, f"has no test file of its name: tests/{test}, listed in tests/CMakeLists.txt")


def header_of(body):
    """The header that declares what a body defines: that of its name, else the first for bodies alone that it includes."""
    header = re.sub(r"(_posix|_windows)?\.ipp$", ".hpp", body)
    if header in PLACE:
        return header
    included = {other[len(OURS):] for _, other in includes(body)}
    return next(name for name in ORDER if name in HIDDEN & included)


def picture():
    headers = [name for name in ORDER if name.endswith(".hpp")]
    graph = {name: {other[len(OURS):] for _, other in includes(name) if other.startswith(OURS)} for name in headers}
    bodies = {}
    for name in ORDER:
        if name.endswith(".ipp"):
            bodies.setdefault(header_of(name), []).append(name)
    return drawing.draw(graph, bodies, HIDDEN, {face: [folder.rstrip("/") for folder in folders if folder != FORWARD]
                                                for face, folders in FACES.items()})


def check_page():
    if text_of(PICTURE) != picture():
        report_at(PICTURE, 1, f"the tree has changed: python3 tests/house.py --draw >{PICTURE}")
    folders = ("", "include/" + OURS)  # where the page names files from
    for number, line in enumerate(text_of(PAGE).splitlines(), 1):
        named = re.findall(r"`([\w./-]+(?:\.\w+|/))`", line)
        linked = [os.path.normpath(os.path.join("docs", to)) for to in re.findall(r"\]\(([\w./-]+)[^)]*\)", line)]
        for path in named + linked:
            if not any(os.path.exists(os.path.join(ROOT, folder, path)) for folder in folders):
                report_at(PAGE, number, f"there is no {path}")


def check_length(name):
    lines = read(name).count("\n")
    if lines > MAX_LINES:
        report(name, MAX_LINES + 1, f"it has {lines} lines, at most {MAX_LINES} are wanted")


def check_order(name):
    for line, included in includes(name):
        if not included.startswith(OURS):
            continue
        other = included[len(OURS):]
        if other not in PLACE:
            report(name, line, f"a part includes parts, not {other}")
        elif name.endswith(".hpp"):
            if PLACE[other] >= PLACE[name]:
                report(name, line, f"{other} does not stand above it")
            elif other in HIDDEN and name not in HIDDEN:
                report(name, line, f"only bodies include {other}")
            elif other.endswith(".ipp"):
                report(name, line, "a header includes no bodies")
        elif other.endswith(".ipp"):
            if system_of(name) is None or system_of(name) != system_of(other):
                report(name, line, "bodies include no bodies, but those of one system")
            elif PLACE[other] >= PLACE[name]:
                report(name, line, f"{other} does not stand above it")


def listed_bodies(name, folders):
    return [(line, other[len(OURS):]) for line, other in includes(name)
            if other.endswith(".ipp") and other[len(OURS):].startswith(folders)]


def in_order(names):
    """The bodies of a file in the order of the list; what one system has may come before or after the other's."""
    return sorted(names, key=lambda name: PLACE.get(name, -1))


def check_faces():
    for face, folders in FACES.items():
        headers = [other[len(OURS):] for _, other in includes(face) if other.endswith(".hpp") and
                   other[len(OURS):] not in FACES]
        wanted = [name for name in ORDER if name.startswith(folders) and name.endswith(".hpp") and name not in HIDDEN]
        if headers != wanted:
            wrong = next((pair for pair in itertools.zip_longest(headers, wanted) if pair[0] != pair[1]))
            line = next((line for line, other in includes(face) if other == OURS + str(wrong[0])), 1)
            report(face, line, f"includes {wrong[0]} where {wrong[1]} is next in the list")
        for file in (face, BODIES):
            bodies = [other for _, other in listed_bodies(file, folders)]
            for system in SYSTEMS:  # each system must find all its bodies in order
                seen = [other for other in bodies if system_of(other) in (None, system)]
                wanted = [name for name in ORDER if name.startswith(folders) and name.endswith(".ipp") and
                          system_of(name) in (None, system)]
                if seen != wanted:
                    wrong = next((pair for pair in itertools.zip_longest(seen, wanted) if pair[0] != pair[1]))
                    line = next((line for line, other in listed_bodies(file, folders) if other == wrong[0]), 1)
                    report(file, line, f"includes {wrong[0]} where {wrong[1]} is next in the list")
                    break


def check_includes(name):
    for line, included in includes(name):
        if included.startswith(OURS):
            continue
        if included.startswith("nlohmann/"):
            if name != JSON:
                report(name, line, f"only {JSON} includes nlohmann_json")
        elif included in HEAVY:
            report(name, line, f"<{included}> is too much for every file of a program")
        elif included not in STANDARD and system_of(name) is None:
            report(name, line, f"<{included}> is no standard header: it belongs to the bodies of a system")


def check_words(name):
    if name == JSON:
        return
    documents = name in FACES or name == CONFIG  # they say what is needed
    text = code_of(name) if documents else read(name)
    for number, line in enumerate(text.splitlines(), 1):
        if re.search("nlohmann", line, re.I):
            report(name, number, f"names nlohmann, which only {JSON} knows")


def check_macros(name):
    code = without(read(name), strings=True)
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", code, re.M):
        macro = match.group(1)
        if macro not in PUBLIC_MACROS and not re.search(rf"^[ \t]*#[ \t]*undef[ \t]+{macro}\b", code[match.end():], re.M):
            report(name, code.count("\n", 0, match.start()) + 1, f"{macro} is left behind")
    if name.endswith(".ipp"):
        for match in re.finditer(r"^[ \t]*(?:inline )?namespace \{|^static\b|\busing namespace\b", code, re.M):
            report(name, code.count("\n", 0, match.start()) + 1, f"`{match.group().strip()}` gives each file a copy of its own")


class Scope:
    def __init__(self, kind, is_template, head, line):
        self.kind, self.is_template, self.head, self.line = kind, is_template, head, line


def without_template_head(head):
    """What follows template <...> and a requires clause in parentheses, and whether they were there."""
    found = False
    while head.startswith("template"):
        found = True
        at = head.index("<")
        depth = 0
        for at in range(at, len(head)):
            depth += {"<": 1, ">": -1}.get(head[at], 0)
            if depth == 0:
                break
        head = head[at + 1:].strip()
        head = re.sub(r"^requires\s*(\((?:[^()]|\([^()]*\))*\)|[\w:]+(<[^<>]*>)?)\s*", "", head)
    return head, found


def check_bodies(name):
    """Brace by brace: what is a function, and how long is it?"""
    code = without(read(name), strings=True)
    code = blank(DIRECTIVE, code)
    scopes, head, line, head_line = [], "", 1, 1
    for character in code:
        if character == "\n":
            line += 1
        if character == "{":
            inside = next((scope for scope in scopes if scope.kind in ("function", "value")), None)
            is_template = any(scope.is_template for scope in scopes)
            text = re.sub(r"\[\[.*?\]\]", "", re.sub(r"\s+", " ", head)).strip()
            text, has_head = without_template_head(text)
            if inside:
                kind = "inner"
            elif re.match(r"(inline )?namespace\b", text):
                kind = "namespace"
            elif re.match(r"(friend )?(class|struct|union|enum)\b", text) and "(" not in text:
                kind = "class"
            elif "(" not in text or re.search(r"[\w>]\s*$", text) and re.search(r"\)[^:]*[^:]:[^:]", text):
                kind = "value"  # of a variable, or of a member in a constructor's list
            else:
                kind = "function"
            scopes.append(Scope(kind, is_template or has_head, text, line))
            if kind in ("namespace", "class", "function"):
                head, head_line = "", line
        elif character == "}":
            scope = scopes.pop() if scopes else None
            if scope is None:
                report(name, line, "a brace too many for this script")
                return
            if scope.kind == "function" and not scope.is_template and line - scope.line - 1 > MAX_BODY_LINES and \
                    not re.search(r"\bconst(expr|eval)\b", scope.head):
                report(name, scope.line, f"a body of {line - scope.line - 1} lines, at most {MAX_BODY_LINES} are wanted: "
                       f"{scope.head[-60:]}")
            if scope.kind != "value":
                head = "" if not any(outer.kind in ("function", "value") for outer in scopes) else head
        elif character == ";" and not any(scope.kind in ("function", "value") for scope in scopes):
            head = ""
        elif not any(scope.kind in ("function", "value") for scope in scopes):
            head += character
            head = re.sub(r"\b(public|private|protected):", "", head)


def check_forward():
    """What fwd.hpp declares must be defined, and it has all types of the public parts, enumerations as a whole."""
    declared = code_of(FORWARD)
    public = {name: without_detail(read(name)) for name in public_headers() if name != FORWARD}
    for number, line in enumerate(declared.splitlines(), 1):
        match = re.search(r"\b(?:class|struct) (?:\[\[nodiscard\]\] )?(\w+);", line)
        defined = match and rf"^(?:template <.*> )?(?:class|struct)\b[^;{{]*\b{match.group(1)} (?::[^;{{]*)?\{{"
        if defined and not any(re.search(defined, text, re.M) for text in public.values()):
            report(FORWARD, number, f"no part defines {match.group(1)}")
    for name, text in public.items():
        for match in re.finditer(r"^(?:template <[^;{}]*> )?(enum class|class|struct) (?:(?:\[\[)?\w+(?:\]\])? )?(\w+) "
                                 r"(?:: [^;\n]*)?\{", text, re.M):
            kind, type = match.groups()
            if kind.startswith("enum") or not re.search(rf"\b{type};", declared) and type not in NOT_FORWARD:
                report(name, text.count("\n", 0, match.start()) + 1, f"{type} belongs into {FORWARD}")


def name_of(declaration):
    """The public name that a declaration at the margin brings; none for a specialisation or a member's body."""
    text = re.sub(r"\[\[.*?\]\]|\bSAFETENSORS_\w+", "", re.sub(r"\s+", " ", declaration)).strip()
    if text.startswith(("namespace", "static_assert", "template <>")):
        return None
    text, _ = without_template_head(text)
    text = text.strip()
    if text.startswith(("class ", "struct ", "enum ")):
        found = re.match(r"(?:enum class|\w+) +(\w+)(?= |$)", text)
    else:
        found = re.match(r"[^(]*?(\w+)(?:\[\w*\])? =(?!=)", text) or \
            re.search(r"([\w:]*operator *[^(]+|[\w:]+) ?\(", text) or re.search(r"(\w+)$", text)
    return found.group(1) if found and "::" not in found.group(1) else None


def public_names():
    """What people name, in the order of the headers, each with the place where it is declared first."""
    names = {}
    for header in public_headers():
        text = blank(DIRECTIVE, without(without_detail(read(header)), strings=True))
        for match in re.finditer(r"^[a-zA-Z\[][^;{]*", text, re.M):
            name = name_of(match.group())
            if name:
                names.setdefault(name, (header, text.count("\n", 0, match.start()) + 1))
    return names


def check_module():
    """The module exports each public name once, in the order of the headers, and nothing else."""
    text = without(text_of(MODULE), strings=True)
    exported = {}
    for match in re.finditer(r"\busing safetensors::([^;]+);", text):
        name, line = match.group(1), text.count("\n", 0, match.start()) + 1
        if name in exported:
            report_at(MODULE, line, f"exports {name} twice")
        exported[name] = line
    names = public_names()
    for name, place in names.items():
        if name not in exported:
            report(*place, f"{MODULE} does not export {name}")
    for name, line in exported.items():
        if name not in names:
            report_at(MODULE, line, f"no header declares {name}")
    pairs = zip([name for name in exported if name in names], [name for name in names if name in exported])
    wrong = next((pair for pair in pairs if pair[0] != pair[1]), None)
    if wrong:
        report_at(MODULE, exported[wrong[0]], f"exports {wrong[0]} where {wrong[1]} is next in the headers")


def check_without_compiler():
    present = check_folder()
    for name in sorted(present):
        check_length(name)
        check_includes(name)
        check_words(name)
        check_macros(name)
        check_pragmas(name)
        if name in PLACE:
            check_order(name)
        if name.endswith(".hpp"):
            check_bodies(name)
    check_faces()
    check_forward()
    check_module()
    check_tests()
    check_page()


# With a compiler.

MODES = {"header-only": [], "compiled": ["-DSAFETENSORS_SEPARATE_COMPILATION"]}
THIS_SYSTEM = "_windows.ipp" if os.name == "nt" else "_posix.ipp"


def compile_alone(command, name, mode):
    done = subprocess.run([*command, *MODES[mode], "-I" + INCLUDE, "-std=c++20", "-fsyntax-only", "-w", "-x", "c++", "-"],
                          input=f"#include <{OURS}{name}>\n", capture_output=True, text=True)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    return f"does not compile alone, {mode}: {errors[0] if errors else done.stderr[:500]}"


def macros(command, mode, headers):
    text = "".join(f"#include <{header}>\n" for header in headers)
    done = subprocess.run([*command, *MODES[mode], "-I" + INCLUDE, "-std=c++20", "-w", "-x", "c++", "-dM", "-E", "-"],
                          input=text, capture_output=True, text=True, check=True)
    return set(re.findall(r"^#define (\w+)", done.stdout, re.M))


def check_with_compiler(modes, command):
    files = [BODIES, *FACES, *ORDER]
    tasks = [(name, mode) for mode in modes for name in files
             if system_of(name) in (None, THIS_SYSTEM) and (name != BODIES or mode == "compiled")]
    tasks = [(command, *task) for task in tasks]
    if "header-only" in modes:
        tasks += [([*command, "-I" + SINGLE], face, "header-only") for face in FACES]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (_, name, _), wrong in zip(tasks, pool.map(lambda task: compile_alone(*task), tasks)):
            if wrong:
                report(name, 1, wrong)
    for mode in modes:
        seen = [name for name in ORDER if system_of(name) in (None, THIS_SYSTEM) and
                (mode == "header-only" or name.endswith(".hpp") and name not in HIDDEN)]
        others = sorted({header for name in seen for _, header in includes(name) if not header.startswith(OURS) and
                         not header.lower().startswith("windows")})
        expected = macros(command, mode, others) | PUBLIC_MACROS
        for macro in sorted(macros(command, mode, [OURS + face for face in FACES]) - expected):
            report("writer.hpp", 1, f"leaves the macro {macro} behind, {mode}")
    print(f"{len(tasks)} parts compile alone" if not violations else f"{len(tasks)} parts were compiled")


def count():
    total = frame = 0
    for name in ["safetensors.hpp", *ORDER]:
        if name.startswith("write/"):
            continue
        code = re.sub(r"known_start known_\w+\[\] = \{.*?\n\};", "", code_of(name), flags=re.DOTALL)
        lines = [line for line in code.splitlines() if line.strip()]
        print(f"{len(lines):6} {name}")
        total += len(lines)
        frame += sum(2 if line.startswith("namespace") else line.startswith(("#pragma once", "#include")) for line in lines)
    print(f"{total:6} lines of code, without comments, blank lines, and the tables of foreign files; of these")
    print(f"{frame:6} frame the parts: #pragma once, #include, and their namespace")


def main(arguments):
    if arguments == ["--count"]:
        count()
        return 0
    if arguments == ["--draw"]:
        print(picture(), end="")
        return 0
    if not arguments:
        check_without_compiler()
    elif len(arguments) > 2 and arguments[0] == "--compile" and (arguments[1] in MODES or arguments[1] == "both"):
        check_with_compiler(list(MODES) if arguments[1] == "both" else [arguments[1]], arguments[2:])
    else:
        print(__doc__)
        return 2
    print("\n".join(violations) if violations else "no violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
