/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is slow: preloaded (ld.so(8), LD_PRELOAD), it makes a VFS the default of SQLite. It
 * is SQLite's own, but each sync takes SLOW_SYNC milliseconds more, and each write SLOW_WRITE. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

/* The methods of a kind of file, one that is locked or one that is not. */
struct kind {
    sqlite3_io_methods slow; /* first: a file's pMethods point here */
    const sqlite3_io_methods *real;
};

static sqlite3_vfs *real_vfs, slow_vfs;
static struct kind kinds[4]; /* under the lock, until they are a file's */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
wait_for(const char *name)
{
    const char *text = getenv(name);
    long milliseconds = text == NULL ? 0 : strtol(text, NULL, 10);
    const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static const sqlite3_io_methods *
real_methods(const sqlite3_file *file)
{
    return ((const struct kind *)file->pMethods)->real;
}

static int
slow_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    wait_for("SLOW_WRITE");
    return real_methods(file)->xWrite(file, bytes, len, offset);
}

static int
slow_sync(sqlite3_file *file, int flags)
{
    wait_for("SLOW_SYNC");
    return real_methods(file)->xSync(file, flags);
}

static const sqlite3_io_methods *
slow_methods(const sqlite3_io_methods *real)
{
    struct kind *kind = kinds;

    pthread_mutex_lock(&lock);
    while (kind->real != NULL && kind->real != real)
        kind++;
    if (kind == &kinds[sizeof(kinds) / sizeof(kinds[0]) - 1])
        abort(); /* more kinds than SQLite has: the last place stays empty */
    if (kind->real == NULL) {
        kind->slow = *real;
        kind->slow.xWrite = slow_write;
        kind->slow.xSync = slow_sync;
        kind->real = real;
    }
    pthread_mutex_unlock(&lock);
    return &kind->slow;
}

/* The real methods find all they need behind the pointer to the methods, so a file with ours there
 * is still theirs. */
static int
slow_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    int result = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);

    (void)vfs;
    if (file->pMethods != NULL)
        file->pMethods = slow_methods(file->pMethods);
    return result;
}

__attribute__((constructor)) static void
register_slow_vfs(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    if (real_vfs == NULL)
        abort();
    slow_vfs = *real_vfs;
    slow_vfs.pNext = NULL;
    slow_vfs.zName = "slow-disk";
    slow_vfs.xOpen = slow_open;
    if (sqlite3_vfs_register(&slow_vfs, 1) != SQLITE_OK)
        abort();
}
