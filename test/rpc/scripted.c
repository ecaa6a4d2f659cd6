/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, one connection after the other, frame by frame. */
#include "scripted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The requests of a connection by their streams, in order: stream 1 is its first one. */
struct served {
    struct scripted *server;
    struct raw raw;
    size_t first; /* number of its first request */
    bool acted[SCRIPT_MOST];
};

static size_t
number_of(const struct served *served, uint32_t id)
{
    return served->first + (id - 1) / 2;
}

static const struct script_step *
step_of(const struct scripted *server, size_t number)
{
    return &server->steps[number < server->step_count ? number : server->step_count - 1];
}

static void
keep_text(char *to, size_t size, const struct h2_field *field)
{
    snprintf(to, size, "%.*s", (int)field->value.len, field->value.data);
}

static void
note_headers(struct script_request *request, const struct h2_block *block)
{
    request->at = weir_now();
    for (size_t i = 0; i < block->count; i++) {
        const struct h2_field *field = &block->fields[i];

        if (weir_str_equal(field->name, weir_str_of("grpc-previous-rpc-attempts")))
            keep_text(request->previous, sizeof(request->previous), field);
        else if (weir_str_equal(field->name, weir_str_of("grpc-timeout")))
            keep_text(request->timeout, sizeof(request->timeout), field);
        else if (weir_str_equal(field->name, weir_str_of(":authority")))
            keep_text(request->authority, sizeof(request->authority), field);
        else if (weir_str_equal(field->name, weir_str_of("authorization"))) {
            keep_text(request->token, sizeof(request->token), field);
            request->tokens++;
        }
    }
}

static void
fail(struct served *served, uint32_t id, const struct script_step *step)
{
    char digits[8];

    snprintf(digits, sizeof(digits), "%d", step->code);
    if (step->act == SCRIPT_FAIL) {
        raw_field(&served->raw, ":status", "200");
        raw_field(&served->raw, "content-type", "application/grpc");
    } else {
        raw_response(&served->raw, id);
    }
    if (step->act == SCRIPT_MESSAGE_FAIL)
        raw_text(&served->raw, 0, id, "x");
    raw_field(&served->raw, "grpc-status", digits);
    raw_field(&served->raw, "grpc-message", "scripted");
    if (step->pushback != NULL)
        raw_field(&served->raw, "grpc-retry-pushback-ms", step->pushback);
    raw_headers(&served->raw, RAW_END_STREAM, id);
}

static void
answer(struct served *served, uint32_t id)
{
    raw_response(&served->raw, id);
    raw_text(&served->raw, 0, id, "x");
    raw_trailers(&served->raw, id, "0");
}

static void
act(struct served *served, uint32_t id, const struct script_step *step)
{
    switch (step->act) {
    case SCRIPT_ANSWER:
        answer(served, id);
        break;
    case SCRIPT_FAIL:
    case SCRIPT_FAIL_LATE:
    case SCRIPT_MESSAGE_FAIL:
        fail(served, id, step);
        break;
    case SCRIPT_RESET:
        raw_number(&served->raw, RAW_RST_STREAM, id, (uint32_t)step->code);
        break;
    case SCRIPT_GOAWAY:
        raw_goaway(&served->raw, 0, H2_NO_ERROR);
        break;
    case SCRIPT_BEGIN:
        raw_response(&served->raw, id);
        break;
    case SCRIPT_SILENCE:
        break;
    case SCRIPT_HANG_UP:
        raw_close(&served->raw);
        break;
    }
}

static void
consider(struct served *served, const struct raw_frame *frame)
{
    size_t number = number_of(served, frame->id);
    const struct script_step *step = step_of(served->server, number);
    const struct script_request *request = &served->server->requests[number];
    bool whole = (frame->flags & RAW_END_STREAM) != 0;

    if (served->acted[number] || (step->act == SCRIPT_ANSWER && !whole))
        return;
    if (!whole && buf_len(&request->data) < step->after)
        return;
    served->acted[number] = true;
    act(served, frame->id, step);
}

static void
take(struct served *served, const struct raw_frame *frame)
{
    size_t number = number_of(served, frame->id);
    struct script_request *request = &served->server->requests[number];

    if (number >= SCRIPT_MOST)
        abort();
    if (frame->type == RAW_HEADERS) {
        note_headers(request, served->raw.block);
        atomic_store(&served->server->count, number + 1);
    } else {
        if (!buf_append(&request->data, frame->payload, frame->len))
            abort();
        if (frame->len > 0) {
            raw_number(&served->raw, RAW_WINDOW_UPDATE, 0, (uint32_t)frame->len);
            raw_number(&served->raw, RAW_WINDOW_UPDATE, frame->id, (uint32_t)frame->len);
        }
    }
    consider(served, frame);
}

static void
serve_connection(struct served *served, struct raw_frame *frame)
{
    raw_greet(&served->raw, false, 0, 0);
    while (served->raw.fd >= 0 && raw_next(&served->raw, frame)) {
        if (frame->type == RAW_HEADERS || frame->type == RAW_DATA)
            take(served, frame);
        else if (frame->type == RAW_RST_STREAM)
            atomic_store(&served->server->requests[number_of(served, frame->id)].reset, true);
    }
    raw_close(&served->raw);
}

static void *
serve(void *arg)
{
    struct scripted *server = arg;
    struct raw_frame *frame = malloc(sizeof(*frame));

    while (!atomic_load(&server->ends)) {
        struct served served = {.server = server, .first = atomic_load(&server->count)};
        int fd = accept(server->listener, NULL, NULL);

        if (fd < 0)
            break;
        raw_adopt(&served.raw, fd);
        serve_connection(&served, frame);
    }
    free(frame);
    return NULL;
}

void
scripted_start(struct scripted *server, const struct script_step *steps, size_t count)
{
    memset((void *)server, 0, sizeof(*server));
    server->steps = steps;
    server->step_count = count;
    server->listener = raw_listen(server->address);
    if (pthread_create(&server->thread, NULL, serve, server) != 0)
        abort();
}

void
scripted_stop(struct scripted *server)
{
    atomic_store(&server->ends, true);
    shutdown(server->listener, SHUT_RDWR); /* accept returns */
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (size_t i = 0; i < COUNT(server->requests); i++)
        buf_fini(&server->requests[i].data);
}
