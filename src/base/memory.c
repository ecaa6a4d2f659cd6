/* SPDX-License-Identifier: Apache-2.0 */
/* Returning free memory to the kernel; glibc by itself returns only the end of the heap. */
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

/* If malloc is replaced by another allocator or a sanitizer, these are the first calls into glibc's
 * own, which initialises itself in them without protection against concurrent calls; hence once per
 * process. */
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

#ifdef __SANITIZE_THREAD__
/* libuv closes epoll descriptors by a raw system call, which ThreadSanitizer does not see. When the
 * number is reused by fopen on another thread, it reports a race with the descriptor's creation. */
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
    return "race:^resident$\n";
}
#endif

#ifdef KNOWS_WHAT_IS_USED
/* The second number of statm, in pages. 0: /proc is not available. */
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
