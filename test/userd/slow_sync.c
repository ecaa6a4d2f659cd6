/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is slow: preloaded (ld.so(8), LD_PRELOAD), each sync takes SLOW_SYNC milliseconds
 * more. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int sync_call(int fd);

static int
wait_and(const char *name, int fd)
{
    const char *text = getenv("SLOW_SYNC");
    long milliseconds = text == NULL ? 0 : strtol(text, NULL, 10);
    const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    sync_call *real;

    *(void **)&real = dlsym(RTLD_NEXT, name);
    nanosleep(&pause, NULL);
    return real(fd);
}

__attribute__((visibility("default"))) int
fsync(int fd)
{
    return wait_and("fsync", fd);
}

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
    return wait_and("fdatasync", fd);
}
