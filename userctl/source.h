/* SPDX-License-Identifier: Apache-2.0 */
/* A file to read from, whose end is also that somebody interrupts. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/interrupt.h"
#include <stdio.h>

struct source {
    int fd;
    const struct interrupt *interrupt;
};

/* Borrows the source, and of it both, until fclose(3). NULL: no memory. */
FILE *source_read(struct source *source);
