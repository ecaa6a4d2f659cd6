/* SPDX-License-Identifier: Apache-2.0 */
/* userd: assemble the parts, serve, and take them apart again. */
#include "usercommon/complain.h"
#include "usercommon/streams.h"
#include "userd/address.h"
#include "userd/chat_metrics.h"
#include "userd/commands.h"
#include "userd/connections.h"
#include "userd/database.h"
#include "userd/discovery.h"
#include "userd/notify.h"
#include "userd/ops.h"
#include "userd/options.h"
#include "userd/rate_shared.h"
#include "userd/service.h"
#include "userd/shared.h"
#include "userd/signals.h"
#include "userd/sockets.h"
#include "userd/store_postgres.h"
#include "userd/store_sqlite.h"
#include "userd/tracing.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define CONNECTIONS 100000 /* unless the limit of descriptors is lower */
#define ADDRESSES_SIZE 1024

struct program {
    struct options options;
    char **argv;
    struct sockets sockets;
    struct log log;
    char path[PATH_MAX];         /* of the database's file; "": not a file */
    char database[PATH_MAX + 8]; /* its URL in the form for the log */
    weir_tls *tls;               /* NULL: none */
    struct connections connections;
    weir_server *server;
    weir_pool *pool;
    struct store *store; /* the database */
    struct ops ops;
    struct shared shared;
    struct auth auth;
    struct service service;
    struct signals signals;
    struct limits limits;
    struct tracing tracing;
    struct discovery discovery;
};

/* ---- setup; each function prints its error and returns the exit status, 0 on success ---- */

/* Raise the limit of descriptors as far as allowed: the soft limit is low for the sake of
 * select(2), which is not used here. */
static void
allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The number of connections that the descriptors suffice for. A tenth of them, at least 256, is
 * reserved for the database, files and connections that are being closed. */
static uint32_t
most_connections(void)
{
    struct rlimit limit;
    rlim_t kept, left;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return CONNECTIONS;
    kept = limit.rlim_cur / 10 < 256 ? 256 : limit.rlim_cur / 10;
    left = limit.rlim_cur > kept ? limit.rlim_cur - kept : 1;
    return left < CONNECTIONS ? (uint32_t)left : CONNECTIONS;
}

static int
make_server(struct program *program)
{
    struct weir_error error;
    const struct weir_server_options options = {.loops = program->options.loops,
        .tls = program->tls,
        .max_connections = program->options.max_connections > 0 ? program->options.max_connections
                                                                : most_connections(),
        .max_connections_per_address = program->options.max_connections_per_address,
        .stall_timeout = program->options.stall_timeout,
        .window_timeout = program->options.window_timeout,
        .message_timeout = program->options.message_timeout,
        .max_connection_age = program->options.max_connection_age,
        .max_connection_age_grace = program->options.max_connection_age_grace,
        .max_connection_idle = program->options.max_connection_idle,
        .max_concurrent_streams = program->options.max_streams,
        .max_unread = program->options.max_unread,
        .max_held = program->options.max_held,
        .keepalive_time = program->options.keepalive_time,
        .keepalive_timeout = program->options.keepalive_timeout,
        .min_ping_interval = program->options.min_ping_interval,
        .min_idle_ping_interval = program->options.min_idle_ping_interval,
        .connection_failed = connections_log_failure,
        .connection_failed_self = &program->connections,
        .out_error = &error};

    if (weir_server_new(&options, &program->server) != WEIR_OK) {
        complain("userd", "%s", error.text);
        return EXIT_FAILURE;
    }
    if (weir_pool_new(program->options.workers, &program->pool) != WEIR_OK) {
        complain("userd", "out of memory or of threads");
        return EXIT_FAILURE;
    }
    return 0;
}

static int
open_tls(struct program *program)
{
    return tls_open(&program->options.tls, &program->log, &program->tls) ? 0 : EXIT_FAILURE;
}

