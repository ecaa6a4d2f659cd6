/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to log in: so many at once of each account and of each address, then so many a minute.
 */
/* Threads: safe from any thread. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of whom attempts are counted. */
enum attempts_of { ATTEMPTS_OF_ACCOUNT, ATTEMPTS_OF_ADDRESS };

struct attempts_slot;

struct attempts {
    uint8_t key[16];
    pthread_mutex_t lock;
    struct attempts_slot *slots; /* of fixed number: under a flood of names the memory stays */
    uint64_t refused;
};

/* False: no memory. attempts_fini is needed in any case. */
bool attempts_init(struct attempts *attempts);
void attempts_fini(struct attempts *attempts);

/* One attempt now, a point on the clock of weir_now. False: there were too many. */
bool attempts_take(struct attempts *attempts, enum attempts_of of, const char *name, int64_t now);

/* So many were refused. */
uint64_t attempts_refused(struct attempts *attempts);

/* It was a good one, and does not count. */
void attempts_give_back(
    struct attempts *attempts, enum attempts_of of, const char *name, int64_t now);
