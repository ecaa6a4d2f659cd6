# SPDX-License-Identifier: Apache-2.0
# Toolchain for the `arm64` preset: Debian's cross compiler and multiarch packages, tests run by
# qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Libraries come from /usr/lib/aarch64-linux-gnu, their headers from /usr/include; programs are the
# host's.
set(CMAKE_FIND_ROOT_PATH /)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
unset(ENV{PKG_CONFIG_PATH})

# The emulator finds the loader and the libraries where multiarch has put them.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /)
