# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
make_archive(${work}/safetensors.tar.gz)
# The consumer brings nlohmann_json itself: no installed one is looked for.
file(COPY ${nlohmann_json_include}/nlohmann DESTINATION ${work}/brought)
foreach(compiled IN ITEMS OFF ON)
  configure_consumer(fetch_content -D ARCHIVE=${work}/safetensors.tar.gz -D NLOHMANN_JSON_INCLUDE=${work}/brought
    -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -D CMAKE_EXPORT_COMPILE_COMMANDS=ON -D COMPILED=${compiled})
  build_consumer()
  expect_nlohmann_json(${work}/brought ${CMAKE_COMMAND} -E cat ${work}/build/compile_commands.json)
endforeach()
