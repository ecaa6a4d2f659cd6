/* SPDX-License-Identifier: Apache-2.0 */
/* userd's configuration. */
#include "userd/options.h"

#include "usercommon/duration.h"
#include "usercommon/otlp.h"
#include "usercommon/size.h"
#include "userd/address.h"
#include "userd/database.h"
#include "userd/discovery.h"
#include "userd/redis_url.h"
#include "userd/tracing.h"
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#define THREADS_MAX 256
#define DEFAULT_ADDRESS "127.0.0.1:50051"

/* ---- readers of userd's own flags ---- */

static bool
read_listen(const struct flag *flag, const char *text, void *field)
{
    return address_valid(text) && flag_list(flag, text, field);
}

static bool
read_advertise(const struct flag *flag, const char *text, void *field)
{
    return address_valid(text) && flag_text(flag, text, field);
}

static bool
read_postgres(const struct flag *flag, const char *text, void *field)
{
    return database_is_postgres(text) && database_read_url(flag, text, field);
}

/* The index of a word in a list of `count`; false: not found. */
static bool
read_word(const char *text, const char *const *words, size_t count, size_t *out_place)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out_place = i;
            return true;
        }
    }
    return false;
}

static bool
read_log_format(const struct flag *flag, const char *text, void *field)
{
    static const char *const words[] = {"text", "json"};
    size_t place;

    (void)flag;
    if (!read_word(text, words, 2, &place))
        return false;
    *(enum weir_log_format *)field = (enum weir_log_format)place;
    return true;
}

static bool
read_log_level(const struct flag *flag, const char *text, void *field)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    size_t place;

    (void)flag;
    if (!read_word(text, words, 4, &place))
        return false;
    *(enum weir_log_level *)field = (enum weir_log_level)((int)place + WEIR_LOG_DEBUG);
    return true;
}

/* ---- the flags ---- */

#define FIELD(name) .field = offsetof(struct options, name)

