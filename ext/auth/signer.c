/* SPDX-License-Identifier: Apache-2.0 */
/* Signs tokens, and generates keys for that. */
#include <weir/signer.h>

#include "auth/base64url.h"
#include "auth/key.h"
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

/* Bits of a new RSA key: acceptable beyond 2030 according to NIST SP 800-57. */
#define NEW_RSA_BITS 3072

#define SIGNATURE_MAX 1024
#define THUMBPRINT_SIZE 32

struct weir_signer {
    struct key key;
};

static weir_code
fail(struct weir_auth_error *error, const char *text)
{
    snprintf(error->text, sizeof(error->text), "%s", text);
    return WEIR_INVALID_ARGUMENT;
}

/* ---- creation ---- */

/* Set the kid to the key's thumbprint (RFC 7638, section 3). */
static bool
name_by_thumbprint(struct key *key)
{
    uint8_t digest[THUMBPRINT_SIZE];
    json_t *jwk = key_jwk(key);
    char *text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
    bool good =
        text != NULL && EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) == 1;

    free(text);
    json_decref(jwk);
    key->id = good ? malloc(BASE64URL_ENCODED(sizeof(digest))) : NULL;
    if (key->id != NULL)
        base64url_encode(digest, sizeof(digest), key->id);
    return key->id != NULL;
}

/* Adopts pkey. */
static weir_code
make(EVP_PKEY *pkey, weir_signer **out_signer, struct weir_auth_error *error)
{
    struct weir_signer *signer = calloc(1, sizeof(*signer));
    const char *wrong;

    if (signer == NULL) {
        EVP_PKEY_free(pkey);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    wrong = key_init(&signer->key, pkey);
    if (wrong != NULL) {
        free(signer);
        return fail(error, wrong);
    }
    if (!name_by_thumbprint(&signer->key)) {
        weir_signer_free(signer);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_signer = signer;
    return WEIR_OK;
}

/* OpenSSL would prompt on the terminal. */
static int
no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

weir_code
weir_signer_new(const char *pem, weir_signer **out_signer, struct weir_auth_error *out_error)
{
    struct weir_auth_error ignored = {0}, *error = out_error == NULL ? &ignored : out_error;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    snprintf(error->text, sizeof(error->text), "no memory");
    if (pkey != NULL)
        return make(pkey, out_signer, error);
    ERR_clear_error();
    return fail(error, "there is no private key in PEM that can be read without a passphrase");
}

static EVP_PKEY *
generate(enum key_algorithm algorithm)
{
    switch (algorithm) {
    case KEY_RS256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)NEW_RSA_BITS);
    case KEY_ES256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    default:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
}

weir_code
weir_signer_generate(const char *algorithm, weir_signer **out_signer)
{
    enum key_algorithm kind = key_algorithm_of(algorithm);
    struct weir_auth_error error;
    EVP_PKEY *pkey;

    if (kind == KEY_ALGORITHM_COUNT)
        return WEIR_INVALID_ARGUMENT;
    pkey = generate(kind);
    return pkey == NULL ? WEIR_RESOURCE_EXHAUSTED : make(pkey, out_signer, &error);
}

void
weir_signer_free(weir_signer *signer)
{
    if (signer == NULL)
        return;
    key_fini(&signer->key);
    free(signer);
}

/* ---- the key as text ---- */

const char *
weir_signer_algorithm(const weir_signer *signer)
{
    return key_algorithm_name(signer->key.algorithm);
}

const char *
weir_signer_key_id(const weir_signer *signer)
{
    return signer->key.id;
}

/* A copy of the text in bio, which is freed. */
static char *
take_text(BIO *bio, int written)
{
    char *data, *text = NULL;
    long len = written == 1 ? BIO_get_mem_data(bio, &data) : -1;

    if (len >= 0)
        text = strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

char *
weir_signer_private_pem(const weir_signer *signer)
{
    BIO *bio = BIO_new(BIO_s_secmem());

    if (bio == NULL)
        return NULL;
    return take_text(
        bio, PEM_write_bio_PKCS8PrivateKey(bio, signer->key.pkey, NULL, NULL, 0, NULL, NULL));
}

char *
weir_signer_public_pem(const weir_signer *signer)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return bio == NULL ? NULL : take_text(bio, PEM_write_bio_PUBKEY(bio, signer->key.pkey));
}

char *
weir_signer_jwks(const weir_signer *signer)
{
    json_t *jwk = key_jwk(&signer->key);
    json_t *set = NULL;
    char *text = NULL;

    if (jwk != NULL &&
        json_object_set_new(jwk, "alg", json_string(weir_signer_algorithm(signer))) == 0 &&
        json_object_set_new(jwk, "use", json_string("sig")) == 0 &&
        json_object_set_new(jwk, "kid", json_string(signer->key.id)) == 0)
        set = json_pack("{s:[O]}", "keys", jwk);
    if (set != NULL)
        text = json_dumps(set, JSON_INDENT(2));
    json_decref(set);
    json_decref(jwk);
    return text;
}

/* ---- signing ---- */

static bool
set_text(json_t *object, const char *name, const char *text)
{
    return text == NULL || json_object_set_new(object, name, json_string(text)) == 0;
}

static bool
set_date(json_t *object, const char *name, int64_t date)
{
    return date == 0 || json_object_set_new(object, name, json_integer(date)) == 0;
}

static bool
set_roles(json_t *object, const struct weir_token *token)
{
    json_t *roles = json_array();

    for (size_t i = 0; i < token->role_count; i++) {
        if (json_array_append_new(roles, json_string(token->roles[i])) != 0) {
            json_decref(roles);
            return false;
        }
    }
    return json_object_set_new(object, "roles", roles) == 0;
}

static bool
set_extra(json_t *object, const struct weir_token *token)
{
    for (size_t i = 0; i < token->extra_count; i++) {
        const struct weir_claim *claim = &token->extra[i];
        json_t *value =
            claim->text == NULL ? json_integer(claim->number) : json_string(claim->text);

        if (json_object_set_new(object, claim->name, value) != 0)
            return false;
    }
    return true;
}

static json_t *
payload_of(const struct weir_token *token)
{
    json_t *object = json_object();

    if (set_text(object, "sub", token->subject) && set_text(object, "name", token->name) &&
        set_text(object, "iss", token->issuer) && set_text(object, "aud", token->audience) &&
        set_text(object, "jti", token->id) && set_date(object, "iat", token->issued_at) &&
        set_date(object, "nbf", token->not_before) && set_date(object, "exp", token->expires) &&
        set_roles(object, token) && set_extra(object, token))
        return object;
    json_decref(object);
    return NULL;
}

/* Append a part at *at, and advance. Adopts json. False: no memory. */
static bool
append_part(char *out, size_t size, size_t *at, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    bool good = text != NULL && *at + BASE64URL_ENCODED(strlen(text)) < size;

    if (good)
        *at += base64url_encode((const uint8_t *)text, strlen(text), out + *at);
    free(text);
    json_decref(json);
    return good;
}

/* Convert OpenSSL's P-256 signature from DER to two numbers of fixed size. 0: failed. */
static size_t
plain_signature(uint8_t *signature, size_t len)
{
    const uint8_t *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    bool good = pair != NULL &&
                BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, KEY_P256_SIZE) == KEY_P256_SIZE &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + KEY_P256_SIZE, KEY_P256_SIZE) ==
                    KEY_P256_SIZE;

    ECDSA_SIG_free(pair);
    return good ? (size_t)2 * KEY_P256_SIZE : 0;
}

