/* SPDX-License-Identifier: Apache-2.0 */
/* Stack memory, with a guard area below it.
 *
 * A guard made by MADV_GUARD_INSTALL (Linux 6.13) is only a mark in the page table: neighbouring
 * stacks share one mapping, so their number is bounded by memory alone. Otherwise mprotect makes
 * the guard a mapping of its own, and vm.max_map_count (65,530) allows about 32,000 stacks. */

#include "fiber/stack.h"
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* More than a page: a frame with a few KiB of locals must not skip it. */
#define GUARD_SIZE 16384
#define STACK_SIZE_LEAST 16384

/* An emulator may accept the advice without following it; this lets the kernel check whether the
 * guard is writable. */
static bool
guards_hold(void *guard)
{
    return getrandom(guard, 1, GRND_NONBLOCK) < 0 && errno == EFAULT;
}

static bool
install_guard(char *base, size_t size, enum stack_guard *guard)
{
    if (*guard != STACK_GUARD_MPROTECT && madvise(base, size, MADV_GUARD_INSTALL) == 0) {
        if (*guard == STACK_GUARD_MADVISE || guards_hold(base)) {
            *guard = STACK_GUARD_MADVISE;
            return true;
        }
    }
    if (mprotect(base, size, PROT_NONE) != 0)
        return false;
    if (*guard == STACK_GUARD_UNKNOWN)
        *guard = STACK_GUARD_MPROTECT;
    return true;
}

static size_t
round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

bool
stack_map(size_t size, enum stack_guard *guard, struct stack *out_stack)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), guard_size = round_up(GUARD_SIZE, page);
    char *base;

    if (size > SIZE_MAX / 2)
        return false;
    size = round_up(size < STACK_SIZE_LEAST ? STACK_SIZE_LEAST : size, page);
    base = mmap(NULL, guard_size + size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return false;
    /* A huge page would make a small stack cost 2 MiB. */
    (void)madvise(base, guard_size + size, MADV_NOHUGEPAGE);
    if (!install_guard(base, guard_size, guard)) {
        munmap(base, guard_size + size);
        return false;
    }
    *out_stack = (struct stack){base, base + guard_size, size};
    return true;
}

bool
stack_unmap(const struct stack *stack)
{
    size_t guard_size = (size_t)(stack->bottom - stack->base);

    return munmap(stack->base, guard_size + stack->size) == 0;
}
