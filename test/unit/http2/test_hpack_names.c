/* SPDX-License-Identifier: Apache-2.0 */
/* The names that mean something, and the static table. */
#include "http2/hpack_names.h"

#include "hpack_tools.h"

static const struct {
    const char *name;
    enum h2_token token;
} tokens[] = {
    {":method", H2_TOKEN_METHOD},
    {":scheme", H2_TOKEN_SCHEME},
    {":path", H2_TOKEN_PATH},
    {":authority", H2_TOKEN_AUTHORITY},
    {":status", H2_TOKEN_STATUS},
    {":", H2_TOKEN_PSEUDO_UNKNOWN},
    {":protocol", H2_TOKEN_PSEUDO_UNKNOWN},
    {":methods", H2_TOKEN_PSEUDO_UNKNOWN},
    {"host", H2_TOKEN_HOST},
    {"content-type", H2_TOKEN_CONTENT_TYPE},
    {"content-length", H2_TOKEN_CONTENT_LENGTH},
    {"te", H2_TOKEN_TE},
    {"user-agent", H2_TOKEN_USER_AGENT},
    {"connection", H2_TOKEN_CONNECTION_SPECIFIC},
    {"keep-alive", H2_TOKEN_CONNECTION_SPECIFIC},
    {"proxy-connection", H2_TOKEN_CONNECTION_SPECIFIC},
    {"transfer-encoding", H2_TOKEN_CONNECTION_SPECIFIC},
    {"upgrade", H2_TOKEN_CONNECTION_SPECIFIC},
    {"grpc-timeout", H2_TOKEN_GRPC_TIMEOUT},
    {"grpc-encoding", H2_TOKEN_GRPC_ENCODING},
    {"grpc-accept-encoding", H2_TOKEN_GRPC_ACCEPT_ENCODING},
    {"grpc-status", H2_TOKEN_GRPC_STATUS},
    {"grpc-message", H2_TOKEN_GRPC_MESSAGE},
    {"grpc-status-details-bin", H2_TOKEN_GRPC_STATUS_DETAILS},
    {"grpc-", H2_TOKEN_GRPC_OTHER},
    {"grpc-trace-bin", H2_TOKEN_GRPC_OTHER},
    {"grpc-timeouts", H2_TOKEN_GRPC_OTHER},
    {"grpc", H2_TOKEN_NONE},
    {"grp-c", H2_TOKEN_NONE},
    {"x-request-id", H2_TOKEN_NONE},
    {"t", H2_TOKEN_NONE},
    {"tf", H2_TOKEN_NONE},
    {"content-typf", H2_TOKEN_NONE},
    {"a-name-longer-than-any-that-we-know", H2_TOKEN_NONE},
};

static void
test_tokens(void **state)
{
    uint8_t flaws;

    (void)state;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        weir_str name = weir_str_of(tokens[i].name);

        assert_int_equal(hpack_name_judge(name, &flaws), tokens[i].token);
        assert_int_equal(flaws, tokens[i].token == H2_TOKEN_PSEUDO_UNKNOWN ||
                                        tokens[i].token == H2_TOKEN_CONNECTION_SPECIFIC
                                    ? HPACK_BAD_NAME
                                    : 0);
    }
}

/* Names of every length with this character at every place but the first, where a colon means
 * something else. */
static void
check_character(char c, bool allowed)
{
    char name[30];
    uint8_t flaws;

    for (size_t len = 2; len < sizeof(name); len++) {
        for (size_t i = 1; i < len; i++) {
            memset(name, 'q', sizeof(name));
            name[i] = c;
            hpack_name_judge((weir_str){name, len}, &flaws);
            assert_int_equal(flaws, allowed ? 0 : HPACK_BAD_NAME);
        }
    }
}

