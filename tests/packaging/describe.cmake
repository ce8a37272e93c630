# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# Writes what a project amounts to once all of it is read: variables, cached ones too, targets and tests.
function(describe_folder folder)
  foreach(kind IN ITEMS target test)
    set(property_of_target BUILDSYSTEM_TARGETS)
    set(property_of_test TESTS)
    get_property(names DIRECTORY ${folder} PROPERTY ${property_of_${kind}})
    foreach(name IN LISTS names)
      file(APPEND ${CMAKE_BINARY_DIR}/description.txt "${kind} ${name}\n")
    endforeach()
  endforeach()
  get_property(subfolders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(subfolder IN LISTS subfolders)
    describe_folder(${subfolder})
  endforeach()
endfunction()

function(describe)
  get_cmake_property(variables VARIABLES)
  foreach(variable IN LISTS variables)
    string(REGEX REPLACE "[][;\n]" " " value "${${variable}}")
    file(APPEND ${CMAKE_BINARY_DIR}/description.txt "variable ${variable} ${value}\n")
  endforeach()
  describe_folder(${CMAKE_SOURCE_DIR})
endfunction()

cmake_language(DEFER CALL describe)
