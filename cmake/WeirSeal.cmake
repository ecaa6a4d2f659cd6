# SPDX-License-Identifier: Apache-2.0
# weir_seal(TARGET): install the static library TARGET as one object that defines weir_* alone. The layers' own names
# (h2_*, buf_*, the generated code's) are hidden, which among objects of an archive hides nothing; so they are linked into
# one object and made local to it, and whoever links that may have the same names. It is optimised across files where
# weir_lto has asked for that, and is ordinary code then. Programs here go on linking TARGET itself.
function(weir_seal target)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}.o)
    if(WEIR_LTO)
        set(lto -O2 -flto=auto -flinker-output=nolto-rel)
    endif()
    separate_arguments(flags NATIVE_COMMAND "${CMAKE_C_FLAGS}")
    list(REMOVE_ITEM flags --coverage) # its library is the program's
    add_custom_command(OUTPUT ${object}
        COMMAND ${CMAKE_C_COMPILER} ${flags} ${lto} -r -nostdlib -o ${object}.all
            -Wl,--whole-archive $<TARGET_FILE:${target}> -Wl,--no-whole-archive
        COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}.all ${object}
        COMMAND ${CMAKE_COMMAND} -E rm ${object}.all
        DEPENDS ${target} VERBATIM)
    add_library(${target}_sealed STATIC ${object})
    get_target_property(name ${target} OUTPUT_NAME)
    set_target_properties(${target}_sealed PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME ${name} EXPORT_NAME ${target}
        ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/sealed)
    # It links what TARGET links, and where that is one of ours, the sealed one.
    get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
    list(TRANSFORM links REPLACE "^weir_([a-z_]*)static$" "weir_\\1static_sealed")
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    set_target_properties(${target}_sealed PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
    if(includes)
        set_target_properties(${target}_sealed PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${includes}")
    endif()
    install(TARGETS ${target}_sealed EXPORT WeirStaticTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()
