# SPDX-License-Identifier: Apache-2.0
# The test has a collector of its own.
target_include_directories(${target} SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/ext/weir_ext_objects.weir)
