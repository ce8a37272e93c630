# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Runs the steps of the vcpkg port with plain CMake, under vcpkg's names for them, and takes what they leave.
include(${support})
need(pkg-config)
set(port ${source}/packaging/vcpkg/safetensors)

# What vcpkg tells a portfile.
set(PORT safetensors)
set(CURRENT_PACKAGES_DIR ${work}/packages)
set(CURRENT_BUILDTREES_DIR ${work}/buildtrees)

# A function's arguments, of which none may be unknown.
macro(parse_arguments single multiple)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "${single}" "${multiple}")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION} does not know ${arg_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

function(vcpkg_cmake_configure)
  parse_arguments(SOURCE_PATH OPTIONS)
  # The system has packages for the tests and the command; a port must not take what it does not name.
  foreach(package IN ITEMS doctest CLI11 fmt benchmark)
    list(APPEND arg_OPTIONS -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
  endforeach()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${CURRENT_BUILDTREES_DIR} -G ${generator}
      -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=Release -D CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}
      -D CMAKE_INSTALL_LIBDIR=lib -D CMAKE_INSTALL_BINDIR=bin -D CMAKE_ERROR_ON_ABSOLUTE_INSTALL_DESTINATION=ON
      ${arg_OPTIONS}
    ERROR_VARIABLE warnings ECHO_ERROR_VARIABLE COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  if(warnings MATCHES "not used by the project:.*SAFETENSORS_")
    message(FATAL_ERROR "The port sets options that the project does not have")
  endif()
endfunction()

function(vcpkg_cmake_install)
  parse_arguments("" "")
  run(${CMAKE_COMMAND} --build ${CURRENT_BUILDTREES_DIR} --target install)
endfunction()

# Moves the package to share/PORT, which lies nearer to the prefix.
function(vcpkg_cmake_config_fixup)
  parse_arguments(CONFIG_PATH "")
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*)
  file(COPY ${files} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT})
  get_filename_component(parent ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} DIRECTORY)
  file(REMOVE_RECURSE ${parent})
  set(targets ${CURRENT_PACKAGES_DIR}/share/${PORT}/safetensors-targets.cmake)
  file(READ ${targets} content)
  set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
  string(REPLACE "${up}${up}${up}" "${up}${up}" content "${content}")
  file(WRITE ${targets} "${content}")
endfunction()

function(vcpkg_fixup_pkgconfig)
  parse_arguments("" "")
  set(ENV{PKG_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/pkgconfig)
  run(${pkg-config} --print-errors --exists safetensors)
endfunction()

function(vcpkg_install_copyright)
  parse_arguments("" FILE_LIST)
  file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

include(${port}/portfile.cmake)

# vcpkg builds everything twice, and then expects debug/, unless the port says that there is nothing to debug.
if(NOT VCPKG_BUILD_TYPE STREQUAL "release")
  message(FATAL_ERROR "A port of headers is built once, as release")
endif()
# All that vcpkg checks after a build: nothing in debug, lib or bin, no empty folder, share/PORT with its copyright and
# usage, no licence or CMake file elsewhere.
file(GLOB headers RELATIVE ${source} ${source}/include/safetensors/*.hpp)
expect_files(${CURRENT_PACKAGES_DIR} ${headers} share/pkgconfig/safetensors.pc
  share/safetensors/copyright share/safetensors/usage share/safetensors/safetensors-config.cmake
  share/safetensors/safetensors-config-version.cmake share/safetensors/safetensors-targets.cmake)
file(GLOB_RECURSE files ${CURRENT_PACKAGES_DIR}/share/*)
foreach(file IN LISTS files)
  file(READ ${file} content)
  string(FIND "${content}" ${work} position)
  if(NOT position EQUAL -1)
    message(FATAL_ERROR "${file} holds a path of this machine")
  endif()
endforeach()

# What the port says of the library must be true.
file(READ ${port}/vcpkg.json manifest)
string(JSON manifest_version GET ${manifest} version)
if(NOT manifest_version STREQUAL version)
  message(FATAL_ERROR "vcpkg.json names version ${manifest_version}, the header ${version}")
endif()

# vcpkg moves the package into the tree of all those that are installed.
file(RENAME ${CURRENT_PACKAGES_DIR} ${work}/installed)
configure_consumer(find_package -D CMAKE_PREFIX_PATH=${work}/installed)
build_consumer()
