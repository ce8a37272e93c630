#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Gives every conformance vector to every implementation that run.sh has made.

The tables go to build/compare/RESULTS.md. Exits with 1 if they are not those of the committed
RESULTS.md, and with 77 if an implementation was not made.

    compare.py                what run.sh does last
    compare.py --show COLUMN  where an implementation's answers disagree, to standard output

An implementation is a process that reads a path per line and answers with a line of JSON:
{"accepted": false}, or {"accepted": true, "tensors": [...]}. A tensor has its name, and what the
implementation tells of dtype, shape, data_offsets and bytes (in hex).
"""
import json
import os
import re
import resource
import select
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent
ROOT = VECTORS.parent.parent
MADE = ROOT / "build" / "compare"
TIME_LIMIT = 10  # seconds for a file
START_LIMIT = 60  # seconds for a process's first file
MEMORY_LIMIT = 2 << 30  # bytes of writable memory, for a process

AGREES, REFUSES, ACCEPTS, OTHER_INDEX, NO_ANSWER = (
    "agrees", "refuses", "accepts", "reads another index", "fails to answer")


@dataclass
class Implementation:
    column: str  # its name in the tables
    package: str  # its name in the registry, and where its version is pinned
    pinned: str
    language: str
    command: list
    calls: str

    def version(self):
        if not self.pinned:
            return ""
        text = (HERE / self.pinned).read_text()
        found = re.search(rf'^\W*{re.escape(self.package)}\W+(v?[0-9][\w.-]*)', text, re.MULTILINE)
        if not found and self.pinned.endswith("go.mod"):
            found = re.search(rf'{re.escape(self.package)} (v\S+)', text)
        return found[1]

    def is_made(self):
        return all(Path(part).exists() for part in self.command if str(part).startswith(str(ROOT)))


def python(script):
    return [MADE / "python" / "bin" / "python", HERE / "python" / script]


def node(script):
    return ["node", MADE / "npm" / script]


IMPLEMENTATIONS = [
    Implementation("this library", "", "", "C++", [MADE / "cpp" / "this_library"],
                   "`file::try_open`, `bytes()` of every tensor"),
    Implementation("reference", "safetensors", "../../interop/requirements.txt", "Rust, by Python",
                   [ROOT / "build" / "interop" / "bin" / "python", HERE / "python" / "reference.py"],
                   "`safetensors.deserialize`"),
    Implementation("mlx", "mlx", "python/requirements.txt", "C++, by Python",
                   python("mlx_load.py"), "`mlx.core.load`, `eval` of every array"),
    Implementation("tinygrad", "tinygrad", "python/requirements.txt", "Python",
                   python("tinygrad_load.py"), "`nn.state.safe_load`, the bytes of every tensor"),
    Implementation("lattice", "lattice-weights", "rust/Cargo.toml", "Rust",
                   [MADE / "rust" / "lattice"],
                   "`SafetensorsFile::from_bytes`, `get_f32_tensor` of F32, F16 and BF16"),
    Implementation("yscv", "yscv-model", "rust/Cargo.toml", "Rust",
                   [MADE / "rust" / "yscv"],
                   "`SafeTensorFile::from_bytes`, `load_tensor` of every tensor"),
    Implementation("nlpodyssey", "github.com/nlpodyssey/safetensors", "go/go.mod", "Go",
                   [MADE / "go" / "nlpodyssey"], "`Deserialize`, `Tensors`"),
    Implementation("hub", "@huggingface/hub", "npm/package.json", "TypeScript", node("hub.mjs"),
                   "`parseSafetensorsMetadata`; headers only, tensors are not read"),
    Implementation("jax-js", "@jax-js/loaders", "npm/package.json", "TypeScript",
                   node("jax-js.mjs"), "`safetensors.parse`"),
    Implementation("npm safetensors", "safetensors", "npm/package.json", "JavaScript",
                   node("safetensors.mjs"), "`SafeTensor`, `getTensor` of every tensor"),
]


# ---------------------------------------------------------------- asking

class Process:
    """A process of an implementation, which is started again when it has ended."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.process = None

    def ask(self, path):
        """Its answer, or None where it fails to answer."""
        limit = TIME_LIMIT
        if self.process is None:
            limit = START_LIMIT
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, preexec_fn=self.limit, cwd=MADE,
                env=os.environ | {"XDG_CACHE_HOME": str(MADE / "cache"), "PYTHONDONTWRITEBYTECODE": "1"})
        try:
            self.process.stdin.write(f"{path}\n".encode())
            self.process.stdin.flush()
            answer = json.loads(self.line(limit))
            return answer if isinstance(answer["accepted"], bool) else None
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            self.end()
            return None

    @staticmethod
    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def line(self, limit):
        found = bytearray()
        while not found.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], limit)[0]:
                raise TimeoutError
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise EOFError
            found += part
        return found

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


