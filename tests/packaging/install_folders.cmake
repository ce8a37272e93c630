# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Folders as those choose them who package for a system, and an installation before anything was built.
include(${support})
need(pkg-config)

# Installs into ${work}/NAME:  install_into(NAME OPTION...)
function(install_into name)
  run(${CMAKE_COMMAND} -S ${source} -B ${work}/build-${name} -G ${generator} -D CMAKE_CXX_COMPILER=${compiler}
    -D "CMAKE_CXX_FLAGS=${flags}" -D SAFETENSORS_BUILD_TESTS=OFF -D SAFETENSORS_BUILD_EXAMPLES=OFF
    -D CMAKE_INSTALL_PREFIX=${work}/${name} ${ARGN})
  run(${CMAKE_COMMAND} --install ${work}/build-${name})
endfunction()

# Fails where a .pc file names a folder without what belongs there:  expect_pc(FOLDER PACKAGE VARIABLE FILE)
function(expect_pc folder package variable file)
  set(ENV{PKG_CONFIG_PATH} ${folder})
  execute_process(COMMAND ${pkg-config} --variable=${variable} ${package}
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  if(NOT EXISTS ${found}/${file})
    message(FATAL_ERROR "${folder}/${package}.pc: ${variable} is ${found}, which holds no ${file}")
  endif()
endfunction()

function(expect_nothing_built folder)
  file(GLOB_RECURSE left ${folder}/*compiled* ${folder}/bin/*)
  if(left)
    message(FATAL_ERROR "Nothing was built, but this was installed: ${left}")
  endif()
endfunction()

# CMake rejects an absolute folder for headers within the sources, where the folder of this test may be.
execute_process(COMMAND mktemp -d OUTPUT_VARIABLE elsewhere OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(headers ${elsewhere}/headers)

install_into(absolute -D CMAKE_INSTALL_INCLUDEDIR=${headers} -D CMAKE_INSTALL_LIBDIR=${work}/libraries)
expect_pc(${work}/absolute/share/pkgconfig safetensors includedir safetensors/safetensors.hpp)
expect_nothing_built(${work}/absolute)
expect_nothing_built(${work}/libraries)
install_into(all_absolute -D CMAKE_INSTALL_INCLUDEDIR=${headers} -D CMAKE_INSTALL_DATADIR=${work}/data)
expect_pc(${work}/data/pkgconfig safetensors includedir safetensors/safetensors.hpp)
install_into(deep -D CMAKE_INSTALL_DATADIR=share/extra -D CMAKE_INSTALL_INCLUDEDIR=include/extra
  -D CMAKE_INSTALL_LIBDIR=lib/extra/deep)
expect_pc(${work}/deep/share/extra/pkgconfig safetensors includedir safetensors/safetensors.hpp)

# find_package finds the headers, and says what is not there.
configure_consumer(find_package -D safetensors_DIR=${work}/deep/share/extra/cmake/safetensors)
build_consumer()
expect_failure("the library of safetensors::compiled is not installed" ${CMAKE_COMMAND} ${work}/build -D COMPONENT=compiled)

# The library is built once, and installed by both.
run(${CMAKE_COMMAND} --build ${work}/build-deep --target safetensors_compiled)
foreach(name IN ITEMS absolute deep)
  file(COPY ${work}/build-deep/libsafetensors-compiled.a DESTINATION ${work}/build-${name})
  run(${CMAKE_COMMAND} --install ${work}/build-${name})
endforeach()
foreach(folder IN ITEMS ${work}/libraries ${work}/deep/lib/extra/deep)
  expect_pc(${folder}/pkgconfig safetensors-compiled includedir safetensors/safetensors.hpp)
  expect_pc(${folder}/pkgconfig safetensors-compiled libdir libsafetensors-compiled.a)
endforeach()

# All serves in another place, too.
file(RENAME ${work}/deep ${work}/moved)
expect_pc(${work}/moved/share/extra/pkgconfig safetensors includedir safetensors/safetensors.hpp)
set(ENV{PKG_CONFIG_PATH} ${work}/moved/lib/extra/deep/pkgconfig)
execute_process(COMMAND ${pkg-config} --cflags --libs "safetensors-compiled = ${version}"
  OUTPUT_VARIABLE found COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(found UNIX_COMMAND "${found}")
compile(${work}/consumer ${consumer}/consumer.cpp -DCONSUMER_IS_COMPILED ${found})
run_consumer(${work}/consumer)
file(REMOVE_RECURSE ${elsewhere})
