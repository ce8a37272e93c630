# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Packages the tree that this recipe lies in:  conan create packaging/conan -s compiler.cppstd=20
import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy

required_conan_version = ">=2.0"


class Safetensors(ConanFile):
    name = "safetensors"
    description = "Reads and writes safetensors files: typed, validated, without copying"
    license = "MIT"
    topics = ("safetensors", "tensors", "machine-learning", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    @property
    def _tree(self):
        return Path(self.recipe_folder).parents[1]

    def set_version(self):  # the header holds the one version number
        header = (self._tree / "include/safetensors/safetensors.hpp").read_text(encoding="utf-8")
        numbers = re.findall(r"^#define SAFETENSORS_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, re.M)
        self.version = ".".join(numbers)

    def export_sources(self):
        for pattern in ("include/*", "LICENSE"):
            copy(self, pattern, self._tree, self.export_sources_folder)

    def requirements(self):
        self.requires("nlohmann_json/[>=3.11 <4]")

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()  # one package for every compiler and setting

    def package(self):
        copy(self, "include/*", self.source_folder, self.package_folder)
        copy(self, "LICENSE", self.source_folder, Path(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
