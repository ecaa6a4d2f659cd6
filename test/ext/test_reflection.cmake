# SPDX-License-Identifier: Apache-2.0
# The generated client asks.
target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/ext/weir_ext_objects.weir)
