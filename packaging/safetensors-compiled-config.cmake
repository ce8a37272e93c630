# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Found by safetensors-config.cmake: find_package(safetensors) is what people write.
include(${CMAKE_CURRENT_LIST_DIR}/safetensors-compiled-targets.cmake)
