# SPDX-License-Identifier: Apache-2.0
# Looks inside of libweir-auth.
target_link_libraries(${target} PRIVATE weir_auth_static PkgConfig::CRYPTO PkgConfig::JANSSON)