/* 0: failed. */
static size_t
sign(const struct key *key, const char *text, size_t len, uint8_t out[SIGNATURE_MAX])
{
    const EVP_MD *digest = key->algorithm == KEY_EDDSA ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t out_len = SIGNATURE_MAX;
    bool good = context != NULL &&
                EVP_DigestSignInit(context, NULL, digest, NULL, key->pkey) == 1 &&
                EVP_DigestSign(context, out, &out_len, (const uint8_t *)text, len) == 1;

    EVP_MD_CTX_free(context);
    if (!good) {
        ERR_clear_error();
        return 0;
    }
    return key->algorithm == KEY_ES256 ? plain_signature(out, out_len) : out_len;
}

static bool
write_token(const struct key *key, json_t *header, json_t *payload, char *out, size_t size)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t at = 0, len;

    if (!append_part(out, size, &at, header)) {
        json_decref(payload);
        return false;
    }
    out[at++] = '.';
    if (!append_part(out, size, &at, payload))
        return false;
    len = sign(key, out, at, signature);
    if (len == 0 || at + 1 + BASE64URL_ENCODED(len) > size)
        return false;
    out[at++] = '.';
    base64url_encode(signature, len, out + at);
    return true;
}

weir_code
weir_jwt_sign(const weir_signer *signer, const struct weir_token *token, char **out_token)
{
    json_t *payload = payload_of(token);
    json_t *header = json_pack("{s:s, s:s, s:s}", "alg", weir_signer_algorithm(signer), "typ",
        "JWT", "kid", signer->key.id);
    size_t len = payload == NULL ? 0 : json_dumpb(payload, NULL, 0, JSON_COMPACT);
    size_t size = BASE64URL_ENCODED(len) + 2 * SIGNATURE_MAX;
    char *out;

    if (payload == NULL) { /* jansson reports neither which, nor a lack of memory */
        json_decref(header);
        return WEIR_INVALID_ARGUMENT;
    }
    out = malloc(size);
    if (out == NULL) {
        json_decref(header);
        json_decref(payload);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    if (!write_token(&signer->key, header, payload, out, size)) {
        free(out);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_token = out;
    return WEIR_OK;
}
