#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Shows that the two ways to compile are what they are called, and that they do not mix.

  modes.py QUESTION NLOHMANN_JSON_INCLUDE COMPILER [OPTION…]     the question: a function below
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import house
from claims import check, failures

ROOT = os.path.normpath(house.ROOT)
MODEL = os.path.join(ROOT, "examples", "data", "digits.safetensors")
CONSUMER = os.path.join(ROOT, "tests", "packaging", "consumer", "consumer.cpp")
SEPARATE = "-DSAFETENSORS_SEPARATE_COMPILATION"

if len(sys.argv) < 4:
    sys.exit(__doc__)
question, nlohmann, *compiler = sys.argv[1:]
folder = tempfile.mkdtemp()


def run(command, succeeds=True):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if succeeds and done.returncode != 0:
        print(" ".join(command), done.stdout, done.stderr, sep="\n")
        sys.exit(1)
    return done


def compiled(name, source, *options, succeeds=True):
    """An object file. Only header-only files and src.hpp find nlohmann_json."""
    if not os.path.isabs(source):
        path = os.path.join(folder, name + ".cpp")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        source = path
    needs_json = SEPARATE not in options or source.endswith(os.path.join("src", "safetensors.cpp"))
    done = run([*compiler, "-std=c++20", "-I" + house.INCLUDE, *(["-I" + nlohmann] if needs_json else []), *options,
                "-c", source, "-o", name + ".o"], succeeds)
    return name + ".o" if succeeds else done


def library(*options):
    return compiled("library", os.path.join(ROOT, "src", "safetensors.cpp"), SEPARATE, *options)


def symbols(file, *options):
    """The defined ones: (kind, name)."""
    printed = run(["nm", "--defined-only", "-P", *options, file]).stdout
    return [(line.split()[1], line.split()[0]) for line in printed.splitlines()]


def demangled(names):
    return subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout.splitlines()


# Reads in all ways, and writes.
READER = """
#include <safetensors/writer.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>
std::size_t use(const char* path) {
  const auto mapped = safetensors::file::try_open(path);
  const auto read = safetensors::memory_file::try_open(path);
  const auto index = safetensors::header::try_open(path);
  if (!mapped || !read || !index) return std::puts(mapped.error().message().c_str()), 0;
  std::size_t bytes = 0;
  for (const safetensors::tensor_view tensor : *mapped) {
    std::vector<std::byte> copy(tensor.bytes().size());
    bytes += tensor.name().size() + copy.size() + index->contains(tensor.name());
    if (const auto values = tensor.try_as<float>()) bytes += values->size();
    if (const auto slice = tensor.try_slice({})) bytes += slice->run_count();
  }
  return bytes + index->metadata().size();
}
"""


def proof():
    """An object of compiled mode has no body of the library, and its source met none."""
    made = library()
    bodies = {name for kind, name in symbols(made) if kind in "TDBRS"}
    ours = [name for name, text in zip(bodies, demangled(bodies)) if "safetensors::" in text]
    check(len(ours) > 100, f"the library defines {len(ours)} functions and objects of its own")
    for name, source, options in (("reader", READER, []), ("consumer", CONSUMER, ["-DCONSUMER_IS_COMPILED"])):
        found = [symbol for _, symbol in symbols(compiled(name, source, SEPARATE, *options))]
        twice = sorted(bodies & set(found))
        check(not twice, f"{name}: defines none of them {' '.join(demangled(twice)[:3])}")
        shown = [text for text in demangled(found) if "safetensors::" in text]
        other = [text for text in shown if not re.search(r"safetensors::v\d+_\d+_compiled(_nothrow)?::", text)]
        check(shown and not other, f"{name}: all it defines is of compiled mode {' '.join(other[:3])}")
        plain = [text for text in shown if "<" not in text.replace("operator<", "")]
        print(f"    {len(shown)} templates and inline functions, {len(plain)} of them no templates")

        headers = run([*compiler, "-std=c++20", "-I" + house.INCLUDE, SEPARATE, *options, "-H", "-fsyntax-only",
                       os.path.join(folder, "reader.cpp") if name == "reader" else source]).stderr
        met = [os.path.relpath(path, os.path.join(house.INCLUDE, house.OURS)) if house.OURS in path else path
               for path in re.findall(r"^\.+ (.*)", headers, re.M)]
        wrong = [path for path in met if path.endswith(".ipp") or path in house.HIDDEN or "nlohmann" in path]
        check("write/save.hpp" in met and not wrong, f"{name}: meets {len(met)} headers, none of bodies {' '.join(wrong)}")

    header_only = [symbol for _, symbol in symbols(compiled("header_only", READER, "-O0"))]
    check(any(re.search(r"safetensors::v\d+_\d+(_nothrow)?::detail::read_canonical", text) for text in demangled(header_only)),
          "header-only, the same file defines the bodies")
    refused = compiled("refused", "#include <safetensors/src.hpp>\n", succeeds=False)
    check(refused.returncode != 0 and "SAFETENSORS_SEPARATE_COMPILATION for every file" in refused.stderr,
          "src.hpp says so where the mode is forgotten")