static int
trust_all(struct program *program)
{
    weir_code code = WEIR_OK;

    for (size_t i = 0; i < program->options.trust.count && code == WEIR_OK; i++)
        code = weir_server_trust(program->server, program->options.trust.items[i]);
    if (code == WEIR_OK)
        return 0;
    complain("userd", "cannot trust %s", weir_server_error(program->server));
    return code == WEIR_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILURE;
}

static int
listen_on(struct program *program, const char *address)
{
    weir_code code = weir_server_listen(program->server, address);
    const char *error = weir_server_error(program->server);

    if (code == WEIR_OK)
        return 0;
    complain("userd", "cannot listen on %s%s", error,
        address_is_taken(error) ? ". Is userd running already? --listen chooses another address"
                                : "");
    return code == WEIR_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILURE;
}

/* systemd may pass sockets whose addresses are not in the flags. */
static int
inherit_sockets(struct program *program)
{
    struct options *options = &program->options;
    char error[FLAGS_ERROR];

    if (!sockets_inherit(&program->sockets, program->server,
            options->listen_by_default ? &options->listen : NULL))
        return EXIT_FAILURE;
    if (program->sockets.activated)
        weir_server_share_sockets(program->server);
    options_choose_rate(options);
    if (options_check_exposure(options, error))
        return 0;
    complain("userd", "%s", error);
    return EXIT_USAGE;
}

static int
listen_all(struct program *program)
{
    int status = inherit_sockets(program);

    for (size_t i = 0; i < program->options.listen.count && status == 0; i++)
        status = listen_on(program, program->options.listen.items[i]);
    return status;
}

static int
fail_open(const char *database, const struct store_cause *cause)
{
    complain("userd", "cannot open the database %s: %s", database, cause->text);
    return EXIT_FAILURE;
}

static int
open_postgres(struct program *program)
{
    const char *url = program->options.db;
    struct store_cause cause;

    database_show(url, program->database, sizeof(program->database));
    program->store = store_postgres_open(url, program->options.db_read, &cause);
    return program->store == NULL ? fail_open(program->database, &cause) : 0;
}

static int
open_sqlite(struct program *program)
{
    char error[512];
    struct store_cause cause;

    if (!database_path(program->options.db, program->path, error)) {
        complain("userd", "%s", error);
        return EXIT_FAILURE;
    }
    snprintf(program->database, sizeof(program->database), "sqlite:%s", program->path);
    program->store = store_sqlite_open(program->path, program->pool, &cause);
    return program->store == NULL ? fail_open(program->path, &cause) : 0;
}

static int
open_store(struct program *program)
{
    return database_is_postgres(program->options.db) ? open_postgres(program)
                                                     : open_sqlite(program);
}

/* An unusable file is reported before anything else happens. */
static int
open_auth(struct program *program)
{
    char error[FLAGS_ERROR];

    if (auth_open(&program->auth, &program->options.auth, &program->log, error))
        return 0;
    complain("userd", "%s", error);
    return EXIT_USAGE;
}

static int
start_auth(struct program *program)
{
    char error[FLAGS_ERROR];

    if (auth_start(&program->auth, &program->options.auth, program->service.store, program->pool,
            program->options.workers, program->server, error)) {
        if (program->service.store->accounts == NULL)
            return 0;
        program->service.accounts = &program->auth.accounts;
        if (auth_measure(&program->auth, program->ops.metrics))
            return 0;
        snprintf(error, sizeof(error), "out of memory");
    }
    complain("userd", "%s", error);
    return EXIT_FAILURE;
}

/* Outermost first: inside the log and the metrics, outside authentication. */
static int
wrap_server(struct program *program)
{
    const struct options *options = &program->options;
    const struct limits_options limits = {.rate = options->rate.rate,
        .methods = program->auth.policy.rates,
        .method_count = program->auth.policy.rate_count,
        .concurrency = options->concurrency,
        .shared = options->rate_shared ? &rate_shared_backend : NULL,
        .shared_self = program->shared.redis};

    if (limits_open(&program->limits, &limits, program->server, program->ops.metrics) &&
        tracing_open(&program->tracing, options->otlp, options->trace_skip, program->server,
            program->ops.metrics) &&
        ops_show_channel(&program->ops, tracing_channel(&program->tracing)))
        return 0;
    complain("userd", "out of memory or of threads");
    return EXIT_FAILURE;
}