static const struct flag flags[] = {
    {.name = "listen",
        .value = "ADDR",
        .read = read_listen,
        .repeats = true,
        FIELD(listen),
        .expected = ADDRESS_FORMS " (up to 16 of them)",
        .help = "where to serve: " ADDRESS_FORMS "; repeatable (" DEFAULT_ADDRESS ")"},
    {.name = "db",
        .value = "URL",
        .read = database_read_url,
        .secret = true,
        FIELD(db),
        .expected = DATABASE_FORMS,
        .help = "the database, " DATABASE_FORMS " (userd/users.db in the user's data folder)"},
    {.name = "db-read",
        .value = "URL",
        .read = read_postgres,
        .secret = true,
        FIELD(db_read),
        .expected = "postgres://HOST/NAME",
        .help = "a replica of --db, which GetUser and lists read while it is there (none)"},
    {.name = "redis",
        .value = "URL",
        .read = redis_read_url,
        .secret = true,
        FIELD(redis),
        .expected = REDIS_URL_FORMS,
        .help = "share users that were read, and the chat, with other userd in this "
                "Redis: " REDIS_URL_FORMS " (nowhere)"},
    {.name = "redis-timeout",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(redis_timeout),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "how long Redis may take for an answer before userd does without (250ms)"},
    {.name = "ops",
        .value = "ADDR",
        .read = ops_read_address,
        FIELD(ops),
        .expected = ADDRESS_FORMS ", or off",
        .help = "where /metrics, /health, /readyz, /livez and /version are served over "
                "HTTP: " ADDRESS_FORMS ", or off (" OPS_ADDRESS ", if that is free)"},
    {.name = "etcd",
        .value = "URL",
        .read = discovery_read_url,
        FIELD(etcd),
        .expected = DISCOVERY_URL_FORMS,
        .help = "register there, where clients find servers: " DISCOVERY_URL_FORMS " (nowhere)"},
    {.name = "etcd-ca",
        .value = "FILE",
        .read = flag_text,
        FIELD(etcd_access.ca),
        .expected = "a PEM file",
        .help = "believe these authorities of etcd (those that this system believes)"},
    {.name = "etcd-cert",
        .value = "FILE",
        .read = flag_text,
        FIELD(etcd_access.cert),
        .expected = "a PEM file",
        .help = "the certificate to show an etcd that asks for one (none)"},
    {.name = "etcd-key",
        .value = "FILE",
        .read = flag_text,
        FIELD(etcd_access.key),
        .expected = "a PEM file",
        .help = "the private key of --etcd-cert (none)"},
    {.name = "etcd-user",
        .value = ETCD_USER_FORM,
        .read = etcd_access_read_user,
        .secret = true,
        FIELD(etcd_access.user),
        .expected = ETCD_USER_FORM,
        .help = "who speaks, where etcd wants to know (nobody)"},
    {.name = "advertise",
        .value = "ADDR",
        .read = read_advertise,
        FIELD(advertise),
        .expected = ADDRESS_FORMS,
        .help = "where clients reach this server, for --etcd (the first address of --listen)"},
    {.name = "log-format",
        .value = "FORMAT",
        .read = read_log_format,
        FIELD(log_format),
        .expected = "text or json",
        .help = "text or json (text)"},
    {.name = "log-level",
        .value = "LEVEL",
        .read = read_log_level,
        FIELD(log_level),
        .expected = "debug, info, warn or error",
        .help = "debug, info, warn or error (info)"},
    {.name = "rate",
        .value = "RATE[:BURST]",
        .read = limits_read_rate,
        FIELD(rate),
        .expected = LIMITS_RATE_FORMS,
        .help = "calls a second, and at once, of each client address, health checks aside; off for"
                " no limit (off on loopback, 100:200 elsewhere)"},
    {.name = "rate-shared",
        .read = flag_switch,
        FIELD(rate_shared),
        .expected = "true or false",
        .help = "count the calls of a client address over all userd that share --redis (off)"},
    {.name = "concurrency",
        .read = flag_switch,
        FIELD(concurrency),
        .expected = "true or false",
        .help = "refuse calls beyond what can be done at once without long waits (off)"},
    {.name = "otlp",
        .value = "URL",
        .read = otlp_read,
        FIELD(otlp),
        .expected = OTLP_FORMS,
        .help = "send traces to this collector (OTLP over gRPC), " OTLP_FORMS " (nowhere)"},
    {.name = "trace-sample",
        .value = "F",
        .read = tracing_read_sample,
        FIELD(trace_skip),
        .expected = "a share from 0 to 1",
        .help = "the share of the traces beginning here that is recorded (1)"},
    {.name = "grace",
        .value = "D",
        .read = flag_duration,
        FIELD(grace),
        .expected = "a duration such as " DURATION_EXAMPLES,
        .help = "how long calls may go on after SIGTERM (30s)"},
    {.name = "loops",
        .value = "N",
        .read = flag_number,
        FIELD(loops),
        .min = 1,
        .max = THREADS_MAX,
        .expected = "a number from 1 to 256",
        .help = "threads that serve connections (1)"},
    {.name = "workers",
        .value = "N",
        .read = flag_number,
        FIELD(workers),
        .min = 1,
        .max = THREADS_MAX,
        .expected = "a number from 1 to 256",
        .help = "threads for work that blocks, such as writing to the disk (2)"},
    {.name = "max-connections",
        .value = "N",
        .read = flag_number,
        FIELD(max_connections),
        .min = 1,
        .max = 10000000,
        .expected = "a number from 1 to 10000000",
        .help = "connections at a time; what is over it is closed (100000, or what its open files "
                "allow)"},
    {.name = "max-connections-per-address",
        .value = "N",
        .read = flag_number,
        FIELD(max_connections_per_address),
        .min = 1,
        .max = 10000000,
        .expected = "a number from 1 to 10000000",
        .help = "the same of one IPv4 address or IPv6 network of 64 bits (half of them)"},
    {.name = "trust",
        .value = "NETWORK",
        .read = flag_list,
        .repeats = true,
        FIELD(trust),
        .expected = "ADDRESS or ADDRESS/BITS, or none (up to 16 of them)",
        .help =
            "a proxy's ADDRESS or ADDRESS/BITS, never let in more slowly for what its clients did; "
            "repeatable (loopback)"},
    {.name = "stall-timeout",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(stall_timeout),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "how long a client may take for 16 KiB of what is sent, or for a frame (60s)"},
    {.name = "window-timeout",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(window_timeout),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "how long a call may wait for its client to let a message come (10m)"},
    {.name = "message-timeout",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(message_timeout),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "how long a client may take for 16 KiB of a message that it sends, or owes (2m)"},
    {.name = "max-connection-age",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(max_connection_age),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "then a client is told to connect anew, a tenth sooner or later (never)"},
    {.name = "max-connection-age-grace",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(max_connection_age_grace),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "how long its calls may go on after that (without end)"},
    {.name = "max-connection-idle",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(max_connection_idle),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "how long a connection may stay without a call (without end)"},
    {.name = "max-streams",
        .value = "N",
        .read = flag_number,
        FIELD(max_streams),
        .min = 1,
        .max = INT32_MAX,
        .expected = "a number from 1 to 2147483647",
        .help = "calls of one connection at a time (100)"},
    {.name = "max-unread",
        .value = "SIZE",
        .read = flag_size,
        .min = 1,
        FIELD(max_unread),
        .expected = "a size above 0 such as " SIZE_EXAMPLES,
        .help = "what messages that wait to be read may take, of all connections, beyond 64KiB "
                "for each call; 4MiB a loop at least (512MiB)"},
    {.name = "max-held",
        .value = "SIZE",
        .read = flag_size,
        .min = 1,
        FIELD(max_held),
        .expected = "a size above 0 such as " SIZE_EXAMPLES,
        .help = "what requests may take until they are answered, of all connections; 8MiB a loop "
                "at least, and what is over it is refused (1GiB)"},
    {.name = "keepalive-time",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(keepalive_time),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "a client that is silent for so long is asked whether it lives (2h)"},
    {.name = "keepalive-timeout",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(keepalive_timeout),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "and given up when it is silent on (20s)"},
    {.name = "min-ping-interval",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(min_ping_interval),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "between two PINGs of a client with calls; one that is too early for the third "
                "time is sent away (5m)"},
    {.name = "min-ping-interval-idle",
        .value = "D",
        .read = flag_duration,
        .min = 1,
        FIELD(min_idle_ping_interval),
        .expected = "a duration above 0 such as " DURATION_EXAMPLES,
        .help = "the same of a client without calls (2h)"},
    {.name = "tls-cert",
        .value = "FILE",
        .read = flag_text,
        FIELD(tls.cert),
        .expected = "a PEM file",
        .help =
            "speak TLS: the certificate, and behind it those that vouch for it; read again when "
            "it changes, and on SIGHUP (no TLS)"},
    {.name = "tls-key",
        .value = "FILE",
        .read = flag_text,
        FIELD(tls.key),
        .expected = "a PEM file",
        .help = "the private key of --tls-cert (none)"},
    {.name = "tls-client-ca",
        .value = "FILE",
        .read = flag_text,
        FIELD(tls.client_ca),
        .expected = "a PEM file",
        .help =
            "clients must show a certificate that one of these vouches for (none is asked for)"},
    {.name = "reflection",
        .read = flag_switch,
        FIELD(reflection),
        .expected = "true or false",
        .help = "tell any client what is served (on if all addresses are loopback ones)"},
    {.name = "channelz",
        .read = flag_switch,
        FIELD(channelz),
        .expected = "true or false",
        .help = "tell admins, and without --auth any client, of connections and calls "
                "(grpc.channelz.v1) (on if all addresses are loopback ones)"},
    {.name = "auth",
        .value = "KIND",
        .read = auth_read_mode,
        FIELD(auth.mode),
        .expected = "none or jwt",
        .help = "who may call: none: everybody; jwt: who has a signed token (none)"},
    {.name = "jwt-private-key",
        .value = "FILE",
        .read = flag_text,
        FIELD(auth.private_key),
        .expected = "a PEM file",
        .help = "sign tokens at Login with it, and take what it signed; userd keys create (none)"},
    {.name = "jwt-public-key",
        .value = "FILE",
        .read = flag_text,
        FIELD(auth.public_key),
        .expected = "a PEM file",
        .help = "take tokens that this key signed (none)"},
    {.name = "jwks",
        .value = "FILE",
        .read = flag_text,
        FIELD(auth.jwks),
        .expected = "a JWKS file",
        .help = "take tokens that these keys signed; read again when it changes (none)"},
    {.name = "jwt-issuer",
        .value = "TEXT",
        .read = flag_text,
        FIELD(auth.issuer),
        .expected = "a text",
        .help = "the issuer that tokens must have, and get at Login (any)"},
    {.name = "jwt-audience",
        .value = "TEXT",
        .read = flag_text,
        FIELD(auth.audience),
        .expected = "a text",
        .help = "the audience that tokens must be for, and are for at Login (any)"},
    {.name = "jwt-allow-endless",
        .read = flag_switch,
        FIELD(auth.allow_endless),
        .expected = "true or false",
        .help = "take tokens without exp, too, which never expire (off)"},
    {.name = "token-ttl",
        .value = "D",
        .read = flag_duration,
        FIELD(auth.ttl),
        .expected = "a duration such as " DURATION_EXAMPLES,
        .help = "how long the tokens of Login live (1h)"},
    {.name = "token-recheck",
        .value = "D",
        .read = flag_duration,
        FIELD(auth.recheck),
        .expected = "a duration such as " DURATION_EXAMPLES,
        .help = "how often to look for accounts that another userd has changed (20s)"},
    {.name = "policy",
        .value = "FILE",
        .read = flag_text,
        FIELD(auth.policy),
        .expected = "a JSON file",
        .help = "which roles and peers may call which methods, which need no token, rates "
                "(doc/AUTH.md)"},
    {.name = "insecure",
        .read = flag_switch,
        FIELD(insecure),
        .expected = "true or false",
        .help = "allow to listen beyond this machine without TLS and authentication (off)"},
    {.name = "version",
        .command_line = true,
        .read = flag_switch,
        FIELD(version),
        .expected = "true or false",
        .help = "print the version"},
    {.name = "help",
        .command_line = true,
        .read = flag_switch,
        FIELD(help),
        .expected = "true or false",
        .help = "print this"},
};

