# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""The reference package's part in bench-open: for each line, which is a path, opens that file eight
times and for 20 ms at least, and answers with the median seconds of the later half.
"""
import statistics
import sys
import time

from safetensors import safe_open


def seconds(path):
    start = time.perf_counter()
    file = safe_open(path, framework="numpy")
    took = time.perf_counter() - start
    del file  # off the clock
    return took


for line in sys.stdin:
    path = line.rstrip("\n")
    taken = []
    while len(taken) < 8 or sum(taken) < 0.02:
        taken.append(seconds(path))
    print(statistics.median(taken[len(taken) // 2:]), flush=True)
