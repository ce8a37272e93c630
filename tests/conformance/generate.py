#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: CC0-1.0
"""Writes the conformance vectors: vectors/*.safetensors, manifest.json and RULES.md.

    python3 generate.py                     write everything, next to this file
    python3 generate.py --check             exit 1 if a committed file differs, and name it
    python3 generate.py --write-large DIR [NAME ...]
                                            write the vectors that are recipes (100 MB each)

Python 3.9 or newer, standard library only. See README.md for what the fields mean.
"""
import argparse
import base64
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# In the texts below, MARK stands before the byte at which the fault is. It never reaches a file.
MARK = "¶"

MOST = 2**64 - 1
LIMIT = 100_000_000

# Every rule has an identifier and a sentence; every vector tests one.
RULES = {
    "layout 1": "A file has at least 8 bytes: N, the header's length, as a little-endian u64.",
    "layout 2": "N is at most 100,000,000, or what the caller allows; checked before anything else.",
    "layout 3": "The file holds all N bytes of the header.",
    "layout 4": "Data follows the header at once; data_offsets count from there.",
    "layout 5": "No alignment is demanded of N or of data_offsets.",
    "layout 6": "Values are never checked.",
    "utf8 1": "The header is strict UTF-8: nothing overlong, no surrogates, nothing above U+10FFFF, "
              "nothing cut.",
    "utf8 2": "Every character of Unicode may stand in a string; nothing is normalised.",
    "json 1": "White space is 0x20, 0x09, 0x0A and 0x0D: around the object and between tokens.",
    "json 2": "The header is one JSON object; the first byte that is not white space is '{'.",
    "json 3": "Nothing but white space follows the object.",
    "json 4": "The text is RFC 8259 JSON: no comments, trailing commas, NaN or other extensions.",
    "json 5": "A number is written as RFC 8259 says and fits in a double, even where it is ignored.",
    "json 6": "Strings are in double quotes and hold no raw byte below 0x20.",
    "json 7": "Escapes are those of RFC 8259; surrogate escapes come in pairs.",
    "json 8": "Escapes are decoded before anything is compared.",
    "json 9": "At most 127 objects and arrays nest, the header being the first.",
    "name 1": "Any string is a tensor's name, except __metadata__; it may be empty or hold U+0000.",
    "entry 1": "A tensor's entry is a JSON object.",
    "entry 2": "It has dtype, shape and data_offsets, in any order.",
    "entry 3": "Other fields may hold any JSON, and are ignored.",
    "dtype 1": "dtype is a string, spelled exactly as one of the 22.",
    "shape 1": "shape is an array of integers from 0 to 2^64-1, written as plain digits.",
    "shape 2": "[] is a scalar: one element. The number of dimensions is not limited.",
    "offsets 1": "data_offsets is an array of two integers from 0 to 2^64-1, written as plain digits.",
    "metadata 1": "__metadata__ is absent, null, or an object; it may stand anywhere.",
    "metadata 2": "Its values are strings.",
    "duplicate 1": "A tensor's name occurs once.",
    "duplicate 2": "A metadata key occurs once.",
    "duplicate 3": "dtype, shape and data_offsets occur once in an entry, __metadata__ in the header.",
    "duplicate 4": "A field that is ignored may occur more than once.",
    "tiling 1": "Sorted by (begin, end), each tensor begins where the one before ends, the first at "
                "0; none ends before it begins.",
    "tiling 2": "The header's own order is free.",
    "tiling 3": "Tensors of zero bytes may share an offset.",
    "size 1": "The product of the shape, from left to right, and times the bits of an element, fits "
              "in 64 bits.",
    "size 2": "A tensor's bits fill whole bytes.",
    "size 3": "end - begin is the number of bytes that dtype and shape need.",
    "end 1": "No byte follows the last tensor, unless the caller allows it.",
    "end 2": "The file holds all bytes of all tensors.",
    "cost 1": "Time and memory are linear in the header, whatever it holds.",
}

# Spelling and bits of an element.
DTYPES = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
    "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}

VERDICTS = """valid header_too_small header_too_large header_truncated invalid_utf8 invalid_json
    too_deep header_not_object duplicate_tensor duplicate_metadata_key duplicate_field
    invalid_metadata invalid_entry missing_field unknown_dtype invalid_shape invalid_offsets
    size_overflow partial_byte size_mismatch trailing_bytes missing_bytes""".split()

cases = []  # (facts for the manifest, the file's bytes or None)


# ---------------------------------------------------------------- making vectors

def encoded(text):
    return text if isinstance(text, bytes) else text.encode()


def unmarked(text):
    """The text without its mark, and where the mark was (None: nowhere)."""
    text, mark = encoded(text), MARK.encode()
    at = text.find(mark)
    return (text, None) if at < 0 else (text[:at] + text[at + len(mark):], at)


def prefix(length):
    return length.to_bytes(8, "little")


def counting(size):
    return bytes(i % 256 for i in range(size))


def index(header):
    """What a reader must find in a valid header: tensors in data order, and metadata."""
    entries = json.loads(header.decode())
    metadata = entries.pop("__metadata__", None) or {}
    tensors = [{"name": name, "dtype": entry["dtype"], "shape": entry["shape"],
                "data_offsets": entry["data_offsets"]} for name, entry in entries.items()]
    tensors.sort(key=lambda tensor: tensor["data_offsets"])
    return {"tensors": tensors, "metadata": metadata}


def add(name, verdict, rule, why, header="", data=0, *, tensor=None, offset=None, options=None,
        length=None, file=None):
    """A small vector.

    data: the data section, or how many bytes of it. tensor: the name of the one at fault. offset:
    the byte at fault, if no mark in the header shows it. length: a prefix that is not the header's
    length. file: all the bytes, instead of header and data.
    """
    header, mark = unmarked(header)
    data = data if isinstance(data, bytes) else counting(data)
    if file is None:
        file = prefix(len(header) if length is None else length) + header + data
    facts = {"name": name, "file": f"vectors/{name}.safetensors", "verdict": verdict}
    if tensor is not None:
        facts["tensor"] = tensor
    if mark is not None:
        facts["offset"] = 8 + mark
    elif offset is not None:
        facts["offset"] = len(file) if offset == "end of file" else offset
    if options is not None:
        facts["options"] = options
    facts.update(rule=rule, why=why)
    if verdict == "valid":
        facts.update(index(header))
    cases.append((facts, file))


def add_recipe(name, verdict, rule, why, *parts, length=None, tensor=None, tensor_count=None,
               options=None):
    """A vector too large to be committed. A part is a text, (text, count) or a list as it is."""
    written, at, offset = [], 8, None
    for part in parts:
        if isinstance(part, str):
            text, mark = unmarked(part)
            offset = at + mark if mark is not None else offset
            part = ["text", text.decode()]
        elif isinstance(part, tuple):
            part = ["repeat", *part]
        written.append(part)
        at += part_size(part)
    facts = {"name": name, "recipe": {"prefix_length": length, "parts": written},
             "verdict": verdict}
    if tensor is not None:
        facts["tensor"] = tensor
    if offset is not None:
        facts["offset"] = offset
    if options is not None:
        facts["options"] = options
    facts.update(rule=rule, why=why)
    if verdict == "valid":
        facts["tensor_count"] = tensor_count
    cases.append((facts, None))


