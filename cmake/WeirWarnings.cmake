# SPDX-License-Identifier: Apache-2.0
# The warnings of our own code (generated code is compiled without them), and the sanitizers.
function(weir_warnings target)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
    if(CMAKE_SIZEOF_VOID_P EQUAL 8) # what CI does not build is not to fail for a warning
        target_compile_options(${target} PRIVATE -Werror)
    endif()
endfunction()

if(WEIR_SANITIZE)
    add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()
