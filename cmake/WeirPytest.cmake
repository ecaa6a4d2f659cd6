# SPDX-License-Identifier: Apache-2.0
# weir_pytest(NAME FILE...): run test files of pytest as one test. They find the programs by WEIR_BIN; script/setup
# installs what else they need.

# Debian's, which has grpcio; another one may be first on PATH.
set(WEIR_PYTHON /usr/bin/python3 CACHE FILEPATH "A Python with grpcio, protobuf and pytest")

function(weir_pytest name)
    add_test(NAME ${name}
        COMMAND ${WEIR_PYTHON} -B -m pytest -q -p no:cacheprovider --import-mode=importlib
            --rootdir=${CMAKE_SOURCE_DIR}/test ${ARGN}
        WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    set_tests_properties(${name} PROPERTIES
        LABELS e2e
        TIMEOUT 600
        ENVIRONMENT "WEIR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endfunction()
