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
file(MAKE_DIRECTORY ${work}/single)
file(COPY ${nlohmann_json_include}/nlohmann DESTINATION ${work}/single)
file(COPY ${source}/single_include/safetensors DESTINATION ${work}/single)
compile(${work}/single_consumer ${consumer}/consumer.cpp -I${work}/single)
run_consumer(${work}/single_consumer)

# To compile it once takes a macro, and one file.
file(WRITE ${work}/bodies.cpp "#include <safetensors/src.hpp>\n")
compile(${work}/compiled ${consumer}/consumer.cpp ${work}/bodies.cpp -I${headers} -DSAFETENSORS_SEPARATE_COMPILATION
  -DCONSUMER_IS_COMPILED)
run_consumer(${work}/compiled)
