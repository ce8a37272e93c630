# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(CMakeFindDependencyMacro)
find_dependency(nlohmann_json 3.11 CONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/safetensors-targets.cmake)
