/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON-like tree of values: the options that a service config gives a balancer. */
/* Threads: trees are immutable; safe from any thread. */
#pragma once

#include <weir/status.h>

WEIR_BEGIN_C

typedef enum weir_value_kind {
    WEIR_VALUE_NULL,
    WEIR_VALUE_BOOL,
    WEIR_VALUE_NUMBER,
    WEIR_VALUE_TEXT,
    WEIR_VALUE_LIST,
    WEIR_VALUE_OBJECT
} weir_value_kind;

struct weir_value {
    weir_value_kind kind;
    bool truth;                      /* BOOL */
    double number;                   /* NUMBER */
    const char *text;                /* TEXT, in UTF-8 */
    const struct weir_value *items;  /* LIST: its items; OBJECT: its members */
    size_t count;                    /* of items */
    const char *name;                /* a member's name; NULL for other values */
    const struct weir_value *parent; /* the list or object that contains it; NULL: the root */
};

/* Why a value was rejected: "methodConfig[2].retryPolicy.maxAttempts: REASON". */
struct weir_value_error {
    char text[256];
};

/* Look up a member. NULL: there is none of this name, it is null, or this is not an object. */
WEIR_API const struct weir_value *weir_value_member(
    const struct weir_value *object, const char *name);

/* ---- reading members ----
 *
 * OK, with *out unchanged, if there is no such member. error may be NULL. INVALID_ARGUMENT: the
 * member has another type or is out of range; see error. */

WEIR_API WEIR_CHECK weir_code weir_value_read_bool(
    const struct weir_value *object, const char *name, bool *out, struct weir_value_error *error);

/* An integer, given as a number or as a string (proto3 JSON). */
WEIR_API WEIR_CHECK weir_code weir_value_read_integer(const struct weir_value *object,
    const char *name, int64_t min, int64_t max, int64_t *out, struct weir_value_error *error);
WEIR_API WEIR_CHECK weir_code weir_value_read_number(const struct weir_value *object,
    const char *name, double min, double max, double *out, struct weir_value_error *error);

/* A non-negative duration in nanoseconds, given as a string like "1.5s" (proto3 JSON,
 * google.protobuf.Duration). */
WEIR_API WEIR_CHECK weir_code weir_value_read_duration(const struct weir_value *object,
    const char *name, int64_t *out, struct weir_value_error *error);
WEIR_API WEIR_CHECK weir_code weir_value_read_text(const struct weir_value *object,
    const char *name, const char **out, struct weir_value_error *error);

/* *out points to the member itself. */
WEIR_API WEIR_CHECK weir_code weir_value_read_list(const struct weir_value *object,
    const char *name, const struct weir_value **out, struct weir_value_error *error);
WEIR_API WEIR_CHECK weir_code weir_value_read_object(const struct weir_value *object,
    const char *name, const struct weir_value **out, struct weir_value_error *error);

/* Reject a value, or its member `name` unless that is NULL: write "PATH: REASON" to error, which
 * may be NULL. Always returns INVALID_ARGUMENT. */
WEIR_API weir_code weir_value_refuse(const struct weir_value *value, const char *name,
    struct weir_value_error *error, const char *format, ...) WEIR_PRINTF(4, 5);

WEIR_END_C
