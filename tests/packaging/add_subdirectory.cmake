# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# A guest leaves no trace: the same project with and without the library differs in the library's own variables, its two
# targets, and where headers are searched. The compiled library is built only where it is linked.
include(${support})
foreach(way IN ITEMS without add_subdirectory)
  file(REMOVE_RECURSE ${work}/build)
  configure_consumer(${way} -D SAFETENSORS_SOURCE=${source} -D CMAKE_EXPORT_COMPILE_COMMANDS=ON
    -D CMAKE_PROJECT_consumer_INCLUDE=${CMAKE_CURRENT_LIST_DIR}/describe.cmake)
  file(STRINGS ${work}/build/description.txt ${way})
  file(READ ${work}/build/compile_commands.json commands)
  string(JSON count LENGTH ${commands})
  foreach(at RANGE 1 ${count})
    math(EXPR at "${at} - 1")
    string(JSON file GET ${commands} ${at} file)
    if(file MATCHES "consumer\\.cpp$")
      string(JSON command_${way} GET ${commands} ${at} command)
    elseif(NOT file MATCHES "/src/safetensors\\.cpp$")
      message(FATAL_ERROR "${file} is no file of the consumer")
    endif()
  endforeach()
endforeach()

set(added ${add_subdirectory})
list(REMOVE_ITEM added ${without})
list(REMOVE_ITEM without ${add_subdirectory})
list(REMOVE_ITEM added "target safetensors" "target safetensors_compiled")
list(FILTER added EXCLUDE REGEX "^variable (safetensors_|SAFETENSORS_([A-Z_]+ OFF|JSON_HEADER )$|[A-Z_]*nlohmann_json)")
list(FILTER added EXCLUDE REGEX "^variable WAY ")
list(FILTER without EXCLUDE REGEX "^variable WAY ")
if(added OR without)
  list(JOIN added "\n  " added)
  list(JOIN without "\n  " without)
  message(FATAL_ERROR "The library adds\n  ${added}\nand takes away\n  ${without}")
endif()

string(REGEX REPLACE " -(I|isystem) ?[^ ]+" "" command "${command_add_subdirectory}")
if(NOT command STREQUAL command_without)
  message(FATAL_ERROR "The consumer is compiled by\n${command_add_subdirectory}\n"
    "which should be, but for where headers are searched\n${command_without}")
endif()

build_consumer()
file(GLOB_RECURSE built ${work}/build/*safetensors-compiled.*)
if(built)
  message(FATAL_ERROR "Nothing links it, but it was built: ${built}")
endif()
run(${CMAKE_COMMAND} --install ${work}/build --prefix ${work}/installed)
expect_files(${work}/installed bin/consumer)

file(REMOVE_RECURSE ${work}/build ${work}/installed)
configure_consumer(add_subdirectory -D SAFETENSORS_SOURCE=${source} -D COMPILED=ON)
build_consumer()
run(${CMAKE_COMMAND} --install ${work}/build --prefix ${work}/installed)
expect_files(${work}/installed bin/consumer)
