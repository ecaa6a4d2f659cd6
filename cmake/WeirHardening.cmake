# SPDX-License-Identifier: Apache-2.0
# What makes a mistake harder to use, for everything that is built here: code and data at random addresses, relocations
# that are read-only from the start on, no stack that can be run, guards on stacks, checked copies, marked targets of
# indirect jumps. Guards and marks cost a call one instruction in twenty-two, most of it the guards (doc/BENCHMARKS.md).
# test/attack/test_hardening.py looks whether it is all there.
#
# Shadow stacks are marked in what the compiler makes, but not in the fibers' switch, which returns to another caller than
# it was called by; so the linker leaves them off.
include(CheckPIESupported)
check_pie_supported()

if(NOT WEIR_SANITIZE)
    add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
    set(hardening -fstack-protector-strong -fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        list(APPEND hardening -fcf-protection=full)
    elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
        list(APPEND hardening -mbranch-protection=standard)
    endif()
    if(CMAKE_BUILD_TYPE STREQUAL "Release") # the copies need the optimiser
        list(APPEND hardening -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    endif()
    add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:${hardening}>")
endif()
