/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's commands: their flags and words. */
#include "usercommon/duration.h"
#include "usercommon/otlp.h"
#include "userctl/args.h"
#include <string.h>
#include <weir/base.h>

/* ---- words ---- */

static bool
take_id(const char *text, struct args *args, char error[FLAGS_ERROR])
{
    static const struct flag id;

    if (flag_integer(&id, text, &args->id))
        return true;
    snprintf(error, FLAGS_ERROR, "\"%.200s\" is not the ID of a user, which is a number", text);
    return false;
}

static bool
too_many(const struct flag_words *words, size_t max, char error[FLAGS_ERROR])
{
    if (words->count <= max)
        return false;
    snprintf(error, FLAGS_ERROR, "\"%.200s\" is one argument too many", words->items[max]);
    return true;
}

static bool
take_only_id(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    if (words->count == 0) {
        snprintf(error, FLAGS_ERROR, "the ID of a user is missing");
        return false;
    }
    return !too_many(words, 1, error) && take_id(words->items[0], args, error);
}

static bool
take_nothing(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    (void)args;
    return !too_many(words, 0, error);
}

/* NAME EMAIL PHONE are used for the flags that are not given, in this order. */
static bool
take_new_user(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    const char **fields[] = {&args->name, &args->email, &args->phone};
    size_t used = 0;

    for (size_t i = 0; i < 3 && used < words->count; i++) {
        if (*fields[i] == NULL)
            *fields[i] = words->items[used++];
    }
    if (too_many(words, used, error))
        return false;
    if (args->name != NULL && args->email != NULL)
        return true;
    snprintf(error, FLAGS_ERROR, "%s is missing", args->name == NULL ? "--name" : "--email");
    return false;
}

static bool
take_change(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    if (!take_only_id(words, args, error))
        return false;
    if (args->name != NULL || args->email != NULL || args->phone != NULL)
        return true;
    snprintf(error, FLAGS_ERROR, "nothing to change: give --name, --email or --phone");
    return false;
}

static bool
take_service(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    if (too_many(words, 1, error))
        return false;
    if (words->count == 1)
        args->service = words->items[0];
    return true;
}

/* EMAIL is used if --email is not given. */
static bool
take_email(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    size_t used = 0;

    if (args->email == NULL && words->count > 0)
        args->email = words->items[used++];
    if (too_many(words, used, error))
        return false;
    if (args->email != NULL)
        return true;
    snprintf(error, FLAGS_ERROR, "EMAIL is missing");
    return false;
}

/* By --format, otherwise by the extension of the file's name. */
static bool
choose_format(struct args *args, char error[FLAGS_ERROR])
{
    const char *end = args->file == NULL ? NULL : strrchr(args->file, '.');

    if (args->format == NULL) {
        args->jsonl = end != NULL && (strcmp(end, ".jsonl") == 0 || strcmp(end, ".ndjson") == 0 ||
                                         strcmp(end, ".json") == 0);
        return true;
    }
    args->jsonl = strcmp(args->format, "jsonl") == 0;
    if (args->jsonl || strcmp(args->format, "csv") == 0)
        return true;
    snprintf(error, FLAGS_ERROR, "--format \"%.200s\" is neither csv nor jsonl", args->format);
    return false;
}

static bool
take_file(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    if (too_many(words, 1, error))
        return false;
    if (words->count == 1 && strcmp(words->items[0], "-") != 0)
        args->file = words->items[0];
    return choose_format(args, error);
}

static bool
take_source(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR])
{
    if (words->count > 0)
        return take_file(words, args, error);
    snprintf(error, FLAGS_ERROR, "the FILE to import is missing; - is the standard input");
    return false;
}

/* ---- flags ---- */

/* clang-format off */
/* Name, value, reader, not from the environment, valid values, help. */
#define FLAG(label, of, reader, here_only, good, about)                                            \
    {.name = #label, .value = of, .read = reader, .command_line = here_only, .expected = good,     \
        .help = about, .field = offsetof(struct args, label)}

/* Flags for access to etcd. */
#define ETCD_FLAG(label, of, reader, member, good, about)                                          \
    {.name = label, .value = of, .read = reader, .expected = good, .help = about,                  \
        .field = offsetof(struct args, member)}

#define NUMBER(label, most, good, about)                                                           \
    {.name = #label, .value = "N", .read = flag_number, .expected = good, .help = about,           \
        .field = offsetof(struct args, label), .min = 1, .max = (most)}

