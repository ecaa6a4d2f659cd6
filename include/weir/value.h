/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of named values, as JSON has them: what a service config says to a balancer. */
/* Threads: trees are constant; safe from any thread. */
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
    bool truth;                      /* of a BOOL */
    double number;                   /* of a NUMBER */
    const char *text;                /* of a TEXT: UTF-8 */
    const struct weir_value *items;  /* of a LIST; of an OBJECT its members */
    size_t count;                    /* of items */
    const char *name;                /* of a member; else NULL */
    const struct weir_value *parent; /* in whose items it is; NULL: the root */
};

/* Why a value was refused: "methodConfig[2].retryPolicy.maxAttempts: REASON". */
struct weir_value_error {
    char text[256];
};

/* NULL: there is no member of this name, or it is null, or this is no object. */
WEIR_API const struct weir_value *weir_value_member(
    const struct weir_value *object, const char *name);

/* ---- reading members: OK, with *out as it was, when there is none. INVALID_ARGUMENT: it is not
 * of this kind or range, and the error says so. error may be NULL ---- */

WEIR_API WEIR_CHECK weir_code weir_value_read_bool(
    const struct weir_value *object, const char *name, bool *out, struct weir_value_error *error);

/* A number that is whole, or a text of one, as proto3 has it in JSON. */
WEIR_API WEIR_CHECK weir_code weir_value_read_integer(const struct weir_value *object,
    const char *name, int64_t min, int64_t max, int64_t *out, struct weir_value_error *error);
WEIR_API WEIR_CHECK weir_code weir_value_read_number(const struct weir_value *object,
    const char *name, double min, double max, double *out, struct weir_value_error *error);

/* Nanoseconds, of a text like "1.5s" (proto3 JSON, google.protobuf.Duration); not below zero. */
WEIR_API WEIR_CHECK weir_code weir_value_read_duration(const struct weir_value *object,
    const char *name, int64_t *out, struct weir_value_error *error);
WEIR_API WEIR_CHECK weir_code weir_value_read_text(const struct weir_value *object,
    const char *name, const char **out, struct weir_value_error *error);

/* *out borrows the member. */
WEIR_API WEIR_CHECK weir_code weir_value_read_list(const struct weir_value *object,
    const char *name, const struct weir_value **out, struct weir_value_error *error);
WEIR_API WEIR_CHECK weir_code weir_value_read_object(const struct weir_value *object,
    const char *name, const struct weir_value **out, struct weir_value_error *error);

/* INVALID_ARGUMENT, with "PATH: REASON" in error: the path of value, or of the member of that name
 * if name is not NULL. */
WEIR_API weir_code weir_value_refuse(const struct weir_value *value, const char *name,
    struct weir_value_error *error, const char *format, ...) WEIR_PRINTF(4, 5);

WEIR_END_C