COUNT = """
#include <safetensors/safetensors.hpp>
std::size_t count(const safetensors::header& index) { return index.size(); }
std::size_t count(const char* path) {
  const auto index = safetensors::header::try_open(path);
  return index ? count(*index) : 0;
}
"""
MAIN = """
#include <safetensors/safetensors.hpp>
std::size_t count(const safetensors::header& index);
std::size_t count(const char* path);
int main(int, char** argv) {
  const auto index = safetensors::header::try_open(argv[1]);
#ifdef PASSES_TYPES
  return count(*index) == 4 ? 0 : 1;
#else
  return count(argv[1]) == 4 && index->size() == 4 ? 0 : 1;
#endif
}
"""


def mixed():
    """Objects of both modes link, unless they pass the library's types to each other."""
    made = library()
    modes = {"compiled": [SEPARATE], "header-only": []}
    counts = {mode: compiled("count_" + mode, COUNT, *options) for mode, options in modes.items()}
    for caller, called in (("compiled", "header-only"), ("header-only", "compiled"), ("compiled", "compiled")):
        main = compiled("main", MAIN, *modes[caller])
        passing = compiled("passing", MAIN, "-DPASSES_TYPES", *modes[caller])
        run([*compiler, main, counts[called], made, "-o", "program"])
        check(run([os.path.join(folder, "program"), MODEL], succeeds=False).returncode == 0,
              f"{caller} calls {called}, which opens by itself")
        linked = run([*compiler, passing, counts[called], made, "-o", "program"], succeeds=False)
        if caller == called:
            check(linked.returncode == 0 and run([os.path.join(folder, "program"), MODEL], succeeds=False).returncode == 0,
                  f"{caller} passes a header to {called}")
            continue
        named = re.search(r"undefined.*safetensors::(v\d+_\d+\w*)::header", linked.stderr)
        check(linked.returncode != 0 and named and ("_compiled" in named.group(1)) == (caller == "compiled"),
              f"{caller} does not pass a header to {called}: the linker misses {named.group(1) if named else linked.stderr}")


PLUGIN = """
#include <safetensors/writer.hpp>
#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)
#define EXPORTED extern "C" __attribute__((visibility("default")))
EXPORTED std::size_t NAMED(NAME, _count)(const char* path) {
  const safetensors::file model(path);
  const auto bytes = safetensors::serialize(model);
  return safetensors::header::parse(bytes, bytes.size()).size();
}
EXPORTED void NAMED(NAME, _throws)() { safetensors::file("/nowhere/model.safetensors"); }
EXPORTED bool NAMED(NAME, _catches)(void (*throws)()) {
  try {
    throws();
  } catch (const safetensors::error& error) {
    return error.code() == safetensors::errc::io && error.info().code == safetensors::errc::io &&
           error.info().path == "/nowhere/model.safetensors";
  }
  return false;
}
"""
LOADER = """
#include <cstddef>
extern "C" {
std::size_t one_count(const char*);
std::size_t two_count(const char*);
void one_throws();
void two_throws();
bool one_catches(void (*)());
bool two_catches(void (*)());
}
int main(int, char** argv) {
  return one_count(argv[1]) == 4 && two_count(argv[1]) == 4 && one_catches(two_throws) &&
                 two_catches(one_throws) && one_catches(one_throws) && two_catches(two_throws)
             ? 0 : 1;
}
"""


def shared():
    """Two shared libraries have a copy each, which nobody else sees."""
    options = ["-O2", "-fPIC", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-flto"]
    if run([*compiler, "-flto", "-shared", compiled("empty", "int nothing;\n", *options), "-o", "empty.so"],
           succeeds=False).returncode != 0:
        print("not run: link-time optimisation, which this compiler finds no linker for")
        options.remove("-flto")
    made = library(*options)
    for name in ("one", "two"):
        plugin = compiled(name, PLUGIN, SEPARATE, f"-DNAME={name}", *options)
        run([*compiler, *options, "-shared", plugin, made, "-o", f"lib{name}.so"])
        exported = demangled([symbol for _, symbol in symbols(f"lib{name}.so", "-D")])
        functions = [text for text in exported if re.match(r"safetensors::", text) and
                     not re.match(r"safetensors::v\d+_\d+_compiled::(error::|error_category\(|detail::the_category)", text)]
        check(f"{name}_count" in exported and not functions,
              f"{name}: exports nothing of ours but exceptions {' '.join(functions[:3])}")
    run([*compiler, compiled("main", LOADER), "-L.", "-lone", "-ltwo", "-Wl,-rpath," + folder, "-o", "program"])
    check(run([os.path.join(folder, "program"), MODEL], succeeds=False).returncode == 0,
          "both open the model, and each catches what either throws, with its code")


try:
    {"proof": proof, "mixed": mixed, "shared": shared}[question]()
finally:
    shutil.rmtree(folder)
sys.exit(1 if failures else 0)
