/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.testing.TestService as gRPC's public interoperability tests describe it:
 *   interop-server --port N [--host H]
 * UnimplementedCall is left out, and UnimplementedService is not offered: clients test for that. */
/* Threads: one, which turns the server's loop. */
#include "grpc/testing/test.weir.h"
#include "options.h"
#include "payload.h"
#include "server_orca.h"
#include "usercommon/complain.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

/* What a half-duplex call may ask for before it half-closes. */
#define ANSWERS_MAX 10000

static weir_server *server; /* for the signal handler, which has no other way to it */

/* ---- what every call may ask for ---- */

/* Wraps all calls. The first is answered in the headers, the second in the trailers. */
static weir_code
echo_metadata(void *self, weir_call *call, weir_next *next)
{
    static const char initial[] = "x-grpc-test-echo-initial";
    static const char trailing[] = "x-grpc-test-echo-trailing-bin";
    weir_str value = weir_call_header(call, initial);

    (void)self;
    if (value.data != NULL)
        WEIR_TRY(weir_call_add_header(call, initial, value));
    value = weir_call_header(call, trailing);
    if (value.data != NULL)
        WEIR_TRY(weir_call_add_trailer(call, trailing, value));
    return weir_proceed(next, call);
}

static weir_code
echo_status(weir_call *call, const Grpc__Testing__EchoStatus *status)
{
    if (status == NULL || status->code == 0)
        return WEIR_OK;
    return weir_fail(call, (weir_code)status->code, "%s", status->message);
}

static weir_code
check_type(weir_call *call, Grpc__Testing__PayloadType type)
{
    if (type == GRPC__TESTING__PAYLOAD_TYPE__COMPRESSABLE)
        return WEIR_OK;
    return weir_fail(call, WEIR_INVALID_ARGUMENT, "there is no payload of type %d here", (int)type);
}

/* Did the last message come as its sender says it did? */
static weir_code
check_compressed(weir_call *call, const Grpc__Testing__BoolValue *expected)
{
    bool compressed = weir_call_was_compressed(call);

    if (expected == NULL || expected->value == compressed)
        return WEIR_OK;
    return weir_fail(
        call, WEIR_INVALID_ARGUMENT, "the message came %s", compressed ? "compressed" : "as it is");
}

static weir_code
choose_compression(weir_call *call, bool compressed)
{
    return weir_call_set_compression(call, compressed ? WEIR_GZIP : WEIR_IDENTITY);
}

static bool
is_true(const Grpc__Testing__BoolValue *value)
{
    return value != NULL && value->value;
}

static weir_code
bad_size(weir_call *call, int32_t size)
{
    return weir_fail(call, WEIR_INVALID_ARGUMENT,
        "a response of %d bytes is not to be had; %d are the most", (int)size, PAYLOAD_MAX);
}

/* ---- single responses ---- */

static weir_code
empty_call(void *self, weir_call *call, const Grpc__Testing__Empty *request,
    Grpc__Testing__Empty *out_response)
{
    (void)self;
    (void)call;
    (void)request;
    (void)out_response;
    return WEIR_OK;
}

