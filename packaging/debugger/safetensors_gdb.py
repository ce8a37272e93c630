# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Shows safetensors objects in gdb:  source packaging/debugger/safetensors_gdb.py

  tensor_info, tensor_view     "norm.weight" F32 [2, 3], 24 bytes
  header, file, memory_file    header: 5 tensors, 3 metadata entries = {…}
  failure                      io: model.safetensors: cannot open it (system error 2)
  result                       {value = …} or {failure = …}

The printers call no function of the program, so they also serve core files. Objects that are damaged or not yet
initialised are described as such. tests/debugger/run.py looks at a program with them.
"""
import re

import gdb
import gdb.printing
import gdb.types

# In the order of the enumeration dtype.
DTYPES = """BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32 U32 F32
C64 F64 I64 U64""".split()
DTYPE_BITS = 5  # of record::rank_and_dtype

# Of what a damaged object announces, no more is read.
MAX_CHILDREN = 10000
MAX_DIMENSIONS = 64
MAX_CHARACTERS = 500

NO_OFFSET = ANY_SIZE = 2**64 - 1


class Damaged(Exception):
    """An object that no function of the library leaves behind."""


def escaped(data):
    """Bytes of UTF-8 as text in one line."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join("\\" + c if c in '"\\' else c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
                   for c in text)


def text_at(pointer, size):
    """Text of the program, without quotes; what is too long is cut."""
    kept = min(size, MAX_CHARACTERS)
    if kept == 0:
        return ""
    return escaped(bytes(gdb.selected_inferior().read_memory(int(pointer), kept))) + "..." * (kept < size)


def has_field(value, name):
    return any(field.name == name for field in value.type.strip_typedefs().fields())


def std_string(value):
    """The pointer and the size of a std::string, of either common library; None if its layout is another one."""
    try:
        return value["_M_dataplus"]["_M_p"], int(value["_M_string_length"])
    except gdb.error:
        pass
    try:
        rep = value["__rep_"] if has_field(value, "__rep_") else value["__r_"]["__value_"]
        short = rep["__s"]
        if int(short["__is_long_"]):
            return rep["__l"]["__data_"], int(rep["__l"]["__size_"])
        return short["__data_"][0].address, int(short["__size_"])
    except gdb.error:
        return None


def optional_value(value):
    """What a std::optional holds, or None."""
    try:
        payload = value["_M_payload"]
        return payload["_M_payload"]["_M_value"] if payload["_M_engaged"] else None
    except gdb.error:
        return value["__val_"] if value["__engaged_"] else None


def span_of(value):
    """The pointer and the size of a std::span of any number of elements."""
    try:
        return value["_M_ptr"], int(value["_M_extent"]["_M_extent_value"])
    except gdb.error:
        return value["__data_"], int(value["__size_"])


def sizes_text(sizes, size):
    """A shape: [2, 3]. `sizes` yields its numbers."""
    shown = []
    for number, each in zip(range(min(size, MAX_DIMENSIONS)), sizes):
        shown.append("any" if each == ANY_SIZE else str(each))
    return "[" + ", ".join(shown + ["..."] * (size > MAX_DIMENSIONS)) + "]"


def counted(count, singular, plural):
    return f"{count} {singular if count == 1 else plural}"


