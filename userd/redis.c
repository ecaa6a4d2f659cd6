/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to Redis, on a thread of its own:
 *
 *     caller -> request -> queue --(eventfd)--> thread -> socket -> Redis
 *     event <- request <- sent requests, oldest first <-'
 *
 * Connecting may block this thread. A request is shared by the caller and the thread, because the
 * caller leaves when its call ends. If the oldest request times out, or Redis does not respond to a
 * PING after a silence, the connection is closed, and all requests that wait for it fail. */
#include "userd/redis.h"

#include "userd/redis_url.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE (250 * WEIR_MILLISECOND) /* timeout of a response */
#define CONNECT_SECONDS 1                 /* timeout of each step of connecting */
#define QUIET WEIR_SECOND                 /* of silence, then a PING is sent */
#define BACKOFF_MIN (50 * WEIR_MILLISECOND)
#define BACKOFF_MAX WEIR_SECOND
#define WAITING_MAX 65536 /* requests */

struct request {
    char *text; /* in Redis' protocol; belongs to the thread once it is queued */
    int len;
    int64_t sent_at;  /* when it was written; the timeout counts from here, so that our own
                         delays do not count */
    weir_event *done; /* NULL: nobody waits */
    weir_code code;   /* set before done, like reply */
    redisReply *reply;
    atomic_uint holders;
    struct request *next;
};

struct requests {
    struct request *first, **last;
    size_t count;
};

struct redis {
    struct redis_url url;
    char *channel; /* NULL: none */
    struct redis_options options;
    pthread_t thread;
    int wake; /* an eventfd */
    pthread_mutex_t lock;
    struct requests queue; /* guarded by the lock, like the following fields */
    bool works, stopping, tried;
    pthread_cond_t tried_once;
    bool awake; /* the thread will look at the queue before it sleeps */
    bool refused;
    char why[REDIS_WHY];
    redisContext *context; /* belongs to the thread, like the following fields; NULL: not
                              connected */
    struct requests sent;
    int64_t heard_at, backoff;
    char told[REDIS_WHY]; /* the last reason that was reported; "": none since it worked */
};

/* ---- requests ---- */

static void
requests_init(struct requests *requests)
{
    *requests = (struct requests){.last = &requests->first};
}

static void
requests_add(struct requests *requests, struct request *request)
{
    request->next = NULL;
    *requests->last = request;
    requests->last = &request->next;
    requests->count++;
}

static struct request *
requests_take(struct requests *requests)
{
    struct request *request = requests->first;

    if (request == NULL)
        return NULL;
    requests->first = request->next;
    if (requests->first == NULL)
        requests->last = &requests->first;
    requests->count--;
    return request;
}

static void
request_unref(struct request *request)
{
    if (atomic_fetch_sub(&request->holders, 1) != 1)
        return;
    redisFreeCommand(request->text);
    if (request->reply != NULL)
        freeReplyObject(request->reply);
    weir_event_unref(request->done);
    free(request);
}

/* NULL: no memory. */
static struct request *
request_new(int argc, const char **argv, const size_t *lens, bool awaited)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request == NULL)
        return NULL;
    atomic_init(&request->holders, 1);
    request->len = redisFormatCommandArgv(&request->text, argc, argv, lens);
    if (awaited)
        request->done = weir_event_new();
    if (request->len >= 0 && (!awaited || request->done != NULL))
        return request;
    if (request->len < 0)
        request->text = NULL;
    request_unref(request);
    return NULL;
}

/* Adopts both; reply may be NULL. */
static void
request_answer(struct request *request, weir_code code, redisReply *reply)
{
    request->code = code;
    request->reply = reply;
    if (request->done != NULL)
        weir_event_set(request->done);
    request_unref(request);
}

/* ---- callers ---- */

static void
wake_thread(const struct redis *redis)
{
    const uint64_t one = 1;

    (void)!write(redis->wake, &one, sizeof(one));
}

/* Takes a reference of its own. */
static bool
submit(struct redis *redis, struct request *request)
{
    bool good, asleep = false;

    pthread_mutex_lock(&redis->lock);
    good = redis->works && redis->queue.count < WAITING_MAX;
    if (good) {
        atomic_fetch_add(&request->holders, 1);
        requests_add(&redis->queue, request);
        asleep = !redis->awake;
        redis->awake = true;
    }
    pthread_mutex_unlock(&redis->lock);
    if (asleep)
        wake_thread(redis);
    return good;
}

static void
note_refusal(struct redis *redis, const redisReply *reply)
{
    pthread_mutex_lock(&redis->lock);
    redis->refused = true;
    snprintf(redis->why, sizeof(redis->why), "%.*s", (int)(reply->len > 120 ? 120 : reply->len),
        reply->str);
    pthread_mutex_unlock(&redis->lock);
}

