/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to etcd, and their token: obtained with name and password, sent in the metadata key
 * `token`, obtained again when etcd no longer accepts it. */
#include "etcd/session.h"

#include <stdio.h>
#include <stdlib.h>

#define AUTHENTICATE_TIMEOUT (2 * WEIR_SECOND)

static bool
copy(char **out_copy, const char *text)
{
    *out_copy = text == NULL ? NULL : strdup(text);
    return text == NULL || *out_copy != NULL;
}

bool
etcd_session_init(
    struct etcd_session *session, weir_channel *channel, const char *user, const char *password)
{
    *session = (struct etcd_session){.channel = channel};
    if (copy(&session->user, user) && copy(&session->password, password))
        return true;
    etcd_session_fini(session);
    return false;
}

/* Overwrite a secret before freeing it. */
static void
wipe(char *secret)
{
    if (secret == NULL)
        return;
    explicit_bzero(secret, strlen(secret));
    free(secret);
}

void
etcd_session_fini(struct etcd_session *session)
{
    free(session->user);
    wipe(session->password);
    wipe(session->token);
}

weir_code
etcd_call_failed(
    struct etcd_session *session, weir_call *call, weir_code code, char out_why[ETCD_WHY])
{
    snprintf(out_why, ETCD_WHY, "%s: %s", weir_code_name(code), weir_call_message(call));
    /* etcd returns INVALID_ARGUMENT for a token from before a change of its users. */
    if (code == WEIR_UNAUTHENTICATED || code == WEIR_PERMISSION_DENIED ||
        code == WEIR_INVALID_ARGUMENT) {
        wipe(session->token);
        session->token = NULL;
    }
    weir_call_free(call);
    return code;
}

/* Create a call, also for streams, that fails if the member has lost its cluster's leader, instead
 * of hanging. NULL: no memory. */
static weir_call *
new_call(struct etcd_session *session)
{
    weir_call *call = weir_call_new(session->channel, NULL);

    if (call == NULL || weir_call_add_header(call, "hasleader", weir_str_of("true")) == WEIR_OK)
        return call;
    weir_call_free(call);
    return NULL;
}

static weir_code
authenticate(struct etcd_session *session, char out_why[ETCD_WHY])
{
    Etcdserverpb__AuthenticateRequest request = ETCDSERVERPB__AUTHENTICATE_REQUEST__INIT;
    const Etcdserverpb__AuthenticateResponse *response;
    weir_call *call = new_call(session);
    weir_code code;

    snprintf(out_why, ETCD_WHY, "no memory");
    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    weir_call_set_timeout(call, AUTHENTICATE_TIMEOUT);
    request.name = session->user;
    request.password = session->password == NULL ? "" : session->password;
    code = etcdserverpb_Auth_Authenticate(call, &request, &response);
    if (code != WEIR_OK)
        return etcd_call_failed(session, call, code, out_why);
    session->token = strdup(response->token);
    weir_call_free(call);
    return session->token == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

weir_code
etcd_call_new(
    struct etcd_session *session, int64_t timeout, weir_call **out_call, char out_why[ETCD_WHY])
{
    weir_call *call;
    weir_code code;

    if (session->user != NULL && session->token == NULL)
        WEIR_TRY(authenticate(session, out_why));
    snprintf(out_why, ETCD_WHY, "no memory");
    call = new_call(session);
    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (timeout != WEIR_NEVER)
        weir_call_set_timeout(call, timeout);
    if (session->token != NULL) {
        code = weir_call_add_header(call, "token", weir_str_of(session->token));
        if (code != WEIR_OK) {
            weir_call_free(call);
            return code;
        }
    }
    *out_call = call;
    return WEIR_OK;
}
