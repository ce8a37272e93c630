#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Turns the JSON of a bench program into a table for people: report.py QUESTION JSON > MARKDOWN

Every figure is a median over the rounds of one run, in which the contenders took turns in random
order; ratios are of medians of the same run.
"""
import json
import platform
import statistics
import sys

# For each question: its title, and what is compared with what (contender, peer, least ratio asked for).
QUESTIONS = {
    "write": {
        "title": "How fast is a model written?",
        "text": "A transformer of 265 tensors, 390 MB. `save` and `writer` write a new file, atomically; `same bytes` is one `write` of the "
                "finished file (durable: a preallocated loop of 8 MiB `pwrite`s and `fsync`); the "
                "`reference` is the Python package's `save_file` (durable: followed by `fsync`).",
        "ratios": [("plain/save", "plain/same bytes", 0.95), ("plain/writer", "plain/same bytes", 0.95),
                   ("plain/save", "plain/reference", 1.0), ("durable/save", "durable/same bytes", 0.9),
                   ("durable/writer", "durable/same bytes", 0.9),
                   ("durable/save", "durable/reference", 1.5)],
    },
}


def read(path):
    """name → (seconds of each round, CPU seconds of each round, bytes)"""
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    found = {}
    for entry in run["benchmarks"]:
        if entry["run_type"] == "iteration":
            name = entry["name"].split("/iterations:")[0]
            times, cpu, _ = found.setdefault(name, ([], [], entry["bytes"]))
            times.append(entry["real_time"] / 1e3)
            cpu.append(entry["cpu_seconds"])
    return run["context"], found


def main():
    question, path = sys.argv[1:]
    facts = QUESTIONS[question]
    context, found = read(path)
    rounds = len(next(iter(found.values()))[0])
    print("<!-- SPDX-FileCopyrightText: 2026 The safetensors C++ authors -->")
    print("<!-- SPDX-License-Identifier: MIT -->")
    print(f"# {facts['title']}\n\n{facts['text']}\n")
    print(f"`sh bench/run.sh {question}`, {rounds} rounds in random order, on {platform.system()} "
          f"{platform.release()}, {context['num_cpus']} CPUs. The machine is shared: compare the ratios, "
          "not the times.\n")
    print("| | seconds (median) | from … to | GB/s | CPU seconds |\n|---|---|---|---|---|")
    median = {}
    for name, (times, cpu, size) in sorted(found.items()):
        median[name] = statistics.median(times)
        print(f"| {name} | {median[name]:.3f} | {min(times):.3f} … {max(times):.3f} | "
              f"{size / median[name] / 1e9:.2f} | {statistics.median(cpu):.3f} |")
    print("\n| contender | against | times as fast | asked for |\n|---|---|---|---|")
    for contender, peer, least in facts["ratios"]:
        if contender in median and peer in median:
            print(f"| {contender} | {peer} | {median[peer] / median[contender]:.2f} | ≥ {least} |")


if __name__ == "__main__":
    main()
