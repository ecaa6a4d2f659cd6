/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle of a connection: creation, events, output, shutdown.
 *
 * It is a pull parser. h2_conn_next parses the caller's bytes in place and stops at the first
 * event, so that the user may do anything with the connection between two events. Events that need
 * no input (room for a stream that waits, streams lost to a GOAWAY) are returned by it too.
 *
 *   caller's bytes -> preface -> SETTINGS -> frames -> events        output buffer -> caller
 *                                               \-> replies, resets ------^
 *
 * An idle connection owns this struct, and a small output buffer unless it uses a pool: slots, map
 * and header tables are allocated with the first stream. */
#include "http2/h2_internal.h"

#include "base/random.h"

#include <stdlib.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LEN (sizeof(preface) - 1)

#define DEFAULT_STREAMS 100u /* also a client's guess before the server's SETTINGS */
#define DEFAULT_STREAM_WINDOW (64u * 1024)
#define DEFAULT_CONNECTION_WINDOW (2048u * 1024)
#define DEFAULT_HEADER_LIST (16u * 1024)
#define DEFAULT_OUTPUT (256u * 1024)

static uint32_t
or_default(uint32_t value, uint32_t fallback, uint32_t least, uint32_t most)
{
    if (value == 0)
        value = fallback;
    return value < least ? least : value > most ? most : value;
}

static void
set_options(struct h2_conn *conn, const struct h2_options *options)
{
    conn->is_server = options->role == H2_SERVER;
    conn->max_streams = or_default(options->max_concurrent_streams, DEFAULT_STREAMS, 1, H2_ID_MAX);
    conn->stream_window =
        or_default(options->stream_window, DEFAULT_STREAM_WINDOW, 1, H2_WINDOW_MAX);
    conn->max_stream_window = or_default(
        options->max_stream_window, conn->stream_window, conn->stream_window, H2_WINDOW_MAX / 2);
    conn->target = conn->stream_window;
    conn->budget = options->budget;
    /* It starts at the RFC's value and can only be increased (RFC 9113, section 6.9.2). */
    conn->connection_window = or_default(
        options->connection_window, DEFAULT_CONNECTION_WINDOW, H2_WINDOW_INITIAL, H2_WINDOW_MAX);
    conn->max_frame = or_default(
        options->max_frame_size, H2_FRAME_SIZE_MIN, H2_FRAME_SIZE_MIN, H2_FRAME_SIZE_MAX);
    conn->max_header_list =
        options->max_header_list == 0 ? DEFAULT_HEADER_LIST : options->max_header_list;
    conn->max_output = options->max_output == 0 ? DEFAULT_OUTPUT : options->max_output;
    conn->ping_interval = options->ping_interval;
    conn->ping_interval_idle = options->ping_interval_idle;
    conn->ping_free = true;
    conn->stats = options->stats;
    conn->outputs = options->outputs;
}

static void
set_initial_state(struct h2_conn *conn)
{
    conn->phase = conn->is_server ? H2_PHASE_PREFACE : H2_PHASE_SETTINGS;
    /* Near the golden ratio, which spreads consecutive ids; the lower bits are random, so that a
     * peer cannot choose ids that collide. */
    conn->map_factor = (0x9e3779b1u & 0xffc00000u) | ((uint32_t)random_u64() & 0x3fffffu) | 1;
    conn->goaway_last = conn->peer_goaway_last = H2_ID_MAX;
    conn->send_window = (int32_t)H2_WINDOW_INITIAL;
    conn->receive_window = (int32_t)conn->connection_window;
    conn->stream_window_used =
        conn->stream_window > H2_WINDOW_INITIAL ? conn->stream_window : H2_WINDOW_INITIAL;
    conn->peer_max_streams = DEFAULT_STREAMS;
    conn->peer_window = H2_WINDOW_INITIAL;
    conn->peer_max_frame = H2_FRAME_SIZE_MIN;
    conn->peer_table_size = H2_TABLE_SIZE;
    conn->peer_header_list = UINT32_MAX;
    list_init(&conn->blocked);
    list_init(&conn->writers);
    list_init(&conn->lost);
    h2_limits_init(conn);
}

static bool
send_opening(struct h2_conn *conn)
{
    if (!conn->is_server && !buf_append(&conn->out, preface, PREFACE_LEN))
        return false;
    h2_settings_send(conn);
    return !conn->no_memory;
}

