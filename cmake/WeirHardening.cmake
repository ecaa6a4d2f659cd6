# SPDX-License-Identifier: Apache-2.0
# What makes a mistake harder to use. Everything that is linked here lies at random addresses, with relocations that
# are read-only from the start on and no stack that can be run. weir_harden() adds guards on stacks and checked copies
# to what is compiled in a folder and below; not in the library's own, where they cost a call one instruction in
# twenty-five. test/attack/test_hardening.py looks whether it is all there.
include(CheckPIESupported)
check_pie_supported()

if(NOT WEIR_SANITIZE)
    add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

macro(weir_harden)
    if(NOT WEIR_SANITIZE)
        add_compile_options(-fstack-protector-strong)
    endif()
    if(NOT WEIR_SANITIZE AND CMAKE_BUILD_TYPE STREQUAL "Release") # the copies need the optimiser
        add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    endif()
endmacro()
