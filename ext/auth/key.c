/* SPDX-License-Identifier: Apache-2.0 */
/* A key: its algorithm, and verification. */
#include "auth/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdlib.h>

/* Shorter keys can be broken (RFC 7518, section 3.3); longer ones would only make verification
 * expensive. */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

/* Size of a P-256 signature in DER. */
#define DER_SIZE 80

static const char *const names[KEY_ALGORITHM_COUNT] = {
    [KEY_RS256] = "RS256",
    [KEY_ES256] = "ES256",
    [KEY_EDDSA] = "EdDSA",
};

const char *
key_algorithm_name(enum key_algorithm algorithm)
{
    return names[algorithm];
}

enum key_algorithm
key_algorithm_of(const char *name)
{
    size_t i = 0;

    while (i < KEY_ALGORITHM_COUNT && strcmp(names[i], name) != 0)
        i++;
    return (enum key_algorithm)i;
}

static const char *
judge_ec(const EVP_PKEY *pkey)
{
    char group[32];

    if (EVP_PKEY_get_group_name((EVP_PKEY *)pkey, group, sizeof(group), NULL) == 1 &&
        strcmp(group, "prime256v1") == 0)
        return NULL;
    return "its curve is not P-256";
}

/* With an exponent of 1 anybody could forge signatures; an even one has no inverse (RFC 8017,
 * section 3.1). */
static bool
has_sound_exponent(const EVP_PKEY *pkey)
{
    BIGNUM *exponent = NULL;
    bool sound = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                 BN_is_odd(exponent) && !BN_is_one(exponent);

    BN_free(exponent);
    return sound;
}

static const char *
judge_rsa(const EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);

    if (!has_sound_exponent(pkey))
        return "its RSA exponent is not odd and above 1";
    if (bits < RSA_BITS_MIN)
        return "an RSA key of less than 2048 bits is not safe";
    return bits > RSA_BITS_MAX ? "an RSA key of more than 8192 bits takes too long" : NULL;
}

/* Returns the reason why a key is not usable, or NULL with *out_algorithm. */
static const char *
judge(const EVP_PKEY *pkey, enum key_algorithm *out_algorithm)
{
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        *out_algorithm = KEY_RS256;
        return judge_rsa(pkey);
    case EVP_PKEY_EC:
        *out_algorithm = KEY_ES256;
        return judge_ec(pkey);
    case EVP_PKEY_ED25519:
        *out_algorithm = KEY_EDDSA;
        return NULL;
    default:
        return "it is neither RSA, nor EC, nor Ed25519";
    }
}

const char *
key_init(struct key *key, EVP_PKEY *pkey)
{
    enum key_algorithm algorithm = KEY_RS256;
    const char *wrong = judge(pkey, &algorithm);

    if (wrong != NULL) {
        EVP_PKEY_free(pkey);
        return wrong;
    }
    *key = (struct key){.pkey = pkey, .algorithm = algorithm};
    return NULL;
}

void
key_fini(struct key *key)
{
    EVP_PKEY_free(key->pkey);
    free(key->id);
}

/* ---- verifying ---- */

/* Convert the two numbers to DER, for OpenSSL. 0: no memory. */
static size_t
der_signature(const uint8_t *signature, uint8_t out[DER_SIZE])
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, KEY_P256_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(signature + KEY_P256_SIZE, KEY_P256_SIZE, NULL);
    uint8_t *at = out;
    int len = 0;

    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* owned by the pair */
        len = i2d_ECDSA_SIG(pair, &at);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len > 0 ? (size_t)len : 0;
}

static bool
verify(const struct key *key, weir_str text, const uint8_t *signature, size_t len)
{
    const EVP_MD *digest = key->algorithm == KEY_EDDSA ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context != NULL && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->pkey) == 1 &&
        EVP_DigestVerify(context, signature, len, (const unsigned char *)text.data, text.len) == 1;

    EVP_MD_CTX_free(context);
    if (!good)
        ERR_clear_error();
    return good;
}

bool
key_verify(const struct key *key, weir_str text, const uint8_t *signature, size_t len)
{
    uint8_t der[DER_SIZE];

    if (key->algorithm != KEY_ES256)
        return verify(key, text, signature, len);
    if (len != (size_t)2 * KEY_P256_SIZE)
        return false;
    len = der_signature(signature, der);
    return len > 0 && verify(key, text, der, len);
}
