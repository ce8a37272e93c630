# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""The loop of every Python adapter: a path per line comes in, an answer per line goes out."""
import json
import os
import sys


def run(read):
    """read(path) gives the tensors or raises. What is no Exception, a panic say, ends the process."""
    # What a package prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = {"accepted": True, "tensors": read(line.rstrip("\n"))}
        except MemoryError:
            raise
        except Exception:
            answer = {"accepted": False}
        print(json.dumps(answer), file=answers, flush=True)
