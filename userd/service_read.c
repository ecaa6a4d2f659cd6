/* SPDX-License-Identifier: Apache-2.0 */
/* GetUser, ListUsers and ListUsersStream. */
#include "userd/answer.h"
#include "userd/handlers.h"

#define LIMIT_DEFAULT 10
#define LIMIT_MAX 100

/* The key of field 1, a varint, in a GetUserRequest. */
#define ID_KEY 0x08

/* ---- GetUser ---- */

/* The id in a serialized request. False: not in the usual encoding. */
static bool
read_id(weir_str bytes, int32_t *out_id)
{
    uint64_t id = 0;
    size_t i = 1;

    if (bytes.len < 2 || bytes.data[0] != ID_KEY)
        return false;
    for (unsigned shift = 0; i < bytes.len && shift < 35; shift += 7, i++) {
        id |= (uint64_t)(bytes.data[i] & 0x7F) << shift;
        if ((bytes.data[i] & 0x80) == 0)
            break;
    }
    *out_id = (int32_t)(uint32_t)id;
    return i + 1 == bytes.len;
}

/* If look-ups mostly wait for memory, let those of calls that arrived together wait at the same
 * time. */
static void
look_ahead(struct store *store, weir_call *call, int32_t id)
{
    weir_str requests[STORE_AHEAD - 1];
    int32_t ids[STORE_AHEAD] = {id};
    size_t count = weir_call_ahead(call, requests, STORE_AHEAD - 1), known = 1;

    for (size_t i = 0; i < count; i++)
        if (read_id(requests[i], &ids[known]))
            known++;
    if (known > 1)
        store->ops->look_ahead(store, ids, known);
}

weir_code
handle_get_user(void *self, weir_call *call, const User__GetUserRequest *request,
    User__GetUserResponse *out_response)
{
    const struct service *service = self;
    struct store *store = service->store;
    struct answer_place place = {call, &out_response->user};
    struct store_cause cause;
    weir_code code;

    if (atomic_load_explicit(&store->looks_ahead, memory_order_relaxed))
        look_ahead(store, call, request->id);
    code = store->ops->find(store, call, request->id, answer_visit, &place, &cause);
    if (code == WEIR_NOT_FOUND)
        return WEIR_OK;
    if (code != WEIR_OK)
        return answer_conclude(service, call, code, "failed to get user", &cause);
    out_response->found = true;
    return WEIR_OK;
}

/* ---- pages ---- */

struct page {
    weir_call *call;
    int32_t number, limit; /* the effective values */
    User__User **users;    /* an array of `limit` elements */
    size_t count;
    int64_t total;
};

static weir_code
visit_page(void *arg, const struct user *user)
{
    struct page *page = arg;
    User__User *message = answer_user(page->call, user);

    if (message == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    page->users[page->count++] = message;
    return WEIR_OK;
}

/* Copies the users of a page, so that a slow client does not keep a snapshot open. */
static weir_code
read_page(const struct service *service, weir_call *call, const User__ListUsersRequest *request,
    struct page *out_page)
{
    int32_t number = request->page <= 0 ? 1 : request->page;
    int32_t limit =
        request->limit <= 0 || request->limit > LIMIT_MAX ? LIMIT_DEFAULT : request->limit;
    const struct user_range range = {
        .after = request->after, .skip = ((int64_t)number - 1) * limit, .limit = limit};
    struct page page = {call, number, limit, NULL, 0, 0};
    struct store_cause cause;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    page.users = weir_call_alloc(call, (size_t)limit * sizeof(User__User *));
    if (page.users != NULL)
        code = service->store->ops->list(
            service->store, call, &range, visit_page, &page, &page.total, &cause);
    *out_page = page;
    return answer_conclude(service, call, code, "failed to list users", &cause);
}

weir_code
handle_list_users(void *self, weir_call *call, const User__ListUsersRequest *request,
    User__ListUsersResponse *out_response)
{
    struct page page;

    WEIR_TRY(read_page(self, call, request, &page));
    out_response->users = page.users;
    out_response->n_users = page.count;
    out_response->total = page.total > INT32_MAX ? INT32_MAX : (int32_t)page.total;
    out_response->page = page.number;
    out_response->limit = page.limit;
    return WEIR_OK;
}

weir_code
handle_list_users_stream(void *self, const User__ListUsersRequest *request,
    struct user_UserService_ListUsersStream_server peer)
{
    struct page page;

    WEIR_TRY(read_page(self, peer.call, request, &page));
    for (size_t i = 0; i < page.count; i++)
        WEIR_TRY(user_UserService_ListUsersStream_send(peer, page.users[i]));
    return WEIR_OK;
}
