# SPDX-License-Identifier: Apache-2.0
# Lines are read back as JSON.
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
target_link_libraries(${target} PRIVATE PkgConfig::JANSSON)
