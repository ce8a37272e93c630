# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Guards what opening costs, in instructions and in memory: no clock, so that no machine is too slow.

  python3 run.py OPEN_HEADER QUESTION     the program of open.cpp; the question: a function below
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from claims import check, failures

opener, question = sys.argv[1:]
folder = tempfile.mkdtemp()


def write(text, data_size=0):
    path = os.path.join(folder, "model")
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + data_size)
    return path


def entries(names, more=""):
    return [f'"{name}":{{{more}"dtype":"BF16","shape":[16,8],"data_offsets":[{256 * i},{256 * i + 256}]}}'
            for i, name in enumerate(names)]


def model(names, more="", shuffled=False):
    """A file with these tensors; `more`: what else stands in each entry."""
    names = list(names)
    listed = entries(names, more)
    if shuffled:
        random.Random(1).shuffle(listed)
    return write(("{" + ",".join(listed) + "}").encode(), 256 * len(names))


def layers(count):
    return (f"model.layers.{i:07}.self_attn.q_proj.weight" for i in range(count))


def header_size(path):
    with open(path, "rb") as file:
        return int.from_bytes(file.read(8), "little")


def instructions(path, opens=True):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           "--toggle-collect=open_header*", opener, path], capture_output=True, text=True)
    assert done.returncode == (0 if opens else 1), done
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def instructions_per_byte(path, opens=True):
    return instructions(path, opens) / header_size(path)


UNKNOWN = '"x":0,'  # a field that only the general lane reads


def usual_cost():
    """Of a valid header in the general lane, in instructions per byte."""
    cost = instructions_per_byte(model(layers(7000), more=UNKNOWN))
    check(cost <= 300, f"a valid header in the general lane: {cost:.0f} instructions per byte")
    return cost


def linear():
    """Instructions per tensor, whatever the number of tensors."""
    for what, options, counts, tolerance in (("canonical", {}, (1000, 10_000, 100_000, 1_000_000), 0.1),
                                             ("shuffled", {"shuffled": True}, (10_000, 100_000), 0.25),
                                             ("by the general lane", {"more": UNKNOWN}, (1000, 10_000), 0.1)):
        each = [instructions(model(layers(count), **options)) / count for count in counts]
        table = ", ".join(f"{count}: {cost:.0f}" for count, cost in zip(counts, each))
        check(max(each) <= (1 + tolerance) * min(each), f"{what}, instructions per tensor: {table}")


def names():
    """Names that are made to collide cost what others do."""
    count = 8192
    tails = random.Random(2).sample(range(10_000_000, 99_999_999), count)
    path = model(f"{tail}{tail}" for tail in tails)
    keys = {subprocess.run([opener, path], capture_output=True, text=True).stderr for _ in range(3)}
    check(len(keys) == 3, f"three processes have {len(keys)} different keys")
    usual = instructions(path)
    check(usual <= 1500 * count, f"{count} usual names: {usual / count:.0f} instructions each")
    # Where a known key hides the first eight bytes, all of these have the same product: zero.
    crafted = instructions(model(f"AAAAAAAA{tail}" for tail in tails))
    check(crafted <= 1.1 * usual, f"{count} crafted names: {crafted / usual:.2f} of usual ones")
    twice = write(("{" + ",".join(entries(["t"] * 1_000_000)) + "}").encode())
    cost, usual = instructions_per_byte(twice, opens=False), usual_cost()
    check(cost <= 3 * usual, f"a million times one name: {cost:.0f} instructions per byte, a valid header {usual:.0f}")


def floods():
    """A header full of one token costs at most three times what a valid one of its size does; of the shortest, four times."""
    size, usual = 1_000_000, usual_cost()
    inside = '{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":['
    for what, begin, token, end, opens in (("newlines", "{", "\n", "}", True),
                                           ("newlines, then an error", "{", "\n", "x", False),
                                           ("spaces, then an error", "{", " ", "x", False),
                                           ("digits", inside, "1", "]}}", False),
                                           ("opening brackets", inside, "[", "", False),
                                           ("brackets", inside + "0", ",[]", "]}}", True),
                                           ("true", inside, "true,", "1]}}", True),
                                           ("true, then an error", inside, "true,", "]}}", False),
                                           ("1", inside, "1,", "1]}}", True),
                                           ("1e-9", inside, "1e-9,", "1]}}", True),
                                           ("one string", inside + '"', "s", '"]}}', True),
                                           ("one string without an end", inside + '"', "s", "", False),
                                           ("dimensions", '{"t":{"dtype":"U8","data_offsets":[0,0],"shape":[0', ",1", "]}}", True),
                                           ("one name", '{"', "s", '":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
                                            True)):
        path = write((begin + token * (size // len(token)) + end).encode())
        cost = instructions_per_byte(path, opens)
        most = 4 if token == "1," else 3  # a token for every other byte
        check(cost <= most * usual, f"{what}: {cost:.0f} instructions per byte, a valid header {usual:.0f}")


def memory():
    """Of the whole program."""
    for count, limit, tensors in ((100_000, 24_000_000, layers(100_000)),
                                  (1_300_000, 300_000_000, (f"layers.{i:07}.mlp.weight" for i in range(1_300_000)))):
        path = model(tensors)
        done = subprocess.run([opener, path], capture_output=True, text=True)
        assert done.returncode == 0, done
        peak = 1024 * int(done.stdout.split()[0])
        check(peak <= limit, f"{count} tensors, a header of {header_size(path) / 1e6:.1f} MB: at most {peak / 1e6:.1f} MB resident")


if question != "memory" and shutil.which("valgrind") is None:
    print("skipped: valgrind is not there")
    sys.exit(1 if os.environ.get("CI") else 77)
try:
    {"linear": linear, "names": names, "floods": floods, "memory": memory}[question]()
finally:
    shutil.rmtree(folder)
sys.exit(1 if failures else 0)
