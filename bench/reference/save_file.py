# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""The reference package's part in bench-write: save_file.py MODEL

Reads the model, then for each line "plain PATH" or "durable PATH" saves it there (and syncs it), and
answers with the seconds and the CPU seconds that this took.
"""
import os
import sys
import time

import ml_dtypes  # noqa: F401  numpy learns bfloat16 from it
import safetensors.numpy

tensors = safetensors.numpy.load_file(sys.argv[1])
for line in sys.stdin:
    kind, path = line.rstrip("\n").split(" ", 1)
    real, cpu = time.monotonic(), time.process_time()
    safetensors.numpy.save_file(tensors, path)
    if kind == "durable":
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.close(file)
    print(time.monotonic() - real, time.process_time() - cpu, flush=True)