struct h2_conn *
h2_conn_new(const struct h2_options *options)
{
    struct h2_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    set_options(conn, options);
    set_initial_state(conn);
    if (!send_opening(conn)) {
        h2_conn_free(conn);
        return NULL;
    }
    return conn;
}

static void
return_block(struct h2_conn *conn)
{
    if (conn->lent != NULL)
        h2_block_unref(conn->lent);
    conn->lent = NULL;
}

void
h2_conn_free(struct h2_conn *conn)
{
    if (conn == NULL)
        return;
    return_block(conn);
    h2_flow_forget_all(conn);
    h2_slots_free(conn);
    hpack_decoder_free(conn->decoder);
    hpack_encoder_free(conn->encoder);
    buf_fini(&conn->block);
    buf_fini(&conn->out);
    free(conn);
}

/* We may empty the encoder's table, which the next block announces (RFC 7541, section 4.2); but the
 * peer may refer to anything in the decoder's. */
static void
trim_headers(struct h2_conn *conn)
{
    if (conn->encoder != NULL)
        conn->encoder_dropped = true;
    hpack_encoder_free(conn->encoder);
    conn->encoder = NULL;
    if (conn->decoder == NULL)
        return;
    hpack_decoder_trim(conn->decoder);
    if (hpack_decoder_is_empty(conn->decoder)) {
        hpack_decoder_free(conn->decoder);
        conn->decoder = NULL;
    }
}

void
h2_conn_trim(struct h2_conn *conn)
{
    return_block(conn);
    if (conn->held == 0) {
        h2_slots_free(conn);
        trim_headers(conn);
    }
    if (buf_len(&conn->out) == 0)
        buf_fini(&conn->out);
}

void
h2_conn_set_time(struct h2_conn *conn, int64_t now)
{
    conn->now = now;
}

/* ---- input ---- */

/* Names the protocol of a client that connected to the wrong port, if its first bytes are there. */
static COLD const char *
describe_no_preface(const struct h2_conn *conn, const struct h2_input *in)
{
    size_t letters = 0;

    if (conn->preface_seen > 0)
        return "not an HTTP/2 preface";
    if (in->left > 1 && in->at[0] == 22 && in->at[1] == 3) /* RFC 8446, 5.1 */
        return "a TLS handshake in place of an HTTP/2 preface";
    while (letters < in->left && in->at[letters] >= 'A' && in->at[letters] <= 'Z')
        letters++;
    if (letters >= 3 && letters < in->left && in->at[letters] == ' ') /* RFC 9112, 3.1 */
        return "an HTTP/1.1 request in place of an HTTP/2 preface";
    return "not an HTTP/2 preface";
}

/* RFC 9113, section 3.4: an invalid preface is a connection error. Detected at the first wrong
 * byte. */
static enum h2_step
take_preface(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    size_t len = PREFACE_LEN - conn->preface_seen;

    if (in->left == 0)
        return H2_STEP_INCOMPLETE;
    if (len > in->left)
        len = in->left;
    if (memcmp(preface + conn->preface_seen, in->at, len) != 0)
        return h2_fail(conn, event, H2_PROTOCOL_ERROR, describe_no_preface(conn, in));
    h2_input_skip(in, len);
    conn->preface_seen = (uint8_t)(conn->preface_seen + len);
    if (conn->preface_seen == PREFACE_LEN)
        conn->phase = H2_PHASE_SETTINGS;
    return H2_STEP_ON;
}

/* Phases without frames: before the first one, and after the end. */
static APART enum h2_step
take_unusual(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    if (conn->phase == H2_PHASE_DEAD) {
        if (in->left > 0)
            h2_input_skip(in, in->left);
        return H2_STEP_INCOMPLETE;
    }
    if (conn->no_memory)
        return h2_fail(conn, event, H2_INTERNAL_ERROR, "out of memory");
    return take_preface(conn, in, event);
}

static enum h2_step
take_input(struct h2_conn *conn, struct h2_input *in, struct h2_event *event)
{
    enum h2_step step;

    do {
        bool usual = conn->phase < H2_PHASE_PREFACE && !conn->no_memory;

        step = usual ? h2_take_frame(conn, in, event) : take_unusual(conn, in, event);
    } while (step == H2_STEP_ON);
    return step;
}

static COLD void
next_lost(struct h2_conn *conn, struct h2_event *event)
{
    struct list *link = list_shift(&conn->lost);

    event->type = H2_RESET;
    event->stream = &container_of(link, struct h2_slot, link)->open;
    event->remote = event->unprocessed = true;
    event->code = H2_REFUSED_STREAM;
}

