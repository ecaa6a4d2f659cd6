/* SPDX-License-Identifier: Apache-2.0 */
/* Applies the service config, the channel's own or the resolver's. An invalid one changes nothing.
 */
#include "client/client.h"

#include "base/options.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- the balancer ---- */

struct choice {
    const struct weir_balancer_type *type;
    const struct weir_value *options; /* options of the type; NULL: none */
    bool judged;
    struct weir_outlier_options outliers;
};

static weir_code
choose_by_name(
    const struct weir_channel *channel, struct choice *choice, struct weir_value_error *error)
{
    const char *name = channel->service.balancer_name;

    choice->type = catalog_find_balancer(channel->catalog, name == NULL ? "pick_first" : name);
    choice->judged = channel->service.judged;
    choice->outliers = channel->service.outliers;
    if (choice->type != NULL)
        return WEIR_OK;
    snprintf(error->text, sizeof(error->text), "balancer \"%.80s\" is not known", name);
    return WEIR_INVALID_ARGUMENT;
}

/* An item of a list, such as {"round_robin": {}}. OK with a type of NULL: unknown policy. */
static weir_code
try_child(const struct weir_channel *channel, const struct weir_value *value, struct choice *choice,
    struct weir_value_error *error)
{
    if (value->kind == WEIR_VALUE_OBJECT && value->count == 1) {
        choice->options = &value->items[0];
        choice->type = catalog_find_balancer(channel->catalog, choice->options->name);
        return WEIR_OK;
    }
    (void)weir_value_refuse(
        value, NULL, error, "must be an object of one member, the balancer's name");
    return WEIR_INVALID_ARGUMENT;
}

/* Outlier detection around the first known child policy. */
static weir_code
choose_judged(const struct weir_channel *channel, const struct weir_value *member,
    struct choice *choice, struct weir_value_error *error)
{
    const struct weir_value *children = NULL;

    choice->judged = true;
    WEIR_TRY(outlier_read(member, &choice->outliers, error));
    WEIR_TRY(weir_value_read_list(member, "childPolicy", &children, error));
    for (size_t i = 0; children != NULL && i < children->count && choice->type == NULL; i++)
        WEIR_TRY(try_child(channel, &children->items[i], choice, error));
    if (choice->type != NULL)
        return WEIR_OK;
    (void)weir_value_refuse(member, "childPolicy", error, "no balancer in it is known");
    return WEIR_INVALID_ARGUMENT;
}

/* The first known policy. */
static weir_code
choose(const struct weir_channel *channel, const struct weir_service_config *config,
    struct choice *choice, struct weir_value_error *error)
{
    *choice = (struct choice){.type = NULL};
    if (config == NULL || config->balancers == NULL)
        return choose_by_name(channel, choice, error);
    for (size_t i = 0; i < config->balancers->count; i++) {
        const struct weir_value *member = &config->balancers->items[i];

        if (strcmp(member->name, "outlier_detection_experimental") == 0)
            return choose_judged(channel, member, choice, error);
        choice->options = member;
        choice->type = catalog_find_balancer(channel->catalog, member->name);
        if (choice->type != NULL)
            return WEIR_OK;
    }
    (void)weir_value_refuse(config->balancers, NULL, error, "no balancer of these is known");
    return WEIR_INVALID_ARGUMENT;
}

static bool
write_text(struct buf *out, const char *text)
{
    return buf_append(out, text, strlen(text) + 1);
}

/* Serialise a tree unambiguously. False: no memory. */
static bool
write_value(struct buf *out, const struct weir_value *value)
{
    bool good = buf_append(out, &value->kind, sizeof(value->kind)) &&
                buf_append(out, &value->truth, sizeof(value->truth)) &&
                buf_append(out, &value->number, sizeof(value->number)) &&
                buf_append(out, &value->count, sizeof(value->count)) &&
                write_text(out, value->name == NULL ? "" : value->name) &&
                write_text(out, value->text == NULL ? "" : value->text);

    for (size_t i = 0; good && i < value->count; i++)
        good = write_value(out, &value->items[i]);
    return good;
}

static bool
write_choice(struct buf *out, const struct choice *choice, const char *health_service)
{
    return write_text(out, choice->type->name) &&
           (health_service == NULL || write_text(out, health_service)) &&
           (choice->options == NULL || write_value(out, choice->options));
}

