/* SPDX-License-Identifier: Apache-2.0 */
/* userctl: the user service on the command line. */
#include "usercommon/complain.h"
#include "usercommon/streams.h"
#include "userctl/calls.h"
#include "userctl/chain.h"
#include "userctl/session.h"
#include "userctl/token.h"
#include "userctl/tracing.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/etcd.h>

/* From the flags; *out_tls is NULL without TLS. False: the error was printed. */
static bool
open_tls(const struct args *args, weir_tls **out_tls)
{
    const struct weir_tls_client_options options = {
        .ca_file = args->ca, .pair = {args->cert, args->key}};
    char error[WEIR_TLS_ERROR];

    *out_tls = NULL;
    if (!args->tls || weir_tls_client_new(&options, out_tls, error) == WEIR_OK)
        return true;
    complain("userctl", "TLS: %s", error);
    return false;
}

/* Tracing is outside the retries, so a trace shows the attempts as one call. */
static int
run_wrapped(weir_channel *channel, const struct command *command, const struct args *args,
    weir_tracer **out_tracer, struct chain *chain)
{
    weir_code code = tracing_open(channel, args->otlp, out_tracer);

    if (code == WEIR_OK)
        code = chain_begin(chain, channel, command, args);
    return code == WEIR_OK ? calls_run(command, channel, args)
                           : calls_fail(args, code, "out of memory or of file descriptors");
}

static int
run_channel(weir_loop *loop, const struct command *command, const struct args *args,
    struct weir_channel_options *options)
{
    struct chain chain = {.retry = NULL};
    struct weir_error error;
    weir_channel *channel;
    weir_tracer *tracer = NULL;
    weir_code code;
    int status;

    options->out_error = &error;
    code = weir_channel_new(loop, args->server, options, &channel);
    if (code == WEIR_INVALID_ARGUMENT) {
        if (flags_may_repeat(args->server))
            complain("userctl", "--server: \"%s\" is not " SERVER_FORMS, args->server);
        else
            complain("userctl", "--server needs " SERVER_FORMS);
        return EXIT_USAGE;
    }
    if (code != WEIR_OK)
        return calls_fail(args, code, error.text);
    status = run_wrapped(channel, command, args, &tracer, &chain);
    weir_channel_free(channel);
    chain_end(&chain);
    tracing_close(tracer, args->otlp);
    return status;
}

static int
run_with_token(weir_loop *loop, const struct command *command, const struct args *args,
    struct weir_channel_options *options)
{
    weir_code code = token_open(args, &options->credentials);
    int status;

    if (code != WEIR_OK)
        return calls_fail(args, code, "out of memory");
    status = run_channel(loop, command, args, options);
    weir_credentials_free(options->credentials);
    return status;
}

/* The library's targets, and etcd's. */
static int
run_with_targets(weir_loop *loop, const struct command *command, const struct args *args,
    weir_tls *tls, const struct etcd_login *login)
{
    const struct weir_etcd_resolver_options etcd = {
        .user = login->name, .password = login->password, .tls = login->tls};
    weir_catalog *catalog = weir_catalog_new();
    struct weir_channel_options options = {.user_agent = "userctl", .tls = tls, .catalog = catalog};
    int status;

    if (catalog == NULL || weir_etcd_add_resolver(catalog, &etcd) != WEIR_OK)
        status = calls_fail(args, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else
        status = run_with_token(loop, command, args, &options);
    weir_catalog_free(catalog);
    return status;
}

static int
run_on(weir_loop *loop, const struct command *command, const struct args *args, weir_tls *tls)
{
    char error[WEIR_TLS_ERROR];
    struct etcd_login login;
    int status;

    if (args->etcd.user != NULL && !session_etcd_is_private(args)) {
        complain("userctl",
            "--etcd-user is not sent to %s without TLS; add --etcd-tls or --etcd-ca", args->server);
        return EXIT_USAGE;
    }
    if (!etcd_login_open(&args->etcd, args->etcd_tls, &login, error)) {
        complain("userctl", "etcd: %s", error);
        return EXIT_USAGE;
    }
    status = run_with_targets(loop, command, args, tls, &login);
    etcd_login_close(&login);
    return status;
}

static int
run(const struct command *command, const struct args *args)
{
    weir_loop *loop;
    weir_tls *tls;
    weir_code code;
    int status;

    if (!open_tls(args, &tls))
        return EXIT_USAGE;
    code = weir_loop_new(&loop);
    if (code != WEIR_OK) {
        weir_tls_free(tls);
        return calls_fail(args, code, "out of memory or of file descriptors");
    }
    status = run_on(loop, command, args, tls);
    weir_loop_free(loop);
    weir_tls_free(tls);
    return status;
}

/* login and register need no token, and logout works with any. */
static bool
needs_token(const struct command *command)
{
    return command != &commands[COMMAND_LOGIN] && command != &commands[COMMAND_REGISTER] &&
           command != &commands[COMMAND_LOGOUT];
}

/* The token of --token, otherwise that of the last login. False: the error was printed. */
static bool
find_token(struct args *args, char kept[SESSION_TOKEN])
{
    bool given = args->token != NULL;

    if (!given && !session_load(args->server, kept))
        return false;
    if (!given && kept[0] != '\0')
        args->token = kept;
    if (args->token == NULL || token_is_sendable(args->token))
        return true;
    complain("userctl", given ? "--token is no token"
                              : "what userctl login has kept is no token; userctl login again");
    return false;
}

/* False: there is no token, or it must not be sent to this server; the error was printed. */
static bool
choose_token(const struct command *command, struct args *args, char kept[SESSION_TOKEN])
{
    if (!needs_token(command)) {
        args->token = NULL;
        return true;
    }
    if (!find_token(args, kept))
        return false;
    if (args->token == NULL || command == &commands[COMMAND_WHOAMI] || session_is_private(args))
        return true;
    complain("userctl", "a token is not sent to %s without TLS; add --tls or --ca", args->server);
    return false;
}

/* Make sure that the output was written: it fails if the disk is full, for example. A command that
 * noticed has printed the error; the reason is only known for the last write. */
static int
finish(int status)
{
    bool failed = fflush(stdout) != 0;

    if (!failed && !ferror(stdout))
        return status;
    if (status != EXIT_OUTPUT && (!failed || errno != EPIPE))
        complain("userctl", "cannot write the answer%s%s", failed ? ": " : "",
            failed ? strerror(errno) : "");
    return EXIT_OUTPUT;
}

int
main(int argc, char **argv)
{
    const struct command *command;
    struct args args;
    char error[FLAGS_ERROR], token[SESSION_TOKEN];

    if (!streams_hold())
        return EXIT_OUTPUT;
    signal(SIGPIPE, SIG_IGN);
    if (!args_read(argc - 1, argv + 1, &command, &args, error)) {
        complain("userctl", "%s", error);
        return EXIT_USAGE;
    }
    if (args.help) {
        args_help(command, stdout);
        return finish(0);
    }
    if (args.version) {
        printf("userctl %s\n", weir_version());
        return finish(0);
    }
    return choose_token(command, &args, token) ? finish(run(command, &args)) : EXIT_USAGE;
}
