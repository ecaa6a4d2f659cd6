/* SPDX-License-Identifier: Apache-2.0 */
/* A channel through an HTTP proxy: which one, what it is asked, and what it may answer. */
#include "client.h"
#include "client/proxy.h"
#include "raw.h"
#include "service.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)

static const char *const variables[] = {"grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy",
    "no_grpc_proxy", "no_proxy", "NO_PROXY"};

static int
clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

/* ---- which proxy ---- */

/* "NAME=VALUE NAME=VALUE"; values have no blanks. */
static void
set_environment(const char *settings)
{
    char copy[256], *rest = copy, *setting;

    clear_environment(NULL);
    snprintf(copy, sizeof(copy), "%s", settings);
    while ((setting = strsep(&rest, " ")) != NULL) {
        char *value = strchr(setting, '=');

        if (value == NULL)
            continue;
        *value = '\0';
        assert_int_equal(setenv(setting, value + 1, 1), 0);
    }
}

static void
the_environment_names_it(void **state)
{
    static const struct {
        const char *settings, *target, *proxy; /* NULL: none, "": one that cannot be used */
    } rows[] = {
        {"", "a:1", NULL},
        {"grpc_proxy=http://p:3128", "a:1", "p:3128"},
        {"grpc_proxy=http://p:3128", "dns:a", "p:3128"},
        {"grpc_proxy=http://p:3128", "dns://127.0.0.1/a", "p:3128"},
        {"grpc_proxy=http://p:3128", "10.0.0.1:1", "p:3128"},
        {"https_proxy=http://p http_proxy=http://q", "a:1", "p:80"},
        {"http_proxy=HTTP://[::1]:8/path", "a:1", "[::1]:8"},
        {"http_proxy=http://[::1]", "a:1", "[::1]:80"},
        {"http_proxy=p:1", "a:1", "p:1"},
        {"http_proxy=http://me:word@p:1", "a:1", "p:1"},
        {"http_proxy=http://me:w@rd@p:1/?x", "a:1", "p:1"},
        {"grpc_proxy= http_proxy=http://q", "a:1", NULL},
        {"HTTPS_PROXY=http://p http_proxy=http://q", "a:1", "p:80"},
        {"HTTPS_PROXY=http://p https_proxy=http://q", "a:1", "q:80"},
        {"HTTPS_PROXY=http://p https_proxy=", "a:1", NULL},
        {"HTTP_PROXY=http://p", "a:1", NULL},
        {"https_proxy=https://p:1", "a:1", ""},
        {"https_proxy=socks5://p:1", "a:1", ""},
        {"https_proxy=http://", "a:1", ""},
        {"https_proxy=http://p:x", "a:1", ""},
        {"https_proxy=http://p:70000", "a:1", ""},
        {"https_proxy=unix:/p", "a:1", ""},
        {"https_proxy=http://me:1/2@p:1", "a:1", ""},
        /* Other targets than one server by name or address. */
        {"http_proxy=http://p", "unix:/a", NULL},
        {"http_proxy=http://p", "unix-abstract:a", NULL},
        {"http_proxy=http://p", "a:1,b:1", NULL},
        {"http_proxy=http://p", "ipv4:10.0.0.1:1", NULL},
        {"http_proxy=http://p", "ipv6:[fd00::1]:1", NULL},
        /* This machine. */
        {"http_proxy=http://p", "localhost:1", NULL},
        {"http_proxy=http://p", "a.LocalHost:1", NULL},
        {"http_proxy=http://p", "notlocalhost:1", "p:80"},
        {"http_proxy=http://p", "127.1.2.3:1", NULL},
        {"http_proxy=http://p", "[::1]:1", NULL},
        {"http_proxy=http://p", "[::ffff:127.0.0.1]:1", NULL},
        {"http_proxy=nonsense://", "127.0.0.1:1", NULL},
        /* What is reached directly. */
        {"http_proxy=http://p no_proxy=*", "a.b:1", NULL},
        {"http_proxy=http://p no_proxy=x,a.b", "a.b:1", NULL},
        {"http_proxy=http://p no_proxy=a.b", "c.A.B:1", NULL},
        {"http_proxy=http://p no_proxy=.a.b", "a.b:1", NULL},
        {"http_proxy=http://p no_proxy=.a.b", "c.a.b:1", NULL},
        {"http_proxy=http://p no_proxy=a.b", "ca.b:1", "p:80"},
        {"http_proxy=http://p no_proxy=a.b", "b:1", "p:80"},
        {"http_proxy=http://p no_proxy=.,,", "a:1", "p:80"},
        {"http_proxy=http://p no_proxy=a no_grpc_proxy=b", "a:1", "p:80"},
        {"http_proxy=http://p no_proxy=a no_grpc_proxy=b", "b:1", NULL},
        {"http_proxy=http://p no_proxy=a no_grpc_proxy=", "a:1", "p:80"},
        {"http_proxy=http://p NO_PROXY=a", "a:1", NULL},
        {"http_proxy=http://p NO_PROXY=a no_proxy=b", "a:1", "p:80"},
        {"http_proxy=http://p no_proxy=*.a.b", "c.a.b:1", NULL},
        {"http_proxy=http://p no_proxy=*.a.b", "ca.b:1", "p:80"},
        {"http_proxy=http://p no_proxy=*.", "a:1", "p:80"},
        {"http_proxy=http://p no_proxy=a.b:1", "c.a.b:1", NULL},
        {"http_proxy=http://p no_proxy=a.b:2", "a.b:1", "p:80"},
        {"http_proxy=http://p no_proxy=a.b:", "a.b:1", "p:80"},
        {"http_proxy=http://p no_proxy=10.0.0.1:1", "10.0.0.1:1", NULL},
        {"http_proxy=http://p no_proxy=10.0.0.1:2", "10.0.0.1:1", "p:80"},
        {"http_proxy=http://p no_proxy=[fd12::1]:1", "[fd12::1]:1", NULL},
        {"http_proxy=http://p no_proxy=[fd12::1]:2", "[fd12::1]:1", "p:80"},
        {"http_proxy=http://p no_proxy=[fd12::1]", "[fd12::1]:1", NULL},
        {"http_proxy=http://p no_proxy=[],[,],[fd12::2]", "[fd12::1]:1", "p:80"},
        {"http_proxy=http://p no_proxy=unix:/a", "a:1", "p:80"},
        {"http_proxy=http://p no_proxy=10.0.0.1", "10.0.0.1:1", NULL},
        {"http_proxy=http://p no_proxy=10.0.0.1", "10.0.0.2:1", "p:80"},
        {"http_proxy=http://p no_proxy=10.0.0.0/8", "10.9.9.9:1", NULL},
        {"http_proxy=http://p no_proxy=10.128.0.0/9", "10.127.0.1:1", "p:80"},
        {"http_proxy=http://p no_proxy=10.128.0.0/9", "10.129.0.1:1", NULL},
        {"http_proxy=http://p no_proxy=10.0.0.0/0", "1.2.3.4:1", NULL},
        {"http_proxy=http://p no_proxy=10.0.0.0/33,10.0.0.0/,10.0.0.0/8x,/8", "10.0.0.1:1", "p:80"},
        {"http_proxy=http://p no_proxy=fd00::/8", "[fd12::1]:1", NULL},
        {"http_proxy=http://p no_proxy=fd00::/8", "[fe12::1]:1", "p:80"},
        {"http_proxy=http://p no_proxy=10.0.0.0/8", "[::a00:1]:1", "p:80"},
        {"http_proxy=http://p no_proxy=0.0.0.1", "10.0.0.1:1", "p:80"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client_proxy proxy = {0};
        struct client_target target;
        bool is_one = rows[i].proxy != NULL && rows[i].proxy[0] != '\0', good;

        set_environment(rows[i].settings);
        assert_int_equal(target_parse(rows[i].target, NULL, &target), WEIR_OK);
        assert_int_equal(proxy_init(&proxy, &target), WEIR_OK);
        good = is_one ? proxy.address != NULL && strcmp(proxy.address, rows[i].proxy) == 0 &&
                            strcmp(target.pieces[0], rows[i].proxy) == 0
                      : proxy.address == NULL;
        if (!good || (proxy.wrong[0] != '\0') != (rows[i].proxy != NULL && !is_one))
            fail_msg("%s: %s goes to %s (%s)", rows[i].settings, rows[i].target,
                proxy.address == NULL ? "itself" : proxy.address, proxy.wrong);
        proxy_fini(&proxy);
        target_fini(&target);
    }
}

/* A list may be long, and have anything in it. */
static void
a_long_list_does_no_harm(void **state)
{
    struct client_proxy proxy = {0};
    struct client_target target;
    char *list = malloc(100001);

    (void)state;
    memset(list, 'a', 100000);
    memcpy(list + 99990, ", b", 4);
    set_environment("http_proxy=http://p");
    assert_int_equal(setenv("no_proxy", list, 1), 0);
    free(list);
    assert_int_equal(target_parse("b:1", NULL, &target), WEIR_OK);
    assert_int_equal(proxy_init(&proxy, &target), WEIR_OK);
    assert_null(proxy.address);
    proxy_fini(&proxy);
    target_fini(&target);
}

static void
what_it_is_asked(void **state)
{
    static const struct {
        const char *proxy, *target, *request;
    } rows[] = {
        {"http://p", "a:1", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"},
        {"http://p", "dns:a", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"},
        {"http://p", "[fd00::1]:7", "CONNECT [fd00::1]:7 HTTP/1.1\r\nHost: [fd00::1]:7\r\n\r\n"},
        {"http://me:word@p", "a:1",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nProxy-Authorization: Basic bWU6d29yZA==\r\n\r\n"},
        {"http://me@p", "a:1",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nProxy-Authorization: Basic bWU6\r\n\r\n"},
        {"http://m%40e:%3aw%0d%0a@p", "a:1",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nProxy-Authorization: Basic bUBlOjp3DQo=\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client_proxy proxy = {0};
        struct client_target target;

        clear_environment(NULL);
        assert_int_equal(setenv("http_proxy", rows[i].proxy, 1), 0);
        assert_int_equal(target_parse(rows[i].target, NULL, &target), WEIR_OK);
        assert_int_equal(proxy_init(&proxy, &target), WEIR_OK);
        assert_string_equal(proxy.request, rows[i].request);
        proxy_fini(&proxy);
        target_fini(&target);
    }
}

/* ---- a proxy ---- */

/* Takes connections one after the other; each gets `answer`, in pieces of `piece` bytes, and is
 * then led to `server`, or without one closed once its client is gone. */
struct proxy {
    int listener;
    char address[32];
    const char *answer;
    size_t piece;       /* 0: in one */
    const char *server; /* NULL: none */
    pthread_t thread;
    size_t connections;
    char request[1024]; /* the last one */
};

static int
dial(const char *address)
{
    struct raw raw;
    int fd;

    raw_connect(&raw, address);
    fd = dup(raw.fd);
    raw_close(&raw);
    return fd;
}

static bool
pass(int from, int to)
{
    char bytes[4096];
    ssize_t len = recv(from, bytes, sizeof(bytes), 0);

    return len > 0 && send(to, bytes, (size_t)len, MSG_NOSIGNAL) == len;
}

static void
lead(int client, const char *server)
{
    struct pollfd ends[] = {{client, POLLIN, 0}, {dial(server), POLLIN, 0}};
    bool both = true;

    while (both && poll(ends, 2, -1) > 0) {
        if (ends[0].revents != 0)
            both = pass(ends[0].fd, ends[1].fd);
        if (both && ends[1].revents != 0)
            both = pass(ends[1].fd, ends[0].fd);
    }
    close(ends[1].fd);
}

/* False: the client went before its request was whole. */
static bool
hear(struct proxy *proxy, int fd)
{
    size_t len = 0;
    ssize_t got;

    do {
        got = recv(fd, proxy->request + len, sizeof(proxy->request) - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
        proxy->request[len] = '\0';
    } while (got > 0 && strstr(proxy->request, "\r\n\r\n") == NULL);
    return got > 0;
}

static void
say(const struct proxy *proxy, int fd)
{
    size_t len = strlen(proxy->answer), piece = proxy->piece == 0 ? len : proxy->piece;

    for (size_t at = 0; at < len; at += piece) {
        size_t some = len - at < piece ? len - at : piece;

        if (send(fd, proxy->answer + at, some, MSG_NOSIGNAL) < 0)
            return;
        if (proxy->piece != 0)
            usleep(1000);
    }
}

static void *
run_proxy(void *arg)
{
    struct proxy *proxy = arg;
    char rest[64];
    int fd;

    while ((fd = accept(proxy->listener, NULL, NULL)) >= 0) {
        proxy->connections++;
        if (hear(proxy, fd)) {
            say(proxy, fd);
            if (proxy->server != NULL)
                lead(fd, proxy->server);
            else
                while (recv(fd, rest, sizeof(rest), 0) > 0)
                    continue;
        }
        close(fd);
    }
    return NULL;
}

static void
start_proxy(struct proxy *proxy)
{
    char url[64];

    proxy->listener = raw_listen(proxy->address);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run_proxy, proxy), 0);
    snprintf(url, sizeof(url), "http://me:word@%s", proxy->address);
    clear_environment(NULL);
    assert_int_equal(setenv("grpc_proxy", url, 1), 0);
}

static void
stop_proxy(struct proxy *proxy)
{
    shutdown(proxy->listener, SHUT_RDWR);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
}

static weir_code
ask(const char *target, const struct weir_channel_options *options, char out_text[512])
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct client client;
    weir_call *call;
    weir_code code;

    open_client(&client, target, options);
    call = weir_call_new(client.channel, NULL);
    weir_call_set_timeout(call, PATIENCE);
    request.text = (char *)"hello";
    code = rpctest_Test_Unary(call, &request, &response);
    if (code == WEIR_OK)
        assert_string_equal(response->text, "hello");
    snprintf(out_text, 512, "%s", weir_call_message(call));
    weir_call_free(call);
    close_client(&client);
    return code;
}

static void
calls_go_through_it(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 "
        "OK\r\n\r\n",
        "HTTP/1.0 200\r\nContent-Length: 9\r\nX: y\r\n\r\n"};
    static const size_t pieces[] = {0, 1};
    struct running running;
    char text[512];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    for (size_t i = 0; i < COUNT(answers) * COUNT(pieces); i++) {
        struct proxy proxy = {
            .answer = answers[i / 2], .piece = pieces[i % 2], .server = running.address};

        start_proxy(&proxy);
        assert_int_equal(ask("service.invalid:7", NULL, text), WEIR_OK);
        stop_proxy(&proxy);
        assert_int_equal(proxy.connections, 1);
        assert_string_equal(proxy.request,
            "CONNECT service.invalid:7 HTTP/1.1\r\nHost: service.invalid:7\r\n"
            "Proxy-Authorization: Basic bWU6d29yZA==\r\n\r\n");
    }
    running_stop(&running, WEIR_SECOND);
}

/* A server may speak first, and its words come together with the proxy's. */
static void
what_follows_is_the_servers(void **state)
{
    /* A SETTINGS frame that allows no header list at all, which shows in the call's end. */
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n"
                                 "\0\0\6\4\0\0\0\0\0"
                                 "\0\6\0\0\0\1";
    char request[1024], address[32], url[64], text[512];
    struct client client;
    Rpctest__Payload payload = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *call;
    int listener = raw_listen(address), fd;

    (void)state;
    clear_environment(NULL);
    snprintf(url, sizeof(url), "http://%s", address);
    setenv("https_proxy", url, 1);
    open_client(&client, "service.invalid:7", NULL);
    assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
    weir_loop_turn(client.loop);
    fd = accept(listener, NULL, NULL);
    while (recv(fd, request, sizeof(request), MSG_DONTWAIT) < 0)
        weir_loop_turn(client.loop);
    assert_int_equal(send(fd, answer, sizeof(answer) - 1, 0), sizeof(answer) - 1);
    call = weir_call_new(client.channel, NULL);
    weir_call_set_timeout(call, PATIENCE);
    assert_int_equal(rpctest_Test_Unary(call, &payload, &response), WEIR_RESOURCE_EXHAUSTED);
    snprintf(text, sizeof(text), "%s", weir_call_message(call));
    assert_string_equal(text, "headers larger than the server takes");
    weir_call_free(call);
    close_client(&client);
    close(fd);
    close(listener);
}

#define INTERIM "HTTP/1.1 100\r\n\r\nHTTP/1.1 102 a\r\n\r\nHTTP/1.1 103\r\n\r\nHTTP/1.1 199\r\n\r\n"

static void
a_refusal_says_why(void **state)
{
    static const struct {
        const char *answer, *text;
    } rows[] = {
        {"HTTP/1.1 403 Filtered\r\n\r\n<html>", ": it answers CONNECT with 403 Filtered"},
        {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            ": it answers CONNECT with 407 Proxy Authentication Required: it wants another user "
            "and "
            "password"},
        {"HTTP/1.0 502\r\n\r\n", ": it answers CONNECT with 502"},
        {"HTTP/1.1 500 \x1b[31m\xff\r\n\r\n", ": it answers CONNECT with 500 ?[31m?"},
        {"HTTP/1.1 101 Switching\r\n\r\n", ": it answers CONNECT with 101 Switching"},
        {"SSH-2.0-OpenSSH\r\n", ": its answer to CONNECT is not HTTP"},
        {"H2", ": its answer to CONNECT is not HTTP"},
        {"HTTP/2 200 OK\r\n\r\n", ": its answer to CONNECT is not HTTP"},
        {"HTTP/1.1 20 OK\r\n\r\n", ": its answer to CONNECT is not HTTP"},
        {"HTTP/1.1 2000 OK\r\n\r\n", ": its answer to CONNECT is not HTTP"},
        {"HTTP/1.\r\n\r\n", ": its answer to CONNECT is not HTTP"},
        {INTERIM INTERIM INTERIM INTERIM "HTTP/1.1 100\r\n\r\n",
            ": it answers CONNECT with too many interim answers"},
    };
    char text[512], expected[512];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct proxy proxy = {.answer = rows[i].answer};

        start_proxy(&proxy);
        assert_int_equal(ask("service.invalid:7", NULL, text), WEIR_UNAVAILABLE);
        stop_proxy(&proxy);
        snprintf(expected, sizeof(expected),
            "cannot reach service.invalid:7 through the proxy %s%s", proxy.address, rows[i].text);
        assert_string_equal(text, expected);
    }
}

static void
an_endless_answer_is_cut_off(void **state)
{
    char *answer = malloc(100001), text[512];
    struct proxy proxy = {.answer = answer};

    (void)state;
    memset(answer, 'x', 100000);
    memcpy(answer, "HTTP/1.1 200 OK\r\nX: ", 20);
    answer[100000] = '\0';
    start_proxy(&proxy);
    assert_int_equal(ask("service.invalid:7", NULL, text), WEIR_UNAVAILABLE);
    assert_non_null(strstr(text, ": its answer to CONNECT is too long"));
    stop_proxy(&proxy);
    free(answer);
}

static void
a_silent_proxy_is_given_up(void **state)
{
    const struct weir_channel_options options = {.connect_timeout = 100 * WEIR_MILLISECOND};
    struct proxy proxy = {.answer = "HTTP/1.1 200 OK\r\n"};
    char text[512];

    (void)state;
    start_proxy(&proxy);
    assert_int_equal(ask("service.invalid:7", &options, text), WEIR_UNAVAILABLE);
    assert_non_null(strstr(text, ": no answer to CONNECT in time"));
    stop_proxy(&proxy);
}

/* Freed in the middle of it: nothing is left, as the sanitizers see. */
static void
a_channel_may_go_meanwhile(void **state)
{
    struct proxy proxy = {.answer = "HTTP/1.1 200 OK\r\n"};
    struct client client;

    (void)state;
    start_proxy(&proxy);
    open_client(&client, "service.invalid:7", NULL);
    assert_int_equal(weir_channel_connect(client.channel), WEIR_OK);
    for (int i = 0; i < 10; i++)
        weir_loop_turn(client.loop);
    close_client(&client);
    stop_proxy(&proxy);
}

static void
one_that_is_not_there_is_named(void **state)
{
    char text[512];

    (void)state;
    set_environment("grpc_proxy=http://me:word@127.0.0.1:1");
    assert_int_equal(ask("service.invalid:7", NULL, text), WEIR_UNAVAILABLE);
    assert_string_equal(text, "cannot reach service.invalid:7 through the proxy 127.0.0.1:1: "
                              "Connection refused");
    set_environment("grpc_proxy=http://me:word@proxy.invalid:1");
    assert_int_equal(ask("service.invalid:7", NULL, text), WEIR_UNAVAILABLE);
    assert_non_null(strstr(text,
        "cannot reach service.invalid:7 through the proxy proxy.invalid:1: resolver error: "));
    set_environment("grpc_proxy=socks5://me:word@127.0.0.1:1");
    assert_int_equal(ask("service.invalid:7", NULL, text), WEIR_UNAVAILABLE);
    assert_string_equal(text, "cannot reach service.invalid:7: resolver error: the environment's "
                              "grpc_proxy is none that can be used: "
                              "http://[USER:PASSWORD@]HOST[:PORT] is");
}

static void
a_channel_may_go_directly(void **state)
{
    const struct weir_channel_options options = {.direct = true};
    char text[512];

    (void)state;
    set_environment("grpc_proxy=http://127.0.0.1:1");
    assert_int_equal(ask("service.invalid:7", &options, text), WEIR_UNAVAILABLE);
    assert_non_null(strstr(text, "cannot reach service.invalid:7: resolver error: "));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_names_it),
        cmocka_unit_test(a_long_list_does_no_harm),
        cmocka_unit_test(what_it_is_asked),
        cmocka_unit_test(calls_go_through_it),
        cmocka_unit_test(what_follows_is_the_servers),
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(an_endless_answer_is_cut_off),
        cmocka_unit_test(a_silent_proxy_is_given_up),
        cmocka_unit_test(a_channel_may_go_meanwhile),
        cmocka_unit_test(one_that_is_not_there_is_named),
        cmocka_unit_test(a_channel_may_go_directly),
    };

    return cmocka_run_group_tests(tests, clear_environment, clear_environment);
}
