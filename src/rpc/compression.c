/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of a call are compressed (compression.md).
 *
 * The compressor's state and buffers belong to the loop, not to each call, because a message is
 * compressed in one step. */
#include "rpc/call.h"

/* Does the block list gzip in grpc-accept-encoding? `otherwise`: the result if there is no such
 * field. */
static bool
takes_gzip(const struct h2_block *block, bool otherwise)
{
    for (size_t i = 0; block != NULL && i < block->count; i++) {
        if (block->fields[i].token != H2_TOKEN_GRPC_ACCEPT_ENCODING)
            continue;
        if (wire_accepts_gzip(block->fields[i].value))
            return true;
        otherwise = false;
    }
    return otherwise;
}

bool
call_use_gzip(struct weir_call *call)
{
    /* Never send gzip to a client that did not list it. What a server accepts is unknown until it
     * responds. */
    if (call->is_server && !takes_gzip(call->headers, false))
        return true;
    if (call->headers_sent && !call->gzip_told)
        return false;
    call->gzip_told = call->gzip_out = true;
    return true;
}

weir_code
weir_call_set_compression(weir_call *call, weir_compression compression)
{
    if (compression == WEIR_GZIP)
        return call_use_gzip(call) ? WEIR_OK : WEIR_FAILED_PRECONDITION;
    if (compression != WEIR_IDENTITY)
        return WEIR_INVALID_ARGUMENT;
    call->gzip_out = false;
    return WEIR_OK;
}

bool
weir_call_was_compressed(const weir_call *call)
{
    return call->compressed;
}

void
call_heed_accepted(struct weir_call *call, const struct h2_block *block)
{
    if (!takes_gzip(block, true))
        atomic_store_explicit(&call->gzip_refused, true, memory_order_relaxed);
}

/* ---- turns of inflating ----
 *
 * A few bytes can inflate to a message of maximum size, and one read can bring dozens of those. So
 * a server inflates only while the turn of the loop is young, except for the first message of a
 * turn, since the turns of a busy loop are never young for long: other connections wait for at most
 * one more message. Waiting calls form a queue, and its first one tries again on every turn. */

struct inflater {
    struct list link;
    struct fiber *fiber;
};

/* Does this turn have time for another message? */
static bool
may_inflate(struct weir_call *call)
{
    int64_t turn = loop_now(call->loop);

    if (call->shared->inflated_at == turn && net_turn_is_long(call->loop))
        return false;
    call->shared->inflated_at = turn;
    return true;
}

static weir_code
await_inflating(struct weir_call *call, const struct inflater *self)
{
    while (call->shared->inflaters.next != &self->link) {
        call_park(call);
        WEIR_TRY(weir_call_code(call));
    }
    while (!may_inflate(call))
        WEIR_TRY(weir_call_sleep(call, 0));
    return WEIR_OK;
}

weir_code
call_await_inflating(struct weir_call *call)
{
    struct list *line = &call->shared->inflaters;
    struct inflater self = {.fiber = fiber_current()};
    weir_code code;

    if (!call->is_server)
        return WEIR_OK;
    list_push(line, &self.link);
    code = await_inflating(call, &self);
    list_remove(&self.link);
    if (!list_empty(line))
        fiber_wake(container_of(line->next, struct inflater, link)->fiber);
    return code;
}

/* ---- sending ---- */

weir_code
call_deflate(struct weir_call *call, const ProtobufCMessage *message, size_t len)
{
    struct call_shared *shared = call->shared;
    uint8_t *plain = buf_reserve(&shared->plain, len);
    uint8_t *prefix = buf_reserve(&shared->framed, WIRE_PREFIX_SIZE);
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (plain != NULL && prefix != NULL) {
        protobuf_c_message_pack(message, plain);
        buf_commit(&shared->framed, WIRE_PREFIX_SIZE);
        code = wire_gzip_deflate(&shared->gzip, plain, len, &shared->framed);
    }
    buf_reset(&shared->plain, CALL_KEEP_BUFFER);
    if (code != WEIR_OK) {
        buf_reset(&shared->framed, CALL_KEEP_BUFFER);
        return weir_fail(call, code, "no memory to compress with");
    }
    wire_prefix_pack(
        buf_head(&shared->framed), true, (uint32_t)(buf_len(&shared->framed) - WIRE_PREFIX_SIZE));
    return WEIR_OK;
}

weir_code
call_frame(
    struct weir_call *call, const ProtobufCMessage *message, size_t len, struct buf *out_framed)
{
    struct buf *deflated = &call->shared->framed;
    uint8_t *place;
    bool good;

    if (call->gzip_out && len > 0 && !call->gzip_refused) {
        WEIR_TRY(call_deflate(call, message, len));
        good = buf_append(out_framed, buf_head(deflated), buf_len(deflated));
        buf_reset(deflated, CALL_KEEP_BUFFER);
        return good ? WEIR_OK : call_closed_for_sending(call);
    }
    place = buf_reserve(out_framed, WIRE_PREFIX_SIZE + len);
    if (place == NULL)
        return call_closed_for_sending(call);
    wire_prefix_pack(place, false, (uint32_t)len);
    protobuf_c_message_pack(message, place + WIRE_PREFIX_SIZE);
    buf_commit(out_framed, WIRE_PREFIX_SIZE + len);
    return WEIR_OK;
}

void
call_return_buffer(struct buf *shared, struct buf *used)
{
    if (shared->data != NULL) {
        buf_fini(used);
        return;
    }
    *shared = *used;
    buf_reset(shared, CALL_KEEP_BUFFER);
}
