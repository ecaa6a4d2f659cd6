/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS resolver: looks a name up when it is first needed, after a server was lost and, where
 * calls are spread over all servers and a pool runs the lookups, periodically.
 *
 *   resolve -> lookup -> report -> timer: after REFRESH or, if resolve was called soon after a
 *                                         lookup, as soon as FLOOR permits                     */
#include "client/client.h"

#include "base/random.h"
#include "rpc/deadline.h"
#include <stdlib.h>

/* Minimum time between two lookups, and the maximum while the channel is in use. */
#define FLOOR (5 * WEIR_SECOND)
#define REFRESH (30 * WEIR_SECOND)

struct dns {
    struct weir_resolver *resolver;
    struct lookup_question question;
    char *config;                 /* the latest known service config; NULL: none */
    struct client_lookup *lookup; /* in progress, else NULL */
    int64_t last;                 /* when a lookup last ended, once there is a list; 0: not yet */
    struct loop_timer timer;
};

static void look_up(struct dns *dns);

static void
is_due(struct loop_timer *timer)
{
    struct dns *dns = container_of(timer, struct dns, timer);

    if (dns->lookup == NULL && !dns->resolver->channel->resting)
        look_up(dns);
}

static weir_code
open_dns(void *registered, const struct weir_resolver_target *target, weir_resolver *resolver,
    void **out_self)
{
    const struct weir_channel *channel = registered;
    struct dns *dns = calloc(1, sizeof(*dns));

    (void)target;
    if (dns == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    dns->resolver = resolver;
    dns->question.server = channel->target.dns_server;
    dns->question.seed = random_u64();
    /* With a proxy the name is the proxy's, which has no config for the service. */
    dns->question.with_config = channel->service.in_dns && channel->proxy.address == NULL;
    loop_timer_init(&dns->timer, is_due);
    *out_self = dns;
    if (net_endpoint_parse(channel->target.pieces[0], &dns->question.endpoint) == WEIR_OK)
        return WEIR_OK;
    free(dns);
    return WEIR_INVALID_ARGUMENT;
}

/* Without memory for the timer there is no lookup until the next failure. */
static void
look_up_at(struct dns *dns, int64_t due)
{
    (void)!loop_timer_start(dns->resolver->channel->loop, &dns->timer, due);
}

static weir_code
tell(struct dns *dns, const struct lookup_result *result)
{
    char(*texts)[NET_ADDRESS_TEXT] = calloc(result->count, sizeof(*texts));
    struct weir_endpoint *endpoints = calloc(result->count, sizeof(*endpoints));
    const struct weir_resolution resolution = {
        .endpoints = endpoints, .endpoint_count = result->count, .service_config = dns->config};
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    for (size_t i = 0; texts != NULL && endpoints != NULL && i < result->count; i++) {
        net_address_format(&result->addresses[i], false, texts[i]);
        endpoints[i].address = texts[i];
    }
    if (texts != NULL && endpoints != NULL)
        code = weir_resolver_update(dns->resolver, &resolution);
    free(endpoints);
    free(texts);
    return code;
}

/* Servers may be added without any of the others failing. That does not matter to a policy that
 * uses one connection only; and without a pool, refreshing would block the loop. */
static bool
is_refreshed(const struct weir_channel *channel)
{
    return channel->pool != NULL && !channel->balancer.type->together;
}

/* After a failed lookup the config stays as it was. */
static void
take_config(struct dns *dns, struct lookup_result *result)
{
    if (result->config_code != WEIR_OK && result->config_code != WEIR_NOT_FOUND)
        return;
    free(dns->config);
    dns->config = result->config;
    result->config = NULL;
}

static void
came(void *owner, struct lookup_result *result)
{
    struct dns *dns = owner;
    int64_t now = loop_now(dns->resolver->channel->loop);

    dns->lookup = NULL;
    if (result->code == WEIR_OK) {
        take_config(dns, result);
        if (tell(dns, result) != WEIR_OK)
            weir_resolver_fail(dns->resolver, "no memory");
    } else {
        weir_resolver_fail(dns->resolver, result->why);
    }
    if (!dns->resolver->listed)
        return; /* it is asked again after its backoff */
    dns->last = now;
    if (is_refreshed(dns->resolver->channel))
        look_up_at(dns, now + REFRESH);
}

static void
look_up(struct dns *dns)
{
    const struct weir_channel *channel = dns->resolver->channel;

    dns->lookup = lookup_start(channel->loop, channel->pool, &dns->question, came, dns);
    if (dns->lookup == NULL)
        weir_resolver_fail(dns->resolver, "no memory");
}

static void
resolve_dns(void *self)
{
    struct dns *dns = self;
    int64_t earliest = dns->last + FLOOR;

    if (dns->lookup != NULL)
        return;
    if (dns->last != 0 && loop_now(dns->resolver->channel->loop) < earliest)
        look_up_at(dns, earliest);
    else
        look_up(dns);
}

static void
close_dns(void *self)
{
    struct dns *dns = self;

    lookup_abandon(dns->lookup);
    loop_timer_stop(dns->resolver->channel->loop, &dns->timer);
    free(dns->config);
    free(dns);
}

const struct weir_resolver_type resolver_dns = {
    .scheme = "dns", .open = open_dns, .resolve = resolve_dns, .close = close_dns};
