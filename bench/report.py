#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Turns the JSON of a bench program into tables and a plot for people:
    report.py QUESTION JSON FOLDER     writes FOLDER/QUESTION.md, and FOLDER/QUESTION.svg
    report.py index FOLDER             prints the index of what is there

Every figure is a median over the rounds of one run, in which the contenders took turns; ratios are
of medians of the same run. A benchmark's name is CASE/CONTENDER.
"""
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys

LICENCE = ("<!-- SPDX-FileCopyrightText: 2026 The safetensors C++ authors -->\n"
           "<!-- SPDX-License-Identifier: MIT -->\n")


def per_operation(field):
    return lambda round: round[field] / round["operations"] * 1e9


OURS = ("file", "safetensors", "save", "writer")  # come first

# For each question its title, what the contenders are; tables, each a title, a function of one round,
# and decimals; what is compared with what: (field, contender, peer, least ratio asked for, if any).
QUESTIONS = {
    "open": {
        "title": "How long does opening take?",
        "text": "Headers of BF16 tensors, about 130 bytes each, opened by path: read, parsed, validated and indexed by name. "
                "`file` is this library's, which also maps the file; `general lane` is what it does with headers that have escapes in "
                "names or keys, unknown fields or unusual spaces, without the attempt before it and the mapping behind; "
                "`nlohmann DOM` fills a map from a JSON document and frees that, as many programs do; `plain read` only reads "
                "the header's bytes. `reference` is the Rust crate's `read_metadata`, for which the bytes are **already in "
                "memory**, built with cargo's release profile; `Python` is the package's `safe_open`. What was opened is given back off the clock, but for `1 and "
                "closed`, where `system calls` are open, fstat, one pread of 4 KiB, mmap, munmap and close. Warm: in a process that has "
                "opened it several times and whose malloc keeps what it was given back, but for Python's; blocks above 32 MiB, as "
                "at 1M, come anew from the system each time. Cold, most of the time is the system's, which gives and clears the "
                "pages that the last table counts.",
        "tables": [("Warm: nanoseconds per tensor", per_operation("seconds"), 0),
                   ("Cold: nanoseconds per tensor, first call of a new process, the file being cached", per_operation("cold"), 0),
                   ("Pages that the first call touches for the first time", lambda round: round["faults"], 0)],
        "ratios": [("seconds", f"{case}/file", f"{case}/reference", least) for case, least in (("1k", 9), ("10k", 14), ("100k", 14))]
                  + [("seconds", f"{case}/file", f"{case}/nlohmann DOM", 20) for case in ("1k", "10k", "100k")]
                  + [("seconds", "100k shuffled/file", "100k shuffled/reference", 8),
                     ("seconds", "1 and closed/file", "1 and closed/system calls", 0.65)]
                  + [("cold", f"{case}/file", f"{case}/reference", 7) for case in ("10k", "100k")]
                  + [(field, "1M/file", "100k/file", 0.5) for field in ("seconds", "cold")],
    },
    "lookup": {
        "title": "How long does finding a tensor by name take?",
        "text": "All names of a model in random order, or in the order of their data; names that miss differ from one that is there in the last byte. `file` is this "
                "library's `find`, `unordered_map` is `std::unordered_map<std::string, …>`, looked up with a new string, as many "
                "programs do; `reference info` and `reference tensor` are the Rust crate's `Metadata::info` and `SafeTensors::tensor`.",
        "tables": [("Nanoseconds per name", per_operation("seconds"), 0)],
        "ratios": [("seconds", f"{case}/file {what}", f"{case}/reference info hit", least)
                   for case in ("100k", "100k in order") for what, least in (("hit", 1 / 0.7), ("miss", 1 / 0.4))]
                  + [("seconds", f"{case}/file miss", f"{case}/reference info miss", None)
                     for case in ("100k", "100k in order")],
    },
    "iterate": {
        "title": "How long does going through all tensors take?",
        "text": "The sum of all names' and tensors' bytes. `file` goes in data order; `reference` is the Rust crate's `SafeTensors::iter`, "
                "which goes in a random one, `reference in data order` its `offset_keys` and `info`.",
        "tables": [("Nanoseconds per tensor", per_operation("seconds"), 1)],
        "ratios": [("seconds", "100k/file", f"100k/{peer}", None) for peer in ("reference", "reference in data order")],
    },
    "include": {
        "title": "How long does including take to compile?",
        "text": "One translation unit: `names its types` includes `safetensors/fwd.hpp` alone; `includes it` is nothing but the `#include`; `uses it` opens a file by path and asks for its size; "
                "`reads a tensor` opens a file and takes a tensor's elements in place. `safetensors` is header-only, `compiled` the same file for "
                "`safetensors::compiled`, whose own file is compiled once. nlohmann_json is compared with, which contains what our bodies use: its "
                "SAX parser with a handler that does nothing. User CPU seconds, which other programs on the machine disturb less than the time.",
        "tables": [("User CPU seconds", lambda round: round["cpu_seconds"], 2), ("Seconds", lambda round: round["seconds"], 2)],
        "ratios": [("cpu_seconds", f"{compiler} {level}, {unit}/{contender}", f"{compiler} {level}, {unit}/{peer}", least)
                   for contender, peer, least_of in (("safetensors compiled", "nlohmann",
                                                      {"includes it": 1 / 0.35, "uses it": None, "reads a tensor": 1 / 0.4}),
                                                     ("safetensors", "nlohmann", {"names its types": 10}), ("safetensors", "safetensors before", {}))
                   for compiler in ("g++", "clang++") for level in ("-O0", "-O2")
                   for unit in (*(["names its types"] if "names its types" in least_of else []), "includes it", "uses it", "reads a tensor")
                   for least in [least_of.get(unit)]],
    },
    "write": {
        "title": "How fast is a model written?",
        "text": "A transformer of 265 tensors, 390 MB. `save` and `writer` write a new file, atomically; `same bytes` is one `write` of the "
                "finished file (durable: a preallocated loop of 8 MiB `pwrite`s and `fsync`); the "
                "`reference` is the Python package's `save_file` (durable: followed by `fsync`).",
        "tables": [("Seconds", lambda round: round["seconds"], 3),
                   ("GB/s", lambda round: round["bytes"] / round["seconds"] / 1e9, 2),
                   ("CPU seconds", lambda round: round["cpu_seconds"], 3)],
        "ratios": [("seconds", f"{kind}/{contender}", f"{kind}/{peer}", least)
                   for kind, peer, least in (("plain", "same bytes", 0.95), ("plain", "reference", 1.0),
                                             ("durable", "same bytes", 0.9), ("durable", "reference", 1.5))
                   for contender in ("save", "writer")],
    },
}


def read(path):
    """the run's context; name → its rounds, each a field → number"""
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    found = {}
    for entry in run["benchmarks"]:
        if entry["run_type"] == "iteration":
            entry["seconds"] = entry["real_time"] / 1e3
            found.setdefault(entry["name"].split("/iterations:")[0], []).append(entry)
    return run["context"], found


