/* SPDX-License-Identifier: Apache-2.0 */
/* The client of gRPC's public interoperability tests:
 *   interop-client --server_host H --server_port N --test_case NAME
 * Exit code 0: the case passed; 1: it failed; 2: the command line cannot be used. */
#include "client.h"

#include "payload.h"
#include "usercommon/complain.h"
#include <signal.h>
#include <stdarg.h>

static const struct flag flags[] = {
    {.name = "server_host",
        .value = "H",
        .help = "the server; default localhost",
        .expected = "a name or an address",
        .read = flag_text,
        .field = offsetof(struct client_options, server_host)},
    {.name = "server_port",
        .value = "N",
        .help = "its port",
        .expected = "a port",
        .read = flag_number,
        .field = offsetof(struct client_options, server_port),
        .min = 1,
        .max = 65535},
    {.name = "test_case",
        .value = "NAME",
        .help = "what to do; a name that is none lists them",
        .expected = "the name of a test case",
        .read = flag_text,
        .field = offsetof(struct client_options, test_case)},
    {.name = "additional_metadata",
        .value = "K:V;K:V",
        .help = "send these with every call",
        .expected = "keys and values",
        .read = flag_text,
        .field = offsetof(struct client_options, additional_metadata)},
    {.name = "soak_iterations",
        .value = "N",
        .help = "calls of a soak; default 10",
        .expected = "a number from 1 to 1000000",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_iterations),
        .min = 1,
        .max = 1000000},
    {.name = "soak_max_failures",
        .value = "N",
        .help = "how many of them may fail; default 0",
        .expected = "a number",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_max_failures),
        .max = 1000000},
    {.name = "soak_per_iteration_max_acceptable_latency_ms",
        .value = "N",
        .help = "what takes longer has failed; default 1000",
        .expected = "milliseconds from 1 to 3600000",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_max_latency),
        .min = 1,
        .max = 3600000},
    {.name = "soak_overall_timeout_seconds",
        .value = "N",
        .help = "time for all of them; default what they may take one by one",
        .expected = "seconds from 1 to 1000000",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_timeout),
        .min = 1,
        .max = 1000000},
    {.name = "soak_min_time_ms_between_rpcs",
        .value = "N",
        .help = "begin one no sooner after the other; default 0",
        .expected = "milliseconds up to 3600000",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_pause),
        .max = 3600000},
    {.name = "soak_request_size",
        .value = "N",
        .help = "bytes that each sends; default 271828",
        .expected = "bytes up to 16777216",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_request_size),
        .max = PAYLOAD_MAX},
    {.name = "soak_response_size",
        .value = "N",
        .help = "bytes that each gets; default 314159",
        .expected = "bytes up to 16777216",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_response_size),
        .max = PAYLOAD_MAX},
    {.name = "soak_num_threads",
        .value = "N",
        .help = "threads that share the calls; default 1",
        .expected = "a number from 1 to 64",
        .read = flag_number,
        .field = offsetof(struct client_options, soak_threads),
        .min = 1,
        .max = 64},
    {.name = "ca_file",
        .value = "FILE",
        .help = "with --use_test_ca: the test's authority, in PEM form",
        .expected = "a file",
        .read = flag_text,
        .field = offsetof(struct client_options, ca_file)},
    {.name = "use_test_ca",
        .help = "believe the test's authority, not the system's; default false",
        .expected = "true or false",
        .read = flag_switch,
        .field = offsetof(struct client_options, use_test_ca)},
    {.name = "server_host_override",
        .value = "H",
        .help = "what the server's certificate must call it; default --server_host",
        .expected = "a name",
        .read = flag_text,
        .field = offsetof(struct client_options, server_host_override)},
    {.name = "long_messages",
        .value = "N",
        .help = "messages of small_messages_both_ways; default 100000",
        .expected = "a number from 4 to 100000000",
        .read = flag_number,
        .field = offsetof(struct client_options, long_messages),
        .min = 4,
        .max = 100000000},
    OPTIONS_COMMON_FLAGS,
};

static const struct options_program program = {
    .name = "interop-client",
    .usage = "--server_port N --test_case NAME [--server_host H]",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
};

/* ---- what the cases use ---- */

weir_code
interop_channel_new(const struct interop *interop, weir_channel **out_channel)
{
    /* The second connection is for the case that asks for one. */
    const struct weir_channel_options options = {.tls = interop->tls, .max_connections = 2};

    return weir_channel_new(interop->loop, interop->target, &options, out_channel);
}

bool
interop_fail(struct interop *interop, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(interop->why, sizeof(interop->why), format, args);
    va_end(args);
    return false;
}

bool
interop_expect(struct interop *interop, const weir_call *call, weir_code code, weir_code expected)
{
    if (code == expected)
        return true;
    return interop_fail(interop, "%s ended with %s \"%s\", not with %s", weir_call_method(call),
        weir_code_name(code), weir_call_message(call), weir_code_name(expected));
}

/* "key:value;key:value"; a value may have colons. */
static weir_code
add_metadata(weir_call *call, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ";");
        size_t key_len = strcspn(text, ":");
        char *key;

        if (key_len >= len)
            return WEIR_INVALID_ARGUMENT;
        key = weir_call_dup(call, (weir_str){text, key_len});
        if (key == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        WEIR_TRY(
            weir_call_add_header(call, key, (weir_str){text + key_len + 1, len - key_len - 1}));
        text += text[len] == ';' ? len + 1 : len;
    }
    return WEIR_OK;
}

