/* SPDX-License-Identifier: Apache-2.0 */
/* A call's metadata: reading what came, adding what goes.
 *
 * What came is borrowed from the counted header block that the call holds; only -bin values are
 * decoded, into the call's arena, when they are asked for. */
#include "rpc/call.h"

/* Keys a user sees: everything but HTTP/2's, and those of gRPC's that are dealt with below. Retries
 * (gRFC A6) and others read the rest of gRPC's. */
static bool
is_custom(const struct h2_field *field)
{
    return field->token == H2_TOKEN_NONE || field->token == H2_TOKEN_USER_AGENT ||
           field->token == H2_TOKEN_GRPC_OTHER;
}

/* One of the values, divided by commas, that a -bin field may carry: the one at *offset, which
 * moves to the next. */
static weir_str
take_part(weir_str value, size_t *offset)
{
    const char *part = value.data + *offset;
    size_t left = value.len - *offset;
    const char *comma = memchr(part, ',', left);
    size_t len = comma == NULL ? left : (size_t)(comma - part);

    *offset += len + 1;
    return (weir_str){part, len};
}

/* The next value of a field as the user sees it, from *offset on, which moves behind it; data NULL
 * when there is none. What does not decode is left out. */
static weir_str
next_part(struct weir_call *call, const struct h2_field *field, size_t *offset)
{
    weir_str bytes;

    if (!wire_key_is_binary(field->name) && *offset == 0) {
        *offset = field->value.len + 1;
        return field->value;
    }
    while (*offset <= field->value.len) {
        if (wire_base64_decode(&call->arena, take_part(field->value, offset), &bytes) == WEIR_OK)
            return bytes;
    }
    return (weir_str){NULL, 0};
}

static weir_str
find_value(struct weir_call *call, const struct h2_block *block, const char *key)
{
    weir_str name = weir_str_of(key), value = {NULL, 0};

    for (size_t i = 0; block != NULL && value.data == NULL && i < block->count; i++) {
        size_t offset = 0;

        if (is_custom(&block->fields[i]) && weir_str_equal(block->fields[i].name, name))
            value = next_part(call, &block->fields[i], &offset);
    }
    return value;
}

/* The cursor holds a field's index, and in its lower bits how far into that field's value. */
#define OFFSET_BITS (sizeof(size_t) * 5)

static bool
next_value(struct weir_call *call, const struct h2_block *block, size_t *cursor, weir_str *out_key,
    weir_str *out_value)
{
    size_t field = *cursor >> OFFSET_BITS;
    size_t offset = *cursor & (((size_t)1 << OFFSET_BITS) - 1);

    for (; block != NULL && field < block->count; field++, offset = 0) {
        weir_str value = {NULL, 0};

        if (is_custom(&block->fields[field]))
            value = next_part(call, &block->fields[field], &offset);
        if (value.data == NULL)
            continue;
        *out_key = block->fields[field].name;
        *out_value = value;
        *cursor = (field << OFFSET_BITS) + offset;
        return true;
    }
    return false;
}

weir_str
weir_call_header(weir_call *call, const char *key)
{
    return find_value(call, call->headers, key);
}

weir_str
weir_call_trailer(weir_call *call, const char *key)
{
    return find_value(call, call->trailers, key);
}

bool
weir_call_next_header(weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value)
{
    return next_value(call, call->headers, cursor, out_key, out_value);
}

bool
weir_call_next_trailer(weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value)
{
    return next_value(call, call->trailers, cursor, out_key, out_value);
}

static bool
fields_grow(struct arena *arena, struct call_fields *fields)
{
    size_t cap = fields->cap == 0 ? 4 : fields->cap * 2;
    struct h2_field *list = arena_alloc(arena, cap * sizeof(*list));

    if (list == NULL)
        return false;
    if (fields->count > 0)
        memcpy(list, fields->list, fields->count * sizeof(*list));
    fields->list = list;
    fields->cap = cap;
    return true;
}

weir_code
call_fields_add(struct weir_call *call, struct call_fields *fields, const char *key, weir_str value)
{
    weir_str name = weir_str_of(key);
    bool binary = wire_key_is_binary(name);
    struct h2_field field = {.indexing = H2_DO_NOT_INDEX};

    if (!wire_key_is_sendable(name) || (!binary && !wire_value_is_sendable(value)))
        return WEIR_INVALID_ARGUMENT;
    field.name = (weir_str){arena_dup(&call->arena, name), name.len};
    field.value = binary ? wire_base64_encode(&call->arena, value)
                         : (weir_str){arena_dup(&call->arena, value), value.len};
    if (field.name.data == NULL || field.value.data == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (fields->count == fields->cap && !fields_grow(&call->arena, fields))
        return WEIR_RESOURCE_EXHAUSTED;
    fields->list[fields->count++] = field;
    return WEIR_OK;
}

weir_code
weir_call_add_header(weir_call *call, const char *key, weir_str value)
{
    if (call->headers_sent)
        return WEIR_FAILED_PRECONDITION;
    return call_fields_add(call, &call->out_headers, key, value);
}

weir_code
weir_call_add_trailer(weir_call *call, const char *key, weir_str value)
{
    if (call->send_closed || !call->is_server)
        return WEIR_FAILED_PRECONDITION;
    return call_fields_add(call, &call->out_trailers, key, value);
}
