/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of Redis: address and credentials. */
/* Threads: safe from any. */
#pragma once

#include "usercommon/flags.h"

/* The valid forms of a URL, for messages. */
#define REDIS_URL_FORMS "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]"

struct redis_url {
    char host[256]; /* name, or address without brackets */
    int port;
    int database;
    char user[128]; /* "": the default user */
    char password[256];
};

/* False: not such a URL. */
bool redis_url_parse(const char *text, struct redis_url *out_url);

/* Reads a flag whose value is such a URL. */
flag_reader redis_read_url; /* const char * */
