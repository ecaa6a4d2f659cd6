/* SPDX-License-Identifier: Apache-2.0 */
/* The current keys: those of a PEM text, and those of a JWKS file, which is reloaded when it
 * changes. A bad file leaves the keys unchanged. */
/* Threads: safe from any thread. */
#pragma once

#include "auth/key_set.h"
#include <pthread.h>
#include <sys/stat.h>

#define KEY_FILE_DIGEST 32

/* Detects changes of the file. */
struct key_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct key_ring {
    pthread_mutex_t lock; /* guards the following fields, except the mark */
    struct key_set *keys;
    char *pem, *path; /* NULL: none */
    struct key_file_stamp stamp;
    uint8_t digest[KEY_FILE_DIGEST]; /* of the file's last contents, good or bad */
    bool fresh;                      /* it may change again with the same stamp */
    bool away;
    bool unread; /* reading failed, to be retried */
    uint64_t reloads, failures;
    atomic_uint mark; /* incremented by each change of keys; never 0 */
    void (*report)(void *self, weir_code code, const char *text);
    void *self;
};

/* Copies both texts; either may be NULL. Errors as in weir_auth_new. Call key_ring_fini even after
 * a failure. */
weir_code key_ring_init(
    struct key_ring *ring, const char *pem, const char *path, struct weir_auth_error *error);
void key_ring_fini(struct key_ring *ring);

/* A reference to the current keys. */
struct key_set *key_ring_keys(struct key_ring *ring);

/* Reload the file if it has changed. */
void key_ring_look(struct key_ring *ring);