class Table:
    """The index of a header: a detail::tensor_table, whose flat arrays are checked before anything is read of them."""

    def __init__(self, pointer):
        table = pointer.dereference()
        self.text, self.text_size = self.block(table["text"])
        self.records, self.size = self.block(table["records"])
        self.dimensions, self.dimension_count = self.block(table["dimensions"])
        self.metadata, self.metadata_size = self.block(table["metadata"])

    @staticmethod
    def block(value):
        size, capacity = int(value["size_"]), int(value["capacity_"])
        if size > capacity or capacity >= 2**47 or (size > 0 and int(value["data_"]) == 0):
            raise Damaged
        return value["data_"], size

    def view(self, offset, length):
        """Text of the header, between quotes."""
        offset, length = int(offset), int(length)
        if offset + length > self.text_size:
            raise Damaged
        return f'"{text_at(int(self.text) + offset, length)}"'

    def name(self, record):
        return self.view(record["name_offset"], record["name_length"])

    def description(self, record):
        """Everything but the name: F32 [2, 3], 24 bytes."""
        packed, first = int(record["rank_and_dtype"]), int(record["first_dimension"])
        rank, dtype = packed >> DTYPE_BITS, packed & ((1 << DTYPE_BITS) - 1)
        size = int(record["end"]) - int(record["begin"])
        if dtype >= len(DTYPES) or first + rank > self.dimension_count or size < 0:
            raise Damaged
        shape = sizes_text((int(self.dimensions[first + i]) for i in range(rank)), rank)
        return f"{DTYPES[dtype]} {shape}, {counted(size, 'byte', 'bytes')}"

    def record_is_ours(self, pointer):
        at = int(pointer) - int(self.records)
        return at % pointer.type.target().sizeof == 0 and 0 <= at < self.size * pointer.type.target().sizeof

    def tensors(self):
        for i in range(min(self.size, MAX_CHILDREN)):
            record = self.records[i]
            yield f"[{self.name(record)}]", self.description(record)

    def entries(self):
        for i in range(min(self.metadata_size, MAX_CHILDREN)):
            entry = self.metadata[i]
            key, value = (self.view(entry[part]["offset"], entry[part]["length"]) for part in ("key", "value"))
            yield f"metadata[{key}]", value


def safe(method):
    """A to_string() that describes what is wrong with an object instead of raising an exception."""
    def to_string(self):
        try:
            return method(self)
        except Damaged:
            return f"{self.kind}: damaged or not initialised"
        except Exception as why:  # memory that cannot be read, types without debug information
            return f"{self.kind}: cannot be shown ({why})"
    return to_string


def safe_children(method):
    """A children() that ends where something is wrong."""
    def children(self):
        try:
            yield from method(self)
        except Exception:
            return
    return children


class Printer:
    kind = "object"

    def __init__(self, value):
        self.value = value


class TensorPrinter(Printer):
    kind = "tensor"

    @safe
    def to_string(self):
        table, record = Table(self.value["table_"]), self.value["record_"]
        if not table.record_is_ours(record):
            raise Damaged
        return f"{table.name(record)} {table.description(record)}"


class RangePrinter(Printer):
    """A header, or a file of any storage."""

    def __init__(self, value):
        super().__init__(value)
        name = gdb.types.get_basic_type(value.type).name
        storage = name.partition("<")[2]
        self.kind = ("header" if "basic_file<" not in name else "file" if "::mapped_bytes>" in storage else
                     "memory_file" if "::owned_bytes>" in storage else
                     "borrowed_file" if re.match(r"std::(\w+::)?span<", storage) else "basic_file")

    def table(self):
        pointer = self.value["table_"]
        return Table(pointer) if int(pointer) != 0 else None

    @safe
    def to_string(self):
        table = self.table()
        tensors, entries = (table.size, table.metadata_size) if table else (0, 0)
        return (f"{self.kind}: {counted(tensors, 'tensor', 'tensors')}, "
                f"{counted(entries, 'metadata entry', 'metadata entries')}")

    @safe_children
    def children(self):
        table = self.table()
        if table:
            yield from table.tensors()
            yield from table.entries()


class MetadataPrinter(Printer):
    kind = "metadata"

    @safe
    def to_string(self):
        pointer = self.value["table_"]
        size = Table(pointer).metadata_size if int(pointer) != 0 else 0
        return f"metadata: {counted(size, 'entry', 'entries')}"

    @safe_children
    def children(self):
        pointer = self.value["table_"]
        if int(pointer) != 0:
            yield from Table(pointer).entries()


def code_name(value):
    """The enumerator of an errc, or its number."""
    name = str(value).rpartition("::")[2]
    return name if name.isidentifier() else f"errc {int(value)}"


