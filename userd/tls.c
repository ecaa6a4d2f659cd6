/* SPDX-License-Identifier: Apache-2.0 */
/* userd's TLS. */
#include "userd/tls.h"

#include "usercommon/complain.h"

bool
tls_options_check(const struct tls_options *options, char error[FLAGS_ERROR])
{
    if ((options->cert == NULL) != (options->key == NULL)) {
        snprintf(error, FLAGS_ERROR, "--tls-cert and --tls-key go together: %s is missing",
            options->cert == NULL ? "--tls-cert" : "--tls-key");
        return false;
    }
    if (options->client_ca != NULL && options->cert == NULL) {
        snprintf(error, FLAGS_ERROR, "--tls-client-ca needs --tls-cert and --tls-key");
        return false;
    }
    return true;
}

static void
say_reloaded(void *self, const char *error)
{
    const struct log *log = self;

    if (error == NULL)
        log_line(log, LOG_INFO, "certificates were read again", log_text("for", "TLS"));
    else
        log_line(log, LOG_ERROR, "certificates cannot be read; the former ones stay in use",
            log_text("why", error));
}

bool
tls_open(const struct tls_options *options, const struct log *log, weir_tls **out_tls)
{
    const struct weir_tls_pair pair = {options->cert, options->key};
    const struct weir_tls_server_options server = {.pairs = &pair,
        .pair_count = 1,
        .client_ca_file = options->client_ca,
        .reloaded = say_reloaded,
        .reloaded_self = (void *)(uintptr_t)log};
    char error[WEIR_TLS_ERROR];

    if (options->cert == NULL) {
        *out_tls = NULL;
        return true;
    }
    if (weir_tls_server_new(&server, out_tls, error) == WEIR_OK)
        return true;
    complain("userd", "TLS: %s", error);
    return false;
}
