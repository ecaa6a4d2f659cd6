/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's command line: the command and its arguments. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/etcd_access.h"
#include <weir/base.h>

#define SERVER_FORMS "HOST:PORT[,HOST:PORT...], unix:PATH or etcd://HOST:PORT/user.UserService"

struct args {
    const char *server; /* SERVER_FORMS */
    int64_t timeout;    /* nanoseconds; WEIR_NEVER: none */
    const char *otlp;   /* where traces are sent; NULL: not given */
    bool json, version, help;
    bool tls;
    const char *ca, *cert, *key; /* NULL: not given */
    const char *token;           /* for the calls; NULL: none */
    bool etcd_tls;
    struct etcd_access etcd;
    int32_t id;
    uint32_t page, limit;             /* 0: the server's choice */
    const char *name, *email, *phone; /* NULL: not given */
    const char *file;                 /* to import from, to export to; NULL: not given */
    bool jsonl;                       /* the file is JSON lines, not CSV */
    const char *format;               /* the value of --format; NULL: not given */
    const char *from, *to;            /* in a chat; never NULL */
    const char *service;              /* whose health is checked; never NULL */
    bool watch;
};

struct command {
    const char *name;
    const char *usage; /* "get ID" */
    const char *summary;
    const char *details; /* more text for the command's own help; may be "" */
    int64_t timeout;     /* unless --timeout is given */
    struct flag_set flags;
    /* Check the words after the command, and that no argument is missing. False: error is set. */
    bool (*take_words)(const struct flag_words *words, struct args *args, char error[FLAGS_ERROR]);
};

enum command_kind {
    COMMAND_GET,
    COMMAND_LIST,
    COMMAND_STREAM,
    COMMAND_CREATE,
    COMMAND_UPDATE,
    COMMAND_DELETE,
    COMMAND_IMPORT,
    COMMAND_EXPORT,
    COMMAND_CHAT,
    COMMAND_HEALTH,
    COMMAND_REGISTER,
    COMMAND_LOGIN,
    COMMAND_LOGOUT,
    COMMAND_WHOAMI,
    COMMAND_PASSWD,
    COMMAND_COUNT
};

extern const struct command commands[COMMAND_COUNT];

/* The command with this name; NULL: there is none. */
const struct command *command_lookup(const char *name);

/* Read a whole command line. With args.help or args.version the command may be NULL, and its
 * arguments are not checked. False: error says in one line what is wrong and what would be right.
 */
bool args_read(int argc, char *const *argv, const struct command **out_command,
    struct args *out_args, char error[FLAGS_ERROR]);

/* Print the help of userctl or of one command. */
void args_help(const struct command *command, FILE *out);
