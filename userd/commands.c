/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that create the first admin and keys. */
#include "userd/commands.h"

#include "usercommon/complain.h"
#include "usercommon/flags.h"
#include "usercommon/password.h"
#include "userd/account_store.h"
#include "userd/accounts.h"
#include "userd/caller.h"
#include "userd/database.h"
#include "userd/db_commands.h"
#include "userd/file_text.h"
#include "userd/store_postgres.h"
#include "userd/store_sqlite.h"
#include "userd/validate.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXIT_USAGE 2

struct command_options {
    const char *db, *email, *name, *phone;
    const char *algorithm, *out;
    bool help;
};

#define FIELD(member) .field = offsetof(struct command_options, member)

static const struct flag admin_flags[] = {
    {.name = "email",
        .value = "TEXT",
        .read = flag_text,
        .command_line = true,
        FIELD(email),
        .expected = "an email",
        .help = "the email to log in with"},
    {.name = "name",
        .value = "TEXT",
        .read = flag_text,
        .command_line = true,
        FIELD(name),
        .expected = "a text",
        .help = "the name (admin)"},
    {.name = "phone",
        .value = "TEXT",
        .read = flag_text,
        .command_line = true,
        FIELD(phone),
        .expected = "a text",
        .help = "the phone number (none)"},
    {.name = "db",
        .value = "URL",
        .read = database_read_url,
        .secret = true,
        FIELD(db),
        .expected = DATABASE_FORMS,
        .help = "the database, as userd is given it"},
    {.name = "help",
        .read = flag_switch,
        .command_line = true,
        FIELD(help),
        .expected = "true or false",
        .help = "print this"},
};

static const struct flag key_flags[] = {
    {.name = "algorithm",
        .value = "NAME",
        .read = flag_text,
        .command_line = true,
        FIELD(algorithm),
        .expected = "EdDSA, ES256 or RS256",
        .help = "EdDSA, ES256 or RS256 (EdDSA)"},
    {.name = "out",
        .value = "FOLDER",
        .read = flag_text,
        .command_line = true,
        FIELD(out),
        .expected = "a folder",
        .help = "where the files go (the current folder)"},
    {.name = "help",
        .read = flag_switch,
        .command_line = true,
        FIELD(help),
        .expected = "true or false",
        .help = "print this"},
};

/* ---- userd keys create ---- */

static bool
write_key(const char *folder, const char *name, char *text, unsigned mode)
{
    char path[PATH_MAX];
    bool good;

    if (text == NULL) {
        complain("userd", "out of memory");
        return false;
    }
    snprintf(path, sizeof(path), "%.3900s/%s", folder, name);
    good = file_text_create(path, text, mode);
    if (!good)
        complain("userd", "cannot make %s: %s", path, strerror(errno));
    else
        printf("%s\n", path);
    explicit_bzero(text, strlen(text)); /* it may be the private key */
    free(text);
    return good;
}

static int
create_keys(const struct command_options *options)
{
    const char *folder = options->out == NULL ? "." : options->out;
    const char *algorithm = options->algorithm == NULL ? "EdDSA" : options->algorithm;
    weir_signer *signer;
    bool good;

    if (weir_signer_generate(algorithm, &signer) != WEIR_OK) {
        complain("userd", "--algorithm: \"%s\" is not EdDSA, ES256 or RS256", algorithm);
        return EXIT_USAGE;
    }
    good = write_key(folder, "jwt-private.pem", weir_signer_private_pem(signer), 0600) &&
           write_key(folder, "jwt-public.pem", weir_signer_public_pem(signer), 0644) &&
           write_key(folder, "jwks.json", weir_signer_jwks(signer), 0644);
    weir_signer_free(signer);
    return good ? 0 : EXIT_FAILURE;
}

/* ---- userd admin create ---- */

static bool
read_password(char out[PASSWORD_TEXT])
{
    const char *wrong;

    if (!password_ask("Password: ", true, out)) {
        complain("userd", "no password was given, or not the same one twice");
        return false;
    }
    wrong = accounts_judge_password(out);
    if (wrong != NULL)
        complain("userd", "%s", wrong);
    return wrong == NULL;
}

static int
keep_admin(struct store *store, const struct account *account)
{
    struct store_cause cause = {""};
    int32_t id;
    weir_code code = store->accounts->create(store, NULL, account, &id, &cause);

    if (code == WEIR_OK)
        printf("user %d is an admin\n", (int)id);
    else if (code == WEIR_ALREADY_EXISTS)
        complain("userd", "the email %s is already taken", account->user.email);
    else
        complain("userd", "cannot create the admin: %s", cause.text);
    return code == WEIR_OK ? 0 : EXIT_FAILURE;
}

