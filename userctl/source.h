/* SPDX-License-Identifier: Apache-2.0 */
/* A file to read from; an interrupt counts as its end. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/interrupt.h"
#include <stdio.h>

struct source {
    int fd;
    const struct interrupt *interrupt;
};

/* Borrows the source and both of its fields until fclose(3). NULL: no memory. */
FILE *source_read(struct source *source);