static const struct flag_set set = {
    .flags = flags, .count = sizeof(flags) / sizeof(flags[0]), .env_prefix = "USERD_"};

/* Without TLS and authentication, everybody who can reach the port can read and change every user.
 */
bool
options_check_exposure(const struct options *options, char error[FLAGS_ERROR])
{
    bool tls = options->tls.cert != NULL, auth = options->auth.mode == AUTH_JWT;

    for (size_t i = 0; i < options->listen.count && !options->insecure && !(tls && auth); i++) {
        if (address_is_local(options->listen.items[i]))
            continue;
        snprintf(error, FLAGS_ERROR,
            "--listen %.200s can be reached from other machines, and there is %s:"
            " listen on a loopback address or unix:PATH, or add --insecure",
            options->listen.items[i],
            tls    ? "no authentication"
            : auth ? "no TLS"
                   : "neither TLS nor authentication");
        return false;
    }
    return true;
}

void
options_choose_rate(struct options *options)
{
    if (options->rate.given)
        return;
    for (size_t i = 0; i < options->listen.count; i++) {
        if (!address_is_local(options->listen.items[i]))
            options->rate.rate = (struct weir_rate){100, 200};
    }
}

/* A flag without effect is a mistake of the user's. */
static bool
check_needs(const struct options *options, char error[FLAGS_ERROR])
{
    const struct {
        bool given, has_needed;
        const char *text;
    } rules[] = {
        {options->rate_shared, options->redis != NULL,
            "--rate-shared needs --redis, where the calls are counted"},
        {options->redis_timeout > 0, options->redis != NULL,
            "--redis-timeout needs --redis, whose answers are waited for"},
        {options->db_read != NULL, database_is_postgres(options->db),
            "--db-read needs --db postgres://..., of which it is a replica"},
        {options->advertise != NULL, options->etcd != NULL,
            "--advertise needs --etcd, where the address is told"},
        {options->etcd_access.user != NULL, options->etcd != NULL,
            "--etcd-user needs --etcd, where it speaks"},
        {options->trace_skip > 0, options->otlp != NULL,
            "--trace-sample needs --otlp, where traces are sent"},
        {options->max_connection_age_grace > 0, options->max_connection_age > 0,
            "--max-connection-age-grace needs --max-connection-age, after which it begins"},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].given && !rules[i].has_needed) {
            snprintf(error, FLAGS_ERROR, "%s", rules[i].text);
            return false;
        }
    }
    return true;
}

