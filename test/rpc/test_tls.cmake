# SPDX-License-Identifier: Apache-2.0
target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/test/unit/net/certs.c)
target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/test/unit/net)
target_link_libraries(${target} PRIVATE ${WEIR_TLS_TARGET})
