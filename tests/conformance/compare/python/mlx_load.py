# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""mlx: mlx.core.load, which reads in C++, and eval of every array."""
import answers
import mlx.core as mx

NAMES = {mx.bool_: "BOOL", mx.uint8: "U8", mx.int8: "I8", mx.uint16: "U16", mx.int16: "I16",
         mx.float16: "F16", mx.bfloat16: "BF16", mx.uint32: "U32", mx.int32: "I32",
         mx.float32: "F32", mx.uint64: "U64", mx.int64: "I64", mx.float64: "F64",
         mx.complex64: "C64"}


def read(path):
    loaded = mx.load(path, format="safetensors")
    mx.eval(list(loaded.values()))
    return [{"name": name, "dtype": NAMES[array.dtype], "shape": list(array.shape),
             "bytes": bytes(memoryview(array.reshape(-1).view(mx.uint8))).hex() if array.size else ""}
            for name, array in loaded.items()]


# On a CPU it has float64, which the default device of other machines may lack.
mx.set_default_device(mx.cpu)
answers.run(read)
