/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tokens and keys, signing, and the cache: the parts of libweir-auth below the interceptor.
 */
#include "auth/base64url.h"
#include "auth/siphash.h"
#include "auth/token_cache.h"
#include "json/strict_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/signer.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND WEIR_SECOND

static const char *const algorithms[] = {"RS256", "ES256", "EdDSA"};
static weir_signer *signers[COUNT(algorithms)];

static int
make_signers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(algorithms); i++)
        assert_int_equal(weir_signer_generate(algorithms[i], &signers[i]), WEIR_OK);
    return 0;
}

static int
free_signers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(algorithms); i++)
        weir_signer_free(signers[i]);
    return 0;
}

/* ---- base64url, SipHash, JSON ---- */

static void
base64url_is_strict(void **state)
{
    static const char *const bad[] = {"A", "AAAAA", "AA=", "AA==", "A+==", "A/AA", "AB", "AAB",
        "A A", "AAA\n", "\xC3\xA4", "AA.A"};
    uint8_t out[64];
    size_t len;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(base64url_decode(bad[i], strlen(bad[i]), out, &len));
    assert_true(base64url_decode("", 0, out, &len) && len == 0);
    assert_true(base64url_decode("-_8", 3, out, &len) && len == 2);
    assert_memory_equal(out, "\xfb\xff", 2);
    for (size_t size = 0; size < 40; size++) {
        uint8_t bytes[40];
        char text[BASE64URL_ENCODED(40)];

        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(i * 37 + size);
        len = base64url_encode(bytes, size, text);
        assert_int_equal(len, strlen(text));
        assert_true(base64url_decode(text, strlen(text), out, &len) && len == size);
        assert_memory_equal(out, bytes, size);
    }
}

/* The vectors of the paper's appendix A and of its authors' reference. */
static void
siphash_is_siphash(void **state)
{
    static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t bytes[15];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    assert_true(siphash(key, bytes, 15) == 0xa129ca6149be45e5);
    assert_true(siphash(key, bytes, 0) == 0x726fdb47dd0e0e31);
    assert_true(siphash(key, bytes, 8) == 0x93f5f5799a932462);
}

static void
json_is_strict(void **state)
{
    static const char *const bad[] = {"", "1", "[]", "{", "{\"a\":1,\"a\":2}", "{\"a\":1}x",
        "{\"a\":\"\\u0000\"}", "{'a':1}", "{\"a\":\"\xff\"}",
        "{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}"};
    static const char deep_in_text[] = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}";
    char *deep = malloc(200001);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_null(strict_json(bad[i], strlen(bad[i]), NULL));
    memset(deep, '[', 200000);
    assert_null(strict_json(deep, 200000, NULL));
    for (size_t i = 0; i + 5 <= 200000; i += 5)
        memcpy(deep + i, "{\"a\":", 5);
    assert_null(strict_json(deep, 200000, NULL));
    free(deep);
    json_t *json = strict_json(deep_in_text, sizeof(deep_in_text) - 1, NULL);

    assert_non_null(json);
    json_decref(json);
}

/* ---- tokens ---- */

/* Three parts, the first two given as JSON, the third as it is. The caller frees it. */
static char *
assemble(const char *header, const char *payload, const char *signature)
{
    size_t size = BASE64URL_ENCODED(strlen(header)) + BASE64URL_ENCODED(strlen(payload)) +
                  strlen(signature) + 3;
    char *token = malloc(size);
    size_t at = base64url_encode((const uint8_t *)header, strlen(header), token);

    token[at++] = '.';
    at += base64url_encode((const uint8_t *)payload, strlen(payload), token + at);
    token[at++] = '.';
    memcpy(token + at, signature, strlen(signature) + 1);
    return token;
}

static const char *
read_text(const char *text, const struct token_rules *rules, struct token **out)
{
    return token_read(text, strlen(text), rules, out);
}

/* The reason why a token with this header and payload is refused, "" when it is not. */
static const char *
reason_of(const char *header, const char *payload, const struct token_rules *rules)
{
    char *text = assemble(header, payload, "AAAA");
    struct token *token = NULL;
    const char *reason = read_text(text, rules, &token);

    token_unref(token);
    free(text);
    return reason == NULL ? "" : reason;
}

