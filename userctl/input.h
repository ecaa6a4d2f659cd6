/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input, read by a thread so that the main thread can wait for something else as well. */
/* Threads: all functions belong to the main thread; the module has a thread of its own that reads.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <weir/pool.h>

#define INPUT_ROOM 4096

struct input {
    weir_event *event; /* with a reference */
    int stop[2];       /* a pipe; closing one end stops the thread */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t taken;
    char bytes[INPUT_ROOM]; /* read, but not taken yet */
    size_t len;
    bool ended;
    bool stopping;
};

/* Start reading; the event is set when there are bytes to take, and at the end of the input. False:
 * no thread or no descriptor. */
bool input_start(struct input *input, weir_event *event);
void input_stop(struct input *input);

/* Move bytes to out. Returns their number; 0: none are there yet. *out_ended: there will be none.
 */
size_t input_take(struct input *input, char out[INPUT_ROOM], bool *out_ended);
