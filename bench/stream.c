/* SPDX-License-Identifier: Apache-2.0 */
/* A client of streams and of large messages:
 *   bench-stream ADDR stream TIMES SIZE   one call that receives TIMES messages
 *   bench-stream ADDR both TIMES SIZE     one call that sends and receives TIMES messages
 *   bench-stream ADDR unary TIMES SIZE    TIMES calls, one by one
 *
 * Every response is compared with what was sent. Prints "answered N seconds S" at the end. */
/* Threads: one. */
#include "echo.weir.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/channel.h>

struct job {
    weir_loop *loop;
    weir_channel *channel;
    char *text;
    int32_t times;
};

static weir_code
fail(weir_call *call, weir_code code)
{
    fprintf(stderr, "bench-stream: %s: %s\n", weir_code_name(code), weir_call_message(call));
    return code;
}

static weir_code
read_stream(weir_call *call, const struct job *job)
{
    struct echo_Echo_ServerStream_client stream;
    Echo__EchoOften request = ECHO__ECHO_OFTEN__INIT;
    const Echo__EchoMessage *message;
    int32_t count = 0;

    request.text = job->text;
    request.times = job->times;
    WEIR_TRY(echo_Echo_ServerStream(call, &request, &stream));
    while (echo_Echo_ServerStream_client_recv(stream, &message)) {
        if (strcmp(message->text, job->text) != 0)
            return WEIR_DATA_LOSS;
        count++;
    }
    WEIR_TRY(echo_Echo_ServerStream_client_finish(stream));
    return count == job->times ? WEIR_OK : WEIR_DATA_LOSS;
}

struct sender {
    const struct job *job;
    struct echo_Echo_BothWays_client stream;
};

/* Runs on a fiber of its own, while another one receives. */
static void
send_all(void *arg)
{
    const struct sender *sender = arg;
    Echo__EchoMessage message = ECHO__ECHO_MESSAGE__INIT;

    message.text = sender->job->text;
    for (int32_t i = 0; i < sender->job->times; i++) {
        if (echo_Echo_BothWays_client_send(sender->stream, &message) != WEIR_OK)
            return;
    }
}

static weir_code
go_both_ways(weir_call *call, const struct job *job)
{
    struct sender sender = {.job = job};
    const Echo__EchoMessage *message;
    int32_t count = 0;

    WEIR_TRY(echo_Echo_BothWays(call, &sender.stream));
    WEIR_TRY(weir_loop_spawn(job->loop, send_all, &sender));
    while (count < job->times && echo_Echo_BothWays_client_recv(sender.stream, &message)) {
        if (strcmp(message->text, job->text) != 0)
            return WEIR_DATA_LOSS;
        count++;
    }
    WEIR_TRY(echo_Echo_BothWays_client_finish(sender.stream));
    return count == job->times ? WEIR_OK : WEIR_DATA_LOSS;
}

static weir_code
run_stream(const struct job *job, weir_code (*exchange)(weir_call *call, const struct job *job))
{
    weir_call *call = weir_call_new(job->channel, NULL);
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = exchange(call, job);
    if (code != WEIR_OK) {
        fail(call, code);
        exit(EXIT_FAILURE); /* the sender may still use the call */
    }
    weir_call_free(call);
    return code;
}

static weir_code
run_one(const struct job *job)
{
    weir_call *call = weir_call_new(job->channel, NULL);
    Echo__EchoMessage request = ECHO__ECHO_MESSAGE__INIT;
    const Echo__EchoMessage *answer;
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    request.text = job->text;
    code = echo_Echo_Unary(call, &request, &answer);
    if (code == WEIR_OK && strcmp(answer->text, job->text) != 0)
        code = WEIR_DATA_LOSS;
    if (code != WEIR_OK)
        fail(call, code);
    weir_call_free(call);
    return code;
}

static weir_code
run_unary(const struct job *job)
{
    for (int32_t i = 0; i < job->times; i++)
        WEIR_TRY(run_one(job));
    return WEIR_OK;
}

static weir_code
run_kind(const char *kind, const struct job *job)
{
    if (strcmp(kind, "unary") == 0)
        return run_unary(job);
    return run_stream(job, strcmp(kind, "both") == 0 ? go_both_ways : read_stream);
}

static bool
parse_count(const char *text, long most, long *out_count)
{
    char *end;

    errno = 0;
    *out_count = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out_count > 0 && *out_count <= most;
}

static weir_code
run(const char *address, const char *kind, struct job *job)
{
    weir_code code = weir_loop_new(&job->loop);
    int64_t start;

    if (code == WEIR_OK)
        code = weir_channel_new(job->loop, address, NULL, &job->channel);
    start = weir_now();
    if (code == WEIR_OK)
        code = run_kind(kind, job);
    if (code == WEIR_OK)
        printf(
            "answered %d seconds %.6f\n", job->times, (double)(weir_now() - start) / WEIR_SECOND);
    weir_channel_free(job->channel);
    weir_loop_free(job->loop);
    return code;
}

int
main(int argc, char **argv)
{
    struct job job = {.channel = NULL};
    long times, size;
    weir_code code;

    if (argc != 5 ||
        (strcmp(argv[2], "stream") != 0 && strcmp(argv[2], "both") != 0 &&
            strcmp(argv[2], "unary") != 0) ||
        !parse_count(argv[3], INT32_MAX, &times) || !parse_count(argv[4], 3 << 20, &size)) {
        fprintf(stderr, "usage: bench-stream ADDR stream|both|unary TIMES SIZE\n");
        return 2;
    }
    job.times = (int32_t)times;
    job.text = malloc((size_t)size + 1);
    if (job.text == NULL)
        return 1;
    memset(job.text, 'x', (size_t)size);
    job.text[size] = '\0';
    code = run(argv[1], argv[2], &job);
    free(job.text);
    return code == WEIR_OK ? 0 : 1;
}
