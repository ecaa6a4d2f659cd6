/* SPDX-License-Identifier: Apache-2.0 */
/* A call's metadata: reading what was received, adding what is to be sent.
 *
 * Received metadata is borrowed from the reference-counted header block that the call holds; only
 * -bin values are decoded, into the call's arena, on demand. */
#include "rpc/call.h"

/* Is the key visible to users? All are, except those of HTTP/2 and those of gRPC that the library
 * handles itself. The other keys of gRPC are read by retries (gRFC A6), among others. */
static bool
is_custom(const struct h2_field *field)
{
    const unsigned custom =
        1u << H2_TOKEN_NONE | 1u << H2_TOKEN_USER_AGENT | 1u << H2_TOKEN_GRPC_OTHER;

    return (custom >> field->token & 1) != 0;
}

/* The value at *offset of the comma-separated values of a -bin field; advances *offset to the next.
 */
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

/* The next value of a -bin field, from *offset on, which moves behind it; data NULL when there is
 * none. What does not decode, in a call that has ended for it, is left out. */
static APART weir_str
next_part(struct weir_call *call, const struct h2_field *field, size_t *offset)
{
    weir_str bytes;

    while (*offset <= field->value.len) {
        if (wire_base64_decode(&call->arena, take_part(field->value, offset), &bytes) == WEIR_OK)
            return bytes;
    }
    return (weir_str){NULL, 0};
}

/* The cursor has the index of a field and, in its lower bits, the offset in its value. */
#define OFFSET_BITS (sizeof(size_t) * 5)

/* The next value of this key, or of any key if `name` is NULL; *out_field: the field with the
 * value. */
static inline bool
next_value(struct weir_call *call, const struct h2_block *block, const weir_str *name,
    size_t *cursor, const struct h2_field **out_field, weir_str *out_value)
{
    size_t i = *cursor >> OFFSET_BITS;
    size_t offset = *cursor & (((size_t)1 << OFFSET_BITS) - 1);

    for (; block != NULL && i < block->count; i++, offset = 0) {
        const struct h2_field *field = &block->fields[i];
        bool binary;

        if ((name != NULL && !weir_str_equal(field->name, *name)) || !is_custom(field))
            continue;
        binary = wire_key_is_binary(field->name);
        *out_value = binary ? next_part(call, field, &offset) : field->value;
        if (binary && out_value->data == NULL)
            continue;
        *out_field = field;
        *cursor = binary ? (i << OFFSET_BITS) + offset : (i + 1) << OFFSET_BITS;
        return true;
    }
    return false;
}

static bool
next_of_any(struct weir_call *call, const struct h2_block *block, size_t *cursor, weir_str *out_key,
    weir_str *out_value)
{
    const struct h2_field *field;

    if (!next_value(call, block, NULL, cursor, &field, out_value))
        return false;
    *out_key = field->name;
    return true;
}

static bool
next_of_key(struct weir_call *call, const struct h2_block *block, const char *key, size_t *cursor,
    weir_str *out_value)
{
    const weir_str name = weir_str_of(key);
    const struct h2_field *field;

    return next_value(call, block, &name, cursor, &field, out_value);
}

static weir_str
first_of_key(struct weir_call *call, const struct h2_block *block, const char *key)
{
    weir_str value;
    size_t cursor = 0;

    return next_of_key(call, block, key, &cursor, &value) ? value : (weir_str){NULL, 0};
}

weir_str
weir_call_header(weir_call *call, const char *key)
{
    return first_of_key(call, call->headers, key);
}

weir_str
weir_call_trailer(weir_call *call, const char *key)
{
    return first_of_key(call, call->trailers, key);
}

bool
weir_call_next_header_of(weir_call *call, const char *key, size_t *cursor, weir_str *out_value)
{
    return next_of_key(call, call->headers, key, cursor, out_value);
}

bool
weir_call_next_header(weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value)
{
    return next_of_any(call, call->headers, cursor, out_key, out_value);
}

bool
weir_call_next_trailer(weir_call *call, size_t *cursor, weir_str *out_key, weir_str *out_value)
{
    return next_of_any(call, call->trailers, cursor, out_key, out_value);
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
