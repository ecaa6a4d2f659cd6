/* SPDX-License-Identifier: Apache-2.0 */
/* The rate limit: the bucket that a call is charged to, and the rejection beyond the limit. */
#include "google/rpc/error_details.pb-c.h"
#include "method/method.h"
#include "ratelimit/buckets.h"
#include <stdlib.h>
#include <weir/details.h>

#define DEFAULT_MEMORY ((size_t)2 << 20)

/* A method with its own rate; the last rule, without a name, is for all others. */
struct rule {
    char *method;
    struct weir_rate rate;
    struct buckets buckets; /* unused if the rate is 0 */
};

struct weir_ratelimit {
    struct rule *rules; /* sorted by name, the one without a name last */
    size_t named;
    const struct weir_ratelimit_backend *backend;
    void *backend_self;
    int64_t (*clock)(void *self);
    void *clock_self;
    atomic_uint_fast64_t limited, fallback;
};

static int64_t
monotonic(void *self)
{
    (void)self;
    return weir_now();
}

/* ---- creation ---- */

static int
compare_rules(const void *a, const void *b)
{
    const struct rule *left = a, *right = b;

    return strcmp(left->method, right->method);
}

static weir_code
check(const struct weir_ratelimit_options *options)
{
    bool good = buckets_rate_valid(&options->rate);

    for (size_t i = 0; i < options->method_count && good; i++)
        good = options->methods[i].method != NULL && buckets_rate_valid(&options->methods[i].rate);
    return good ? WEIR_OK : WEIR_INVALID_ARGUMENT;
}

static void
free_rules(struct rule *rules, size_t named)
{
    for (size_t i = 0; rules != NULL && i <= named; i++) {
        buckets_fini(&rules[i].buckets);
        free(rules[i].method);
    }
    free(rules);
}

/* Copy the methods' rules, and append the one without a name. NULL: no memory. */
static struct rule *
dup_rules(const struct weir_ratelimit_options *options)
{
    struct rule *rules = calloc(options->method_count + 1, sizeof(*rules));

    for (size_t i = 0; rules != NULL && i < options->method_count; i++) {
        rules[i].rate = options->methods[i].rate;
        rules[i].method = strdup(options->methods[i].method);
        if (rules[i].method == NULL) {
            free_rules(rules, options->method_count);
            return NULL;
        }
    }
    return rules;
}

