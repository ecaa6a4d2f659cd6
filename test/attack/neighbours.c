/* SPDX-License-Identifier: Apache-2.0 */
/* Well-behaved clients of userd beside an attacker: each has a connection of its own and asks for a
 * user every so often. A line on standard input asks for what happened since the last one, in JSON:
 * calls, how many failed, why the first of them did, and how long calls took in microseconds. It
 * ends with its input.  neighbours TARGET CLIENTS PERIOD_MS [CA]: with TLS, by that authority */
#include "user.weir.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { MOST_CLIENTS = 1000, SAMPLES = 1 << 20, LINE = 256 };

#define TIMEOUT (10 * WEIR_SECOND)

struct report {
    size_t calls, failed;
    char why[LINE];
    uint32_t micros[SAMPLES]; /* of the calls that went well */
};

struct client {
    weir_channel *channel;
    struct neighbours *all;
};

struct neighbours {
    weir_loop *loop;
    int64_t period;
    size_t count;
    struct client clients[MOST_CLIENTS];
    atomic_size_t running;
    atomic_bool over;
    pthread_mutex_t lock; /* of the report */
    struct report report;
};

static struct neighbours neighbours = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
note(struct report *report, int64_t took, weir_code code, const char *message)
{
    pthread_mutex_lock(&neighbours.lock);
    if (code == WEIR_OK && report->calls < SAMPLES)
        report->micros[report->calls] = (uint32_t)(took / 1000);
    if (code != WEIR_OK && report->failed++ == 0)
        snprintf(report->why, sizeof(report->why), "%s: %s", weir_code_name(code), message);
    report->calls += code == WEIR_OK;
    pthread_mutex_unlock(&neighbours.lock);
}

static void
ask(struct client *client)
{
    User__GetUserRequest request = USER__GET_USER_REQUEST__INIT;
    const User__GetUserResponse *response;
    weir_call *call = weir_call_new(client->channel, NULL);
    weir_code code;
    int64_t start;

    if (call == NULL || weir_call_sleep(call, client->all->period) != WEIR_OK)
        abort();
    request.id = 1;
    start = weir_now();
    weir_call_set_timeout(call, TIMEOUT);
    code = user_UserService_GetUser(call, &request, &response);
    note(&client->all->report, weir_now() - start, code, weir_call_message(call));
    weir_call_free(call);
}

static void
run_client(void *arg)
{
    struct client *client = arg;

    while (!client->all->over)
        ask(client);
    if (atomic_fetch_sub(&client->all->running, 1) == 1)
        weir_loop_stop(client->all->loop);
}

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static int
by_size(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

    return (one > other) - (one < other);
}

/* Everything is taken before it is sorted and told, so that the clients go on meanwhile. */
static void
tell(void)
{
    static struct report taken;
    size_t count;

    pthread_mutex_lock(&neighbours.lock);
    taken = neighbours.report;
    neighbours.report.calls = neighbours.report.failed = 0;
    neighbours.report.why[0] = '\0';
    pthread_mutex_unlock(&neighbours.lock);
    count = taken.calls < SAMPLES ? taken.calls : SAMPLES;
    qsort(taken.micros, count, sizeof(taken.micros[0]), by_size);
    for (char *at = taken.why; (at = strpbrk(at, "\"\\\n")) != NULL;)
        *at = '\'';
    printf("{\"calls\": %zu, \"failed\": %zu, \"why\": \"%s\", \"p50\": %u, \"p99\": %u}\n",
        taken.calls, taken.failed, taken.why, count == 0 ? 0 : taken.micros[count / 2],
        count == 0 ? 0 : taken.micros[count * 99 / 100]);
    fflush(stdout);
}

/* Whom to believe; NULL: nobody, it goes in plain text. */
static weir_code
open_tls(const char *ca, weir_tls **out_tls)
{
    const struct weir_tls_client_options options = {.ca_file = ca};
    char error[WEIR_TLS_ERROR];
    weir_code code;

    if (ca == NULL)
        return WEIR_OK;
    code = weir_tls_client_new(&options, out_tls, error);
    if (code != WEIR_OK)
        fprintf(stderr, "neighbours: %s\n", error);
    return code;
}

static weir_code
start(const char *target, const char *ca)
{
    struct weir_channel_options options = {.tls = NULL};

    WEIR_TRY(open_tls(ca, &options.tls));
    neighbours.running = neighbours.count;
    WEIR_TRY(weir_loop_new(&neighbours.loop));
    for (size_t i = 0; i < neighbours.count; i++) {
        struct client *client = &neighbours.clients[i];

        client->all = &neighbours;
        WEIR_TRY(weir_channel_new(neighbours.loop, target, &options, &client->channel));
        WEIR_TRY(weir_loop_spawn(neighbours.loop, run_client, client));
    }
    weir_tls_free(options.tls);
    return WEIR_OK;
}

int
main(int argc, char **argv)
{
    pthread_t thread;
    char line[LINE];

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: neighbours TARGET CLIENTS PERIOD_MS [CA]\n");
        return 2;
    }
    neighbours.count = strtoul(argv[2], NULL, 10);
    neighbours.period = strtol(argv[3], NULL, 10) * WEIR_MILLISECOND;
    if (neighbours.count == 0 || neighbours.count > MOST_CLIENTS ||
        start(argv[1], argv[4]) != WEIR_OK ||
        pthread_create(&thread, NULL, turn, neighbours.loop) != 0) {
        fprintf(stderr, "neighbours: cannot start\n");
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL)
        tell();
    neighbours.over = true;
    pthread_join(thread, NULL);
    for (size_t i = 0; i < neighbours.count; i++)
        weir_channel_free(neighbours.clients[i].channel);
    weir_loop_free(neighbours.loop);
    return 0;
}
