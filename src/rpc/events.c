/* SPDX-License-Identifier: Apache-2.0 */
/* Events that the transport passes to a call: headers, data, trailers, reset, loss. */
#include "rpc/call.h"

static void
end_and_advance(struct weir_call *call, weir_code code, const char *message)
{
    call_end(call, code, message);
    call_advance(call);
}

/* INTERNAL: a -bin value is not base64 (PROTOCOL-HTTP2, Custom-Metadata). The tag marks a block
 * that was checked before and comes again. */
static inline weir_code
check_metadata(struct h2_block *block, const char **out_message)
{
    if (block->tag != NULL)
        return WEIR_OK;
    if (wire_metadata_is_malformed(block)) {
        *out_message = "the response has malformed -bin metadata";
        return WEIR_INTERNAL;
    }
    block->tag = block;
    return WEIR_OK;
}

/* A client call's status is in the header block that ends the stream. */
static void
end_with_trailers(struct weir_call *call, struct h2_block *block)
{
    const char *message;
    weir_code code;

    atomic_store_explicit(&call->trailers, h2_block_ref(block), memory_order_release);
    call->receive_closed = true;
    code = wire_trailers_read(block, call_texts(call), &message);
    if (code == WEIR_OK)
        code = check_metadata(block, &message);
    end_and_advance(call, code, message);
}

void
call_on_headers(struct weir_call *call, struct h2_block *block, bool end_stream)
{
    weir_str encoding = {NULL, 0};
    const char *message = NULL;
    weir_code code;

    if (end_stream) {
        end_with_trailers(call, block);
        return;
    }
    atomic_store_explicit(&call->headers, h2_block_ref(block), memory_order_release);
    code = wire_response_read(block, call_texts(call), &encoding, &message);
    if (call->gzip_told)
        call_heed_accepted(call, block);
    if (code == WEIR_OK && encoding.len > 0) {
        call->gzip_in = weir_str_equal(encoding, weir_str_of("gzip"));
        if (!call->gzip_in && !weir_str_equal(encoding, weir_str_of("identity"))) {
            code = WEIR_INTERNAL;
            message = "the response has an encoding that was not offered";
        }
    }
    if (code == WEIR_OK)
        code = check_metadata(block, &message);
    if (code != WEIR_OK)
        call_end(call, code, message);
    call_advance(call);
}

static weir_code
take_in_single(struct weir_call *call, const char **out_why)
{
    size_t missing;

    call_note_part(call);
    WEIR_TRY(call_check_single(call, &missing, out_why));
    if (call_expect(call, missing, CALL_BEYOND_SINGLE))
        return WEIR_OK;
    *out_why = call_too_much_unread;
    return WEIR_RESOURCE_EXHAUSTED;
}

/* For a single message the window is opened for all of it, up to the size limit; on a stream, bytes
 * are credited as the user receives messages. A request that has arrived in full is checked when
 * its message is received. */
void
call_on_data(struct weir_call *call, const uint8_t *data, size_t len, bool end_stream)
{
    const char *why;
    weir_code code = WEIR_OK;

    if (call->ended)
        return;
    call->receive_closed = end_stream;
    if (call->comes_since != 0)
        call_note_progress(call, len);
    why = call_take_in(call, data, len);
    if (why != NULL) {
        code = WEIR_RESOURCE_EXHAUSTED;
    } else if (end_stream && !call->is_server) {
        code = WEIR_INTERNAL;
        why = "the server ended the stream without a status";
    } else if (!end_stream && call_peer_sends_one(call)) {
        code = take_in_single(call, &why);
    }
    if (code != WEIR_OK)
        call_end(call, code, why);
    call_advance(call);
}

void
call_on_trailers(struct weir_call *call, struct h2_block *block)
{
    if (!call->is_server) {
        end_with_trailers(call, block);
        return;
    }
    call->receive_closed = true;
    call_advance(call);
}

void
call_on_reset(struct weir_call *call, const struct h2_event *event)
{
    const char *message;
    weir_code code = wire_status_of_reset(event->code, &message);

    call->unprocessed = event->unprocessed;
    if (event->unprocessed && call->deputy != NULL && call->deputy->unseen != NULL &&
        call->deputy->unseen(call))
        return;
    if (call->is_server && event->remote) {
        code = WEIR_CANCELLED;
        message = "cancelled by the client";
    }
    /* The peer's deadline timer may fire slightly before ours, and cancel the call first. */
    if (code == WEIR_CANCELLED && loop_now(call->loop) >= call->deadline) {
        code = WEIR_DEADLINE_EXCEEDED;
        message = "deadline exceeded";
    }
    end_and_advance(call, code, message);
}

void
call_on_lost(struct weir_call *call, const char *why)
{
    weir_code code = call->is_server ? WEIR_CANCELLED : WEIR_UNAVAILABLE;

    if (call->is_server) {
        (void)weir_call_peer(call); /* while the connection is still there */
        call_detach(call);
    }
    end_and_advance(call, code, arena_dup(call_texts(call), weir_str_of(why)));
}
