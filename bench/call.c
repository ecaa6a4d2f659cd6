/* SPDX-License-Identifier: Apache-2.0 */
/* The client's cost of unary calls: one by one from a plain thread, or AT_ONCE concurrently from
 * fibers. Every response is compared with its request; the first tenth of the calls is warm-up.
 * Prints "answered N cpu SECONDS seconds SECONDS".
 *
 *     bench-call HOST:PORT CALLS AT_ONCE */
/* Threads: one. */
#include "echo.weir.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

#define TEXT "the quick brown fox jumps over a"

struct bench {
    weir_loop *loop;
    weir_channel *channel;
    long left;
    long running; /* fibers */
    weir_code code;
};

static weir_code
call_once(struct bench *bench)
{
    Echo__EchoMessage request = ECHO__ECHO_MESSAGE__INIT;
    const Echo__EchoMessage *answer;
    weir_call *call = weir_call_new(bench->channel, NULL);
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    request.text = (char *)TEXT;
    code = echo_Echo_Unary(call, &request, &answer);
    if (code == WEIR_OK && strcmp(answer->text, TEXT) != 0)
        code = WEIR_DATA_LOSS;
    if (code != WEIR_OK)
        fprintf(stderr, "bench-call: %s: %s\n", weir_code_name(code), weir_call_message(call));
    weir_call_free(call);
    return code;
}

static void
call_on(void *arg)
{
    struct bench *bench = arg;

    while (bench->left > 0 && bench->code == WEIR_OK) {
        bench->left--;
        bench->code = call_once(bench);
    }
    if (--bench->running == 0)
        weir_loop_stop(bench->loop);
}

static weir_code
call_at_once(struct bench *bench, long at_once)
{
    for (bench->running = 0; bench->running < at_once; bench->running++)
        WEIR_TRY(weir_loop_spawn(bench->loop, call_on, bench));
    weir_loop_run(bench->loop);
    return bench->code;
}

static weir_code
make_calls(struct bench *bench, long calls, long at_once)
{
    bench->left = calls;
    if (at_once > 1)
        return call_at_once(bench, at_once);
    while (bench->left-- > 0)
        WEIR_TRY(call_once(bench));
    return WEIR_OK;
}

static double
cpu_seconds(void)
{
    struct timespec spent;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static weir_code
run(struct bench *bench, const char *address, long calls, long at_once)
{
    double cpu;
    int64_t start;

    WEIR_TRY(weir_loop_new(&bench->loop));
    WEIR_TRY(weir_channel_new(bench->loop, address, NULL, &bench->channel));
    WEIR_TRY(make_calls(bench, calls / 10 + 1, at_once));
    start = weir_now();
    cpu = cpu_seconds();
    WEIR_TRY(make_calls(bench, calls, at_once));
    printf("answered %ld cpu %.6f seconds %.6f\n", calls, cpu_seconds() - cpu,
        (double)(weir_now() - start) / WEIR_SECOND);
    return WEIR_OK;
}

static bool
parse_count(const char *text, long *out_count)
{
    char *end;

    errno = 0;
    *out_count = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out_count > 0;
}

int
main(int argc, char **argv)
{
    struct bench bench = {.code = WEIR_OK};
    long calls, at_once;
    weir_code code;

    if (argc != 4 || !parse_count(argv[2], &calls) || !parse_count(argv[3], &at_once)) {
        fprintf(stderr, "usage: bench-call HOST:PORT CALLS AT_ONCE\n");
        return 2;
    }
    code = run(&bench, argv[1], calls, at_once);
    weir_channel_free(bench.channel);
    weir_loop_free(bench.loop);
    return code == WEIR_OK ? 0 : 1;
}