static weir_code
take_methods(struct weir_ratelimit *limit, const struct weir_ratelimit_options *options)
{
    limit->rules = dup_rules(options);
    if (limit->rules == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    limit->named = options->method_count;
    limit->rules[limit->named].rate = options->rate;
    qsort(limit->rules, limit->named, sizeof(struct rule), compare_rules);
    for (size_t i = 1; i < limit->named; i++) {
        if (compare_rules(&limit->rules[i - 1], &limit->rules[i]) == 0)
            return WEIR_INVALID_ARGUMENT;
    }
    return WEIR_OK;
}

static weir_code
make_buckets(struct weir_ratelimit *limit, size_t memory)
{
    for (size_t i = 0; i <= limit->named; i++) {
        struct rule *rule = &limit->rules[i];

        if (rule->rate.rate > 0)
            WEIR_TRY(buckets_init(&rule->buckets, &rule->rate, memory / (limit->named + 1)));
    }
    return WEIR_OK;
}

static weir_code
set_up(struct weir_ratelimit *limit, const struct weir_ratelimit_options *options)
{
    WEIR_TRY(check(options));
    WEIR_TRY(take_methods(limit, options));
    return make_buckets(limit, options->memory == 0 ? DEFAULT_MEMORY : options->memory);
}

weir_code
weir_ratelimit_new(const struct weir_ratelimit_options *options, weir_ratelimit **out_limit)
{
    struct weir_ratelimit *limit = calloc(1, sizeof(*limit));
    weir_code code;

    if (limit == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    limit->backend = options->backend;
    limit->backend_self = options->backend_self;
    limit->clock = options->clock == NULL ? monotonic : options->clock;
    limit->clock_self = options->clock_self;
    code = set_up(limit, options);
    if (code != WEIR_OK) {
        weir_ratelimit_free(limit);
        return code;
    }
    *out_limit = limit;
    return WEIR_OK;
}

void
weir_ratelimit_free(weir_ratelimit *limit)
{
    if (limit == NULL)
        return;
    free_rules(limit->rules, limit->named);
    free(limit);
}

/* ---- client and rule of a call ---- */

/* A unique 64-bit key for clients of all families: no client has an address in ff00::/8, which is
 * multicast (RFC 4291, section 2.4), so that range is used for the others. */
static uint64_t
client_of(const struct weir_address *address)
{
    uint64_t client = 0;
    size_t len = address->family == WEIR_ADDRESS_IPV6 ? 8 : 4;

    for (size_t i = 0; i < len; i++)
        client = client << 8 | address->bytes[i];
    if (address->family == WEIR_ADDRESS_IPV4)
        client |= UINT64_C(0xffffffff) << 32;
    else if (address->family != WEIR_ADDRESS_IPV6)
        client = UINT64_C(0xfffffffe) << 32;
    return client;
}

/* NULL: no rule, for health checks without a rate of their own: a proxy's probes come from the same
 * address as its clients' calls, and must not be affected by them. */
static struct rule *
rule_of(struct weir_ratelimit *limit, const char *method)
{
    size_t low = 0, high = limit->named;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(method, limit->rules[middle].method);

        if (order == 0)
            return &limit->rules[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return method_is_health(method) ? NULL : &limit->rules[limit->named];
}

/* ---- calls ---- */

static int64_t
take(struct weir_ratelimit *limit, weir_call *call, struct rule *rule, uint64_t client)
{
    int64_t wait;

    if (rule == NULL || rule->rate.rate == 0)
        return 0;
    if (call != NULL && limit->backend != NULL) {
        const struct weir_ratelimit_key key = {client, rule->method};

        if (limit->backend->take(limit->backend_self, call, &key, &rule->rate, &wait) == WEIR_OK)
            return wait;
        atomic_fetch_add_explicit(&limit->fallback, 1, memory_order_relaxed);
    }
    return buckets_take(&rule->buckets, client, limit->clock(limit->clock_self));
}

int64_t
weir_ratelimit_take(weir_ratelimit *limit, const struct weir_address *address, const char *method)
{
    return take(limit, NULL, rule_of(limit, method), client_of(address));
}

/* Add a RetryInfo to the status details. */
static void
add_retry_info(weir_call *call, int64_t wait)
{
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;

    delay.seconds = wait / WEIR_SECOND;
    delay.nanos = (int32_t)(wait % WEIR_SECOND);
    info.retry_delay = &delay;
    (void)!weir_call_add_detail(call, &info.base);
}

/* gRFC A6: a retrying client waits for exactly this time, in milliseconds of 31 bits. */
static weir_code
refuse(struct weir_ratelimit *limit, weir_call *call, int64_t wait)
{
    int64_t milliseconds = wait / WEIR_MILLISECOND + (wait % WEIR_MILLISECOND != 0);
    char *text =
        weir_call_printf(call, "%d", milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);

    atomic_fetch_add_explicit(&limit->limited, 1, memory_order_relaxed);
    if (text != NULL)
        (void)!weir_call_add_trailer(call, "grpc-retry-pushback-ms", weir_str_of(text));
    add_retry_info(call, wait);
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "rate limit exceeded");
}

weir_code
weir_ratelimit_intercept(void *self, weir_call *call, weir_next *next)
{
    struct weir_ratelimit *limit = self;
    struct weir_address peer;
    int64_t wait = 0;

    weir_call_peer_address(call, &peer);
    if (peer.family != WEIR_ADDRESS_NONE)
        wait = take(limit, call, rule_of(limit, weir_call_method(call)), client_of(&peer));
    return wait == 0 ? weir_proceed(next, call) : refuse(limit, call, wait);
}

/* ---- statistics ---- */

size_t
weir_ratelimit_memory(const weir_ratelimit *limit)
{
    size_t bytes = 0;

    for (size_t i = 0; i <= limit->named; i++)
        bytes += limit->rules[i].buckets.set_count * sizeof(struct buckets_set);
    return bytes;
}

void
weir_ratelimit_count(const weir_ratelimit *limit, struct weir_ratelimit_counters *out_counters)
{
    struct weir_ratelimit_counters counters = {
        .limited = atomic_load(&limit->limited), .fallback = atomic_load(&limit->fallback)};

    for (size_t i = 0; i <= limit->named; i++)
        counters.crowded += atomic_load(&limit->rules[i].buckets.crowded);
    *out_counters = counters;
}
