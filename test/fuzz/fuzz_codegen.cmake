# SPDX-License-Identifier: Apache-2.0
# It tests codegen/, which is no layer.
if(WEIR_FUZZ)
    target_compile_options(weir_codegen PRIVATE -fsanitize=fuzzer-no-link)
endif()
target_link_libraries(${target} PRIVATE weir_codegen)
