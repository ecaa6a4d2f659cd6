/* SPDX-License-Identifier: Apache-2.0 */
/* How etcd is spoken with: over TLS or not, and who speaks. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include <weir/tls.h>

/* What the flags --etcd-... say; NULL: not given. */
struct etcd_access {
    const char *ca;         /* whom to believe; the system's authorities */
    const char *cert, *key; /* what to show an etcd that asks */
    const char *user;       /* NAME:PASSWORD */
};

/* The value of --etcd-user. */
#define ETCD_USER_FORM "NAME:PASSWORD"
bool etcd_access_read_user(const struct flag *flag, const char *text, void *field);

/* Do the flags go together? tls: etcd is spoken with over TLS. False: error is set. */
bool etcd_access_check(const struct etcd_access *access, bool tls, char error[FLAGS_ERROR]);

/* The same for the library. */
struct etcd_login {
    weir_tls *tls; /* NULL: none */
    char *name;    /* NULL: nobody; the password is behind its NUL */
    const char *password;
};

/* Read the files. False: error says why, and there is nothing to close. */
bool etcd_login_open(const struct etcd_access *access, bool tls, struct etcd_login *out_login,
    char error[WEIR_TLS_ERROR]);
void etcd_login_close(struct etcd_login *login);