# ---------------------------------------------------------------- judging

def wanted_tensors(vector, content):
    """The manifest's index as an implementation would tell it: name to facts."""
    data = 8 + int.from_bytes(content[:8], "little")
    wanted = {}
    for tensor in vector["tensors"]:
        begin, end = tensor["data_offsets"]
        wanted[tensor["name"]] = {**tensor, "bytes": content[data + begin:data + end].hex()}
    return wanted


def reads_another_index(vector, content, tensors):
    wanted = wanted_tensors(vector, content)
    if sorted(tensor["name"] for tensor in tensors) != sorted(wanted):
        return True
    return any(told != wanted[tensor["name"]][key]
               for tensor in tensors for key, told in tensor.items())


def judge(vector, content, answer):
    """What an implementation does with a file; AGREES where the manifest says the same."""
    is_valid = vector["verdict"] == "valid"
    if answer is None:
        return NO_ANSWER
    if not answer["accepted"]:
        return REFUSES if is_valid else AGREES
    if not is_valid:
        return ACCEPTS
    return OTHER_INDEX if reads_another_index(vector, content, answer["tensors"]) else AGREES


def run(implementation, vectors):
    """A judgement for each vector."""
    process = Process(implementation.command)
    try:
        # Whatever it thinks of this one, it must answer: otherwise the adapter does not work.
        if process.ask(VECTORS / "vectors" / "dtype-u8-vector.safetensors") is None:
            raise SystemExit(f"{implementation.column}: the adapter does not answer.")
        found = []
        for vector in vectors:
            path = VECTORS / vector["file"]
            found.append(judge(vector, path.read_bytes(), process.ask(path)))
        return found
    finally:
        process.end()


# ---------------------------------------------------------------- the tables

def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def table(heads, rows):
    return row(heads) + "|" + "---|" * len(heads) + "\n" + "".join(row(cells) for cells in rows)


def of_all(count, total):
    return "✓" if count == total else f"{count}/{total}"


def per_rule(vectors, results, rules, is_counted):
    """A row for each rule that has vectors: the rule, then how many each implementation counts."""
    rows = []
    for rule in rules:
        places = [i for i, vector in enumerate(vectors) if vector["rule"] == rule]
        if places:
            rows.append([rule, len(places)] + [
                of_all(sum(is_counted(found[i]) for i in places), len(places))
                for found in results.values()])
    return rows


