/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/fiber/stack.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fiber/stack.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* What the kernel says when it is asked to read there. */
static bool
is_readable(const char *address)
{
    int ends[2];
    bool read_it;

    assert_int_equal(pipe(ends), 0);
    read_it = write(ends[1], address, 1) == 1;
    assert_true(read_it || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return read_it;
}

static void
check_stack(enum stack_guard *guard)
{
    struct stack stack = {0};

    assert_true(stack_map(100000, guard, &stack));
    assert_true(stack.size >= 100000);
    assert_int_equal((uintptr_t)stack.bottom % 16, 0);
    assert_int_equal(stack.size % 16, 0);
    memset(stack.bottom, 1, stack.size);
    assert_true(is_readable(stack.bottom));
    for (const char *at = stack.base; at < stack.bottom; at += 1024)
        assert_false(is_readable(at));
    assert_false(is_readable(stack.bottom - 1));
    assert_true(stack_unmap(&stack));
    assert_false(is_readable(stack.bottom));
}

static void
a_stack_is_usable_and_guarded(void **state)
{
    enum stack_guard guard = STACK_GUARD_UNKNOWN;

    (void)state;
    check_stack(&guard);
    assert_int_not_equal(guard, STACK_GUARD_UNKNOWN);
    check_stack(&guard);
}

/* As on kernels that have no lighter guard. */
static void
a_stack_can_be_guarded_by_mprotect(void **state)
{
    enum stack_guard guard = STACK_GUARD_MPROTECT;

    (void)state;
    check_stack(&guard);
    assert_int_equal(guard, STACK_GUARD_MPROTECT);
}

static void
a_small_stack_is_made_larger(void **state)
{
    enum stack_guard guard = STACK_GUARD_UNKNOWN;
    struct stack stack;

    (void)state;
    assert_true(stack_map(0, &guard, &stack));
    assert_true(stack.size >= 16384);
    assert_true(stack_unmap(&stack));
}

static void
a_size_that_cannot_be_is_refused(void **state)
{
    enum stack_guard guard = STACK_GUARD_UNKNOWN;
    struct stack stack = {.size = 7};

    (void)state;
    assert_false(stack_map(SIZE_MAX, &guard, &stack));
    if (sizeof(size_t) == 8) /* of 32 bits half may be free */
        assert_false(stack_map(SIZE_MAX / 2, &guard, &stack));
    assert_int_equal(stack.size, 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_is_usable_and_guarded),
        cmocka_unit_test(a_stack_can_be_guarded_by_mprotect),
        cmocka_unit_test(a_small_stack_is_made_larger),
        cmocka_unit_test(a_size_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
