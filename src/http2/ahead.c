/* SPDX-License-Identifier: Apache-2.0 */
/* Lookahead at requests that were received but not parsed, as far as they repeat a header block.
 * Nothing is validated, and the connection's state does not change. */
#include "http2/h2_internal.h"

/* Skip a frame, if it is complete. */
static bool
step(struct h2_span *rest, struct h2_frame *out_frame)
{
    struct h2_frame frame;

    if (rest->len < H2_FRAME_HEADER)
        return false;
    frame = h2_frame_read(rest->data);
    if (frame.len > rest->len - H2_FRAME_HEADER)
        return false;
    rest->data += H2_FRAME_HEADER + frame.len;
    rest->len -= H2_FRAME_HEADER + frame.len;
    *out_frame = frame;
    return true;
}

/* Skip a request: HEADERS with the same block, and one DATA frame with all of its content. */
static bool
step_request(struct h2_span *rest, struct h2_span block, struct h2_span *out_content)
{
    struct h2_frame headers, content;

    do {
        if (!step(rest, &headers))
            return false;
    } while (headers.type == H2_FRAME_WINDOW_UPDATE || headers.type == H2_FRAME_PING);
    if (headers.type != H2_FRAME_HEADERS || headers.flags != H2_FLAG_END_HEADERS ||
        headers.len != block.len || memcmp(headers.payload, block.data, block.len) != 0)
        return false;
    if (!step(rest, &content) || content.type != H2_FRAME_DATA || content.id != headers.id ||
        content.flags != H2_FLAG_END_STREAM)
        return false;
    *out_content = (struct h2_span){content.payload, content.len};
    return true;
}

size_t
h2_conn_ahead(const struct h2_conn *conn, const struct h2_block *block, const uint8_t **data,
    size_t len, struct h2_span *out_contents, size_t max)
{
    struct h2_span same, rest = {*data, len};
    size_t count = 0;

    if (conn->decoder == NULL || !hpack_decoder_bytes(conn->decoder, block, &same.data, &same.len))
        return 0;
    while (count < max && step_request(&rest, same, &out_contents[count])) {
        count++;
        *data = rest.data;
    }
    return count;
}
