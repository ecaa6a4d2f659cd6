# SPDX-License-Identifier: Apache-2.0
target_link_libraries(${target} PRIVATE weir_config_static)
