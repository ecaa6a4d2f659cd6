/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics, health and HTTP endpoints for operators. gRPC and HTTP report the same health status. */
#include "userd/ops.h"

#include "user.weir.h"
#include "usercommon/complain.h"
#include "userd/address.h"
#include <stdio.h>

/* With less free space than this, the next checkpoint may fail. */
#define DISK_MIN ((uint64_t)8 * 1024 * 1024)

bool
ops_read_address(const struct flag *flag, const char *text, void *field)
{
    return (strcmp(text, "off") == 0 || address_valid(text)) && flag_text(flag, text, field);
}

/* ---- health ---- */

static weir_code
take_nobody(void *arg, const struct user *user)
{
    (void)arg;
    (void)user;
    return WEIR_OK;
}

/* No user has the id 0; that the store can answer the query is all that matters. */
static bool
check_database(void *self, char why[WEIR_HEALTH_WHY])
{
    const struct ops *ops = self;
    struct weir_health_disk disk = {ops->disk, DISK_MIN};
    struct store_cause cause = {"out of memory"};
    weir_code code = ops->store->ops->find(ops->store, NULL, 0, take_nobody, NULL, &cause);

    if (code != WEIR_OK && code != WEIR_NOT_FOUND) {
        snprintf(why, WEIR_HEALTH_WHY, "%s", cause.text);
        return false;
    }
    return ops->disk == NULL || weir_health_disk_check(&disk, why);
}

static void
log_health(void *self, const char *name, bool works, const char *why)
{
    const struct ops *ops = self;

    if (works)
        log_line(ops->log, LOG_INFO, "works again", log_text("checker", name));
    else
        log_line(
            ops->log, LOG_ERROR, "does not work", log_text("checker", name), log_text("why", why));
}

static weir_code
set_up_health(struct ops *ops, weir_server *server)
{
    const struct weir_health_checker database = {
        .name = OPS_DATABASE, .check = check_database, .self = ops};

    WEIR_TRY(weir_health_new(&ops->health));
    WEIR_TRY(weir_health_add(ops->health, &database));
    WEIR_TRY(weir_health_require(ops->health, user_UserService_service.name, OPS_DATABASE));
    weir_health_observe(ops->health, log_health, ops);
    return weir_health_offer(ops->health, server);
}

/* ---- endpoints ---- */

static bool
serves(struct ops *ops)
{
    return weir_health_status(ops->health, "") == WEIR_HEALTH_SERVING;
}

struct listing {
    weir_http_exchange *exchange;
    bool begun;
};

static bool
list_service(void *arg, const char *service, enum weir_health_status status)
{
    struct listing *listing = arg;

    if (service[0] == '\0')
        return true;
    weir_http_printf(listing->exchange, "%s\"%s\":\"%s\"", listing->begun ? "," : "", service,
        weir_health_status_name(status));
    listing->begun = true;
    return true;
}

static void
answer_health(void *self, weir_http_exchange *exchange)
{
    struct ops *ops = self;
    struct listing listing = {exchange, false};
    bool healthy = serves(ops);

    weir_http_status(exchange, healthy ? 200 : 503);
    weir_http_type(exchange, "application/json");
    weir_http_printf(exchange, "{\"status\":\"%s\",\"timestamp\":%lld,\"services\":{",
        healthy ? "healthy" : "unhealthy", (long long)weir_unix_seconds());
    weir_health_each(ops->health, list_service, &listing);
    weir_http_printf(exchange, "}}\n");
}

static void
answer_ready(void *self, weir_http_exchange *exchange)
{
    bool ready = serves(self);

    weir_http_status(exchange, ready ? 200 : 503);
    weir_http_printf(exchange, ready ? "ready\n" : "not ready\n");
}

static void
answer_alive(void *self, weir_http_exchange *exchange)
{
    (void)self;
    weir_http_printf(exchange, "alive\n");
}

static void
answer_version(void *self, weir_http_exchange *exchange)
{
    (void)self;
    weir_http_type(exchange, "application/json");
    weir_http_printf(exchange, "{\"name\":\"userd\",\"version\":\"%s\"}\n", weir_version());
}

static weir_code
handle_paths(struct ops *ops, weir_server *server)
{
    WEIR_TRY(weir_server_handle(server, "/health", answer_health, ops));
    WEIR_TRY(weir_server_handle(server, "/readyz", answer_ready, ops));
    WEIR_TRY(weir_server_handle(server, "/livez", answer_alive, ops));
    WEIR_TRY(weir_server_handle(server, "/version", answer_version, ops));
    return weir_server_handle(server, "/metrics", weir_metrics_answer, ops->metrics);
}

