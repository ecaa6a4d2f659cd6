# SPDX-License-Identifier: Apache-2.0
# libweir-config is there with its dependency only.
target_link_libraries(${target} PRIVATE weir_config_static PkgConfig::JANSSON)
if(WEIR_FUZZ)
    target_compile_options(weir_config_objects PRIVATE -fsanitize=fuzzer-no-link -UNDEBUG)
endif()
