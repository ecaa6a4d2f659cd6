/* SPDX-License-Identifier: Apache-2.0 */
/* Histogram of times, with narrower buckets for shorter times. */
/* Threads: one owner at a time. */
#pragma once

#include <stdint.h>

/* Buckets per power of two: a bucket's width is below 0.8 % of its values. */
#define HISTOGRAM_SLICES 128
#define HISTOGRAM_POWERS 36 /* up to 2^43 ns, more than two hours */
#define HISTOGRAM_BUCKETS (HISTOGRAM_SLICES * (HISTOGRAM_POWERS + 1))

/* Initially zero. */
struct histogram {
    uint64_t count, sum; /* of the times, in nanoseconds */
    uint64_t most;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Add a time in nanoseconds; negative values count as zero. */
void histogram_add(struct histogram *histogram, int64_t time);

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The quantile for this share (0 to 1): an upper bound; 0 if the histogram is empty. */
uint64_t histogram_at(const struct histogram *histogram, double share);

/* 0 if the histogram is empty. */
double histogram_mean(const struct histogram *histogram);
