/* SPDX-License-Identifier: Apache-2.0 */
/* Struct tags count as names too, since they share the namespace in C++; so do the members of a
 * service's handlers, of which `delete` and `delete_` would collide. */
#include "symbols.h"

#include "clash.h"
#include <string.h>

static const char *const of_service[] = {"_add", "_handlers", "_methods", "_service"};
static const char *const of_method[] = {"", "_run"};
static const char *const of_server_stream[] = {
    "_server", "_send", "_client", "_client_recv", "_client_finish"};
static const char *const of_client_stream[] = {
    "_server", "_recv", "_recv_each", "_client", "_client_send", "_client_finish"};
static const char *const of_bidi_stream[] = {"_server", "_recv", "_recv_each", "_send", "_client",
    "_client_send", "_client_close_send", "_client_recv", "_client_finish"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void
add(struct clash_list *symbols, const char *prefix, const char *owner, const char *const *endings,
    size_t count)
{
    for (size_t i = 0; i < count; i++)
        clash_add(symbols, pool_printf(symbols->pool, "%s%s", prefix, endings[i]), owner);
}

static void
add_method(struct clash_list *symbols, const struct model_service *service,
    const struct model_method *method)
{
    const char *name = method->function, *owner = method->full_name;

    add(symbols, name, owner, of_method, COUNT(of_method));
    clash_add(symbols,
        pool_printf(symbols->pool, "%s_handlers.%s", service->prefix, method->member), owner);
    if (method->client_streams && method->server_streams)
        add(symbols, name, owner, of_bidi_stream, COUNT(of_bidi_stream));
    else if (method->client_streams)
        add(symbols, name, owner, of_client_stream, COUNT(of_client_stream));
    else if (method->server_streams)
        add(symbols, name, owner, of_server_stream, COUNT(of_server_stream));
}

/* Names of the libraries that generated code uses: one of these prefixes and lower case. */
static bool
is_of_libraries(const char *name)
{
    static const char *const prefixes[] = {"weir_", "protobuf_c_"};
    bool is_lower = true;

    for (const char *c = name; *c != '\0'; c++)
        is_lower = is_lower && (*c < 'A' || *c > 'Z');
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (is_lower && strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static const char *
check_prefixes(const struct model_service *service, struct pool *pool)
{
    for (size_t i = 0; i < service->method_count; i++)
        if (is_of_libraries(service->methods[i].function))
            return pool_printf(pool,
                "%s would be called %s in C, as functions of Weir or protobuf-c are",
                service->methods[i].full_name, service->methods[i].function);
    return NULL;
}

const char *
symbols_clash(const struct model_file *model, struct pool *pool)
{
    struct clash_list symbols = {.pool = pool};
    const char *error = NULL;

    clash_add(&symbols, model->symbol, model->name);
    for (size_t i = 0; error == NULL && i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];

        error = check_prefixes(service, pool);
        add(&symbols, service->prefix, service->full_name, of_service, COUNT(of_service));
        for (size_t j = 0; j < service->method_count; j++)
            add_method(&symbols, service, &service->methods[j]);
    }
    return error != NULL ? error : clash_find(&symbols);
}
