/* SPDX-License-Identifier: Apache-2.0 */
/* Letting the kernel drop the SYNs of some origins (SO_ATTACH_FILTER on a listening socket).
 *
 * The kernel runs the filter of a listening socket on every packet for it, including SYNs. A
 * dropped packet looks lost to the peer, whose kernel retries after a second or two. Any process
 * may attach a filter; it is a classic BPF program over the packet, which begins at the TCP header:
 *
 *   is it a SYN without ACK? no: accept
 *   is it IPv4?              yes: is its source A, or B, ...?              drop
 *                            no: is its source's network C, or D, ...?     drop
 *   accept
 *
 * IPv6 networks are compared with words in the program's scratch memory, since each load from the
 * packet is translated to ten instructions, all of which count against the socket's memory limit:
 * net.core.optmem_max, 20 KiB before Linux 6.7.
 *
 * Packets of established connections pass at the first test, and the reference to the filter that
 * an accepted connection inherits is removed (net_syn_filter_clear).
 *
 * A socket has one filter, whichever of the listeners that share it attached it: while a process
 * takes over from another both do, and the last one counts. So a program begins with its listener's
 * mark, and a listener that closes does not remove another's filter. The mark is a random number,
 * because processes in different containers may have the same pid. */
#include "net/private.h"

#include "base/bytes.h"
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>

#define TCP_FLAGS 13
#define SYN_AND_ACK 0x12
#define SYN_ALONE 0x02
#define NETWORK(offset) ((uint32_t)SKF_NET_OFF + (offset)) /* relative to the IP header */
#define V4_SOURCE 12
#define V6_SOURCE 8

/* An IPv4 origin takes 2 instructions, IPv6 5; plus the fixed ones. */
#define OPS_MAX (5 * NET_SHUT_OUT_MAX + 17)

struct program {
    struct sock_filter ops[OPS_MAX];
    unsigned short count;
};

static void
put(struct program *program, uint16_t code, uint32_t operand, uint8_t if_true, uint8_t if_false)
{
    program->ops[program->count++] =
        (struct sock_filter){.code = code, .jt = if_true, .jf = if_false, .k = operand};
}

static void
take(struct program *program)
{
    put(program, BPF_RET | BPF_K, UINT32_MAX, 0, 0);
}

static void
drop(struct program *program)
{
    put(program, BPF_RET | BPF_K, 0, 0, 0);
}

/* Each jump skips that many of the next instructions if the comparison fails. */
static void
unless_equal(struct program *program, uint32_t value, uint8_t skip)
{
    put(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

static void
load_word(struct program *program, uint32_t at)
{
    put(program, BPF_LD | BPF_W | BPF_ABS, at, 0, 0);
}

static void
drop_v4(struct program *program, const struct net_origin *origins, size_t count)
{
    load_word(program, NETWORK(V4_SOURCE));
    for (size_t i = 0; i < count; i++) {
        if (!net_origin_is_v4(&origins[i]))
            continue;
        unless_equal(program, load_be32(origins[i].bytes + 12), 1);
        drop(program);
    }
    take(program);
}

/* Store the source's network in the first two words of the program's memory. */
static void
keep_v6(struct program *program)
{
    for (uint32_t word = 0; word < 2; word++) {
        load_word(program, NETWORK(V6_SOURCE + 4 * word));
        put(program, BPF_ST, word, 0, 0);
    }
}

static void
load_kept(struct program *program, uint32_t word)
{
    put(program, BPF_LD | BPF_MEM, word, 0, 0);
}

static void
drop_v6(struct program *program, const struct net_origin *origins, size_t count)
{
    keep_v6(program);
    for (size_t i = 0; i < count; i++) {
        if (net_origin_is_v4(&origins[i]))
            continue;
        load_kept(program, 0);
        unless_equal(program, load_be32(origins[i].bytes), 3);
        load_kept(program, 1);
        unless_equal(program, load_be32(origins[i].bytes + 4), 1);
        drop(program);
    }
    take(program);
}

/* Loads the mark into a register that the next instruction overwrites. */
static void
put_mark(struct program *program, uint32_t mark)
{
    put(program, BPF_LD | BPF_IMM, mark, 0, 0);
}

static void
build(struct program *program, uint32_t mark, const struct net_origin *origins, size_t count)
{
    struct sock_filter *to_v6;
    unsigned short v4;

    put_mark(program, mark);
    put(program, BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS, 0, 0);
    put(program, BPF_ALU | BPF_AND | BPF_K, SYN_AND_ACK, 0, 0);
    put(program, BPF_JMP | BPF_JEQ | BPF_K, SYN_ALONE, 1, 0);
    take(program);
    put(program, BPF_LD | BPF_B | BPF_ABS, NETWORK(0), 0, 0);
    put(program, BPF_ALU | BPF_RSH | BPF_K, 4, 0, 0);
    unless_equal(program, 4, 1);
    put(program, BPF_JMP | BPF_JA, 1, 0, 0); /* over the next, which jumps to IPv6 */
    to_v6 = &program->ops[program->count];
    put(program, BPF_JMP | BPF_JA, 0, 0, 0);
    v4 = program->count;
    drop_v4(program, origins, count);
    to_v6->k = (uint32_t)(program->count - v4);
    drop_v6(program, origins, count);
}

/* An emulator (qemu) may support attaching a filter but not removing it: then replace it by one
 * that accepts everything. */
bool
net_syn_filter_clear(int fd)
{
    struct sock_filter take_all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    const struct sock_fprog program = {1, &take_all};
    int nothing = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof(nothing)) == 0)
        return true;
    if (errno != ENOENT)
        (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    return false;
}

/* Has the filter this mark, or can it not be read? */
static bool
has_mark(int fd, uint32_t mark)
{
    struct program own = {.count = 0}, found;
    socklen_t count = OPS_MAX; /* in instructions, not bytes */

    put_mark(&own, mark);
    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, found.ops, &count) != 0)
        return true;
    return count > 0 && memcmp(&found.ops[0], &own.ops[0], sizeof(own.ops[0])) == 0;
}

void
net_syn_filter_withdraw(int fd, uint32_t mark)
{
    if (has_mark(fd, mark))
        (void)net_syn_filter_clear(fd);
}

static bool
attach(int fd, uint32_t mark, const struct net_origin *origins, size_t count)
{
    struct program program = {.count = 0};
    struct sock_fprog whole;

    build(&program, mark, origins, count);
    whole = (struct sock_fprog){.len = program.count, .filter = program.ops};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof(whole)) == 0;
}

/* The kernel allocates the new filter before it frees the old one, so the socket's memory limit may
 * be too small for both; and if it does not fit all origins, half of them are better than none. */
bool
net_syn_filter_set(int fd, uint32_t mark, const struct net_origin *origins, size_t count)
{
    if (attach(fd, mark, origins, count))
        return true;
    (void)net_syn_filter_clear(fd);
    while (count > 0 && !attach(fd, mark, origins, count))
        count /= 2;
    return count > 0;
}
