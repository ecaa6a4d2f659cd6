/* SPDX-License-Identifier: Apache-2.0 */
/* The Peer service on Weir: done here, or passed on to another server from inside a handler, so
 * that calls from fibers are shown too. */
/* Threads: one a loop, and one that turns the upstream channel's loop. */
#define _GNU_SOURCE
#include "google/rpc/error_details.pb-c.h"
#include "peer.weir.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

struct fate {
    char *tag;
    Peer__FateReport report;
    struct fate *next;
};

struct fates {
    pthread_mutex_t lock;
    struct fate *first;
};

struct upstream {
    weir_loop *loop;
    weir_channel *channel;
    pthread_t thread;
};

static weir_server *server; /* for the signal handler, which has no other way to it */

/* ---- fates ---- */

static void
fates_tell(struct fates *fates, const char *tag, const Peer__FateReport *report)
{
    struct fate *fate = calloc(1, sizeof(*fate));

    if (fate == NULL || (fate->tag = strdup(tag)) == NULL) {
        free(fate);
        return;
    }
    fate->report = *report;
    pthread_mutex_lock(&fates->lock);
    fate->next = fates->first;
    fates->first = fate;
    pthread_mutex_unlock(&fates->lock);
}

static bool
fates_lookup(struct fates *fates, const char *tag, Peer__FateReport *out_report)
{
    bool found = false;

    pthread_mutex_lock(&fates->lock);
    for (struct fate *fate = fates->first; fate != NULL && !found; fate = fate->next) {
        found = strcmp(fate->tag, tag) == 0;
        if (found)
            *out_report = fate->report;
    }
    pthread_mutex_unlock(&fates->lock);
    return found;
}

static void
fates_free(struct fates *fates)
{
    while (fates->first != NULL) {
        struct fate *next = fates->first->next;

        free(fates->first->tag);
        free(fates->first);
        fates->first = next;
    }
}

/* ---- the service done here ---- */

static int64_t
time_left_ms(const weir_call *call)
{
    int64_t deadline = weir_call_deadline(call);

    return deadline == WEIR_NEVER ? 0 : (deadline - weir_now()) / WEIR_MILLISECOND;
}