#define COMMON_FLAGS                                                                               \
    FLAG(server, "TARGET", flag_text, false, SERVER_FORMS,                                         \
        "where userd is: " SERVER_FORMS " (127.0.0.1:50051)"),                                     \
    FLAG(timeout, "D", flag_duration, false, "a duration such as " DURATION_EXAMPLES,              \
        "how long to wait for the answer (5s; 30s for stream; import, export, chat: for ever)"),   \
    FLAG(otlp, "URL", otlp_read, false, OTLP_FORMS,                                                \
        "send a trace of the call to this collector, OTLP over gRPC (nowhere)"),                   \
    FLAG(json, NULL, flag_switch, false, "true or false",                                          \
        "print the answer as JSON, under the names of the .proto (off)"),                          \
    FLAG(tls, NULL, flag_switch, false, "true or false",                                           \
        "speak TLS, and believe the authorities that this system believes (off)"),                 \
    FLAG(ca, "FILE", flag_text, false, "a PEM file",                                               \
        "speak TLS, and believe these authorities (none)"),                                        \
    FLAG(cert, "FILE", flag_text, false, "a PEM file",                                             \
        "the certificate to show a server that asks for one (none)"),                              \
    FLAG(key, "FILE", flag_text, false, "a PEM file", "the private key of --cert (none)"),         \
    FLAG(token, "T", flag_text, false, "a token",                                                  \
        "call with this token (that of userctl login)"),                                           \
    ETCD_FLAG("etcd-tls", NULL, flag_switch, etcd_tls, "true or false",                            \
        "speak TLS with etcd, and believe the authorities that this system believes (off)"),       \
    ETCD_FLAG("etcd-ca", "FILE", flag_text, etcd.ca, "a PEM file",                                 \
        "speak TLS with etcd, and believe these authorities (none)"),                              \
    ETCD_FLAG("etcd-cert", "FILE", flag_text, etcd.cert, "a PEM file",                             \
        "the certificate to show an etcd that asks for one (none)"),                               \
    ETCD_FLAG("etcd-key", "FILE", flag_text, etcd.key, "a PEM file",                               \
        "the private key of --etcd-cert (none)"),                                                  \
    {.name = "etcd-user", .value = ETCD_USER_FORM, .read = etcd_access_read_user, .secret = true,  \
        .expected = ETCD_USER_FORM, .help = "who asks, where etcd wants to know (nobody)",         \
        .field = offsetof(struct args, etcd.user)},                                                \
    FLAG(version, NULL, flag_switch, true, "true or false", "print the version"),                  \
    FLAG(help, NULL, flag_switch, true, "true or false", "print this")

static const struct flag plain_flags[] = {COMMON_FLAGS};

static const struct flag list_flags[] = {
    NUMBER(page, INT32_MAX, "a number from 1", "which page, from 1 (1)"),
    NUMBER(limit, 100, "a number from 1 to 100", "users on a page, 1 to 100 (10)"),
    COMMON_FLAGS,
};

static const struct flag create_flags[] = {
    FLAG(name, "TEXT", flag_text, false, "a text", "the user's name, up to 256 bytes"),
    FLAG(email, "TEXT", flag_text, false, "a text", "the email, which no other user may have"),
    FLAG(phone, "TEXT", flag_text, false, "a text", "the phone number (none)"),
    COMMON_FLAGS,
};

static const struct flag update_flags[] = {
    FLAG(name, "TEXT", flag_text, false, "a text", "the new name"),
    FLAG(email, "TEXT", flag_text, false, "a text", "the new email"),
    FLAG(phone, "TEXT", flag_text, false, "a text", "the new phone number; \"\" for none"),
    COMMON_FLAGS,
};

static const struct flag health_flags[] = {
    FLAG(watch, NULL, flag_switch, true, "true or false", "print every change, until interrupted (off)"),
    COMMON_FLAGS,
};

static const struct flag email_flags[] = {
    FLAG(email, "TEXT", flag_text, true, "a text", "whose account"),
    COMMON_FLAGS,
};

static const struct flag file_flags[] = {
    FLAG(format, "FORMAT", flag_text, true, "csv or jsonl",
        "csv or jsonl (jsonl for *.jsonl, *.ndjson and *.json, else csv)"),
    COMMON_FLAGS,
};

static const struct flag chat_flags[] = {
    FLAG(from, "NAME", flag_text, true, "a text", "your name, under which others reach you (none)"),
    FLAG(to, "NAME", flag_text, true, "a text", "whom you write to (nobody)"),
    COMMON_FLAGS,
};

#define FLAG_SET(table) {.flags = (table), .count = sizeof(table) / sizeof((table)[0])}
/* clang-format on */

#define UNARY_TIMEOUT (5 * WEIR_SECOND)
#define STREAM_TIMEOUT (30 * WEIR_SECOND)