#define RS256 "{\"alg\":\"RS256\"}"

static void
headers_are_judged(void **state)
{
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {RS256, ""},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"1\"}", ""},
        {"{\"alg\":\"EdDSA\",\"jku\":\"http://there.example/keys\",\"jwk\":{\"kty\":\"oct\"}}", ""},
        {"{\"alg\":\"none\"}", "the algorithm is not allowed"},
        {"{\"alg\":\"None\"}", "the algorithm is not allowed"},
        {"{\"alg\":\"HS256\"}", "the algorithm is not allowed"},
        {"{\"alg\":\"RS512\"}", "the algorithm is not allowed"},
        {"{\"alg\":\"rs256\"}", "the algorithm is not allowed"},
        {"{\"alg\":[\"RS256\"]}", "it names no algorithm"},
        {"{\"typ\":\"JWT\"}", "it names no algorithm"},
        {"{\"alg\":\"RS256\",\"alg\":\"none\"}", "not JSON"},
        {"{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", "it has a critical extension"},
        {"{\"alg\":\"RS256\",\"kid\":7}", "kid is not a text"},
        {"\"RS256\"", "not JSON"},
        {"", "not JSON"},
    };
    const struct token_rules rules = {.allow_endless = true};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(reason_of(cases[i].header, "{}", &rules), cases[i].reason);
}

