# SPDX-License-Identifier: Apache-2.0
# The test decides which allocation fails.
target_link_options(${target} PRIVATE -Wl,--wrap=malloc,--wrap=calloc)