class FailurePrinter(Printer):
    """The code, then the parts in the order of failure::message()."""
    kind = "failure"

    def text(self, value):
        found = std_string(value)
        return text_at(*found) if found else "(a string of unknown layout)"

    @safe
    def to_string(self):
        parts = [code_name(self.value["code"]), self.text(self.value["path"])]
        tensor = optional_value(self.value["tensor"])
        if tensor is not None:
            parts.append(f'tensor "{self.text(tensor)}"')
        parts.append(self.text(self.value["detail"]))
        line = ": ".join(part for part in parts if part)
        system = self.value["system"]
        number = int(system["_M_value"] if has_field(system, "_M_value") else system["__val_"])
        if number:
            line += f" (system error {number})"
        offset = int(self.value["offset"])
        if offset != NO_OFFSET:
            line += f" (byte {offset})"
        advice = self.text(self.value["advice"])
        return line + (f"; {advice}" if advice else "")


class ResultPrinter(Printer):
    kind = "result"

    def parts(self):
        failure = optional_value(self.value["failure_"])
        if failure is not None:
            return [("failure", failure)]
        held = self.value["value_"]
        if gdb.types.get_basic_type(held.type).name.endswith("::nothing"):
            return []
        value = optional_value(held)
        if value is None:
            raise Damaged
        return [("value", value)]

    @safe
    def to_string(self):
        return None if self.parts() else "success"

    @safe_children
    def children(self):
        yield from self.parts()


class ShapePrinter(Printer):
    kind = "shape"

    @safe
    def to_string(self):
        size = int(self.value["size_"])
        if int(self.value["get_"]) != 0:
            return f"shape: {counted(size, 'dimension', 'dimensions')} of another integer type"
        words, items = self.value["words_"], self.value["list_"]
        return sizes_text((int(items[i]["size"]) if int(items) != 0 else int(words[i]) for i in range(size)), size)


class ListPrinter(Printer):
    kind = "list"

    @safe
    def to_string(self):
        return "list of " + str(span_of(self.value)[1])

    @safe_children
    def children(self):
        pointer, size = span_of(self.value)
        for i in range(min(size, MAX_CHILDREN)):
            yield f"[{i}]", pointer[i]

    def display_hint(self):
        return "array"


class BytesPrinter(Printer):
    kind = "byte_range"

    @safe
    def to_string(self):
        begin, end = int(self.value["begin"]), int(self.value["end"])
        return f"[{begin}, {end}), {counted(max(end - begin, 0), 'byte', 'bytes')}"


class DimensionsPrinter(Printer):
    kind = "dim_range"

    @safe
    def to_string(self):
        begin, end = int(self.value["begin"]), int(self.value["end"])
        return f"pick({begin})" if self.value["drop"] else f"[{begin}, {'to_end' if end == ANY_SIZE else end})"


def printers():
    made = gdb.printing.RegexpCollectionPrettyPrinter("safetensors")
    # The inline namespace differs between versions, ways to compile, and with or without exceptions.
    namespace = r"^safetensors::(v\d+_\d+(_compiled)?(_nothrow)?::)?"
    for name, pattern, printer in (("tensor", "tensor_(info|view)$", TensorPrinter),
                                   ("header", "header$", RangePrinter),
                                   ("file", "basic_file<.*>$", RangePrinter),
                                   ("metadata", "metadata_view$", MetadataPrinter),
                                   ("failure", "failure$", FailurePrinter),
                                   ("result", "result<.*>$", ResultPrinter),
                                   ("shape", "shape_ref$", ShapePrinter),
                                   ("list", "list_of<.*>$", ListPrinter),
                                   ("byte_range", "byte_range$", BytesPrinter),
                                   ("dim_range", "dim_range$", DimensionsPrinter)):
        made.add_printer(name, namespace + pattern, printer)
    return made


gdb.printing.register_pretty_printer(None, printers(), replace=True)