def part_chunks(part):
    """The bytes of a part of a recipe, in pieces of at most a megabyte or so."""
    kind, rest = part[0], part[1:]
    if kind == "text":
        yield rest[0].encode()
    elif kind == "base64":
        yield base64.b64decode(rest[0])
    elif kind == "repeat":
        text, count = rest[0].encode(), rest[1]
        step = max(1, 2**20 // len(text))
        for done in range(0, count, step):
            yield text * min(step, count - done)
    elif kind == "number_sequence":  # before, first number, last number, after
        before, first, last, after = rest
        for begin in range(first, last + 1, 10_000):
            numbers = range(begin, min(begin + 10_000, last + 1))
            yield "".join(f"{before}{number}{after}" for number in numbers).encode()
    else:
        raise ValueError(f"unknown part {kind}")


def part_size(part):
    if part[0] == "repeat":
        return len(part[1].encode()) * part[2]
    return sum(len(chunk) for chunk in part_chunks(part))


def recipe_chunks(recipe):
    """All bytes of a recipe's file."""
    length = recipe["prefix_length"]
    yield prefix(sum(map(part_size, recipe["parts"])) if length is None else length)
    for part in recipe["parts"]:
        yield from part_chunks(part)


# ---------------------------------------------------------------- texts

def entry(dtype='"U8"', shape="[1]", offsets="[0,1]", name="t"):
    return f'"{name}":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


def u8(name, begin, end):
    """A U8 vector at these offsets."""
    return entry("\"U8\"", f"[{abs(end - begin)}]", f"[{begin},{end}]", name)


def model(*entries):
    return "{" + ",".join(entries) + "}"


def with_unknown(value):
    """A header whose only tensor has an unknown field: one byte of data."""
    return '{"t":{"x":' + value + ',"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'


def with_metadata(text):
    return '{"__metadata__":' + text + "}"


def nested(depth, inner=""):
    return "[" * depth + inner + "]" * depth


# ---------------------------------------------------------------- the vectors

def layout():
    for size in range(8):
        name = f"layout-{size}-bytes"
        add(name, "header_too_small", "layout 1", f"{size} bytes are not enough for the length.",
            file=prefix(2)[:size], offset=0)
    add("layout-little-endian", "valid", "layout 1", "N is 256: the second byte counts 256s.",
        model(entry()).ljust(256), 1)
    add("layout-big-endian", "header_too_large", "layout 1",
        "The length is big-endian, and so far too large.",
        file=(8).to_bytes(8, "big") + b"{}      ", offset=0)
    add("layout-32-bit-length", "header_too_large", "layout 1",
        "The length has 4 bytes; with the next 4 it is far too large.",
        file=(8).to_bytes(4, "little") + b"{}      ", offset=0)

    for name, length in {"100000001": LIMIT + 1, "2-to-31": 2**31, "2-to-32": 2**32,
                         "2-to-63": 2**63, "wraps-to-0": 2**64 - 8, "wraps-to-10": 2**64 + 2 - 8,
                         "max": MOST}.items():
        add(f"layout-length-{name}", "header_too_large", "layout 2",
            f"N is {length}; the limit is checked before the file's size.",
            "{}", length=length, offset=0)
    add("layout-own-limit", "header_too_large", "layout 2", "The caller allows 7 bytes; N is 8.",
        "{}      ", options={"max_header_bytes": 7}, offset=0)
    add("layout-own-limit-reached", "valid", "layout 2", "The caller allows 8 bytes; N is 8.",
        "{}      ", options={"max_header_bytes": 8})
    add("layout-own-limit-0", "header_too_large", "layout 2", "The caller allows no header at all.",
        "{}", options={"max_header_bytes": 0}, offset=0)

    add("layout-length-100000000", "header_truncated", "layout 3",
        "N is exactly the limit, but the file ends.", "{}", length=LIMIT, offset="end of file")
    add("layout-header-cut", "header_truncated", "layout 3", "The header's last byte is missing.",
        "{}     ", length=8, offset="end of file")
    add("layout-header-absent", "header_truncated", "layout 3", "The file ends after the length.",
        "", length=8, offset="end of file")
    add("layout-length-counts-itself", "header_truncated", "layout 3",
        "N counts its own 8 bytes as well.", "{}      ", length=16, offset="end of file")

    add("layout-offsets-from-file-start", "invalid_offsets", "layout 4",
        "data_offsets count from the file's first byte.",
        model(entry(name=MARK + "t", offsets="[64,65]")).ljust(56 + len(MARK)), 1, tensor="t")
    add("layout-length-short-by-1", "invalid_json", "layout 4",
        "N leaves the header's last brace to the data.",
        model(entry())[:-1] + MARK, b"}\0")
    add("layout-two-tensors", "valid", "layout 4", "Two tensors, one after the other.",
        model(u8("a", 0, 3), u8("b", 3, 8)), 8)
    add("layout-empty-model", "valid", "layout 4", "No tensors, padded to 8 bytes.", "{}      ")

    add("layout-unpadded", "valid", "layout 5", "The header's length is odd.", "{}")
    add("layout-unpadded-tensor", "valid", "layout 5", "F32 data begins at an odd byte of the file.",
        model(entry('"F32"', "[2]", "[0,8]")), 8)
    add("layout-unaligned-offset", "valid", "layout 5", "An F32 tensor begins at data byte 1.",
        model(u8("a", 0, 1), entry('"F32"', "[1]", "[1,5]", "b")), 5)
    add("layout-unaligned-f64", "valid", "layout 5", "F64 after three bytes, U16 after F64.",
        model(u8("a", 0, 3), entry('"F64"', "[1]", "[3,11]", "b"),
              entry('"U16"', "[1]", "[11,13]", "c")), 13)
    for size in 64, 4096:
        add(f"layout-data-at-{size}", "valid", "layout 5",
            f"The header is padded so that data begins at byte {size} of the file.",
            model(entry()).ljust(size - 8), 1)

    add("layout-nan-and-infinity", "valid", "layout 6", "F32 data of NaN, infinity and -infinity.",
        model(entry('"F32"', "[3]", "[0,12]")), bytes.fromhex("0000c07f 0000807f 000080ff"))
    add("layout-bool-2", "valid", "layout 6", "BOOL data of 0, 1, 2 and 255.",
        model(entry('"BOOL"', "[4]", "[0,4]")), bytes([0, 1, 2, 255]))


def utf8():
    invalid = {
        "continuation-80": ("80", "A continuation byte alone."),
        "continuation-bf": ("bf", "A continuation byte alone."),
        "latin-1": ("e9", "Latin-1 instead of UTF-8."),
        "overlong-nul": ("c080", "U+0000 in two bytes."),
        "overlong-slash": ("c0af", "'/' in two bytes."),
        "overlong-2": ("c1bf", "U+007F in two bytes."),
        "overlong-3": ("e080af", "'/' in three bytes."),
        "overlong-3-last": ("e09fbf", "U+07FF in three bytes."),
        "overlong-4": ("f08080af", "'/' in four bytes."),
        "overlong-4-last": ("f08fbfbf", "U+FFFF in four bytes."),
        "surrogate-first": ("eda080", "U+D800, the first surrogate."),
        "surrogate-last": ("edbfbf", "U+DFFF, the last surrogate."),
        "surrogate-pair": ("eda0bdedb880", "A surrogate pair, each in three bytes (CESU-8)."),
        "above-10ffff": ("f4908080", "U+110000, one above the last character."),
        "lead-f5": ("f5808080", "No character begins with F5."),
        "lead-f8": ("f888808080", "A sequence of five bytes."),
        "lead-fc": ("fc8480808080", "A sequence of six bytes."),
        "byte-fe": ("fe", "FE occurs in no UTF-8 text."),
        "byte-ff": ("ff", "FF occurs in no UTF-8 text."),
        "cut-2": ("c3", "A sequence of two bytes, cut by the quote."),
        "cut-3": ("e282", "A sequence of three bytes, cut by the quote."),
        "cut-4": ("f09fa4", "A sequence of four bytes, cut by the quote."),
        "cut-3-after-1": ("e2", "A sequence of three bytes, cut after its first."),
        "wrong-second": ("e228a1", "The second of three bytes is no continuation byte."),
        "wrong-third": ("e28228", "The third of three bytes is no continuation byte."),
        "wrong-fourth": ("f09fa428", "The fourth of four bytes is no continuation byte."),
        "after-valid": ("c3a9c3a9ff", "Two valid characters, then FF."),
    }
    at = MARK.encode()
    for name, (digits, why) in invalid.items():
        bad = bytes.fromhex(digits)
        bad = bad[:4] + at + bad[4:] if name == "after-valid" else at + bad
        add("utf8-" + name, "invalid_utf8", "utf8 1", why, b'{"__metadata__":{"k":"' + bad + b'"}}')
    whole = encoded(model(entry()))
    places = {
        "in-name": (whole.replace(b'"t"', b'"t' + at + b'\xff"'), "FF in a tensor's name."),
        "in-metadata-key": (b'{"__metadata__":{"' + at + b'\xff":"v"}}', "FF in a metadata key."),
        "in-unknown-field": (encoded(with_unknown('"?"')).replace(b"?", at + b"\xff"),
                             "FF in a value that is ignored."),
        "in-unknown-key": (encoded(with_unknown("1")).replace(b'"x"', b'"' + at + b'\xff"'),
                           "FF in a key that is ignored."),
        "in-padding": (whole + b"  " + at + b"\xff ", "FF in the padding."),
        "between-tokens": (whole[:1] + at + b"\xff" + whole[1:], "FF between two tokens."),
        "cut-by-header-end": (whole + at + b"\xc3",
                              "The header ends within a sequence that the data would complete."),
        "far-in": (b'{"__metadata__":{"k":"' + b"0123456789" * 20 + at + b'\xe0\x80\x80"}}',
                   "An overlong sequence after 200 bytes of ASCII."),
    }
    for name, (header, why) in places.items():
        add("utf8-" + name, "invalid_utf8", "utf8 1", why, header,
            b"\xa9" if b'"t' in header else 0)

    for name, character in {"7f": 0x7F, "80": 0x80, "7ff": 0x7FF, "800": 0x800, "d7ff": 0xD7FF,
                            "e000": 0xE000, "feff": 0xFEFF, "fffd": 0xFFFD, "fffe": 0xFFFE,
                            "ffff": 0xFFFF, "10000": 0x10000, "1f917": 0x1F917,
                            "10ffff": 0x10FFFF}.items():
        add(f"utf8-character-{name}", "valid", "utf8 2", f"U+{name.upper():0>4} in a name, raw.",
            model(entry(name=f"a{chr(character)}b")), 1)
    add("utf8-not-normalised", "valid", "utf8 2",
        "One letter composed and decomposed: two names that look the same.",
        model(u8("\u00e9", 0, 1), u8("e\u0301", 1, 2)), 2)
    add("utf8-metadata", "valid", "utf8 2", "Metadata in several scripts.",
        with_metadata('{"clé":"värde","ключ":"\u503c","\U0001f511":"\U0001f917"}'))
    add("utf8-unicode-spaces", "valid", "utf8 2", "Names of invisible characters differ.",
        model(u8("\u200b", 0, 1), u8("\u00a0", 1, 2), u8(" ", 2, 3)), 3)


def json_text():
    for name, text, why in [
            ("spaces-before", "   {}", "Spaces before the object."),
            ("newline-before", "\n{}", "A line feed before the object."),
            ("all-before", " \t\r\n{}", "All four kinds before the object."),
            ("all-after", "{} \t\r\n", "All four kinds after the object."),
            ("all-inside", "{ \t\r\n}", "All four kinds within the empty object.")]:
        add("json-white-" + name, "valid", "json 1", why, text)
    add("json-white-everywhere", "valid", "json 1", "White space between all tokens.",
        ' { "t" : { "dtype" : "U8" ,\n"shape" : [ 1 ,\t1 ] , "data_offsets"\r\n: [ 0 , 1 ] } , '
        '"__metadata__" : { "a" : "b" } } ', 1)
    for name, blank, why in [
            ("vertical-tab", "\v", "A vertical tab."), ("form-feed", "\f", "A form feed."),
            ("no-break-space", "\xa0", "A no-break space."), ("nel", "\x85", "U+0085, next line."),
            ("line-separator", "\u2028", "U+2028, line separator."),
            ("bom", "\ufeff", "A byte order mark."), ("nul", "\0", "A NUL byte."),
            ("backspace", "\b", "A backspace.")]:
        add(f"json-not-white-{name}", "invalid_json", "json 1", why + " It stands within the object.",
            "{" + MARK + blank + "}")
        add(f"json-not-white-{name}-after", "invalid_json", "json 3",
            why + " It stands after the object.", "{}" + MARK + blank)

    for name, text in {"array": "[]", "null": "null", "number": "1", "string": '"a"',
                       "true": "true", "word": "x", "closing-brace": "}", "entry-array":
                       '[{"dtype":"U8"}]', "bom": "\ufeff{}", "nul": "\0{}",
                       "comment": "/* */{}", "form-feed": "\f{}", "comma": ",{}"}.items():
        add("json-root-" + name, "header_not_object", "json 2", "The header begins with no brace.",
            MARK + text)
    add("json-root-array-after-spaces", "header_not_object", "json 2",
        "Spaces, then an array.", "  " + MARK + "[]")
    for name, text in {"no-bytes": "", "one-space": " ", "eight-spaces": " " * 8,
                       "all-kinds": " \t\r\n"}.items():
        add("json-empty-" + name, "invalid_json", "json 2", "The header holds no JSON at all.",
            text + MARK)
    add("json-nothing", "invalid_json", "json 2", "A file of 8 zero bytes: N is 0.",
        file=bytes(8), offset=8)

    for name, text in {"word": "x", "object": "{}", "comma": ",", "brace": "}", "bracket": "]",
                       "comment": "// end", "string": '""', "number": "0", "space-object": "{}",
                       "control-1f": "\x1f"}.items():
        space = " " if name.startswith("space") else ""
        add("json-after-" + name, "invalid_json", "json 3", "More than white space after the object.",
            "{}" + space + MARK + text)
    add("json-after-nul-padding", "invalid_json", "json 3", "The header is padded with NUL bytes.",
        "{}" + MARK + "\0" * 6)
    add("json-after-spaces-and-nul", "invalid_json", "json 3", "Spaces, then one NUL byte.",
        "{}     " + MARK + "\0")
    add("json-after-nul-object", "invalid_json", "json 3",
        "A second model behind a NUL byte, for readers that stop there.",
        model(entry()) + MARK + "\0" + model(entry(name="u")), 1)

    tail = ',"data_offsets":[0,1]}}'
    for name, text, data, why in [
            ("open", "{" + MARK, 0, "The object never ends."),
            ("open-string", '{"t' + MARK, 0, "A name never ends."),
            ("open-entry", model(entry())[:-2] + MARK, 1, "An entry never ends."),
            ("open-escape", '{"t\\' + MARK, 0, "The header ends after a backslash."),
            ("name-only", '{"t"' + MARK + "}", 0, "A name without a value."),
            ("no-value", '{"t":' + MARK + "}", 0, "A colon without a value."),
            ("no-colon", '{"__metadata__"' + MARK + "{}}", 0, "A name and a value without a colon."),
            ("two-colons", '{"__metadata__":' + MARK + ":{}}", 0, "Two colons."),
            ("comma-only", "{" + MARK + ",}", 0, "An object of one comma."),
            ("comma-first", "{" + MARK + "," + entry() + "}", 1, "A comma before the first name."),
            ("comma-last", "{" + entry() + "," + MARK + "}", 1, "A comma after the last entry."),
            ("comma-last-in-entry", model(entry())[:-2] + "," + MARK + "}}", 1,
             "A comma after an entry's last field."),
            ("comma-last-in-metadata", with_metadata('{"a":"b",' + MARK + "}"), 0,
             "A comma after the last metadata value."),
            ("comma-last-in-shape", '{"t":{"dtype":"U8","shape":[1,' + MARK + "]" + tail, 1,
             "A comma after the last dimension."),
            ("comma-first-in-shape", '{"t":{"dtype":"U8","shape":[' + MARK + ",1]" + tail, 1,
             "A comma before the first dimension."),
            ("two-commas", "{" + u8("a", 0, 1) + "," + MARK + "," + u8("b", 1, 2) + "}", 2,
             "Two commas between entries."),
            ("no-comma", "{" + u8("a", 0, 1) + MARK + u8("b", 1, 2) + "}", 2,
             "No comma between entries."),
            ("no-comma-in-shape", '{"t":{"dtype":"U8","shape":[1 ' + MARK + "1]" + tail, 1,
             "No comma between dimensions."),
            ("semicolon", "{" + u8("a", 0, 1) + MARK + ";" + u8("b", 1, 2) + "}", 2,
             "A semicolon between entries."),
            ("equals", '{"__metadata__"' + MARK + "={}}", 0, "An equals sign instead of a colon."),
            ("wrong-bracket", '{"t":{"dtype":"U8","shape":[1' + MARK + "}" + tail, 1,
             "A bracket closed by a brace."),
            ("wrong-brace", "{" + MARK + "]", 0, "A brace closed by a bracket."),
            ("single-quotes", "{" + MARK + "'t':1}", 0, "A name in single quotes."),
            ("bare-name", "{" + MARK + "t:1}", 0, "A name without quotes."),
            ("number-name", "{" + MARK + "1:1}", 0, "A number as a name."),
            ("null-name", "{" + MARK + "null:1}", 0, "null as a name."),
            ("comment-block", "{" + MARK + "/**/}", 0, "A comment."),
            ("comment-line", "{" + MARK + "//\n}", 0, "A comment."),
            ("comment-hash", "{" + MARK + "#\n}", 0, "A comment.")]:
        add("json-" + name, "invalid_json", "json 4", why, text, data)

    for name, text in {"nan": MARK + "NaN", "nan-lower": "n" + MARK + "an",
                       "infinity": MARK + "Infinity", "minus-infinity": "-" + MARK + "Infinity",
                       "true-upper": MARK + "True", "true-mixed": "tru" + MARK + "E",
                       "null-cut": "nul" + MARK, "none": MARK + "None",
                       "undefined": MARK + "undefined", "absent": MARK,
                       "single-quotes": MARK + "'a'", "colon-in-array": '["a"' + MARK + ':1]',
                       "crossed": "[" + MARK + "}", "comma-last-in-array": "[1," + MARK + "]",
                       "comma-last-in-object": '{"a":1,' + MARK + "}",
                       "comma-first-in-array": "[" + MARK + ",1]",
                       "no-comma-in-array": "[1 " + MARK + "2]", "no-value": '{"a"' + MARK + "}",
                       "number-name": "{" + MARK + "1:2}"}.items():
        add("json-unknown-" + name, "invalid_json", "json 4",
            "Not JSON, in a field that is ignored.", with_unknown(text), 1)

    for name, text in {"plus": MARK + "+4", "minus": "-" + MARK, "point-last": "1." + MARK,
                       "point-first": MARK + ".5", "exponent-last": "1e" + MARK,
                       "exponent-plus": "1e+" + MARK, "two-points": "1.2" + MARK + ".3",
                       "minus-minus": "-" + MARK + "-4"}.items():
        add("json-number-" + name, "invalid_json", "json 5",
            "Not a JSON number, in a field that is ignored.", with_unknown(text), 1)
    for name, text in {"leading-zero": "04", "minus-zero-four": "-04", "hexadecimal": "0x10",
                       "octal": "0o7", "underscore": "1_000", "suffix": "1f", "1e999": "1e999",
                       "minus-1e999": "-1e999", "1e309": "1e309",
                       "400-digits": "9" * 400}.items():
        add("json-number-" + name, "invalid_json", "json 5",
            "Above the largest double, in a field that is ignored." if text[-3:] in
            ("999", "309") else "Not a JSON number, in a field that is ignored.",
            with_unknown(text), 1)
    add("json-number-1e999-metadata", "invalid_json", "json 5",
        "Above the largest double, deep in a field that is ignored.",
        with_unknown('{"a":[{"b":1e999}]}'), 1)
    for name, text in {"zero": "0", "minus-zero": "-0", "negative": "-4", "point": "1.50",
                       "exponent": "1E+2", "2-to-64": "18446744073709551616",
                       "below-minus-2-to-63": "-9223372036854775809", "1e-999": "1e-999",
                       "largest-double": "1.7976931348623157e308", "300-digits": "9" * 300,
                       "4000-characters": "0." + "3" * 3998}.items():
        add("json-number-" + name, "valid", "json 5", "A JSON number, in a field that is ignored.",
            with_unknown(text), 1)
    add("json-number-5000-characters", "valid", "json 5",
        "A long JSON number, in a field that is ignored.", with_unknown("0." + "3" * 4998), 1)

    for code in 0, 1, 8, 9, 10, 13, 27, 31:
        add(f"json-raw-{code:02x}-in-name", "invalid_json", "json 6",
            f"A raw byte {code:02X} in a name.", model(entry(name="a" + MARK + chr(code) + "b")), 1)
    for name, text in {"metadata-key": '{"__metadata__":{"\n":""}}',
                       "metadata-value": '{"__metadata__":{"k":"\t"}}',
                       "unknown-field": with_unknown('"\n"'),
                       "dtype": model(entry('"U8\n"'))}.items():
        add(f"json-raw-control-in-{name}", "invalid_json", "json 6",
            "A raw control character in a string.",
            re.sub("([\n\t])", MARK + r"\1", text, count=1), 1 if '"t"' in text else 0)
    add("json-raw-del", "valid", "json 6", "A raw byte 7F in a name is allowed.",
        model(entry(name="a\x7fb")), 1)


def escapes():
    add("escape-short", "valid", "json 7", "All eight short escapes.",
        model(entry(name=r"\"\\\/\b\f\n\r\t")), 1)
    add("escape-hexadecimal", "valid", "json 7", "Both cases of hexadecimal digits.",
        model(entry(name=r"\u00e9\u00E9\uabcd\uABCD")), 1)
    add("escape-solidus", "valid", "json 7", r"\/ is a slash.", model(entry(name=r"a\/b")), 1)
    add("escape-pair", "valid", "json 7", "A surrogate pair is one character.",
        model(entry(name=r"\ud83e\udd17")), 1)
    add("escape-pair-first", "valid", "json 7", "The lowest pair: U+10000.",
        model(entry(name=r"\ud800\udc00")), 1)
    add("escape-pair-last", "valid", "json 7", "The highest pair: U+10FFFF.",
        model(entry(name=r"\uDBFF\uDFFF")), 1)
    add("escape-around-surrogates", "valid", "json 7", "U+D7FF and U+E000 are no surrogates.",
        model(entry(name=r"\ud7ff\ue000")), 1)
    add("escape-ffff", "valid", "json 7", "U+FFFF is a character like others.",
        model(entry(name=r"\uffff\ufffe")), 1)
    add("escape-controls", "valid", "json 7", "Control characters may be escaped.",
        model(entry(name=r"\u0001\u001f\u007f\u0080")), 1)
    add("escape-metadata", "valid", "json 7", "Escapes in a metadata key and its value.",
        with_metadata(r'{"a\tb":"c\n\u0000\ud83e\udd17"}'))
    add("escape-unknown-field", "valid", "json 7", "Escapes in a field that is ignored.",
        with_unknown(r'"\u0000\/\ud83e\udd17"'), 1)

    wrong = {
        "x": ("\\" + MARK + "x41", "No such escape."),
        "quote": ("\\" + MARK + "'", "No such escape."),
        "zero": ("\\" + MARK + "0", "No such escape."),
        "a": ("\\" + MARK + "a", "No such escape."),
        "v": ("\\" + MARK + "v", "No such escape."),
        "upper-u": ("\\" + MARK + "U0001f917", "No such escape."),
        "upper-n": ("\\" + MARK + "N", "No such escape."),
        "newline": ("\\" + MARK + "\n", "A backslash before the end of the line."),
        "space": ("\\" + MARK + " ", "A backslash before a space."),
        "three-digits": ("\\u012" + MARK, "Three digits instead of four."),
        "no-digits": ("\\u" + MARK, "No digits."),
        "not-hexadecimal": ("\\u12" + MARK + "G4", "G is no hexadecimal digit."),
        "plus-in-digits": ("\\u" + MARK + "+041", "A plus sign among the digits."),
        "space-in-digits": ("\\u" + MARK + " 041", "A space among the digits."),
        "braces": ("\\u" + MARK + "{41}", "Braces around the digits."),
        "percent": ("\\" + MARK + "%41", "No such escape."),
        "high-alone": ("\\ud800", "A high surrogate alone."),
        "high-then-text": ("\\ud800a", "A high surrogate, then a letter."),
        "high-then-escape": ("\\ud800\\n", "A high surrogate, then another escape."),
        "high-then-character": ("\\ud800\\u0041", "A high surrogate, then an ordinary character."),
        "high-high": ("\\ud800\\ud800", "Two high surrogates."),
        "high-last": ("\\udbff", "The last high surrogate alone."),
        "low-alone": ("\\udc00", "A low surrogate alone."),
        "low-last": ("\\uDFFF", "The last low surrogate alone."),
        "low-high": ("\\udc00\\ud800", "A pair the wrong way round."),
    }
    for name, (text, why) in wrong.items():
        add("escape-wrong-" + name, "invalid_json", "json 7", why, with_metadata('{"k":"' + text + '"}'))
    for place, header in {"name": model(entry(name="?")), "unknown-field": with_unknown('"?"'),
                          "unknown-key": with_unknown('{"?":1}'), "dtype": model(entry('"?"')),
                          "metadata-key": with_metadata('{"?":""}')}.items():
        add("escape-lone-surrogate-in-" + place, "invalid_json", "json 7",
            "A lone surrogate is refused everywhere.", header.replace("?", r"\ud800"),
            1 if '"t"' in header or '"?":{"dtype' in header else 0)

    add("escape-dtype", "valid", "json 8", r"The dtype \u00558 is U8.", model(entry(r'"\u00558"')), 1)
    add("escape-field-names", "valid", "json 8", "Field names are decoded as well.",
        r'{"t":{"\u0064type":"U8","shap\u0065":[1],"data\u005foffsets":[0,1]}}', 1)
    add("escape-metadata-name", "valid", "json 8", "__metadata__ with an escape is still metadata.",
        r'{"__meta\u0064ata__":{"a":"b"}}')
    add("escape-name", "valid", "json 8", "An escaped name is the same name.",
        model(entry(name=r"\u0061\u0062")), 1)
    add("escape-twice", "valid", "json 8", "A name is decoded once: this one holds a backslash.",
        model(entry(name=r"\\u0061")), 1)


def nesting():
    objects = lambda depth: '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)
    add("nesting-125-arrays", "valid", "json 9", "127 containers with header and entry.",
        with_unknown(nested(125)), 1)
    add("nesting-126-arrays", "too_deep", "json 9", "128 containers with header and entry.",
        with_unknown("[" * 125 + MARK + nested(1) + "]" * 125), 1)
    add("nesting-125-objects", "valid", "json 9", "Objects count like arrays.",
        with_unknown(objects(125)), 1)
    add("nesting-126-objects", "too_deep", "json 9", "Objects count like arrays.",
        with_unknown('{"a":' * 125 + MARK + "{}" + "}" * 125), 1)
    add("nesting-125-mixed", "valid", "json 9", "Objects and arrays in turn.",
        with_unknown('[{"a":' * 62 + "[1]" + "}]" * 62), 1)
    add("nesting-126-mixed", "too_deep", "json 9", "Objects and arrays in turn.",
        with_unknown('[{"a":' * 62 + "[" + MARK + "[1]]" + "}]" * 62), 1)
    for name, inner in {"number": "1", "string": '"s"', "true": "true"}.items():
        add(f"nesting-125-with-{name}", "valid", "json 9", "A value within is no container.",
            with_unknown(nested(125, inner)), 1)
    add("nesting-125-twice", "valid", "json 9", "Depth is counted anew for each value.",
        with_unknown("[" + nested(124) + "," + nested(124) + "]"), 1)
    add("nesting-126-after-125", "too_deep", "json 9", "The second value is one too deep.",
        with_unknown("[" + nested(124) + "," + "[" * 124 + MARK + "[]" + "]" * 124 + "]"), 1)
    add("nesting-126-open", "too_deep", "json 9", "A thousand brackets that never close.",
        '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":' + "[" * 125 + MARK + "[" * 875, 1)
    add("nesting-in-string", "valid", "json 9", "Brackets in a string are no containers.",
        with_unknown('"' + "[" * 1000 + '"'), 1)
    add("nesting-wide", "valid", "json 9", "A thousand containers side by side.",
        with_unknown("[" + "[]," * 999 + "{}]"), 1)


def names():
    valid = {
        "empty": ("", "The empty name."), "space": (" ", "A space."),
        "nul": (r"\u0000", "U+0000 alone."), "nul-inside": (r"a\u0000b", "U+0000 within the name."),
        "metadata-space": ("__metadata__ ", "With a space it is no metadata."),
        "space-metadata": (" __metadata__", "With a space it is no metadata."),
        "metadata-upper": ("__METADATA__", "Case matters."),
        "metadata-short": ("__metadata_", "One underscore is missing."),
        "metadata-nul": (r"__metadata__\u0000", "With U+0000 at its end it is no metadata."),
        "dtype": ("dtype", "Named like a field."), "proto": ("__proto__", "Special in JavaScript."),
        "constructor": ("constructor", "Special in JavaScript."),
        "path": ("../../etc/passwd", "A name is no path."),
        "null": ("null", "A word in quotes is a string."), "number": ("0", "Digits are a name."),
        "brackets": ("{}[],:", "Brackets, comma and colon within quotes."),
        "long": ("layer." * 200, "A name of 1,200 bytes."),
    }
    for name, (text, why) in valid.items():
        add("name-" + name, "valid", "name 1", why, model(entry(name=text)), 1)
    add("name-prefix-before-nul", "valid", "name 1", "A name does not end at U+0000: three names.",
        model(u8("a", 0, 1), u8(r"a\u0000", 1, 2), u8(r"a\u0000b", 2, 3)), 3)
    add("name-case", "valid", "name 1", "Names that differ in case are two names.",
        model(u8("A", 0, 1), u8("a", 1, 2)), 2)
    add("name-numbers-in-order", "valid", "name 1", "Numbers as names, not in numeric order.",
        model(u8("10", 0, 1), u8("9", 1, 2), u8("1", 2, 3)), 3)


def entries():
    for name, value in {"number": "1", "negative": "-1", "real": "1.5", "string": '"U8"',
                        "null": "null", "true": "true", "false": "false", "empty-array": "[]",
                        "array": '["U8",[1],[0,1]]', "array-of-entry": "[{}]"}.items():
        add("entry-" + name, "invalid_entry", "entry 1",
            "An entry as an array of its fields." if name == "array" else "The entry is no object.",
            '{"t":' + MARK + value + "}", 1 if name == "array" else 0, tensor="t")
    fields = {"dtype": '"dtype":"U8"', "shape": '"shape":[1]', "offsets": '"data_offsets":[0,1]'}
    for a in fields:
        for b in fields:
            for c in fields:
                if len({a, b, c}) == 3:
                    add(f"entry-order-{a}-{b}-{c}", "valid", "entry 2", "Fields come in any order.",
                        '{"t":{' + ",".join([fields[a], fields[b], fields[c]]) + "}}", 1)
    for missing in fields:
        rest = ",".join(text for field, text in fields.items() if field != missing)
        add(f"entry-without-{missing}", "missing_field", "entry 2", f"There is no {missing}.",
            '{"' + MARK + 't":{' + rest + "}}", 1, tensor="t")
    add("entry-empty", "missing_field", "entry 2", "There is no field at all.",
        '{"' + MARK + 't":{}}', tensor="t")
    add("entry-second-without-dtype", "missing_field", "entry 2",
        "The second entry does not inherit the first one's dtype.",
        "{" + u8("a", 0, 1) + ',"' + MARK + 'b":{"shape":[1],"data_offsets":[1,2]}}', 2, tensor="b")
    for name, text in {"case": '"Dtype"', "space": '"dtype "', "nul": r'"dtype\u0000"',
                       "empty": '""'}.items():
        add(f"entry-field-name-{name}", "missing_field", "entry 2",
            "A field whose name is not exactly dtype is not dtype.",
            model(entry(name=MARK + "t")).replace('"dtype"', text), 1, tensor="t")

    for name, value in {"null": "null", "true": "true", "false": "false", "number": "7",
                        "string": '"s"', "empty-array": "[]", "empty-object": "{}",
                        "array": '[1,"a",null,[],{}]', "object": '{"a":{"b":[1,2]}}',
                        "fields": '{"dtype":1,"shape":2,"data_offsets":3}'}.items():
        add("unknown-" + name, "valid", "entry 3", "A field that is ignored may hold any JSON.",
            with_unknown(value), 1)
    add("unknown-last", "valid", "entry 3", "The unknown field is the last.",
        model(entry())[:-2] + ',"strides":[1]}}', 1)
    add("unknown-several", "valid", "entry 3", "Unknown fields between the others.",
        '{"t":{"a":1,"dtype":"U8","b":[],"shape":[1],"c":{},"data_offsets":[0,1],"d":null}}', 1)
    add("unknown-metadata", "valid", "entry 3", "__metadata__ in an entry is an unknown field.",
        model(entry())[:-2] + ',"__metadata__":7}}', 1)
    add("unknown-empty-name", "valid", "entry 3", "An unknown field with the empty name.",
        model(entry())[:-2] + ',"":0}}', 1)


def dtypes():
    for dtype, bits in DTYPES.items():
        name, text = "dtype-" + dtype.lower().replace("_", "-"), f'"{dtype}"'
        if bits % 8 == 0:
            add(name + "-scalar", "valid", "dtype 1", f"One {dtype} of {bits} bits.",
                model(entry(text, "[]", f"[0,{bits // 8}]")), bits // 8)
        else:
            add(name + "-scalar", "partial_byte", "size 2", f"One {dtype} has only {bits} bits.",
                model(entry(text, "[]", "[0,1]", MARK + "t")), 1, tensor="t")
        add(name + "-vector", "valid", "dtype 1", f"Four {dtype} of {bits} bits.",
            model(entry(text, "[4]", f"[0,{bits // 2}]")), bits // 2)
        add(name + "-empty", "valid", "dtype 1", f"No {dtype} at all.",
            model(entry(text, "[3,0]", "[0,0]")))
    add("dtype-all", "valid", "dtype 1", "All 22 dtypes in one file, eight elements each.",
        model(*(entry(f'"{dtype}"', "[2,4]", f"[{begin},{begin + bits}]", dtype.lower())
                for (dtype, bits), begin in zip(DTYPES.items(), dtype_starts()))),
        sum(DTYPES.values()))
    for name, text in {"empty": "", "lower": "u8", "space-after": "U8 ", "space-before": " U8",
                       "i4": "I4", "u4": "U4", "c128": "C128", "c32": "C32",
                       "f8-e4m3fn": "F8_E4M3FN", "bf16-lower": "bf16", "boolean": "BOOLEAN",
                       "bool-title": "Bool", "f": "F", "f128": "F128", "f320": "F320", "f3": "F3",
                       "f8": "F8", "f6": "F6", "float32": "float32", "numpy": "<f4",
                       "torch": "torch.float32", "nul-after": "U8\\u0000", "dash": "F8-E5M2",
                       "f8-e5m2-lower": "F8_e5m2", "f4-e2m1": "F4_E2M1", "non-ascii": "Ｕ8",
                       "long": "U8" * 500}.items():
        add("dtype-unknown-" + name, "unknown_dtype", "dtype 1", "No dtype is spelled like this.",
            model(entry(MARK + f'"{text}"')), 1, tensor="t")
    for name, value in {"number": "8", "null": "null", "true": "true", "array": '["U8"]',
                        "map": '{"U8":null}', "empty-object": "{}", "real": "0.5"}.items():
        add("dtype-is-" + name, "unknown_dtype", "dtype 1",
            "A dtype as a map from its name to null." if name == "map" else "dtype is no string.",
            model(entry(MARK + value)), 1, tensor="t")


def dtype_starts():
    begin = 0
    for bits in DTYPES.values():
        yield begin
        begin += bits


NOT_INTEGERS = {
    "real": "4.0", "exponent": "4e0", "negative": "-4", "minus-zero": "-0", "string": '"4"',
    "true": "true", "null": "null", "2-to-64": "18446744073709551616", "array": "[4]",
    "object": '{"a":4}', "zero-real": "0.0", "small": "1e-9", "25-digits": "1" * 25,
}


def shapes():
    for name, value in NOT_INTEGERS.items():
        add("shape-dimension-" + name, "invalid_shape", "shape 1",
            f"The dimension {value} is no plain integer below 2^64.",
            model(entry(shape="[1," + MARK + value + "]", offsets="[0,4]")), 4, tensor="t")
    for name, value in {"number": "1", "string": '"[1]"', "null": "null", "true": "true",
                        "object": "{}", "object-of-numbers": '{"0":1}'}.items():
        add("shape-is-" + name, "invalid_shape", "shape 1", "shape is no array.",
            model(entry(shape=MARK + value)), 1, tensor="t")
    add("shape-scalar", "valid", "shape 2", "[] is one element.",
        model(entry('"F32"', "[]", "[0,4]")), 4)
    add("shape-one", "valid", "shape 2", "[1] is one element as well.",
        model(entry('"F32"', "[1]", "[0,4]")), 4)
    add("shape-rank-8", "valid", "shape 2", "Eight dimensions.",
        model(entry(shape="[1,2,1,3,1,1,1,2]", offsets="[0,12]")), 12)
    for rank in 33, 65, 256, 1000:
        add(f"shape-rank-{rank}", "valid", "shape 2", f"{rank} dimensions of one.",
            model(entry(shape="[" + ",".join("1" * rank) + "]")), 1)
    add("shape-rank-1000-empty", "valid", "shape 2", "1,000 dimensions of zero.",
        model(entry(shape="[" + ",".join("0" * 1000) + "]", offsets="[0,0]")))
    add("shape-zero", "valid", "shape 2", "[0] is empty.", model(entry(shape="[0]", offsets="[0,0]")))
    add("shape-zero-inside", "valid", "shape 2", "A zero among others is empty.",
        model(entry('"F32"', "[2,0,3]", "[0,0]")))


def offsets():
    for name, value in NOT_INTEGERS.items():
        add("offsets-end-" + name, "invalid_offsets", "offsets 1",
            f"The end {value} is no plain integer below 2^64.",
            model(entry(shape="[4]", offsets="[0," + MARK + value + "]")), 4, tensor="t")
    for name, value in {"real": "0.0", "minus-zero": "-0", "null": "null", "string": '"0"',
                        "false": "false"}.items():
        add("offsets-begin-" + name, "invalid_offsets", "offsets 1",
            f"The begin {value} is no plain integer.",
            model(entry(offsets="[" + MARK + value + ",1]")), 1, tensor="t")
    for name, value in {"number": "1", "null": "null", "string": '"0,1"',
                        "object": '{"begin":0,"end":1}', "true": "true"}.items():
        add("offsets-is-" + name, "invalid_offsets", "offsets 1", "data_offsets is no array.",
            model(entry(offsets=MARK + value)), 1, tensor="t")
    add("offsets-none", "invalid_offsets", "offsets 1", "No number at all.",
        model(entry(offsets="[]")), 1, tensor="t")
    add("offsets-one", "invalid_offsets", "offsets 1", "One number.",
        model(entry(offsets="[0]")), 1, tensor="t")
    add("offsets-three", "invalid_offsets", "offsets 1", "Three numbers.",
        model(entry(offsets="[0,1," + MARK + "1]")), 1, tensor="t")
    add("offsets-nested", "invalid_offsets", "offsets 1", "Two numbers in an array too many.",
        model(entry(offsets="[" + MARK + "[0,1]]")), 1, tensor="t")


def metadata():
    for name, value, why in [
            ("null", "null", "null is no metadata: some writers emit it."),
            ("empty", "{}", "An empty map."), ("one", '{"format":"pt"}', "One key."),
            ("several", '{"b":"2","a":"1","":""}', "Several keys, one of them empty."),
            ("nul", r'{"a\u0000":"1","a":"2"}', "A key does not end at U+0000."),
            ("own-name", '{"__metadata__":"x","dtype":"y"}', "Keys named like others."),
            ("json-in-string", r'{"config":"{\"a\":[1,2]}"}', "JSON within a string."),
            ("long-value", '{"k":"' + "v" * 2000 + '"}', "A value of 2,000 bytes."),
            ("case", '{"K":"1","k":"2"}', "Keys that differ in case are two keys.")]:
        add("metadata-" + name, "valid", "metadata 1", why, with_metadata(value))
    add("metadata-first", "valid", "metadata 1", "Metadata before the tensors.",
        model('"__metadata__":{"a":"b"}', entry()), 1)
    add("metadata-last", "valid", "metadata 1", "Metadata after the tensors.",
        model(entry(), '"__metadata__":{"a":"b"}'), 1)
    add("metadata-between", "valid", "metadata 1", "Metadata between tensors.",
        model(u8("a", 0, 1), '"__metadata__":{"a":"b"}', u8("b", 1, 2)), 2)
    add("metadata-null-with-tensor", "valid", "metadata 1", "null, and a tensor.",
        model('"__metadata__":null', entry()), 1)
    for name, value in {"number": "1", "negative": "-1", "real": "0.5", "true": "true",
                        "false": "false", "string": '"a"', "empty-array": "[]",
                        "array": '["a","b"]', "pairs": '[["a","b"]]'}.items():
        add("metadata-is-" + name, "invalid_metadata", "metadata 1", "Neither null nor an object.",
            with_metadata(MARK + value))
    add("metadata-is-entry", "invalid_metadata", "metadata 2", "A tensor named __metadata__.",
        with_metadata('{"dtype":"U8","shape":' + MARK + '[0],"data_offsets":[0,0]}'))
    for name, value in {"number": "1", "negative": "-1", "real": "0.5", "false": "false",
                        "null": "null", "empty-array": "[]", "empty-object": "{}",
                        "array": '["a"]', "object": '{"a":"b"}'}.items():
        add("metadata-value-" + name, "invalid_metadata", "metadata 2", "A value that is no string.",
            with_metadata('{"a":"b","k":' + MARK + value + "}"))


def duplicates():
    same = u8("t", 0, 1)
    add("duplicate-tensor", "duplicate_tensor", "duplicate 1", "The same entry twice.",
        model(same, u8(MARK + "t", 0, 1)), 1, tensor="t")
    add("duplicate-tensor-tiling", "duplicate_tensor", "duplicate 1",
        "Two entries of one name that would tile the data.",
        model(u8("t", 0, 1), u8(MARK + "t", 1, 2)), 2, tensor="t")
    add("duplicate-tensor-last-fits", "duplicate_tensor", "duplicate 1",
        "Without the first of the two, the file would be valid.",
        model(u8("t", 5, 9), u8(MARK + "t", 0, 1)), 1, tensor="t")
    add("duplicate-tensor-first-fits", "duplicate_tensor", "duplicate 1",
        "Without the second of the two, the file would be valid.",
        model(u8("t", 0, 1), u8(MARK + "t", 5, 9)), 1, tensor="t")
    add("duplicate-tensor-escaped", "duplicate_tensor", "duplicate 1",
        "One of them is written with an escape.", model(same, u8(r"\u0074", 0, 1)), 1, tensor="t")
    add("duplicate-tensor-both-escaped", "duplicate_tensor", "duplicate 1",
        "Two ways to write one character.",
        model(u8(r"\ud83e\udd17", 0, 1), u8("\U0001f917", 0, 1)), 1, tensor="\U0001f917")
    add("duplicate-tensor-empty-name", "duplicate_tensor", "duplicate 1", "The empty name twice.",
        model(u8("", 0, 1), u8(MARK, 0, 1)), 1, tensor="")
    add("duplicate-tensor-nul", "duplicate_tensor", "duplicate 1", "A name with U+0000 twice.",
        model(u8(r"a\u0000b", 0, 1), u8(r"a\u0000b", 0, 1)), 1, tensor="a\0b")
    add("duplicate-tensor-zero-size", "duplicate_tensor", "duplicate 1", "An empty tensor twice.",
        model(u8("t", 0, 0), u8(MARK + "t", 0, 0)), tensor="t")
    add("duplicate-tensor-far-apart", "duplicate_tensor", "duplicate 1", "With others in between.",
        model(*(u8(f"t{i}", i, i + 1) for i in range(10)), u8(MARK + "t3", 3, 4)), 10, tensor="t3")
    add("duplicate-metadata-key", "duplicate_metadata_key", "duplicate 2", "A key twice.",
        with_metadata('{"a":"1","b":"2","' + MARK + 'a":"3"}'))
    add("duplicate-metadata-key-same-value", "duplicate_metadata_key", "duplicate 2",
        "A key twice, with one value.", with_metadata('{"a":"1","' + MARK + 'a":"1"}'))
    add("duplicate-metadata-key-escaped", "duplicate_metadata_key", "duplicate 2",
        "One of them is written with an escape.", with_metadata(r'{"a":"1","\u0061":"2"}'))
    add("duplicate-metadata-key-empty", "duplicate_metadata_key", "duplicate 2",
        "The empty key twice.", with_metadata('{"":"1","' + MARK + '":"2"}'))
    for field, again in {"dtype": '"dtype":"U8"', "shape": '"shape":[1]',
                         "data_offsets": '"data_offsets":[0,1]'}.items():
        name = "duplicate-" + field.replace("_", "-")
        add(name, "duplicate_field", "duplicate 3", f"{field} twice, with one value.",
            model(entry())[:-2] + "," + MARK + again + "}}", 1, tensor="t")
    add("duplicate-dtype-other", "duplicate_field", "duplicate 3", "dtype twice, with two values.",
        '{"t":{"dtype":"I8",' + MARK + '"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1,
        tensor="t")
    add("duplicate-shape-escaped", "duplicate_field", "duplicate 3",
        "One of them is written with an escape.",
        model(entry())[:-2] + "," + MARK + r'"sh\u0061pe":[1]}}', 1, tensor="t")
    add("duplicate-metadata", "duplicate_field", "duplicate 3", "__metadata__ twice.",
        '{"__metadata__":{"a":"1"},' + MARK + '"__metadata__":{}}')
    add("duplicate-metadata-null", "duplicate_field", "duplicate 3", "__metadata__ twice, as null.",
        '{"__metadata__":null,' + MARK + '"__metadata__":null}')
    add("duplicate-metadata-apart", "duplicate_field", "duplicate 3", "Before and after a tensor.",
        '{"__metadata__":{},' + entry() + "," + MARK + '"__metadata__":{}}', 1)
    add("duplicate-unknown", "valid", "duplicate 4", "An unknown field twice.",
        '{"t":{"x":1,"dtype":"U8","x":[2],"shape":[1],"data_offsets":[0,1]}}', 1)
    add("duplicate-unknown-inside", "valid", "duplicate 4", "A key twice within an unknown field.",
        with_unknown('{"a":1,"a":2,"dtype":3,"dtype":4}'), 1)


def tiling():
    fault = lambda name, why, data, blamed, *all_entries: add(
        "tiling-" + name, "invalid_offsets", "tiling 1", why, model(*all_entries), data,
        tensor=blamed)
    fault("start-at-1", "The first tensor begins at byte 1.", 2, "a", u8(MARK + "a", 1, 2))
    fault("hole", "Byte 1 belongs to no tensor.", 3, "b", u8("a", 0, 1), u8(MARK + "b", 2, 3))
    fault("hole-before-empty", "A byte before an empty tensor belongs to none.", 3, "b",
          u8("a", 0, 2), u8(MARK + "b", 3, 3))
    fault("overlap", "Byte 1 belongs to two tensors.", 3, "b", u8("a", 0, 2), u8(MARK + "b", 1, 3))
    fault("inside", "A tensor lies within another.", 4, "b", u8("a", 0, 4), u8(MARK + "b", 1, 2))
    fault("inside-empty", "An empty tensor lies within another.", 4, "b", u8("a", 0, 4),
          u8(MARK + "b", 2, 2))
    fault("shared-begin", "Two tensors begin at byte 0.", 4, "b", u8("a", 0, 2),
          u8(MARK + "b", 0, 4))
    fault("shared-end", "Two tensors end at byte 4.", 4, "b", u8("a", 0, 4), u8(MARK + "b", 2, 4))
    fault("reversed", "A tensor ends before it begins.", 2, "b", u8("a", 0, 2),
          entry(shape="[1]", offsets="[2,1]", name=MARK + "b"))
    fault("reversed-only", "The only tensor ends before it begins.", 1, "t",
          entry(offsets="[1,0]", name=MARK + "t"))
    fault("begin-max", "A tensor begins at 2^64-1.", 0, "t",
          entry(shape="[0]", offsets=f"[{MOST},{MOST}]", name=MARK + "t"))
    fault("wraps", "From 2^64-1 to 0: one byte, if the difference wraps.", 0, "t",
          entry(offsets=f"[{MOST},0]", name=MARK + "t"))
    fault("hole-out-of-order", "A hole, and the header's order is not that of the data.", 4, "a",
          u8(MARK + "a", 3, 4), u8("b", 0, 1), u8("c", 1, 2))
    add("tiling-same-bytes", "invalid_offsets", "tiling 1", "Two tensors share all their bytes.",
        model(u8("a", 0, 2), u8("b", 0, 2)), 2)

    a, b, c = u8("a", 0, 1), u8("b", 1, 3), u8("c", 3, 6)
    for name, order in {"abc": (a, b, c), "acb": (a, c, b), "bac": (b, a, c), "bca": (b, c, a),
                        "cab": (c, a, b), "cba": (c, b, a)}.items():
        add("tiling-order-" + name, "valid", "tiling 2", "The header's order is free.",
            model(*order), 6)
    add("tiling-order-of-20", "valid", "tiling 2", "Twenty tensors, shuffled.",
        model(*(u8(f"t{i}", i, i + 1) for i in (i * 7 % 20 for i in range(20)))), 20)
    for name, order in {
            "at-start": (u8("a", 0, 0), u8("b", 0, 0), u8("c", 0, 2)),
            "after-at-start": (u8("c", 0, 2), u8("a", 0, 0)),
            "between": (u8("a", 0, 2), u8("b", 2, 2), u8("c", 2, 2), u8("d", 2, 3)),
            "before-its-neighbour": (u8("d", 2, 3), u8("b", 2, 2), u8("a", 0, 2)),
            "at-end": (u8("a", 0, 2), u8("b", 2, 2), u8("c", 2, 2))}.items():
        end = 3 if '"d"' in "".join(order) else 2
        add("tiling-empty-" + name, "valid", "tiling 3", "Empty tensors share an offset.",
            model(*order), end)
    add("tiling-empty-only", "valid", "tiling 3", "Nothing but empty tensors.",
        model(u8("a", 0, 0), entry('"F64"', "[0,5]", "[0,0]", "b")))


def sizes():
    def fault(name, verdict, rule, why, dtype, shape, offsets="[0,0]", data=0):
        add("size-" + name, verdict, rule, why,
            model(entry(f'"{dtype}"', shape, offsets, MARK + "t")), data, tensor="t")

    overflow = lambda name, why, dtype, shape: fault(name, "size_overflow", "size 1", why, dtype,
                                                     shape)
    add("size-zero-first", "valid", "size 1", "0 times anything is 0: no overflow.",
        model(entry(shape=f"[0,{MOST},{MOST}]", offsets="[0,0]")))
    add("size-zero-second", "valid", "size 1", "One large number, then 0: no overflow.",
        model(entry(shape=f"[{MOST},0,{MOST}]", offsets="[0,0]")))
    add("size-zero-max", "valid", "size 1", "[2^64-1, 0] is empty.",
        model(entry('"F64"', f"[{MOST},0]", "[0,0]")))
    overflow("zero-last", "The product overflows before the 0 is reached.", "U8", f"[{MOST},{MOST},0]")
    overflow("product-wraps-to-0", "2^32 times 2^32 wraps to 0.", "U8", "[4294967296,4294967296]")
    overflow("product-of-three", "2^22 three times is 2^66.", "U8", "[4194304,4194304,4194304]")
    overflow("product-wraps-to-1", "The product wraps to 1.", "U8", f"[{MOST},{MOST}]")
    overflow("product-zero-last-wraps", "2^64 elements, then 0.", "F4", "[2,9223372036854775808,0]")
    overflow("u8-bits-wrap-to-0", "2^61 bytes are 2^64 bits.", "U8", "[2305843009213693952]")
    overflow("u8-max", "2^64-1 bytes have too many bits.", "U8", f"[{MOST}]")
    overflow("f64-bits-wrap-to-0", "2^58 elements of 64 bits.", "F64", "[288230376151711744]")
    overflow("f64-bytes-wrap-to-0", "2^61 elements of 8 bytes.", "F64", "[2305843009213693952]")
    overflow("f32-bits-wrap-to-0", "2^59 elements of 32 bits.", "F32", "[576460752303423488]")
    overflow("i16-bits-wrap-to-0", "2^60 elements of 16 bits.", "I16", "[1152921504606846976]")
    overflow("f4-bits-wrap-to-0", "2^62 elements of 4 bits.", "F4", "[4611686018427387904]")
    overflow("f6-bits-wrap", "2^62 elements of 6 bits.", "F6_E2M3", "[4611686018427387904]")

    for dtype in "F4", "F6_E2M3", "F6_E3M2":
        bits, name = DTYPES[dtype], "partial-" + dtype.lower().replace("_", "-")
        for count in (1, 2, 3, 5, 6, 7):
            if count * bits % 8 == 0:
                add(f"size-whole-{name[8:]}-{count}", "valid", "size 2",
                    f"{count} elements of {bits} bits.",
                    model(entry(f'"{dtype}"', f"[{count}]", f"[0,{count * bits // 8}]")),
                    count * bits // 8)
            else:
                end = -(-count * bits // 8)
                fault(f"{name}-{count}", "partial_byte", "size 2",
                      f"{count} elements of {bits} bits are no whole bytes.", dtype, f"[{count}]",
                      f"[0,{end}]", end)
    for name, dtype, shape, size in [("f4-rows", "F4", "[1,2]", 1), ("f4-matrix", "F4", "[3,6]", 9),
                                     ("f6-matrix", "F6_E3M2", "[2,2]", 3),
                                     ("f6-odd-rows", "F6_E2M3", "[3,4]", 9),
                                     ("f4-odd-rows", "F4", "[2,3]", 3)]:
        add("size-whole-" + name, "valid", "size 2", "Only the total must be whole bytes.",
            model(entry(f'"{dtype}"', shape, f"[0,{size}]")), size)
    fault("partial-rounded-down", "partial_byte", "size 2", "Three halves are not one byte either.",
          "F4", "[3]", "[0,1]", 1)

    for name, dtype, shape, end, why in [
            ("short", "U8", "[4]", 3, "One byte too few."),
            ("long", "U8", "[4]", 5, "One byte too many."),
            ("elements-as-bytes", "F32", "[4]", 4, "Elements counted as bytes."),
            ("scalar-empty", "F32", "[]", 0, "A scalar is not empty."),
            ("empty-with-bytes", "F32", "[0]", 4, "An empty tensor has no bytes."),
            ("zero-among", "F32", "[2,0,3]", 24, "A zero makes it empty."),
            ("c64-as-f32", "C64", "[2]", 8, "A C64 has 64 bits."),
            ("bool-as-bit", "BOOL", "[8]", 1, "A BOOL has a whole byte."),
            ("f4-as-bytes", "F4", "[4]", 4, "An F4 has half a byte."),
            ("f6-as-bytes", "F6_E2M3", "[4]", 4, "Four F6 have three bytes."),
            ("bf16-as-f32", "BF16", "[2]", 8, "A BF16 has two bytes.")]:
        fault("mismatch-" + name, "size_mismatch", "size 3", why, dtype, shape, f"[0,{end}]", end)
    fault("mismatch-largest", "size_mismatch", "size 3",
          "The largest U8 tensor that does not overflow, in no bytes.", "U8",
          "[2305843009213693951]")
    add("size-mismatch-second", "size_mismatch", "size 3", "The second tensor is too long.",
        model(u8("a", 0, 2), entry(shape="[1]", offsets="[2,4]", name=MARK + "b")), 4, tensor="b")


def ends():
    one = model(u8("t", 0, 3))
    start = 8 + len(one)
    add("end-one-more", "trailing_bytes", "end 1", "One byte follows.", one, 4, offset=start + 3)
    add("end-four-more", "trailing_bytes", "end 1", "Four bytes follow: such files exist.", one, 7,
        offset=start + 3)
    add("end-four-more-allowed", "valid", "end 1", "Four bytes follow, and the caller allows it.",
        one, 7, options={"allow_trailing_bytes": True})
    add("end-nothing-more-allowed", "valid", "end 1", "No byte follows, and the caller allows it.",
        one, 3, options={"allow_trailing_bytes": True})
    add("end-more-than-nothing", "trailing_bytes", "end 1", "Data without tensors.", "{}", 1,
        offset=10)
    add("end-more-than-metadata", "trailing_bytes", "end 1", "Data with metadata alone.",
        with_metadata('{"a":"b"}'), 8, offset=8 + len(with_metadata('{"a":"b"}')))
    empty = model(u8("t", 0, 0))
    add("end-more-than-empty", "trailing_bytes", "end 1", "Data with an empty tensor alone.", empty,
        2, offset=8 + len(empty))
    add("end-newline", "trailing_bytes", "end 1", "A line feed at the file's end.", one,
        counting(3) + b"\n", offset=start + 3)
    add("end-second-file", "trailing_bytes", "end 1", "Two files, one after the other.", one,
        counting(3) + prefix(2) + b"{}", offset=start + 3)
    add("end-one-less", "missing_bytes", "end 2", "The last byte is missing.", one, 2,
        offset="end of file")
    add("end-one-less-allowed", "missing_bytes", "end 2",
        "Allowing more bytes does not allow fewer.", one, 2, offset="end of file",
        options={"allow_trailing_bytes": True})
    add("end-no-data", "missing_bytes", "end 2", "There is no data at all.", one, 0,
        offset="end of file")
    add("end-second-missing", "missing_bytes", "end 2", "The second tensor is missing.",
        model(u8("a", 0, 3), u8("b", 3, 8)), 3, offset="end of file")
    add("end-2-to-60", "missing_bytes", "end 2", "A tensor of 2^60 bytes in an empty file.",
        model(u8("t", 0, 2**60)), offset="end of file")
    eighth = MOST // 8
    add("end-2-to-64", "missing_bytes", "end 2",
        "Eight tensors that fill nearly 2^64 bytes: header and data together wrap.",
        model(*(u8(str(i), i * eighth, (i + 1) * eighth) for i in range(8))), offset="end of file")


def floods():
    head = '{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":'
    full = LIMIT - 2000  # leaves room for the text around

    def flood(name, verdict, why, *parts, **more):
        if verdict == "valid":
            more.setdefault("tensor_count", 1)
        add_recipe("flood-" + name, verdict, "cost 1", why, *parts, **more)

    add_recipe("layout-header-100000000", "valid", "layout 2", "A header of exactly the limit.",
               "{}", (" ", LIMIT - 2), tensor_count=0)
    add_recipe("layout-header-100000001", "header_too_large", "layout 2",
               "A header of one byte more than the limit, all of it present.",
               "{}", (" ", LIMIT - 1))
    cases[-1][0]["offset"] = 0
    add_recipe("layout-header-100000001-allowed", "valid", "layout 2",
               "One byte more than the limit, and the caller allows it.",
               "{}", (" ", LIMIT - 1), tensor_count=0, options={"max_header_bytes": LIMIT + 1})
    for name, character in {"newlines": "\n", "spaces": " "}.items():
        flood(name, "valid", f"{name.capitalize()} within the empty object.",
              "{", (character, full), "}", tensor_count=0)
        flood(name + "-before", "valid", f"{name.capitalize()} before the object.",
              (character, full), "{}", tensor_count=0)
        flood(name + "-then-junk", "invalid_json", f"{name.capitalize()}, then a wrong letter.",
              "{", (character, full), MARK + "x")
        flood(name + "-before-junk", "header_not_object", f"{name.capitalize()}, then a letter.",
              (character, full), MARK + "x")
    flood("digits", "invalid_json", "A number far above the largest double.",
          head, ("1", full), "}}")
    flood("brackets", "too_deep", "Arrays that never close.",
          head + "[" * 125 + MARK + "[", ("[", full))
    flood("brackets-as-entry", "invalid_entry", "Arrays that never close, as an entry.",
          '{"t":' + MARK + "[", ("[", full), tensor="t")
    flood("braces", "too_deep", "Objects that never close.",
          head + '{"a":' * 125 + MARK + "{", ('"a":{', full // 5))
    for name, item in {"true": "true", "null": "null", "exponents": "1e-9", "ones": "1",
                       "strings": '""', "arrays": "[]", "objects": "{}"}.items():
        flood(name, "valid", f"An array of nothing but {item}.",
              head + "[", (item + ",", full // (len(item) + 1)), item + "]}}")
    flood("commas", "invalid_json", "An array of nothing but commas.",
          head + "[" + MARK + ",", (",", full))
    flood("string", "valid", "One long string, ignored.", head + '"', ("a", full), '"}}')
    flood("string-open", "invalid_json", "One long string that never ends.",
          head + '"', ("a", full), MARK)
    flood("escapes", "valid", "One long string of escapes, ignored.",
          head + '"', ("\\u00e9", full // 6), '"}}')
    flood("name", "valid", "One long name.",
          '{"', ("n", full), '":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}')
    flood("metadata-value", "valid", "One long metadata value.",
          '{"__metadata__":{"k":"', ("v", full), '"}}', tensor_count=0)
    flood("dimensions", "valid", "Ten million dimensions.",
          '{"t":{"dtype":"U8","shape":[0', (",1", 10_000_000), '],"data_offsets":[0,0]}}')
    flood("unknown-fields", "valid", "One unknown field, ten million times.",
          '{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]', (',"x":1', 10_000_000), "}}")
    flood("duplicate-names", "duplicate_tensor", "One name, a million times.",
          "{" + u8("t", 0, 0) + "," + u8(MARK + "t", 0, 0), ("," + u8("t", 0, 0), 999_998), "}",
          tensor="t")
    flood("duplicate-metadata-keys", "duplicate_metadata_key", "One metadata key, a million times.",
          '{"__metadata__":{"k":"v","' + MARK + 'k":"v"', (',"k":"v"', 999_998), "}}")
    flood("metadata-keys", "valid", "A million metadata keys.",
          '{"__metadata__":{"k":"v"', ["number_sequence", ',"', 1, 999_999, '":"v"'], "}}",
          tensor_count=0)
    flood("empty-tensors", "valid", "A million empty tensors.",
          "{" + u8("0", 0, 0),
          ["number_sequence", ',"', 1, 999_999,
           '":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'], "}", tensor_count=1_000_000)


# ---------------------------------------------------------------- output

def build():
    """All files this program writes: their paths below this folder, and their bytes."""
    for make in (layout, utf8, json_text, escapes, nesting, names, entries, dtypes, shapes, offsets,
                 metadata, duplicates, tiling, sizes, ends, floods):
        make()
    measured = {}
    if (HERE / "reference-verdicts.json").exists():
        measured = json.loads((HERE / "reference-verdicts.json").read_text())["verdicts"]
    files, lines, uses = {}, [], dict.fromkeys(RULES, 0)
    for facts, content in cases:
        name = facts["name"]
        check(facts, content, files)
        uses[facts["rule"]] += 1
        facts["reference"] = measured.get(name)
        order = ("name", "file", "recipe", "verdict", "tensor", "offset", "options", "reference",
                 "rule", "why", "tensors", "tensor_count", "metadata")
        lines.append(json.dumps({key: facts[key] for key in order if key in facts}))
        if content is not None:
            files[facts["file"]] = content
    rules = ",\n".join(f"  {json.dumps(rule)}: {json.dumps(text)}" for rule, text in RULES.items())
    files["manifest.json"] = ('{"format": 1,\n "rules": {\n' + rules + '\n },\n "vectors": [\n' +
                              ",\n".join(lines) + "\n]}\n").encode()
    table = "".join(f"| {rule} | {text} | {uses[rule]} |\n" for rule, text in RULES.items())
    files["RULES.md"] = ("# Rules\n\nWritten by `generate.py`, with the number of vectors of each."
                         "\n\n| rule | | vectors |\n|---|---|---|\n" + table).encode()
    unused = [rule for rule, count in uses.items() if count == 0]
    assert not unused, f"rules without a vector: {unused}"
    return files


def check(facts, content, files):
    """What must hold for each vector."""
    name = facts["name"]
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name), name
    assert facts["verdict"] in VERDICTS, name
    assert facts["rule"] in RULES, name
    assert f"vectors/{name}.safetensors" not in files, f"two vectors are called {name}"
    assert content is None or len(content) <= 65536, f"{name} is too large"
    assert content is None or MARK.encode() not in content, f"{name} has two marks"


def committed():
    """The files that are there and that this program would have written."""
    found = [path.relative_to(HERE).as_posix() for path in (HERE / "vectors").glob("*")]
    return found + ["manifest.json", "RULES.md"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--write-large", type=Path, metavar="DIR", help="write the recipes' files")
    parser.add_argument("names", nargs="*", help="with --write-large: only these")
    options = parser.parse_args()
    files = build()
    if options.write_large:
        options.write_large.mkdir(parents=True, exist_ok=True)
        for facts, _ in cases:
            if "recipe" in facts and (not options.names or facts["name"] in options.names):
                with open(options.write_large / (facts["name"] + ".safetensors"), "wb") as out:
                    for chunk in recipe_chunks(facts["recipe"]):
                        out.write(chunk)
        return 0
    if options.check:
        wrong = [name for name, content in files.items()
                 if not (HERE / name).is_file() or (HERE / name).read_bytes() != content]
        wrong += [name for name in committed() if name not in files]
        for name in sorted(wrong):
            print(f"{name} is not what generate.py would write")
        return 1 if wrong else 0
    (HERE / "vectors").mkdir(exist_ok=True)
    for name in committed():
        if name not in files:
            (HERE / name).unlink()
    for name, content in files.items():
        (HERE / name).write_bytes(content)
    print(f"{len(cases)} vectors, {sum(content is None for _, content in cases)} of them recipes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
