/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of keys: parsing, and choosing the keys for a token. */
#include "auth/key_set.h"

#include "auth/reason.h"
#include "json/strict_json.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

struct key_set *
key_set_new(void)
{
    struct key_set *set = calloc(1, sizeof(*set));

    if (set != NULL)
        atomic_init(&set->holders, 1);
    return set;
}

struct key_set *
key_set_ref(struct key_set *set)
{
    atomic_fetch_add(&set->holders, 1);
    return set;
}

void
key_set_unref(struct key_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->holders, 1) != 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        key_fini(&set->keys[i]);
    free(set);
}

static weir_code
fail(struct weir_auth_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return WEIR_INVALID_ARGUMENT;
}

/* ---- PEM ---- */

/* NULL: the block is neither a public key nor a certificate, or is invalid. */
static EVP_PKEY *
read_block(const char *name, const uint8_t *data, long len)
{
    const uint8_t *at = data;
    X509 *certificate;
    EVP_PKEY *pkey;

    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        return d2i_PUBKEY(NULL, &at, len);
    if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0)
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
    if (strcmp(name, PEM_STRING_X509) != 0)
        return NULL;
    certificate = d2i_X509(NULL, &at, len);
    pkey = certificate == NULL ? NULL : X509_get_pubkey(certificate);
    X509_free(certificate);
    return pkey;
}

static weir_code
add_block(struct key_set *set, const char *name, const uint8_t *data, long len,
    struct weir_auth_error *error)
{
    const char *wrong;
    EVP_PKEY *pkey;

    if (set->count == KEY_SET_MAX)
        return fail(error, "more than %d keys", KEY_SET_MAX);
    if (strstr(name, "PRIVATE KEY") != NULL)
        return fail(error, "a private key stands where public ones belong");
    pkey = read_block(name, data, len);
    if (pkey == NULL)
        return fail(error, "\"%.64s\" is not a public key that can be read", name);
    wrong = key_init(&set->keys[set->count], pkey);
    if (wrong != NULL)
        return fail(error, "a key cannot be used: %s", wrong);
    set->count++;
    return WEIR_OK;
}

static weir_code
add_blocks(struct key_set *set, BIO *bio, struct weir_auth_error *error)
{
    char *name, *header;
    uint8_t *data;
    long len;
    weir_code code = WEIR_OK;

    while (code == WEIR_OK && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
        code = add_block(set, name, data, len, error);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    return code;
}

weir_code
key_set_add_pem(struct key_set *set, const char *pem, struct weir_auth_error *error)
{
    size_t before = set->count;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    weir_code code;

    if (bio == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = add_blocks(set, bio, error);
    BIO_free(bio);
    ERR_clear_error();
    if (code == WEIR_OK && set->count == before)
        return fail(error, "there is no public key in PEM");
    return code;
}

/* ---- JWKS ---- */

static weir_code
add_jwk(struct key_set *set, const json_t *jwk, size_t place, struct weir_auth_error *error)
{
    bool foreign = false;
    const char *wrong;

    if (set->count == KEY_SET_MAX)
        return fail(error, "more than %d keys", KEY_SET_MAX);
    if (!json_is_object(jwk))
        return fail(error, "key %zu is not an object", place + 1);
    wrong = key_init_jwk(&set->keys[set->count], jwk, &foreign);
    if (wrong == NULL)
        set->count++;
    else if (!foreign)
        return fail(error, "key %zu cannot be used: %s", place + 1, wrong);
    return WEIR_OK;
}

weir_code
key_set_add_jwks(struct key_set *set, const char *text, size_t len, struct weir_auth_error *error)
{
    size_t before = set->count, i;
    json_error_t where;
    json_t *json = strict_json(text, len, &where);
    const json_t *keys = json_object_get(json, "keys"), *jwk;
    weir_code code = WEIR_OK;

    if (json == NULL)
        return fail(error, "line %d: %s", where.line, where.text);
    if (!json_is_array(keys))
        code = fail(error, "there is no array \"keys\"");
    json_array_foreach(keys, i, jwk)
    {
        if (code == WEIR_OK)
            code = add_jwk(set, jwk, i, error);
    }
    json_decref(json);
    if (code == WEIR_OK && set->count == before)
        return fail(error, "none of its keys is for RS256, ES256 or EdDSA");
    return code;
}

/* ---- finding ---- */

static bool
names_key(const struct key_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->keys[i].id != NULL && strcmp(set->keys[i].id, id) == 0)
            return true;
    }
    return false;
}

/* A known kid selects its keys; with an unknown one, the keys without a kid are tried; without a
 * kid in the token, all keys. */
static bool
fits(const struct key *key, const char *id, bool named)
{
    if (id == NULL || key->id == NULL)
        return id == NULL || !named;
    return strcmp(key->id, id) == 0;
}

const char *
key_set_verify(const struct key_set *set, enum key_algorithm algorithm, const char *id,
    weir_str text, const uint8_t *signature, size_t len)
{
    bool named = id != NULL && names_key(set, id);
    const char *reason = named ? auth_other_algorithm : auth_no_key;

    for (size_t i = 0; i < set->count; i++) {
        const struct key *key = &set->keys[i];

        if (key->algorithm != algorithm || !fits(key, id, named))
            continue;
        if (key_verify(key, text, signature, len))
            return NULL;
        reason = auth_mismatch;
    }
    return reason;
}
