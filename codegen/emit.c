/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the templates. */
#include "emit.h"

static const char *
kind_of(const struct model_method *method)
{
    if (method->client_streams)
        return method->server_streams ? "WEIR_BIDI_STREAM" : "WEIR_CLIENT_STREAM";
    return method->server_streams ? "WEIR_SERVER_STREAM" : "WEIR_UNARY";
}

struct emit_vars
emit_file_vars(const struct model_file *file)
{
    return (struct emit_vars){{
        {"file", file->symbol},
        {"path", file->name},
        {"stem", file->stem},
        {NULL, NULL},
    }};
}

struct emit_vars
emit_service_vars(const struct model_service *service)
{
    return (struct emit_vars){{
        {"name", service->full_name},
        {"service", service->prefix},
        {NULL, NULL},
    }};
}

/* A name in lower case may be a function-like macro, such as putc or major, where the source is
 * compiled; it is not expanded if no parenthesis follows. */
static bool
may_be_macro(const char *member)
{
    return member[0] < 'A' || member[0] > 'Z';
}

struct emit_vars
emit_method_vars(const struct model_service *service, const struct model_method *method)
{
    return (struct emit_vars){{
        {"name", method->full_name},
        {"path", method->path},
        {"kind", kind_of(method)},
        {"safe", method->safe ? "        .safe = true,\n" : ""},
        {"service", service->prefix},
        {"method", method->function},
        {"member", method->member},
        {"open", may_be_macro(method->member) ? "(" : ""},
        {"close", may_be_macro(method->member) ? ")" : ""},
        {"index", method->index},
        {"Request", method->input.type},
        {"request", method->input.lower},
        {"Response", method->output.type},
        {"response", method->output.lower},
        {"RESPONSE", method->output.upper},
        {NULL, NULL},
    }};
}
