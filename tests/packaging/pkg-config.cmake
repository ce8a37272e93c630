# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
need(pkg-config)
set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig)
execute_process(COMMAND ${pkg-config} --cflags "safetensors = ${version}"
  OUTPUT_VARIABLE found COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(found UNIX_COMMAND "${found}")
compile(${work}/consumer ${consumer}/consumer.cpp ${found})
run_consumer(${work}/consumer)

# The compiled library's file lies beside the library.
file(GLOB_RECURSE found ${prefix}/lib*/safetensors-compiled.pc)
get_filename_component(folder ${found} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${folder})
execute_process(COMMAND ${pkg-config} --cflags --libs "safetensors-compiled = ${version}"
  OUTPUT_VARIABLE found COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(found UNIX_COMMAND "${found}")
compile(${work}/compiled ${consumer}/consumer.cpp -DCONSUMER_IS_COMPILED ${found})
run_consumer(${work}/compiled)

set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig)
expect_nlohmann_json("nlohmann_json >= 3.11" ${pkg-config} --print-requires safetensors)