/* The default address was not asked for, so it is no error if it is in use. */
static bool
listen_on(const struct ops_options *options)
{
    const char *address = options->address == NULL ? OPS_ADDRESS : options->address;

    if (strcmp(address, "off") == 0)
        return true;
    if (weir_server_listen_http(options->server, address) == WEIR_OK) {
        if (!address_is_local(address))
            log_line(options->log, LOG_WARN, "metrics and health can be read from other machines",
                log_text("ops", address));
        return true;
    }
    if (options->address != NULL) {
        complain("userd", "--ops: cannot listen on %s", weir_server_error(options->server));
        return false;
    }
    log_line(options->log, LOG_WARN, "going on without metrics and health over HTTP",
        log_text("why", weir_server_error(options->server)));
    return true;
}

/* ---- metrics ---- */

static weir_code
measure_store(weir_metrics *metrics, struct store *store)
{
    static const double sizes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
    struct store_meters *meters = &store->meters;

    meters->commits = weir_metrics_counter(
        metrics, "userd_database_commits_total", "Transactions that were committed.", NULL, 0);
    meters->faults = weir_metrics_counter(metrics, "userd_database_faults_total",
        "Operations that failed because of the database.", NULL, 0);
    meters->queued = weir_metrics_gauge(
        metrics, "userd_database_queued", "Writes that wait for a transaction.", NULL, 0);
    meters->batches = weir_metrics_histogram(metrics, "userd_database_batch_size",
        "Writes that shared a transaction.", sizes, sizeof(sizes) / sizeof(sizes[0]), NULL, 0);
    meters->replica_reads = weir_metrics_counter(metrics, "userd_database_replica_reads_total",
        "Reads that the replica of --db-read answered.", NULL, 0);
    meters->replica_faults = weir_metrics_counter(metrics, "userd_database_replica_faults_total",
        "Reads that the replica of --db-read could not answer.", NULL, 0);
    return meters->replica_reads == NULL || meters->replica_faults == NULL ||
                   meters->commits == NULL || meters->faults == NULL || meters->queued == NULL ||
                   meters->batches == NULL
               ? WEIR_RESOURCE_EXHAUSTED
               : WEIR_OK;
}

static weir_code
set_up_metrics(struct ops *ops, const struct ops_options *options)
{
    WEIR_TRY(weir_metrics_new(NULL, &ops->metrics));
    WEIR_TRY(measure_store(ops->metrics, options->store));
    WEIR_TRY(weir_metrics_server(ops->metrics, options->server));
    WEIR_TRY(weir_metrics_pool(ops->metrics, options->pool));
    if (options->tls != NULL)
        WEIR_TRY(weir_metrics_tls(ops->metrics, options->tls));
    return weir_metrics_collect(ops->metrics, ops_collect_process, ops);
}

/* ---- introspection of the server ---- */

static weir_code
offer_channelz(struct ops *ops, weir_server *server)
{
    WEIR_TRY(weir_channelz_new(&ops->channelz));
    WEIR_TRY(weir_channelz_show_server(ops->channelz, server));
    return weir_channelz_offer(ops->channelz, server);
}

static weir_code
describe(struct ops *ops, const struct ops_options *options)
{
    if (options->reflection)
        WEIR_TRY(weir_reflection_new(options->server, &ops->reflection));
    return options->channelz ? offer_channelz(ops, options->server) : WEIR_OK;
}

/* Outermost first. */
static weir_code
wrap(struct ops *ops, weir_server *server)
{
    WEIR_TRY(weir_server_wrap(server, weir_log_intercept, ops->log->lines));
    return weir_server_wrap(server, weir_metrics_intercept, ops->metrics);
}

/* ---- opening and closing ---- */

bool
ops_open(struct ops *ops, const struct ops_options *options)
{
    ops->store = options->store;
    ops->log = options->log;
    ops->disk = options->disk;
    ops->started = weir_unix_seconds();
    if (set_up_metrics(ops, options) != WEIR_OK || wrap(ops, options->server) != WEIR_OK ||
        set_up_health(ops, options->server) != WEIR_OK ||
        handle_paths(ops, options->server) != WEIR_OK || describe(ops, options) != WEIR_OK) {
        complain("userd", "out of memory");
        return false;
    }
    return listen_on(options);
}

bool
ops_show_channel(struct ops *ops, weir_channel *channel)
{
    return ops->channelz == NULL || channel == NULL ||
           weir_channelz_show_channel(ops->channelz, channel) == WEIR_OK;
}

bool
ops_start(struct ops *ops)
{
    return weir_health_start(ops->health) == WEIR_OK;
}

void
ops_drain(struct ops *ops)
{
    weir_health_shutdown(ops->health);
}

void
ops_close(struct ops *ops)
{
    weir_reflection_free(ops->reflection);
    weir_channelz_free(ops->channelz);
    weir_health_free(ops->health);
    if (ops->store != NULL)
        ops->store->meters = (struct store_meters){NULL};
    weir_metrics_free(ops->metrics);
}
