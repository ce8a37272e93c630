# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# examples/adopt/cpp17: a C++17 program with a json.hpp of its own compiles one file as C++20, in both modes.
include(${support})
copy_example(cpp17)
make_json_hpp(${work}/cpp17/third_party/json.hpp)
file(WRITE ${work}/trap/nlohmann/json.hpp "#error \"this is not the program's json.hpp\"\n")
set(options -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -D "CMAKE_CXX_FLAGS=${flags} -I${work}/trap")

function(expect_convert build)
  configure_example(cpp17 ${build} ${options})
  expect_standard(${build} main.cpp 17)
  expect_standard(${build} weights.cpp 20)
  run(${CMAKE_COMMAND} --build ${work}/${build})
  expect_output("\"output.weight\": {[^}]*\"dtype\": \"F32\"" ${work}/${build}/convert ${model})
endfunction()
expect_convert(header-only)
file(GLOB_RECURSE built ${work}/header-only/*safetensors-compiled.*)
if(built)
  message(FATAL_ERROR "Nothing links it, but it was built: ${built}")
endif()

# Behind an interface of one's own, the compiled library takes the place of the other by its name alone.
set(line "target_link_libraries(weights PRIVATE safetensors::")
change_line(cpp17/CMakeLists.txt "${line}safetensors)" "${line}compiled)")
expect_convert(compiled)
file(GLOB_RECURSE built ${work}/compiled/libsafetensors-compiled.a)
if(NOT built)
  message(FATAL_ERROR "safetensors::compiled was not built")
endif()

# Without the object library, all of the program would be C++20.
set(line "target_link_libraries(convert PRIVATE ")
change_line(cpp17/CMakeLists.txt "${line}weights)" "${line}weights safetensors::safetensors)")
configure_example(cpp17 raised ${options})
expect_standard(raised main.cpp 20)