/* RFC 9110, 5.6.2, without capitals. */
static void
test_characters_of_names(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        check_character((char)c,
            c != 0 && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz", c) != NULL);
}

/* Wherever a byte stands, NUL, CR and LF are found, and nothing else is refused. */
static void
test_characters_of_values(void **state)
{
    (void)state;
    for (size_t len = 1; len < 30; len++) {
        for (size_t i = 0; i < len; i++) {
            for (int c = 0; c < 256; c++) {
                char value[30];
                bool bad = c == 0 || c == '\r' || c == '\n';
                bool blank = (c == ' ' || c == '\t') && (i == 0 || i == len - 1);

                memset(value, 'v', sizeof(value));
                value[i] = (char)c;
                assert_int_equal(hpack_value_judge(H2_TOKEN_NONE, (weir_str){value, len}),
                    bad     ? HPACK_BAD_VALUE
                    : blank ? HPACK_BLANK_ENDS
                            : 0);
            }
        }
    }
}

/* A harmless control character must not hide a harmful one. */
static void
test_two_controls(void **state)
{
    char value[24];

    (void)state;
    for (size_t tab = 1; tab < 23; tab++) {
        for (size_t nul = 0; nul < 24; nul++) {
            memset(value, 'v', sizeof(value));
            value[tab] = '\t';
            value[nul] = '\0';
            assert_int_equal(
                hpack_value_judge(H2_TOKEN_NONE, (weir_str){value, 24}), HPACK_BAD_VALUE);
        }
    }
}

static void
test_values_of_te_and_pseudo_fields(void **state)
{
    (void)state;
    assert_int_equal(hpack_value_judge(H2_TOKEN_TE, STR("trailers")), 0);
    assert_int_equal(hpack_value_judge(H2_TOKEN_TE, STR("gzip")), HPACK_BAD_VALUE);
    assert_int_equal(hpack_value_judge(H2_TOKEN_TE, STR("")), HPACK_BAD_VALUE);
    assert_int_equal(hpack_value_judge(H2_TOKEN_PATH, STR("/a ")), HPACK_BAD_VALUE);
    assert_int_equal(hpack_value_judge(H2_TOKEN_HOST, STR("a ")), HPACK_BLANK_ENDS);
    assert_int_equal(hpack_value_judge(H2_TOKEN_PATH, STR("/a b")), 0);
}

/* Each entry of the static table is found by its name and by its value, and is judged like a
 * literal. */
static void
test_static_table(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= HPACK_STATIC_COUNT; i++) {
        const struct h2_field *field = &hpack_static_table[i].field;
        const struct hpack_known_name *known = hpack_name_lookup(field->name);
        uint8_t flaws;

        assert_non_null(known);
        assert_true(known->number >= 1 && known->number <= i);
        assert_true(weir_str_equal(hpack_static_table[known->number].field.name, field->name));
        assert_true(known->number == 1 ||
                    !weir_str_equal(hpack_static_table[known->number - 1].field.name, field->name));
        assert_int_equal(hpack_static_match(known->number, field->value), i);
        assert_int_equal(hpack_static_match(known->number, STR("no such value")), 0);
        assert_int_equal(hpack_name_judge(field->name, &flaws), field->token);
        assert_int_equal(flaws, hpack_static_table[i].flaws);
    }
    assert_int_equal(hpack_static_match(0, STR("")), 0);
}

/* RFC 7541, appendix A, here and there. */
static void
expect_static(uint32_t number, const char *name, const char *value)
{
    assert_true(weir_str_equal(hpack_static_table[number].field.name, weir_str_of(name)));
    assert_true(weir_str_equal(hpack_static_table[number].field.value, weir_str_of(value)));
}

static void
test_static_samples(void **state)
{
    (void)state;
    expect_static(1, ":authority", "");
    expect_static(2, ":method", "GET");
    expect_static(8, ":status", "200");
    expect_static(14, ":status", "500");
    expect_static(16, "accept-encoding", "gzip, deflate");
    expect_static(28, "content-length", "");
    expect_static(31, "content-type", "");
    expect_static(38, "host", "");
    expect_static(50, "range", "");
    expect_static(58, "user-agent", "");
    expect_static(61, "www-authenticate", "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_characters_of_names),
        cmocka_unit_test(test_characters_of_values),
        cmocka_unit_test(test_two_controls),
        cmocka_unit_test(test_values_of_te_and_pseudo_fields),
        cmocka_unit_test(test_static_table),
        cmocka_unit_test(test_static_samples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
