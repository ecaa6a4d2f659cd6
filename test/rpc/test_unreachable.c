/* SPDX-License-Identifier: Apache-2.0 */
/* A client that no packet reaches any more, and none comes from: netfilter drops them all, in a
 * network namespace that is this program's own. */
#define _GNU_SOURCE /* unshare */
#include "heap.h"
#include "service.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define NFT "/usr/sbin/nft"

static void
as_root_of_a_namespace(void)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "0 %u 1", (unsigned)geteuid()), fd;

    assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNET), 0);
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, line, (size_t)len), len);
    close(fd);
}

static int
enter_namespace(void **state)
{
    struct ifreq loopback = {.ifr_name = "lo"};
    int fd;

    (void)state;
    if (unshare(CLONE_NEWNET) != 0)
        as_root_of_a_namespace();
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &loopback) != 0)
        return -1;
    loopback.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 ? close(fd) : -1;
}

static void
run_nft(const char *commands)
{
    char *const argv[] = {(char *)"nft", (char *)commands, NULL};
    char *const environment[] = {(char *)"PATH=/usr/sbin:/sbin", NULL};
    pid_t child;
    int status;

    assert_int_equal(posix_spawn(&child, NFT, NULL, NULL, argv, environment), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
drop_packets(void)
{
    run_nft("add table inet weir;"
            " add chain inet weir input { type filter hook input priority 0; };"
            " add rule inet weir input meta l4proto tcp drop");
}

static void
pass_packets(void)
{
    run_nft("delete table inet weir");
}

struct client {
    const char *address;
    pthread_t thread;
    weir_channel *channel;
    weir_call *_Atomic waiting;
    struct rpctest_Test_Collect_client collect;
    struct rpctest_Test_Expand_client expand;
    struct rpctest_Test_Talk_client talk;
};

/* Their handlers park in receiving, in sending to a window that nobody opens, and in receiving. */
static void
begin_streams(struct client *client)
{
    static uint8_t filler[1000];
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

    message.text = (char *)"one";
    assert_int_equal(
        rpctest_Test_Collect(weir_call_new(client->channel, NULL), &client->collect), WEIR_OK);
    assert_int_equal(rpctest_Test_Collect_client_send(client->collect, &message), WEIR_OK);
    assert_int_equal(
        rpctest_Test_Talk(weir_call_new(client->channel, NULL), &client->talk), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_send(client->talk, &message), WEIR_OK);
    message.number = 1000000;
    message.data = (ProtobufCBinaryData){sizeof(filler), filler};
    assert_int_equal(
        rpctest_Test_Expand(weir_call_new(client->channel, NULL), &message, &client->expand),
        WEIR_OK);
}

/* The loop turns, and so PINGs are answered, while this waits. */
static void
wait_for_an_answer(struct client *client)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *call = weir_call_new(client->channel, NULL);

    request.text = (char *)"wait";
    client->waiting = call;
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_CANCELLED);
    weir_call_free(call);
}

static void *
run_client(void *arg)
{
    struct client *client = arg;
    weir_loop *loop;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, client->address, NULL, &client->channel), WEIR_OK);
    begin_streams(client);
    wait_for_an_answer(client);
    weir_call_free(client->collect.call);
    weir_call_free(client->talk.call);
    weir_call_free(client->expand.call);
    weir_channel_free(client->channel);
    weir_loop_free(loop);
    return NULL;
}

/* Bytes of the heap in use afterwards. */
static size_t
vanish(struct running *running)
{
    struct client client = {.address = running->address};
    unsigned ended = running->seen.ended;

    assert_int_equal(pthread_create(&client.thread, NULL, run_client, &client), 0);
    EVENTUALLY(running->seen.started == ended + 4 && running_stats(running).calls_live == 4);
    drop_packets();
    EVENTUALLY(running->seen.ended == ended + 4);
    EVENTUALLY(running_is_empty(running));
    assert_int_equal(running->seen.last_code, WEIR_CANCELLED);
    pass_packets();
    weir_call_cancel(client.waiting);
    pthread_join(client.thread, NULL);
    return heap_in_use();
}

/* What the first one leaves is what is kept for the next. */
static void
a_client_without_packets_leaves_nothing(void **state)
{
    static const struct weir_server_options options = {
        .keepalive_time = 500 * WEIR_MILLISECOND, .keepalive_timeout = 3 * WEIR_SECOND};
    struct running running;
    size_t before;

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    vanish(&running);
    before = vanish(&running);
    assert_in_range(vanish(&running), 0, before + 16384);
    running_stop(&running, WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* Long before keepalive would ask: what was sent is not acknowledged (gRFC A18). */
static void
a_server_without_packets_is_given_up(void **state)
{
    static const struct weir_channel_options options = {
        .keepalive_time = 3600 * WEIR_SECOND, .keepalive_timeout = WEIR_SECOND};
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *answer;
    struct rpctest_Test_Talk_client talk = {NULL};
    struct running running;
    weir_channel *channel;
    weir_call *call;
    weir_loop *loop;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, &options, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    weir_call_set_timeout(call, 300 * WEIR_SECOND);
    message.text = (char *)"one";
    assert_int_equal(rpctest_Test_Talk(call, &talk), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_send(talk, &message), WEIR_OK);
    assert_true(rpctest_Test_Talk_client_recv(talk, &answer));
    drop_packets();
    assert_int_equal(rpctest_Test_Talk_client_send(talk, &message), WEIR_OK);
    assert_false(rpctest_Test_Talk_client_recv(talk, &answer));
    assert_int_equal(weir_call_code(call), WEIR_UNAVAILABLE);
    assert_string_equal(weir_call_message(call), "Connection timed out");
    pass_packets();
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_without_packets_leaves_nothing),
        cmocka_unit_test(a_server_without_packets_is_given_up),
    };

    return cmocka_run_group_tests_name("unreachable", tests, enter_namespace, NULL);
}
