/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of HTTP/1.1: what it takes for requests does not depend on how they are cut.
 *
 *   input:  step (1 byte) | requests */
#include "fuzz.h"
#include "http1/http1.h"

/* A sum over everything that was understood. */
struct seen {
    uint64_t sum;
    int status;
    bool over;
};

static void
add(struct seen *seen, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        seen->sum = (seen->sum ^ at[i]) * 0x100000001b3;
    seen->sum = (seen->sum ^ len) * 0x100000001b3;
}

static void
add_request(
    struct seen *seen, const struct http1_reader *reader, const struct http1_request *request)
{
    weir_str host = http1_reader_field(reader, "host");

    FUZZ_CHECK(request->path.len > 0);
    FUZZ_CHECK(memchr(request->path.data, '?', request->path.len) == NULL);
    FUZZ_CHECK(memchr(request->path.data, ' ', request->path.len) == NULL);
    FUZZ_CHECK(host.data != NULL || !request->keep_alive);
    add(seen, &request->method, sizeof(request->method));
    add(seen, request->path.data, request->path.len);
    add(seen, request->query.data, request->query.len);
    add(seen, host.data, host.len);
    seen->over = !request->keep_alive;
}

static void
feed(struct seen *seen, struct http1_reader *reader, const uint8_t *data, size_t len)
{
    struct http1_request request;
    enum http1_event event;

    while (!seen->over) {
        event = http1_reader_next(reader, &data, &len, &request);
        if (event == HTTP1_NEED_INPUT)
            break;
        if (event == HTTP1_REQUEST) {
            add_request(seen, reader, &request);
        } else {
            seen->status = http1_reader_status(reader);
            FUZZ_CHECK(seen->status >= 400 && seen->status <= 505);
            seen->over = true;
        }
    }
    FUZZ_CHECK(seen->over || len == 0);
}

static struct seen
read_all(const uint8_t *data, size_t size, size_t step)
{
    struct http1_reader *reader = http1_reader_new(NULL);
    struct seen seen = {0};

    FUZZ_CHECK(reader != NULL);
    for (size_t at = 0; at < size && !seen.over; at += step)
        feed(&seen, reader, data + at, size - at < step ? size - at : step);
    http1_reader_free(reader);
    return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, cut;

    if (size < 2)
        return 0;
    whole = read_all(data + 1, size - 1, size);
    cut = read_all(data + 1, size - 1, (size_t)data[0] + 1);
    FUZZ_CHECK(whole.sum == cut.sum && whole.status == cut.status && whole.over == cut.over);
    return 0;
}
