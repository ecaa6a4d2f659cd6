/* SPDX-License-Identifier: Apache-2.0 */
/* weir_tls: the options, and the set of the last successful load.
 *
 * No thread or timer watches the files: a new handshake checks them if the last check is long
 * enough ago, so an idle program does not wake up for it, and no handshake uses outdated files. The
 * set that one thread loads is installed under the lock; existing sessions keep their own. */
#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHECK_INTERVAL WEIR_SECOND

/* Detects that a file was changed or replaced. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct weir_tls {
    atomic_uint holders;
    struct tls_files files;
    char *server_name; /* client: used instead of the target's host; may be NULL */
    int64_t check_interval;
    weir_tls_observer *reloaded;
    void *reloaded_self;
    BIO_METHOD *bio_method;
    _Atomic int64_t next_check;
    atomic_uint_fast64_t handshakes, resumed, failed, reloads, reload_failures;

    pthread_mutex_t loading; /* held while files are read; guards stamps */
    struct stamp *stamps;    /* of each file at its last read */

    pthread_mutex_t lock; /* guards set and error */
    struct tls_set *set;
    char error[WEIR_TLS_ERROR];
};

/* ---- the files ---- */

static size_t
file_count(const struct tls_files *files)
{
    return 2 * files->pair_count + (files->ca_file != NULL);
}

static const char *
file_at(const struct tls_files *files, size_t index)
{
    if (index == 2 * files->pair_count)
        return files->ca_file;
    return index % 2 == 0 ? files->pairs[index / 2].cert_file : files->pairs[index / 2].key_file;
}

static struct stamp
stamp_of(const char *file)
{
    struct stat stat_;

    if (stat(file, &stat_) != 0)
        return (struct stamp){0};
    return (struct stamp){stat_.st_dev, stat_.st_ino, stat_.st_size, stat_.st_mtim};
}

static bool
same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Update the stamps. True: one has changed. */
static bool
stamp_files(weir_tls *tls)
{
    bool changed = false;

    for (size_t i = 0; i < file_count(&tls->files); i++) {
        struct stamp now = stamp_of(file_at(&tls->files, i));

        changed = changed || !same_stamp(&now, &tls->stamps[i]);
        tls->stamps[i] = now;
    }
    return changed;
}

static void
forget_files(struct tls_files *files)
{
    for (size_t i = 0; files->pairs != NULL && i < files->pair_count; i++) {
        free((char *)(uintptr_t)files->pairs[i].cert_file);
        free((char *)(uintptr_t)files->pairs[i].key_file);
    }
    free(files->pairs);
    free(files->ca_file);
}

/* False: no memory. */
static bool
copy_files(
    struct tls_files *files, const struct weir_tls_pair *pairs, size_t count, const char *ca_file)
{
    struct weir_tls_pair *copies;

    if (ca_file != NULL && (files->ca_file = strdup(ca_file)) == NULL)
        return false;
    copies = calloc(count + 1, sizeof(*copies));
    files->pairs = copies;
    for (size_t i = 0; copies != NULL && i < count; i++) {
        char *cert = strdup(pairs[i].cert_file), *key = strdup(pairs[i].key_file);

        copies[i] = (struct weir_tls_pair){.cert_file = cert, .key_file = key};
        files->pair_count++;
        if (cert == NULL || key == NULL)
            return false;
    }
    return copies != NULL;
}

/* ---- loading ---- */

/* Stamped before reading, so that a change meanwhile is detected the next time. */
static bool
load(weir_tls *tls, char error[WEIR_TLS_ERROR])
{
    struct tls_set *set = tls_set_load(&tls->files, error), *before;

    pthread_mutex_lock(&tls->lock);
    before = tls->set;
    if (set != NULL)
        tls->set = set;
    snprintf(tls->error, sizeof(tls->error), "%s", set == NULL ? error : "");
    pthread_mutex_unlock(&tls->lock);
    if (set != NULL)
        tls_set_unref(before);
    return set != NULL;
}

/* error NULL: success. */
static void
tell(weir_tls *tls, const char *error)
{
    atomic_fetch_add(error == NULL ? &tls->reloads : &tls->reload_failures, 1);
    if (tls->reloaded != NULL)
        tls->reloaded(tls->reloaded_self, error);
}

