/* SPDX-License-Identifier: Apache-2.0 */
/* The flags --etcd-... and their values. */
#include "usercommon/etcd_access.h"

#include <stdlib.h>
#include <string.h>

/* The password may contain colons, the name may not. */
bool
etcd_access_read_user(const struct flag *flag, const char *text, void *field)
{
    const char *colon = strchr(text, ':');

    return colon != NULL && colon != text && flag_text(flag, text, field);
}

bool
etcd_access_check(const struct etcd_access *access, bool tls, char error[FLAGS_ERROR])
{
    if ((access->cert == NULL) != (access->key == NULL)) {
        snprintf(error, FLAGS_ERROR, "--etcd-cert and --etcd-key go together: %s is missing",
            access->cert == NULL ? "--etcd-cert" : "--etcd-key");
        return false;
    }
    if (!tls && (access->ca != NULL || access->cert != NULL)) {
        snprintf(error, FLAGS_ERROR, "%s needs TLS with etcd, --etcd https://HOST:PORT",
            access->ca != NULL ? "--etcd-ca" : "--etcd-cert");
        return false;
    }
    return true;
}

static bool
split_user(const char *user, struct etcd_login *login)
{
    const size_t colon = strcspn(user, ":"); /* values without a colon were refused */

    login->name = strdup(user);
    if (login->name == NULL)
        return false;
    login->name[colon] = '\0';
    login->password = login->name + colon + 1;
    return true;
}

bool
etcd_login_open(const struct etcd_access *access, bool tls, struct etcd_login *out_login,
    char error[WEIR_TLS_ERROR])
{
    const struct weir_tls_client_options options = {
        .ca_file = access->ca, .pair = {access->cert, access->key}};
    struct etcd_login login = {.tls = NULL};

    snprintf(error, WEIR_TLS_ERROR, "out of memory");
    if (tls && weir_tls_client_new(&options, &login.tls, error) != WEIR_OK)
        return false;
    if (access->user != NULL && !split_user(access->user, &login)) {
        weir_tls_free(login.tls);
        return false;
    }
    *out_login = login;
    return true;
}

void
etcd_login_close(struct etcd_login *login)
{
    weir_tls_free(login->tls);
    if (login->name != NULL)
        explicit_bzero(login->name + strlen(login->name) + 1, strlen(login->password));
    free(login->name);
    *login = (struct etcd_login){.tls = NULL};
}
