# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
configure_consumer(find_package -D CMAKE_PREFIX_PATH=${prefix})
build_consumer()

# Who links the compiled library needs no nlohmann_json, and may say so.
foreach(option IN ITEMS COMPONENT= COMPONENT=compiled CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
  file(REMOVE_RECURSE ${work}/build)
  configure_consumer(find_package -D CMAKE_PREFIX_PATH=${prefix} -D COMPILED=ON -D ${option})
  build_consumer()
endforeach()
set(says_safetensors "nlohmann_json 3.11, which safetensors::safetensors needs, was not found")
set(says_unknown "there is no component unknown")
foreach(component IN ITEMS safetensors unknown)
  expect_failure("${says_${component}}" ${CMAKE_COMMAND} ${work}/build -D COMPONENT=${component}
    -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
endforeach()
file(REMOVE_RECURSE ${work}/build)
configure_consumer(find_package -D CMAKE_PREFIX_PATH=${prefix})

# Until 1.0 another minor version may be incompatible, so an older one is not what was asked for.
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" minor ${version})
math(EXPR older "${CMAKE_MATCH_2} - 1")
set(older ${CMAKE_MATCH_1}.${older})
expect_failure("compatible with requested version \"${older}\"" ${CMAKE_COMMAND} ${work}/build -D VERSION=${older})
