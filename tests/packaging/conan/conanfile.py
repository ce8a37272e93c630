# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# nlohmann_json of this system as a Conan package, so that the test needs no remote.
import os

from conan import ConanFile
from conan.tools.files import copy


class NlohmannJson(ConanFile):
    name = "nlohmann_json"
    package_type = "header-library"

    def package(self):
        copy(self, "nlohmann/*", os.environ["NLOHMANN_JSON_INCLUDE"], os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
