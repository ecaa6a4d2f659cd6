/* SPDX-License-Identifier: Apache-2.0 */
/* What a server does for its memory while connections come and go, on the loop that serves them. */
#include "raw.h"
#include "service.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* An allocator with so many free pieces that to count them takes long. All of its memory is used.
 */
#define LONG_MS 300

static atomic_uint looks;

struct mallinfo2 __wrap_mallinfo2(void);

struct mallinfo2
__wrap_mallinfo2(void)
{
    atomic_fetch_add(&looks, 1);
    usleep(LONG_MS * 1000);
    return (struct mallinfo2){.uordblks = SIZE_MAX / 2};
}

static void
come_and_go(const struct running *running)
{
    struct raw raw;

    raw_connect(&raw, running->address);
    raw_greet(&raw, true, 0, 0);
    raw_request(&raw, 1, "Unary", NULL);
    raw_text(&raw, RAW_END_STREAM, 1, "hello");
    raw_close(&raw);
}

/* The loop, and whoever calls it, has better things to do: it looks once, and then not for the two
 * hundredfold of the time that it took. */
static void
looks_that_take_long_are_few(void **state)
{
    struct running running;
    int64_t until;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    while (looks == 0) { /* who comes and goes does not put it off */
        come_and_go(&running);
        usleep(20000);
    }
    until = weir_now() + 5 * WEIR_SECOND; /* two passes and more */
    while (weir_now() < until) {
        come_and_go(&running);
        usleep(20000);
    }
    assert_int_equal(looks, 1);
    EVENTUALLY(running_is_empty(&running));
    running_stop(&running, WEIR_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_that_take_long_are_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
