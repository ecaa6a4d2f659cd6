/* SPDX-License-Identifier: Apache-2.0 */
/* An entry is a letter, followed by a user in protobuf, the token of a lease, or the number of
 * writes in progress. */
#include "userd/cache_entry.h"

#include "user.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void
cache_lease_make(char out[CACHE_LEASE_SIZE])
{
    uint64_t parts[2] = {0, 0};

    (void)!getrandom(parts, sizeof(parts), 0); /* 16 bytes are never returned partially
                                                  (getrandom(2)) */
    snprintf(out, CACHE_LEASE_SIZE, "L%016llx%016llx", (unsigned long long)parts[0],
        (unsigned long long)parts[1]);
}

enum cache_kind
cache_kind_of(const char *bytes, size_t len)
{
    if (len > 1 && bytes[0] == 'U')
        return CACHE_USER;
    if (len == 1 && bytes[0] == 'N')
        return CACHE_ABSENT;
    if (len == CACHE_LEASE_SIZE - 1 && bytes[0] == 'L')
        return CACHE_LEASE;
    return len > 1 && bytes[0] == 'W' ? CACHE_BARRED : CACHE_CORRUPT;
}

bool
cache_entry_make(struct cache_entry *entry, const struct user *user)
{
    User__User message = USER__USER__INIT;
    size_t len = 0;

    if (user != NULL) {
        message.id = user->id;
        message.name = (char *)user->name;
        message.email = (char *)user->email;
        message.phone = (char *)user->phone;
        message.created_at = user->created_at;
        len = user__user__get_packed_size(&message);
    }
    entry->bytes = malloc(len + 1);
    if (entry->bytes == NULL)
        return false;
    entry->len = len + 1;
    entry->bytes[0] = user == NULL ? 'N' : 'U';
    if (user != NULL)
        user__user__pack(&message, (uint8_t *)entry->bytes + 1);
    return true;
}

weir_code
cache_entry_visit(const char *bytes, size_t len, int32_t id, store_visit *visit, void *arg)
{
    User__User *message;
    weir_code code = WEIR_DATA_LOSS;

    if (cache_kind_of(bytes, len) == CACHE_ABSENT)
        return WEIR_NOT_FOUND;
    message = user__user__unpack(NULL, len - 1, (const uint8_t *)bytes + 1);
    if (message != NULL && message->id == id) {
        const struct user user = {
            message->id, message->name, message->email, message->phone, message->created_at};

        code = visit(arg, &user);
    }
    user__user__free_unpacked(message, NULL);
    return code;
}