static bool
is_same(const struct buf *a, const struct buf *b)
{
    return buf_len(a) == buf_len(b) && memcmp(buf_head(a), buf_head(b), buf_len(a)) == 0;
}

/* ---- applying a config ---- */

/* A prepared change, applied only when it is complete. */
struct change {
    struct choice choice;
    struct buf chosen;               /* the choice and the health service, serialised */
    struct client_balancer balancer; /* without self: the policy in use stays */
    struct client_config *config;
};

static weir_code
prepare(struct weir_channel *channel, const struct weir_service_config *from, struct change *change,
    struct weir_value_error *error)
{
    WEIR_TRY(choose(channel, from, &change->choice, error));
    if (!write_choice(&change->chosen, &change->choice, from == NULL ? NULL : from->health_service))
        return WEIR_RESOURCE_EXHAUSTED;
    if (channel->balancer.self == NULL || !is_same(&change->chosen, &channel->service.chosen))
        WEIR_TRY(
            balancer_init(&change->balancer, change->choice.type, change->choice.options, error));
    if (from == NULL)
        return WEIR_OK;
    return config_new(from, &channel->shared, &channel->throttle, &change->config, error);
}

static void
commit(struct weir_channel *channel, struct change *change)
{
    struct buf old = channel->service.chosen;

    channel->service.chosen = change->chosen;
    buf_fini(&old);
    if (change->balancer.self != NULL)
        balancer_switch(channel, &change->balancer);
    outlier_set(channel, change->choice.judged ? &change->choice.outliers : NULL);
    config_unref(channel->config);
    channel->config = change->config;
}

/* from NULL: no config. Not OK, with the error: nothing has changed. */
static weir_code
apply(struct weir_channel *channel, const struct weir_service_config *from,
    struct weir_value_error *error)
{
    struct change change = {.chosen = BUF_EMPTY};
    weir_code code;

    snprintf(error->text, sizeof(error->text), "no memory");
    code = prepare(channel, from, &change, error);
    if (code == WEIR_OK) {
        commit(channel, &change);
        return WEIR_OK;
    }
    balancer_fini(&change.balancer);
    buf_fini(&change.chosen);
    return code;
}

weir_code
service_config_init(struct weir_channel *channel, const struct weir_channel_options *options)
{
    struct client_service_config *service = &channel->service;
    struct weir_value_error error;
    weir_code code;

    outlier_init(&channel->judge);
    service->own = options->service_config;
    service->format = options->service_config_format;
    service->in_dns = options->service_config_in_dns && service->format != NULL;
    service->refused = options->service_config_refused;
    service->refused_self = options->service_config_refused_self;
    service->judged = options->outliers != NULL;
    if (service->judged) {
        service->outliers = *options->outliers;
        outlier_fill(&service->outliers);
    }
    if (options->balancer != NULL) {
        service->balancer_name = strdup(options->balancer);
        if (service->balancer_name == NULL)
            return options_no_memory(options->out_error);
    }
    code = apply(channel, service->own, &error);
    return code == WEIR_OK ? WEIR_OK : options_refuse(options->out_error, code, "%s", error.text);
}

void
service_config_fini(struct weir_channel *channel)
{
    balancer_fini(&channel->balancer);
    config_unref(channel->config);
    buf_fini(&channel->service.chosen);
    free(channel->service.balancer_name);
    free(channel->service.text);
}

/* ---- configs from the resolver ---- */

static bool
is_known(const struct client_service_config *service, const char *text)
{
    if (text == NULL || service->text == NULL)
        return text == service->text;
    return strcmp(text, service->text) == 0;
}

static weir_code
read_and_apply(struct weir_channel *channel, const char *text, struct weir_value_error *error)
{
    const struct client_service_config *service = &channel->service;
    struct weir_service_config *config;
    weir_code code;

    if (text == NULL)
        return apply(channel, service->own, error);
    WEIR_TRY(service->format->parse(text, strlen(text), &config, error));
    code = apply(channel, config, error);
    service->format->free(config);
    return code;
}

void
service_config_heed(struct weir_channel *channel, const char *text)
{
    struct client_service_config *service = &channel->service;
    struct weir_value_error error = {"no memory"};

    if (service->format == NULL || is_known(service, text))
        return;
    free(service->text);
    service->text = text == NULL ? NULL : strdup(text); /* without memory it is read again */
    if (read_and_apply(channel, text, &error) != WEIR_OK && service->refused != NULL)
        service->refused(service->refused_self, error.text);
}
