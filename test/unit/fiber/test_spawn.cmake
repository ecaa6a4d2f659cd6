# SPDX-License-Identifier: Apache-2.0
# The test decides whether the timers of a loop get memory.
target_link_options(${target} PRIVATE -Wl,--wrap=realloc)
