# SPDX-License-Identifier: Apache-2.0
# What makes a mistake harder to use, for everything that is built here: code and data at random addresses, guards on
# stacks, checked copies, relocations that are read-only from the start on, marked targets of indirect jumps. The
# fibers' switch keeps shadow stacks off (src/fiber). test/attack/test_hardening.py looks whether it is all there.
include(CheckPIESupported)
check_pie_supported()

if(NOT WEIR_SANITIZE)
    add_compile_options(-fstack-protector-strong)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-fcf-protection=full>
            $<$<COMPILE_LANGUAGE:C,CXX>:-fstack-clash-protection>)
    elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
        add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-mbranch-protection=standard>)
    endif()
    if(CMAKE_BUILD_TYPE STREQUAL "Release") # it needs the optimiser
        add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-U_FORTIFY_SOURCE>
            $<$<COMPILE_LANGUAGE:C,CXX>:-D_FORTIFY_SOURCE=3>)
    endif()
    add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
