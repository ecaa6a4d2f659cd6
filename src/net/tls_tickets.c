/* SPDX-License-Identifier: Apache-2.0 */
/* A client's session tickets, for resumption. */
#include "net/tls.h"

#include <stdlib.h>

static void
drop(struct tls_ticket *ticket)
{
    free(ticket->host);
    SSL_SESSION_free(ticket->session);
}

/* Remove an entry, closing the gap. */
static void
remove_at(struct tls_set *set, size_t index)
{
    set->ticket_count--;
    memmove(&set->tickets[index], &set->tickets[index + 1],
        (set->ticket_count - index) * sizeof(set->tickets[0]));
}

void
tls_ticket_put(struct tls_set *set, const char *host, SSL_SESSION *session)
{
    struct tls_ticket oldest = {0};
    char *copy = strdup(host);

    if (copy == NULL) {
        SSL_SESSION_free(session);
        return;
    }
    pthread_mutex_lock(&set->lock);
    if (set->ticket_count == TLS_TICKETS_MAX) {
        oldest = set->tickets[0];
        remove_at(set, 0);
    }
    set->tickets[set->ticket_count++] = (struct tls_ticket){copy, session};
    pthread_mutex_unlock(&set->lock);
    drop(&oldest);
}

SSL_SESSION *
tls_ticket_take(struct tls_set *set, const char *host)
{
    struct tls_ticket found = {0};

    pthread_mutex_lock(&set->lock);
    for (size_t i = set->ticket_count; i > 0 && found.host == NULL; i--) {
        if (strcmp(set->tickets[i - 1].host, host) != 0)
            continue;
        found = set->tickets[i - 1];
        remove_at(set, i - 1);
    }
    pthread_mutex_unlock(&set->lock);
    free(found.host);
    return found.session;
}
