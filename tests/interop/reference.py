#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Asks the reference implementation: the Python package safetensors, which wraps the Rust core.

    reference.py measure [--write] [--large]   gives it every conformance vector; compares its
                                               verdicts with reference-verdicts.json, or writes them
    reference.py write FOLDER                  files of every dtype that it writes, each with a JSON
                                               of what must be read
    reference.py mutate SEED COUNT FILE        FILE: mutated models, each after its length (u32);
                                               FILE.verdicts: a byte for each
    reference.py plans SEED COUNT FILE         FILE: a JSON object to a line: a random model, and the
                                               bytes that the reference makes of it
    reference.py check FOLDER                  reads NAME.safetensors, compares with NAME.json

A verdict's byte is 1 (accepts), 0 (rejects) or 2 (fails to answer: it ended or panicked). Needs
what requirements.txt lists. The same seed gives the same bytes as long as the vectors are the same.
"""
import argparse
import ctypes
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import safetensors

VECTORS = Path(__file__).resolve().parent.parent / "conformance"
VERDICTS = VECTORS / "reference-verdicts.json"
WORDS = ("invalid", "valid", "fails to answer")
TIME_LIMIT = 300  # seconds for a batch


# ---------------------------------------------------------------- judging

def verdict(model):
    """What the reference says of a file's bytes, in this process."""
    try:
        safetensors.deserialize(model)
        return 1
    except safetensors.SafetensorError:
        return 0
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of the Rust core is no Exception
        return 2


def judge_stream():
    """The child process: files from standard input, verdicts to standard output, one by one."""
    stream = sys.stdin.buffer
    while length := stream.read(4):
        os.write(1, bytes([verdict(stream.read(struct.unpack("<I", length)[0]))]))


def framed(models):
    return b"".join(struct.pack("<I", len(model)) + model for model in models)


def judge(models):
    """Verdicts of the reference, asked in a child process: where that ends, the answer is 2."""
    verdicts = bytearray()
    while len(verdicts) < len(models):
        try:
            answers = subprocess.run([sys.executable, __file__, "judge-stream"],
                                     input=framed(models[len(verdicts):]), stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, timeout=TIME_LIMIT,
                                     check=False).stdout
        except subprocess.TimeoutExpired as expired:
            answers = expired.stdout or b""
        verdicts += answers
        if len(verdicts) < len(models):
            verdicts.append(2)
    return bytes(verdicts)


# ---------------------------------------------------------------- the vectors

def read_manifest():
    return json.loads((VECTORS / "manifest.json").read_text())["vectors"]


def small_vectors():
    return [(facts, (VECTORS / facts["file"]).read_bytes())
            for facts in read_manifest() if "file" in facts]


def judge_recipe(name):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, VECTORS / "generate.py", "--write-large", folder, name],
                       check=True)
        return judge([(Path(folder) / f"{name}.safetensors").read_bytes()])[0]


def other_index(facts, model):
    """Whether the reference reads another index than the manifest tells."""
    found = {name: (tensor["dtype"], list(tensor["shape"]), len(tensor["data"]))
             for name, tensor in safetensors.deserialize(model)}
    wanted = {tensor["name"]: (tensor["dtype"], tensor["shape"],
                               tensor["data_offsets"][1] - tensor["data_offsets"][0])
              for tensor in facts["tensors"]}
    return found != wanted


def measure(write, large):
    vectors = small_vectors()
    answers = judge([model for _, model in vectors])
    found = {facts["name"]: WORDS[answer] for (facts, _), answer in zip(vectors, answers)}
    for (facts, model), answer in zip(vectors, answers):
        if answer == 1 and "tensors" in facts and other_index(facts, model):
            print(f"{facts['name']}: the reference reads another index")
            return 1
    committed = json.loads(VERDICTS.read_text())["verdicts"] if VERDICTS.exists() else {}
    for facts in read_manifest():
        name = facts["name"]
        if "recipe" in facts and large:
            found[name] = WORDS[judge_recipe(name)]
        elif "recipe" in facts and name in committed:
            found[name] = committed[name]
    if write:
        text = json.dumps({"reference": f"safetensors {safetensors.__version__}",
                           "verdicts": dict(sorted(found.items()))}, indent=1)
        VERDICTS.write_text(text + "\n")
        print(f"{len(found)} verdicts written; now run generate.py")
        return 0
    wrong = [name for name in sorted({*found, *committed}) if found.get(name) != committed.get(name)]
    for name in wrong:
        print(f"{name}: measured {found.get(name)}, committed {committed.get(name)}")
    print(f"{len(found)} verdicts, {len(wrong)} differ from the committed ones")
    return 1 if wrong else 0


