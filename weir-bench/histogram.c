/* SPDX-License-Identifier: Apache-2.0 */
/* The first HISTOGRAM_SLICES buckets are one nanosecond wide, the next ones two, and so on: a
 * bucket's index is a floating-point number with a mantissa of 7 bits. */
#include "weir-bench/histogram.h"

#define SLICE_BITS 7

static unsigned
bucket_of(uint64_t time)
{
    unsigned power;

    if (time < HISTOGRAM_SLICES)
        return (unsigned)time;
    power = 63 - SLICE_BITS - (unsigned)__builtin_clzll(time);
    if (power >= HISTOGRAM_POWERS)
        return HISTOGRAM_BUCKETS - 1;
    return HISTOGRAM_SLICES * power + (unsigned)(time >> power);
}

/* Upper bound of a bucket. */
static uint64_t
end_of(unsigned bucket)
{
    unsigned power;

    if (bucket < HISTOGRAM_SLICES)
        return bucket;
    power = bucket / HISTOGRAM_SLICES - 1;
    return ((uint64_t)(bucket % HISTOGRAM_SLICES + HISTOGRAM_SLICES + 1) << power) - 1;
}

void
histogram_add(struct histogram *histogram, int64_t time)
{
    uint64_t nanoseconds = time > 0 ? (uint64_t)time : 0;

    histogram->count++;
    histogram->sum += nanoseconds;
    if (nanoseconds > histogram->most)
        histogram->most = nanoseconds;
    histogram->buckets[bucket_of(nanoseconds)]++;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    if (from->most > into->most)
        into->most = from->most;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t
histogram_at(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t sum = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += histogram->buckets[i];
        if (sum > 0 && (double)sum >= wanted)
            return end_of(i) < histogram->most ? end_of(i) : histogram->most;
    }
    return histogram->most;
}

double
histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double)histogram->sum / (double)histogram->count;
}
