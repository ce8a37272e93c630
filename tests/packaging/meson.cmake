# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
include(${support})
need(meson)
file(COPY ${consumer} DESTINATION ${work})
make_archive(${work}/safetensors.tar.gz)
file(ARCHIVE_EXTRACT INPUT ${work}/safetensors.tar.gz DESTINATION ${work}/consumer/subprojects/safetensors)
run(${meson} setup --force-fallback-for=safetensors ${work}/consumer ${work}/build)
run(${meson} compile -C ${work}/build)
run_consumer(${work}/build/consumer)
run_consumer(${work}/build/compiled-consumer)
expect_nlohmann_json(nlohmann_json ${meson} introspect --dependencies ${work}/build)

# Without the subproject, Meson finds what CMake installed.
file(REMOVE_RECURSE ${work}/consumer/subprojects ${work}/build)
file(GLOB_RECURSE compiled ${prefix}/lib*/safetensors-compiled.pc)
get_filename_component(folder ${compiled} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig:${folder})
run(${meson} setup ${work}/consumer ${work}/build)
run(${meson} compile -C ${work}/build)
run_consumer(${work}/build/consumer)
run_consumer(${work}/build/compiled-consumer)
