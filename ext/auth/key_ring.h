/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of now: those of a PEM text, and those of a JWKS file, which is read anew when it has
 * changed. A bad file leaves the keys as they are. */
/* Threads: safe from any thread; a lock sees to it. */
#pragma once

#include "auth/key_set.h"
#include <pthread.h>
#include <sys/stat.h>

#define KEY_FILE_DIGEST 32

/* Tells one state of the file from another. */
struct key_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct key_ring {
    pthread_mutex_t lock; /* guards what follows, but for the mark */
    struct key_set *keys;
    char *pem, *path; /* NULL: none */
    struct key_file_stamp stamp;
    uint8_t digest[KEY_FILE_DIGEST]; /* of what the file held last, good or bad */
    bool fresh;                      /* it may change again without its stamp doing so */
    bool away;
    bool unread; /* it could not be read, and is tried again */
    uint64_t reloads, failures;
    atomic_uint mark; /* counts the changes of keys; never 0 */
    void (*report)(void *self, weir_code code, const char *text);
    void *self;
};

/* Copies both; either may be NULL. Else as weir_auth_new. To be ended in any case. */
weir_code key_ring_init(
    struct key_ring *ring, const char *pem, const char *path, struct weir_auth_error *error);
void key_ring_fini(struct key_ring *ring);

/* A reference to the keys of now. */
struct key_set *key_ring_keys(struct key_ring *ring);

/* Look whether the file has changed, and if so take its keys over. */
void key_ring_look(struct key_ring *ring);
