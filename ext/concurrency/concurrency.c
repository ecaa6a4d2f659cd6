/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptor of the concurrency limit: admission, exemptions, and measurement. */
#include "concurrency/control.h"
#include "method/method.h"
#include <stdlib.h>

#define DEFAULT_LEAST 2
#define DEFAULT_MOST 10000
#define DEFAULT_INITIAL 32
#define DEFAULT_TOLERANCE 2

struct weir_concurrency {
    struct control control;
    const char *const *skip;
    size_t skip_count;
    int64_t (*clock)(void *self);
    void *clock_self;
};

static int64_t
monotonic(void *self)
{
    (void)self;
    return weir_now();
}

static unsigned
number_or(unsigned number, unsigned otherwise)
{
    return number == 0 ? otherwise : number;
}

static weir_code
set_up(struct control *control, const struct weir_concurrency_options *options)
{
    control->least = number_or(options->least, DEFAULT_LEAST);
    control->most = number_or(options->most, DEFAULT_MOST);
    control->target = number_or(options->initial, DEFAULT_INITIAL);
    control->tolerance = options->tolerance == 0 ? DEFAULT_TOLERANCE : options->tolerance;
    control->unnoticed = options->unnoticed == 0 ? WEIR_MILLISECOND : options->unnoticed;
    if (!(control->tolerance > 1) || control->least > control->most ||
        control->target < control->least || control->target > control->most ||
        control->unnoticed < 0)
        return WEIR_INVALID_ARGUMENT;
    return WEIR_OK;
}

weir_code
weir_concurrency_new(const struct weir_concurrency_options *options, weir_concurrency **out_limit)
{
    static const struct weir_concurrency_options defaults;
    struct weir_concurrency *limit = calloc(1, sizeof(*limit));
    weir_code code;

    if (limit == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (options == NULL)
        options = &defaults;
    code = set_up(&limit->control, options);
    if (code != WEIR_OK) {
        free(limit);
        return code;
    }
    limit->skip = options->skip;
    limit->skip_count = options->skip_count;
    limit->clock = options->clock == NULL ? monotonic : options->clock;
    limit->clock_self = options->clock_self;
    control_start(&limit->control, limit->clock(limit->clock_self));
    *out_limit = limit;
    return WEIR_OK;
}

void
weir_concurrency_free(weir_concurrency *limit)
{
    free(limit);
}

static bool
is_skipped(const struct weir_concurrency *limit, const char *method)
{
    if (method_is_health(method))
        return true;
    for (size_t i = 0; i < limit->skip_count; i++) {
        if (method_matches(method, limit->skip[i], strlen(limit->skip[i])))
            return true;
    }
    return false;
}

static weir_code
refuse(weir_call *call)
{
    return weir_fail(call, WEIR_UNAVAILABLE, "overloaded");
}

/* Rejections and callers' errors take no time, and a cancelled call tells little; a call whose
 * deadline passed gives a lower bound. */
static enum control_says
says(weir_code code)
{
    if (code == WEIR_DEADLINE_EXCEEDED)
        return CONTROL_AT_LEAST;
    return code == WEIR_OK ? CONTROL_ALL : CONTROL_NOTHING;
}

static weir_code
measure(struct weir_concurrency *limit, weir_call *call, weir_next *next)
{
    int64_t started = limit->clock(limit->clock_self);
    weir_code code = weir_proceed(next, call), end = weir_call_code(call);

    control_leave(&limit->control, weir_call_method(call), started, limit->clock(limit->clock_self),
        says(end == WEIR_OK ? code : end));
    return code;
}

weir_code
weir_concurrency_intercept(void *self, weir_call *call, weir_next *next)
{
    struct weir_concurrency *limit = self;

    if (is_skipped(limit, weir_call_method(call)))
        return weir_proceed(next, call);
    if (weir_call_kind(call) != WEIR_UNARY)
        return control_has_room(&limit->control) ? weir_proceed(next, call) : refuse(call);
    return control_enter(&limit->control) ? measure(limit, call, next) : refuse(call);
}

void
weir_concurrency_count(
    const weir_concurrency *limit, struct weir_concurrency_counters *out_counters)
{
    *out_counters = (struct weir_concurrency_counters){.shed = limit->control.shed,
        .limit = limit->control.limit,
        .in_flight = limit->control.in_flight};
}
