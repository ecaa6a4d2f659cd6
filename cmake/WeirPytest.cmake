# SPDX-License-Identifier: Apache-2.0
# weir_pytest(NAME [POSTGRES] [REDIS] FILE...): run test files of pytest as one test; with POSTGRES, userd keeps its users
# in one, see test/support/with_postgres, and with REDIS it caches them there (with_redis). What passing tests print, such
# as how soon userd was back, is shown. They find the programs by WEIR_BIN; script/setup installs what else they need.

# Debian's, which has grpcio; another one may be first on PATH.
set(WEIR_PYTHON /usr/bin/python3 CACHE FILEPATH "A Python with grpcio, protobuf and pytest")

function(weir_pytest name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "POSTGRES;REDIS" "" "")
    set(with)
    if(arg_POSTGRES)
        set(with ${CMAKE_SOURCE_DIR}/test/support/with_postgres)
    endif()
    if(arg_REDIS)
        list(APPEND with ${CMAKE_SOURCE_DIR}/test/support/with_redis)
    endif()
    add_test(NAME ${name}
        COMMAND ${with} ${WEIR_PYTHON} -B -m pytest -q -rP -p no:cacheprovider --import-mode=importlib
            --rootdir=${CMAKE_SOURCE_DIR}/test ${arg_UNPARSED_ARGUMENTS}
        WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    set_tests_properties(${name} PROPERTIES
        LABELS e2e
        TIMEOUT 600
        ENVIRONMENT "WEIR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endfunction()
