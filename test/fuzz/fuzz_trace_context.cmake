# SPDX-License-Identifier: Apache-2.0
target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/ext/tracing/context.c)
target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/ext)
