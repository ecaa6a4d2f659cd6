/* SPDX-License-Identifier: Apache-2.0 */
/* userd db migrate, status, backup, restore, copy. */
#include "userd/db_commands.h"

#include "usercommon/complain.h"
#include "userd/archive_copy.h"
#include "userd/database.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

struct db_options {
    const char *db, *from, *to, *in, *out;
    bool help;
};

#define FIELD(member) .field = offsetof(struct db_options, member)

static const struct flag flags[] = {
    {.name = "db",
        .value = "URL",
        .read = database_read_url,
        .secret = true,
        FIELD(db),
        .expected = DATABASE_FORMS,
        .help = "the database, as userd is given it"},
    {.name = "out",
        .value = "FILE",
        .read = flag_text,
        .command_line = true,
        FIELD(out),
        .expected = "a file",
        .help = "backup: the file to make"},
    {.name = "in",
        .value = "FILE",
        .read = flag_text,
        .command_line = true,
        FIELD(in),
        .expected = "a file",
        .help = "restore: a file that backup made"},
    {.name = "from",
        .value = "URL",
        .read = database_read_url,
        .secret = true,
        .command_line = true,
        FIELD(from),
        .expected = DATABASE_FORMS,
        .help = "copy: the database to read"},
    {.name = "to",
        .value = "URL",
        .read = database_read_url,
        .secret = true,
        .command_line = true,
        FIELD(to),
        .expected = DATABASE_FORMS,
        .help = "copy: the database to fill"},
    {.name = "help",
        .read = flag_switch,
        .command_line = true,
        FIELD(help),
        .expected = "true or false",
        .help = "print this"},
};

static const struct flag_set set = {
    .flags = flags, .count = sizeof(flags) / sizeof(flags[0]), .env_prefix = "USERD_"};

static const char about[] =
    "userd db does something with a whole database, while no userd serves it or while one does:\n"
    "  userd db status                     its version, and how many users it has\n"
    "  userd db migrate                    bring it to the version that this userd needs\n"
    "  userd db backup --out FILE          write all of it to a file\n"
    "  userd db restore --in FILE          fill an empty database from such a file\n"
    "  userd db copy --from URL --to URL   fill a database from another one, which nobody changes\n"
    "                                      meanwhile; goes on where it was cut off\n";

/* ---- what is said ---- */

static int
fail(const char *what, const struct store_cause *cause)
{
    complain("userd", "%s: %s", what, cause->text);
    return EXIT_FAILURE;
}

/* Off a terminal there is a line for so many users. */
#define LINE_USERS 100000

/* On a terminal a line that changes. */
static void
show_progress(const struct archive_step *step)
{
    bool changes = isatty(STDERR_FILENO);

    if (!changes && step->done / LINE_USERS == step->before / LINE_USERS)
        return;
    fprintf(stderr, "%s%lld of %lld users are %s%s", changes ? "\r" : "", (long long)step->done,
        (long long)step->all, step->what, !changes || step->done >= step->all ? "\n" : "");
}

/* ---- opening ---- */

/* One to read, of our version. NULL: it was said why. */
static struct archive *
open_source(const char *url)
{
    struct store_cause cause;
    struct archive *archive = archive_open(url, ARCHIVE_READ, &cause);
    int64_t version;
    int newest;

    if (archive == NULL) {
        (void)fail("cannot open the database", &cause);
        return NULL;
    }
    if (!archive->ops->version(archive, &version, &newest, &cause))
        (void)fail("cannot read the database", &cause);
    else if (version != newest)
        complain("userd", "the database is of version %lld, and has to be of %d: userd db migrate",
            (long long)version, newest);
    else
        return archive;
    archive_close(archive);
    return NULL;
}

static struct archive *
open_target(const char *url)
{
    struct store_cause cause;
    struct archive *archive = archive_open(url, ARCHIVE_FILL, &cause);

    if (archive == NULL)
        (void)fail("cannot open the database", &cause);
    return archive;
}

/* ---- the commands ---- */

static int
migrate(const struct db_options *options)
{
    struct store_cause cause;
    struct archive *archive = open_target(options->db);
    int64_t version;
    int newest, status = 0;

    if (archive == NULL)
        return EXIT_FAILURE;
    if (archive->ops->version(archive, &version, &newest, &cause))
        printf("the database is of version %lld\n", (long long)version);
    else
        status = fail("cannot read the database", &cause);
    archive_close(archive);
    return status;
}

static int
show_status(struct archive *archive)
{
    struct store_cause cause;
    struct archive_counts counts;
    int64_t version;
    int newest;

    if (!archive->ops->version(archive, &version, &newest, &cause))
        return fail("cannot read the database", &cause);
    printf("version  %lld of %d\n", (long long)version, newest);
    if (version != newest)
        return EXIT_FAILURE;
    if (!archive->ops->begin_read(archive, &cause) ||
        !archive->ops->count(archive, &counts, &cause))
        return fail("cannot read the database", &cause);
    printf("users    %lld\nlast id  %lld\n", (long long)counts.users, (long long)counts.last_id);
    return 0;
}

