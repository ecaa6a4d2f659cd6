/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what is read of tokens, and the files of keys.
 *
 *   input:  't' | token                        as it comes in a header
 *           'c' | header JSON | NUL | claims   the JSON within, so that base64 does not stand
 * between 'j' | JWKS 'p' | PEM
 */
#include "auth/base64url.h"
#include "auth/token.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* A token that was read says what it is made of. */
static void
check_token(const char *text, size_t len, const struct key_set *keys)
{
    const struct token_rules rules = {.issuer = "i", .audience = "a", .skew = WEIR_SECOND};
    const struct token_rules none = {.allow_endless = true};
    struct token *token;
    int64_t number = 0;

    if (token_read(text, len, &rules, &token) == NULL) {
        FUZZ_CHECK(strcmp(token->claims.issuer, "i") == 0);
        token_unref(token);
    }
    if (token_read(text, len, &none, &token) != NULL)
        return;
    FUZZ_CHECK(token->len == len && memcmp(token->text, text, len) == 0);
    FUZZ_CHECK(token->signed_len < len && text[token->signed_len] == '.');
    for (size_t i = 0; i < token->claims.role_count; i++)
        FUZZ_CHECK(weir_claims_have_role(&token->claims, token->claims.roles[i]));
    (void)weir_claims_text(&token->claims, "email");
    (void)weir_claims_integer(&token->claims, "epoch", &number);
    (void)token_check_time(token, WEIR_SECOND);
    FUZZ_CHECK(keys == NULL || token_check_signature(token, keys) != NULL); /* none is signed */
    token_unref(token);
}

static void
check_claims(const char *json, size_t len)
{
    const char *end = memchr(json, '\0', len);
    size_t header = end == NULL ? len : (size_t)(end - json);
    size_t payload = end == NULL ? 0 : len - header - 1;
    char *text = malloc(BASE64URL_ENCODED(header) + BASE64URL_ENCODED(payload) + 8);
    size_t at = base64url_encode((const uint8_t *)json, header, text);

    text[at++] = '.';
    at += base64url_encode((const uint8_t *)json + header + (end != NULL), payload, text + at);
    memcpy(text + at, ".AAAA", 5);
    check_token(text, at + 5, NULL);
    free(text);
}

/* Keys that were read can be used. */
static void
check_keys(const char *text, size_t len, int pem)
{
    static const char token[] =
        "eyJhbGciOiJFUzI1NiJ9.e30."
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAA";
    struct key_set *set = key_set_new();
    struct weir_auth_error error;
    char *copy = strndup(text, len);

    if (pem)
        (void)key_set_add_pem(set, copy, &error);
    else
        (void)key_set_add_jwks(set, text, len, &error);
    check_token(token, sizeof(token) - 1, set);
    for (size_t i = 0; i < set->count; i++)
        json_decref(key_jwk(&set->keys[i]));
    key_set_unref(set);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;

    if (size == 0)
        return 0;
    if (data[0] == 't')
        check_token(text, size - 1, NULL);
    else if (data[0] == 'c')
        check_claims(text, size - 1);
    else
        check_keys(text, size - 1, data[0] == 'p');
    return 0;
}
