# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Packages the tree that this recipe lies in:  conan create packaging/conan -s compiler.cppstd=20
# With -o "&:compiled=True" also the library that safetensors::compiled is.
import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain
from conan.tools.files import copy

required_conan_version = ">=2.0"


class Safetensors(ConanFile):
    name = "safetensors"
    description = "Reads and writes safetensors files: typed, validated, without copying"
    license = "MIT"
    topics = ("safetensors", "tensors", "machine-learning", "header-only")
    settings = "os", "arch", "compiler", "build_type"
    options = {"compiled": [True, False], "fPIC": [True, False]}
    default_options = {"compiled": False, "fPIC": True}
    generators = "CMakeDeps"
    no_copy_source = True

    @property
    def _tree(self):
        return Path(self.recipe_folder).parents[1]

    def set_version(self):  # the library holds the one version number
        header = (self._tree / "include/safetensors/base/version.hpp").read_text(encoding="utf-8")
        numbers = re.findall(r"^#define SAFETENSORS_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, re.M)
        self.version = ".".join(numbers)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "packaging/*", "src/*"):
            copy(self, pattern, self._tree, self.export_sources_folder)

    def configure(self):
        self.package_type = "static-library" if self.options.compiled else "header-library"
        if not self.options.compiled or self.settings.os == "Windows":
            del self.options.fPIC

    def requirements(self):
        self.requires("nlohmann_json/[>=3.11 <4]")

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        if not self.info.options.compiled:
            self.info.clear()  # one package for every compiler and setting

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("INSTALL", "BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_TOOL"):
            toolchain.cache_variables[f"SAFETENSORS_{part}"] = False
        toolchain.generate()

    def build(self):
        if self.options.compiled:
            cmake = CMake(self)
            cmake.configure()
            cmake.build(target="safetensors_compiled")

    def package(self):
        copy(self, "include/*", self.source_folder, self.package_folder)
        copy(self, "LICENSE", self.source_folder, Path(self.package_folder, "licenses"))
        for pattern in ("*.a", "*.lib"):
            copy(self, pattern, self.build_folder, Path(self.package_folder, "lib"), keep_path=False)

    def package_info(self):
        if not self.options.compiled:
            self.cpp_info.bindirs = []
            self.cpp_info.libdirs = []
            return
        self.cpp_info.set_property("cmake_target_name", "safetensors::all")
        header_only = self.cpp_info.components["safetensors"]
        header_only.requires = ["nlohmann_json::nlohmann_json"]
        header_only.libdirs = []
        compiled = self.cpp_info.components["compiled"]
        compiled.set_property("pkg_config_name", "safetensors-compiled")
        compiled.libs = ["safetensors-compiled"]
        compiled.defines = ["SAFETENSORS_SEPARATE_COMPILATION"]
        for component in header_only, compiled:
            component.bindirs = []
