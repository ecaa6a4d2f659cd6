/* SPDX-License-Identifier: Apache-2.0 */
/* What a server does for its memory while connections come and go, on the loop that serves them. */
#include "raw.h"
#include "service.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

/* An allocator which has so many free pieces, at times, that to count them takes long. All of its
 * memory is used. */
#define LONG_MS 300

static atomic_uint looks;
static atomic_bool is_long;

static int64_t
thread_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * WEIR_SECOND + time.tv_nsec;
}

static void
work(void)
{
    int64_t end = thread_time() + LONG_MS * WEIR_MILLISECOND;

    while (thread_time() < end)
        continue;
}

struct mallinfo2 __wrap_mallinfo2(void);

struct mallinfo2
__wrap_mallinfo2(void)
{
    if (is_long)
        work();
    atomic_fetch_add(&looks, 1);
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

static void
come_and_go_until(const struct running *running, unsigned count)
{
    while (looks < count) { /* who comes and goes does not put it off */
        come_and_go(running);
        usleep(20000);
    }
}

/* The loop, and whoever calls it, has better things to do: it looks at each pass while that costs
 * nothing, but once it has cost much not for long. */
static void
looks_that_take_long_are_few(void **state)
{
    struct running running;
    int64_t until;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    come_and_go_until(&running, 2);
    is_long = true;
    come_and_go_until(&running, 3);
    until = weir_now() + 5 * WEIR_SECOND; /* two passes and more */
    while (weir_now() < until) {
        come_and_go(&running);
        usleep(20000);
    }
    assert_int_equal(looks, 3);
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
