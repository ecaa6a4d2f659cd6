/* SPDX-License-Identifier: Apache-2.0 */
/* The cost of a token that auth has not seen before:
 *   bench-token COUNT
 *
 * COUNT RS256 tokens are sent to an echo server in this process, each in a call of its own, and
 * then a second time, when they are cached. The difference is the cost of parsing and verifying
 * them. For comparison, the same signatures are verified by OpenSSL alone. Prints
 * "verify_us A first_us B cached_us C": CPU time of the process per token. */
/* Threads: the server has one, the client is the main one. */
#include "echo.weir.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/auth.h>
#include <weir/channel.h>
#include <weir/server.h>
#include <weir/signer.h>

#define AT_ONCE 64
#define MOST 100000
#define ROOM 128 /* cache entries per token, so that none is evicted */

struct bench {
    size_t count;
    char **tokens; /* "Bearer ..." */
    char *pem;     /* the public key */
    weir_auth *auth;
    weir_server *server;
    weir_loop *loop;
    weir_channel *channel;
    size_t next, running; /* of one pass */
    weir_code code;       /* the most severe status */
};

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- tokens ---- */

/* As the header says. NULL: it cannot be signed, or no memory. */
static char *
sign_one(const weir_signer *signer, size_t number)
{
    static const char *const roles[] = {"user"};
    struct weir_token token = {.subject = "12345678",
        .name = "Somebody",
        .issuer = "userd",
        .roles = roles,
        .role_count = 1,
        .issued_at = weir_unix_seconds(),
        .expires = weir_unix_seconds() + 3600};
    char id[32], *text, *header;
    size_t size;

    snprintf(id, sizeof(id), "%zu", number);
    token.id = id;
    if (weir_jwt_sign(signer, &token, &text) != WEIR_OK)
        return NULL;
    size = sizeof("Bearer ") + strlen(text);
    header = malloc(size);
    if (header != NULL)
        snprintf(header, size, "Bearer %s", text);
    free(text);
    return header;
}

static weir_code
sign_all(struct bench *bench)
{
    weir_signer *signer;
    weir_code code = weir_signer_generate("RS256", &signer);

    WEIR_TRY(code);
    bench->pem = weir_signer_public_pem(signer);
    bench->tokens = calloc(bench->count, sizeof(*bench->tokens));
    if (bench->pem == NULL || bench->tokens == NULL)
        code = WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < bench->count && code == WEIR_OK; i++) {
        bench->tokens[i] = sign_one(signer, i);
        if (bench->tokens[i] == NULL)
            code = WEIR_RESOURCE_EXHAUSTED;
    }
    weir_signer_free(signer);
    return code;
}

/* ---- OpenSSL alone ---- */

/* Base64url without padding; returns the length. */
static size_t
decode(const char *text, unsigned char out[1024])
{
    char padded[1400];
    size_t len = strlen(text), all = (len + 3) / 4 * 4;

    if (all >= sizeof(padded) || all / 4 * 3 > 1024)
        return 0;
    for (size_t i = 0; i < all; i++)
        padded[i] = i >= len ? '=' : text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    if (EVP_DecodeBlock(out, (const unsigned char *)padded, (int)all) < 0)
        return 0;
    return all / 4 * 3 - (all - len);
}

