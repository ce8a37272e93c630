#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Puts the bugs of bugs.toml into the headers, one at a time. The test that a bug names must fail.

    python3 tests/mutations/run.py [NAME...]      default: all bugs

Each case must also pass without a bug. These are errors of the list: a text that does not occur
exactly once, headers that do not compile with the bug, and a case that does not exist. A case that
takes too long has failed.

CXX chooses the compiler, which is g++ by default. SAFETENSORS_COMPILER_LAUNCHER names a program that
runs it, such as ccache. The script needs Python 3.11, doctest and nlohmann_json. As root it skips
nothing.
"""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
LIST = Path(__file__).resolve().parent / "bugs.toml"
COMPILER = [*os.environ.get("SAFETENSORS_COMPILER_LAUNCHER", "").split(), os.environ.get("CXX", "g++")]
FLAGS = ["-std=c++20", "-O0", "-D_GLIBCXX_ASSERTIONS", f'-DSAFETENSORS_SOURCE_DIR="{ROOT}"', "-pthread", "-w"]
FIELDS = {"name", "file", "case", "old", "new"}
LIMIT = 120  # seconds for one case
AT_ONCE = 2  # compilers and cases


class ListError(Exception):
    """Says what is wrong with the list."""


#-- the list and the headers


def read_list(names):
    import tomllib  # new in Python 3.11

    bugs = tomllib.loads(LIST.read_text(encoding="utf-8"))["bug"]
    for bug in bugs:
        if set(bug) != FIELDS:
            raise ListError(f"{bug.get('name')}: a bug has the fields {', '.join(sorted(FIELDS))}")
    known = [bug["name"] for bug in bugs]
    for name in known:
        if known.count(name) != 1:
            raise ListError(f"{name}: two bugs have this name")
    for name in names:
        if name not in known:
            raise ListError(f"{name}: no bug has this name")
    return [bug for bug in bugs if not names or bug["name"] in names]


def pattern_of(text):
    """Matches the text, whatever white space is between its words and signs."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    if not tokens:
        raise ListError("the old text is empty")
    parts = [re.escape(tokens[0])]
    for before, after in zip(tokens, tokens[1:]):
        parts.append(r"\s+" if before[-1].isalnum() and after[0].isalnum() else r"\s*")
        parts.append(re.escape(after))
    begin = r"(?<!\w)" if re.match(r"\w", tokens[0]) else ""
    end = r"(?!\w)" if re.match(r"\w", tokens[-1]) else ""
    return re.compile(begin + "".join(parts) + end)


def headers():
    return sorted(path for path in (ROOT / "include").rglob("*") if path.is_file())


def place_of(bug):
    """Returns the one header that holds the old text, and what it becomes with the bug."""
    pattern = pattern_of(bug["old"])
    hits = []
    for header in headers():
        text = header.read_text(encoding="utf-8")
        hits += [(header, text[:hit.start()] + bug["new"] + text[hit.end():]) for hit in pattern.finditer(text)]
    if len(hits) != 1:
        where = ", ".join(sorted({str(header.relative_to(ROOT)) for header, _ in hits})) or "no file"
        raise ListError(f"{bug['name']}: the old text occurs {len(hits)} times (in {where}), not once")
    return hits[0]


#-- building and running


def build(folder, source, output, *more):
    # A relative path lets ccache find what it compiled in another folder.
    command = [*COMPILER, *FLAGS, "-Iinclude", f"-I{TESTS}", "-o", output, source, *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line]
        raise ListError("it does not compile: " + (errors or done.stderr.splitlines() or ["no message"])[0])


