# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
set(headers ${work}/include)
file(COPY ${nlohmann_json_include}/nlohmann DESTINATION ${headers})

# The folder is all that it takes, also beside another library that calls its namespace safetensors.
file(COPY ${source}/include/safetensors DESTINATION ${headers})
set(neighbour ${CMAKE_CURRENT_LIST_DIR}/neighbour)
compile(${work}/neighbours ${neighbour}/main.cpp ${neighbour}/other.cpp -I${headers})
run(${work}/neighbours ${model})

compile(${work}/consumer ${consumer}/consumer.cpp -I${headers})
run_consumer(${work}/consumer)

# Two files do as well.
foreach(copy IN ITEMS single other)
  file(COPY ${nlohmann_json_include}/nlohmann ${source}/single_include/safetensors DESTINATION ${work}/${copy})
endforeach()
set(single_files -I${work}/single -DCONSUMER_HAS_SINGLE_FILES)
compile(${work}/single_consumer ${consumer}/consumer.cpp ${single_files})
run_consumer(${work}/single_consumer)

# A file may include the copies that two libraries have, but not of two versions.
set(both ${single_files} -include ${work}/other/safetensors/safetensors.hpp)
compile(${work}/both ${consumer}/consumer.cpp ${both})
run_consumer(${work}/both)
file(READ ${work}/other/safetensors/safetensors.hpp text)
string(REGEX REPLACE "(#define SAFETENSORS_VERSION_PATCH) [0-9]+" "\\1 999" text "${text}")
file(WRITE ${work}/other/safetensors/safetensors.hpp "${text}")
execute_process(COMMAND ${compiler} -std=c++20 -fsyntax-only ${both} ${consumer}/consumer.cpp
  RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0 OR NOT output MATCHES "one source file includes version ${version}")
  message(FATAL_ERROR "Two versions should be an error that says so:\n${output}")
endif()

# To compile it once takes a macro, and one file.
file(WRITE ${work}/bodies.cpp "#include <safetensors/src.hpp>\n")
compile(${work}/compiled ${consumer}/consumer.cpp ${work}/bodies.cpp -I${headers} -DSAFETENSORS_SEPARATE_COMPILATION
  -DCONSUMER_IS_COMPILED)
run_consumer(${work}/compiled)
