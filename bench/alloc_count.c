/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the allocations of a program into which it is preloaded (LD_PRELOAD).
 *
 * The count is in the first eight bytes of the file that BENCH_ALLOC_FILE names, which bench/run
 * maps or reads while the program runs. Allocations before the file is mapped are not counted; the
 * benchmark uses differences. */
/* Threads: any. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own entry points, because dlsym allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#define EXPORT __attribute__((visibility("default")))

static atomic_uint_fast64_t ignored;
static atomic_uint_fast64_t *counter = &ignored;

__attribute__((constructor)) static void
map_counter(void)
{
    const char *path = getenv("BENCH_ALLOC_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *page;

    if (fd < 0)
        return;
    if (ftruncate(fd, sizeof *counter) == 0) {
        page = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED)
            counter = page;
    }
    (void)close(fd);
}

static void
count(void)
{
    (void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

EXPORT void *
malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

EXPORT void *
calloc(size_t nmemb, size_t size)
{
    count();
    return __libc_calloc(nmemb, size);
}

EXPORT void *
realloc(void *ptr, size_t size)
{
    count();
    return __libc_realloc(ptr, size);
}

EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

EXPORT int
posix_memalign(void **memptr, size_t alignment, size_t size)
{
    void *memory;

    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    count();
    memory = __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *memptr = memory;
    return 0;
}
