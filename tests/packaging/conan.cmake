# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
need(conan PATHS ${source}/build/packaging/bin NO_DEFAULT_PATH)
set(ENV{CONAN_HOME} ${work}/home)
set(ENV{NLOHMANN_JSON_INCLUDE} ${nlohmann_json_include})
set(settings --no-remote -s compiler.cppstd=20 -c tools.cmake.cmaketoolchain:generator=${generator}
  -c tools.cmake.cmaketoolchain:user_presets= -c tools.cmake.cmake_layout:test_folder=${work}/test_package)
run(${conan} profile detect)
run(${conan} export-pkg ${CMAKE_CURRENT_LIST_DIR}/conan --version ${nlohmann_json_version} --no-remote
  --output-folder ${work}/nlohmann_json)
run(${conan} create ${source}/packaging/conan ${settings})

# The consumer's project knows nothing of Conan.
run(${conan} install --requires safetensors/${version} -g CMakeDeps -g CMakeToolchain
  --output-folder ${work}/generated ${settings})
configure_consumer(find_package -D CMAKE_TOOLCHAIN_FILE=${work}/generated/conan_toolchain.cmake
  -D CMAKE_BUILD_TYPE=Release)
build_consumer()
expect_nlohmann_json(nlohmann_json/${nlohmann_json_version} ${conan} graph info --requires safetensors/${version} ${settings})

# The package does not depend on settings, so it serves all.
run(${conan} install --requires safetensors/${version} ${settings} -s build_type=Debug -s compiler.cppstd=23)

# With the library it does, and has both targets.
set(option -o "safetensors/*:compiled=True")
run(${conan} create ${source}/packaging/conan ${settings} ${option})
file(REMOVE_RECURSE ${work}/generated ${work}/build)
run(${conan} install --requires safetensors/${version} -g CMakeDeps -g CMakeToolchain
  --output-folder ${work}/generated ${settings} ${option})
foreach(compiled IN ITEMS ON OFF)
  configure_consumer(find_package -D CMAKE_TOOLCHAIN_FILE=${work}/generated/conan_toolchain.cmake
    -D CMAKE_BUILD_TYPE=Release -D COMPILED=${compiled})
  build_consumer()
endforeach()