static void
claims_are_judged(void **state)
{
    static const struct {
        const char *payload, *reason;
    } cases[] = {
        {"{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1}", ""},
        {"{\"iss\":\"i\",\"aud\":[\"b\",\"a\"],\"exp\":1.5,\"nbf\":2e9}", ""},
        {"{\"iss\":\"i\",\"aud\":\"a\"}", "it never expires"},
        {"{\"iss\":\"j\",\"aud\":\"a\",\"exp\":1}", "wrong issuer"},
        {"{\"aud\":\"a\",\"exp\":1}", "wrong issuer"},
        {"{\"iss\":[\"i\"],\"aud\":\"a\",\"exp\":1}", "iss is not a text"},
        {"{\"iss\":\"i\",\"exp\":1}", "wrong audience"},
        {"{\"iss\":\"i\",\"aud\":\"ab\",\"exp\":1}", "wrong audience"},
        {"{\"iss\":\"i\",\"aud\":[],\"exp\":1}", "wrong audience"},
        {"{\"iss\":\"i\",\"aud\":{\"a\":1},\"exp\":1}", "wrong audience"},
        {"{\"iss\":\"i\",\"aud\":[1,[\"a\"]],\"exp\":1}", "wrong audience"},
        {"{\"exp\":\"1\"}", "exp is not a date"},
        {"{\"exp\":-1}", "exp is not a date"},
        {"{\"exp\":1e300}", "exp is not a date"},
        {"{\"exp\":99999999999999999999}", "not JSON"},
        {"{\"exp\":null}", "exp is not a date"},
        {"{\"exp\":1,\"nbf\":true}", "nbf is not a date"},
        {"{\"exp\":1,\"iat\":\"now\"}", "iat is not a date"},
        {"{\"sub\":1}", "sub is not a text"},
        {"{\"name\":[\"N\"]}", "name is not a text"},
        {"{\"jti\":{}}", "jti is not a text"},
        {"{\"exp\":1,\"roles\":\"admin\"}", "roles is not a list"},
        {"{\"exp\":1,\"roles\":[\"user\",1]}", "a role is not a text"},
        {"{\"sub\":\"a\",\"sub\":\"b\"}", "not JSON"},
        {"[]", "not JSON"},
    };
    const struct token_rules rules = {.issuer = "i", .audience = "a"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(reason_of(RS256, cases[i].payload, &rules), cases[i].reason);
    assert_string_equal(reason_of(RS256, "{}", &(struct token_rules){0}), "it never expires");
    assert_string_equal(reason_of(RS256, "{}", &(struct token_rules){.allow_endless = true}), "");
}

static void
times_have_a_skew(void **state)
{
    const struct token_rules rules = {.skew = 5 * SECOND};
    char *text = assemble(RS256, "{\"exp\":1000,\"nbf\":900.5}", "AAAA");
    char *endless = assemble(RS256, "{\"exp\":1e12}", "AAAA");
    struct token *token;

    (void)state;
    assert_null(read_text(text, &rules, &token));
    assert_null(token_check_time(token, 1005 * SECOND - 1));
    assert_string_equal(token_check_time(token, 1005 * SECOND), "expired");
    assert_null(token_check_time(token, 895 * SECOND + SECOND / 2));
    assert_string_equal(token_check_time(token, 895 * SECOND + SECOND / 2 - 1), "not yet valid");
    token_unref(token);
    assert_null(read_text(endless, &rules, &token));
    assert_null(token_check_time(token, INT64_MAX - 1));
    token_unref(token);
    free(text);
    free(endless);
}

static void
parts_are_counted(void **state)
{
    static const char *const bad[] = {"", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30", "e30..",
        "e30.e30.", "eyJhbGciOiJSUzI1NiJ9..", "eyJhbGciOiJSUzI1NiJ9.e30.A",
        "eyJhbGciOiJSUzI1NiJ9.e30=.AAAA", "eyJhbGciOiJSUzI1NiJ9.e30.AA AA"};
    const struct token_rules rules = {0};
    struct token *token;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_non_null(read_text(bad[i], &rules, &token));
}

/* ---- signing and verifying ---- */

static struct key_set *
public_keys_of(const weir_signer *signer)
{
    struct weir_auth_error error;
    struct key_set *set = key_set_new();
    char *pem = weir_signer_public_pem(signer);

    assert_int_equal(key_set_add_pem(set, pem, &error), WEIR_OK);
    free(pem);
    return set;
}

static char *
sign(const weir_signer *signer)
{
    static const char *const roles[] = {"admin", "user"};
    static const struct weir_claim extra[] = {{"epoch", NULL, 7}, {"email", "a@b", 0}};
    const struct weir_token token = {.subject = "12",
        .name = "Ad\xC3\xA4",
        .issuer = "i",
        .audience = "a",
        .id = "j",
        .roles = roles,
        .role_count = 2,
        .issued_at = 100,
        .expires = 200,
        .extra = extra,
        .extra_count = 2};
    char *text;

    assert_int_equal(weir_jwt_sign(signer, &token, &text), WEIR_OK);
    return text;
}

static void
what_was_signed_is_read(void **state)
{
    const struct token_rules rules = {.issuer = "i", .audience = "a"};

    (void)state;
    for (size_t i = 0; i < COUNT(signers); i++) {
        struct key_set *keys = public_keys_of(signers[i]);
        char *text = sign(signers[i]);
        struct token *token;
        int64_t epoch;

        assert_string_equal(weir_signer_algorithm(signers[i]), algorithms[i]);
        assert_null(read_text(text, &rules, &token));
        assert_null(token_check_signature(token, keys));
        assert_string_equal(token->key_id, weir_signer_key_id(signers[i]));
        assert_string_equal(token->claims.subject, "12");
        assert_string_equal(token->claims.name, "Ad\xC3\xA4");
        assert_string_equal(token->claims.issuer, "i");
        assert_string_equal(token->claims.id, "j");
        assert_int_equal(token->claims.issued_at, 100);
        assert_int_equal(token->claims.expires, 200);
        assert_true(weir_claims_have_role(&token->claims, "admin"));
        assert_false(weir_claims_have_role(&token->claims, "Admin"));
        assert_string_equal(weir_claims_text(&token->claims, "email"), "a@b");
        assert_null(weir_claims_text(&token->claims, "epoch"));
        assert_true(weir_claims_integer(&token->claims, "epoch", &epoch) && epoch == 7);
        assert_false(weir_claims_integer(&token->claims, "email", &epoch));
        token_unref(token);
        free(text);
        key_set_unref(keys);
    }
}

/* No change of any character is still a good token. */
static void
every_character_counts(void **state)
{
    const struct token_rules rules = {0};

    (void)state;
    for (size_t i = 1; i < COUNT(signers); i++) {
        struct key_set *keys = public_keys_of(signers[i]);
        char *text = sign(signers[i]);

        for (char *at = text; *at != '\0'; at++) {
            char before = *at;
            struct token *token = NULL;

            *at = before == 'A' ? 'B' : 'A';
            assert_true(read_text(text, &rules, &token) != NULL ||
                        token_check_signature(token, keys) != NULL);
            token_unref(token);
            *at = before;
        }
        free(text);
        key_set_unref(keys);
    }
}

static void
keys_serve_their_own_algorithm(void **state)
{
    const struct token_rules rules = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(signers); i++) {
        char *text = sign(signers[i]);
        struct token *token;

        assert_null(read_text(text, &rules, &token));
        for (size_t k = 0; k < COUNT(signers); k++) {
            struct key_set *keys = public_keys_of(signers[k]);

            if (k != i)
                assert_string_equal(token_check_signature(token, keys), "no key fits");
            key_set_unref(keys);
        }
        token_unref(token);
        free(text);
    }
}

