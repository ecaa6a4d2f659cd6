# SPDX-License-Identifier: Apache-2.0
# The test decides when the thread of the connection stands still.
target_link_options(${target} PRIVATE -Wl,--wrap=poll)
