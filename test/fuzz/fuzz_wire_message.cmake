# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_SOURCE_DIR}/test/unit/wire/kinds.cmake)
