/* SPDX-License-Identifier: Apache-2.0 */
/* Login attempts, limited for each account and for each address: a burst, then a rate per minute.
 */
/* Threads: safe from any thread. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What attempts are counted by. */
enum attempts_of { ATTEMPTS_OF_ACCOUNT, ATTEMPTS_OF_ADDRESS };

struct attempts_slot;

struct attempts {
    uint8_t key[16];
    pthread_mutex_t lock;
    struct attempts_slot *slots; /* a fixed number, so that names cannot use up memory */
    uint64_t refused;
};

/* False: no memory. attempts_fini must be called in any case. */
bool attempts_init(struct attempts *attempts);
void attempts_fini(struct attempts *attempts);

/* Count one attempt at `now` (weir_now). False: there were too many. */
bool attempts_take(struct attempts *attempts, enum attempts_of of, const char *name, int64_t now);

/* How many attempts were refused. */
uint64_t attempts_refused(struct attempts *attempts);

/* The attempt succeeded, so it does not count. */
void attempts_give_back(
    struct attempts *attempts, enum attempts_of of, const char *name, int64_t now);