# ---------------------------------------------------------------- files written by the reference

# numpy's or the reference's own word for a dtype, the format's, and bytes of an element.
NUMPY_DTYPES = [("bool", "BOOL", 1), ("uint8", "U8", 1), ("int8", "I8", 1), ("int16", "I16", 2),
                ("uint16", "U16", 2), ("float16", "F16", 2), ("int32", "I32", 4),
                ("uint32", "U32", 4), ("float32", "F32", 4), ("complex64", "C64", 8),
                ("float64", "F64", 8), ("int64", "I64", 8), ("uint64", "U64", 8)]
ML_DTYPES = [("bfloat16", "BF16", 2), ("float8_e5m2", "F8_E5M2", 1), ("float8_e4m3fn", "F8_E4M3", 1),
             ("float8_e8m0fnu", "F8_E8M0", 1), ("float8_e4m3fnuz", "F8_E4M3FNUZ", 1),
             ("float8_e5m2fnuz", "F8_E5M2FNUZ", 1)]
FOUR_BITS = ("float4_e2m1fn_x2", "F4", 1)  # two to a byte: the file's last dimension is doubled
# F6_E2M3 and F6_E3M2 exist in the format, but the package has no word for them.

SHAPES = {"scalar": (), "one": (1,), "vector": (7,), "matrix": (2, 3), "deep": (2, 1, 3, 1, 2),
          "empty": (0,), "empty-inside": (2, 0, 3)}
NAMES = ["schicht.größe", "层.权重", "emb\u0065\u0301d", "\U0001f917", "a b\tc\n", 'quote"back\\slash',
         "nul\0inside", "", "\x7f\uffff", "../up"]
METADATA = [None, {}, {"format": "np"}, {"b": "2", "a": "1", "": "", "größe": "\U0001f917\n\"\\\0"}]


def borrowed(tensors):
    """What the reference is to write, and the memory that this points into. tensors: name → (word,
    shape as given, bytes)."""
    blocks = {name: ctypes.create_string_buffer(data, max(1, len(data)))
              for name, (_, _, data) in tensors.items()}
    return blocks, {name: safetensors.TensorSpec(dtype=word, shape=list(shape), data_len=len(data),
                                                 data_ptr=ctypes.addressof(blocks[name]))
                    for name, (word, shape, data) in tensors.items()}


def shape_in_file(dtype, shape):
    return (*shape[:-1], shape[-1] * 2) if dtype == "F4" else shape


def serialized(tensors, metadata):
    blocks, specs = borrowed(tensors)
    return safetensors.serialize(specs, metadata=metadata)


