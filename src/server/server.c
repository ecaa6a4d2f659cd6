/* SPDX-License-Identifier: Apache-2.0 */
/* The public server: options, services, interceptors, and the state shared by all loops. */
#include "server/http.h"

#include "base/options.h"
#include "base/random.h"
#include <stdio.h>
#include <stdlib.h>

/* Enough to unpack messages of maximum depth (wire/unpack.c), with room for a handler. */
#define FIBER_STACK_MIN ((size_t)256 * 1024)

#define DEFAULT_UNREAD (UINT64_C(512) * 1024 * 1024)
#define DEFAULT_HELD (UINT64_C(1024) * 1024 * 1024)
#define DEFAULT_CONNECTIONS 100000
#define MINUTE (60 * WEIR_SECOND)
#define HOUR (60 * MINUTE)

static void
set_time(int64_t *option, int64_t otherwise)
{
    if (*option == 0)
        *option = otherwise;
}

static void
set_defaults(struct weir_server_options *options)
{
    if (options->loops == 0)
        options->loops = 1;
    if (options->max_receive_message == 0)
        options->max_receive_message = 4 * 1024 * 1024;
    if (options->max_send_message == 0 || options->max_send_message > CALL_MAX_SEND)
        options->max_send_message = CALL_MAX_SEND;
    if (options->max_header_list == 0)
        options->max_header_list = 16 * 1024;
    if (options->max_concurrent_streams == 0)
        options->max_concurrent_streams = 100;
    if (options->fiber_stack < FIBER_STACK_MIN)
        options->fiber_stack = FIBER_STACK_MIN;
    if (options->max_unread == 0)
        options->max_unread = DEFAULT_UNREAD;
    if (options->max_held == 0)
        options->max_held = DEFAULT_HELD;
    set_time(&options->handshake_timeout, 10 * WEIR_SECOND);
    set_time(&options->keepalive_time, 2 * HOUR);
    set_time(&options->keepalive_timeout, 20 * WEIR_SECOND);
    set_time(&options->min_ping_interval, 5 * MINUTE);
    set_time(&options->min_idle_ping_interval, 2 * HOUR);
    if (options->max_connections == 0)
        options->max_connections = DEFAULT_CONNECTIONS;
    if (options->max_connections_per_address == 0)
        options->max_connections_per_address = (options->max_connections + 1) / 2;
    set_time(&options->stall_timeout, MINUTE);
    set_time(&options->window_timeout, 10 * MINUTE);
    set_time(&options->message_timeout, 2 * MINUTE);
    if (options->max_http_connections == 0)
        options->max_http_connections = 64;
    if (options->http_timeout == 0)
        options->http_timeout = 30 * WEIR_SECOND;
}

static weir_code
check(const struct weir_server_options *options)
{
    const struct options_time times[] = {OPTIONS_TIME(options, handshake_timeout),
        OPTIONS_TIME(options, stall_timeout), OPTIONS_TIME(options, window_timeout),
        OPTIONS_TIME(options, message_timeout), OPTIONS_TIME(options, max_connection_age),
        OPTIONS_TIME(options, max_connection_age_grace), OPTIONS_TIME(options, max_connection_idle),
        OPTIONS_TIME(options, keepalive_time), OPTIONS_TIME(options, keepalive_timeout),
        OPTIONS_TIME(options, min_ping_interval), OPTIONS_TIME(options, min_idle_ping_interval),
        OPTIONS_TIME(options, http_timeout)};

    WEIR_TRY(options_check_times(times, sizeof(times) / sizeof(times[0]), options->out_error));
    WEIR_TRY(
        options_check_choice("compression", options->compression, WEIR_GZIP, options->out_error));
    if (options->tls != NULL && !net_tls_is_server(options->tls))
        return options_refuse(options->out_error, WEIR_INVALID_ARGUMENT, "tls is a client's");
    return WEIR_OK;
}

weir_code
server_fail(struct weir_server *server, weir_code code, const char *what, const char *why)
{
    snprintf(server->error, sizeof(server->error), "%s: %s", what, why);
    return code;
}

weir_code
server_check_setup(struct weir_server *server, const char *what)
{
    return !server->runs ? WEIR_OK
                         : server_fail(server, WEIR_FAILED_PRECONDITION, what,
                               "the server is running already");
}

static const struct weir_server_options defaults;

