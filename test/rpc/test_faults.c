/* SPDX-License-Identifier: Apache-2.0 */
/* A server and its clients when memory runs out, or a read or a write fails: every call ends, the
 * server serves on, and nothing is lost. Linked with --wrap for what may fail. */
#include "service.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

/* ---- a system that fails ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *piece, size_t size);
void __real_free(void *piece);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *piece, size_t size);
void __wrap_free(void *piece);
void *__real_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);

enum fault { ALLOCATION, READ, WRITE };

/* Of what can fail so from now on, on all threads, that from first_failing to last_failing fails.
 */
static _Atomic enum fault fault;
static atomic_long counted, first_failing = -1, last_failing = -1;

/* Bytes in use. */
static atomic_long in_use;

static bool
fails_now(enum fault kind)
{
    long first = first_failing;
    long number;

    if (first < 0 || fault != kind)
        return false;
    number = atomic_fetch_add(&counted, 1);
    return number >= first && number <= last_failing;
}

static void *
got(void *piece)
{
    atomic_fetch_add(&in_use, piece == NULL ? 0 : (long)malloc_usable_size(piece));
    return piece;
}

void *
__wrap_malloc(size_t size)
{
    return fails_now(ALLOCATION) ? NULL : got(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails_now(ALLOCATION) ? NULL : got(__real_calloc(count, size));
}

void *
__wrap_realloc(void *piece, size_t size)
{
    long before = piece == NULL ? 0 : (long)malloc_usable_size(piece);
    void *larger = fails_now(ALLOCATION) ? NULL : got(__real_realloc(piece, size));

    atomic_fetch_sub(&in_use, larger == NULL ? 0 : before);
    return larger;
}

/* Stacks. */
void *
__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (!fails_now(ALLOCATION))
        return __real_mmap(address, len, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

void
__wrap_free(void *piece)
{
    atomic_fetch_sub(&in_use, piece == NULL ? 0 : (long)malloc_usable_size(piece));
    __real_free(piece);
}

ssize_t __real_recv(int fd, void *to, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_send(int fd, const void *from, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t size, int flags);

ssize_t
__wrap_recv(int fd, void *to, size_t size, int flags)
{
    if (!fails_now(READ))
        return __real_recv(fd, to, size, flags);
    errno = ECONNRESET;
    return -1;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (!fails_now(WRITE))
        return __real_sendmsg(fd, message, flags);
    errno = EPIPE;
    return -1;
}

ssize_t
__wrap_send(int fd, const void *from, size_t size, int flags)
{
    if (!fails_now(WRITE))
        return __real_send(fd, from, size, flags);
    errno = EPIPE;
    return -1;
}

/* ---- a session ---- */

static weir_compression compression; /* of the client's messages */

struct session {
    weir_pool *pool;
    weir_loop *loop;
    weir_channel *channel;
    unsigned failed; /* calls */
};

/* Any reason will do, but to wait in vain. */
static void
note(struct session *session, weir_code code)
{
    if (code == WEIR_DEADLINE_EXCEEDED) {
        fprintf(stderr, "a call waits in vain when %ld to %ld fail, kind %d\n", first_failing,
            last_failing, (int)fault);
        abort();
    }
    session->failed += code != WEIR_OK;
}

static weir_call *
begin(struct session *session)
{
    weir_call *call = weir_call_new(session->channel, NULL);

    if (call == NULL)
        note(session, WEIR_RESOURCE_EXHAUSTED);
    else
        weir_call_set_timeout(call, 60 * WEIR_SECOND);
    return call;
}

static void
end(struct session *session, weir_call *call, weir_code code)
{
    note(session, code);
    weir_call_free(call);
}

/* The code that a call of this text ends with when all is well. */
static void
unary(struct session *session, const char *text, weir_code expected)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = begin(session);
    weir_code code;

    if (call == NULL)
        return;
    request.text = (char *)text;
    code = weir_call_add_header(call, "x-bin", (weir_str){"\0\1\2", 3});
    if (code == WEIR_OK)
        code = rpctest_Test_Unary(call, &request, &response);
    (void)weir_call_trailer(call, "trail-x-bin");
    (void)weir_call_peer(call);
    end(session, call, code == expected ? WEIR_OK : code == WEIR_OK ? WEIR_UNKNOWN : code);
}

static weir_code
send_numbers(struct rpctest_Test_Collect_client stream)
{
    const Rpctest__Payload *response = NULL;

    for (int i = 0; i < 20; i++) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        message.number = i;
        WEIR_TRY(rpctest_Test_Collect_client_send(stream, &message));
    }
    WEIR_TRY(rpctest_Test_Collect_client_finish(stream, &response));
    return response->number == 190 ? WEIR_OK : WEIR_DATA_LOSS;
}

static void
collect(struct session *session)
{
    struct rpctest_Test_Collect_client stream = {NULL};
    weir_call *call = begin(session);
    weir_code code;

    if (call == NULL)
        return;
    code = rpctest_Test_Collect(call, &stream);
    if (code == WEIR_OK)
        code = send_numbers(stream);
    end(session, call, code);
}

/* Of 8000 bytes each: more than a stream's first window lets in. */
#define EXPANDED 16

/* Of all messages, or of the first few, with the others dropped. */
static void
expand(struct session *session, int wanted)
{
    static uint8_t filler[8000];
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    weir_call *call = begin(session);
    weir_code code;
    int count = 0;

    if (call == NULL)
        return;
    request.number = EXPANDED;
    request.data = (ProtobufCBinaryData){sizeof(filler), filler};
    code = rpctest_Test_Expand(call, &request, &stream);
    if (code == WEIR_OK) {
        while (count < wanted && rpctest_Test_Expand_client_recv(stream, &message))
            count++;
        code = rpctest_Test_Expand_client_finish(stream);
    }
    if (code == WEIR_OK && wanted >= EXPANDED && count != EXPANDED)
        code = WEIR_DATA_LOSS;
    end(session, call, code);
}

static weir_code
exchange(struct rpctest_Test_Talk_client stream)
{
    const Rpctest__Payload *reply = NULL;

    for (int i = 0; i < 5; i++) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        message.text = "hello";
        WEIR_TRY(rpctest_Test_Talk_client_send(stream, &message));
        if (!rpctest_Test_Talk_client_recv(stream, &reply))
            return weir_call_code(stream.call) == WEIR_OK ? WEIR_DATA_LOSS
                                                          : weir_call_code(stream.call);
    }
    return rpctest_Test_Talk_client_finish(stream);
}