static weir_code
await(struct redis *redis, weir_call *call, struct request *request, redisReply **out_reply)
{
    WEIR_TRY(weir_event_wait(request->done, call));
    WEIR_TRY(request->code);
    if (request->reply->type == REDIS_REPLY_ERROR) {
        note_refusal(redis, request->reply);
        return WEIR_UNAVAILABLE;
    }
    *out_reply = request->reply;
    request->reply = NULL;
    return WEIR_OK;
}

weir_code
redis_ask(struct redis *redis, weir_call *call, int argc, const char **argv, const size_t *lens,
    redisReply **out_reply)
{
    struct request *request;
    weir_code code = WEIR_UNAVAILABLE;

    if (!redis_works(redis))
        return code;
    request = request_new(argc, argv, lens, true);
    if (request == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (submit(redis, request))
        code = await(redis, call, request, out_reply);
    request_unref(request);
    return code;
}

bool
redis_tell(struct redis *redis, int argc, const char **argv, const size_t *lens)
{
    struct request *request;
    bool good;

    if (!redis_works(redis))
        return false;
    request = request_new(argc, argv, lens, false);
    if (request == NULL)
        return false;
    good = submit(redis, request);
    request_unref(request);
    return good;
}

bool
redis_works(struct redis *redis)
{
    bool works;

    pthread_mutex_lock(&redis->lock);
    works = redis->works;
    pthread_mutex_unlock(&redis->lock);
    return works;
}

bool
redis_check(void *self, char why[256])
{
    struct redis *redis = self;
    const char *argv[] = {"PING"};
    redisReply *reply;
    bool works;

    pthread_mutex_lock(&redis->lock);
    while (!redis->tried)
        pthread_cond_wait(&redis->tried_once, &redis->lock);
    pthread_mutex_unlock(&redis->lock);
    works = redis_ask(redis, NULL, 1, argv, NULL, &reply) == WEIR_OK;
    if (works)
        freeReplyObject(reply);
    pthread_mutex_lock(&redis->lock);
    works = works && !redis->refused;
    redis->refused = false;
    snprintf(why, 256, "%s", redis->why);
    pthread_mutex_unlock(&redis->lock);
    return works;
}

/* ---- the thread: connecting ---- */

static void
clear_wake(const struct redis *redis)
{
    uint64_t count;

    (void)!read(redis->wake, &count, sizeof(count));
}

static bool
is_stopping(struct redis *redis)
{
    bool stopping;

    pthread_mutex_lock(&redis->lock);
    stopping = redis->stopping;
    pthread_mutex_unlock(&redis->lock);
    return stopping;
}

/* hiredis reports a timeout as EAGAIN's text. */
static const char *
failure_of(const redisContext *context)
{
    return strcmp(context->errstr, strerror(EAGAIN)) == 0 ? "no answer in time" : context->errstr;
}

/* A blocking step of the handshake. */
static bool
step(redisContext *context, int argc, const char **argv, char why[REDIS_WHY])
{
    redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
    bool good = reply != NULL && reply->type != REDIS_REPLY_ERROR;

    if (!good)
        snprintf(why, REDIS_WHY, "%.150s", reply != NULL ? reply->str : failure_of(context));
    if (reply != NULL)
        freeReplyObject(reply);
    return good;
}

/* PING fails while Redis is still loading its data. */
static bool
shake_hands(struct redis *redis, redisContext *context, char why[REDIS_WHY])
{
    const struct redis_url *url = &redis->url;
    const char *auth[] = {"AUTH", url->user, url->password}, *ping[] = {"PING"};
    const char *subscribe[] = {"SUBSCRIBE", redis->channel};
    char number[16];
    const char *select[] = {"SELECT", number};

    snprintf(number, sizeof(number), "%d", url->database);
    if (url->user[0] == '\0')
        auth[1] = url->password;
    return (url->password[0] == '\0' || step(context, url->user[0] == '\0' ? 2 : 3, auth, why)) &&
           (url->database == 0 || step(context, 2, select, why)) && step(context, 1, ping, why) &&
           (redis->channel == NULL || step(context, 2, subscribe, why));
}

/* From here on, the thread only blocks in poll. */
static bool
stop_blocking(redisContext *context)
{
    int flags = fcntl(context->fd, F_GETFL);

    context->flags &= ~REDIS_BLOCK;
    return flags >= 0 && fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(context->fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool
connect_once(struct redis *redis, char why[REDIS_WHY])
{
    const struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    redisContext *context = redisConnectWithTimeout(redis->url.host, redis->url.port, patience);
    bool good = context != NULL && context->err == 0;

    snprintf(why, REDIS_WHY, "%.150s", context == NULL ? "out of memory" : context->errstr);
    good = good && redisSetTimeout(context, patience) == REDIS_OK &&
           shake_hands(redis, context, why) && stop_blocking(context);
    if (!good) {
        if (context != NULL)
            redisFree(context);
        return false;
    }
    redis->context = context;
    redis->heard_at = weir_now();
    return true;
}

static void
tell_change(struct redis *redis, bool works, const char *why)
{
    bool news = works ? redis->told[0] != '\0' : strcmp(redis->told, why) != 0;

    pthread_mutex_lock(&redis->lock);
    news = news && !redis->stopping;
    redis->works = works;
    redis->tried = true;
    pthread_cond_broadcast(&redis->tried_once);
    if (!works)
        snprintf(redis->why, sizeof(redis->why), "%s", why);
    pthread_mutex_unlock(&redis->lock);
    snprintf(redis->told, sizeof(redis->told), "%s", works ? "" : why);
    if (news && redis->options.changed != NULL)
        redis->options.changed(redis->options.self, works, why);
}

/* Fail all requests that wait for a reply. */
static void
disconnect(struct redis *redis, const char *why)
{
    struct request *request;

    tell_change(redis, false, why); /* from here on nothing is queued */
    redisFree(redis->context);
    redis->context = NULL;
    while ((request = requests_take(&redis->sent)) != NULL)
        request_answer(request, WEIR_UNAVAILABLE, NULL);
    pthread_mutex_lock(&redis->lock);
    while ((request = requests_take(&redis->queue)) != NULL)
        request_answer(request, WEIR_UNAVAILABLE, NULL);
    pthread_mutex_unlock(&redis->lock);
}

/* ---- the thread: connected ---- */

static void
append(struct redis *redis, struct request *request)
{
    request->sent_at = weir_now();
    if (redisAppendFormattedCommand(redis->context, request->text, (size_t)request->len) ==
        REDIS_OK)
        requests_add(&redis->sent, request);
    else
        request_answer(request, WEIR_RESOURCE_EXHAUSTED, NULL);
}

/* False: the thread shall stop. */
static bool
take_queue(struct redis *redis)
{
    struct requests queue = {.first = NULL};
    struct request *request;
    bool stopping;

    requests_init(&queue);
    pthread_mutex_lock(&redis->lock);
    while ((request = requests_take(&redis->queue)) != NULL)
        requests_add(&queue, request);
    redis->awake = false;
    stopping = redis->stopping;
    pthread_mutex_unlock(&redis->lock);
    while ((request = requests_take(&queue)) != NULL)
        append(redis, request);
    return !stopping;
}

static void
ask_for_life(struct redis *redis)
{
    const char *argv[] = {"PING"};
    struct request *request;

    if (redis->sent.first != NULL || weir_now() - redis->heard_at < QUIET)
        return;
    request = request_new(1, argv, NULL, false);
    if (request != NULL)
        append(redis, request);
}

static bool
is_message(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(reply->element[0]->str, "message") == 0 &&
           reply->element[2]->type == REDIS_REPLY_STRING;
}

/* False: a reply without a request. */
static bool
take_reply(struct redis *redis, redisReply *reply)
{
    struct request *request;

    if (redis->channel != NULL && is_message(reply)) {
        redis->options.message(redis->options.self, reply->element[2]->str, reply->element[2]->len);
        freeReplyObject(reply);
        return true;
    }
    request = requests_take(&redis->sent);
    if (request == NULL) {
        freeReplyObject(reply);
        return false;
    }
    request_answer(request, WEIR_OK, reply);
    return true;
}

static bool
read_replies(struct redis *redis)
{
    void *reply = NULL;

    if (redisBufferRead(redis->context) != REDIS_OK)
        return false;
    redis->heard_at = weir_now();
    do {
        if (redisGetReplyFromReader(redis->context, &reply) != REDIS_OK)
            return false;
        if (reply != NULL && !take_reply(redis, reply))
            return false;
    } while (reply != NULL);
    return true;
}

/* Nanoseconds until the oldest request times out, or a PING is due; negative: overdue. */
static int64_t
time_left(const struct redis *redis)
{
    if (redis->sent.first != NULL)
        return redis->options.patience - (weir_now() - redis->sent.first->sent_at);
    return QUIET - (weir_now() - redis->heard_at);
}

/* Sleep until there is something to do, and read replies. False: the connection is lost. */
static bool
turn(struct redis *redis, bool written)
{
    struct pollfd fds[] = {
        {.fd = redis->context->fd, .events = (short)(written ? POLLIN : POLLIN | POLLOUT)},
        {.fd = redis->wake, .events = POLLIN}};
    int64_t left = time_left(redis);

    if (left > QUIET) /* a long timeout might exceed the range of poll's */
        left = QUIET;
    if (poll(fds, 2, left < 0 ? 0 : (int)(left / WEIR_MILLISECOND) + 1) < 0)
        return errno == EINTR;
    if (fds[1].revents != 0)
        clear_wake(redis);
    return (fds[0].revents & ~POLLOUT) == 0 || read_replies(redis);
}

/* Is the oldest request overdue? Not if a reply is there to read: then this thread was delayed, not
 * Redis. */
static bool
is_late(const struct redis *redis)
{
    struct pollfd answer = {.fd = redis->context->fd, .events = POLLIN};

    return redis->sent.first != NULL && time_left(redis) < 0 && poll(&answer, 1, 0) == 0;
}

/* Runs until the connection is lost; why says so. */
static void
serve(struct redis *redis, char why[REDIS_WHY])
{
    int written;

    for (;;) {
        snprintf(why, REDIS_WHY, "the connection is closed");
        if (!take_queue(redis))
            return;
        ask_for_life(redis);
        if (redisBufferWrite(redis->context, &written) != REDIS_OK || !turn(redis, written != 0)) {
            if (redis->context->err != 0)
                snprintf(why, REDIS_WHY, "%.150s", redis->context->errstr);
            return;
        }
        if (is_late(redis)) {
            snprintf(why, REDIS_WHY, "no answer within %lld ms",
                (long long)(redis->options.patience / WEIR_MILLISECOND));
            return;
        }
    }
}

static void
pause_until(struct redis *redis, int64_t time)
{
    struct pollfd wake = {.fd = redis->wake, .events = POLLIN};
    int64_t left;

    while (!is_stopping(redis) && (left = time - weir_now()) > 0) {
        if (poll(&wake, 1, (int)(left / WEIR_MILLISECOND) + 1) > 0)
            clear_wake(redis);
    }
}

static void *
run(void *arg)
{
    struct redis *redis = arg;
    char why[REDIS_WHY];
    sigset_t pipe;

    sigemptyset(&pipe); /* hiredis may write to a closed socket */
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    while (!is_stopping(redis)) {
        if (connect_once(redis, why)) {
            redis->backoff = BACKOFF_MIN;
            tell_change(redis, true, "");
            serve(redis, why);
            disconnect(redis, why);
        } else {
            tell_change(redis, false, why);
        }
        pause_until(redis, weir_now() + redis->backoff);
        redis->backoff = redis->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : redis->backoff * 2;
    }
    return NULL;
}

/* ---- opening and closing ---- */

void
redis_free(struct redis *redis)
{
    if (redis == NULL)
        return;
    if (redis->wake >= 0)
        close(redis->wake);
    pthread_cond_destroy(&redis->tried_once);
    pthread_mutex_destroy(&redis->lock);
    free(redis->channel);
    free(redis);
}

struct redis *
redis_open(const struct redis_options *options)
{
    struct redis *redis = calloc(1, sizeof(*redis));

    if (redis == NULL)
        return NULL;
    redis->options = *options;
    if (redis->options.patience == 0)
        redis->options.patience = PATIENCE;
    redis->backoff = BACKOFF_MIN;
    pthread_mutex_init(&redis->lock, NULL);
    pthread_cond_init(&redis->tried_once, NULL);
    requests_init(&redis->queue);
    requests_init(&redis->sent);
    snprintf(redis->why, sizeof(redis->why), "not connected yet");
    redis->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    redis->channel = options->channel == NULL ? NULL : strdup(options->channel);
    if (redis->wake >= 0 && (options->channel == NULL || redis->channel != NULL) &&
        redis_url_parse(options->url, &redis->url) &&
        pthread_create(&redis->thread, NULL, run, redis) == 0)
        return redis;
    redis_free(redis);
    return NULL;
}

void
redis_stop(struct redis *redis)
{
    if (redis == NULL)
        return;
    pthread_mutex_lock(&redis->lock);
    redis->stopping = true;
    pthread_mutex_unlock(&redis->lock);
    wake_thread(redis);
    pthread_join(redis->thread, NULL);
    pthread_mutex_lock(&redis->lock);
    redis->tried = true; /* for those that wait for a first attempt, which will not happen */
    pthread_cond_broadcast(&redis->tried_once);
    pthread_mutex_unlock(&redis->lock);
}