static void
texts_that_are_not_utf8_are_not_signed(void **state)
{
    const struct weir_token token = {.subject = "\xff"};
    char *text;

    (void)state;
    assert_int_equal(weir_jwt_sign(signers[2], &token, &text), WEIR_INVALID_ARGUMENT);
}

/* RFC 8037, appendix A.3. */
static void
thumbprints_are_those_of_the_rfc(void **state)
{
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                              "-----END PRIVATE KEY-----\n";
    weir_signer *signer;

    (void)state;
    assert_int_equal(weir_signer_new(pem, &signer, NULL), WEIR_OK);
    assert_string_equal(weir_signer_key_id(signer), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    weir_signer_free(signer);
}

static void
a_key_survives_its_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(signers); i++) {
        char *pem = weir_signer_private_pem(signers[i]);
        weir_signer *again;

        assert_int_equal(weir_signer_new(pem, &again, NULL), WEIR_OK);
        assert_string_equal(weir_signer_key_id(again), weir_signer_key_id(signers[i]));
        weir_signer_free(again);
        free(pem);
    }
}

/* ---- sets of keys ---- */

static weir_code
add_jwks(const char *text, struct weir_auth_error *error)
{
    struct key_set *set = key_set_new();
    weir_code code = key_set_add_jwks(set, text, strlen(text), error);

    key_set_unref(set);
    return code;
}

/* RFC 8037, appendix A.2; RFC 7517, appendix A.1. */
#define X "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define ED25519 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," X "}"
#define P256                                                                                   \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"use\":\"sig\",\"kid\":\"1\"}"
#define MODULUS                                                                                    \
    "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSB" \
    "igeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9" \
    "_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_" \
    "RJLqHpM2kgWFLU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw"

static void
sets_of_keys_are_judged(void **state)
{
    static const struct {
        const char *text, *error; /* NULL: it is good */
    } cases[] = {
        {"{\"keys\":[" ED25519 "," P256 "]}", NULL},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}," ED25519 ",{\"kty\":\"new\"}]}", NULL},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\"," X "}," P256 "]}", NULL},
        {"{\"keys\":[]}", "none of its keys is for RS256, ES256 or EdDSA"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
            "none of its keys is for RS256, ES256 or EdDSA"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\"," X "}]}",
            "none of its keys is for RS256, ES256 or EdDSA"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ES256\"," X "}]}",
            "none of its keys is for RS256, ES256 or EdDSA"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"key_ops\":[\"sign\"]," X "}]}",
            "none of its keys is for RS256, ES256 or EdDSA"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"AAAA\"," X "}]}",
            "key 1 cannot be used: it is a private key, which does not belong into this file"},
        {"{\"keys\":[" ED25519 ",{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
            "key 2 cannot be used: it is no valid key of its kind"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":1," X "}]}",
            "key 1 cannot be used: its kid is not a text"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" MODULUS "\",\"e\":\"AQAB\"}]}", NULL},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" MODULUS "\",\"e\":\"AQ\"}]}",
            "key 1 cannot be used: its RSA exponent is not odd and above 1"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" MODULUS "\",\"e\":\"AQAC\"}]}",
            "key 1 cannot be used: its RSA exponent is not odd and above 1"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4"
         "Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ"
         "w\",\"e\":\"AQAB\"}]}",
            "key 1 cannot be used: an RSA key of less than 2048 bits is not safe"},
        {"{\"keys\":[1]}", "key 1 is not an object"},
        {"{\"keys\":{}}", "there is no array \"keys\""},
        {"{\n\"keys\":[,]}", "line 2: unexpected token near ','"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct weir_auth_error error = {""};
        weir_code code = add_jwks(cases[i].text, &error);

        assert_string_equal(error.text, cases[i].error == NULL ? "" : cases[i].error);
        assert_int_equal(code, cases[i].error == NULL ? WEIR_OK : WEIR_INVALID_ARGUMENT);
    }
}