static void
talk(struct session *session)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    weir_call *call = begin(session);
    weir_code code;

    if (call == NULL)
        return;
    code = rpctest_Test_Talk(call, &stream);
    if (code == WEIR_OK)
        code = exchange(stream);
    end(session, call, code);
}

static void
run_calls(struct session *session)
{
    unary(session, "x", WEIR_OK);
    unary(session, "metadata", WEIR_OK);
    unary(session, "fail:5", WEIR_NOT_FOUND);
    unary(session, "sleep:1", WEIR_OK);
    unary(session, "size:300000", WEIR_OK);
    collect(session);
    expand(session, EXPANDED + 1); /* to the end */
    expand(session, 3);
    talk(session);
}

/* How many calls failed. */
static unsigned
run_session(const char *address)
{
    struct weir_channel_options options = {.compression = compression};
    struct session session = {0};

    if (weir_pool_new(1, &session.pool) == WEIR_OK && weir_loop_new(&session.loop) == WEIR_OK) {
        options.pool = session.pool;
        if (weir_channel_new(session.loop, address, &options, &session.channel) == WEIR_OK)
            run_calls(&session);
        else
            session.failed++;
        weir_channel_free(session.channel);
    } else {
        session.failed++;
    }
    weir_loop_free(session.loop);
    weir_pool_free(session.pool);
    return session.failed;
}

/* One call; how many failed. */
static unsigned
run_call(const char *address)
{
    struct session session = {0};

    if (weir_loop_new(&session.loop) == WEIR_OK &&
        weir_channel_new(session.loop, address, NULL, &session.channel) == WEIR_OK)
        unary(&session, "x", WEIR_OK);
    else
        session.failed++;
    weir_channel_free(session.channel);
    weir_loop_free(session.loop);
    return session.failed;
}

/* Fail `width` times from the nth on, for every nth (by steps) that a run gets to. After each the
 * server at the address answers, or, where every run has its own server, the next run is well. In
 * the end a whole run is well; and before, so that the server's threads are past their beginning,
 * where a failure would rightly end them. The time is that of a run, times all that it has to
 * fail: a run is short. */
static void
fail_each(enum fault kind, unsigned (*run)(const char *address), const char *address, long width,
    long step)
{
    bool reached = true;

    assert_int_equal(run(address), 0);
    fault = kind;
    for (long nth = 0; reached; nth += step) {
        counted = 0;
        last_failing = nth + width - 1;
        first_failing = nth;
        (void)run(address);
        first_failing = -1;
        reached = counted > nth;
        if ((address == NULL ? run(NULL) : run_call(address)) != 0) {
            fprintf(stderr, "no recovery from failures of %ld to %ld, kind %d\n", nth,
                nth + width - 1, (int)kind);
            abort();
        }
    }
    assert_int_equal(run(address), 0);
}

