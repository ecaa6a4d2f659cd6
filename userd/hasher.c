/* SPDX-License-Identifier: Apache-2.0 */
/* Argon2id by libsodium. A hash takes tens of milliseconds and 19 MiB; the stored text contains the
 * cost parameters, so that they may change. */
#include "userd/hasher.h"

#include <sodium.h>

/* The first recommendation for argon2id in OWASP's Password Storage Cheat Sheet. */
#define PASSES 2
#define MEMORY (19 * 1024 * 1024)

/* Further jobs are refused; this many take about a second. */
#define WAITING_MAX 64

_Static_assert(HASHER_TEXT >= crypto_pwhash_STRBYTES, "room for libsodium's text");

/* The hash of 32 random bytes that nobody knows, for comparisons where there is no hash, with the
 * same cost as real ones. */
const char hasher_nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$is3TARgN+/N/dxzsdhtae"
                             "g$9QFxJemguxca6fkRRNSt5Vi50heNFesUFbcxMmSOd3w";

/* On the stack of the fiber that waits. */
struct work {
    const char *password;
    const char *hash; /* NULL: make a hash */
    char *out_hash;
    bool good;
    weir_event *done;
};

static bool
make(const char *password, char out_hash[HASHER_TEXT])
{
    return crypto_pwhash_str_alg(out_hash, password, strlen(password), PASSES, MEMORY,
               crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static void
run(void *arg)
{
    struct work *work = arg;

    if (work->hash == NULL)
        work->good = make(work->password, work->out_hash);
    else
        work->good =
            crypto_pwhash_str_verify(work->hash, work->password, strlen(work->password)) == 0;
    weir_event_set(work->done);
}

static weir_code
submit(struct hasher *hasher, struct work *work)
{
    weir_code code;

    work->done = weir_event_new();
    if (work->done == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = weir_pool_submit(hasher->pool, run, work);
    if (code == WEIR_OK)
        code = weir_event_wait(work->done, NULL);
    weir_event_unref(work->done);
    return code;
}

static weir_code
submit_one(struct hasher *hasher, struct work *work)
{
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (atomic_fetch_add(&hasher->waiting, 1) < WAITING_MAX)
        code = submit(hasher, work);
    else
        atomic_fetch_add(&hasher->refused, 1);
    atomic_fetch_sub(&hasher->waiting, 1);
    return code;
}

bool
hasher_open(struct hasher *hasher, unsigned threads)
{
    *hasher = (struct hasher){0};
    return sodium_init() >= 0 && weir_pool_new(threads, &hasher->pool) == WEIR_OK;
}

void
hasher_close(struct hasher *hasher)
{
    weir_pool_free(hasher->pool);
}

weir_code
hasher_make(struct hasher *hasher, const char *password, char out_hash[HASHER_TEXT])
{
    struct work work = {.password = password, .out_hash = out_hash};

    WEIR_TRY(submit_one(hasher, &work));
    atomic_fetch_add(&hasher->made, 1);
    return work.good ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}

weir_code
hasher_compare(struct hasher *hasher, const char *password, const char *hash, bool *out_same)
{
    struct work work = {.password = password, .hash = hash == NULL ? hasher_nobody : hash};

    WEIR_TRY(submit_one(hasher, &work));
    atomic_fetch_add(&hasher->compared, 1);
    *out_same = hash != NULL && work.good;
    return WEIR_OK;
}
