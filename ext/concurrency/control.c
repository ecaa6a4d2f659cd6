/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithm of the adaptive concurrency limit. */
#include "concurrency/control.h"

#define UNIT 1024
#define SUFFERED_MOST 1000 /* times the minimum: ratios are clamped to this */
#define SHRINK_MOST 0.5
#define GROWTH 0.1

void
control_start(struct control *control, int64_t now)
{
    control->limit = (unsigned)control->target;
    control->window_end = now + CONTROL_WINDOW;
}

bool
control_enter(struct control *control)
{
    unsigned limit = atomic_load_explicit(&control->limit, memory_order_relaxed);
    unsigned count = atomic_fetch_add_explicit(&control->in_flight, 1, memory_order_relaxed) + 1;

    if (count >= limit && !atomic_load_explicit(&control->reached, memory_order_relaxed))
        atomic_store_explicit(&control->reached, true, memory_order_relaxed);
    if (count <= limit)
        return true;
    atomic_fetch_sub_explicit(&control->in_flight, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&control->shed, 1, memory_order_relaxed);
    return false;
}

bool
control_has_room(struct control *control)
{
    if (atomic_load_explicit(&control->in_flight, memory_order_relaxed) <
        atomic_load_explicit(&control->limit, memory_order_relaxed))
        return true;
    atomic_fetch_add_explicit(&control->shed, 1, memory_order_relaxed);
    return false;
}

/* ---- methods ---- */

static uint64_t
hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash == 0 ? 1 : hash;
}

static struct control_method *
method_of(struct control *control, const char *name)
{
    uint64_t hash = hash_of(name);

    for (unsigned i = 0; i < CONTROL_METHODS - 1; i++) {
        struct control_method *method = &control->methods[(hash + i) % (CONTROL_METHODS - 1)];
        uint64_t there = atomic_load_explicit(&method->hash, memory_order_relaxed);

        if (there == hash)
            return method;
        if (there == 0 &&
            (atomic_compare_exchange_strong(&method->hash, &there, hash) || there == hash))
            return method;
    }
    return &control->methods[CONTROL_METHODS - 1];
}

/* 0 means unknown. */
static int64_t
lower(atomic_int_fast64_t *least, int64_t latency)
{
    int64_t known = atomic_load_explicit(least, memory_order_relaxed);

    while (
        (known == 0 || latency < known) && !atomic_compare_exchange_weak_explicit(least, &known,
                                               latency, memory_order_relaxed, memory_order_relaxed))
        continue;
    return known == 0 || latency < known ? latency : known;
}

/* ---- windows ---- */

/* Take the minimum latencies from calls that started in a probe. */
static void
learn(struct control *control)
{
    for (unsigned i = 0; i < CONTROL_METHODS; i++) {
        int64_t probed = atomic_load(&control->methods[i].probed);

        /* Once per probe: calls that end after the first only took longer. */
        if (probed > 0 && atomic_compare_exchange_strong(&control->methods[i].probed, &probed, -1))
            atomic_store(&control->methods[i].least, probed);
    }
}

static void
adjust(struct control *control, double suffered, bool reached)
{
    double shrink = control->tolerance / suffered, target = control->target;

    if (suffered > control->tolerance)
        target *= shrink < SHRINK_MOST ? SHRINK_MOST : shrink;
    else if (reached)
        target += target * GROWTH < 1 ? 1 : target * GROWTH;
    if (target < control->least)
        target = control->least;
    control->target = target > control->most ? control->most : target;
}

static void
begin_probe(struct control *control, int64_t now)
{
    double limit = control->target / control->tolerance;

    for (unsigned i = 0; i < CONTROL_METHODS; i++)
        atomic_store(&control->methods[i].probed, 0);
    control->probe_start = now;
    control->probe_end = now + CONTROL_WINDOW;
    control->limit = limit < control->least ? control->least : (unsigned)limit;
}

/* A probe's own window does not change the limit: calls that ended in it started before, or were
 * held back. */
static void
turn(struct control *control, int64_t now)
{
    unsigned samples = atomic_exchange(&control->samples, 0);
    double suffered = (double)atomic_exchange(&control->suffered, 0) / UNIT / samples;
    bool reached = atomic_exchange(&control->reached, false);
    bool probed = control->windows % CONTROL_PROBE_EVERY == CONTROL_PROBE_EVERY - 1;

    if (!probed)
        adjust(control, suffered, reached);
    learn(control);
    control->limit = (unsigned)control->target;
    control->windows++;
    if (control->windows % CONTROL_PROBE_EVERY == CONTROL_PROBE_EVERY - 1)
        begin_probe(control, now);
    control->window_end = now + CONTROL_WINDOW;
}

static void
turn_if_due(struct control *control, int64_t now)
{
    if (now < atomic_load_explicit(&control->window_end, memory_order_relaxed) ||
        atomic_load_explicit(&control->samples, memory_order_relaxed) < CONTROL_SAMPLES ||
        atomic_exchange_explicit(&control->turning, true, memory_order_acquire))
        return;
    if (now >= control->window_end && control->samples >= CONTROL_SAMPLES)
        turn(control, now);
    atomic_store_explicit(&control->turning, false, memory_order_release);
}

static void
sample(struct control *control, const char *name, int64_t started, int64_t latency, bool cut)
{
    struct control_method *method = method_of(control, name);
    int64_t least = cut ? atomic_load(&method->least) : lower(&method->least, latency);
    double suffered;

    if (cut && (least == 0 || latency <= least)) /* a short deadline, not a slow server */
        return;
    if (!cut && started >= control->probe_start && started < control->probe_end)
        (void)lower(&method->probed, latency);
    if (least < control->unnoticed)
        least = control->unnoticed;
    suffered = latency <= least ? 1 : (double)latency / (double)least;
    if (suffered > SUFFERED_MOST)
        suffered = SUFFERED_MOST;
    atomic_fetch_add_explicit(
        &control->suffered, (uint64_t)(suffered * UNIT), memory_order_relaxed);
    atomic_fetch_add_explicit(&control->samples, 1, memory_order_relaxed);
}

void
control_leave(struct control *control, const char *method, int64_t started, int64_t now,
    enum control_says says)
{
    atomic_fetch_sub_explicit(&control->in_flight, 1, memory_order_relaxed);
    if (says == CONTROL_NOTHING)
        return;
    sample(control, method, started, now > started ? now - started : 1, says == CONTROL_AT_LEAST);
    turn_if_due(control, now);
}
