/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/fiber/switch.c and of the assembly beside it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fiber/announce.h"
#include "fiber/switch.h"
#include <stdint.h>
#include <stdlib.h>

#define STACK_SIZE (256 * 1024)

/* Two contexts, and what the sanitizers must be told of them. */
static struct fiber_context here, there;
static struct announced_stack here_announced, there_announced;

static void
go_there(void)
{
    announce_leave(&here_announced, &there_announced);
    fiber_context_switch(&here, &there);
    announce_arrive(&here_announced, &there_announced);
}

static void
go_back(void)
{
    announce_leave(&there_announced, &here_announced);
    fiber_context_switch(&there, &here);
    announce_arrive(&there_announced, &here_announced);
}

static void *
prepare(void (*entry)(void *arg), void *arg)
{
    void *stack = aligned_alloc(64, STACK_SIZE);

    assert_non_null(stack);
    there_announced = (struct announced_stack){.bottom = stack, .size = STACK_SIZE};
    announce_new(&there_announced);
    fiber_context_init(&there, stack, STACK_SIZE, entry, arg);
    return stack;
}

static void
discard(void *stack)
{
    announce_free(&there_announced);
    free(stack);
}

/* ---- values in registers ---- */

/* More values than there are registers, integer and floating, all alive across each switch, so that
 * the callee-saved ones among them hold some. */
static double
mix(uint64_t seed, void (*switch_fn)(void))
{
    uint64_t a = seed, b = seed ^ 2, c = seed ^ 3, d = seed ^ 4, e = seed ^ 5, f = seed ^ 6;
    uint64_t g = seed ^ 7, h = seed ^ 8, i = seed ^ 9, j = seed ^ 10, k = seed ^ 11;
    double r = (double)seed, s = r + 1, t = r + 2, u = r + 3, v = r + 4, w = r + 5, x = r + 6,
           y = r + 7, z = r + 8;

    for (int round = 0; round < 50; round++) {
        switch_fn();
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += i, i += j, j += k, k += a;
        r += s, s += t, t += u, u += v, v += w, w += x, x += y, y += z, z += r / 1024;
    }
    return (double)((a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k) >> 16) + r + s + t + u + v + w + x +
           y + z;
}

static void
stay(void)
{
    __asm__ volatile("" ::: "memory");
}

struct mixer {
    uint64_t seed;
    double result;
    void *sp;
};

static void
mix_there(void *arg)
{
    struct mixer *mixer = arg;

    announce_arrive(&there_announced, &here_announced);
    mixer->sp = __builtin_frame_address(0);
    mixer->result = mix(mixer->seed, go_back);
    for (;;)
        go_back();
}

static void
registers_live_on_across_switches(void **state)
{
    struct mixer mixer = {.seed = 77};
    void *stack = prepare(mix_there, &mixer);
    volatile double expected[] = {mix(1234567, stay), mix(77, stay)}; /* rounded, not in x87 */
    volatile double result = mix(1234567, go_there);

    (void)state;
    go_there();
    assert_true(result == expected[0]);
    assert_true(mixer.result == expected[1]);
    discard(stack);
}

static void
a_new_context_is_on_its_stack(void **state)
{
    struct mixer mixer = {0};
    char *stack = prepare(mix_there, &mixer);

    (void)state;
    go_there();
    assert_true((char *)mixer.sp > stack);
    assert_true((char *)mixer.sp < stack + STACK_SIZE);
    /* A frame begins with two pointers. */
    assert_int_equal(((uintptr_t)mixer.sp + 2 * sizeof(void *)) % 16, 0);
    discard(stack);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_live_on_across_switches),
        cmocka_unit_test(a_new_context_is_on_its_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
