# SPDX-License-Identifier: Apache-2.0
target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/test/sim/world.c ${CMAKE_SOURCE_DIR}/test/sim/heap.c)
target_link_options(${target} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=random_u64)
if(WEIR_FUZZ) # half of the time would go into what the world itself compares
    set_source_files_properties(${CMAKE_SOURCE_DIR}/test/sim/world.c PROPERTIES
        COMPILE_OPTIONS -fno-sanitize-coverage=trace-cmp)
endif()
