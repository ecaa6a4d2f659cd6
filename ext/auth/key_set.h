/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that tokens may be signed with at one time: from PEM, from a JWKS, or both. */
/* Threads: a set is constant and counted; any thread may hold one. */
#pragma once

#include "auth/key.h"
#include <stdatomic.h>
#include <weir/auth.h>

/* A token without a kid is tried with every key of its algorithm, so there are not many. */
#define KEY_SET_MAX 32

struct key_set {
    atomic_uint holders;
    size_t count;
    struct key keys[KEY_SET_MAX];
};

/* An empty set; NULL: no memory. Freed by the last unref. */
struct key_set *key_set_new(void);
struct key_set *key_set_ref(struct key_set *set);
void key_set_unref(struct key_set *set);

/* Fill a set that nobody else has yet. On failure it keeps what was added. */
weir_code key_set_add_pem(struct key_set *set, const char *pem, struct weir_auth_error *error);
weir_code key_set_add_jwks(
    struct key_set *set, const char *text, size_t len, struct weir_auth_error *error);

/* Is the signature that of a key that this token may be signed with? id: its kid, NULL: none. NULL:
 * it is; else the reason why not. Static. */
const char *key_set_verify(const struct key_set *set, enum key_algorithm algorithm, const char *id,
    weir_str text, const uint8_t *signature, size_t len);
