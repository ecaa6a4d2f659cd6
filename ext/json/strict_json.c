/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing of untrusted JSON. */
#include "json/strict_json.h"

#include <stdio.h>
#include <string.h>

/* Counts brackets outside of strings; invalid JSON is left to the parser. */
static bool
too_deep(const char *text, size_t len)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[') && ++depth > STRICT_JSON_DEPTH)
            return true;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return false;
}

json_t *
strict_json_either(const char *text, size_t len, json_error_t *error)
{
    json_error_t ignored;

    if (error == NULL)
        error = &ignored;
    if (too_deep(text, len)) {
        *error = (json_error_t){.line = 1};
        snprintf(error->text, sizeof(error->text), "nested too deep");
        return NULL;
    }
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, error);
}

json_t *
strict_json(const char *text, size_t len, json_error_t *error)
{
    json_error_t ignored;
    json_t *json;

    if (error == NULL)
        error = &ignored;
    json = strict_json_either(text, len, error);
    if (json == NULL || json_is_object(json))
        return json;
    json_decref(json);
    *error = (json_error_t){.line = 1};
    snprintf(error->text, sizeof(error->text), "not an object");
    return NULL;
}

const char *
strict_json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
