/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's command line: which command, with what. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/etcd_access.h"
#include <weir/base.h>

#define SERVER_FORMS "HOST:PORT[,HOST:PORT...], unix:PATH or etcd://HOST:PORT/user.UserService"

struct args {
    const char *server; /* SERVER_FORMS */
    int64_t timeout;    /* nanoseconds; WEIR_NEVER: none */
    const char *otlp;   /* where traces go; NULL: not given */
    bool json, version, help;
    bool tls;
    const char *ca, *cert, *key; /* NULL: not given */
    const char *token;           /* to call with; NULL: none */
    bool etcd_tls;
    struct etcd_access etcd;
    int32_t id;
    uint32_t page, limit;             /* 0: the server's choice */
    const char *name, *email, *phone; /* NULL: not given */
    const char *file;                 /* to import from, to export to; NULL: not given */
    bool jsonl;                       /* of that file: JSON lines, not CSV */
    const char *format;               /* what --format says; NULL: not given */
    const char *from, *to;            /* in a chat; never NULL */
    const char *service;              /* whose health; never NULL */
    bool watch;
};

struct command {
    const char *name;
    const char *usage; /* "get ID" */
    const char *summary;
    const char *details; /* more for its own help; may be "" */
    int64_t timeout;     /* unless it is given */
    struct flag_set flags;
    /* Judge the words after the command, and that nothing is missing. False: error is set. */
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

/* The command of a name, NULL when there is none. */
const struct command *command_lookup(const char *name);

/* Read a whole command line. With args.help or args.version the command may be NULL, and is not
 * complete. False: error says in one line what is wrong, and what would be right. */
bool args_read(int argc, char *const *argv, const struct command **out_command,
    struct args *out_args, char error[FLAGS_ERROR]);

/* What userctl is, or what one command is. */
void args_help(const struct command *command, FILE *out);
