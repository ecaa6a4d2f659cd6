/* SPDX-License-Identifier: Apache-2.0 */
/* The claims of a token: the second of its three parts. Verifying it is up to the server. */
#include "userctl/session.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Base64url (RFC 4648, section 5). Returns the length; 0: invalid. */
static size_t
decode(const char *text, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] == '\0' ? NULL : strchr(alphabet, text[i]);

        if (digit == NULL)
            return 0;
        bits = (bits << 6 | (uint32_t)(digit - alphabet)) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[count++] = (char)(bits >> held);
        }
    }
    return count;
}

static json_t *
payload_of(const char *token)
{
    const char *first = strchr(token, '.');
    const char *second = first == NULL ? NULL : strchr(first + 1, '.');
    char *text = second == NULL ? NULL : malloc((size_t)(second - first));
    json_t *json = NULL;

    if (text != NULL)
        json = json_loadb(text, decode(first + 1, (size_t)(second - first - 1), text), 0, NULL);
    free(text);
    return json;
}

static void
read_roles(const json_t *roles, struct session_claims *claims)
{
    size_t count = json_array_size(roles);
    const char **texts = calloc(count + 1, sizeof(*texts));

    for (size_t i = 0; texts != NULL && i < count; i++) {
        const char *role = json_string_value(json_array_get(roles, i));

        if (role != NULL)
            texts[claims->role_count++] = role;
    }
    claims->roles = texts;
}

/* A NumericDate may have a fraction (RFC 7519, section 2), and be beyond what an int64_t holds. */
static int64_t
read_date(const json_t *date)
{
    double seconds = json_number_value(date);

    if (json_is_integer(date))
        return json_integer_value(date);
    if (seconds >= 0x1p63)
        return INT64_MAX;
    return seconds < -0x1p63 ? INT64_MIN : (int64_t)seconds;
}

bool
session_claims_read(const char *token, struct session_claims *out_claims)
{
    json_t *json = payload_of(token);

    *out_claims = (struct session_claims){
        .subject = json_string_value(json_object_get(json, "sub")),
        .name = json_string_value(json_object_get(json, "name")),
        .issuer = json_string_value(json_object_get(json, "iss")),
        .expires = read_date(json_object_get(json, "exp")),
        .json = json,
    };
    read_roles(json_object_get(json, "roles"), out_claims);
    return json_is_object(json);
}

void
session_claims_fini(struct session_claims *claims)
{
    free((void *)claims->roles);
    json_decref(claims->json);
}