static bool
check_words(const struct flag_words *words, char error[FLAGS_ERROR])
{
    if (words->count == 0)
        return true;
    if (flags_may_repeat(words->items[0]))
        snprintf(error, FLAGS_ERROR, "\"%.200s\" is not a flag; userd takes flags only, see --help",
            words->items[0]);
    else
        snprintf(error, FLAGS_ERROR, "a URL belongs to a flag; userd takes flags only, see --help");
    return false;
}

bool
options_read(int argc, char *const *argv, struct options *out_options, char error[FLAGS_ERROR])
{
    struct options options = {.log_level = LOG_INFO,
        .grace = 30 * WEIR_SECOND,
        .loops = 1,
        .workers = 2,
        .auth = {.ttl = AUTH_TTL_DEFAULT, .recheck = AUTH_RECHECK_DEFAULT}};
    struct flag_words words = {calloc((size_t)argc + 1, sizeof(char *)), 0};
    bool good;

    if (words.items == NULL) {
        snprintf(error, FLAGS_ERROR, "out of memory");
        return false;
    }
    good = flags_read(&set, argc, argv, &options, &words, error) && check_words(&words, error);
    free(words.items);
    options.listen_by_default = options.listen.count == 0;
    if (options.listen_by_default)
        options.listen.items[options.listen.count++] = DEFAULT_ADDRESS;
    if (good && !options.help && !options.version)
        good = tls_options_check(&options.tls, error) && auth_check(&options.auth, error) &&
               etcd_access_check(&options.etcd_access, discovery_is_secure(options.etcd), error) &&
               check_needs(&options, error) && options_check_exposure(&options, error);
    if (good)
        options_choose_rate(&options);
    if (good)
        *out_options = options;
    return good;
}

bool
options_are_local(const struct options *options)
{
    for (size_t i = 0; i < options->listen.count; i++) {
        if (!address_is_local(options->listen.items[i]))
            return false;
    }
    return true;
}

void
options_help(FILE *out)
{
    fputs(
        "userd serves the user service (gRPC, user.UserService) from a database.\n\n"
        "Usage: userd [FLAGS]\n"
        "       userd admin create --email EMAIL   make the first admin\n"
        "       userd keys create                  make a key that signs tokens\n"
        "       userd db COMMAND                   back up, restore, copy: see userd db --help\n\n",
        out);
    flags_help(&set, out);
    fputs("\nEach flag can be given in the environment, as USERD_LISTEN, USERD_LOG_LEVEL and so "
          "on; the\n"
          "command line wins. Durations are written " DURATION_EXAMPLES ".\n",
        out);
}