static bool
reload(weir_tls *tls)
{
    char error[WEIR_TLS_ERROR];
    bool good = load(tls, error);

    tell(tls, good ? NULL : error);
    return good;
}

/* A failure may have a temporary cause without a change of the files, such as a lack of
 * descriptors. The same error is reported only once. */
static void
reload_if_failed(weir_tls *tls)
{
    char before[WEIR_TLS_ERROR], error[WEIR_TLS_ERROR];
    bool good;

    weir_tls_error(tls, before);
    if (before[0] == '\0')
        return;
    good = load(tls, error);
    if (good || strcmp(error, before) != 0)
        tell(tls, good ? NULL : error);
}

/* One thread checks the files, the others use the current set. */
static void
check(weir_tls *tls)
{
    int64_t now = weir_now(), due = atomic_load_explicit(&tls->next_check, memory_order_relaxed);

    if (now < due ||
        !atomic_compare_exchange_strong(&tls->next_check, &due, now + tls->check_interval) ||
        pthread_mutex_trylock(&tls->loading) != 0)
        return;
    if (stamp_files(tls))
        (void)reload(tls);
    else
        reload_if_failed(tls);
    pthread_mutex_unlock(&tls->loading);
}

struct tls_set *
tls_current_set(weir_tls *tls)
{
    struct tls_set *set;

    check(tls);
    pthread_mutex_lock(&tls->lock);
    set = tls_set_ref(tls->set);
    pthread_mutex_unlock(&tls->lock);
    return set;
}

weir_code
weir_tls_reload(weir_tls *tls)
{
    bool good;

    pthread_mutex_lock(&tls->loading);
    (void)stamp_files(tls);
    good = reload(tls);
    pthread_mutex_unlock(&tls->loading);
    return good ? WEIR_OK : WEIR_INVALID_ARGUMENT;
}

/* ---- life cycle ---- */

weir_tls *
net_tls_ref(weir_tls *tls)
{
    if (tls != NULL)
        atomic_fetch_add(&tls->holders, 1);
    return tls;
}

void
weir_tls_free(weir_tls *tls)
{
    if (tls == NULL || atomic_fetch_sub(&tls->holders, 1) != 1)
        return;
    tls_set_unref(tls->set);
    forget_files(&tls->files);
    free(tls->server_name);
    free(tls->stamps);
    BIO_meth_free(tls->bio_method);
    pthread_mutex_destroy(&tls->loading);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

/* NULL: no memory. */
static weir_tls *
make(const struct tls_files *files, const struct weir_tls_pair *pairs, size_t count,
    const char *ca_file)
{
    weir_tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL)
        return NULL;
    atomic_init(&tls->holders, 1);
    pthread_mutex_init(&tls->loading, NULL);
    pthread_mutex_init(&tls->lock, NULL);
    tls->files = *files;
    if (copy_files(&tls->files, pairs, count, ca_file) &&
        (tls->stamps = calloc(file_count(&tls->files) + 1, sizeof(*tls->stamps))) != NULL &&
        (tls->bio_method = tls_bio_method_new()) != NULL)
        return tls;
    weir_tls_free(tls);
    return NULL;
}

static void
observe(weir_tls *tls, int64_t interval, weir_tls_observer *reloaded, void *self)
{
    tls->check_interval = interval > 0 ? interval : CHECK_INTERVAL;
    if (tls->check_interval > WEIR_NEVER / 2) /* a sum with the clock's time must not overflow */
        tls->check_interval = WEIR_NEVER / 2;
    tls->reloaded = reloaded;
    tls->reloaded_self = self;
}

/* The first load. Adopts tls, which is NULL after a lack of memory. */
static weir_code
finish(weir_tls *tls, weir_tls **out_tls, char out_error[WEIR_TLS_ERROR])
{
    if (tls == NULL) {
        snprintf(out_error, WEIR_TLS_ERROR, "no memory");
        return WEIR_RESOURCE_EXHAUSTED;
    }
    (void)stamp_files(tls);
    if (!load(tls, out_error)) {
        weir_tls_free(tls);
        return WEIR_INVALID_ARGUMENT;
    }
    atomic_store(&tls->next_check, weir_now() + tls->check_interval);
    *out_tls = tls;
    return WEIR_OK;
}

