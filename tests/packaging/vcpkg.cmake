# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Runs the steps of the vcpkg port with plain CMake, under vcpkg's names for them, and takes what they leave.
include(${support})
need(pkg-config)
set(port ${source}/packaging/vcpkg/safetensors)

# What vcpkg tells a portfile.
set(PORT safetensors)
set(CURRENT_BUILDTREES_DIR ${work}/buildtrees)

# A function's arguments, of which none may be unknown.
macro(parse_arguments single multiple)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "${single}" "${multiple}")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION} does not know ${arg_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

function(vcpkg_check_features)
  parse_arguments(OUT_FEATURE_OPTIONS FEATURES)
  list(GET arg_FEATURES 0 feature)
  list(GET arg_FEATURES 1 option)
  if(feature IN_LIST FEATURES)
    set(${arg_OUT_FEATURE_OPTIONS} -D${option}=ON PARENT_SCOPE)
  else()
    set(${arg_OUT_FEATURE_OPTIONS} -D${option}=OFF PARENT_SCOPE)
  endif()
endfunction()

function(vcpkg_check_linkage)
endfunction()

# Release first, then debug, each with its folder in the package.
macro(for_each_configuration)
  set(configurations Release)
  if(NOT VCPKG_BUILD_TYPE STREQUAL "release")
    list(APPEND configurations Debug)
  endif()
  set(below_Debug /debug)
endmacro()

function(vcpkg_cmake_configure)
  parse_arguments(SOURCE_PATH OPTIONS)
  # The system has packages for the tests and the command; a port must not take what it does not name.
  foreach(package IN ITEMS doctest CLI11 fmt benchmark)
    list(APPEND arg_OPTIONS -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
  endforeach()
  for_each_configuration()
  foreach(configuration IN LISTS configurations)
    execute_process(
      COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${CURRENT_BUILDTREES_DIR}/${configuration} -G ${generator}
        -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=${configuration}
        -D CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}${below_${configuration}}
        -D CMAKE_INSTALL_LIBDIR=lib -D CMAKE_INSTALL_BINDIR=bin -D CMAKE_ERROR_ON_ABSOLUTE_INSTALL_DESTINATION=ON
        ${arg_OPTIONS}
      ERROR_VARIABLE warnings ECHO_ERROR_VARIABLE COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
    if(warnings MATCHES "not used by the project:.*SAFETENSORS_")
      message(FATAL_ERROR "The port sets options that the project does not have")
    endif()
  endforeach()
endfunction()

function(vcpkg_cmake_install)
  parse_arguments("" "")
  for_each_configuration()
  foreach(configuration IN LISTS configurations)
    run(${CMAKE_COMMAND} --build ${CURRENT_BUILDTREES_DIR}/${configuration} --target install)
  endforeach()
endfunction()

# Moves the package to share/NAME, and what tells where the prefix and the debug library are with it.
function(vcpkg_cmake_config_fixup)
  parse_arguments("PACKAGE_NAME;CONFIG_PATH" "")
  if(NOT arg_PACKAGE_NAME)
    set(arg_PACKAGE_NAME ${PORT})
  endif()
  set(share ${CURRENT_PACKAGES_DIR}/share/${arg_PACKAGE_NAME})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*)
  file(COPY ${files} DESTINATION ${share})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/debug/${arg_CONFIG_PATH}/*-debug.cmake)
  foreach(file IN LISTS files)
    file(READ ${file} content)
    string(REPLACE "{_IMPORT_PREFIX}/lib" "{_IMPORT_PREFIX}/debug/lib" content "${content}")
    get_filename_component(name ${file} NAME)
    file(WRITE ${share}/${name} "${content}")
  endforeach()
  get_filename_component(parent ${arg_CONFIG_PATH} DIRECTORY)
  file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/${parent} ${CURRENT_PACKAGES_DIR}/debug/${parent})
  file(GLOB files ${share}/*.cmake)
  foreach(file IN LISTS files)
    file(READ ${file} content)
    set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
    string(REPLACE "${up}${up}${up}" "${up}${up}" content "${content}")
    string(REPLACE "PACKAGE_PREFIX_DIR \"\${CMAKE_CURRENT_LIST_DIR}/../../../\""
      "PACKAGE_PREFIX_DIR \"\${CMAKE_CURRENT_LIST_DIR}/../../\"" content "${content}")
    file(WRITE ${file} "${content}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
  parse_arguments("" "")
  set(ENV{PKG_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/pkgconfig:${CURRENT_PACKAGES_DIR}/lib/pkgconfig)
  run(${pkg-config} --print-errors --exists safetensors)
  if("compiled" IN_LIST FEATURES)
    run(${pkg-config} --print-errors --exists safetensors-compiled)
  endif()
endfunction()

function(vcpkg_install_copyright)
  parse_arguments("" FILE_LIST)
  file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

# All that vcpkg checks after a build: no empty folder, nothing but libraries in debug, share/PORT with its copyright and
# usage, no licence or CMake file elsewhere.
function(expect_package)
  file(GLOB_RECURSE headers RELATIVE ${source} ${source}/include/safetensors/*)
  expect_files(${CURRENT_PACKAGES_DIR} ${headers} share/pkgconfig/safetensors.pc
    share/safetensors/safetensors.natvis share/safetensors/safetensors_gdb.py
    share/safetensors/copyright share/safetensors/usage share/safetensors/safetensors-config.cmake
    share/safetensors/safetensors-config-version.cmake share/safetensors/safetensors-targets.cmake ${ARGN})
  file(GLOB_RECURSE files ${CURRENT_PACKAGES_DIR}/share/* ${CURRENT_PACKAGES_DIR}/*.pc)
  foreach(file IN LISTS files)
    file(READ ${file} content)
    string(FIND "${content}" ${work} position)
    if(NOT position EQUAL -1)
      message(FATAL_ERROR "${file} holds a path of this machine")
    endif()
  endforeach()
endfunction()

function(make_package)
  set(FEATURES ${ARGN})
  set(CURRENT_PACKAGES_DIR ${work}/packages)
  file(REMOVE_RECURSE ${CURRENT_BUILDTREES_DIR} ${CURRENT_PACKAGES_DIR} ${work}/installed ${work}/build)
  include(${port}/portfile.cmake)
  if("compiled" IN_LIST FEATURES)
    set(library libsafetensors-compiled.a)
    set(config safetensors-compiled)
    expect_package(lib/${library} debug/lib/${library} lib/pkgconfig/${config}.pc debug/lib/pkgconfig/${config}.pc
      share/${config}/${config}-config.cmake share/${config}/${config}-config-version.cmake
      share/${config}/${config}-targets.cmake share/${config}/${config}-targets-release.cmake
      share/${config}/${config}-targets-debug.cmake)
  elseif(NOT VCPKG_BUILD_TYPE STREQUAL "release")
    # vcpkg builds everything twice, and then expects debug/, unless the port says that there is nothing to debug.
    message(FATAL_ERROR "A port of headers is built once, as release")
  else()
    expect_package()
  endif()
  # vcpkg moves the package into the tree of all those that are installed.
  file(RENAME ${CURRENT_PACKAGES_DIR} ${work}/installed)
endfunction()

# What the port says of the library must be true.
file(READ ${port}/vcpkg.json manifest)
string(JSON manifest_version GET ${manifest} version)
if(NOT manifest_version STREQUAL version)
  message(FATAL_ERROR "vcpkg.json names version ${manifest_version}, the header ${version}")
endif()

make_package()
configure_consumer(find_package -D CMAKE_PREFIX_PATH=${work}/installed)
build_consumer()

make_package(compiled)
foreach(configuration IN ITEMS Release Debug)
  configure_consumer(find_package -D CMAKE_PREFIX_PATH=${work}/installed -D COMPILED=ON
    -D CMAKE_BUILD_TYPE=${configuration})
  build_consumer()
endforeach()
configure_consumer(find_package -D CMAKE_PREFIX_PATH=${work}/installed -D COMPILED=OFF)
build_consumer()