static int
status(const struct db_options *options)
{
    struct store_cause cause;
    struct archive *archive = archive_open(options->db, ARCHIVE_READ, &cause);
    int result;

    if (archive == NULL)
        return fail("cannot open the database", &cause);
    result = show_status(archive);
    archive_close(archive);
    return result;
}

static int
backup(const struct db_options *options)
{
    struct store_cause cause;
    struct archive *archive = open_source(options->db);
    int64_t users;
    bool good;

    if (archive == NULL)
        return EXIT_FAILURE;
    good = archive_file_write(options->out, archive, show_progress, &users, &cause);
    archive_close(archive);
    if (!good)
        return fail("cannot back up", &cause);
    printf("%lld users are in %s\n", (long long)users, options->out);
    return 0;
}

static bool
fill(struct archive *archive, const char *path, struct store_cause *cause)
{
    struct archive_counts counts;

    if (!archive->ops->begin_write(archive, cause) || !archive->ops->count(archive, &counts, cause))
        return false;
    if (counts.users != 0) {
        snprintf(cause->text, sizeof(cause->text), "it has %lld users; give one that is empty",
            (long long)counts.users);
        return false;
    }
    return archive_file_read(path, archive, show_progress, cause) &&
           archive->ops->commit(archive, cause);
}

static int
restore(const struct db_options *options)
{
    struct store_cause cause;
    struct archive *archive;
    int64_t users;
    bool good;

    if (!archive_file_check(options->in, &users, &cause))
        return fail(options->in, &cause);
    archive = open_target(options->db);
    if (archive == NULL)
        return EXIT_FAILURE;
    good = fill(archive, options->in, &cause);
    archive_close(archive);
    if (!good)
        return fail("cannot restore, nothing is changed", &cause);
    printf("%lld users are restored\n", (long long)users);
    return 0;
}

static int
copy(const struct db_options *options)
{
    struct store_cause cause;
    struct archive *from = open_source(options->from);
    struct archive *to = from == NULL ? NULL : open_target(options->to);
    int64_t users = 0;
    bool good = to != NULL && archive_copy(from, to, show_progress, &users, &cause);

    archive_close(from);
    archive_close(to);
    if (!good)
        return to == NULL ? EXIT_FAILURE : fail("cannot copy", &cause);
    printf("%lld users are copied, and the same in both\n", (long long)users);
    return 0;
}

/* ---- which ---- */

static const struct db_command {
    const char *name;
    const char *needs[2]; /* flags, NULL: none; it takes no others of `command_line` */
    int (*run)(const struct db_options *options);
} list[] = {
    {"migrate", {NULL, NULL}, migrate},
    {"status", {NULL, NULL}, status},
    {"backup", {"out", NULL}, backup},
    {"restore", {"in", NULL}, restore},
    {"copy", {"from", "to"}, copy},
};

static const struct db_command *
lookup(const struct flag_words *words)
{
    for (size_t i = 0; words->count > 0 && i < sizeof(list) / sizeof(list[0]); i++) {
        if (strcmp(list[i].name, words->items[0]) == 0)
            return &list[i];
    }
    complain("userd", "userd db does one of status, migrate, backup, restore and copy; see"
                      " userd db --help");
    return NULL;
}

static bool
needs(const struct db_command *command, const char *name)
{
    for (size_t i = 0; i < 2 && command->needs[i] != NULL; i++) {
        if (strcmp(command->needs[i], name) == 0)
            return true;
    }
    return false;
}

/* A flag of another command is a mistake that this one would make with the database of --db. */
static bool
judge(const struct db_command *command, const struct flag_words *words,
    const struct db_options *options)
{
    if (words->count > 1) {
        if (flags_may_repeat(words->items[1]))
            complain("userd", "\"%.200s\" is one argument too many", words->items[1]);
        else
            complain("userd", "one argument too many: a URL belongs to a flag");
        return false;
    }
    for (size_t i = 0; i < set.count; i++) {
        const struct flag *flag = &flags[i];
        bool needed = needs(command, flag->name);

        if (flag->value == NULL || !flag->command_line ||
            needed == (*(const char *const *)((const char *)options + flag->field) != NULL))
            continue;
        complain("userd", "userd db %s %s --%s", command->name, needed ? "needs" : "takes no",
            flag->name);
        return false;
    }
    return true;
}

static int
run_words(const struct flag_words *words, const struct db_options *options)
{
    const struct db_command *command;

    if (options->help) {
        printf("%s\n", about);
        flags_help(&set, stdout);
        return 0;
    }
    command = lookup(words);
    if (command == NULL || !judge(command, words, options))
        return EXIT_USAGE;
    return command->run(options);
}

int
db_commands_run(int argc, char *const *argv)
{
    struct db_options options = {.db = NULL};
    struct flag_words words = {calloc((size_t)argc + 1, sizeof(char *)), 0};
    char error[FLAGS_ERROR] = "out of memory";
    int result = EXIT_USAGE;

    if (words.items != NULL && flags_read(&set, argc, argv, &options, &words, error))
        result = run_words(&words, &options);
    else
        complain("userd", "%s", error);
    free(words.items);
    return result;
}
