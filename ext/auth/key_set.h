/* SPDX-License-Identifier: Apache-2.0 */
/* The set of keys that may sign tokens: from PEM, from a JWKS, or both. */
/* Threads: a set is constant and reference-counted; any thread may hold a reference. */
#pragma once

#include "auth/key.h"
#include <stdatomic.h>
#include <weir/auth.h>

/* Limited because a token without a kid is tried with every key of its algorithm. */
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

/* Add keys to a set that is not shared yet. On failure it keeps those added before. */
weir_code key_set_add_pem(struct key_set *set, const char *pem, struct weir_auth_error *error);
weir_code key_set_add_jwks(
    struct key_set *set, const char *text, size_t len, struct weir_auth_error *error);

/* Verify a token's signature with the keys that may sign it. id: its kid, or NULL. Returns NULL, or
 * the reason of the failure (static). */
const char *key_set_verify(const struct key_set *set, enum key_algorithm algorithm, const char *id,
    weir_str text, const uint8_t *signature, size_t len);
