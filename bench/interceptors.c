/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors that bench-echo can use. Each has a field, a function that adds it to the
 * server, a line in the table, and cleanup in interceptors_free. */
#include "interceptors.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/auth.h>
#include <weir/concurrency.h>
#include <weir/logging.h>
#include <weir/metrics.h>
#include <weir/ratelimit.h>
#include <weir/signer.h>
#include <weir/tracing.h>

struct interceptors {
    const struct interceptors_options *options;
    weir_log *log;
    FILE *lines;
    weir_metrics *metrics;
    weir_ratelimit *ratelimit;
    weir_concurrency *concurrency;
    weir_tracer *tracer;
    weir_auth *auth;
    pthread_t exporter;
    bool exporting;
};

static void
write_lines(void *self, const char *lines, size_t len)
{
    struct interceptors *all = self;

    if (fwrite(lines, 1, len, all->lines) == len)
        rewind(all->lines);
}

/* JSON into a temporary file, which is overwritten again and again. */
static weir_code
add_logging(struct interceptors *all, weir_server *server)
{
    const struct weir_log_options options = {
        .format = WEIR_LOG_JSON, .write = write_lines, .self = all};

    all->lines = tmpfile();
    if (all->lines == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(weir_log_new(&options, &all->log));
    return weir_server_wrap(server, weir_log_intercept, all->log);
}

static weir_code
add_metrics(struct interceptors *all, weir_server *server)
{
    WEIR_TRY(weir_metrics_new(NULL, &all->metrics));
    return weir_server_wrap(server, weir_metrics_intercept, all->metrics);
}

/* A limit that is never reached. */
static weir_code
add_ratelimit(struct interceptors *all, weir_server *server)
{
    const struct weir_ratelimit_options options = {.rate = {1e9, 1000000000}};

    WEIR_TRY(weir_ratelimit_new(&options, &all->ratelimit));
    return weir_server_wrap(server, weir_ratelimit_intercept, all->ratelimit);
}

static weir_code
add_concurrency(struct interceptors *all, weir_server *server)
{
    WEIR_TRY(weir_concurrency_new(NULL, &all->concurrency));
    return weir_server_wrap(server, weir_concurrency_intercept, all->concurrency);
}

static void *export(void *tracer)
{
    weir_tracer_run(tracer);
    return NULL;
}

/* Samples one trace in a hundred. */
static weir_code
add_tracing(struct interceptors *all, weir_server *server)
{
    const struct weir_tracer_options options = {
        .endpoint = all->options->collector, .service_name = "bench-echo", .skip = 0.99};

    WEIR_TRY(weir_tracer_new(&options, &all->tracer));
    if (pthread_create(&all->exporter, NULL, export, all->tracer) != 0)
        return WEIR_RESOURCE_EXHAUSTED;
    all->exporting = true;
    return weir_server_wrap(server, weir_tracer_intercept, all->tracer);
}

static weir_code
write_token(const weir_signer *signer, const char *path)
{
    const struct weir_token token = {.subject = "bench", .expires = weir_unix_seconds() + 86400};
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    char *text;
    weir_code code;

    if (file == NULL)
        return path == NULL ? WEIR_OK : WEIR_INVALID_ARGUMENT;
    code = weir_jwt_sign(signer, &token, &text);
    if (code == WEIR_OK) {
        code = fputs(text, file) < 0 ? WEIR_INVALID_ARGUMENT : WEIR_OK;
        free(text);
    }
    return fclose(file) == 0 ? code : WEIR_INVALID_ARGUMENT;
}

static weir_code
check_tokens(struct interceptors *all, weir_server *server, const weir_signer *signer)
{
    char *keys = weir_signer_public_pem(signer);
    const struct weir_auth_options options = {.public_keys = keys};
    weir_code code =
        keys == NULL ? WEIR_RESOURCE_EXHAUSTED : weir_auth_new(&options, &all->auth, NULL);

    free(keys);
    WEIR_TRY(code);
    return weir_server_wrap(server, weir_auth_intercept, all->auth);
}

/* Every call has the same token, so it is in the cache of verified ones. */
static weir_code
add_auth(struct interceptors *all, weir_server *server)
{
    weir_signer *signer;
    weir_code code = weir_signer_generate("RS256", &signer);

    WEIR_TRY(code);
    code = write_token(signer, all->options->token_file);
    if (code == WEIR_OK)
        code = check_tokens(all, server, signer);
    weir_signer_free(signer);
    return code;
}

static const struct {
    const char *name;
    weir_code (*add)(struct interceptors *all, weir_server *server);
} table[] = {
    {"logging", add_logging},
    {"metrics", add_metrics},
    {"ratelimit", add_ratelimit},
    {"concurrency", add_concurrency},
    {"tracing", add_tracing},
    {"auth", add_auth},
};

static weir_code
add_one(struct interceptors *all, weir_server *server, weir_str name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (weir_str_equal(weir_str_of(table[i].name), name))
            return table[i].add(all, server);
    }
    return WEIR_INVALID_ARGUMENT;
}

static weir_code
add_all(struct interceptors *all, weir_server *server, const char *names)
{
    while (*names != '\0') {
        size_t len = strcspn(names, ",");

        WEIR_TRY(add_one(all, server, (weir_str){names, len}));
        names += len + (names[len] == ',');
    }
    return WEIR_OK;
}

weir_code
interceptors_new(weir_server *server, const struct interceptors_options *options,
    struct interceptors **out_interceptors)
{
    struct interceptors *all = calloc(1, sizeof(*all));
    weir_code code;

    if (all == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    all->options = options;
    code = add_all(all, server, options->names);
    if (code != WEIR_OK) {
        interceptors_free(all);
        return code;
    }
    *out_interceptors = all;
    return WEIR_OK;
}

void
interceptors_free(struct interceptors *all)
{
    if (all == NULL)
        return;
    if (all->exporting) {
        weir_tracer_stop(all->tracer, 0);
        pthread_join(all->exporter, NULL);
    }
    weir_log_free(all->log);
    if (all->lines != NULL)
        fclose(all->lines);
    weir_metrics_free(all->metrics);
    weir_ratelimit_free(all->ratelimit);
    weir_concurrency_free(all->concurrency);
    weir_tracer_free(all->tracer);
    weir_auth_free(all->auth);
    free(all);
}