/* A server that is there all the time: what fails is what calls and connections take. */
static void
server_survives(void **state)
{
    struct running running;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    fail_each(ALLOCATION, run_session, running.address, 1, 1);
    fail_each(ALLOCATION, run_session, running.address, 5, 4);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* Each read and each write, by the client and by the server, once as the last thing on a connection
 * that breaks. */
static void
connections_break(void **state)
{
    struct running running;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    fail_each(READ, run_session, running.address, 1, 1);
    fail_each(WRITE, run_session, running.address, 1, 1);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* The same with all messages compressed, both ways. */
static unsigned
run_compressed(const char *address)
{
    unsigned failed;

    compression = WEIR_GZIP;
    failed = run_session(address);
    compression = WEIR_IDENTITY;
    return failed;
}

static void
compression_fails(void **state)
{
    static const struct weir_server_options options = {.compression = WEIR_GZIP};
    struct running running;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    fail_each(ALLOCATION, run_compressed, running.address, 2, 2);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

static weir_code
pass(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_proceed(next, call);
}

/* A server of the session's own, which is freed at once when it cannot run. */
struct host {
    struct running running; /* its server, until that is freed */
    pthread_mutex_t lock;
    char addresses[2][128];
};

static void *
serve(void *arg)
{
    struct host *host = arg;

    if (weir_server_run(host->running.server) == WEIR_OK)
        return NULL;
    pthread_mutex_lock(&host->lock);
    weir_server_free(host->running.server);
    host->running.server = NULL;
    pthread_mutex_unlock(&host->lock);
    return NULL;
}

static bool
open_host(struct host *host)
{
    static const struct weir_server_options options = {.loops = 2};
    weir_server **server = &host->running.server;
    char path[64];

    snprintf(path, sizeof(path), "unix:/tmp/weir-memory-%d.sock", (int)getpid());
    if (weir_server_new(&options, server) != WEIR_OK ||
        rpctest_Test_add(*server, &service_handlers, &host->running) != WEIR_OK ||
        weir_server_wrap(*server, pass, NULL) != WEIR_OK ||
        weir_server_listen(*server, path) != WEIR_OK ||
        weir_server_listen(*server, "127.0.0.1:0") != WEIR_OK)
        return false;
    for (size_t i = 0; i < 2; i++)
        snprintf(
            host->addresses[i], sizeof(host->addresses[i]), "%s", weir_server_address(*server, i));
    pthread_mutex_init(&host->lock, NULL);
    assert_int_equal(pthread_create(&host->running.thread, NULL, serve, host), 0);
    return true;
}

static void
close_host(struct host *host)
{
    pthread_mutex_lock(&host->lock);
    if (host->running.server != NULL)
        weir_server_drain(host->running.server, 100 * WEIR_SECOND);
    pthread_mutex_unlock(&host->lock);
    pthread_join(host->running.thread, NULL);
    pthread_mutex_destroy(&host->lock);
}

static unsigned
run_all(const char *unused)
{
    struct host host = {.running.server = NULL};
    unsigned failed = 1;

    (void)unused;
    if (open_host(&host)) {
        failed = run_call(host.addresses[0]) + run_call(host.addresses[1]);
        close_host(&host);
    }
    weir_server_free(host.running.server);
    return failed;
}

/* Servers that come and go. */
static void
servers_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(run_all(NULL), 0);
    fail_each(ALLOCATION, run_all, NULL, 1, 1);
    fail_each(ALLOCATION, run_all, NULL, 5, 4);
}

/* ---- long streams ---- */

#define MESSAGES 10000
#define BATCH 50
#define SLACK 100000

/* What user and library take for a message lives until the next one is received. */
static void
exchange_many(struct rpctest_Test_Talk_client stream, int batches)
{
    const Rpctest__Payload *reply = NULL;

    for (int i = 0; i < batches; i++) {
        for (int sent = 0; sent < BATCH; sent++) {
            Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

            message.text = weir_call_printf(stream.call, "%100d", sent);
            assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
        }
        for (int received = 0; received < BATCH; received++)
            assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
    }
}

static void
long_streams_take_no_more_memory(void **state)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;
    long before;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    exchange_many(stream, 20);
    before = in_use;
    exchange_many(stream, MESSAGES / BATCH);
    assert_true(in_use - before < SLACK);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
}

static void
exchange_texts(struct rpctest_Test_Talk_client stream, int count)
{
    const Rpctest__Payload *reply = NULL;

    for (int i = 0; i < count; i++) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        message.text = "a text, a text, a text";
        assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
        assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
        assert_true(weir_call_was_compressed(stream.call));
    }
}

/* What compression takes is there from the first message on. */
static void
compressed_messages_allocate_nothing(void **state)
{
    static const struct weir_server_options options = {.compression = WEIR_GZIP};
    static const struct weir_channel_options gzip = {.compression = WEIR_GZIP};
    struct rpctest_Test_Talk_client stream = {NULL};
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, &gzip, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    exchange_texts(stream, 100);
    fault = ALLOCATION;
    counted = 0;
    last_failing = first_failing = LONG_MAX; /* none fails, all are counted */
    exchange_texts(stream, 1000);
    first_failing = -1;
    assert_int_equal(counted, 0);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
}

/* Messages that nobody looks at are dropped, not kept. */
static void
unread_messages_take_no_memory(void **state)
{
    static uint8_t filler[1000];
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;
    long before;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    request.number = 20000;
    request.data = (ProtobufCBinaryData){sizeof(filler), filler};
    assert_int_equal(rpctest_Test_Expand(call, &request, &stream), WEIR_OK);
    before = in_use;
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_OK);
    assert_true(in_use - before < 2000000);
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_streams_take_no_more_memory),
        cmocka_unit_test(compressed_messages_allocate_nothing),
        cmocka_unit_test(unread_messages_take_no_memory),
        cmocka_unit_test(server_survives),
        cmocka_unit_test(compression_fails),
        cmocka_unit_test(connections_break),
        cmocka_unit_test(servers_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
