# SPDX-License-Identifier: Apache-2.0
# Give ${target} the messages of kinds.proto and required.proto, as protobuf-c generates them.
find_program(WEIR_PROTOC protoc)
set(kinds_from ${CMAKE_SOURCE_DIR}/test/unit/wire)
set(kinds_to ${CMAKE_CURRENT_BINARY_DIR}/${target}.kinds)
file(MAKE_DIRECTORY ${kinds_to})
foreach(stem kinds required)
    set(generated ${kinds_to}/${stem}.pb-c.c ${kinds_to}/${stem}.pb-c.h)
    add_custom_command(
        OUTPUT ${generated}
        COMMAND ${WEIR_PROTOC} -I${kinds_from} --c_out=${kinds_to} ${stem}.proto
        DEPENDS ${kinds_from}/${stem}.proto
        VERBATIM)
    set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS -w SKIP_LINTING ON)
    target_sources(${target} PRIVATE ${generated})
endforeach()
target_include_directories(${target} SYSTEM PRIVATE ${kinds_to})
target_include_directories(${target} PRIVATE ${kinds_from})
target_link_libraries(${target} PRIVATE PkgConfig::PROTOBUF_C)