def write_files(folder):
    import ml_dtypes
    import numpy
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    random_bytes = random.Random(1).randbytes
    written = []

    def note(name, tensors, metadata):
        """tensors: name → (dtype in the file, shape in the file, bytes)."""
        facts = {"metadata": metadata or {},
                 "tensors": [{"name": key, "dtype": dtype, "shape": list(shape), "data": data.hex()}
                             for key, (dtype, shape, data) in sorted(tensors.items())]}
        (folder / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
        written.append(name)

    def array(word, dtype_bytes, shape):
        count = 1
        for size in shape:
            count *= size
        data = random_bytes(count * dtype_bytes)
        if word == "bool":
            data = bytes(byte & 1 for byte in data)
        kind = numpy.dtype(getattr(ml_dtypes, word) if hasattr(ml_dtypes, word) else word)
        return numpy.frombuffer(data, kind).reshape(shape)

    def by_numpy(name, arrays, metadata):
        words = {word: dtype for word, dtype, _ in NUMPY_DTYPES + ML_DTYPES}
        save_file(arrays, folder / f"{name}.safetensors", metadata=metadata)
        note(name, {key: (words[value.dtype.name], value.shape, little(value).tobytes())
                    for key, value in arrays.items()}, metadata)

    def little(value):
        return value.astype(value.dtype.newbyteorder("<")) if value.dtype.byteorder == ">" else value

    def raw(name, tensors, metadata):
        """Through serialize_file, by the reference's own words. tensors: name → (word, dtype,
        shape as given, bytes)."""
        blocks, specs = borrowed({key: (word, shape, data)
                                  for key, (word, _, shape, data) in tensors.items()})
        safetensors.serialize_file(specs, folder / f"{name}.safetensors", metadata=metadata)
        note(name, {key: (dtype, shape_in_file(dtype, shape), data)
                    for key, (_, dtype, shape, data) in tensors.items()}, metadata)

    for word, dtype, size in NUMPY_DTYPES + ML_DTYPES:
        by_numpy("numpy-" + dtype.lower(), {kind: array(word, size, shape)
                                            for kind, shape in SHAPES.items()}, {"dtype": word})
        raw("raw-" + dtype.lower(),
            {kind: (word, dtype, shape, array(word, size, shape).tobytes())
             for kind, shape in SHAPES.items()}, None)
    word, dtype, size = FOUR_BITS
    fours = {kind: (word, dtype, shape, random_bytes(numpy.prod(shape, dtype=int)))
             for kind, shape in SHAPES.items() if shape}
    raw("raw-f4", fours, {"dtype": word})

    everything = [(f"{dtype}.{kind}", (word, dtype, shape, array(word, size, shape).tobytes()))
                  for word, dtype, size in NUMPY_DTYPES + ML_DTYPES
                  for kind, shape in SHAPES.items()]
    everything += [(f"F4.{kind}", value) for kind, value in fours.items()]
    for seed in range(3):
        random.Random(seed).shuffle(everything)
        raw(f"all-shuffled-{seed}", dict(everything), {"seed": str(seed)})
    for i, metadata in enumerate(METADATA):
        by_numpy(f"metadata-{i}", {"t": array("float32", 4, (2,))}, metadata)
    by_numpy("metadata-alone", {}, {"framework": "pt"})
    by_numpy("nothing", {}, None)
    by_numpy("names", {name: array("uint8", 1, (i,)) for i, name in enumerate(NAMES)}, None)
    by_numpy("only-empty", {f"e{i}": array("float64", 8, (0, i)) for i in range(20)}, None)
    shuffled = [(f"layer.{i}.weight", array("float16", 2, (i % 5,))) for i in range(500)]
    random.Random(4).shuffle(shuffled)
    by_numpy("many-shuffled", dict(shuffled), {"format": "np"})
    by_numpy("rank-32", {"t": array("int16", 2, (1,) * 31 + (2,))}, None)
    by_numpy("big-endian", {"t": array("int32", 4, (5,)).astype(">i4")}, None)
    print(f"{len(written)} files written")
    return 0


# ---------------------------------------------------------------- random models for both writers

PIECES = """layer . 0 1 10 9 weight W _ - / " \\ \\\\ \\" \\n \\u0000 { } [ ] , : __metadata__ é e\u0301 ß 层 \u05d0
    \u200d \u202e \ufeff \ufffd \ufffe \uffff \ud7ff \ue000 \U00010000 \U0001f917 \U000e0001 \U0010ffff""".split()
PIECES += [chr(code) for code in range(0x21)] + ["\x7f", "\x80", "\x9f", "\xa0", "\u2028", "\u2029"]


def random_character(rng):
    """Of any plane of Unicode."""
    code = rng.randrange(17) << 16 | rng.randrange(1 << 16)
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def random_text(rng):
    length = rng.choice([0, 1, 1, 2, 3, 5, 8, 100])
    return "".join(rng.choice(PIECES) if rng.random() < 0.7 else random_character(rng)
                   for _ in range(length))


def random_names(rng, count):
    """Different ones; many begin with all of another."""
    names = []
    while len(names) < count:
        name = random_text(rng)
        if names and rng.random() < 0.4:
            name = rng.choice(names) + rng.choice(["", "\0", " ", "1", "\ue000", "\U00010000"]) + name[:1]
        if name not in names and name != "__metadata__":
            names.append(name)
    return names


def random_tensor(rng, dtypes):
    """(word, dtype, shape as given, bytes)"""
    word, dtype, size = rng.choice(dtypes)
    rank = rng.randrange(1 if dtype == "F4" else 0, 7)
    shape = [rng.choice([0, 1, 1, 2, 2, 3, 4] if rank > 1 else [0, 1, 5, 17]) for _ in range(rank)]
    if shape and rng.random() < 0.004:  # more than a writer gathers
        shape[0] *= 30_000 // size
    for length in shape:
        size *= length
    return word, dtype, shape, rng.randbytes(size)


def plans(seed, count, path):
    rng = random.Random(seed)
    unreadable = 0
    with path.open("w") as file:
        for number in range(count):
            dtypes = [*NUMPY_DTYPES, *ML_DTYPES, FOUR_BITS]
            if rng.random() < 0.5:  # so that names decide the order
                dtypes = rng.sample(dtypes, 2)
            names = random_names(rng, rng.choice([0, 1, 2, 3, 5, 10, 20, 40]))
            metadata = rng.choice([None, {}, {random_text(rng): random_text(rng)}])
            if number < 2:  # what the reference writes, but no one can read
                names, metadata = ([], {}) if number == 0 else (["__metadata__"], None)
            tensors = {name: random_tensor(rng, dtypes) for name in names}
            given = {name: (word, shape, data) for name, (word, _, shape, data) in tensors.items()}
            readable = verdict(serialized(given, metadata)) == 1
            unreadable += not readable
            rng.shuffle(names)
            facts = {"metadata": metadata or {}, "readable": readable,
                     # An empty map is written as an entry that says nothing; ours is left out.
                     "file": serialized(given, metadata or None).hex(),
                     "tensors": [{"name": name, "dtype": dtype, "data": data.hex(),
                                  "shape": shape_in_file(dtype, shape)}
                                 for name in names for _, dtype, shape, data in [tensors[name]]]}
            file.write(json.dumps(facts) + "\n")
    print(f"{count} plans, {unreadable} that the reference cannot read when it has written them")
    return 0


# ---------------------------------------------------------------- files written by ours

def difference(facts, model, path):
    """In what the file is not what was to be written, as the reference reads it; or nothing."""
    found = [(name, tensor["dtype"], list(tensor["shape"]), bytes(tensor["data"]))
             for name, tensor in safetensors.deserialize(model)]
    wanted = [(tensor["name"], tensor["dtype"], tensor["shape"], bytes.fromhex(tensor["data"]))
              for tensor in facts["tensors"]]
    if sorted(found) != sorted(wanted):
        return "the reference reads other tensors"
    with safetensors.safe_open(path, "numpy") as opened:
        if (opened.metadata() or {}) != facts["metadata"]:
            return "the reference reads other metadata"
        if sorted(opened.keys()) != sorted(tensor["name"] for tensor in facts["tensors"]):
            return "the reference opens other tensors"
    words = {dtype: word for word, dtype, _ in [*NUMPY_DTYPES, *ML_DTYPES, FOUR_BITS]}
    if not facts["canonical"] or not words.keys() >= {dtype for _, dtype, _, _ in wanted}:
        return None
    given = {name: (words[dtype], [*shape[:-1], shape[-1] // 2] if dtype == "F4" else shape, data)
             for name, dtype, shape, data in wanted}
    if serialized(given, facts["metadata"] or None) != model:
        return "the reference writes other bytes"
    return None


def check(folder):
    paths = sorted(folder.glob("*.safetensors"))
    wrong = 0
    for path in paths:
        facts = json.loads(path.with_suffix(".json").read_text())
        try:
            found = difference(facts, path.read_bytes(), path)
        except safetensors.SafetensorError as error:
            found = f"the reference refuses it: {error}"
        if found:
            wrong += 1
            print(f"{path.name}: {found}")
    print(f"{len(paths)} files checked, {wrong} of them wrong")
    return 1 if wrong or not paths else 0


# ---------------------------------------------------------------- mutations

TOKENS = """{ } [ ] , : " \\ 0 1 2 3 4 7 8 9 - + . e E null true false NaN [] {} "" "x":1, "x":[[]],
    "dtype" "shape" "data_offsets" "__metadata__" "__metadata__":null, "__metadata__":{"a":"b"},
    "a":"b", "U8" "F4" "F6_E2M3" "BF16" "F64" "BOOL" "u8" "dtype":"U8", "shape":[1],
    "shape":[], "shape":[0], "data_offsets":[0,1], "data_offsets":[0,0], [0,0] [0,1] [1,1] [0]
    {"U8":null} ["U8",[1],[0,1]] \\u0000 \\ud800 \\ud83e\\udd17 \\n \\/ \\x \\u0074 04 -0 4.0 4e0 1e999
    1e-999 18446744073709551615 18446744073709551616 9223372036854775808 4294967296 2305843009213693952
    100000000 /**/""".split() + [" ", "\n", "\t", "\r", "\0", "\x0b", "\x7f", "\ufeff", "é", "\U0001f917"]
TOKENS = [token.encode() for token in TOKENS]
BAD_BYTES = [b"\x00", b"\x1f", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"]
BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "U8": 8, "F8_E8M0": 8, "BF16": 16, "F32": 32, "C64": 64,
        "U64": 64}


def random_model(rng):
    """A valid header and the number of its data bytes."""
    entries, begin = [], 0
    for i in range(rng.randrange(4)):
        dtype = rng.choice(list(BITS))
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        elements = 1
        for size in shape:
            elements *= size
        if elements * BITS[dtype] % 8:
            shape, elements = shape + [4], elements * 4
        end = begin + elements * BITS[dtype] // 8
        fields = [f'"dtype":"{dtype}"', f'"shape":{json.dumps(shape)}', f'"data_offsets":[{begin},{end}]']
        if rng.random() < 0.3:
            fields.append(rng.choice(['"x":1', '"x":[{"y":[]},null]', '"x":"s"', '"":-1.5e3']))
        if rng.random() < 0.3:
            rng.shuffle(fields)
        name = rng.choice(["t", "w", "ä", "", "\\u0000", "__metadata"]) + str(i)
        entries.append(f'"{name}":{{{",".join(fields)}}}')
        begin = end
    if rng.random() < 0.5:
        entries.append('"__metadata__":' + rng.choice(['null', '{}', '{"a":"b"}', '{"a":"b","c":"d"}']))
    if rng.random() < 0.4:
        rng.shuffle(entries)
    header = ("{" + ",".join(entries) + "}").encode()
    return header + b" " * rng.choice([0, -len(header) % 8]), begin


def cut(rng, header):
    """Two places in the header, near each other more often than not."""
    begin = rng.randrange(len(header) + 1)
    return begin, min(len(header), begin + rng.choice([1, 2, 5, 20, 60]))


def fragments(header):
    """Where whole strings, numbers, and flat objects and arrays stand: (begin, end) of each."""
    found, opened, at = [], [], 0
    while at < len(header):
        c, begin = header[at:at + 1], at
        at += 1
        if c == b'"':
            while at < len(header) and header[at:at + 1] != b'"':
                at += 2 if header[at:at + 1] == b"\\" else 1
            at = min(at + 1, len(header))
            found.append((begin, at))
        elif c.isdigit():
            while header[at:at + 1].isdigit():
                at += 1
            found.append((begin, at))
        elif c in (b"{", b"["):
            opened.append(begin)
        elif c in (b"}", b"]") and opened:
            found.append((opened.pop(), at))
    return found


def member(rng, header):
    """A random `"key":value`, if there is one: (begin, end)."""
    values = fragments(header)
    ends = dict(values)
    pairs = [(begin, ends[end + 1]) for begin, end in values
             if header[begin:begin + 1] == b'"' and header[end:end + 1] == b":" and end + 1 in ends]
    return rng.choice(pairs) if pairs else None


def mutate_header(rng, header, others):
    """One random change."""
    kind = rng.randrange(14)
    at = rng.randrange(len(header) + 1)
    if kind == 0 and at < len(header):  # flip a bit
        return header[:at] + bytes([header[at] ^ 1 << rng.randrange(8)]) + header[at + 1:]
    if kind == 1 and at < len(header):  # another byte
        return header[:at] + bytes([rng.randrange(128)]) + header[at + 1:]
    if kind == 2:  # insert a token
        return header[:at] + rng.choice(TOKENS) + header[at:]
    if kind == 3:  # remove a piece
        begin, end = cut(rng, header)
        return header[:begin] + header[end:]
    if kind == 4:  # repeat a piece
        begin, end = cut(rng, header)
        return header[:end] + header[begin:end] + header[end:]
    if kind == 5:  # a piece of another model
        begin, end = cut(rng, other := rng.choice(others))
        return header[:at] + other[begin:end] + header[at:]
    if kind == 6:  # white space where tokens meet
        places = [i for i, byte in enumerate(header) if byte in b"{}[],:"]
        at = rng.choice(places) + rng.randrange(2) if places else at
        return header[:at] + rng.choice([b" ", b"\n", b"\t", b"\r", b"  ", b"\x0c"]) + header[at:]
    if kind == 7:  # bytes that are no text
        return header[:at] + rng.choice(BAD_BYTES) + header[at:]
    pieces = fragments(header)
    if kind in (8, 9) and pieces:  # another value; or two values swapped
        begin, end = rng.choice(pieces)
        if kind == 8:
            return header[:begin] + rng.choice(TOKENS) + header[end:]
        second, last = rng.choice(pieces)
        if end <= second:
            return (header[:begin] + header[second:last] + header[end:second] + header[begin:end] +
                    header[last:])
    if kind == 10 and pieces:  # an escape instead of a character in a string
        texts = [(begin, end) for begin, end in pieces if header[begin:begin + 1] == b'"' and end - begin > 2]
        if texts:
            begin, end = rng.choice(texts)
            at = rng.randrange(begin + 1, end - 1)
            if header[at] < 128 and header[at:at + 1] != b"\\":
                return header[:at] + b"\\u%04x" % header[at] + header[at + 1:]
    if kind in (11, 12) and (pair := member(rng, header)):  # a member twice; or elsewhere
        begin, end = pair
        text = header[begin:end]
        if kind == 11:
            return header[:end] + b"," + text + header[end:]
        places = [i + 1 for i, byte in enumerate(header) if byte in b"{,"]
        at = rng.choice(places)
        return header[:at] + text + b"," + header[at:]
    if kind == 13:  # what the reference's deserialiser takes for an entry, or for a dtype
        old, new = rng.choice([(rb'\{"dtype":("\w*"),"shape":(\[[^]]*\]),"data_offsets":(\[[^]]*\])\}',
                                rb"[\1,\2,\3]"), (rb'"dtype":("\w*")', rb'"dtype":{\1:null}')])
        return re.sub(old, new, header, count=1)
    return header


def mutated(rng, others):
    header, data = random_model(rng)
    if rng.random() < 0.2:
        header, data = rng.choice(others), rng.choice([0, 1, 2, 4])
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        header = mutate_header(rng, header, others)
    length = len(header)
    if rng.random() < 0.05:  # the file's end, or the header's
        change = rng.choice([-8, -1, 1, 8])
        if rng.random() < 0.5:
            data = max(0, data + change)
        else:
            length = max(0, length + change)
    return struct.pack("<Q", length) + header + bytes(i % 256 for i in range(data))


def mutate(seed, count, path):
    rng = random.Random(seed)
    others = [model[8:8 + length] for facts, model in small_vectors()
              if 0 < (length := int.from_bytes(model[:8], "little")) < 400]
    models = [mutated(rng, others) for _ in range(count)]
    verdicts = judge(models)
    path.write_bytes(framed(models))
    path.with_name(path.name + ".verdicts").write_bytes(verdicts)
    print(f"{count} mutations: {verdicts.count(1)} accepted, {verdicts.count(0)} rejected, "
          f"{verdicts.count(2)} without an answer")
    return 0


def main():
    if sys.argv[1:] == ["judge-stream"]:
        return judge_stream()
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("measure")
    command.add_argument("--write", action="store_true", help="write the verdicts")
    command.add_argument("--large", action="store_true", help="the recipes too: minutes")
    command = commands.add_parser("write")
    command.add_argument("folder", type=Path)
    for name in ("mutate", "plans"):
        command = commands.add_parser(name)
        command.add_argument("seed", type=int)
        command.add_argument("count", type=int)
        command.add_argument("file", type=Path)
    command = commands.add_parser("check")
    command.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.command == "measure":
        return measure(options.write, options.large)
    if options.command == "write":
        return write_files(options.folder)
    if options.command == "plans":
        return plans(options.seed, options.count, options.file)
    if options.command == "check":
        return check(options.folder)
    return mutate(options.seed, options.count, options.file)


if __name__ == "__main__":
    sys.exit(main())
