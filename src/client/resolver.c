/* SPDX-License-Identifier: Apache-2.0 */
/* Connects a channel with its resolver: when it resolves, and what happens with its results. */
#include "client/client.h"

#include <stdlib.h>

static void
ask_again(struct loop_task *task)
{
    struct weir_resolver *resolver = container_of(task, struct weir_resolver, again);

    resolver->type->resolve(resolver->self);
}

weir_code
resolver_init(struct weir_channel *channel)
{
    struct weir_resolver *resolver = &channel->resolver;
    const struct client_target *target = &channel->target;
    struct weir_resolver_target asked = {channel->loop, target->text, ""};
    void *registered = channel;

    resolver->channel = channel;
    loop_task_init(&resolver->again, ask_again);
    resolver->backoff = channel->initial_backoff;
    resolver->type = target->is_name ? &resolver_dns : &resolver_static;
    if (target->resolver != NULL) {
        resolver->type = target->resolver->type;
        registered = target->resolver->self;
        asked.name = target->text + strlen(resolver->type->scheme) + 1;
    }
    return resolver->type->open(registered, &asked, resolver, &resolver->self);
}

void
resolver_fini(struct weir_resolver *resolver)
{
    loop_task_cancel(&resolver->again);
    resolver->type->close(resolver->self);
}

void
resolver_need(struct weir_resolver *resolver)
{
    struct weir_channel *channel = resolver->channel;

    if (resolver->asked &&
        (channel->state != WEIR_CHANNEL_FAILURE || loop_now(channel->loop) < resolver->retry_at))
        return;
    resolver->asked = true;
    client_set_state(channel, WEIR_CHANNEL_CONNECTING);
    resolver->type->resolve(resolver->self);
}

/* On a later turn, because the caller may be iterating over the list that would change. Does
 * nothing while the channel is being freed, when servers may still be lost. */
void
resolver_ask_again(struct weir_resolver *resolver)
{
    const struct weir_channel *channel = resolver->channel;

    if (channel->leaving == NULL)
        loop_post(channel->loop, &resolver->again);
}

weir_code
weir_resolver_update(weir_resolver *resolver, const struct weir_resolution *resolution)
{
    bool was_listed = resolver->listed;
    struct client_endpoints endpoints;
    weir_code code;

    if (resolution->endpoint_count == 0) {
        weir_resolver_fail(resolver, "there are no servers");
        return WEIR_OK;
    }
    WEIR_TRY(endpoints_copy(resolution, &endpoints));
    resolver->listed = true;
    resolver->backoff = resolver->channel->initial_backoff;
    service_config_heed(resolver->channel, resolution->service_config);
    code = balancer_update(resolver->channel, &endpoints);
    if (code != WEIR_OK)
        resolver->listed = was_listed;
    endpoints_fini(&endpoints);
    return code;
}

void
weir_resolver_fail(weir_resolver *resolver, const char *why)
{
    struct weir_channel *channel = resolver->channel;

    if (resolver->listed)
        return;
    resolver->retry_at = loop_now(channel->loop) + client_next_backoff(channel, &resolver->backoff);
    balancer_fail(channel, why);
}

/* ---- a list of addresses in the target ---- */

static weir_code
open_static(void *registered, const struct weir_resolver_target *target, weir_resolver *resolver,
    void **out_self)
{
    (void)registered;
    (void)target;
    *out_self = resolver;
    return WEIR_OK;
}

/* The list does not change, so it is reported once. */
static void
resolve_static(void *self)
{
    struct weir_resolver *resolver = self;
    const struct client_target *target = &resolver->channel->target;
    struct weir_endpoint *endpoints;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (resolver->listed)
        return;
    if (resolver->channel->proxy.wrong[0] != '\0') {
        weir_resolver_fail(resolver, resolver->channel->proxy.wrong);
        return;
    }
    endpoints = calloc(target->count, sizeof(*endpoints));
    for (size_t i = 0; endpoints != NULL && i < target->count; i++)
        endpoints[i].address = target->pieces[i];
    if (endpoints != NULL)
        code = weir_resolver_update(resolver,
            &(struct weir_resolution){.endpoints = endpoints, .endpoint_count = target->count});
    free(endpoints);
    if (code != WEIR_OK)
        weir_resolver_fail(resolver, "no memory");
}

static void
close_static(void *self)
{
    (void)self;
}

const struct weir_resolver_type resolver_static = {
    .scheme = "", .open = open_static, .resolve = resolve_static, .close = close_static};
