# SPDX-License-Identifier: Apache-2.0
target_sources(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/unit/net/certs.c)