static int
open_ops(struct program *program)
{
    bool local = options_are_local(&program->options);
    const struct ops_options options = {.address = program->options.ops,
        .disk = program->path[0] == '\0' ? NULL : program->path,
        .reflection = program->options.reflection || local,
        .channelz = program->options.channelz || local,
        .server = program->server,
        .pool = program->pool,
        .tls = program->tls,
        .store = program->store,
        .log = &program->log};

    return ops_open(&program->ops, &options) ? 0 : EXIT_FAILURE;
}

/* If nobody accepted from an inherited socket, its clients would wait forever. */
static int
check_sockets(struct program *program)
{
    const char *left = weir_server_inherited(program->server, 0);

    if (left == NULL)
        return 0;
    complain("userd", "LISTEN_FDS hands in %s, which no --listen names", left);
    return EXIT_USAGE;
}

static int
open_shared(struct program *program)
{
    struct chat_hub *hub = program->service.chat = chat_hub_new();
    const struct shared_options options = {.url = program->options.redis,
        .patience = program->options.redis_timeout,
        .store = program->store,
        .fresh = program->options.db_read == NULL ? program->store
                                                  : store_postgres_primary(program->store),
        .hub = hub,
        .ops = &program->ops,
        .log = &program->log};

    if (hub == NULL || !chat_metrics_show(hub, program->ops.metrics) ||
        !shared_open(&program->shared, &options)) {
        complain("userd", "out of memory or of threads");
        return EXIT_FAILURE;
    }
    program->service.relay = program->shared.relay;
    program->service.store =
        program->shared.cached == NULL ? program->store : program->shared.cached;
    return 0;
}

static int
offer_service(struct program *program)
{
    program->service.log = &program->log;
    program->service.health = program->ops.health;
    if (user_UserService_add(program->server, &service_handlers, &program->service) == WEIR_OK &&
        ops_start(&program->ops))
        return 0;
    complain("userd", "out of memory or of threads");
    return EXIT_FAILURE;
}

static int
enter_discovery(struct program *program)
{
    const char *address = program->options.advertise;
    char error[WEIR_TLS_ERROR];

    if (address == NULL)
        address = weir_server_address(program->server, 0);
    if (program->options.etcd != NULL && program->options.advertise == NULL &&
        !discovery_can_tell(address)) {
        complain("userd", "--etcd: clients cannot reach %s; say where with --advertise", address);
        return EXIT_USAGE;
    }
    if (!discovery_start(&program->discovery, program->options.etcd, &program->options.etcd_access,
            address, &program->log, error)) {
        complain("userd", "etcd: %s", error);
        return EXIT_FAILURE;
    }
    if (ops_show_channel(&program->ops, program->discovery.channel))
        return 0;
    complain("userd", "out of memory or of threads");
    return EXIT_FAILURE;
}

/* First stop new clients and end the chats. */
static void
prepare_to_drain(void *arg)
{
    struct program *program = arg;

    discovery_leave(&program->discovery);
}

static int
heed_signals(struct program *program)
{
    program->signals = (struct signals){.server = program->server,
        .log = &program->log,
        .grace = program->options.grace,
        .tls = program->tls,
        .ops = &program->ops,
        .handover.argv = program->argv,
        .draining = prepare_to_drain,
        .arg = program};
    if (signals_start(&program->signals))
        return 0;
    complain("userd", "out of threads");
    return EXIT_FAILURE;
}

/* ---- serving ---- */

static const char *
insecure_because(const struct program *program)
{
    bool auth = program->auth.tokens != NULL;

    if (program->tls == NULL)
        return auth ? "insecure: no TLS, so tokens can be read on the way"
                    : "insecure: neither TLS nor authentication";
    return auth ? "insecure: --insecure is not needed" : "insecure: no authentication";
}