void
h2_conn_next(struct h2_conn *conn, struct h2_input *in, struct h2_event *out_event)
{
    *out_event = (struct h2_event){.type = H2_NEED_INPUT};
    if (!list_empty(&conn->lost) && conn->phase != H2_PHASE_DEAD) {
        next_lost(conn, out_event);
        return;
    }
    if (take_input(conn, in, out_event) == H2_STEP_INCOMPLETE && conn->phase != H2_PHASE_DEAD)
        h2_flow_next_writer(conn, out_event);
}

bool
h2_conn_has_event(const struct h2_conn *conn)
{
    return !list_empty(&conn->lost) || !list_empty(&conn->writers) || conn->no_memory;
}

/* ---- output ---- */

size_t
h2_conn_output(struct h2_conn *conn, struct h2_span *spans, size_t max)
{
    if (max == 0 || buf_len(&conn->out) == 0)
        return 0;
    if (conn->loan.bytes != NULL)
        return h2_loan_output(conn, spans, max);
    spans[0] = (struct h2_span){buf_head(&conn->out), buf_len(&conn->out)};
    return 1;
}

void
h2_conn_wrote(struct h2_conn *conn, size_t len)
{
    conn->written += len;
    if (conn->loan.bytes != NULL)
        h2_loan_wrote(conn, len);
    else
        buf_take(&conn->out, len);
    h2_replies_written(conn);
    if (conn->outputs != NULL && conn->out.data != NULL && buf_len(&conn->out) == 0)
        buf_pool_give(conn->outputs, &conn->out);
}

/* ---- the end ---- */

/* The last stream id of GOAWAY must not increase (RFC 9113, section 6.8). Servers open no streams,
 * so a client sends 0. */
static uint32_t
last_stream(const struct h2_conn *conn)
{
    if (!conn->is_server)
        return 0;
    return conn->last_id < conn->goaway_last ? conn->last_id : conn->goaway_last;
}

static void
end(struct h2_conn *conn, enum h2_code code, const char *debug)
{
    h2_send_goaway(conn, last_stream(conn), code, debug);
    conn->phase = H2_PHASE_DEAD;
}

enum h2_step
h2_fail(struct h2_conn *conn, struct h2_event *event, enum h2_code code, const char *why)
{
    if (code != H2_ENHANCE_YOUR_CALM && conn->stats != NULL)
        counter_add(&conn->stats->protocol_errors, 1);
    end(conn, code, why);
    event->type = H2_FAILED;
    event->code = code;
    event->data = (const uint8_t *)why;
    event->len = strlen(why);
    return H2_STEP_EVENT;
}

void
h2_conn_shutdown(struct h2_conn *conn, enum h2_code code, const char *debug)
{
    if (conn->phase == H2_PHASE_DEAD)
        return;
    end(conn, code, debug);
    conn->goaway_final = true;
}

void
h2_conn_drain(struct h2_conn *conn, const char *debug, uint64_t opaque)
{
    if (conn->goaway_final)
        return;
    h2_send_goaway(conn, H2_ID_MAX, H2_NO_ERROR, debug);
    h2_conn_ping(conn, opaque);
}

void
h2_conn_drain_finish(struct h2_conn *conn)
{
    if (conn->goaway_final)
        return;
    conn->goaway_last = last_stream(conn);
    conn->goaway_final = true;
    h2_send_goaway(conn, conn->goaway_last, H2_NO_ERROR, NULL);
}

void
h2_conn_ping(struct h2_conn *conn, uint64_t opaque)
{
    uint8_t payload[8];

    store_be32(payload, (uint32_t)(opaque >> 32));
    store_be32(payload + 4, (uint32_t)opaque);
    h2_send_frame(conn, H2_FRAME_PING, 0, 0, payload, sizeof(payload));
}

bool
h2_conn_done(const struct h2_conn *conn)
{
    return conn->held == 0 &&
           (conn->goaway_final || conn->goaway_received || conn->phase == H2_PHASE_DEAD);
}

bool
h2_conn_settings_acked(const struct h2_conn *conn)
{
    return conn->settings_acked;
}

uint32_t
h2_conn_stream_count(const struct h2_conn *conn)
{
    return conn->held;
}

bool
h2_conn_is_full(const struct h2_conn *conn)
{
    return conn->is_server && conn->held >= conn->max_streams;
}