/* A point that is not on the curve. */
static void
a_wrong_point_is_no_key(void **state)
{
    char text[] = "{\"keys\":[" P256 "]}";
    struct weir_auth_error error;

    (void)state;
    *(strstr(text, "4Etl")) = '5';
    assert_int_equal(add_jwks(text, &error), WEIR_INVALID_ARGUMENT);
}

static void
pem_is_judged(void **state)
{
    static const char *const bad[] = {"", "nothing", "-----BEGIN PUBLIC KEY-----\nAAAA\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"};
    char *private_pem = weir_signer_private_pem(signers[1]);
    struct weir_auth_error error;
    struct key_set *set = key_set_new();

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(key_set_add_pem(set, bad[i], &error), WEIR_INVALID_ARGUMENT);
    assert_int_equal(key_set_add_pem(set, private_pem, &error), WEIR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "a private key stands where public ones belong");
    assert_int_equal(set->count, 0);
    key_set_unref(set);
    free(private_pem);
}

/* A kid chooses; without one, or with one that nobody has, keys without a kid are tried. */
static void
a_kid_chooses(void **state)
{
    struct weir_auth_error error;
    const struct token_rules rules = {0};
    char *text = sign(signers[2]), *own = weir_signer_jwks(signers[2]);
    struct token *token;
    struct key_set *set = key_set_new();
    char other[256];

    (void)state;
    assert_null(read_text(text, &rules, &token));
    snprintf(other, sizeof(other),
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," X ",\"kid\":\"%s\"}]}", token->key_id);
    assert_int_equal(key_set_add_jwks(set, other, strlen(other), &error), WEIR_OK);
    assert_string_equal(token_check_signature(token, set), "the signature does not match");
    assert_int_equal(key_set_add_jwks(set, own, strlen(own), &error), WEIR_OK);
    assert_null(token_check_signature(token, set));
    key_set_unref(set);
    set = key_set_new();
    assert_int_equal(
        key_set_add_jwks(set, "{\"keys\":[" P256 "]}", strlen("{\"keys\":[" P256 "]}"), &error),
        WEIR_OK);
    assert_string_equal(token_check_signature(token, set), "no key fits");
    key_set_unref(set);
    token_unref(token);
    free(text);
    free(own);
}

/* ---- the cache ---- */

static struct token *
numbered(unsigned number, unsigned expires)
{
    char payload[64], signature[16];
    struct token *token;
    char *text;

    snprintf(payload, sizeof(payload), "{\"exp\":%u}", expires);
    snprintf(signature, sizeof(signature), "%08u", number);
    text = assemble(RS256, payload, signature);
    assert_null(read_text(text, &(struct token_rules){0}, &token));
    free(text);
    return token;
}

static void
the_cache_is_bounded(void **state)
{
    struct token_cache cache;
    unsigned evicted = 0, found = 0;

    (void)state;
    assert_true(token_cache_init(&cache, 64));
    for (unsigned i = 0; i < 1000; i++) {
        struct token *token = numbered(i, 1000);

        evicted += token_cache_add(&cache, token, 0);
        assert_ptr_equal(token_cache_lookup(&cache, (weir_str){token->text, token->len}), token);
        token_unref(token);
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct token *token = numbered(i, 1000);

        found += token_cache_lookup(&cache, (weir_str){token->text, token->len}) != NULL;
        token_unref(token);
    }
    assert_int_equal(found, 1000 - evicted);
    assert_true(found > 32 && found <= 64);
    token_cache_fini(&cache);
}

