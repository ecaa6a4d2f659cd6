/* SPDX-License-Identifier: Apache-2.0 */
/* Choice by language, hostname and percentile. */
#include "config/choices.h"

#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

struct choices_client
choices_own_client(char hostname[256])
{
    struct choices_client client = {.language = "c", .hostname = hostname};
    uint32_t bits = 0;

    if (gethostname(hostname, 256) != 0)
        hostname[0] = '\0';
    hostname[255] = '\0';
    if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
        bits = 0;
    client.percentile = 1 + bits % 100;
    return client;
}

/* Is the value in the list of this name, or is there no such list? */
static weir_code
is_listed(const struct weir_value *choice, const char *name, const char *own, bool *out_listed,
    struct weir_value_error *error)
{
    const struct weir_value *list = NULL;

    WEIR_TRY(weir_value_read_list(choice, name, &list, error));
    *out_listed = list == NULL;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (list->items[i].kind != WEIR_VALUE_TEXT)
            return weir_value_refuse(&list->items[i], NULL, error, "must be a text");
        if (strcasecmp(list->items[i].text, own) == 0)
            *out_listed = true;
    }
    return WEIR_OK;
}

static weir_code
is_for(const struct weir_value *choice, const struct choices_client *client, bool *out_for,
    struct weir_value_error *error)
{
    bool language, hostname;
    int64_t percentage = 100;

    if (choice->kind != WEIR_VALUE_OBJECT)
        return weir_value_refuse(choice, NULL, error, "must be an object");
    WEIR_TRY(is_listed(choice, "clientLanguage", client->language, &language, error));
    WEIR_TRY(is_listed(choice, "clientHostname", client->hostname, &hostname, error));
    WEIR_TRY(weir_value_read_integer(choice, "percentage", 0, 100, &percentage, error));
    *out_for = language && hostname && client->percentile <= percentage;
    return WEIR_OK;
}

weir_code
choices_take(const struct weir_value *list, const struct choices_client *client,
    const struct weir_value **out_config, struct weir_value_error *error)
{
    const struct weir_value *config = NULL;

    for (size_t i = 0; i < list->count; i++) {
        const struct weir_value *choice = &list->items[i];
        bool taken = false;

        WEIR_TRY(is_for(choice, client, &taken, error));
        if (!taken)
            continue;
        WEIR_TRY(weir_value_read_object(choice, "serviceConfig", &config, error));
        if (config == NULL)
            return weir_value_refuse(choice, "serviceConfig", error, "is missing");
        *out_config = config;
        return WEIR_OK;
    }
    *out_config = NULL;
    return WEIR_OK;
}
