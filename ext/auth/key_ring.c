/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the key file, and reloads it. */
#include "auth/key_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (256 * 1024)

/* File timestamps have a granularity of milliseconds: a file modified within the last seconds may
 * be modified again with the same timestamp. */
#define FRESH_SECONDS 2

static weir_code
fail(struct weir_auth_error *error, weir_code code, const char *path, const char *why)
{
    snprintf(error->text, sizeof(error->text), "%.150s: %.100s", path, why);
    return code;
}

/* ---- the file ---- */

static struct key_file_stamp
stamp_of(const struct stat *status)
{
    return (struct key_file_stamp){
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = status->st_size,
        .modified = status->st_mtim,
        .changed = status->st_ctim,
    };
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
same_stamp(const struct key_file_stamp *a, const struct key_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

struct content {
    char *text; /* of size FILE_MAX */
    size_t len;
    struct key_file_stamp stamp;
    uint8_t digest[KEY_FILE_DIGEST];
};

/* False: see errno. */
static bool
read_opened(int fd, struct content *out)
{
    struct stat status;
    ssize_t count;

    if (fstat(fd, &status) != 0)
        return false;
    out->stamp = stamp_of(&status);
    out->len = 0;
    while ((count = read(fd, out->text + out->len, FILE_MAX - out->len)) > 0)
        out->len += (size_t)count;
    if (count == 0 && out->len == FILE_MAX)
        errno = EFBIG;
    return count == 0 && out->len < FILE_MAX;
}

static weir_code
read_content(const char *path, struct content *out, struct weir_auth_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = fd >= 0 && read_opened(fd, out);

    if (!good)
        fail(error, WEIR_NOT_FOUND, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (!good)
        return WEIR_NOT_FOUND;
    if (EVP_Digest(out->text, out->len, out->digest, NULL, EVP_sha256(), NULL) == 1)
        return WEIR_OK;
    return fail(error, WEIR_RESOURCE_EXHAUSTED, path, "no memory");
}

/* ---- the ring ---- */

/* Make a set of all keys. */
static weir_code
make_set(const struct key_ring *ring, const struct content *content, struct key_set **out_set,
    struct weir_auth_error *error)
{
    struct key_set *set = key_set_new();
    struct weir_auth_error inner;
    weir_code code = set == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;

    if (code == WEIR_OK && ring->pem != NULL)
        code = key_set_add_pem(set, ring->pem, error);
    if (code == WEIR_OK && content != NULL) {
        code = key_set_add_jwks(set, content->text, content->len, &inner);
        if (code != WEIR_OK)
            fail(error, code, ring->path, inner.text);
    }
    if (code == WEIR_OK)
        *out_set = set;
    else
        key_set_unref(set);
    return code;
}

static void
remember(struct key_ring *ring, const struct content *content)
{
    ring->stamp = content->stamp;
    ring->fresh = time(NULL) - content->stamp.modified.tv_sec <= FRESH_SECONDS;
    memcpy(ring->digest, content->digest, sizeof(ring->digest));
}

static weir_code
read_first(struct key_ring *ring, struct weir_auth_error *error)
{
    struct content content = {.text = malloc(FILE_MAX)};
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (content.text != NULL)
        code = read_content(ring->path, &content, error);
    if (code == WEIR_OK)
        code = make_set(ring, &content, &ring->keys, error);
    if (code == WEIR_OK)
        remember(ring, &content);
    free(content.text);
    return code;
}

weir_code
key_ring_init(
    struct key_ring *ring, const char *pem, const char *path, struct weir_auth_error *error)
{
    *ring = (struct key_ring){0};
    pthread_mutex_init(&ring->lock, NULL);
    atomic_init(&ring->mark, 1);
    if (pem != NULL && (ring->pem = strdup(pem)) == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (path == NULL)
        return make_set(ring, NULL, &ring->keys, error);
    ring->path = strdup(path);
    return ring->path == NULL ? WEIR_RESOURCE_EXHAUSTED : read_first(ring, error);
}

void
key_ring_fini(struct key_ring *ring)
{
    key_set_unref(ring->keys);
    free(ring->pem);
    free(ring->path);
    pthread_mutex_destroy(&ring->lock);
}

struct key_set *
key_ring_keys(struct key_ring *ring)
{
    struct key_set *keys;

    pthread_mutex_lock(&ring->lock);
    keys = key_set_ref(ring->keys);
    pthread_mutex_unlock(&ring->lock);
    return keys;
}

/* ---- changes, under the lock ---- */

static void
fail_change(struct key_ring *ring, weir_code code, const char *text)
{
    ring->failures++;
    if (ring->report != NULL)
        ring->report(ring->self, code, text);
}

static weir_code
take_over(struct key_ring *ring, const struct content *content)
{
    struct weir_auth_error error = {"no memory"};
    struct key_set *set;
    weir_code code = make_set(ring, content, &set, &error);

    if (code != WEIR_OK) {
        fail_change(ring, code, error.text);
        return code;
    }
    key_set_unref(ring->keys);
    ring->keys = set;
    ring->reloads++;
    atomic_fetch_add(&ring->mark, 1);
    if (ring->report != NULL)
        ring->report(ring->self, WEIR_OK, ring->path);
    return WEIR_OK;
}

/* status: of the file just now. A file that cannot be read is reported once, and retried at each
 * check, since the cause may disappear without a change of the file. */
static void
read_again(struct key_ring *ring, const struct stat *status)
{
    struct content content = {.text = malloc(FILE_MAX), .stamp = stamp_of(status)};
    struct weir_auth_error error = {"no memory"};
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    memcpy(content.digest, ring->digest, sizeof(content.digest));
    if (content.text != NULL)
        code = read_content(ring->path, &content, &error);
    if (code != WEIR_OK && !ring->unread)
        fail_change(ring, code, error.text);
    ring->unread = code != WEIR_OK;
    if (code == WEIR_OK && memcmp(content.digest, ring->digest, sizeof(content.digest)) != 0)
        code = take_over(ring, &content);
    if (code == WEIR_RESOURCE_EXHAUSTED) /* retry as if not seen */
        memcpy(content.digest, ring->digest, sizeof(content.digest));
    remember(ring, &content);
    ring->fresh = ring->fresh || ring->unread || code == WEIR_RESOURCE_EXHAUSTED;
    free(content.text);
}

static void
look(struct key_ring *ring)
{
    struct key_file_stamp stamp;
    struct stat status;

    if (stat(ring->path, &status) != 0) {
        if (!ring->away)
            fail_change(ring, WEIR_NOT_FOUND, "the file of keys is away");
        ring->away = true;
        return;
    }
    ring->away = false;
    stamp = stamp_of(&status);
    if (!same_stamp(&stamp, &ring->stamp) || ring->fresh)
        read_again(ring, &status);
}

void
key_ring_look(struct key_ring *ring)
{
    if (ring->path == NULL)
        return;
    pthread_mutex_lock(&ring->lock);
    look(ring);
    pthread_mutex_unlock(&ring->lock);
}