def page(vectors, rules, results):
    ran = [implementation for implementation in IMPLEMENTATIONS if implementation.column in results]
    valid = sum(vector["verdict"] == "valid" for vector in vectors)
    invalid = len(vectors) - valid
    summary = []
    for implementation in ran:
        found = results[implementation.column]
        counts = Counter((vector["verdict"] == "valid", answer) for vector, answer in zip(vectors, found))
        agreed = counts[True, AGREES] + counts[False, AGREES]
        summary.append([implementation.column,
                        f"{counts[True, AGREES] + counts[True, OTHER_INDEX]}/{valid}",
                        counts[True, OTHER_INDEX],
                        f"{counts[False, AGREES]}/{invalid}",
                        counts[True, NO_ANSWER] + counts[False, NO_ANSWER],
                        f"{agreed}/{len(vectors)} ({100 * agreed / len(vectors):.1f} %)"])
    stricter = [i for i, vector in enumerate(vectors)
                if vector["verdict"] != "valid" and vector["reference"] == "valid"]
    strict_vectors = [vectors[i] for i in stricter]
    strict_results = {column: [found[i] for i in stricter] for column, found in results.items()}
    columns = [implementation.column for implementation in ran]
    is_agreed = lambda answer: answer == AGREES
    return f"""<!-- SPDX-FileCopyrightText: 2026 The safetensors C++ authors -->
<!-- SPDX-License-Identifier: CC0-1.0 -->
# Who agrees on the vectors

Written by `sh tests/conformance/compare/run.sh`, which installs these readers of safetensors from
package registries and gives each the {len(vectors)} [vectors](README.md) that are files and need no option:
{valid} valid ones, {invalid} that are to be refused.

{table(["implementation", "package", "language", "what is called"],
       [[i.column, f"{i.package} {i.version()}" if i.package else "this folder's", i.language, i.calls]
        for i in ran])}
An implementation **agrees** on a valid file if it accepts it and sees the manifest's tensors: names,
and dtypes, shapes, offsets and bytes as far as it tells them. Where one of these differs, it reads
**another index**: an F8 dtype told as U8, say, or a large integer that was rounded. It agrees on any
other file if it refuses it, by an error or an exception that can be caught. It **fails to answer** if
its process ends, panics, takes more than {TIME_LIMIT} seconds or more than {MEMORY_LIMIT >> 30} GiB.

These numbers are no ranking. The vectors follow the reference implementation of today, with four
deliberate refusals more, and look at rules that hardly any file in the wild touches. Other readers
may be older than a rule or a dtype, support what they need, be lenient or strict on purpose, or leave
a check to their callers. A valid file may also ask for several things at once: who wants aligned
tensors, or lacks a dtype, misses vectors of other rules too; and who refuses every file with metadata
agrees on the faulty ones among them.

{table(["", "accepts valid", "of these, another index", "refuses invalid", "fails to answer", "agrees in all"],
       summary)}
## By rule

How many of a rule's vectors each agrees on; ✓ is all of them. [RULES.md](RULES.md) has the rules.

{table(["rule", "vectors"] + columns, per_rule(vectors, results, rules, is_agreed))}
## The deliberate refusals

In {len(stricter)} vectors the manifest refuses what the reference accepts, since two readers may understand
such a file differently; the [README](README.md#the-verdicts) says which and why. How many each refuses:

{table(["rule", "vectors"] + columns, per_rule(strict_vectors, strict_results, rules, is_agreed))}"""


def main():
    manifest = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))
    vectors = [vector for vector in manifest["vectors"] if "file" in vector and "options" not in vector]
    if sys.argv[1:2] == ["--show"]:
        for implementation in IMPLEMENTATIONS:
            if implementation.column == sys.argv[2]:
                for vector, answer in zip(vectors, run(implementation, vectors)):
                    if answer not in (AGREES, NO_ANSWER):
                        print(f"{vector['rule']:12} {answer:20} {vector['name']}: {vector['why']}")
        return 0
    results = {}
    missing = []
    for implementation in IMPLEMENTATIONS:
        if not implementation.is_made():
            print(f"{implementation.column}: not run")
            missing.append(implementation.column)
            continue
        found = results[implementation.column] = run(implementation, vectors)
        print(f"{implementation.column}: agrees on {found.count(AGREES)} of {len(vectors)}")
    text = page(vectors, manifest["rules"], results)
    (MADE / "RESULTS.md").write_text(text, encoding="utf-8")
    for needed in ("this library", "reference"):
        if needed in missing:
            print(f"There is no comparison without {needed}.")
            return 1
    # The manifest's own word on two of them must be what was measured.
    wrong = [vector["name"] for vector, found in zip(vectors, results["this library"]) if found != AGREES]
    for vector, found in zip(vectors, results["reference"]):
        accepts = found in (ACCEPTS, OTHER_INDEX) or (found == AGREES and vector["verdict"] == "valid")
        if ("valid" if accepts else NO_ANSWER if found == NO_ANSWER else "invalid") != vector["reference"]:
            wrong.append(vector["name"])
    if wrong:
        print(f"Not as the manifest tells: {', '.join(wrong)}")
        return 1
    if missing:
        print(f"skipped: {', '.join(missing)}, for lack of a toolchain")
        return 77
    if text != (VECTORS / "RESULTS.md").read_text(encoding="utf-8"):
        print("tests/conformance/RESULTS.md tells something else. To renew it:\n"
              "  cp build/compare/RESULTS.md tests/conformance/")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
