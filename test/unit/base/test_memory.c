/* SPDX-License-Identifier: Apache-2.0 */
/* Arena, buffer and map when memory runs out: they say so, and are as they were. And
 * src/base/memory.c, which asks the allocator. */
#include "../failing.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *
print(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

static void
use_arena(void)
{
    struct arena arena;
    const char *copy, *text;
    char *zeroed;

    arena_init(&arena, NULL, 0);
    copy = arena_dup(&arena, weir_str_of("kept"));
    zeroed = arena_zalloc(&arena, 2000);
    text = print(&arena, "%5000d", 7);
    if (copy != NULL)
        assert_string_equal(copy, "kept");
    if (zeroed != NULL)
        assert_int_equal(zeroed[1999], 0);
    if (text != NULL)
        assert_int_equal(strlen(text), 5000);
    assert_true(copy != NULL || zeroed != NULL || text != NULL);
    arena_fini(&arena);
}

static void
use_buf(void)
{
    struct buf buf = BUF_EMPTY;
    size_t appended = 0;

    for (uint8_t i = 0; i < 200; i++) {
        if (buf_append(&buf, &i, 1))
            appended++;
        assert_int_equal(buf_len(&buf), appended);
    }
    assert_true(appended >= 199);
    for (size_t i = 1; i < appended; i++)
        assert_true(buf_head(&buf)[i] > buf_head(&buf)[i - 1]);
    buf_fini(&buf);
}

static void
use_map(void)
{
    static char keys[100][8];
    struct map map;
    size_t put = 0;

    map_init(&map, 1);
    for (int i = 0; i < 100; i++) {
        bool done;

        snprintf(keys[i], sizeof(keys[i]), "%d", i);
        done = map_put(&map, weir_str_of(keys[i]), keys[i]);
        put += done;
        assert_ptr_equal(map_lookup(&map, weir_str_of(keys[i])), done ? keys[i] : NULL);
        assert_int_equal(map.count, put);
    }
    assert_true(put >= 99);
    map_fini(&map);
}

static void
test_arena(void **state)
{
    (void)state;
    fail_each(use_arena);
}

static void
test_buf(void **state)
{
    (void)state;
    fail_each(use_buf);
}

static void
test_map(void **state)
{
    (void)state;
    fail_each(use_map);
}

#define ASKERS 4

static void *
ask(void *start)
{
    pthread_barrier_wait(start);
    (void)memory_slack();
    memory_pass_on();
    return NULL;
}

/* The process's first questions, all at once. */
static void
ask_at_once(void)
{
    pthread_barrier_t start;
    pthread_t askers[ASKERS];

    pthread_barrier_init(&start, NULL, ASKERS);
    for (size_t i = 0; i < ASKERS; i++)
        if (pthread_create(&askers[i], NULL, ask, &start) != 0)
            _exit(1);
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    _exit(0);
}

static void
test_any_threads_ask_first(void **state)
{
    int status;

    (void)state;
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();

        if (child == 0)
            ask_at_once();
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_any_threads_ask_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
