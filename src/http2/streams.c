/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: slots in chunks, a map from ids to slots, and a memory of recently closed ones.
 *
 * A slot is valid until its user releases it, whatever happens to the stream, and its id can be
 * looked up exactly that long. The newest is put into the map only when a newer one is opened,
 * since a server has answered most streams by then. After the release a short ring remembers how
 * the last streams ended, because the reaction to a late frame depends on it (RFC 9113,
 * section 5.1, closed). */
#include "http2/h2_internal.h"

#include <stdlib.h>

#define CHUNK_FIRST 4u
#define CHUNK_MOST 64u
#define MAP_BITS_FIRST 3u
#define CACHE_LINE 64u
#define CLIENT_IDS_END (H2_ID_MAX / 4 * 3) /* a client opens no stream beyond this id */

struct h2_chunk {
    struct h2_chunk *next;
    uint32_t count;
    struct h2_slot *slots; /* after this struct, a cache line each */
};

/* ---- map ----
 *
 * Robin Hood hashing (linear probing in the order of homes): an entry farther from its home
 * displaces one that is nearer, so that a removal can stop at the first entry at its home. */

/* Four consecutive ids have adjacent homes, in one cache line. */
static uint32_t
home(const struct h2_conn *conn, uint32_t id)
{
    uint32_t group = ((id >> 3) * conn->map_factor) >> conn->map_shift;

    return group << 2 | (id >> 1 & 3);
}

static void
map_put(struct h2_conn *conn, struct h2_slot *slot, uint32_t id)
{
    struct h2_place place = {slot, id, 0}, *map = conn->map;
    uint32_t mask = conn->map_mask, i = home(conn, id);

    for (; map[i].slot != NULL; i = (i + 1) & mask, place.pushed++) {
        if (map[i].pushed < place.pushed) {
            struct h2_place other = map[i];

            map[i] = place;
            place = other;
        }
    }
    map[i] = place;
    conn->map_found = i;
}

/* The index of an id, which must be in the map. Most streams end soon after a lookup. */
static uint32_t
place_of(const struct h2_conn *conn, uint32_t id)
{
    uint32_t i = conn->map_found;

    if (conn->map[i].id == id)
        return i;
    for (i = home(conn, id); conn->map[i].id != id; i = (i + 1) & conn->map_mask)
        continue;
    return i;
}

static APART void
map_remove(struct h2_conn *conn, uint32_t id)
{
    struct h2_place *map = conn->map;
    uint32_t i = place_of(conn, id), next;

    for (;;) {
        next = (i + 1) & conn->map_mask;
        if (map[next].pushed == 0) /* at its home, or free */
            break;
        map[i] = map[next];
        map[i].pushed--;
        i = next;
    }
    map[i] = (struct h2_place){NULL, 0, 0};
}

/* Keep the map at most half full with so many slots. False: no memory. */
static bool
map_fit(struct h2_conn *conn, uint32_t slots)
{
    struct h2_place *old = conn->map, *map;
    uint32_t bits = MAP_BITS_FIRST, old_size = old == NULL ? 0 : conn->map_mask + 1;

    while (1u << bits < 2 * slots)
        bits++;
    if (1u << bits <= old_size)
        return true;
    map = calloc((size_t)1 << bits, sizeof(*map));
    if (map == NULL)
        return false;
    conn->map = map;
    conn->map_mask = (1u << bits) - 1;
    conn->map_shift = 34 - bits;
    conn->map_found = 0;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].slot != NULL)
            map_put(conn, old[i].slot, old[i].id);
    free(old);
    return true;
}

struct h2_slot *
h2_slot_find(struct h2_conn *conn, uint32_t id)
{
    const struct h2_place *map = conn->map;
    uint32_t i;

    if (conn->newest != NULL && conn->newest->open.id == id)
        return conn->newest;
    if (map == NULL)
        return NULL;
    for (i = home(conn, id); map[i].slot != NULL; i = (i + 1) & conn->map_mask)
        if (map[i].id == id) {
            conn->map_found = i;
            return map[i].slot;
        }
    return NULL;
}

/* ---- slots ---- */

static void
put_free(struct h2_conn *conn, struct h2_slot *slot)
{
    slot->flags = 0;
    slot->link.next = conn->free_slots;
    conn->free_slots = &slot->link;
}

static struct h2_slot *
align_to_line(void *p)
{
    return (struct h2_slot *)(((uintptr_t)p + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1));
}

