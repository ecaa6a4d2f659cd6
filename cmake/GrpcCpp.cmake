# SPDX-License-Identifier: Apache-2.0
# grpc_cpp_generate(TARGET PROTO... [IMPORT_DIR DIR]): gRPC's own C++ code of .proto files, for the peers that we
# are compared with and tested against. A file's name is its path below DIR, or else its base name.
# GRPC_CPP_FOUND says whether that can be had here.
pkg_check_modules(GRPCPP IMPORTED_TARGET grpc++)
pkg_check_modules(PROTOBUF_CPP IMPORTED_TARGET protobuf)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin DOC "gRPC's plugin for C++, of Debian's protobuf-compiler-grpc")
set(GRPC_CPP_FOUND OFF)
if(GRPCPP_FOUND AND PROTOBUF_CPP_FOUND AND GRPC_CPP_PLUGIN)
    set(GRPC_CPP_FOUND ON)
endif()

function(grpc_cpp_generate target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" IMPORT_DIR "")
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}.grpc)
    file(MAKE_DIRECTORY ${out})
    foreach(proto ${arg_UNPARSED_ARGUMENTS})
        get_filename_component(proto ${proto} ABSOLUTE)
        get_filename_component(folder ${proto} DIRECTORY)
        if(arg_IMPORT_DIR)
            set(folder ${arg_IMPORT_DIR})
        endif()
        file(RELATIVE_PATH name ${folder} ${proto})
        string(REGEX REPLACE "\\.proto$" "" name ${name})
        set(generated ${out}/${name}.pb.cc ${out}/${name}.pb.h ${out}/${name}.grpc.pb.cc ${out}/${name}.grpc.pb.h)
        add_custom_command(
            OUTPUT ${generated}
            COMMAND ${WEIR_PROTOC} -I${folder} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN}
                --cpp_out=${out} --grpc_out=${out} ${proto}
            DEPENDS ${proto}
            COMMENT "Generating C++ of ${name}.proto for ${target}"
            VERBATIM)
        set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS -w SKIP_LINTING ON)
        target_sources(${target} PRIVATE ${generated})
    endforeach()
    target_include_directories(${target} SYSTEM PUBLIC ${out})
    target_link_libraries(${target} PUBLIC PkgConfig::GRPCPP PkgConfig::PROTOBUF_CPP Threads::Threads)
endfunction()
