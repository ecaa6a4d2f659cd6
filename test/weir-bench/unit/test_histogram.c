/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of weir-bench/histogram.c: what is added is found again, narrowly. */
#include "weir-bench/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct histogram *
new_histogram(void)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));

    assert_non_null(histogram);
    return histogram;
}

static void
empty_has_nothing(void **state)
{
    struct histogram *histogram = new_histogram();

    (void)state;
    assert_int_equal(histogram_at(histogram, 0.5), 0);
    assert_true(histogram_mean(histogram) == 0);
    free(histogram);
}

/* Alone in a histogram, a time is found again exactly: nothing is beyond the longest. */
static void
one_time_is_found(void **state)
{
    static const int64_t times[] = {0, 1, 127, 128, 129, 255, 256, 1000003, INT64_C(1) << 42};

    (void)state;
    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct histogram *histogram = new_histogram();

        histogram_add(histogram, times[i]);
        assert_int_equal(histogram_at(histogram, 0), times[i]);
        assert_int_equal(histogram_at(histogram, 1), times[i]);
        free(histogram);
    }
}

/* Beside a longer one it is found within a bucket's width. */
static void
buckets_are_narrow(void **state)
{
    (void)state;
    for (int64_t time = 1; time < INT64_C(1) << 42; time += 1 + time / 3) {
        struct histogram *histogram = new_histogram();
        uint64_t found;

        histogram_add(histogram, time);
        histogram_add(histogram, INT64_C(1) << 43);
        found = histogram_at(histogram, 0.5);
        assert_true(found >= (uint64_t)time);
        assert_true(found - (uint64_t)time <= (uint64_t)time / HISTOGRAM_SLICES);
        free(histogram);
    }
}

static void
shares_are_told(void **state)
{
    struct histogram *histogram = new_histogram();

    (void)state;
    for (int64_t time = 1; time <= 100; time++)
        histogram_add(histogram, time);
    assert_int_equal(histogram_at(histogram, 0.5), 50);
    assert_int_equal(histogram_at(histogram, 0.99), 99);
    assert_int_equal(histogram_at(histogram, 1), 100);
    assert_true(histogram_mean(histogram) == 50.5);
    free(histogram);
}

static void
odd_times_count(void **state)
{
    struct histogram *histogram = new_histogram();

    (void)state;
    histogram_add(histogram, -5);
    histogram_add(histogram, INT64_MAX);
    assert_int_equal(histogram->count, 2);
    assert_int_equal(histogram_at(histogram, 0.5), 0);
    assert_true(histogram_at(histogram, 1) > UINT64_C(1) << 42);
    free(histogram);
}

static void
merging_adds(void **state)
{
    struct histogram *one = new_histogram(), *other = new_histogram();

    (void)state;
    histogram_add(one, 10);
    histogram_add(other, 30);
    histogram_add(other, 20);
    histogram_merge(one, other);
    assert_int_equal(one->count, 3);
    assert_int_equal(one->most, 30);
    assert_int_equal(histogram_at(one, 0.5), 20);
    free(one);
    free(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_has_nothing),
        cmocka_unit_test(one_time_is_found),
        cmocka_unit_test(buckets_are_narrow),
        cmocka_unit_test(shares_are_told),
        cmocka_unit_test(odd_times_count),
        cmocka_unit_test(merging_adds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
