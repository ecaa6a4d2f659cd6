/* SPDX-License-Identifier: Apache-2.0 */
/* How long things took: counts in buckets that are narrow where times are short. */
/* Threads: one owner at a time. */
#pragma once

#include <stdint.h>

/* Every power of two is cut into so many buckets: a bucket's width is below 0.8 % of its values. */
#define HISTOGRAM_SLICES 128
#define HISTOGRAM_POWERS 36 /* up to 2^43 ns, more than two hours */
#define HISTOGRAM_BUCKETS (HISTOGRAM_SLICES * (HISTOGRAM_POWERS + 1))

/* Zero at first. */
struct histogram {
    uint64_t count, sum; /* of the times, in nanoseconds */
    uint64_t most;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* A time in nanoseconds; below zero counts as zero. */
void histogram_add(struct histogram *histogram, int64_t time);

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The time within which this share (0 to 1) of all were, at most; 0 when there are none. */
uint64_t histogram_at(const struct histogram *histogram, double share);

/* 0 when there are none. */
double histogram_mean(const struct histogram *histogram);
