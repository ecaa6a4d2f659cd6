/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what is read out of the headers traceparent and tracestate.
 *
 *   input:  text | NUL | text      of the one, and of the other */
#include "fuzz.h"
#include "tracing/context.h"

/* What was read is written the same, but for what a version to come may add and for its flags. */
static void
check_parent(weir_str text)
{
    struct weir_trace_context context, again;
    char written[WEIR_TRACEPARENT_TEXT];

    if (!weir_traceparent_parse(text, &context))
        return;
    FUZZ_CHECK(text.len >= 55);
    weir_traceparent_format(&context, written);
    FUZZ_CHECK(strlen(written) == 55);
    FUZZ_CHECK(memcmp(written + 2, text.data + 2, 51) == 0);
    FUZZ_CHECK(weir_traceparent_parse(weir_str_of(written), &again));
    FUZZ_CHECK(memcmp(context.trace_id, again.trace_id, sizeof(again.trace_id)) == 0);
    FUZZ_CHECK(memcmp(context.span_id, again.span_id, sizeof(again.span_id)) == 0);
    FUZZ_CHECK(context.sampled == again.sampled);
}

/* What is passed on can be a header's value. */
static void
check_state(weir_str text)
{
    if (!context_state_valid(text))
        return;
    FUZZ_CHECK(text.len <= 512);
    for (size_t i = 0; i < text.len; i++)
        FUZZ_CHECK(text.data[i] == '\t' || (text.data[i] >= 0x20 && text.data[i] <= 0x7e));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size == 0 ? NULL : memchr(text, 0, size);
    size_t len = end == NULL ? size : (size_t)(end - text);

    check_parent((weir_str){text, len});
    if (end != NULL)
        check_state((weir_str){end + 1, size - len - 1});
    return 0;
}
