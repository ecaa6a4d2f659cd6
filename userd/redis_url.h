/* SPDX-License-Identifier: Apache-2.0 */
/* Where a Redis is, and how to get in. */
/* Threads: safe from any. */
#pragma once

#include "usercommon/flags.h"

/* What a good URL is, for messages. */
#define REDIS_URL_FORMS "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]"

struct redis_url {
    char host[256]; /* a name, or an address without brackets */
    int port;
    int database;
    char user[128]; /* "": the default one */
    char password[256];
};

/* False: it is no such URL. */
bool redis_url_parse(const char *text, struct redis_url *out_url);

/* The reader of a flag whose value is such a URL. */
flag_reader redis_read_url; /* const char * */
