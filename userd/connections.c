/* SPDX-License-Identifier: Apache-2.0 */
/* The log of connections that failed. */
#include "userd/connections.h"

#include <weir/base.h>

#define SILENCE (10 * WEIR_SECOND)

void
connections_init(struct connections *connections, const struct log *log)
{
    connections->log = log;
    pthread_mutex_init(&connections->lock, NULL);
}

/* FNV-1a; a collision of two reasons does no harm. */
static uint64_t
hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* The entry of a reason, or the least recently logged one, to be replaced. A peer that varies the
 * text gains nothing: an entry is only replaced and logged after SILENCE. */
static struct connections_reason *
find(struct connections *connections, uint64_t hash)
{
    struct connections_reason *oldest = &connections->reasons[0];

    for (size_t i = 0; i < CONNECTIONS_REASONS; i++) {
        struct connections_reason *reason = &connections->reasons[i];

        if (reason->hash == hash && reason->said != 0)
            return reason;
        if (reason->said < oldest->said)
            oldest = reason;
    }
    return oldest;
}

/* True: log it, with the number of failures since the last line. */
static bool
may_speak(struct connections *connections, const char *why, int64_t *out_kept_silent)
{
    uint64_t hash = hash_of(why);
    struct connections_reason *reason;
    int64_t now = weir_now();
    bool speaks;

    pthread_mutex_lock(&connections->lock);
    reason = find(connections, hash);
    speaks = reason->said == 0 || now - reason->said >= SILENCE;
    *out_kept_silent = reason->kept_silent;
    if (speaks)
        *reason = (struct connections_reason){.hash = hash, .said = now};
    else
        reason->kept_silent++;
    pthread_mutex_unlock(&connections->lock);
    return speaks;
}

void
connections_log_failure(void *self, const char *peer, const char *why)
{
    struct connections *connections = self;
    int64_t silent;

    if (!may_speak(connections, why, &silent))
        return;
    log_write(connections->log, LOG_INFO, "connection failed",
        (struct log_field[]){
            log_text("peer", peer), log_text("why", why), log_number("not_logged", silent)},
        silent > 0 ? 3 : 2);
}
