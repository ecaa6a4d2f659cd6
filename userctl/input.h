/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the standard input, read by a thread while the main thread waits for something else as
 * well. */
/* Threads: all belong to the main thread; the reading thread is the module's own. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <weir/pool.h>

#define INPUT_ROOM 4096

struct input {
    weir_event *event; /* its own reference */
    int stop[2];       /* a pipe: its end tells the thread to stop */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t taken;
    char bytes[INPUT_ROOM]; /* read and not taken yet */
    size_t len;
    bool ended;
    bool stopping;
};

/* Set the event whenever there are bytes to take, and at the end of the input. False: there is no
 * thread or no descriptor. */
bool input_start(struct input *input, weir_event *event);
void input_stop(struct input *input);

/* How many bytes were moved to out; 0: there are none now. *out_ended: nor will there be. */
size_t input_take(struct input *input, char out[INPUT_ROOM], bool *out_ended);
