# SPDX-License-Identifier: Apache-2.0
# The warnings of our own code (generated code is compiled without them), and the sanitizers.
function(weir_warnings target)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
endfunction()

if(WEIR_SANITIZE)
    add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()
