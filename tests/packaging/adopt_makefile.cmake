# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
#
# examples/adopt/makefile: a Makefile takes the library by its include path, without a warning under its own options.
include(${support})
need(make)
copy_example(makefile)
file(COPY ${nlohmann_json_include}/nlohmann DESTINATION ${work}/makefile/third_party)
foreach(option IN ITEMS -Wall -Wextra -Werror -ffast-math)
  expect_output(" ${option} " ${make} --always-make --dry-run -C ${work}/makefile)
endforeach()
find_program(clang clang++)
foreach(cxx IN ITEMS ${compiler} ${clang})
  if(NOT cxx MATCHES "NOTFOUND$")
    run(${make} --always-make -C ${work}/makefile CXX=${cxx})
    expect_output("output.weight: 11.15" ${work}/makefile/engine ${model})
  endif()
endforeach()