static bool
verify_one(EVP_PKEY *key, const char *header)
{
    const char *text = header + strlen("Bearer "), *end = strrchr(text, '.');
    unsigned char signature[1024];
    size_t len = decode(end + 1, signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL &&
                EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, len, (const unsigned char *)text,
                    (size_t)(end - text)) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

/* Seconds; negative: an invalid signature. */
static double
verify_all(const struct bench *bench)
{
    BIO *bio = BIO_new_mem_buf(bench->pem, -1);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    double began = cpu_seconds();
    size_t good = 0;

    while (good < bench->count && verify_one(key, bench->tokens[good]))
        good++;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return good == bench->count ? cpu_seconds() - began : -1;
}

/* ---- calls ---- */

static weir_code
call_with(weir_channel *channel, const char *header)
{
    weir_call *call = weir_call_new(channel, NULL);
    Echo__EchoMessage request = ECHO__ECHO_MESSAGE__INIT;
    const Echo__EchoMessage *answer;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    request.text = "what is echoed is this long, too";
    if (call != NULL)
        code = weir_call_add_header(call, "authorization", weir_str_of(header));
    if (code == WEIR_OK)
        code = echo_Echo_Unary(call, &request, &answer);
    weir_call_free(call);
    return code;
}

static void
call_on(void *arg)
{
    struct bench *bench = arg;

    while (bench->next < bench->count && bench->code == WEIR_OK) {
        weir_code code = call_with(bench->channel, bench->tokens[bench->next++]);

        if (code != WEIR_OK)
            bench->code = code;
    }
    if (--bench->running == 0)
        weir_loop_stop(bench->loop);
}

/* One call per token. Returns seconds of CPU. */
static double
pass(struct bench *bench)
{
    double began = cpu_seconds();

    bench->next = 0;
    while (bench->running < AT_ONCE && weir_loop_spawn(bench->loop, call_on, bench) == WEIR_OK)
        bench->running++;
    weir_loop_run(bench->loop);
    return cpu_seconds() - began;
}

/* ---- the server ---- */

static weir_code
echo_unary(
    void *self, weir_call *call, const Echo__EchoMessage *request, Echo__EchoMessage *out_response)
{
    (void)self;
    (void)call;
    out_response->text = request->text;
    return WEIR_OK;
}

static const struct echo_Echo_handlers handlers = {.Unary = echo_unary};

static weir_code
make_server(struct bench *bench)
{
    const struct weir_auth_options options = {
        .public_keys = bench->pem, .cache_tokens = ROOM * bench->count};

    WEIR_TRY(weir_auth_new(&options, &bench->auth, NULL));
    WEIR_TRY(weir_server_new(NULL, &bench->server));
    WEIR_TRY(weir_server_wrap(bench->server, weir_auth_intercept, bench->auth));
    WEIR_TRY(echo_Echo_add(bench->server, &handlers, NULL));
    return weir_server_listen(bench->server, "127.0.0.1:0");
}

static void *
run_server(void *server)
{
    (void)!weir_server_run(server);
    return NULL;
}

/* ---- setup ---- */

static weir_code
measure(struct bench *bench)
{
    struct weir_auth_stats stats;
    double verify = verify_all(bench), first, cached;
    double each = 1e6 / (double)bench->count;

    WEIR_TRY(call_with(bench->channel, bench->tokens[0])); /* warm-up */
    first = pass(bench);
    cached = pass(bench);
    WEIR_TRY(bench->code);
    weir_auth_read_stats(bench->auth, &stats);
    if (verify < 0 || stats.verified != bench->count || stats.cached != bench->count + 1)
        return WEIR_DATA_LOSS;
    printf("verify_us %.3f first_us %.3f cached_us %.3f\n", verify * each, first * each,
        cached * each);
    return WEIR_OK;
}

static weir_code
run_client(struct bench *bench)
{
    weir_code code;

    WEIR_TRY(weir_loop_new(&bench->loop));
    code =
        weir_channel_new(bench->loop, weir_server_address(bench->server, 0), NULL, &bench->channel);
    if (code == WEIR_OK) {
        code = measure(bench);
        weir_channel_free(bench->channel);
    }
    weir_loop_free(bench->loop);
    return code;
}

static weir_code
run(struct bench *bench)
{
    pthread_t thread;
    weir_code code;

    WEIR_TRY(sign_all(bench));
    WEIR_TRY(make_server(bench));
    if (pthread_create(&thread, NULL, run_server, bench->server) != 0)
        return WEIR_RESOURCE_EXHAUSTED;
    code = run_client(bench);
    weir_server_drain(bench->server, WEIR_SECOND);
    pthread_join(thread, NULL);
    return code;
}

static void
bench_fini(struct bench *bench)
{
    weir_server_free(bench->server);
    weir_auth_free(bench->auth);
    for (size_t i = 0; bench->tokens != NULL && i < bench->count; i++)
        free(bench->tokens[i]);
    free(bench->tokens);
    free(bench->pem);
}

int
main(int argc, char **argv)
{
    struct bench bench = {.count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0};
    weir_code code;

    if (bench.count < AT_ONCE || bench.count > MOST) {
        fprintf(stderr, "usage: bench-token COUNT, from %d to %d\n", AT_ONCE, MOST);
        return 2;
    }
    code = run(&bench);
    bench_fini(&bench);
    if (code == WEIR_OK)
        return 0;
    fprintf(stderr, "bench-token: %s\n", weir_code_name(code));
    return 1;
}
