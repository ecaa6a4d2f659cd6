/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that is set while a program runs: preloaded (ld.so(8), LD_PRELOAD), the time of day is as
 * many seconds ahead as the file STEPPED_CLOCK says. The monotonic clock is not. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long
seconds_ahead(void)
{
    const char *path = getenv("STEPPED_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    char text[24] = "";
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    return len <= 0 ? 0 : strtol(text, NULL, 10);
}

__attribute__((visibility("default"))) int
clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    int (*real)(clockid_t clock_id, struct timespec * tp);
    int result;

    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(clock_id, tp);
    if (clock_id == CLOCK_REALTIME)
        tp->tv_sec += seconds_ahead();
    return result;
}

__attribute__((visibility("default"))) int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec now;

    (void)tz;
    clock_gettime(CLOCK_REALTIME, &now);
    tv->tv_sec = now.tv_sec;
    tv->tv_usec = now.tv_nsec / 1000;
    return 0;
}
