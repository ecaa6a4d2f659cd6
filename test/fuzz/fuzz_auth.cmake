# SPDX-License-Identifier: Apache-2.0
# libweir-auth is there with its dependencies only.
target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/ext)
target_link_libraries(${target} PRIVATE weir_auth_static PkgConfig::CRYPTO PkgConfig::JANSSON)
if(WEIR_FUZZ)
    target_compile_options(weir_auth_objects PRIVATE -fsanitize=fuzzer-no-link -UNDEBUG)
endif()
