# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Packages the tree that this port lies in:  vcpkg install safetensors --overlay-ports=packaging/vcpkg
# vcpkg's cache knows a package by the port alone: after a change of the tree, add --no-binarycaching.
# In a registry, vcpkg_from_github takes the place of the next line.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS feature_options FEATURES compiled SAFETENSORS_BUILD_COMPILED)
if("compiled" IN_LIST FEATURES)
  vcpkg_check_linkage(ONLY_STATIC_LIBRARY)
else()
  set(VCPKG_BUILD_TYPE release)  # headers are the same in every configuration
endif()
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DSAFETENSORS_BUILD_TESTS=OFF
    -DSAFETENSORS_BUILD_EXAMPLES=OFF
    -DSAFETENSORS_BUILD_TOOL=OFF
    ${feature_options})
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/safetensors)
if("compiled" IN_LIST FEATURES)
  vcpkg_cmake_config_fixup(PACKAGE_NAME safetensors-compiled CONFIG_PATH lib/cmake/safetensors-compiled)
endif()
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses")  # vcpkg's place for it is share/safetensors/copyright
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
