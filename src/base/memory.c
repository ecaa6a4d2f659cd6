/* SPDX-License-Identifier: Apache-2.0 */
/* glibc gives back by itself only what lies at the end of the heap. */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#include <pthread.h>
#if __GLIBC_PREREQ(2, 33)
#define KNOWS_WHAT_IS_USED 1
#endif

static void
trim(void)
{
    (void)malloc_trim(0);
}

/* Where another allocator has taken malloc's place, or a sanitizer's, these are the first calls of
 * glibc's own: it sets itself up in them, and is not made for two threads that do so at once, so
 * this is for the whole process. */
static void
set_up(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, trim);
}
#endif

void
memory_pass_on(void)
{
#ifdef __GLIBC__
    set_up();
    trim();
#endif
}

#ifdef KNOWS_WHAT_IS_USED
/* The second of the numbers in it, which are of pages. 0: /proc is not there. */
static size_t
resident(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char text[256] = "", *end;

    if (file == NULL)
        return 0;
    if (fgets(text, sizeof(text), file) == NULL)
        text[0] = '\0';
    fclose(file);
    (void)strtoul(text, &end, 10);
    return strtoul(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

size_t
memory_slack(void)
{
#ifdef KNOWS_WHAT_IS_USED
    struct mallinfo2 info;
    size_t held = resident(), used;

    set_up();
    info = mallinfo2();
    used = info.uordblks + info.hblkhd;
    return held > used ? held - used : 0;
#else
    return 0;
#endif
}
