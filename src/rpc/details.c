/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-status-details-bin: google.rpc.Status, encoded and decoded by hand.
 *
 *   Status  { code = 1; message = 2; repeated Any details = 3; }
 *   Any     { type_url = 1: "type.googleapis.com/google.rpc.ErrorInfo"; value = 2; }
 *
 * A detail that a server adds is kept as the serialised field 3; the fields are concatenated in
 * order. A client decodes what it has received on demand; malformed bytes have no details. */
#include "rpc/call.h"
#include "rpc/field.h"
#include <weir/details.h>

#define TYPE_PREFIX "type.googleapis.com/"
#define TYPE_PREFIX_LEN (sizeof(TYPE_PREFIX) - 1)

enum { STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_DETAILS = 3, ANY_TYPE = 1, ANY_VALUE = 2 };

/* ---- server ---- */

struct call_detail {
    struct call_detail *next;
    size_t len;
    uint8_t bytes[];
};

static size_t
put_bytes(uint8_t *to, uint32_t number, const char *bytes, size_t len)
{
    size_t head = field_put_head(to, number, len);

    if (len > 0)
        memcpy(to + head, bytes, len);
    return head + len;
}

/* Write a detail as field 3 of the status into memory allocated for its exact size. */
static size_t
put_detail(uint8_t *to, const ProtobufCMessage *detail, const char *name, size_t value_len)
{
    size_t name_len = strlen(name), any_len;
    uint8_t heads[2 * FIELD_HEAD_MAX];
    uint8_t *at = to;

    any_len = field_put_head(heads, ANY_TYPE, TYPE_PREFIX_LEN + name_len) + TYPE_PREFIX_LEN +
              name_len + field_put_head(heads, ANY_VALUE, value_len) + value_len;
    at += field_put_head(at, STATUS_DETAILS, any_len);
    at += field_put_head(at, ANY_TYPE, TYPE_PREFIX_LEN + name_len);
    memcpy(at, TYPE_PREFIX, TYPE_PREFIX_LEN);
    memcpy(at + TYPE_PREFIX_LEN, name, name_len);
    at += TYPE_PREFIX_LEN + name_len;
    at += field_put_head(at, ANY_VALUE, value_len);
    return (size_t)(at - to) + protobuf_c_message_pack(detail, at);
}

weir_code
weir_call_add_detail(weir_call *call, const ProtobufCMessage *detail)
{
    const size_t heads = 3 * FIELD_HEAD_MAX + TYPE_PREFIX_LEN + strlen(detail->descriptor->name);
    size_t value_len, most;
    struct call_detail *added, **end = &call->details;

    if (!call->is_server || call->send_closed)
        return WEIR_FAILED_PRECONDITION;
    detail = wire_message_keep_zeros(&call->arena, detail);
    if (detail == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    value_len = protobuf_c_message_get_packed_size(detail);
    most = heads + value_len;
    added = arena_alloc(&call->arena, sizeof(*added) + most);
    if (added == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    added->next = NULL;
    added->len = put_detail(added->bytes, detail, detail->descriptor->name, value_len);
    while (*end != NULL)
        end = &(*end)->next;
    *end = added;
    return WEIR_OK;
}

weir_str
call_pack_details(struct weir_call *call, weir_code code, const char *message)
{
    size_t message_len = message == NULL ? 0 : strlen(message);
    size_t most = 2 * FIELD_HEAD_MAX + message_len, len;
    uint8_t *bytes;

    for (const struct call_detail *at = call->details; at != NULL; at = at->next)
        most += at->len;
    bytes = arena_alloc(&call->arena, most);
    if (bytes == NULL)
        return (weir_str){NULL, 0};
    len = field_put_number(bytes, STATUS_CODE, (uint64_t)code);
    if (message_len > 0)
        len += put_bytes(bytes + len, STATUS_MESSAGE, message, message_len);
    for (const struct call_detail *at = call->details; at != NULL; at = at->next) {
        memcpy(bytes + len, at->bytes, at->len);
        len += at->len;
    }
    return wire_base64_encode(&call->arena, (weir_str){(const char *)bytes, len});
}

/* ---- client ---- */

/* The serialised status, decoded once. data NULL: there is none, or no memory. */
static weir_str
status_bytes(struct weir_call *call)
{
    const struct h2_block *block = call->is_server ? NULL : call->trailers;
    const struct h2_field *field =
        block == NULL ? NULL : h2_block_find(block, H2_TOKEN_GRPC_STATUS_DETAILS);
    weir_str bytes;

    if (call->status_bytes.data == NULL && field != NULL &&
        wire_base64_decode(&call->arena, field->value, &bytes) == WEIR_OK)
        call->status_bytes = bytes;
    return call->status_bytes;
}

/* NAME of "type.googleapis.com/NAME"; any host is accepted. */
static weir_str
type_name(const struct field *url)
{
    size_t start = url->len;

    while (start > 0 && url->data[start - 1] != '/')
        start--;
    return (weir_str){(const char *)url->data + start, url->len - start};
}

/* False: not a valid Any. An empty value may be omitted. */
static bool
read_any(const struct field *any, weir_str *out_type, weir_str *out_bytes)
{
    const uint8_t *at = any->data, *end = any->data + any->len;
    weir_str type = {NULL, 0}, bytes = {"", 0};
    struct field field;

    while (field_read(&at, end, &field)) {
        if (field.data != NULL && field.number == ANY_TYPE)
            type = type_name(&field);
        else if (field.data != NULL && field.number == ANY_VALUE)
            bytes = (weir_str){(const char *)field.data, field.len};
    }
    if (at != end || type.data == NULL)
        return false;
    *out_type = type;
    *out_bytes = bytes;
    return true;
}

bool
weir_call_next_detail(weir_call *call, size_t *cursor, weir_str *out_type, weir_str *out_bytes)
{
    weir_str status = status_bytes(call);
    const uint8_t *start = (const uint8_t *)status.data, *at, *end;
    struct field field;

    if (start == NULL || *cursor > status.len)
        return false;
    at = start + *cursor;
    end = start + status.len;
    while (field_read(&at, end, &field)) {
        if (field.number != STATUS_DETAILS || field.data == NULL ||
            !read_any(&field, out_type, out_bytes))
            continue;
        *cursor = (size_t)(at - start);
        return true;
    }
    *cursor = status.len;
    return false;
}

bool
weir_call_detail(
    weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_detail)
{
    weir_str wanted = weir_str_of(type->name), found, bytes;
    ProtobufCMessage *detail;
    size_t cursor = 0;

    do {
        if (!weir_call_next_detail(call, &cursor, &found, &bytes))
            return false;
    } while (!weir_str_equal(found, wanted));
    if (wire_message_unpack(type, (const uint8_t *)bytes.data, bytes.len, &call->arena, &detail)
            .result != WIRE_UNPACKED)
        return false;
    *out_detail = detail;
    return true;
}