static int
make_admin(struct store *store, const struct account *person, const char *password)
{
    struct account account = *person;
    struct hasher hasher;
    char hash[HASHER_TEXT];
    int status = EXIT_FAILURE;

    account.password_hash = hash;
    if (hasher_open(&hasher, 1) && hasher_make(&hasher, password, hash) == WEIR_OK)
        status = keep_admin(store, &account);
    else
        complain("userd", "out of memory or of threads");
    hasher_close(&hasher);
    return status;
}

/* NULL: the error was printed. */
static struct store *
open_store(const char *url, weir_pool *pool)
{
    char path[PATH_MAX], error[512];
    struct store_cause cause;
    struct store *store;

    if (database_is_postgres(url)) {
        store = store_postgres_open(url, NULL, &cause);
    } else if (database_path(url, path, error)) {
        store = store_sqlite_open(path, pool, &cause);
    } else {
        complain("userd", "%s", error);
        return NULL;
    }
    if (store == NULL)
        complain("userd", "cannot open the database: %s", cause.text);
    return store;
}

static int
with_store(const char *url, const struct account *account, const char *password)
{
    struct store *store;
    weir_pool *pool;
    int status = EXIT_FAILURE;

    if (weir_pool_new(1, &pool) != WEIR_OK) {
        complain("userd", "out of memory or of threads");
        return EXIT_FAILURE;
    }
    store = open_store(url, pool);
    if (store != NULL)
        status = make_admin(store, account, password);
    weir_pool_free(pool);
    store_close(store);
    return status;
}

static int
create_admin(const struct command_options *options)
{
    struct account account = {.user = {.name = options->name == NULL ? "admin" : options->name,
                                  .email = options->email == NULL ? "" : options->email,
                                  .phone = options->phone == NULL ? "" : options->phone,
                                  .created_at = weir_unix_seconds()},
        .roles = CALLER_ADMIN "," CALLER_USER};
    const char *wrong = validate_new_user(&account.user);
    char password[PASSWORD_TEXT];
    int status;

    if (options->email == NULL || wrong != NULL) {
        complain("userd", "%s", options->email == NULL ? "--email is missing" : wrong);
        return EXIT_USAGE;
    }
    status = read_password(password) ? with_store(options->db, &account, password) : EXIT_FAILURE;
    explicit_bzero(password, sizeof(password));
    return status;
}

/* ---- selecting the command ---- */

static const struct command {
    const char *noun, *about;
    struct flag_set flags;
    int (*run)(const struct command_options *options);
} list[] = {
    {"admin",
        "userd admin create --email EMAIL: make an account with the roles admin and user.\n"
        "The password is asked for, or read as a line from standard input.\n",
        {.flags = admin_flags,
            .count = sizeof(admin_flags) / sizeof(admin_flags[0]),
            .env_prefix = "USERD_"},
        create_admin},
    {"keys",
        "userd keys create: make a key for tokens: jwt-private.pem (for --jwt-private-key; its\n"
        "owner's alone), jwt-public.pem and jwks.json (for those who check the tokens).\n",
        {.flags = key_flags,
            .count = sizeof(key_flags) / sizeof(key_flags[0]),
            .env_prefix = "USERD_"},
        create_keys},
};

static const struct command *
lookup(int argc, char *const *argv)
{
    for (size_t i = 0; argc > 0 && i < sizeof(list) / sizeof(list[0]); i++) {
        if (strcmp(list[i].noun, argv[0]) == 0)
            return &list[i];
    }
    return NULL;
}

static bool
read_options(const struct command *command, int argc, char *const *argv,
    struct command_options *options, char error[FLAGS_ERROR])
{
    struct flag_words words = {calloc((size_t)argc + 1, sizeof(char *)), 0};
    bool good =
        words.items != NULL && flags_read(&command->flags, argc, argv, options, &words, error);
    bool known = good && words.count == 1 && strcmp(words.items[0], "create") == 0;

    if (words.items == NULL)
        snprintf(error, FLAGS_ERROR, "out of memory");
    else if (good && !known && !options->help)
        snprintf(error, FLAGS_ERROR, "userd %s knows one thing to do: userd %s create",
            command->noun, command->noun);
    free(words.items);
    return known || (good && options->help);
}

static int
run_command(const struct command *command, int argc, char *const *argv)
{
    struct command_options options = {0};
    char error[FLAGS_ERROR];

    if (!read_options(command, argc, argv, &options, error)) {
        complain("userd", "%s", error);
        return EXIT_USAGE;
    }
    if (!options.help)
        return command->run(&options);
    printf("%s\n", command->about);
    flags_help(&command->flags, stdout);
    return 0;
}

bool
commands_run(int argc, char *const *argv, int *out_status)
{
    const struct command *command = lookup(argc, argv);

    if (argc > 0 && strcmp(argv[0], "db") == 0)
        *out_status = db_commands_run(argc - 1, argv + 1);
    else if (command != NULL)
        *out_status = run_command(command, argc - 1, argv + 1);
    else
        return false;
    return true;
}