static weir_code
unary_call(void *self, weir_call *call, const Grpc__Testing__SimpleRequest *request,
    Grpc__Testing__SimpleResponse *out_response)
{
    Grpc__Testing__Payload *payload;

    if (request->orca_per_query_report != NULL)
        WEIR_TRY(orca_report_call(self, call, request->orca_per_query_report));
    WEIR_TRY(check_compressed(call, request->expect_compressed));
    WEIR_TRY(echo_status(call, request->response_status));
    WEIR_TRY(check_type(call, request->response_type));
    WEIR_TRY(choose_compression(call, is_true(request->response_compressed)));
    payload = weir_call_alloc(call, sizeof(*payload));
    if (payload == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    if (!payload_init(payload, request->response_size))
        return bad_size(call, request->response_size);
    out_response->payload = payload;
    return WEIR_OK;
}

/* Nanoseconds since 1970, in digits. */
static weir_code
cacheable_unary_call(void *self, weir_call *call, const Grpc__Testing__SimpleRequest *request,
    Grpc__Testing__SimpleResponse *out_response)
{
    Grpc__Testing__Payload *payload = weir_call_alloc(call, sizeof(*payload));
    struct timespec now;
    char *text;

    (void)self;
    (void)request;
    clock_gettime(CLOCK_REALTIME, &now);
    text = weir_call_printf(call, "%lld%09ld", (long long)now.tv_sec, now.tv_nsec);
    if (payload == NULL || text == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    WEIR_TRY(weir_call_add_header(call, "cache-control", weir_str_of("max-age=60, public")));
    grpc__testing__payload__init(payload);
    payload->body = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    out_response->payload = payload;
    return WEIR_OK;
}

static weir_code
streaming_input_call(void *self, struct grpc_testing_TestService_StreamingInputCall_server peer,
    Grpc__Testing__StreamingInputCallResponse *out_response)
{
    const Grpc__Testing__StreamingInputCallRequest *request;
    uint64_t sum = 0;

    (void)self;
    while (grpc_testing_TestService_StreamingInputCall_recv(peer, &request)) {
        WEIR_TRY(check_compressed(peer.call, request->expect_compressed));
        sum += request->payload == NULL ? 0 : request->payload->body.len;
    }
    WEIR_TRY(weir_call_code(peer.call));
    if (sum > INT32_MAX)
        return weir_fail(peer.call, WEIR_OUT_OF_RANGE, "more than 2 GiB");
    out_response->aggregated_payload_size = (int32_t)sum;
    return WEIR_OK;
}

/* ---- streams of responses ---- */

struct answer {
    int32_t size;
    int32_t interval_us;
    bool compressed;
    bool tells_peer;
};

static weir_code
send_answer(weir_call *call, struct answer answer)
{
    Grpc__Testing__StreamingOutputCallResponse response =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
    Grpc__Testing__Payload payload;

    if (!payload_init(&payload, answer.size))
        return bad_size(call, answer.size);
    response.payload = &payload;
    if (answer.tells_peer)
        response.peer_socket_address = (char *)weir_call_peer(call);
    WEIR_TRY(choose_compression(call, answer.compressed));
    if (answer.interval_us > 0)
        WEIR_TRY(weir_call_sleep(call, answer.interval_us * WEIR_MICROSECOND));
    return weir_call_send(call, &response.base);
}

static struct answer
nth_answer(const Grpc__Testing__StreamingOutputCallRequest *request, size_t n)
{
    const Grpc__Testing__ResponseParameters *wish = request->response_parameters[n];

    return (struct answer){.size = wish->size,
        .interval_us = wish->interval_us,
        .compressed = is_true(wish->compressed),
        .tells_peer = is_true(wish->fill_peer_socket_address)};
}

static weir_code
check_request(weir_call *call, const Grpc__Testing__StreamingOutputCallRequest *request)
{
    WEIR_TRY(echo_status(call, request->response_status));
    return check_type(call, request->response_type);
}

/* The headers, which go with the first answer, have to tell of gzip in any. */
static weir_code
announce_compression(weir_call *call, const Grpc__Testing__StreamingOutputCallRequest *request)
{
    for (size_t i = 0; i < request->n_response_parameters; i++) {
        if (is_true(request->response_parameters[i]->compressed))
            return choose_compression(call, true);
    }
    return WEIR_OK;
}

static weir_code
answer(weir_call *call, const Grpc__Testing__StreamingOutputCallRequest *request)
{
    WEIR_TRY(check_request(call, request));
    WEIR_TRY(announce_compression(call, request));
    for (size_t i = 0; i < request->n_response_parameters; i++)
        WEIR_TRY(send_answer(call, nth_answer(request, i)));
    return WEIR_OK;
}

static weir_code
streaming_output_call(void *self, const Grpc__Testing__StreamingOutputCallRequest *request,
    struct grpc_testing_TestService_StreamingOutputCall_server peer)
{
    (void)self;
    return answer(peer.call, request);
}

static weir_code
answer_each(struct orca_server *orca, struct grpc_testing_TestService_FullDuplexCall_server peer,
    bool *holds_orca)
{
    const Grpc__Testing__StreamingOutputCallRequest *request;

    while (grpc_testing_TestService_FullDuplexCall_recv(peer, &request)) {
        if (request->orca_oob_report != NULL)
            WEIR_TRY(orca_tell(orca, peer.call, request->orca_oob_report, holds_orca));
        WEIR_TRY(answer(peer.call, request));
    }
    return weir_call_code(peer.call);
}

static weir_code
full_duplex_call(void *self, struct grpc_testing_TestService_FullDuplexCall_server peer)
{
    bool holds_orca = false;
    weir_code code = answer_each(self, peer, &holds_orca);

    if (holds_orca)
        orca_release(self);
    return code;
}

/* What the requests of a half-duplex call have asked for so far. */
struct answers {
    struct answer *list;
    size_t count;
};

static weir_code
note(weir_call *call, struct answers *answers,
    const Grpc__Testing__StreamingOutputCallRequest *request)
{
    size_t count = answers->count + request->n_response_parameters;
    struct answer *list;

    WEIR_TRY(check_request(call, request));
    if (request->n_response_parameters == 0)
        return WEIR_OK;
    if (count > ANSWERS_MAX)
        return weir_fail(
            call, WEIR_RESOURCE_EXHAUSTED, "more than %d responses asked for", ANSWERS_MAX);
    list = realloc(answers->list, count * sizeof(*list));
    if (list == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    answers->list = list;
    for (size_t i = 0; answers->count < count; i++)
        list[answers->count++] = nth_answer(request, i);
    return WEIR_OK;
}

static weir_code
take_requests(struct grpc_testing_TestService_HalfDuplexCall_server peer, struct answers *answers)
{
    const Grpc__Testing__StreamingOutputCallRequest *request;

    while (grpc_testing_TestService_HalfDuplexCall_recv(peer, &request))
        WEIR_TRY(note(peer.call, answers, request));
    return weir_call_code(peer.call);
}

static weir_code
half_duplex_call(void *self, struct grpc_testing_TestService_HalfDuplexCall_server peer)
{
    struct answers answers = {NULL, 0};
    weir_code code = take_requests(peer, &answers);

    (void)self;
    for (size_t i = 0; code == WEIR_OK && i < answers.count; i++)
        code = send_answer(peer.call, answers.list[i]);
    free(answers.list);
    return code;
}

static const struct grpc_testing_TestService_handlers handlers = {
    .EmptyCall = empty_call,
    .UnaryCall = unary_call,
    .CacheableUnaryCall = cacheable_unary_call,
    .StreamingOutputCall = streaming_output_call,
    .StreamingInputCall = streaming_input_call,
    .FullDuplexCall = full_duplex_call,
    .HalfDuplexCall = half_duplex_call,
};

/* ---- the program ---- */

struct options {
    struct options_common common;
    const char *host;
    uint32_t port;
    uint32_t max_streams; /* 0: the default */
    const char *cert, *key;
};

/* No port was given. */
#define NO_PORT UINT32_MAX

static const struct flag flags[] = {
    {.name = "port",
        .value = "N",
        .help = "listen there; 0: any free port",
        .expected = "a port",
        .read = flag_number,
        .field = offsetof(struct options, port),
        .max = 65535},
    {.name = "host",
        .value = "H",
        .help = "listen on this address; default 127.0.0.1",
        .expected = "an address",
        .read = flag_text,
        .field = offsetof(struct options, host)},
    {.name = "max_concurrent_streams",
        .value = "N",
        .help = "calls at a time that a connection may have; default 100",
        .expected = "a number from 1 to 1000000",
        .read = flag_number,
        .field = offsetof(struct options, max_streams),
        .min = 1,
        .max = 1000000},
    {.name = "tls_cert_file",
        .value = "FILE",
        .help = "with --use_tls: the certificate, in PEM form",
        .expected = "a file",
        .read = flag_text,
        .field = offsetof(struct options, cert)},
    {.name = "tls_key_file",
        .value = "FILE",
        .help = "its private key",
        .expected = "a file",
        .read = flag_text,
        .field = offsetof(struct options, key)},
    OPTIONS_COMMON_FLAGS,
};

static const struct options_program program = {
    .name = "interop-server",
    .usage = "--port N [--host H]",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
};

static void
on_signal(int number)
{
    (void)number;
    weir_server_drain(server, 5 * WEIR_SECOND);
}

static weir_code
listen_on(const char *host, uint32_t port)
{
    const char *bracket = strchr(host, ':') == NULL ? "" : "[";
    char address[300];

    snprintf(address, sizeof(address), "%s%s%s:%u", bracket, host, bracket[0] == '\0' ? "" : "]",
        (unsigned)port);
    return weir_server_listen(server, address);
}

static weir_code
serve(const struct options *options, struct orca_server *orca)
{
    struct sigaction action = {.sa_handler = on_signal};

    WEIR_TRY(weir_server_wrap(server, echo_metadata, NULL));
    WEIR_TRY(grpc_testing_TestService_add(server, &handlers, orca));
    WEIR_TRY(weir_orca_add(server, orca->orca));
    WEIR_TRY(listen_on(options->host, options->port));
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    printf("%s: listening on %s\n", program.name, weir_server_address(server, 0));
    fflush(stdout);
    return weir_server_run(server);
}

static bool
open_tls(const struct options *options, weir_tls **out_tls)
{
    const struct weir_tls_pair pair = {options->cert, options->key};
    char error[WEIR_TLS_ERROR];

    if (weir_tls_server_new(&(struct weir_tls_server_options){.pairs = &pair, .pair_count = 1},
            out_tls, error) == WEIR_OK)
        return true;
    complain(program.name, "--use_tls: %s", error);
    return false;
}

int
main(int argc, char **argv)
{
    struct options options = {.host = "127.0.0.1", .port = NO_PORT};
    struct orca_server orca;
    weir_tls *tls = NULL;
    weir_code code;
    int exit_code;

    if (!options_read(&program, argc, argv, &options, &exit_code))
        return exit_code;
    if (options.port == NO_PORT) {
        complain(program.name, "--port is missing");
        return 2;
    }
    if (options.common.use_tls && !open_tls(&options, &tls))
        return 2;
    code = orca_init(&orca);
    if (code == WEIR_OK)
        code = weir_server_new(&(struct weir_server_options){.tls = tls,
                                   .max_concurrent_streams = options.max_streams},
            &server);
    if (code == WEIR_OK)
        code = serve(&options, &orca);
    if (code != WEIR_OK && code != WEIR_CANCELLED)
        complain(
            program.name, "%s", server == NULL ? weir_code_name(code) : weir_server_error(server));
    weir_server_free(server);
    weir_tls_free(tls);
    orca_fini(&orca);
    return code == WEIR_OK || code == WEIR_CANCELLED ? 0 : 1;
}
