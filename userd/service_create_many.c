/* SPDX-License-Identifier: Apache-2.0 */
/* CreateUsersStream. Entries are collected in a batch; their texts are copied, because a message is
 * only valid until the next one. Full batches go to the store, so that many users share a commit,
 * and the memory of a stream does not grow with its length. The lists in the response are bounded,
 * too, because it must fit into the clients' message size limit. */
#include "userd/answer.h"
#include "userd/handlers.h"

#include "usercommon/text.h"
#include "userd/validate.h"
#include <stdio.h>
#include <stdlib.h>

#define BATCH_ENTRIES 512
#define BATCH_TEXTS (128 * 1024)

/* Limits of the lists of users and errors in a response of 4 MiB, the default limit of gRPC
 * clients. */
#define USERS_MAX (3 * 1024 * 1024)
#define ERRORS_MAX (896 * 1024)

/* Maximum overhead in bytes of an element of a list. */
#define FIELD_OVERHEAD 6

/* Maximum bytes of a name in an error. */
#define ERROR_NAME_MAX USER_NAME_MAX

/* Maximum bytes of the error of an entry without a name. */
#define INVALID_MAX 128
_Static_assert(INVALID_MAX <= USER_TEXTS_MAX, "what a batch has room for");

/* One entry of the stream. */
struct item {
    int64_t place;       /* position in the stream, from 1 */
    const char *invalid; /* the error to list; NULL: the entry has a name */
    const char *wrong;   /* the error with its name, static; NULL: the entry is passed to the
                            store */
    const char *name;
    size_t entry;
};

struct batch {
    struct item items[BATCH_ENTRIES];
    struct user_entry entries[BATCH_ENTRIES];
    size_t item_count, entry_count;
    size_t text_len;
    char texts[BATCH_TEXTS];
};

/* An array in the call's arena; it grows by doubling, and its old memory stays in the arena. */
struct listing {
    void *elements;
    size_t count, room;
    size_t left; /* bytes left in the response; 0 once an element did not fit */
};

struct stream {
    const struct service *service;
    weir_call *call;
    struct batch *batch;
    int64_t place; /* number of entries received */
    int32_t created;
    struct listing users, errors, failed;
};

/* ---- lists in the response ---- */

/* Does an element of this size still fit? The first that does not ends the list. */
static bool
fits(struct listing *listing, size_t bytes)
{
    bool fit = bytes <= listing->left;

    listing->left = fit ? listing->left - bytes : 0;
    return fit;
}

/* Append an element. NULL: no memory. */
static void *
extend(weir_call *call, struct listing *listing, size_t size)
{
    size_t room = listing->room == 0 ? 64 : 2 * listing->room;
    char *elements = listing->elements;

    if (listing->count == listing->room) {
        elements = weir_call_keep(call, room * size);
        if (elements == NULL)
            return NULL;
        if (listing->count > 0)
            memcpy(elements, listing->elements, listing->count * size);
        listing->elements = elements;
        listing->room = room;
    }
    return elements + listing->count++ * size;
}

