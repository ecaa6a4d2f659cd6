# SPDX-License-Identifier: Apache-2.0
include(unit/wire/kinds.cmake)