def size_of(case):
    """the number that a case begins with: 100k → 100000; 0 if there is none"""
    number = re.match(r"(\d+)([kM]?)", case)
    return int(number[1]) * {"": 1, "k": 1000, "M": 1000000}[number[2]] if number else 0


def median(rounds, function):
    try:
        return statistics.median(function(round) for round in rounds)
    except KeyError:
        return None


def in_order(cases):
    return sorted(set(cases), key=lambda case: (" " in case, size_of(case), case))


def table(found, title, function, decimals):
    contenders = sorted({name.split("/", 1)[1] for name in found}, key=lambda name: (not name.startswith(OURS), name))
    lines = [f"\n## {title}\n", "| | " + " | ".join(contenders) + " |", "|---" + "|---:" * len(contenders) + "|"]
    for case in in_order(name.split("/", 1)[0] for name in found):
        values = [median(found.get(f"{case}/{contender}", [{}]), function) for contender in contenders]
        cells = ["" if value is None else f"{value:,.{decimals}f}" for value in values]
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(found, wanted):
    if not wanted:
        return ""
    lines = ["\n## Ratios\n", "| | contender | against | times as fast | asked for | |", "|---|---|---|---:|---:|---|"]
    for field, contender, peer, least in wanted:
        if contender in found and peer in found:
            cost, peers_cost = (median(found[name], lambda round: round[field] / round.get("operations", 1))
                                for name in (contender, peer))
            ratio = peers_cost / cost
            asked = "" if least is None else f"≥ {least:.3g}"
            missed = "" if least is None or ratio >= least else "missed"
            lines.append(f"| {'cold' if field == 'cold' else ''} | {contender} | {peer} | {ratio:.2f} | {asked} | {missed} |")
    return "\n".join(lines)


def spread(found):
    """how far from its median the middle half of a contender's rounds lies, at most; the median of all contenders"""
    widths = []
    for rounds in found.values():
        times = [round["seconds"] for round in rounds]
        if len(times) > 1:
            low, middle, high = statistics.quantiles(times, n=4)
            widths.append(max(high - middle, middle - low) / middle)
    return f"half of a contender's rounds are within {statistics.median(widths):.0%} of its median" if widths else "one round"


COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#000000"]


def plot(found, title, function):
    """SVG, both axes logarithmic: a line for each contender, over the cases that are only a number"""
    lines = {}
    for name, rounds in found.items():
        case, contender = name.split("/", 1)
        value = median(rounds, function)
        if re.fullmatch(r"\d+[kM]?", case) and value:
            lines.setdefault(contender, []).append((size_of(case), value))
    width, height, left, right, top, bottom = 760, 440, 60, 130, 40, 40
    points = [point for line in lines.values() for point in line]
    first, last = (choose(math.log10(x) for x, _ in points) for choose in (min, max))
    low = math.floor(min(math.log10(y) for _, y in points))
    high = math.ceil(max(math.log10(y) for _, y in points))

    def x_of(x):
        return left + (math.log10(x) - first) / (last - first) * (width - left - right)

    def y_of(y):
        return height - bottom - (math.log10(y) - low) / (high - low) * (height - top - bottom)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           "<!-- SPDX-FileCopyrightText: 2026 The safetensors C++ authors -->", "<!-- SPDX-License-Identifier: MIT -->",
           '<rect width="100%" height="100%" fill="white"/>', f'<text x="{left}" y="20" font-size="14">{title}</text>']
    for power in range(low, high + 1):
        y = y_of(10**power)
        out += [f'<path d="M{left} {y:.0f}H{width - right}" stroke="#ddd"/>',
                f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{10**power:,g}</text>']
    for x in sorted({x for x, _ in points}):
        out.append(f'<text x="{x_of(x):.0f}" y="{height - bottom + 18}" text-anchor="middle">{x:,}</text>')
    out.append(f'<text x="{(left + width - right) / 2:.0f}" y="{height - 6}" text-anchor="middle">tensors</text>')
    labels = []
    for colour, (contender, line) in zip(COLOURS, sorted(lines.items())):
        line.sort()
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        labels.append([y_of(line[-1][1]), x_of(line[-1][0]), colour, contender])
    labels.sort()
    for above, label in zip(labels, labels[1:]):
        label[0] = max(label[0], above[0] + 13)
    for y, x, colour, contender in labels:
        out.append(f'<text x="{x + 6:.0f}" y="{y + 4:.0f}" fill="{colour}">{contender}</text>')
    return "\n".join(out) + "\n</svg>\n"


def machine():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            processor = re.search(r"model name\s*: (.*)", file.read())[1]
    except (OSError, TypeError):
        processor = platform.processor()
    facts = [f"{processor}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}"]
    for program in ("c++", "rustc"):
        if shutil.which(program):
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
            facts.append(said.split("\n", 1)[0])
    with open(os.path.join(os.path.dirname(__file__), "reference", "Cargo.toml"), encoding="utf-8") as file:
        facts.append("reference crate " + re.search(r'safetensors = "=(.*)"', file.read())[1])
    return ", ".join(facts)


def write_report(question, path, folder):
    facts = QUESTIONS[question]
    _, found = read(path)
    rounds = max(len(each) for each in found.values())
    parts = [f"{LICENCE}# {facts['title']}\n\n{facts['text']}\n",
             f"`ROUNDS={rounds} sh bench/run.sh {question}`: medians of {rounds} rounds in random order; {spread(found)}. {machine()}. "
             "Machines are shared and differ: compare the ratios, not the times."]
    if any(re.fullmatch(r"\d+k?", name.split("/")[0]) for name in found):
        title, function, _ = facts["tables"][0]
        parts.append(f"\n![{title}]({question}.svg)")
        with open(os.path.join(folder, question + ".svg"), "w", encoding="utf-8") as file:
            file.write(plot(found, title, function))
    parts.append(ratios(found, facts["ratios"]))
    parts += [table(found, *each) for each in facts["tables"]]
    with open(os.path.join(folder, question + ".md"), "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


def index(folder):
    parts = [f"{LICENCE}# How fast it is\n",
             "`sh bench/run.sh [question…]` builds the programs, lets the contenders take turns, and writes these pages. Each has its "
             "machine, its versions and its ratios.\n"]
    for question, facts in QUESTIONS.items():
        if os.path.exists(os.path.join(folder, question + ".md")):
            parts.append(f"- [{facts['title']}](results/{question}.md)")
    return "\n".join(parts)


if __name__ == "__main__":
    if sys.argv[1] == "index":
        print(index(sys.argv[2]))
    else:
        write_report(*sys.argv[1:])
