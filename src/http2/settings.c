/* SPDX-License-Identifier: Apache-2.0 */
/* SETTINGS, ours and the peer's (RFC 9113, section 6.5). */
#include "http2/h2_internal.h"

enum setting {
    HEADER_TABLE_SIZE = 1,
    ENABLE_PUSH = 2,
    MAX_CONCURRENT_STREAMS = 3,
    INITIAL_WINDOW_SIZE = 4,
    MAX_FRAME_SIZE = 5,
    MAX_HEADER_LIST_SIZE = 6,
    ENABLE_CONNECT_PROTOCOL = 8
};

#define SETTING_SIZE 6u
#define SETTINGS_MAX 32         /* in one frame */
#define SETTINGS_FRAMES_MAX 100 /* without a header block or content between them */

/* ---- ours ---- */

static size_t
put(uint8_t *payload, size_t at, enum setting setting, uint32_t value)
{
    store_be16(payload + at, (uint16_t)setting);
    store_be32(payload + at + 2, value);
    return at + SETTING_SIZE;
}

void
h2_settings_send(struct h2_conn *conn)
{
    uint32_t list =
        conn->max_header_list < UINT32_MAX ? (uint32_t)conn->max_header_list : UINT32_MAX;
    uint8_t payload[4 * SETTING_SIZE];
    size_t len = 0;

    if (conn->is_server)
        len = put(payload, len, MAX_CONCURRENT_STREAMS, conn->max_streams);
    else
        len = put(payload, len, ENABLE_PUSH, 0);
    len = put(payload, len, INITIAL_WINDOW_SIZE, conn->stream_window);
    len = put(payload, len, MAX_HEADER_LIST_SIZE, list);
    if (conn->max_frame != H2_FRAME_SIZE_MIN)
        len = put(payload, len, MAX_FRAME_SIZE, conn->max_frame);
    h2_send_frame(conn, H2_FRAME_SETTINGS, 0, 0, payload, len);
    if (conn->connection_window > H2_WINDOW_INITIAL)
        h2_send_window_update(conn, 0, conn->connection_window - H2_WINDOW_INITIAL);
}

/* ---- the peer's ---- */

/* RFC 8441, section 3: once set to 1, it must not go back to 0. Not used here. */
static enum h2_code
set_connect_protocol(struct h2_conn *conn, uint32_t value)
{
    if (value > 1 || (value == 0 && conn->connect_protocol))
        return H2_PROTOCOL_ERROR;
    conn->connect_protocol = value == 1;
    return H2_NO_ERROR;
}

/* RFC 9113, section 6.5.2: a server may send no ENABLE_PUSH but 0. */
static enum h2_code
check_push(const struct h2_conn *conn, uint32_t value)
{
    return value > (conn->is_server ? 1 : 0) ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
}

/* The initial window is applied by the caller, once for the whole frame. */
static enum h2_code
set_one(struct h2_conn *conn, unsigned setting, uint32_t value, uint32_t *window)
{
    switch (setting) {
    case HEADER_TABLE_SIZE:
        conn->peer_table_size = value;
        if (conn->encoder != NULL)
            hpack_encoder_limit(conn->encoder, value);
        return H2_NO_ERROR;
    case ENABLE_PUSH:
        return check_push(conn, value);
    case MAX_CONCURRENT_STREAMS:
        conn->peer_max_streams = value;
        return H2_NO_ERROR;
    case INITIAL_WINDOW_SIZE:
        if (value > H2_WINDOW_MAX)
            return H2_FLOW_CONTROL_ERROR;
        *window = value;
        return H2_NO_ERROR;
    case MAX_FRAME_SIZE:
        if (value < H2_FRAME_SIZE_MIN || value > H2_FRAME_SIZE_MAX)
            return H2_PROTOCOL_ERROR;
        conn->peer_max_frame = value;
        return H2_NO_ERROR;
    case MAX_HEADER_LIST_SIZE:
        conn->peer_header_list = value;
        return H2_NO_ERROR;
    case ENABLE_CONNECT_PROTOCOL:
        return set_connect_protocol(conn, value);
    default:
        return H2_NO_ERROR; /* unknown ones are ignored */
    }
}

static enum h2_code
set_all(struct h2_conn *conn, const struct h2_frame *frame)
{
    uint32_t window = conn->peer_window;

    for (uint32_t at = 0; at < frame->len; at += SETTING_SIZE) {
        enum h2_code code = set_one(
            conn, load_be16(frame->payload + at), load_be32(frame->payload + at + 2), &window);

        if (code != H2_NO_ERROR)
            return code;
    }
    return h2_flow_peer_window(conn, window) ? H2_NO_ERROR : H2_FLOW_CONTROL_ERROR;
}

static enum h2_step
take_ack(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    if (frame->len != 0)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "SETTINGS ack with a payload");
    if (!conn->settings_acked)
        h2_flow_settle(conn);
    else if (!h2_idle_frame_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_SETTINGS, "too many SETTINGS acks");
    conn->settings_acked = true;
    return H2_STEP_ON;
}

static enum h2_step
check_frame(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    if (frame->len % SETTING_SIZE != 0)
        return h2_fail(conn, event, H2_FRAME_SIZE_ERROR, "SETTINGS of a wrong size");
    if (frame->len > SETTINGS_MAX * SETTING_SIZE || ++conn->settings_frames > SETTINGS_FRAMES_MAX)
        return h2_fail_limit(conn, event, H2_LIMIT_SETTINGS, "too many SETTINGS");
    if (!h2_reply_allowed(conn))
        return h2_fail_limit(conn, event, H2_LIMIT_CONTROL_FRAMES, "replies are not read");
    return H2_STEP_ON;
}

enum h2_step
h2_take_settings(struct h2_conn *conn, const struct h2_frame *frame, struct h2_event *event)
{
    enum h2_step step;
    enum h2_code code;

    if (frame->id != 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, "SETTINGS on a stream");
    if ((frame->flags & H2_FLAG_ACK) != 0)
        return take_ack(conn, frame, event);
    step = check_frame(conn, frame, event);
    if (step != H2_STEP_ON)
        return step;
    if (conn->phase == H2_PHASE_SETTINGS)
        conn->peer_max_streams = UINT32_MAX; /* no limit unless the frame sets one */
    code = set_all(conn, frame);
    if (code != H2_NO_ERROR)
        return h2_fail(conn, event, code, "a setting has a wrong value");
    h2_send_frame(conn, H2_FRAME_SETTINGS, H2_FLAG_ACK, 0, NULL, 0);
    if (conn->phase == H2_PHASE_OPEN)
        return H2_STEP_ON;
    conn->phase = H2_PHASE_OPEN;
    event->type = H2_READY;
    return H2_STEP_EVENT;
}

/* RFC 9113, section 10.5.1: uncompressed size, plus 32 for each field. */
static uint64_t
list_size(const struct h2_field *fields, size_t count)
{
    uint64_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += (uint64_t)fields[i].name.len + fields[i].value.len + 32;
    return size;
}

bool
h2_conn_takes_headers(const struct h2_conn *conn, const struct h2_field *fixed, size_t fixed_count,
    const struct h2_field *extra, size_t extra_count)
{
    return conn->peer_header_list == UINT32_MAX ||
           list_size(fixed, fixed_count) + list_size(extra, extra_count) <= conn->peer_header_list;
}