weir_code
weir_server_new(const struct weir_server_options *options, weir_server **out_server)
{
    struct weir_server *server;

    if (options == NULL)
        options = &defaults;
    WEIR_TRY(check(options));
    server = calloc(1, sizeof(*server));
    if (server == NULL)
        return options_no_memory(options->out_error);
    server->options = *options;
    server->options.out_error = NULL; /* only borrowed for this call */
    set_defaults(&server->options);
    net_tls_ref(server->options.tls);
    server->busy_loops = server->options.loops;
    server->drain_until = WEIR_NEVER;
    rpc_chain_init(&server->chain, server_run_handler);
    server_crowd_init(&server->crowd);
    server_penalties_init(&server->penalties);
    map_init(&server->methods, random_u64());
    map_init(&server->names, random_u64());
    map_init(&server->paths, random_u64());
    if (!server_loops_new(server)) {
        weir_server_free(server);
        return options_refuse(options->out_error, WEIR_RESOURCE_EXHAUSTED,
            "no memory, or no descriptors, for the loops");
    }
    *out_server = server;
    return WEIR_OK;
}

void
weir_server_free(weir_server *server)
{
    struct server_service *service, *next;

    if (server == NULL)
        return;
    server_loops_free(server);
    server_addresses_free(server);
    for (service = server->services; service != NULL; service = next) {
        next = service->next;
        free(service);
    }
    map_fini(&server->methods);
    map_fini(&server->names);
    server_http_free(server);
    rpc_chain_fini(&server->chain);
    server_crowd_fini(&server->crowd);
    server_penalties_fini(&server->penalties);
    weir_tls_free(server->options.tls);
    free(server);
}

static bool
put_methods(
    struct weir_server *server, struct server_service *added, const void *handlers, void *self)
{
    const struct weir_service *service = added->service;

    for (size_t i = 0; i < service->method_count; i++) {
        weir_str path = weir_str_of(service->methods[i].path);

        added->entries[i] =
            (struct server_entry){&service->methods[i], path, service, handlers, self};
        if (!map_put(&server->methods, path, &added->entries[i]))
            return false;
    }
    return true;
}

weir_code
weir_server_add(
    weir_server *server, const struct weir_service *service, const void *handlers, void *self)
{
    struct server_service *added;

    WEIR_TRY(server_check_setup(server, service->name));
    if (map_lookup(&server->names, weir_str_of(service->name)) != NULL)
        return server_fail(server, WEIR_ALREADY_EXISTS, service->name, "is served already");
    added = malloc(sizeof(*added) + service->method_count * sizeof(added->entries[0]));
    if (added == NULL)
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, service->name, "no memory");
    added->service = service;
    added->next = server->services;
    server->services = added;
    if (!put_methods(server, added, handlers, self) ||
        !map_put(&server->names, weir_str_of(service->name), added))
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, service->name, "no memory");
    return WEIR_OK;
}

const struct weir_service *
weir_server_service(const weir_server *server, size_t index)
{
    const struct server_service *added = server->services;

    while (added != NULL && index-- > 0)
        added = added->next;
    return added == NULL ? NULL : added->service;
}

weir_code
weir_server_wrap(weir_server *server, weir_interceptor *interceptor, void *self)
{
    WEIR_TRY(server_check_setup(server, "interceptor"));
    if (!rpc_chain_add(&server->chain, interceptor, self))
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, "interceptor", "no memory");
    return WEIR_OK;
}

weir_loop *
weir_server_loop(const weir_server *server, unsigned index)
{
    return index < server->options.loops ? server->loops[index].loop : NULL;
}

const char *
weir_server_error(const weir_server *server)
{
    return server->error;
}

weir_code
weir_server_run(weir_server *server)
{
    WEIR_TRY(server_check_setup(server, "run"));
    if (server->address_count == 0 && !atomic_load(&server->in_process))
        return server_fail(
            server, WEIR_FAILED_PRECONDITION, "nothing to serve on", "no address was given");
    server->runs = true;
    if (!server_accept_on_all(server))
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, "listeners", "no memory");
    if (!server_loops_run(server))
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, "loops", "no thread to be had");
    if (server->cut)
        return server_fail(
            server, WEIR_CANCELLED, "drain", "calls were cut, the grace time was over");
    return WEIR_OK;
}

void
weir_server_drain(weir_server *server, int64_t grace)
{
    int64_t now = weir_now();
    int64_t until = grace >= WEIR_NEVER - now ? WEIR_NEVER - 1 : now + grace;
    int64_t before = atomic_load(&server->drain_until);

    while (until < before && !atomic_compare_exchange_weak(&server->drain_until, &before, until))
        ;
    for (unsigned i = 0; i < server->options.loops; i++)
        uv_async_send(&server->loops[i].wake);
}