static void
expired_tokens_make_room_first(void **state)
{
    struct token_cache cache;
    struct token *kept[3], *token;

    (void)state;
    assert_true(token_cache_init(&cache, 1)); /* one set of four */
    for (unsigned i = 0; i < 3; i++) {
        kept[i] = numbered(i, 1000);
        assert_false(token_cache_add(&cache, kept[i], 0));
    }
    for (unsigned i = 10; i < 20; i++) {
        token = numbered(i, i);
        assert_false(token_cache_add(&cache, token, (int64_t)i * SECOND));
        token_unref(token);
    }
    token = numbered(100, 1000);
    assert_false(token_cache_add(&cache, token, 100 * SECOND));
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(token_cache_lookup(&cache, (weir_str){kept[i]->text, kept[i]->len}));
        token_unref(kept[i]);
    }
    token_cache_drop(&cache, token);
    assert_null(token_cache_lookup(&cache, (weir_str){token->text, token->len}));
    token_unref(token);
    token_cache_fini(&cache);
}

/* Also beside the one that came last. */
static void
every_byte_is_compared(void **state)
{
    struct token_cache cache;
    struct token *token = numbered(1, 1000);
    char *text = strdup(token->text);

    (void)state;
    assert_true(token_cache_init(&cache, 64));
    token_cache_add(&cache, token, 0);
    for (size_t i = 0; i < token->len; i++) {
        assert_ptr_equal(token_cache_lookup(&cache, (weir_str){token->text, token->len}), token);
        text[i] ^= 1;
        assert_null(token_cache_lookup(&cache, (weir_str){text, token->len}));
        assert_null(token_cache_lookup(&cache, (weir_str){text + i, token->len - i}));
        text[i] ^= 1;
    }
    free(text);
    token_unref(token);
    token_cache_fini(&cache);
}

/* Equal ends have equal hashes: the rest is compared. */
static void
the_whole_text_is_compared(void **state)
{
    char *first = assemble(RS256, "{\"sub\":\"1\",\"exp\":1}",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    char *second = assemble(RS256, "{\"sub\":\"2\",\"exp\":1}", strrchr(first, '.') + 1);
    struct token_cache cache;
    struct token *token;

    (void)state;
    assert_true(token_cache_init(&cache, 64));
    assert_null(read_text(first, &(struct token_rules){0}, &token));
    assert_false(token_cache_add(&cache, token, 0));
    assert_null(token_cache_lookup(&cache, weir_str_of(second)));
    assert_ptr_equal(token_cache_lookup(&cache, weir_str_of(first)), token);
    token_unref(token);
    token_cache_fini(&cache);
    free(first);
    free(second);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_is_strict),
        cmocka_unit_test(siphash_is_siphash),
        cmocka_unit_test(json_is_strict),
        cmocka_unit_test(headers_are_judged),
        cmocka_unit_test(claims_are_judged),
        cmocka_unit_test(times_have_a_skew),
        cmocka_unit_test(parts_are_counted),
        cmocka_unit_test(what_was_signed_is_read),
        cmocka_unit_test(every_character_counts),
        cmocka_unit_test(keys_serve_their_own_algorithm),
        cmocka_unit_test(texts_that_are_not_utf8_are_not_signed),
        cmocka_unit_test(thumbprints_are_those_of_the_rfc),
        cmocka_unit_test(a_key_survives_its_texts),
        cmocka_unit_test(sets_of_keys_are_judged),
        cmocka_unit_test(a_wrong_point_is_no_key),
        cmocka_unit_test(pem_is_judged),
        cmocka_unit_test(a_kid_chooses),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(expired_tokens_make_room_first),
        cmocka_unit_test(every_byte_is_compared),
        cmocka_unit_test(the_whole_text_is_compared),
    };

    return cmocka_run_group_tests(tests, make_signers, free_signers);
}
