# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""The reference: safetensors.deserialize, the Rust core."""
import pathlib

import answers
import safetensors


def read(path):
    return [{"name": name, "dtype": tensor["dtype"], "shape": list(tensor["shape"]),
             "bytes": bytes(tensor["data"]).hex()}
            for name, tensor in safetensors.deserialize(pathlib.Path(path).read_bytes())]


answers.run(read)
