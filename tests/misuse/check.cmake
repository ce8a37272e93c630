# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Compiles one case of misuse.cpp twice: as it should be, which must pass, and WRONG, which must fail for the reason.
string(REPLACE "|" ";" include "${include}")
string(REPLACE "|" ";" options "${options}")
list(TRANSFORM include PREPEND -I)
# Compiled mode declares the same in half of the time.
set(command ${compiler} -std=c++20 -DSAFETENSORS_SEPARATE_COMPILATION -fsyntax-only -Werror=unused-result -Werror=unused-value ${options} -DCASE=${case} ${include}
  ${CMAKE_CURRENT_LIST_DIR}/misuse.cpp)
execute_process(COMMAND ${command} RESULT_VARIABLE right ERROR_VARIABLE output)
if(NOT right EQUAL 0)
  message(FATAL_ERROR "case ${case} must compile as it is:\n${output}")
endif()
execute_process(COMMAND ${command} -DWRONG RESULT_VARIABLE wrong ERROR_VARIABLE output)
if(wrong EQUAL 0)
  message(FATAL_ERROR "case ${case} must not compile with WRONG")
endif()
string(REGEX MATCH "error[: ][^\n]*" first "${output}")
if(NOT first MATCHES "${reason}")
  message(FATAL_ERROR "the first line of case ${case} must say: ${reason}\n${output}")
endif()