static void
say_where(const struct program *program)
{
    char addresses[ADDRESSES_SIZE] = "";
    const char *address;
    size_t len = 0;

    for (size_t i = 0; (address = weir_server_address(program->server, i)) != NULL; i++) {
        if (len < sizeof(addresses))
            len += (size_t)snprintf(
                addresses + len, sizeof(addresses) - len, "%s%s", i == 0 ? "" : ",", address);
    }
    address = weir_server_http_address(program->server, 0);
    log_line(&program->log, LOG_INFO, "listening", log_text("address", addresses),
        log_text("ops", address == NULL ? "off" : address), log_text("database", program->database),
        log_text("version", weir_version()));
    if (program->options.insecure)
        log_line(
            &program->log, LOG_WARN, insecure_because(program), log_text("address", addresses));
}

/* Notify systemd, which must learn of a successor's process id, and the predecessor. */
static void
say_ready(const struct log *log)
{
    char state[64];

    snprintf(state, sizeof(state), "MAINPID=%ld\nREADY=1", (long)getpid());
    notify_send(state);
    handover_complete(log);
}

static int
serve(struct program *program)
{
    weir_code code;

    signals_serve(&program->signals);
    say_where(program);
    say_ready(&program->log);
    code = weir_server_run(program->server);
    signals_stop(&program->signals);
    if (code == WEIR_OK || code == WEIR_CANCELLED) {
        log_line(&program->log, LOG_INFO, "ended",
            log_text("calls", code == WEIR_OK ? "all finished" : "cut when the grace was over"));
        return 0;
    }
    complain("userd", "cannot serve: %s", weir_server_error(program->server));
    return EXIT_FAILURE;
}

/* Listens first: if the address is in use, the database is not touched. */
static int
run(struct program *program)
{
    int status = open_tls(program);

    if (status == 0)
        status = open_auth(program);

    if (status == 0)
        status = make_server(program);
    if (status == 0)
        status = trust_all(program);
    if (status == 0)
        status = listen_all(program);
    if (status == 0)
        status = heed_signals(program);
    if (status == 0)
        status = open_store(program);
    if (status == 0)
        status = open_ops(program);
    if (status == 0)
        status = check_sockets(program);
    if (status == 0)
        status = open_shared(program);
    if (status == 0)
        status = wrap_server(program);
    if (status == 0)
        status = start_auth(program);
    if (status == 0)
        status = offer_service(program);
    if (status == 0)
        status = enter_discovery(program);
    if (status == 0)
        status = serve(program);
    signals_stop(&program->signals);
    discovery_stop(&program->discovery);
    weir_server_free(program->server);
    limits_close(&program->limits, &program->log);
    tracing_close(&program->tracing, &program->log);
    auth_close(&program->auth);
    weir_pool_free(program->pool);
    shared_stop(&program->shared);
    ops_close(&program->ops);
    shared_close(&program->shared);
    store_close(program->store);
    weir_tls_free(program->tls);
    chat_hub_free(program->service.chat);
    return status;
}

static bool
open_log(struct program *program)
{
    const struct weir_log_options options = {
        .format = program->options.log_format, .level = program->options.log_level};

    return weir_log_new(&options, &program->log.lines) == WEIR_OK;
}

/* Make sure that the output was written: it fails if the disk is full, for example. */
static int
finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    complain("userd", "cannot write the answer: %s", strerror(errno));
    return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    struct program program = {0};
    char error[FLAGS_ERROR];
    int status;

    if (!streams_hold())
        return EXIT_FAILURE;
    if (commands_run(argc - 1, argv + 1, &status))
        return finish(status);
    if (!options_read(argc - 1, argv + 1, &program.options, error)) {
        complain("userd", "%s", error);
        return EXIT_USAGE;
    }
    if (program.options.help) {
        options_help(stdout);
        return finish(0);
    }
    if (program.options.version) {
        printf("userd %s\n", weir_version());
        return finish(0);
    }
    program.argv = argv;
    signals_block();
    if (!open_log(&program)) {
        complain("userd", "out of memory or of threads");
        return EXIT_FAILURE;
    }
    connections_init(&program.connections, &program.log);
    allow_descriptors();
    status = run(&program);
    weir_log_free(program.log.lines);
    return status;
}
