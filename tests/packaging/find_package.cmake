# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
configure_consumer(find_package -D CMAKE_PREFIX_PATH=${prefix})
build_consumer()

# Until 1.0 another minor version may be incompatible, so an older one is not what was asked for.
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" minor ${version})
math(EXPR older "${CMAKE_MATCH_2} - 1")
set(older ${CMAKE_MATCH_1}.${older})
execute_process(COMMAND ${CMAKE_COMMAND} ${work}/build -D VERSION=${older} RESULT_VARIABLE result ERROR_VARIABLE output)
string(REGEX REPLACE "[ \n]+" " " output "${output}")
if(result EQUAL 0 OR NOT output MATCHES "compatible with requested version \"${older}\"")
  message(FATAL_ERROR "Who asks for version ${older} must not get ${version}:\n${output}")
endif()
