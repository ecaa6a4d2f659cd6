/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/input.c and interrupt.c: what a thread waits for while the main one does else.
 */
#include "userctl/input.h"
#include "userctl/interrupt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/channel.h>
#include <weir/loop.h>

#include <cmocka.h>

struct standard_input {
    int before;
    int pipe[2];
};

static void
replace_input(struct standard_input *standard)
{
    standard->before = dup(STDIN_FILENO);
    assert_int_equal(pipe(standard->pipe), 0);
    dup2(standard->pipe[0], STDIN_FILENO);
    close(standard->pipe[0]);
}

static void
restore_input(struct standard_input *standard)
{
    dup2(standard->before, STDIN_FILENO);
    close(standard->before);
}

/* Wait for bytes; their number. */
static size_t
await(struct input *input, weir_event *event, char out[INPUT_ROOM], bool *out_ended)
{
    size_t len;

    do {
        assert_int_equal(weir_event_wait(event, NULL), WEIR_OK);
        weir_event_clear(event);
        len = input_take(input, out, out_ended);
    } while (len == 0 && !*out_ended);
    return len;
}

static void
bytes_come_in_their_order(void **state)
{
    static char sent[10 * INPUT_ROOM], seen[10 * INPUT_ROOM];
    struct standard_input standard;
    weir_event *event = weir_event_new();
    struct input input;
    size_t len = 0;
    bool ended = false;

    (void)state;
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 7 + i / 251);
    replace_input(&standard);
    assert_true(input_start(&input, event));
    assert_int_equal(write(standard.pipe[1], sent, 3), 3);
    len += await(&input, event, seen, &ended);
    assert_int_equal(len, 3);
    assert_int_equal(write(standard.pipe[1], sent + 3, sizeof(sent) - 3), sizeof(sent) - 3);
    close(standard.pipe[1]);
    while (!ended) {
        char bytes[INPUT_ROOM];
        size_t more = await(&input, event, bytes, &ended);
        assert_true(more <= sizeof(seen) - len);
        memcpy(seen + len, bytes, more);
        len += more;
    }
    input_stop(&input);
    assert_int_equal(len, sizeof(sent));
    assert_memory_equal(seen, sent, sizeof(sent));
    restore_input(&standard);
    weir_event_unref(event);
}

/* Whether its thread waits for bytes, or for those that it has to be taken. */
static void
it_stops_at_any_time(void **state)
{
    struct standard_input standard;
    weir_event *event = weir_event_new();
    struct input input;

    (void)state;
    replace_input(&standard);
    assert_true(input_start(&input, event));
    input_stop(&input);
    assert_int_equal(write(standard.pipe[1], "abc", 3), 3);
    assert_true(input_start(&input, event));
    assert_int_equal(weir_event_wait(event, NULL), WEIR_OK);
    assert_int_equal(write(standard.pipe[1], "def", 3), 3);
    input_stop(&input);
    close(standard.pipe[1]);
    restore_input(&standard);
    weir_event_unref(event);
}

static void
a_signal_cancels_the_call(void **state)
{
    weir_event *never = weir_event_new();
    struct interrupt interrupt;
    weir_channel *channel;
    weir_call *call, *next;
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, "127.0.0.1:1", NULL, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    next = weir_call_new(channel, NULL);
    assert_true(interrupt_start(&interrupt));
    interrupt_cancels(&interrupt, call);
    assert_false(atomic_load(&interrupt.happened));
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(weir_event_wait(never, call), WEIR_CANCELLED);
    assert_true(atomic_load(&interrupt.happened));
    interrupt_cancels(&interrupt, next); /* too late to begin */
    assert_int_equal(weir_event_wait(never, next), WEIR_CANCELLED);
    interrupt_stop(&interrupt);
    assert_true(interrupt_start(&interrupt)); /* anew, and nothing happens */
    assert_false(atomic_load(&interrupt.happened));
    interrupt_stop(&interrupt);
    weir_call_free(next);
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    weir_event_unref(never);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_in_their_order),
        cmocka_unit_test(it_stops_at_any_time),
        cmocka_unit_test(a_signal_cancels_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
