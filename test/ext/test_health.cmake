# SPDX-License-Identifier: Apache-2.0
# List is called by the generated client.
target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/ext/weir_ext_objects.weir)
