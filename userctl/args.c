/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's command line: flags, the command, its flags and words. */
#include "userctl/args.h"

#include "usercommon/duration.h"
#include "usercommon/typo.h"
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#define TIMEOUT_OF_COMMAND (-1) /* --timeout is not given */

/* The flags that may precede the command, which all commands have. Only these are read from the
 * environment: a name or an email from there would affect calls that were not meant. */
static struct flag_set
common_flags(void)
{
    struct flag_set set = commands[COMMAND_GET].flags;

    set.env_prefix = "USERCTL_";
    set.stop_at_word = true;
    return set;
}

static bool
unknown_command(const char *name, char error[FLAGS_ERROR])
{
    struct typo typo;

    typo_begin(&typo, name, strlen(name));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        typo_compare(&typo, commands[i].name);
    if (typo.meant != NULL)
        snprintf(
            error, FLAGS_ERROR, "unknown command \"%.200s\"; did you mean %s?", name, typo.meant);
    else
        snprintf(error, FLAGS_ERROR,
            "unknown command \"%.200s\"; userctl --help lists the commands", name);
    return false;
}

/* "help", "help COMMAND" */
static bool
read_help(const struct flag_words *words, const struct command **out_command, struct args *args,
    char error[FLAGS_ERROR])
{
    args->help = true;
    if (words->count == 1)
        return true;
    *out_command = command_lookup(words->items[1]);
    return *out_command != NULL || unknown_command(words->items[1], error);
}

/* words: the command and what follows it, which is parsed again as the command's flags and words.
 */
static bool
read_command(struct flag_words *words, const struct command **out_command, struct args *args,
    char error[FLAGS_ERROR])
{
    const struct command *command = command_lookup(words->items[0]);
    struct flag_words rest = {words->items, 0};
    int argc = (int)words->count - 1;
    char *const *argv = (char *const *)words->items + 1;

    if (strcmp(words->items[0], "help") == 0)
        return read_help(words, out_command, args, error);
    if (command == NULL)
        return unknown_command(words->items[0], error);
    *out_command = command;
    if (!flags_read(&command->flags, argc, argv, args, &rest, error))
        return false;
    return args->help || args->version || command->take_words(&rest, args, error);
}

static bool
read_words(struct flag_words *words, const struct command **out_command, struct args *args,
    char error[FLAGS_ERROR])
{
    if (words->count > 0)
        return read_command(words, out_command, args, error);
    if (args->help || args->version)
        return true;
    snprintf(error, FLAGS_ERROR, "no command is given; userctl --help lists the commands");
    return false;
}

static bool
check_tls(struct args *args, char error[FLAGS_ERROR])
{
    if ((args->cert == NULL) != (args->key == NULL)) {
        snprintf(error, FLAGS_ERROR, "--cert and --key go together: %s is missing",
            args->cert == NULL ? "--cert" : "--key");
        return false;
    }
    args->tls = args->tls || args->ca != NULL || args->cert != NULL;
    args->etcd_tls = args->etcd_tls || args->etcd.ca != NULL || args->etcd.cert != NULL;
    return etcd_access_check(&args->etcd, args->etcd_tls, error);
}

bool
args_read(int argc, char *const *argv, const struct command **out_command, struct args *out_args,
    char error[FLAGS_ERROR])
{
    const struct flag_set set = common_flags();
    struct flag_words words = {calloc((size_t)argc + 1, sizeof(char *)), 0};
    bool good;

    *out_command = NULL;
    *out_args = (struct args){.timeout = TIMEOUT_OF_COMMAND, .from = "", .to = "", .service = ""};
    if (words.items == NULL) {
        snprintf(error, FLAGS_ERROR, "out of memory");
        return false;
    }
    good = flags_read(&set, argc, argv, out_args, &words, error) &&
           read_words(&words, out_command, out_args, error) && check_tls(out_args, error);
    if (out_args->timeout == TIMEOUT_OF_COMMAND && *out_command != NULL)
        out_args->timeout = (*out_command)->timeout;
    if (out_args->server == NULL)
        out_args->server = "127.0.0.1:50051";
    free(words.items);
    return good;
}

static void
command_help(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: userctl %s\n\nuserctl %s: %s.\n%s\n", command->usage, command->name,
        command->summary, command->details);
    flags_help(&command->flags, out);
}

static void
program_help(FILE *out)
{
    const struct flag_set set = common_flags();

    fputs("userctl calls the user service, userd.\n\nUsage: userctl COMMAND [FLAGS]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("  help     explain a command: userctl help COMMAND\n\n", out);
    flags_help(&set, out);
    fputs(
        "\nUSERCTL_SERVER, USERCTL_TIMEOUT, USERCTL_CA and so on in the environment stand for the "
        "flags;\n"
        "the command line wins. OTEL_EXPORTER_OTLP_ENDPOINT is good for --otlp, too.\n"
        "Durations are written " DURATION_EXAMPLES ".\n"
        "JSON has the field names of the .proto (id, name, email, phone, created_at), and "
        "created_at\n"
        "in seconds since 1970.\n"
        "Exit codes: 0 it is done; 1 the answer cannot be written; 2 wrong usage, or a file that\n"
        "cannot be read; 64 + the gRPC code: the call failed, so 69 is NOT_FOUND and 78 "
        "UNAVAILABLE.\n",
        out);
}

void
args_help(const struct command *command, FILE *out)
{
    if (command == NULL)
        program_help(out);
    else
        command_help(command, out);
}
