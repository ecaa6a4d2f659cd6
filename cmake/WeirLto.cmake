# SPDX-License-Identifier: Apache-2.0
# weir_lto(TARGET): optimise across files when linking. The layers are small files that call each other for every
# frame; this is worth an eighth of a call's cost (doc/BENCHMARKS.md). The objects keep ordinary code besides,
# so whoever links libweir.a without it is served as well, and tests link fast.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT WEIR_SANITIZE)
    set(WEIR_LTO ON)
    add_link_options(-fno-lto) # what did not ask for it links the ordinary code, many times faster
endif()

function(weir_lto target)
    if(NOT WEIR_LTO)
        return()
    endif()
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:-flto -ffat-lto-objects>)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "EXECUTABLE" OR type STREQUAL "SHARED_LIBRARY")
        # -flto=auto alone does not take -fno-lto back.
        target_link_options(${target} PRIVATE -flto -flto=auto -O2)
    endif()
endfunction()
