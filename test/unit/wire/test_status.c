/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the status of calls that HTTP/2 or HTTP ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

static void
test_resets(void **state)
{
    static const weir_code codes[] = {
        [H2_NO_ERROR] = WEIR_INTERNAL,
        [H2_PROTOCOL_ERROR] = WEIR_INTERNAL,
        [H2_INTERNAL_ERROR] = WEIR_INTERNAL,
        [H2_FLOW_CONTROL_ERROR] = WEIR_INTERNAL,
        [H2_SETTINGS_TIMEOUT] = WEIR_INTERNAL,
        [H2_STREAM_CLOSED] = WEIR_INTERNAL,
        [H2_FRAME_SIZE_ERROR] = WEIR_INTERNAL,
        [H2_REFUSED_STREAM] = WEIR_UNAVAILABLE,
        [H2_CANCEL] = WEIR_CANCELLED,
        [H2_COMPRESSION_ERROR] = WEIR_INTERNAL,
        [H2_CONNECT_ERROR] = WEIR_INTERNAL,
        [H2_ENHANCE_YOUR_CALM] = WEIR_RESOURCE_EXHAUSTED,
        [H2_INADEQUATE_SECURITY] = WEIR_PERMISSION_DENIED,
        [H2_HTTP_1_1_REQUIRED] = WEIR_INTERNAL,
    };

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const char *message = NULL;

        assert_int_equal(wire_status_of_reset((enum h2_code)i, &message), codes[i]);
        assert_non_null(message);
    }
}

static void
test_unknown_resets(void **state)
{
    static const uint32_t codes[] = {0xe, 0xff, 0x7fffffff, 0x80000000, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const char *message = NULL;

        assert_int_equal(wire_status_of_reset((enum h2_code)codes[i], &message), WEIR_UNKNOWN);
        assert_non_null(message);
    }
}

static void
test_http(void **state)
{
    static const struct {
        int http;
        weir_code code;
    } rows[] = {{100, WEIR_INTERNAL}, {103, WEIR_INTERNAL}, {199, WEIR_INTERNAL},
        {200, WEIR_UNKNOWN}, {204, WEIR_UNKNOWN}, {302, WEIR_UNKNOWN}, {400, WEIR_INTERNAL},
        {401, WEIR_UNAUTHENTICATED}, {403, WEIR_PERMISSION_DENIED}, {404, WEIR_UNIMPLEMENTED},
        {405, WEIR_UNKNOWN}, {415, WEIR_UNKNOWN}, {429, WEIR_UNAVAILABLE}, {431, WEIR_UNKNOWN},
        {500, WEIR_UNKNOWN}, {502, WEIR_UNAVAILABLE}, {503, WEIR_UNAVAILABLE},
        {504, WEIR_UNAVAILABLE}, {505, WEIR_UNKNOWN}, {0, WEIR_UNKNOWN}, {-1, WEIR_UNKNOWN}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(wire_status_of_http(rows[i].http), rows[i].code);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_unknown_resets),
        cmocka_unit_test(test_http),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
