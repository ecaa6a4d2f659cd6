# SPDX-License-Identifier: Apache-2.0
# weir_generate(TARGET PROTO... [IMPORT_DIRS DIR...])
#
# Compiles each .proto into the target: messages with protobuf-c (NAME.pb-c.h), services with Weir (NAME.weir.h).
# A file's name is its path below the first of IMPORT_DIRS that holds it, or else its base name. The files of
# google/protobuf that it imports are compiled too; other imports have to be listed, here or for a library
# that the target links. The target must be of this directory. Those of google/rpc came with Weir:
#   weir_generate(TARGET PROTO... ${Weir_INCLUDE_DIR}/google/rpc/error_details.proto IMPORT_DIRS ${Weir_INCLUDE_DIR})
#
# WEIR_LIBRARY may name the library to link: Weir::weir, which is the default, or Weir::weir_static.
# WEIR_PLUGIN_DIR may say where protoc-gen-weir and protoc-gen-weir-messages are: when Weir was built for another
# machine than this, those that run here.
cmake_policy(PUSH)
cmake_policy(VERSION 3.20...3.25)

find_program(WEIR_PROTOC protoc DOC "protoc, of Debian's protobuf-compiler")
find_program(WEIR_PROTOC_GEN_C protoc-gen-c DOC "protobuf-c's plugin, of Debian's protobuf-c-compiler")
get_filename_component(weir_prefix "${WEIR_PROTOC}" DIRECTORY)
find_path(WEIR_PROTO_DIR google/protobuf/any.proto HINTS ${weir_prefix}/../include
    DOC "Where google/protobuf/*.proto are, of Debian's libprotobuf-dev or libprotoc-dev")
unset(weir_prefix)

# The files of protoc and protobuf-c that a .proto imports, and those that these import.
function(weir_well_known_imports proto out_names)
    set(pattern "import[ \t\r\n]+((public|weak)[ \t\r\n]+)?[\"']((google/protobuf|protobuf-c)/[a-z_/-]+\\.proto)[\"']")
    set(names ${${out_names}})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${proto})
    file(READ ${proto} text)
    string(REGEX MATCHALL "${pattern}" imports "${text}")
    foreach(import IN LISTS imports)
        string(REGEX REPLACE "${pattern}" "\\3" name "${import}")
        if(NOT name IN_LIST names AND EXISTS ${WEIR_PROTO_DIR}/${name})
            list(APPEND names ${name})
            weir_well_known_imports(${WEIR_PROTO_DIR}/${name} names)
        endif()
    endforeach()
    set(${out_names} ${names} PARENT_SCOPE)
endfunction()

# One file; name is what an import says of it.
function(weir_generate_file target name proto dirs)
    get_target_property(done ${target} WEIR_GENERATED)
    if(done AND name IN_LIST done)
        return()
    endif()
    set_property(TARGET ${target} APPEND PROPERTY WEIR_GENERATED ${name})

    set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}.weir)
    string(REGEX REPLACE "\\.proto$" "" stem ${name})
    set(generated ${out}/${stem}.weir.c ${out}/${stem}.weir.h)
    file(READ ${proto} text)
    if(NOT text MATCHES "no_generate[ \t]*=[ \t]*true") # of protobuf-c: no messages in C
        # In protoc's order: Ninja wants the depfile to name the same output first.
        list(PREPEND generated ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
    endif()
    list(TRANSFORM dirs PREPEND -I)
    set(plugins)
    foreach(plugin protoc-gen-weir protoc-gen-weir-messages)
        if(WEIR_PLUGIN_DIR)
            list(APPEND plugins --plugin=${WEIR_PLUGIN_DIR}/${plugin})
        else()
            list(APPEND plugins --plugin=${plugin}=$<TARGET_FILE:Weir::${plugin}>)
        endif()
    endforeach()
    get_filename_component(folder ${out}/${stem} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(
        OUTPUT ${generated}
        COMMAND ${WEIR_PROTOC} ${plugins} ${dirs} --weir-messages_out=${out} --weir_out=${out}
            --dependency_out=${out}/${stem}.d ${name}
        DEPENDS ${proto} Weir::protoc-gen-weir Weir::protoc-gen-weir-messages
        DEPFILE ${out}/${stem}.d
        COMMENT "Generating ${name} for ${target}"
        VERBATIM)
    set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS -w SKIP_LINTING ON)
    target_sources(${target} PRIVATE ${generated})
endfunction()

function(weir_generate target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" IMPORT_DIRS)
    foreach(needed WEIR_PROTOC WEIR_PROTOC_GEN_C WEIR_PROTO_DIR)
        if(NOT ${needed})
            message(FATAL_ERROR "weir_generate: ${needed} was not found; install protobuf-compiler and protobuf-c-compiler")
        endif()
    endforeach()
    if(NOT TARGET ${target})
        message(FATAL_ERROR "weir_generate: there is no target ${target}")
    elseif(NOT arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "weir_generate(${target}): no .proto is given")
    elseif(NOT CMAKE_C_COMPILER_LOADED)
        message(FATAL_ERROR "weir_generate(${target}): the project has to enable the language C")
    endif()

    set(import_dirs)
    foreach(dir IN LISTS arg_IMPORT_DIRS)
        get_filename_component(dir ${dir} ABSOLUTE)
        list(APPEND import_dirs ${dir})
    endforeach()
    set(well_known)
    foreach(proto IN LISTS arg_UNPARSED_ARGUMENTS)
        get_filename_component(proto ${proto} ABSOLUTE)
        if(NOT EXISTS ${proto})
            message(FATAL_ERROR "weir_generate(${target}): there is no file ${proto}")
        endif()
        get_filename_component(root ${proto} DIRECTORY)
        foreach(dir IN LISTS import_dirs)
            string(FIND ${proto} ${dir}/ at)
            if(at EQUAL 0)
                set(root ${dir})
                break()
            endif()
        endforeach()
        file(RELATIVE_PATH name ${root} ${proto})
        set(dirs ${root} ${import_dirs} ${WEIR_PROTO_DIR})
        list(REMOVE_DUPLICATES dirs)
        weir_generate_file(${target} ${name} ${proto} "${dirs}")
        weir_well_known_imports(${proto} well_known)
    endforeach()
    foreach(name IN LISTS well_known)
        weir_generate_file(${target} ${name} ${WEIR_PROTO_DIR}/${name} ${WEIR_PROTO_DIR})
    endforeach()

    set(library Weir::weir)
    if(WEIR_LIBRARY)
        set(library ${WEIR_LIBRARY})
    endif()
    target_include_directories(${target} SYSTEM
        PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_BINARY_DIR}/${target}.weir>)
    target_link_libraries(${target} PUBLIC ${library})
endfunction()

cmake_policy(POP)
