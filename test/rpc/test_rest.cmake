# SPDX-License-Identifier: Apache-2.0
# The test decides how long the allocator takes to tell what is used.
target_link_options(${target} PRIVATE -Wl,--wrap=mallinfo2)
