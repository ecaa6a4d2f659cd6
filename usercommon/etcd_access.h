/* SPDX-License-Identifier: Apache-2.0 */
/* How to connect to etcd: TLS and credentials. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include <weir/tls.h>

/* The values of the flags --etcd-...; NULL: not given. */
struct etcd_access {
    const char *ca;         /* certificates to trust; default: the system's */
    const char *cert, *key; /* the client certificate */
    const char *user;       /* NAME:PASSWORD */
};

/* The value of --etcd-user. */
#define ETCD_USER_FORM "NAME:PASSWORD"
bool etcd_access_read_user(const struct flag *flag, const char *text, void *field);

/* Are the flags consistent? tls: the connection to etcd uses TLS. False: error is set. */
bool etcd_access_check(const struct etcd_access *access, bool tls, char error[FLAGS_ERROR]);

/* The same in the form that the library takes. */
struct etcd_login {
    weir_tls *tls; /* NULL: none */
    char *name;    /* NULL: no user; the password follows its NUL */
    const char *password;
};

/* Read the files. False: error says why, and there is nothing to close. */
bool etcd_login_open(const struct etcd_access *access, bool tls, struct etcd_login *out_login,
    char error[WEIR_TLS_ERROR]);
void etcd_login_close(struct etcd_login *login);
