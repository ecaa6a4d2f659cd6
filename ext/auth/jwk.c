/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as JSON (JWK, RFC 7517 and RFC 7518, section 6; RFC 8037, section 2). */
#include "auth/base64url.h"
#include "auth/key.h"
#include "json/strict_json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

/* Size of a number of an RSA key of 8192 bits, in bytes. */
#define NUMBER_MAX 1024

/* Size of an Ed25519 key, in bytes. */
#define ED25519_SIZE 32

/* ---- reading ---- */

struct number {
    uint8_t bytes[NUMBER_MAX + 2];
    size_t len;
};

static bool
read_number(const json_t *jwk, const char *name, struct number *out)
{
    const char *text = strict_json_text(jwk, name);
    size_t len = text == NULL ? 0 : strlen(text);

    return len > 0 && BASE64URL_DECODED(len) <= sizeof(out->bytes) &&
           base64url_decode(text, len, out->bytes, &out->len);
}

/* NULL: the parameters are not a valid key. */
static EVP_PKEY *
public_key_of(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *
rsa_of(const struct number *modulus, const struct number *exponent)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus->bytes, (int)modulus->len, NULL);
    BIGNUM *e = BN_bin2bn(exponent->bytes, (int)exponent->len, NULL);
    EVP_PKEY *pkey = NULL;

    if (build != NULL && n != NULL && e != NULL &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = public_key_of("RSA", build);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *
read_rsa(const json_t *jwk)
{
    struct number modulus, exponent;

    if (!read_number(jwk, "n", &modulus) || !read_number(jwk, "e", &exponent) || exponent.len > 8)
        return NULL;
    return rsa_of(&modulus, &exponent);
}

static EVP_PKEY *
ec_of(const uint8_t point[2 * KEY_P256_SIZE + 1])
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(
            build, OSSL_PKEY_PARAM_PUB_KEY, point, (size_t)2 * KEY_P256_SIZE + 1) == 1)
        pkey = public_key_of("EC", build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

/* An uncompressed point: 4, x, y (SEC 1, section 2.3.3). */
static EVP_PKEY *
read_ec(const json_t *jwk)
{
    struct number x, y;
    uint8_t point[2 * KEY_P256_SIZE + 1] = {4};

    if (!read_number(jwk, "x", &x) || !read_number(jwk, "y", &y) || x.len != KEY_P256_SIZE ||
        y.len != KEY_P256_SIZE)
        return NULL;
    memcpy(point + 1, x.bytes, KEY_P256_SIZE);
    memcpy(point + 1 + KEY_P256_SIZE, y.bytes, KEY_P256_SIZE);
    return ec_of(point);
}

static EVP_PKEY *
read_okp(const json_t *jwk)
{
    struct number x;

    if (!read_number(jwk, "x", &x) || x.len != ED25519_SIZE)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.len);
}

static const struct kind {
    const char *type, *curve; /* kty, crv */
    EVP_PKEY *(*read)(const json_t *jwk);
    enum key_algorithm algorithm;
} kinds[] = {
    {"RSA", NULL, read_rsa, KEY_RS256},
    {"EC", "P-256", read_ec, KEY_ES256},
    {"OKP", "Ed25519", read_okp, KEY_EDDSA},
};

/* An absent member matches. */
static bool
text_is(const json_t *jwk, const char *name, const char *wanted)
{
    const json_t *member = json_object_get(jwk, name);

    return member == NULL ||
           (json_is_string(member) && strcmp(json_string_value(member), wanted) == 0);
}

static bool
may_verify(const json_t *jwk)
{
    const json_t *operations = json_object_get(jwk, "key_ops");
    const json_t *operation;
    size_t i;

    if (operations == NULL)
        return true;
    json_array_foreach(operations, i, operation)
    {
        if (json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0)
            return true;
    }
    return false;
}

/* NULL: an unsupported key (RFC 7517, section 5: to be ignored). */
static const struct kind *
kind_of(const json_t *jwk)
{
    const char *type = strict_json_text(jwk, "kty"), *curve = strict_json_text(jwk, "crv");

    for (size_t i = 0; type != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *kind = &kinds[i];

        if (strcmp(type, kind->type) == 0 &&
            (kind->curve == NULL || (curve != NULL && strcmp(curve, kind->curve) == 0)) &&
            text_is(jwk, "alg", key_algorithm_name(kind->algorithm)) &&
            text_is(jwk, "use", "sig") && may_verify(jwk))
            return kind;
    }
    return NULL;
}

static const char *
name_key(struct key *key, const json_t *jwk)
{
    const json_t *id = json_object_get(jwk, "kid");

    if (id == NULL)
        return NULL;
    if (!json_is_string(id))
        return "its kid is not a text";
    key->id = strdup(json_string_value(id));
    return key->id == NULL ? "no memory" : NULL;
}

const char *
key_init_jwk(struct key *key, const json_t *jwk, bool *out_foreign)
{
    const struct kind *kind = kind_of(jwk);
    const char *wrong;
    EVP_PKEY *pkey;

    *out_foreign = kind == NULL;
    if (kind == NULL)
        return "it is not for RS256, ES256 or EdDSA";
    if (json_object_get(jwk, "d") != NULL)
        return "it is a private key, which does not belong into this file";
    pkey = kind->read(jwk);
    if (pkey == NULL) {
        ERR_clear_error();
        return "it is no valid key of its kind";
    }
    wrong = key_init(key, pkey);
    if (wrong != NULL)
        return wrong;
    wrong = name_key(key, jwk);
    if (wrong != NULL)
        key_fini(key);
    return wrong;
}

/* ---- writing ---- */

static json_t *
bytes_json(const uint8_t *bytes, size_t len)
{
    char text[BASE64URL_ENCODED(NUMBER_MAX)];

    return json_stringn(text, base64url_encode(bytes, len, text));
}

/* A number of the key, in the minimum number of bytes, or in `size` bytes. NULL: no memory. */
static json_t *
number_json(const EVP_PKEY *pkey, const char *name, int size)
{
    uint8_t bytes[NUMBER_MAX];
    BIGNUM *number = NULL;
    int len = -1;

    if (EVP_PKEY_get_bn_param(pkey, name, &number) == 1)
        len = BN_bn2binpad(number, bytes, size > 0 ? size : BN_num_bytes(number));
    BN_free(number);
    return len > 0 ? bytes_json(bytes, (size_t)len) : NULL;
}

static json_t *
okp_jwk(const EVP_PKEY *pkey)
{
    uint8_t bytes[ED25519_SIZE];
    size_t len = sizeof(bytes);

    if (EVP_PKEY_get_raw_public_key(pkey, bytes, &len) != 1)
        return NULL;
    return json_pack(
        "{s:s, s:s, s:o}", "crv", "Ed25519", "kty", "OKP", "x", bytes_json(bytes, len));
}

json_t *
key_jwk(const struct key *key)
{
    switch (key->algorithm) {
    case KEY_RS256:
        return json_pack("{s:o, s:s, s:o}", "e", number_json(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0),
            "kty", "RSA", "n", number_json(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0));
    case KEY_ES256:
        return json_pack("{s:s, s:s, s:o, s:o}", "crv", "P-256", "kty", "EC", "x",
            number_json(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, KEY_P256_SIZE), "y",
            number_json(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, KEY_P256_SIZE));
    default:
        return okp_jwk(key->pkey);
    }
}
