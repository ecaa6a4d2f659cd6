/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for file descriptors: each wait has its own libuv handle, which libuv releases one turn
 * after it is closed. */
#include "rpc/call.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <weir/fd.h>

struct watch {
    uv_poll_t poll;
    struct fiber *fiber;
    unsigned ready;
};

struct fd_wait {
    struct weir_call *call; /* NULL: none */
    int fd;
    unsigned events, ready;
    weir_code code;
};

static int
uv_events(unsigned events)
{
    return ((events & WEIR_FD_READABLE) != 0 ? UV_READABLE : 0) |
           ((events & WEIR_FD_WRITABLE) != 0 ? UV_WRITABLE : 0);
}

/* A descriptor with an error counts as ready: using it returns the error. */
static void
became_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = container_of(poll, struct watch, poll);

    if ((events & UV_READABLE) != 0 || status < 0)
        watch->ready |= WEIR_FD_READABLE;
    if ((events & UV_WRITABLE) != 0 || status < 0)
        watch->ready |= WEIR_FD_WRITABLE;
    fiber_wake(watch->fiber);
}

static void
watch_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct watch, poll));
}

/* Closing also stops it; uv_poll_stop would be another system call. */
static void
watch_close(weir_loop *loop, struct watch *watch)
{
    uv_close((uv_handle_t *)&watch->poll, watch_closed);
    loop_touch(loop);
}

/* Is the descriptor ready, or has the call ended? */
static bool
is_over(const struct fd_wait *wait, const struct watch *watch)
{
    return watch->ready != 0 || (wait->call != NULL && wait->call->ended);
}

static void
await_ready(struct fd_wait *wait, struct watch *watch)
{
    while (!is_over(wait, watch)) {
        if (wait->call != NULL)
            call_park(wait->call);
        else
            fiber_park();
    }
    wait->ready = watch->ready & wait->events;
    wait->code = watch->ready != 0 ? WEIR_OK : wait->call->code;
}

static void
wait_on_fiber(void *arg)
{
    struct fd_wait *wait = arg;
    weir_loop *loop = fiber_loop(fiber_current());
    struct watch *watch = calloc(1, sizeof(*watch));

    wait->code = WEIR_RESOURCE_EXHAUSTED;
    if (watch == NULL)
        return;
    watch->fiber = fiber_current();
    if (uv_poll_init(loop_uv(loop), &watch->poll, wait->fd) != 0) {
        free(watch);
        wait->code = WEIR_INVALID_ARGUMENT;
        return;
    }
    uv_poll_start(&watch->poll, uv_events(wait->events), became_ready);
    loop_touch(loop);
    await_ready(wait, watch);
    watch_close(loop, watch);
}

static void
wait_on_thread(struct fd_wait *wait)
{
    struct pollfd pollfd = {.fd = wait->fd};

    if ((wait->events & WEIR_FD_READABLE) != 0)
        pollfd.events |= POLLIN;
    if ((wait->events & WEIR_FD_WRITABLE) != 0)
        pollfd.events |= POLLOUT;
    while (poll(&pollfd, 1, -1) < 0 && errno == EINTR)
        continue;
    wait->code = (pollfd.revents & POLLNVAL) != 0 ? WEIR_INVALID_ARGUMENT : WEIR_OK;
    if ((pollfd.revents & (POLLIN | POLLERR | POLLHUP)) != 0)
        wait->ready |= WEIR_FD_READABLE;
    if ((pollfd.revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
        wait->ready |= WEIR_FD_WRITABLE;
    wait->ready &= wait->events;
}

weir_code
weir_fd_wait(weir_call *call, int fd, unsigned events, unsigned *out_ready)
{
    struct fd_wait wait = {.call = call, .fd = fd, .events = events};

    if (call != NULL)
        WEIR_TRY(fiber_run_on(call->loop, wait_on_fiber, &wait));
    else if (fiber_current() != NULL)
        wait_on_fiber(&wait);
    else
        wait_on_thread(&wait);
    if (wait.code == WEIR_OK)
        *out_ready = wait.ready;
    return wait.code;
}
