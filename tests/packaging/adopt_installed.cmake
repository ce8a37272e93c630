# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# examples/adopt/installed: a static library with an export of its own serves a program that knows nothing of
# safetensors; then the other ways of docs/builds.md, and what goes wrong without them.
include(${support})
copy_example(installed)
set(found -D CMAKE_PREFIX_PATH=${prefix})
set(not_found -D CMAKE_DISABLE_FIND_PACKAGE_safetensors=ON -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)

# Builds and installs the library:  install_arrays(NAME OPTION...)
function(install_arrays name)
  configure_example(installed ${name} ${ARGN})
  run(${CMAKE_COMMAND} --build ${work}/${name})
  run(${CMAKE_COMMAND} --install ${work}/${name} --prefix ${work}/${name}-installed)
endfunction()

# Builds and runs the program that uses it:  use_arrays(NAME OPTION...)
function(use_arrays name)
  configure_example(installed/use ${name}-use -D CMAKE_PREFIX_PATH=${work}/${name}-installed ${ARGN})
  expect_standard(${name}-use main.cpp 17)
  run(${CMAKE_COMMAND} --build ${work}/${name}-use)
  expect_output("^4 arrays\n$" ${work}/${name}-use/use ${model} ${work}/copy.safetensors)
endfunction()

set(folder "add_subdirectory(third_party/safetensors)")
set(package "find_package(safetensors 0.2 CONFIG REQUIRED)")
set(link "target_link_libraries(arrays PRIVATE ")
set(header_only "${link}\$<BUILD_INTERFACE:safetensors::safetensors>)")
set(archive "${link}\$<BUILD_INTERFACE:safetensors::compiled>)")
set(objects "target_sources(arrays PRIVATE \$<TARGET_OBJECTS:safetensors_compiled>)")

install_arrays(header-only)
set(installed include/arrays/arrays.hpp lib/libarrays.a lib/cmake/arrays/arrays-config.cmake
  lib/cmake/arrays/arrays-config-noconfig.cmake)
expect_files(${work}/header-only-installed ${installed})
use_arrays(header-only ${not_found})

# Without $<BUILD_INTERFACE:...>, the export wants the library's target.
change_line(installed/CMakeLists.txt "${header_only}" "${link}safetensors::safetensors)")
expect_failure("requires target \"safetensors\" that is not in any export set" ${CMAKE_COMMAND} ${work}/header-only)

# The compiled library's archive is missing, unless its objects are put into one's own.
change_line(installed/CMakeLists.txt "${link}safetensors::safetensors)" "${archive}")
install_arrays(archive)
configure_example(installed/use archive-use -D CMAKE_PREFIX_PATH=${work}/archive-installed ${not_found})
expect_failure("[Uu]ndefined.*_compiled" ${CMAKE_COMMAND} --build ${work}/archive-use)
change_line(installed/CMakeLists.txt "${archive}" "${archive}\n${objects}")
install_arrays(archive)
expect_files(${work}/archive-installed ${installed})
use_arrays(archive ${not_found})

# With an installed safetensors, header-only: nobody else needs it.
change_line(installed/CMakeLists.txt "${archive}\n${objects}" "${header_only}")
change_line(installed/CMakeLists.txt "${folder}" "${package}")
install_arrays(package ${found})
use_arrays(package ${not_found})
change_line(installed/CMakeLists.txt "${header_only}" "${link}safetensors::safetensors)")
install_arrays(package ${found})
expect_failure("safetensors::safetensors\"? but the target was not found" ${CMAKE_COMMAND} ${work}/package-use)

# With its compiled library, the package of one's own finds that first.
change_line(installed/CMakeLists.txt "${link}safetensors::safetensors)" "${link}safetensors::compiled)")
set(export "install(EXPORT arrays NAMESPACE arrays:: FILE arrays-")
change_line(installed/CMakeLists.txt "${export}config.cmake DESTINATION lib/cmake/arrays)"
  "${export}targets.cmake DESTINATION lib/cmake/arrays)
install(FILES arrays-config.cmake DESTINATION lib/cmake/arrays)")
file(WRITE ${work}/installed/arrays-config.cmake "include(CMakeFindDependencyMacro)
find_dependency(safetensors 0.2 CONFIG COMPONENTS compiled)
include(\${CMAKE_CURRENT_LIST_DIR}/arrays-targets.cmake)
")
install_arrays(dependency ${found})
use_arrays(dependency -D safetensors_DIR=${prefix}/share/cmake/safetensors
  -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
