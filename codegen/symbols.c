/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of structures count as names too: in C++ they share the name space. So do the members of a
 * service's handlers, of which `delete` and `delete_` would be one. */
#include "symbols.h"

#include <stdlib.h>
#include <string.h>

struct symbol {
    const char *name;
    const char *owner; /* what in the .proto it comes from */
};

struct symbols {
    struct pool *pool;
    struct symbol *list;
    size_t count;
};

static const char *const of_service[] = {"_add", "_handlers", "_methods", "_service"};
static const char *const of_method[] = {"", "_run"};
static const char *const of_server_stream[] = {
    "_server", "_send", "_client", "_client_recv", "_client_finish"};
static const char *const of_client_stream[] = {
    "_server", "_recv", "_client", "_client_send", "_client_finish"};
static const char *const of_bidi_stream[] = {"_server", "_recv", "_send", "_client", "_client_send",
    "_client_close_send", "_client_recv", "_client_finish"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The most names that one method takes, its member among them. */
#define METHOD_MOST (COUNT(of_method) + COUNT(of_bidi_stream) + 1)

static void
add(struct symbols *symbols, const char *prefix, const char *owner, const char *const *endings,
    size_t count)
{
    for (size_t i = 0; i < count; i++)
        symbols->list[symbols->count++] =
            (struct symbol){pool_printf(symbols->pool, "%s%s", prefix, endings[i]), owner};
}

static void
add_method(
    struct symbols *symbols, const struct model_service *service, const struct model_method *method)
{
    const char *name = method->function, *owner = method->full_name;
    const char *member =
        pool_printf(symbols->pool, "%s_handlers.%s", service->prefix, method->member);

    add(symbols, name, owner, of_method, COUNT(of_method));
    add(symbols, member, owner, (const char *const[]){""}, 1);
    if (method->client_streams && method->server_streams)
        add(symbols, name, owner, of_bidi_stream, COUNT(of_bidi_stream));
    else if (method->client_streams)
        add(symbols, name, owner, of_client_stream, COUNT(of_client_stream));
    else if (method->server_streams)
        add(symbols, name, owner, of_server_stream, COUNT(of_server_stream));
}

static int
compare(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->owner, y->owner);
}

const char *
symbols_clash(const struct model_file *model, struct pool *pool)
{
    struct symbols symbols = {.pool = pool};
    size_t most = 1;

    for (size_t i = 0; i < model->service_count; i++)
        most += COUNT(of_service) + model->services[i].method_count * METHOD_MOST;
    symbols.list = pool_alloc(pool, most, sizeof *symbols.list);
    add(&symbols, model->symbol, model->name, (const char *const[]){""}, 1);
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];

        add(&symbols, service->prefix, service->full_name, of_service, COUNT(of_service));
        for (size_t j = 0; j < service->method_count; j++)
            add_method(&symbols, service, &service->methods[j]);
    }
    qsort(symbols.list, symbols.count, sizeof *symbols.list, compare);
    for (size_t i = 1; i < symbols.count; i++)
        if (strcmp(symbols.list[i - 1].name, symbols.list[i].name) == 0)
            return pool_printf(pool, "%s and %s would both be called %s in C",
                symbols.list[i - 1].owner, symbols.list[i].owner, symbols.list[i].name);
    return NULL;
}