static APART bool
add_chunk(struct h2_conn *conn)
{
    uint32_t count = conn->slot_count < CHUNK_FIRST ? CHUNK_FIRST : conn->slot_count;
    struct h2_chunk *chunk;

    if (count > CHUNK_MOST)
        count = CHUNK_MOST;
    if (!map_fit(conn, conn->slot_count + count))
        return false;
    chunk = malloc(sizeof(*chunk) + (count + 1) * sizeof(chunk->slots[0]));
    if (chunk == NULL)
        return false;
    chunk->slots = align_to_line(chunk + 1);
    chunk->next = conn->chunks;
    chunk->count = count;
    conn->chunks = chunk;
    conn->slot_count += count;
    for (uint32_t i = count; i > 0; i--)
        put_free(conn, &chunk->slots[i - 1]);
    return true;
}

struct h2_slot *
h2_slot_take(struct h2_conn *conn)
{
    struct h2_slot *slot;

    if (conn->free_slots == NULL && !add_chunk(conn))
        return NULL;
    slot = container_of(conn->free_slots, struct h2_slot, link);
    conn->free_slots = slot->link.next;
    conn->held++;
    *slot = (struct h2_slot){.content_left = -1,
        .send_window = (int32_t)conn->peer_window,
        .receive_window = (int32_t)conn->stream_window_used,
        .flags = H2_IN_USE};
    list_init(&slot->link);
    return slot;
}

void
h2_slot_number(struct h2_conn *conn, struct h2_slot *slot, uint32_t id)
{
    if (conn->newest != NULL)
        map_put(conn, conn->newest, conn->newest->open.id);
    slot->open.id = id;
    conn->last_id = id;
    conn->newest = slot;
}

void
h2_slot_detach(struct h2_conn *conn, struct h2_slot *slot)
{
    list_remove(&slot->link);
    slot->flags &= ~(unsigned)H2_BLOCKED;
    if (conn->data_slot == slot) {
        conn->skip += conn->data_left;
        conn->data_left = 0;
        conn->data_slot = NULL;
    }
}

bool
h2_slots_each(
    struct h2_conn *conn, bool (*f)(struct h2_conn *, struct h2_slot *, int64_t), int64_t argument)
{
    for (struct h2_chunk *chunk = conn->chunks; chunk != NULL; chunk = chunk->next)
        for (uint32_t i = 0; i < chunk->count; i++) {
            struct h2_slot *slot = &chunk->slots[i];

            if ((slot->flags & H2_IN_USE) != 0 && !h2_slot_closed(slot) && !f(conn, slot, argument))
                return false;
        }
    return true;
}

void
h2_conn_each_stream(struct h2_conn *conn, void (*f)(struct h2_stream *stream, void *arg), void *arg)
{
    for (struct h2_chunk *chunk = conn->chunks; chunk != NULL; chunk = chunk->next)
        for (uint32_t i = 0; i < chunk->count; i++)
            if ((chunk->slots[i].flags & H2_IN_USE) != 0)
                f(&chunk->slots[i].open, arg);
}

