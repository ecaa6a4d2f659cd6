/* SPDX-License-Identifier: Apache-2.0 */
/* The progress of a long command. */
#include "userctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/base.h>

#define INTERVAL (100 * WEIR_MILLISECOND)
#define BAR_WIDTH 30

void
progress_init(struct progress *progress, int64_t size)
{
    *progress = (struct progress){.shown = isatty(STDERR_FILENO) == 1, .size = size};
}

static void
draw_bar(int64_t done, int64_t size)
{
    static const char full[] = "##############################";
    int64_t share = done >= size ? 100 : done * 100 / size;
    int filled = (int)(share * BAR_WIDTH / 100);

    fprintf(stderr, "[%.*s%*s] %3" PRId64 "%%  ", filled, full, BAR_WIDTH - filled, "", share);
}

void
progress_tell(struct progress *progress, int64_t done, int64_t users, int64_t errors)
{
    int64_t now = weir_now();

    if (!progress->shown || (progress->drawn && now < progress->due))
        return;
    progress->due = now + INTERVAL;
    progress->drawn = true;
    fputs("\r\033[K", stderr);
    if (progress->size > 0)
        draw_bar(done, progress->size);
    fprintf(stderr, "%" PRId64 " %s", users, users == 1 ? "user" : "users");
    if (errors >= 0)
        fprintf(stderr, ", %" PRId64 " %s", errors, errors == 1 ? "error" : "errors");
    fflush(stderr);
}

void
progress_clear(struct progress *progress)
{
    if (!progress->drawn)
        return;
    progress->drawn = false;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