def run(folder, program, case):
    """Returns how the case ended: "passed", "failed", "timed out", or "skipped: " and why."""
    output = folder / "output.txt"
    # doctest separates cases by commas.
    command = [str(folder / program), "-tc=" + case.replace(",", "?"), "--no-colors"]
    with output.open("wb") as file:
        # The case has a session of its own, since its children may hang too.
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            code = running.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            code = None
        try:
            os.killpg(running.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        running.wait()
    said = output.read_text(encoding="utf-8", errors="replace")
    if code is None:
        return "timed out"
    counted = re.search(r"test cases: +(\d+) \|", said)
    if counted and counted[1] == "0":
        raise ListError("no such case")
    if code != 0:
        return "failed"
    skipped = re.search(r"skipped: (.*)", said)
    return f"skipped: {skipped[1]}" if skipped else "passed"


def in_folder(parent, name):
    folder = parent / name
    shutil.copytree(ROOT / "include", folder / "include")
    return folder


def try_file(parent, file, cases):
    """Returns how each case of a file ends without a bug."""
    folder = in_folder(parent, file)
    build(folder, TESTS / file, "tests", parent / "main.o")
    ends = {}
    for case in cases:
        try:
            ends[file, case] = run(folder, "tests", case)
        except ListError as wrong:
            ends[file, case] = str(wrong)
    return ends


def try_bug(parent, bug):
    """Returns how the bug's case ends with the bug."""
    folder = in_folder(parent, bug["name"])
    header, text = place_of(bug)
    (folder / header.relative_to(ROOT)).write_text(text, encoding="utf-8")
    build(folder, TESTS / bug["file"], "tests", parent / "main.o")
    end = run(folder, "tests", bug["case"])
    shutil.rmtree(folder)
    return end


#-- all of them


def judge(bug, without, attempt):
    """Returns one word for the bug, and its reason."""
    if without.startswith("skipped: "):
        return "skipped", without.removeprefix("skipped: ")
    if without != "passed":
        return "ERROR", f"without the bug: {without}"
    try:
        end = attempt.result()
    except ListError as wrong:
        return "ERROR", str(wrong)
    if end in ("failed", "timed out"):
        return "killed", "" if end == "failed" else f"it took more than {LIMIT} seconds"
    return "SURVIVED", f"{bug['file']}: {bug['case']}"


def main():
    began = time.monotonic()
    if sys.version_info < (3, 11):
        print("this needs Python 3.11")
        return 77
    try:
        bugs = read_list(sys.argv[1:])
    except ListError as wrong:
        print(wrong)
        return 1
    wrong_texts = []
    for bug in bugs:
        try:
            place_of(bug)
        except ListError as wrong:
            wrong_texts.append(str(wrong))
    if wrong_texts:
        print("\n".join(wrong_texts))
        return 1

    cases = {}
    for bug in bugs:
        cases.setdefault(bug["file"], {})[bug["case"]] = None
    counts = dict.fromkeys(("killed", "SURVIVED", "ERROR", "skipped"), 0)
    with tempfile.TemporaryDirectory(prefix="safetensors-mutations-") as name:
        parent = Path(name)
        try:
            build(parent, TESTS / "main.cpp", "main.o", "-c")
        except ListError as wrong:
            print(f"main.cpp: {wrong}")
            return 1
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            files = {file: pool.submit(try_file, parent, file, of_file) for file, of_file in cases.items()}
            attempts = [pool.submit(try_bug, parent, bug) for bug in bugs]
            for bug, attempt in zip(bugs, attempts):
                try:
                    without = files[bug["file"]].result()[bug["file"], bug["case"]]
                except ListError as wrong:
                    without = str(wrong)
                word, more = judge(bug, without, attempt)
                counts[word] += 1
                print(f"{word}: {bug['name']}" + (f" ({more})" if more else ""), flush=True)
    print(f"{counts['killed']} of {len(bugs)} bugs killed, {counts['SURVIVED']} survived, "
          f"{counts['ERROR']} errors of the list, {counts['skipped']} skipped, "
          f"in {time.monotonic() - began:.0f} seconds")
    return 1 if counts["SURVIVED"] or counts["ERROR"] else 0


if __name__ == "__main__":
    sys.exit(main())