static weir_code
list_user(struct stream *stream, const struct user *user)
{
    User__User *message;
    User__User **element;

    stream->created++;
    if (stream->users.left == 0)
        return WEIR_OK;
    message = answer_user(stream->call, user);
    if (message == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (!fits(&stream->users, user__user__get_packed_size(message) + FIELD_OVERHEAD))
        return WEIR_OK;
    element = extend(stream->call, &stream->users, sizeof(User__User *));
    if (element == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *element = message;
    return WEIR_OK;
}

static weir_code
list_error(struct stream *stream, int64_t place, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy;
    char **element;
    int64_t *failed;

    if (!fits(&stream->errors, size + 2 * FIELD_OVERHEAD))
        return WEIR_OK;
    copy = weir_call_keep(stream->call, size);
    element = extend(stream->call, &stream->errors, sizeof(char *));
    failed = extend(stream->call, &stream->failed, sizeof(int64_t));
    if (copy == NULL || element == NULL || failed == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *element = memcpy(copy, text, size);
    *failed = place;
    return WEIR_OK;
}

/* Clients rely on these texts. */
static weir_code
list_failure(struct stream *stream, const struct item *item, const char *reason)
{
    char *name = text_repaired(item->name);
    char text[3 * ERROR_NAME_MAX + 128];

    if (name == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    snprintf(text, sizeof(text), "failed to create user %s: %s", name, reason);
    free(name);
    return list_error(stream, item->place, text);
}

/* ---- batches ---- */

static weir_code
list_result(struct stream *stream, const struct item *item)
{
    const struct user_entry *entry = &stream->batch->entries[item->entry];

    if (item->invalid != NULL)
        return list_error(stream, item->place, item->invalid);
    if (item->wrong != NULL)
        return list_failure(stream, item, item->wrong);
    if (entry->code == WEIR_OK)
        return list_user(stream, &entry->user);
    return list_failure(
        stream, item, entry->code == WEIR_ALREADY_EXISTS ? ANSWER_TAKEN : ANSWER_USED_UP);
}

static weir_code
flush(struct stream *stream)
{
    struct store *store = stream->service->store;
    struct batch *batch = stream->batch;
    struct store_cause cause;
    weir_code code =
        store->ops->create_many(store, stream->call, batch->entries, batch->entry_count, &cause);

    if (code != WEIR_OK)
        return answer_conclude(
            stream->service, stream->call, code, "failed to create users", &cause);
    for (size_t i = 0; i < batch->item_count; i++)
        WEIR_TRY(list_result(stream, &batch->items[i]));
    batch->item_count = batch->entry_count = batch->text_len = 0;
    return WEIR_OK;
}

static const char *
keep_text(struct batch *batch, const char *text, size_t len)
{
    char *copy = batch->texts + batch->text_len;

    memcpy(copy, text, len);
    copy[len] = '\0';
    batch->text_len += len + 1;
    return copy;
}

/* The batch must not be full. */
static struct item *
add_item(struct stream *stream)
{
    struct batch *batch = stream->batch;
    struct item *item = &batch->items[batch->item_count++];

    *item = (struct item){.place = ++stream->place, .entry = batch->entry_count};
    return item;
}

/* Of an invalid entry, only the name is kept. */
static void
add_user(struct stream *stream, const User__CreateUserRequest *request)
{
    const struct user asked = {
        .name = request->name, .email = request->email, .phone = request->phone};
    struct batch *batch = stream->batch;
    struct item *item = add_item(stream);
    struct user *user;

    item->wrong = validate_new_user(&asked);
    item->name = keep_text(batch, request->name, strnlen(request->name, ERROR_NAME_MAX));
    if (item->wrong != NULL)
        return;
    user = &batch->entries[batch->entry_count++].user;
    user->name = item->name;
    user->email = keep_text(batch, request->email, strlen(request->email));
    user->phone = keep_text(batch, request->phone, strlen(request->phone));
    user->created_at = weir_unix_seconds();
}

static void
add_invalid(struct stream *stream, const char *why)
{
    struct item *item = add_item(stream);
    char text[INVALID_MAX];

    snprintf(text, sizeof(text), "invalid request: %s", why);
    item->invalid = keep_text(stream->batch, text, strnlen(text, sizeof(text)));
}

/* request NULL: the message was rejected, refusal says why. */
static weir_code
take_entry(struct stream *stream, const User__CreateUserRequest *request, const char *refusal)
{
    if (request == NULL)
        add_invalid(stream, refusal);
    else if (request->name[0] == '\0' || request->email[0] == '\0')
        add_invalid(stream, "name and email required");
    else
        add_user(stream, request);
    if (stream->batch->item_count == BATCH_ENTRIES ||
        BATCH_TEXTS - stream->batch->text_len < USER_TEXTS_MAX)
        return flush(stream);
    return WEIR_OK;
}

/* ---- the call ---- */

static weir_code
receive_all(struct stream *stream, struct user_UserService_CreateUsersStream_server peer)
{
    const User__CreateUserRequest *request;
    const char *refusal;

    while (user_UserService_CreateUsersStream_recv_each(peer, &request, &refusal))
        WEIR_TRY(take_entry(stream, request, refusal));
    WEIR_TRY(weir_call_code(peer.call));
    return flush(stream);
}

weir_code
handle_create_users_stream(void *self, struct user_UserService_CreateUsersStream_server peer,
    User__CreateUsersResponse *out_response)
{
    struct stream stream = {.service = self,
        .call = peer.call,
        .batch = calloc(1, sizeof(*stream.batch)),
        .users = {.left = USERS_MAX},
        .errors = {.left = ERRORS_MAX}};
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (stream.batch != NULL)
        code = receive_all(&stream, peer);
    free(stream.batch);
    out_response->users = stream.users.elements;
    out_response->n_users = stream.users.count;
    out_response->errors = stream.errors.elements;
    out_response->n_errors = stream.errors.count;
    out_response->failed = stream.failed.elements;
    out_response->n_failed = stream.failed.count;
    out_response->count = stream.created;
    return code;
}