void
h2_slots_free(struct h2_conn *conn)
{
    struct h2_chunk *next;

    for (struct h2_chunk *chunk = conn->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(conn->map);
    conn->chunks = NULL;
    conn->map = NULL;
    conn->map_mask = 0;
    conn->free_slots = NULL;
    conn->newest = NULL;
    conn->slot_count = 0;
}

/* ---- streams that are gone ---- */

void
h2_remember(struct h2_conn *conn, uint32_t id, enum h2_gone how)
{
    uint32_t *entry = &conn->gone[conn->gone_next % H2_REMEMBERED];
    uint32_t old = *entry >> 2 << 1 | 1;

    if (conn->gone_next++ >= H2_REMEMBERED && old > conn->gone_forgotten)
        conn->gone_forgotten = old;
    /* Ids are odd, so the low bit is redundant; there is room for two. */
    *entry = id >> 1 << 2 | (uint32_t)how;
}

static enum h2_gone
how_slot_closed(const struct h2_slot *slot)
{
    if ((slot->flags & H2_RESET_HERE) != 0)
        return H2_GONE_RESET_HERE;
    return (slot->flags & H2_RESET_THERE) != 0 ? H2_GONE_RESET_THERE : H2_GONE_ENDED;
}

enum h2_gone
h2_how_gone(const struct h2_conn *conn, uint32_t id, const struct h2_slot *slot)
{
    if (slot != NULL)
        return how_slot_closed(slot);
    /* After the last GOAWAY, frames of newer streams are ignored (RFC 9113, section 6.8). */
    if (conn->is_server && id > conn->goaway_last)
        return H2_GONE_RESET_HERE;
    for (uint32_t i = 0; i < H2_REMEMBERED && i < conn->gone_next; i++)
        if (conn->gone[i] >> 2 == id >> 1)
            return (enum h2_gone)(conn->gone[i] & 3);
    return id <= conn->gone_forgotten ? H2_GONE_FORGOTTEN : H2_GONE_NEVER;
}

/* ---- ends ---- */

static void
reset_here(struct h2_conn *conn, struct h2_slot *slot)
{
    if (slot->open.id != 0 && (slot->flags & H2_GOT_END) == 0)
        h2_flow_let_late(conn, slot->receive_window);
    slot->flags |= H2_RESET_HERE;
}

enum h2_step
h2_stream_error(struct h2_conn *conn, uint32_t id, struct h2_slot *slot, enum h2_code code,
    struct h2_event *event)
{
    /* RST_STREAM on an idle stream would itself be an error (RFC 9113, 6.4). */
    if (h2_is_idle(conn, id))
        return h2_fail(conn, event, code, "error on an idle stream");
    if (!h2_local_reset_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_LOCAL_RESETS, "too many stream errors");
    if (!h2_reply_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_CONTROL_FRAMES, "replies are not read");
    h2_send_rst_stream(conn, id, code);
    if (slot == NULL || h2_slot_closed(slot))
        return H2_STEP_ON;
    h2_slot_detach(conn, slot);
    reset_here(conn, slot);
    event->type = H2_RESET;
    event->stream = &slot->open;
    event->code = code;
    return H2_STEP_EVENT;
}

void
h2_stream_reset(struct h2_conn *conn, struct h2_stream *stream, enum h2_code code)
{
    struct h2_slot *slot = h2_slot_of(stream);

    /* Also from `lost`: the user has reset it, so no event follows. */
    h2_slot_detach(conn, slot);
    if (h2_slot_closed(slot))
        return;
    reset_here(conn, slot);
    if (stream->id != 0)
        h2_send_rst_stream(conn, stream->id, code);
}

void
h2_slot_give_back(struct h2_conn *conn, struct h2_slot *slot, enum h2_gone how)
{
    if (slot->open.id != 0) {
        if (slot == conn->newest)
            conn->newest = NULL;
        else
            map_remove(conn, slot->open.id);
        if (conn->is_server && how != H2_GONE_RESET_THERE)
            h2_count_answer(conn, how == H2_GONE_ENDED || (slot->flags & H2_SENT_END) != 0);
        h2_remember(conn, slot->open.id, how);
    }
    h2_flow_forget(conn, slot);
    put_free(conn, slot);
    conn->held--;
}

void
h2_stream_release(struct h2_conn *conn, struct h2_stream *stream)
{
    struct h2_slot *slot = h2_slot_of(stream);

    if (!h2_slot_closed(slot)) {
        bool answered = conn->is_server && (slot->flags & H2_SENT_END) != 0;

        h2_stream_reset(conn, stream, answered ? H2_NO_ERROR : H2_CANCEL);
    }
    h2_slot_detach(conn, slot);
    h2_slot_give_back(conn, slot, how_slot_closed(slot));
}

/* ---- the client's ---- */

uint32_t
h2_conn_streams_left(const struct h2_conn *conn)
{
    uint32_t ids;

    if (conn->is_server || conn->goaway_received || conn->goaway_final ||
        conn->phase == H2_PHASE_DEAD || conn->last_id >= CLIENT_IDS_END ||
        conn->held >= conn->peer_max_streams)
        return 0;
    /* Ids run out at three quarters of their range, so that there is time to open the next
     * connection. */
    ids = (CLIENT_IDS_END - conn->last_id + 1) / 2;
    return ids < conn->peer_max_streams - conn->held ? ids : conn->peer_max_streams - conn->held;
}

struct h2_stream *
h2_stream_open(struct h2_conn *conn)
{
    struct h2_slot *slot;

    if (h2_conn_streams_left(conn) == 0)
        return NULL;
    slot = h2_slot_take(conn);
    return slot == NULL ? NULL : &slot->open;
}