static bool
begins(weir_str text, const char *prefix)
{
    return text.len >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

static weir_code
echo_metadata(weir_call *call)
{
    size_t cursor = 0;
    weir_str key, value;

    while (weir_call_next_header(call, &cursor, &key, &value)) {
        if (begins(key, "x-initial"))
            WEIR_TRY(weir_call_add_header(call, weir_call_dup(call, key), value));
        if (begins(key, "x-trailing"))
            WEIR_TRY(weir_call_add_trailer(call, weir_call_dup(call, key), value));
    }
    return WEIR_OK;
}

static weir_code
sleep_and_tell(struct fates *fates, weir_call *call, const Peer__Order *order)
{
    Peer__FateReport fate = PEER__FATE_REPORT__INIT;
    weir_code code;

    fate.has_deadline = weir_call_deadline(call) != WEIR_NEVER;
    fate.time_left_ms = time_left_ms(call);
    code = weir_call_sleep(call, order->sleep_ms * WEIR_MILLISECOND);
    fate.cancelled = code != WEIR_OK;
    if (order->tag[0] != '\0')
        fates_tell(fates, order->tag, &fate);
    return code;
}

/* With a detail that says the same as the text. */
static weir_code
fail(weir_call *call, weir_code code, char *message)
{
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;

    info.reason = message;
    info.domain = "peer";
    WEIR_TRY(weir_call_add_detail(call, &info.base));
    return weir_fail(call, code, "%s", message);
}

static weir_code
fill(weir_call *call, size_t len, ProtobufCBinaryData *out)
{
    uint8_t *bytes = weir_call_alloc(call, len + 1);

    if (bytes == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i % 251);
    *out = (ProtobufCBinaryData){.len = len, .data = bytes};
    return WEIR_OK;
}

static weir_code
peer_do(void *self, weir_call *call, const Peer__Order *order, Peer__Report *out_report)
{
    out_report->has_deadline = weir_call_deadline(call) != WEIR_NEVER;
    out_report->time_left_ms = time_left_ms(call);
    out_report->received_bytes = (int64_t)order->payload.len;
    out_report->user_agent = weir_call_dup(call, weir_call_header(call, "user-agent"));
    WEIR_TRY(echo_metadata(call));
    WEIR_TRY(sleep_and_tell(self, call, order));
    if (order->code != 0)
        return fail(call, (weir_code)order->code, order->message);
    return fill(call, (size_t)order->answer_bytes, &out_report->payload);
}

static weir_code
peer_fate(
    void *self, weir_call *call, const Peer__FateRequest *request, Peer__FateReport *out_report)
{
    while (!fates_lookup(self, request->tag, out_report))
        WEIR_TRY(weir_call_sleep(call, 5 * WEIR_MILLISECOND));
    return WEIR_OK;
}

static const struct peer_Peer_handlers here = {.Do = peer_do, .Fate = peer_fate};

/* ---- the service passed on ---- */

static weir_code
pass_headers_up(weir_call *call, weir_call *onward)
{
    size_t cursor = 0;
    weir_str key, value;

    while (weir_call_next_header(call, &cursor, &key, &value)) {
        if (begins(key, "x-"))
            WEIR_TRY(weir_call_add_header(onward, weir_call_dup(call, key), value));
    }
    return WEIR_OK;
}

static weir_code
pass_metadata_down(weir_call *onward, weir_call *call)
{
    size_t cursor = 0;
    weir_str key, value;

    while (weir_call_next_header(onward, &cursor, &key, &value)) {
        if (begins(key, "x-"))
            WEIR_TRY(weir_call_add_header(call, weir_call_dup(call, key), value));
    }
    cursor = 0;
    while (weir_call_next_trailer(onward, &cursor, &key, &value)) {
        if (begins(key, "x-"))
            WEIR_TRY(weir_call_add_trailer(call, weir_call_dup(call, key), value));
    }
    return WEIR_OK;
}

/* The status of the onward call becomes ours. */
static weir_code
pass_status_down(weir_call *onward, weir_call *call, weir_code code)
{
    ProtobufCMessage *info = NULL;

    WEIR_TRY(pass_metadata_down(onward, call));
    if (weir_call_detail(onward, &google__rpc__error_info__descriptor, &info))
        WEIR_TRY(weir_call_add_detail(call, info));
    return code == WEIR_OK ? WEIR_OK : weir_fail(call, code, "%s", weir_call_message(onward));
}

static weir_code
copy_report(weir_call *call, const Peer__Report *report, Peer__Report *out_report)
{
    weir_str payload = {(const char *)report->payload.data, report->payload.len};

    *out_report = *report;
    out_report->payload.data = (uint8_t *)weir_call_dup(call, payload);
    out_report->user_agent = weir_call_dup(call, weir_str_of(report->user_agent));
    if (out_report->payload.data == NULL || out_report->user_agent == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    return WEIR_OK;
}

static weir_code
pass_do(void *self, weir_call *call, const Peer__Order *order, Peer__Report *out_report)
{
    const struct upstream *upstream = self;
    weir_call *onward = weir_call_new(upstream->channel, call);
    const Peer__Report *report = NULL;
    weir_code code;

    if (onward == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    code = pass_headers_up(call, onward);
    if (code == WEIR_OK)
        code = peer_Peer_Do(onward, order, &report);
    code = pass_status_down(onward, call, code);
    if (code == WEIR_OK && report != NULL)
        code = copy_report(call, report, out_report);
    weir_call_free(onward);
    return code;
}

static weir_code
pass_fate(
    void *self, weir_call *call, const Peer__FateRequest *request, Peer__FateReport *out_report)
{
    const struct upstream *upstream = self;
    weir_call *onward = weir_call_new(upstream->channel, call);
    const Peer__FateReport *report = NULL;
    weir_code code;

    if (onward == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    code = pass_status_down(onward, call, peer_Peer_Fate(onward, request, &report));
    if (code == WEIR_OK && report != NULL)
        *out_report = *report;
    weir_call_free(onward);
    return code;
}

static const struct peer_Peer_handlers onward = {.Do = pass_do, .Fate = pass_fate};

static void *
turn_loop(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static weir_code
upstream_open(struct upstream *upstream, const char *target)
{
    WEIR_TRY(weir_loop_new(&upstream->loop));
    WEIR_TRY(weir_channel_new(upstream->loop, target, NULL, &upstream->channel));
    if (pthread_create(&upstream->thread, NULL, turn_loop, upstream->loop) != 0)
        return WEIR_RESOURCE_EXHAUSTED;
    return WEIR_OK;
}

static void
upstream_close(struct upstream *upstream)
{
    weir_loop_stop(upstream->loop);
    pthread_join(upstream->thread, NULL);
    weir_channel_free(upstream->channel);
    weir_loop_free(upstream->loop);
}

/* ---- the program ---- */

static void
on_signal(int number)
{
    (void)number;
    weir_server_drain(server, 5 * WEIR_SECOND);
}

static weir_code
serve(const char *address, const struct peer_Peer_handlers *handlers, void *self)
{
    const struct weir_server_options options = {.loops = 2, .max_receive_message = 64 << 20};
    struct sigaction action = {.sa_handler = on_signal};

    WEIR_TRY(weir_server_new(&options, &server));
    WEIR_TRY(peer_Peer_add(server, handlers, self));
    WEIR_TRY(weir_server_listen(server, address));
    (void)sigaction(SIGTERM, &action, NULL);
    return weir_server_run(server);
}

static weir_code
serve_here(const char *address)
{
    struct fates fates = {.lock = PTHREAD_MUTEX_INITIALIZER};
    weir_code code = serve(address, &here, &fates);

    weir_server_free(server);
    fates_free(&fates);
    return code;
}

static weir_code
serve_onward(const char *address, const char *target)
{
    struct upstream upstream = {0};
    weir_code code = upstream_open(&upstream, target);

    if (code != WEIR_OK)
        return code;
    code = serve(address, &onward, &upstream);
    weir_server_free(server);
    upstream_close(&upstream);
    return code;
}

int
main(int argc, char **argv)
{
    weir_code code;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: weir-peer ADDRESS [UPSTREAM]\n");
        return 2;
    }
    code = argc == 2 ? serve_here(argv[1]) : serve_onward(argv[1], argv[2]);
    if (code == WEIR_OK)
        return 0;
    fprintf(stderr, "weir-peer: %s\n", weir_code_name(code));
    return 1;
}