const struct command commands[COMMAND_COUNT] = {
    [COMMAND_GET] = {"get", "get ID", "show one user",
        "Without such a user the exit code is 69 (64 + NOT_FOUND).\n", UNARY_TIMEOUT,
        FLAG_SET(plain_flags), take_only_id},
    [COMMAND_LIST] = {"list", "list [--page N] [--limit N]", "show one page of the users, by ID",
        "", UNARY_TIMEOUT, FLAG_SET(list_flags), take_nothing},
    [COMMAND_STREAM] = {"stream", "stream [--page N] [--limit N]",
        "show one page of the users, which come as a stream", "With --json: one user a line.\n",
        STREAM_TIMEOUT, FLAG_SET(list_flags), take_nothing},
    [COMMAND_CREATE] = {"create", "create --name NAME --email EMAIL [--phone PHONE]",
        "create a user", "Also: userctl create NAME EMAIL [PHONE]\n", UNARY_TIMEOUT,
        FLAG_SET(create_flags), take_new_user},
    [COMMAND_UPDATE] = {"update", "update ID [--name NAME] [--email EMAIL] [--phone PHONE]",
        "change what is given of a user", "", UNARY_TIMEOUT, FLAG_SET(update_flags), take_change},
    [COMMAND_DELETE] = {"delete", "delete ID", "delete a user", "", UNARY_TIMEOUT,
        FLAG_SET(plain_flags), take_only_id},
    [COMMAND_HEALTH] = {"health", "health [--watch] [SERVICE]",
        "say whether a service, or all of the server, serves",
        "SERVING is exit code 0, NOT_SERVING 78 (64 + UNAVAILABLE), an unknown service 69.\n"
        "userd's services are user.UserService, database and, with --redis, cache.\n",
        WEIR_NEVER, FLAG_SET(health_flags), take_service},
    [COMMAND_IMPORT] = {"import", "import FILE [--format csv|jsonl]", "create the users of a file",
        "FILE is CSV (RFC 4180) whose first line names the columns, among them name, email and, "
        "if\n"
        "wanted, phone; or one JSON object a line. - is the standard input. What cannot be "
        "created\n"
        "is told with its line, and makes the exit code 67 (64 + INVALID_ARGUMENT). With --json:\n"
        "one object a line for each of those, and one at the end.\n",
        WEIR_NEVER, FLAG_SET(file_flags), take_source},
    [COMMAND_EXPORT] = {"export", "export [FILE] [--format csv|jsonl]", "write all users to a file",
        "Without FILE, or with -, to the standard output. FILE is replaced when all is written;\n"
        "a device or a pipe is written to.\n"
        "--json stands for --format jsonl.\n",
        WEIR_NEVER, FLAG_SET(file_flags), take_file},
    [COMMAND_CHAT] = {"chat", "chat [--from NAME] [--to NAME]", "talk to others who are connected",
        "Each line is a message to whom --to says; a line \"@NAME TEXT\" is one to NAME. Ctrl-D "
        "or\n"
        "Ctrl-C ends it, or the end of the input where that is no terminal. With --json: what "
        "comes,\n"
        "one object a line.\n",
        WEIR_NEVER, FLAG_SET(chat_flags), take_nothing},
    [COMMAND_REGISTER] = {"register", "register --name NAME --email EMAIL [--phone PHONE]",
        "make an account of one's own",
        "The password is asked for; where the standard input is no terminal, it is a line of it.\n",
        UNARY_TIMEOUT, FLAG_SET(create_flags), take_new_user},
    [COMMAND_LOGIN] = {"login", "login EMAIL", "get a token and keep it for this server",
        "The password is asked for; where the standard input is no terminal, it is a line of it.\n"
        "The token is kept in userctl/ of the user's state folder, for its owner's eyes only.\n",
        UNARY_TIMEOUT, FLAG_SET(email_flags), take_email},
    [COMMAND_LOGOUT] = {"logout", "logout", "forget the token of this server", "", UNARY_TIMEOUT,
        FLAG_SET(plain_flags), take_nothing},
    [COMMAND_WHOAMI] = {"whoami", "whoami", "show whom the token speaks for",
        "Without a token that is still good the exit code is 80 (64 + UNAUTHENTICATED).\n",
        UNARY_TIMEOUT, FLAG_SET(plain_flags), take_nothing},
    [COMMAND_PASSWD] = {"passwd", "passwd [--email EMAIL]", "change one's password",
        "The old and the new one are asked for, or are two lines of the standard input. Other\n"
        "tokens of the account end within a minute. A server that asks for no token has to be\n"
        "told the email.\n",
        UNARY_TIMEOUT, FLAG_SET(email_flags), take_nothing},
};

const struct command *
command_lookup(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}
