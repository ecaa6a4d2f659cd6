/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of standard input. The thread does not read on before its last bytes were taken. A regular
 * file cannot be polled on an event loop, so a thread reads every kind of input. */
#include "userctl/input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* False: stopped, or an error. */
static bool
wait_for_bytes(const struct input *input)
{
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = input->stop[0], .events = POLLIN}};

    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return false;
    }
    return fds[1].revents == 0;
}

/* 0: end of input. */
static size_t
read_bytes(const struct input *input, char bytes[INPUT_ROOM])
{
    ssize_t len = -1;

    while (len < 0 && wait_for_bytes(input)) {
        len = read(STDIN_FILENO, bytes, INPUT_ROOM);
        if (len < 0 && errno != EINTR && errno != EAGAIN)
            len = 0;
    }
    return len < 0 ? 0 : (size_t)len;
}

/* False: the thread shall end. */
static bool
hand_over(struct input *input, const char *bytes, size_t len)
{
    bool going;

    pthread_mutex_lock(&input->lock);
    while (input->len > 0 && !input->stopping)
        pthread_cond_wait(&input->taken, &input->lock);
    memcpy(input->bytes, bytes, len);
    input->len = len;
    input->ended = len == 0;
    going = !input->ended && !input->stopping;
    weir_event_set(input->event);
    pthread_mutex_unlock(&input->lock);
    return going;
}

static void *
read_all(void *arg)
{
    struct input *input = arg;
    char bytes[INPUT_ROOM];

    while (hand_over(input, bytes, read_bytes(input, bytes)))
        continue;
    return NULL;
}

bool
input_start(struct input *input, weir_event *event)
{
    input->len = 0;
    input->ended = input->stopping = false;
    if (pipe(input->stop) != 0)
        return false;
    pthread_mutex_init(&input->lock, NULL);
    pthread_cond_init(&input->taken, NULL);
    input->event = weir_event_ref(event);
    if (pthread_create(&input->thread, NULL, read_all, input) == 0)
        return true;
    weir_event_unref(event);
    close(input->stop[0]);
    close(input->stop[1]);
    return false;
}

void
input_stop(struct input *input)
{
    pthread_mutex_lock(&input->lock);
    input->stopping = true;
    pthread_cond_signal(&input->taken);
    pthread_mutex_unlock(&input->lock);
    close(input->stop[1]);
    pthread_join(input->thread, NULL);
    close(input->stop[0]);
    weir_event_unref(input->event);
    pthread_cond_destroy(&input->taken);
    pthread_mutex_destroy(&input->lock);
}

size_t
input_take(struct input *input, char out[INPUT_ROOM], bool *out_ended)
{
    size_t len;

    pthread_mutex_lock(&input->lock);
    len = input->len;
    memcpy(out, input->bytes, len);
    input->len = 0;
    *out_ended = input->ended;
    pthread_cond_signal(&input->taken);
    pthread_mutex_unlock(&input->lock);
    return len;
}
