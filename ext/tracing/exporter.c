/* SPDX-License-Identifier: Apache-2.0 */
/* The export policy. */
#include "tracing/exporter.h"

#include <stdlib.h>

#define FIRST_BACKOFF WEIR_SECOND
#define MAX_BACKOFF (30 * WEIR_SECOND)

weir_code
exporter_init(struct exporter *exporter, int64_t now)
{
    exporter->spans = calloc(exporter->batch, sizeof(struct span));
    if (exporter->spans == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    exporter->due = now + exporter->interval;
    return WEIR_OK;
}

void
exporter_fini(struct exporter *exporter)
{
    free(exporter->spans);
}

static void
fill(struct exporter *exporter)
{
    while (exporter->held < exporter->batch &&
           queue_take(exporter->queue, &exporter->spans[exporter->held]))
        exporter->held++;
}

/* OTLP, "Failures": transient failures are retried. RESOURCE_EXHAUSTED is retryable only if the
 * collector gives a delay, which is not read here. */
static bool
may_pass(weir_code code)
{
    switch (code) {
    case WEIR_CANCELLED:
    case WEIR_DEADLINE_EXCEEDED:
    case WEIR_ABORTED:
    case WEIR_OUT_OF_RANGE:
    case WEIR_UNAVAILABLE:
    case WEIR_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

static weir_code
send(struct exporter *exporter, int64_t timeout)
{
    size_t rejected = 0;
    weir_code code =
        exporter->send(exporter->self, exporter->spans, exporter->held, timeout, &rejected);

    if (code != WEIR_OK)
        return code;
    if (rejected > exporter->held)
        rejected = exporter->held;
    atomic_fetch_add(&exporter->exported, exporter->held - rejected);
    atomic_fetch_add(&exporter->dropped, rejected);
    exporter->held = 0;
    return WEIR_OK;
}

static void
drop(struct exporter *exporter)
{
    atomic_fetch_add(&exporter->dropped, exporter->held);
    exporter->held = 0;
}

static int64_t
back_off(struct exporter *exporter)
{
    int64_t backoff = exporter->backoff == 0 ? FIRST_BACKOFF : 2 * exporter->backoff;

    exporter->backoff = backoff > MAX_BACKOFF ? MAX_BACKOFF : backoff;
    return exporter->backoff;
}

static bool
is_due(const struct exporter *exporter, int64_t now)
{
    return now >= exporter->due ||
           (exporter->held == 0 && queue_count(exporter->queue) >= exporter->batch);
}

int64_t
exporter_step(struct exporter *exporter, int64_t now)
{
    weir_code code;

    if (!is_due(exporter, now))
        return exporter->due;
    if (exporter->held == 0)
        fill(exporter);
    code = exporter->held == 0 ? WEIR_OK : send(exporter, exporter->timeout);
    if (may_pass(code)) {
        exporter->due = now + back_off(exporter);
        return exporter->due;
    }
    if (code != WEIR_OK)
        drop(exporter);
    exporter->backoff = 0;
    exporter->due = now + exporter->interval;
    return queue_count(exporter->queue) >= exporter->batch ? now : exporter->due;
}

bool
exporter_flush(struct exporter *exporter, int64_t timeout)
{
    bool failed;

    fill(exporter);
    if (exporter->held == 0)
        return false;
    failed = timeout <= 0 || send(exporter, timeout) != WEIR_OK;
    while (failed && exporter->held > 0) {
        drop(exporter);
        fill(exporter);
    }
    return !failed;
}
