# SPDX-License-Identifier: Apache-2.0
# The test decides how many mappings there are; 32-bit programs call the function by its second name.
target_link_options(${target} PRIVATE -Wl,--wrap=mmap,--wrap=mmap64)
