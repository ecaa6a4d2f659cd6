/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/options.h"

#include "usercommon/duration.h"
#include <string.h>

#define MANY UINT32_C(1000000000)
#define DEFAULT_DURATION (10 * WEIR_SECOND)
#define DEFAULT_MESSAGES 100

static const char *const kinds[] = {
    [WEIR_UNARY] = "unary",
    [WEIR_CLIENT_STREAM] = "client-stream",
    [WEIR_SERVER_STREAM] = "server-stream",
    [WEIR_BIDI_STREAM] = "bidi",
};

static bool
read_kind(const struct flag *flag, const char *text, void *field)
{
    (void)flag;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(text, kinds[i]) == 0) {
            *(weir_method_kind *)field = (weir_method_kind)i;
            return true;
        }
    }
    return false;
}

#define FIELD(name) .field = offsetof(struct options, name)
#define COUNT .expected = "a whole number from 1 on", .read = flag_number, .min = 1, .max = MANY
#define TEXT(what) .expected = what, .read = flag_text
#define DURATION .expected = "a duration such as " DURATION_EXAMPLES, .read = flag_duration

static const struct flag flags[] = {
    {"kind", "KIND", "the method's: unary, client-stream, server-stream or bidi (unary)",
        FIELD(kind), .expected = "unary, client-stream, server-stream or bidi", .read = read_kind},
    {"message", "FILE", "the message to send, as protobuf bytes (an empty one)",
        FIELD(message_file), TEXT("a file")},
    {"messages", "N", "how many a stream sends (100)", FIELD(messages), COUNT},
    {"header", "NAME:VALUE", "metadata of every call; may be repeated", FIELD(headers),
        .expected = "NAME:VALUE", .read = flag_list, .repeats = true},
    {"changing", NULL, "send an x-request-id and a grpc-timeout that differ in every call",
        FIELD(changing), .read = flag_switch},
    {"timeout", "D", "the deadline of each call (none)", FIELD(timeout), DURATION},
    {"connections", "N", "connections (1)", FIELD(connections), COUNT},
    {"streams", "N", "calls at a time on each (1)", FIELD(streams), COUNT},
    {"threads", "N", "threads that share the connections (1)", FIELD(threads), COUNT},
    {"rate", "N", "begin N calls a second, answered or not, and count from when each was due",
        FIELD(rate), COUNT},
    {"duration", "D", "how long to measure (10s; with --calls: until they are made)",
        FIELD(duration), DURATION},
    {"calls", "N", "how many calls to make (as many as there is time for)", FIELD(calls), COUNT},
    {"warm-up", "D", "how long to call before it counts (0)", FIELD(warm_up), DURATION},
    {"tls", NULL, "speak TLS", FIELD(tls), .read = flag_switch},
    {"ca", "FILE", "whom to believe, PEM (the system's authorities)", FIELD(ca), TEXT("a file")},
    {"cert", "FILE", "the certificate to show, PEM", FIELD(cert), TEXT("a file")},
    {"key", "FILE", "its private key, PEM", FIELD(key), TEXT("a file")},
    {"server-name", "NAME", "what the server's certificate must say (the target's host)",
        FIELD(server_name), TEXT("a name")},
    {"json", "FILE", "write the results there too; \"-\": to standard output, instead of the text",
        FIELD(json), TEXT("a file")},
    {"svg", "FILE", "draw the latencies there", FIELD(svg), TEXT("a file")},
    {"quiet", NULL, "show no progress", FIELD(quiet), .read = flag_switch},
    {"help", NULL, "print this", FIELD(help), .read = flag_switch},
    {"version", NULL, "print the version", FIELD(version), .read = flag_switch},
};

static const struct flag_set set = {.flags = flags, .count = sizeof(flags) / sizeof(flags[0])};

static bool
refuse(char error[FLAGS_ERROR], const char *why)
{
    snprintf(error, FLAGS_ERROR, "%s", why);
    return false;
}

/* "/package.Service/Method", printable. */
static bool
is_method(const char *text)
{
    const char *second = text[0] == '/' ? strchr(text + 1, '/') : NULL;

    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return second != NULL && second > text + 1 && second[1] != '\0';
}

static bool
check(const struct options *options, char error[FLAGS_ERROR])
{
    bool says_tls = options->ca != NULL || options->cert != NULL || options->server_name != NULL;

    if (!is_method(options->method))
        return refuse(error, "the method is written /package.Service/Method");
    if ((options->cert == NULL) != (options->key == NULL))
        return refuse(error, "--cert and --key go together");
    if (says_tls && !options->tls)
        return refuse(error, "--ca, --cert, --key and --server-name need --tls");
    if (options->threads > options->connections)
        return refuse(error, "--threads: there are no more of them than connections");
    if (options->calls > 0 && options->warm_up > 0)
        return refuse(error, "--warm-up is for a time, not for a number of --calls");
    if (options->changing && options->timeout > 0)
        return refuse(error, "--changing brings a timeout of its own: leave --timeout out");
    return true;
}

static uint32_t
or_else(uint32_t number, uint32_t otherwise)
{
    return number == 0 ? otherwise : number;
}

static void
fill_in(struct options *options)
{
    bool sends_many = options->kind == WEIR_CLIENT_STREAM || options->kind == WEIR_BIDI_STREAM;

    options->messages = sends_many ? or_else(options->messages, DEFAULT_MESSAGES) : 1;
    options->connections = or_else(options->connections, 1);
    options->streams = or_else(options->streams, 1);
    options->threads = or_else(options->threads, 1);
    if (options->duration == 0)
        options->duration = options->calls > 0 ? WEIR_NEVER : DEFAULT_DURATION;
}

bool
options_read(int argc, char *const *argv, struct options *options, char error[FLAGS_ERROR])
{
    const char *words[argc > 0 ? argc : 1];
    struct flag_words rest = {.items = words};

    *options = (struct options){.kind = WEIR_UNARY};
    if (!flags_read(&set, argc, argv, options, &rest, error))
        return false;
    if (options->help || options->version)
        return true;
    if (rest.count != 2)
        return refuse(error, "a target and a method are needed: weir-bench [FLAG...] HOST:PORT "
                             "/package.Service/Method");
    options->target = words[0];
    options->method = words[1];
    fill_in(options);
    return check(options, error);
}

void
options_help(FILE *out)
{
    fputs("usage: weir-bench [FLAG...] TARGET METHOD\n\n"
          "Load a gRPC server and measure how it answers.\n"
          "TARGET is HOST:PORT or unix:PATH, METHOD is /package.Service/Method.\n\n",
        out);
    flags_help(&set, out);
}

const char *
options_kind_name(weir_method_kind kind)
{
    return kinds[kind];
}
