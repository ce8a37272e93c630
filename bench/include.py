#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""How long does a translation unit compile that names the library's types, includes it, or uses it?
    include.py ROUNDS JSON [COMMIT]     the JSON is of the kind that Google Benchmark writes; the commit: one of this
                                        repository, whose headers are compared with those that are there

Each compiler that is there compiles them in turns, in random order: header-only, in compiled mode, and the two that
they are compared with, nlohmann_json and its SAX parser.
"""
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
OURS = "#include <safetensors/safetensors.hpp>\n"
THEIRS = "#include <nlohmann/json.hpp>\n"
# The least that a reader on nlohmann's SAX parser consists of.
SAX = THEIRS + """
struct reader : nlohmann::json_sax<nlohmann::json> {
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
};
bool read(const char* begin, const char* end) {
  reader made;
  return nlohmann::json::sax_parse(begin, end, &made);
}
"""
DOM = THEIRS + """
bool read(const char* begin, const char* end) { return nlohmann::json::parse(begin, end).is_object(); }
"""
OPEN = OURS + """
std::size_t read(const char* path) { return safetensors::file(path).size(); }
"""
READ = OURS + """
float read(const char* path, const char* name) {
  const safetensors::file model(path);
  return model[name].as<float>().front();
}
"""
# What is compiled; and where it is ours, the modes in which it is.
UNITS = {
    "names its types": {"": "#include <safetensors/fwd.hpp>\n", "nlohmann": THEIRS},
    "includes it": {"": OURS, "nlohmann": THEIRS},
    "uses it": {"": OPEN, "nlohmann": SAX, "nlohmann DOM": DOM},
    "reads a tensor": {"": READ, "nlohmann": SAX},
}
COMPILED = "-DSAFETENSORS_SEPARATE_COMPILATION"


def compile_once(command, text):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "unit.cpp")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
        subprocess.run([*command, "-c", source, "-o", os.path.join(folder, "unit.o")], check=True)
        return time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def headers_of(commit, folder):
    """Where the headers of a commit are, in the folder."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit, "include"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "x", "-C", folder], input=archive, check=True)
    return os.path.join(folder, "include")


def contenders(include, before):
    """Each as (name, options, text)."""
    for what, texts in UNITS.items():
        for name, text in texts.items():
            if name:
                yield f"{what}/{name}", [], text
                continue
            yield f"{what}/safetensors", ["-I" + include], text
            yield f"{what}/safetensors compiled", ["-I" + include, COMPILED], text
            if before:
                yield f"{what}/safetensors before", ["-I" + before], text


def main():
    rounds, path = int(sys.argv[1]), sys.argv[2]
    compilers = [compiler for compiler in ("g++", "clang++") if shutil.which(compiler)]
    with tempfile.TemporaryDirectory() as folder:
        before = headers_of(sys.argv[3], folder) if len(sys.argv) > 3 else None
        tasks = [(f"{compiler} {level}, {name}", [compiler, "-std=c++20", level, *options], text)
                 for compiler in compilers for level in ("-O0", "-O2")
                 for name, options, text in contenders(os.path.join(ROOT, "include"), before)] * rounds
        random.shuffle(tasks)
        found = []
        for name, command, text in tasks:
            took, cpu = compile_once(command, text)
            found.append({"name": name, "run_type": "iteration", "real_time": took * 1e3, "cpu_seconds": cpu})
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"context": {}, "benchmarks": found}, file)


if __name__ == "__main__":
    main()
