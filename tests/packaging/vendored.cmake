# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# A program that has nlohmann_json as third_party/json.hpp, and not as <nlohmann/json.hpp>: by a macro, by a header of one
# line that takes that name, and by CMake.
include(${support})
make_json_hpp(${work}/third_party/json.hpp)

# Stands before the system's, so that nothing below passes by that.
file(WRITE ${work}/trap/nlohmann/json.hpp "#error \"this is not the program's json.hpp\"\n")
file(COPY ${source}/include/safetensors DESTINATION ${work}/include)
file(WRITE ${work}/bodies.cpp "#include <safetensors/src.hpp>\n")
set(separate -DSAFETENSORS_SEPARATE_COMPILATION -DCONSUMER_IS_COMPILED)
function(compile_both)
  compile(${work}/consumer ${consumer}/consumer.cpp -I${work}/include ${ARGN})
  run_consumer(${work}/consumer)
  compile(${work}/compiled ${consumer}/consumer.cpp ${work}/bodies.cpp -I${work}/include ${separate} ${ARGN})
  run_consumer(${work}/compiled)
endfunction()
compile_both(-I${work}/third_party -I${work}/trap "-DSAFETENSORS_JSON_HEADER=\"json.hpp\"")
file(WRITE ${work}/shim/nlohmann/json.hpp "#include \"../../third_party/json.hpp\"\n")
compile_both(-I${work}/shim -I${work}/trap)

# CMake's variable, where nlohmann_json would not be found.
set(options -D SAFETENSORS_JSON_HEADER=${work}/third_party/json.hpp -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
  -D "CMAKE_CXX_FLAGS=${flags} -I${work}/trap" -D CMAKE_PREFIX_PATH=${prefix} -D SAFETENSORS_SOURCE=${source})
foreach(case IN ITEMS add_subdirectory:OFF add_subdirectory:ON find_package:OFF)
  string(REPLACE ":" ";" case ${case})
  list(GET case 0 taken)
  list(GET case 1 compiled)
  file(REMOVE_RECURSE ${work}/build)
  configure_consumer(${taken} ${options} -D COMPILED=${compiled})
  build_consumer()
endforeach()

# What is installed holds no path of the machine that built it.
file(REMOVE_RECURSE ${work}/build)
run(${CMAKE_COMMAND} -S ${source} -B ${work}/build -G ${generator} -D CMAKE_CXX_COMPILER=${compiler}
  -D SAFETENSORS_BUILD_TESTS=OFF -D SAFETENSORS_BUILD_TOOL=OFF -D SAFETENSORS_BUILD_EXAMPLES=OFF
  -D SAFETENSORS_BUILD_COMPILED=OFF ${options})
run(${CMAKE_COMMAND} --install ${work}/build --prefix ${work}/installed)
file(GLOB_RECURSE files ${work}/installed/share/*)
foreach(file IN LISTS files)
  file(READ ${file} content)
  string(FIND "${content}" "${work}" at)
  if(NOT at EQUAL -1)
    message(FATAL_ERROR "${file} holds a path of this machine")
  endif()
endforeach()
