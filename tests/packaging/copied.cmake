# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
set(headers ${work}/include)
file(COPY ${nlohmann_json_include}/nlohmann DESTINATION ${headers})

# Reading takes one header, also beside another library that calls its namespace safetensors.
file(COPY ${source}/include/safetensors/safetensors.hpp DESTINATION ${headers}/safetensors)
set(neighbour ${CMAKE_CURRENT_LIST_DIR}/neighbour)
compile(${work}/neighbours ${neighbour}/main.cpp ${neighbour}/other.cpp -I${headers})
run(${work}/neighbours ${model})

# Writing takes a second one.
file(COPY ${source}/include/safetensors/writer.hpp DESTINATION ${headers}/safetensors)
compile(${work}/consumer ${consumer}/consumer.cpp -I${headers})
run_consumer(${work}/consumer)
