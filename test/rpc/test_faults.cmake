# SPDX-License-Identifier: Apache-2.0
# The test decides which allocations, reads and writes fail, and counts the bytes that are in use.
target_link_options(${target} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=mmap,--wrap=recv,--wrap=send,--wrap=sendmsg)