static weir_code
refuse(const char *why, char out_error[WEIR_TLS_ERROR])
{
    snprintf(out_error, WEIR_TLS_ERROR, "%s", why);
    return WEIR_INVALID_ARGUMENT;
}

static const char impossible[] = "min_version is none of its values, or check_interval below zero";

static bool
are_possible(weir_tls_version min_version, int64_t check_interval)
{
    return (min_version == WEIR_TLS_1_2 || min_version == WEIR_TLS_1_3) && check_interval >= 0;
}

static bool
is_whole(const struct weir_tls_pair *pair)
{
    return pair->cert_file != NULL && pair->key_file != NULL;
}

weir_code
weir_tls_server_new(const struct weir_tls_server_options *options, weir_tls **out_tls,
    char out_error[WEIR_TLS_ERROR])
{
    struct tls_files files = {.is_server = true,
        .optional = options->client_cert_optional,
        .min_version = options->min_version};
    weir_tls *tls;

    if (!are_possible(options->min_version, options->check_interval))
        return refuse(impossible, out_error);
    if (options->pair_count == 0)
        return refuse("a server needs a certificate and its key", out_error);
    for (size_t i = 0; i < options->pair_count; i++) {
        if (!is_whole(&options->pairs[i]))
            return refuse("a certificate and its key go together", out_error);
    }
    tls = make(&files, options->pairs, options->pair_count, options->client_ca_file);
    if (tls != NULL)
        observe(tls, options->check_interval, options->reloaded, options->reloaded_self);
    return finish(tls, out_tls, out_error);
}

weir_code
weir_tls_client_new(const struct weir_tls_client_options *options, weir_tls **out_tls,
    char out_error[WEIR_TLS_ERROR])
{
    static const struct weir_tls_client_options defaults;
    struct tls_files files = {.is_server = false};
    bool has_pair;
    weir_tls *tls;

    if (options == NULL)
        options = &defaults;
    if (!are_possible(options->min_version, options->check_interval))
        return refuse(impossible, out_error);
    files.min_version = options->min_version;
    has_pair = is_whole(&options->pair);
    if (!has_pair && (options->pair.cert_file != NULL || options->pair.key_file != NULL))
        return refuse("a certificate and its key go together", out_error);
    tls = make(&files, &options->pair, has_pair, options->ca_file);
    if (tls != NULL)
        observe(tls, options->check_interval, options->reloaded, options->reloaded_self);
    if (tls != NULL && options->server_name != NULL &&
        (tls->server_name = strdup(options->server_name)) == NULL) {
        weir_tls_free(tls);
        tls = NULL;
    }
    return finish(tls, out_tls, out_error);
}

/* ---- accessors ---- */

bool
net_tls_is_server(const weir_tls *tls)
{
    return tls->files.is_server;
}

const char *
net_tls_server_name(const weir_tls *tls)
{
    return tls->server_name;
}

const BIO_METHOD *
tls_bio_method(const weir_tls *tls)
{
    return tls->bio_method;
}

void
tls_count_handshake(weir_tls *tls, bool succeeded, bool resumed)
{
    atomic_fetch_add(succeeded ? &tls->handshakes : &tls->failed, 1);
    if (succeeded && resumed)
        atomic_fetch_add(&tls->resumed, 1);
}

void
weir_tls_error(weir_tls *tls, char out_error[WEIR_TLS_ERROR])
{
    pthread_mutex_lock(&tls->lock);
    memcpy(out_error, tls->error, WEIR_TLS_ERROR);
    pthread_mutex_unlock(&tls->lock);
}

void
weir_tls_count(const weir_tls *tls, struct weir_tls_counts *out_counts)
{
    *out_counts = (struct weir_tls_counts){
        .handshakes = atomic_load(&tls->handshakes),
        .resumed = atomic_load(&tls->resumed),
        .failed = atomic_load(&tls->failed),
        .reloads = atomic_load(&tls->reloads),
        .reload_failures = atomic_load(&tls->reload_failures),
    };
}