weir_code
interop_call_new(const struct interop *interop, weir_channel *channel, weir_call **out_call)
{
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = add_metadata(call, interop->options->additional_metadata);
    if (code == WEIR_OK)
        *out_call = call;
    else
        weir_call_free(call);
    return code;
}

/* ---- running a case ---- */

static bool
make_call(struct interop *interop, bool (*make)(struct interop *interop, weir_call *call))
{
    weir_call *call;
    weir_code code = interop_call_new(interop, interop->channel, &call);
    bool passed;

    if (code == WEIR_INVALID_ARGUMENT)
        return interop_fail(interop, "--additional_metadata may not be sent");
    if (code != WEIR_OK)
        return interop_fail(interop, "out of memory");
    passed = make(interop, call);
    weir_call_free(call);
    return passed;
}

static bool
run_case(struct interop *interop, const struct interop_case *wanted)
{
    bool passed = true;

    if (wanted->whole != NULL)
        return wanted->whole(interop);
    for (size_t i = 0; i < 3 && wanted->calls[i] != NULL && passed; i++)
        passed = make_call(interop, wanted->calls[i]);
    return passed;
}

static bool
run_connected(struct interop *interop, const struct interop_case *wanted)
{
    bool passed;

    if (interop_channel_new(interop, &interop->channel) != WEIR_OK)
        return interop_fail(interop, "no channel to %s", interop->target);
    passed = run_case(interop, wanted);
    weir_channel_free(interop->channel);
    return passed;
}

static bool
run(struct interop *interop, const struct interop_case *wanted)
{
    bool passed;

    if (weir_loop_new(&interop->loop) != WEIR_OK)
        return interop_fail(interop, "no event loop");
    passed = run_connected(interop, wanted);
    weir_loop_free(interop->loop);
    return passed;
}

/* ---- the command line ---- */

static const struct interop_case *const all_cases[] = {
    interop_message_cases,
    interop_compression_cases,
    interop_long_cases,
    interop_status_cases,
    interop_orca_cases,
    interop_scaling_cases,
    interop_soak_cases,
};

#define CASE_LISTS (sizeof(all_cases) / sizeof(all_cases[0]))

static const struct interop_case *
find_case(const char *name)
{
    for (size_t i = 0; i < CASE_LISTS; i++) {
        for (const struct interop_case *item = all_cases[i]; item->name != NULL; item++) {
            if (strcmp(item->name, name) == 0)
                return item;
        }
    }
    return NULL;
}

static void
list_cases(char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < CASE_LISTS; i++) {
        for (const struct interop_case *item = all_cases[i]; item->name != NULL; item++) {
            int wrote = snprintf(out + len, size - len, " %s", item->name);

            if (wrote < 0 || (size_t)wrote >= size - len)
                return;
            len += (size_t)wrote;
        }
    }
}

static void
complain_of_case(const char *name)
{
    char names[1024] = "";

    list_cases(names, sizeof(names));
    complain(program.name, "there is no test case \"%s\"; there are%s", name, names);
}

static const struct interop_case *
choose_case(const struct client_options *options)
{
    const struct interop_case *wanted = NULL;

    if (options->server_port == 0)
        complain(program.name, "--server_port is missing");
    else if (options->test_case == NULL)
        complain(program.name, "--test_case is missing");
    else if ((wanted = find_case(options->test_case)) == NULL)
        complain_of_case(options->test_case);
    return wanted;
}

static void
write_target(struct interop *interop)
{
    const char *host = interop->options->server_host;
    bool is_v6 = strchr(host, ':') != NULL && host[0] != '[';

    snprintf(interop->target, sizeof(interop->target), "%s%s%s:%u", is_v6 ? "[" : "", host,
        is_v6 ? "]" : "", (unsigned)interop->options->server_port);
}

static bool
open_tls(struct interop *interop)
{
    const struct client_options *options = interop->options;
    const struct weir_tls_client_options tls = {
        .ca_file = options->use_test_ca ? options->ca_file : NULL,
        .server_name = options->server_host_override};
    char error[WEIR_TLS_ERROR];

    if (!options->common.use_tls)
        return true;
    if (options->use_test_ca && options->ca_file == NULL)
        complain(program.name, "--use_test_ca needs --ca_file");
    else if (weir_tls_client_new(&tls, &interop->tls, error) != WEIR_OK)
        complain(program.name, "%s", error);
    return interop->tls != NULL;
}

int
main(int argc, char **argv)
{
    struct client_options options = {
        .server_host = "localhost",
        .additional_metadata = "",
        .soak_iterations = 10,
        .soak_max_latency = 1000,
        .soak_request_size = 271828,
        .soak_response_size = 314159,
        .soak_threads = 1,
        .long_messages = 100000,
    };
    struct interop interop = {.options = &options};
    const struct interop_case *wanted;
    int exit_code;
    bool passed;

    signal(SIGPIPE, SIG_IGN);
    if (!options_read(&program, argc, argv, &options, &exit_code))
        return exit_code;
    wanted = choose_case(&options);
    if (wanted == NULL || !open_tls(&interop))
        return 2;
    write_target(&interop);
    passed = run(&interop, wanted);
    weir_tls_free(interop.tls);
    if (!passed) {
        complain(program.name, "%s: %s", wanted->name, interop.why);
        return 1;
    }
    printf("%s: passed\n", wanted->name);
    return 0;
}
