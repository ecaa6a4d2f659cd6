/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: what is a traceparent and a tracestate, and what is none. */
#include "tracing/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define GOOD "00-" TRACE "-" SPAN "-01"

/* ---- traceparent ---- */

static void
good_parents_are_read(void **state)
{
    static const struct {
        const char *text;
        bool sampled;
    } good[] = {
        {GOOD, true},
        {"00-" TRACE "-" SPAN "-00", false},
        {"00-" TRACE "-" SPAN "-03", true},
        {"00-" TRACE "-" SPAN "-fe", false},
        {"01-" TRACE "-" SPAN "-01", true}, /* of a version to come */
        {"cc-" TRACE "-" SPAN "-01-what the future will be like", true},
        {"01-" TRACE "-" SPAN "-01-", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct weir_trace_context context;
        char trace_id[WEIR_TRACE_ID_TEXT], span_id[WEIR_SPAN_ID_TEXT];

        assert_true(weir_traceparent_parse(weir_str_of(good[i].text), &context));
        assert_int_equal(context.sampled, good[i].sampled);
        weir_trace_id_text(&context, trace_id);
        weir_span_id_text(&context, span_id);
        assert_string_equal(trace_id, TRACE);
        assert_string_equal(span_id, SPAN);
    }
}

static void
bad_parents_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01 ",
        " 00-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-01-", /* version 00 has no more */
        "00-" TRACE "-" SPAN "-01-x",
        "01-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "FF-" TRACE "-" SPAN "-01",
        "0x-" TRACE "-" SPAN "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-" TRACE "-00F067AA0BA902B7-01",
        "00-" TRACE "-" SPAN "-0G",
        "00-" TRACE "-" SPAN "-0A",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-" SPAN "-01x",
        "00-" TRACE "--0f067aa0ba902b7-01",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct weir_trace_context context = {.span_id = {7}};

        assert_false(weir_traceparent_parse(weir_str_of(bad[i]), &context));
        assert_int_equal(context.span_id[0], 7);
    }
    assert_false(weir_traceparent_parse((weir_str){GOOD, 54}, &(struct weir_trace_context){0}));
    assert_false(weir_traceparent_parse((weir_str){GOOD, 56}, &(struct weir_trace_context){0}));
    assert_false(weir_traceparent_parse((weir_str){NULL, 0}, &(struct weir_trace_context){0}));
}

static void
parents_are_written_as_they_are_read(void **state)
{
    struct weir_trace_context context;
    char text[WEIR_TRACEPARENT_TEXT];

    (void)state;
    assert_true(weir_traceparent_parse(weir_str_of(GOOD), &context));
    weir_traceparent_format(&context, text);
    assert_string_equal(text, GOOD);
    context.sampled = false;
    weir_traceparent_format(&context, text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-00");
}

static void
states_are_good_or_dropped(void **state)
{
    static const char *const good[] = {"a=b", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        "fw529a3039@dt=FfmU,a=b", "a=b , c=d\t", "a=b,,c=d", "a=b,", "0a=x y", "a-b_c*d/e=1"};
    static const char *const bad[] = {"", "a", "=b", "a=", "a=b=c", "A=b", "a =b", "-a=b", "a=\xc3",
        "a=b;c\x7f", "a=b,c", "@a=b"};
    char many[400] = "", wide[600];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(context_state_valid(weir_str_of(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(context_state_valid(weir_str_of(bad[i])));
    for (size_t i = 0; i < 32; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "%sk%zu=v", i ? "," : "", i);
    assert_true(context_state_valid(weir_str_of(many)));
    snprintf(many + strlen(many), sizeof(many) - strlen(many), ",k32=v");
    assert_false(context_state_valid(weir_str_of(many)));
    memset(wide, 'v', sizeof(wide));
    memcpy(wide, "key=", 4);
    assert_true(context_state_valid((weir_str){wide, 4 + 256}));
    assert_false(context_state_valid((weir_str){wide, 4 + 257}));
    assert_false(context_state_valid((weir_str){NULL, 0}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_parents_are_read),
        cmocka_unit_test(bad_parents_are_none),
        cmocka_unit_test(parents_are_written_as_they_are_read),
        cmocka_unit_test(states_are_good_or_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
