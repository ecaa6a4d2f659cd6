# SPDX-License-Identifier: Apache-2.0
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
target_link_libraries(${target} PRIVATE PkgConfig::NGHTTP2)
