/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading a content-type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/content_type.h"

static void
test_table(void **state)
{
    static const struct {
        const char *text;
        enum wire_content content;
    } rows[] = {
        {"application/grpc", WIRE_CONTENT_PROTO},
        {"application/grpc+proto", WIRE_CONTENT_PROTO},
        {"application/grpc;charset=utf-8", WIRE_CONTENT_PROTO},
        {"application/grpc ; charset=utf-8", WIRE_CONTENT_PROTO},
        {"application/grpc+proto;v=1", WIRE_CONTENT_PROTO},
        {"application/grpc+proto ; v=1", WIRE_CONTENT_PROTO},
        {"application/grpc;", WIRE_CONTENT_PROTO},
        {"Application/GRPC+Proto", WIRE_CONTENT_PROTO},
        {"application/grpc+json", WIRE_CONTENT_OTHER},
        {"application/grpc+", WIRE_CONTENT_OTHER},
        {"application/grpc+protobuf", WIRE_CONTENT_OTHER},
        {"application/grpc+prot", WIRE_CONTENT_OTHER},
        {"application/grpc+thrift;x", WIRE_CONTENT_OTHER},
        {"", WIRE_CONTENT_FOREIGN},
        {"application/grp", WIRE_CONTENT_FOREIGN},
        {"application/grpcfoo", WIRE_CONTENT_FOREIGN},
        {"application/grpc-web", WIRE_CONTENT_FOREIGN},
        {"application/grpc-web+proto", WIRE_CONTENT_FOREIGN},
        {"application/json", WIRE_CONTENT_FOREIGN},
        {"text/html", WIRE_CONTENT_FOREIGN},
        {" application/grpc", WIRE_CONTENT_FOREIGN},
        {"application/grpc,application/grpc", WIRE_CONTENT_FOREIGN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(wire_content_read(weir_str_of(rows[i].text)), rows[i].content);
    assert_int_equal(wire_content_read((weir_str){NULL, 0}), WIRE_CONTENT_FOREIGN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
