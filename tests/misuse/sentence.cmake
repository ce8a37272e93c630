# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Compiles a file that includes a face, which must fail by one error, the sentence.
string(REPLACE "|" ";" options "${options}")
execute_process(COMMAND ${compiler} ${options} -fsyntax-only -I${include} -include safetensors/${header}
  ${CMAKE_CURRENT_LIST_DIR}/empty.cpp RESULT_VARIABLE result ERROR_VARIABLE output)
string(REGEX MATCHALL "error: [^\n]*" errors "${output}")
list(LENGTH errors count)
if(result EQUAL 0 OR NOT count EQUAL 1 OR NOT errors MATCHES "${sentence}")
  message(FATAL_ERROR "There are ${count} errors, and the only one should be: ${sentence}\n${output}")
endif()
