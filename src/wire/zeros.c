/* SPDX-License-Identifier: Apache-2.0 */
/* Makes protobuf-c's packing include numbers that are -0.
 *
 * A plain float or double that is -0 is not the default, so it must be sent, but protobuf-c takes
 * it for 0. It does send unknown fields, so these numbers are turned into such: in copies of the
 * messages that contain them and of the messages around those, which share everything else with the
 * original. */
#include "wire/wire.h"

#include "base/bytes.h"
#include "wire/protobuf.h"
#include <string.h>

struct keeper {
    struct arena *arena;
    bool no_memory;
    unsigned depth; /* nesting levels left; deeper messages are not changed */
};

static bool
is_real(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_FLOAT || field->type == PROTOBUF_C_TYPE_DOUBLE;
}

/* May a message of this type contain floats or doubles? */
static bool
may_hold(const ProtobufCMessageDescriptor *type)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE ||
            (is_real(&type->fields[i]) && protobuf_is_plain(&type->fields[i])))
            return true;
    return false;
}

static bool
is_minus_zero(const ProtobufCFieldDescriptor *field, const void *member)
{
    if (!is_real(field) || !protobuf_is_plain(field))
        return false;
    return field->type == PROTOBUF_C_TYPE_FLOAT ? *(const uint32_t *)member == UINT32_C(1) << 31
                                                : *(const uint64_t *)member == UINT64_C(1) << 63;
}

static void *
copy(struct keeper *keeper, const void *from, size_t size)
{
    void *to = arena_alloc(keeper->arena, size);

    if (to == NULL)
        keeper->no_memory = true;
    else
        memcpy(to, from, size);
    return to;
}

/* A member's place in the copy, which is made on first use. NULL: no memory. */
static void *
own(struct keeper *keeper, const ProtobufCMessage *message, ProtobufCMessage **changed,
    unsigned offset)
{
    if (*changed == NULL)
        *changed = copy(keeper, message, message->descriptor->sizeof_message);
    return *changed == NULL ? NULL : (char *)*changed + offset;
}

/* ---- the numbers of a message ---- */

/* Make an unknown field with the number and encoding of this field. */
static bool
put_unknown(struct keeper *keeper, const ProtobufCFieldDescriptor *field,
    ProtobufCMessageUnknownField *out_unknown)
{
    size_t size = protobuf_shape(field->type).size;
    uint8_t *data = arena_zalloc(keeper->arena, size);

    if (data == NULL)
        return false;
    data[size - 1] = 0x80;
    *out_unknown = (ProtobufCMessageUnknownField){.tag = field->id,
        .wire_type = (ProtobufCWireType)protobuf_shape(field->type).wire_type,
        .len = size,
        .data = data};
    return true;
}

/* Append it to the message's unknown fields. False: no memory. */
static bool
add_unknown(struct keeper *keeper, ProtobufCMessage *changed, const ProtobufCFieldDescriptor *field)
{
    unsigned count = changed->n_unknown_fields;
    ProtobufCMessageUnknownField *all =
        arena_alloc(keeper->arena, (count + 1) * sizeof(changed->unknown_fields[0]));

    if (all == NULL || !put_unknown(keeper, field, &all[count]))
        return false;
    if (count > 0)
        memcpy(all, changed->unknown_fields, count * sizeof(all[0]));
    changed->unknown_fields = all;
    changed->n_unknown_fields = count + 1;
    return true;
}

static void
keep_number(struct keeper *keeper, const ProtobufCMessage *message, ProtobufCMessage **changed,
    const ProtobufCFieldDescriptor *field)
{
    void *member = own(keeper, message, changed, field->offset);

    if (member == NULL)
        return;
    memset(member, 0, protobuf_shape(field->type).size);
    if (!add_unknown(keeper, *changed, field))
        keeper->no_memory = true;
}

/* ---- nested messages ---- */

static const ProtobufCMessage *keep(struct keeper *keeper, const ProtobufCMessage *message);

static void
keep_one(struct keeper *keeper, const ProtobufCMessage *message, ProtobufCMessage **changed,
    const ProtobufCFieldDescriptor *field)
{
    const void *at = (const char *)message + field->offset;
    const ProtobufCMessage *inner = *(ProtobufCMessage *const *)at, *kept;
    const ProtobufCMessage **place;

    kept = keep(keeper, inner);
    if (kept == inner)
        return;
    place = own(keeper, message, changed, field->offset);
    if (place != NULL)
        *place = kept;
}

/* Of a oneof, another member may be set. */
static bool
is_chosen(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *chosen = (const char *)message + field->quantifier_offset;

    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 ||
           *(const uint32_t *)chosen == field->id;
}

static void
keep_all(struct keeper *keeper, const ProtobufCMessage *message, ProtobufCMessage **changed,
    const ProtobufCFieldDescriptor *field)
{
    const void *at = (const char *)message + field->offset;
    const void *counted = (const char *)message + field->quantifier_offset;
    const ProtobufCMessage *const *list = *(const ProtobufCMessage *const *const *)at;
    const ProtobufCMessage **place = NULL, **own_list, *kept;
    size_t count = *(const size_t *)counted;

    if (count == 0 || !may_hold(field->descriptor))
        return;
    for (size_t i = 0; i < count && !keeper->no_memory; i++) {
        kept = keep(keeper, list[i]);
        if (kept == list[i])
            continue;
        if (place == NULL) {
            own_list = copy(keeper, list, count * sizeof(list[0]));
            place = own(keeper, message, changed, field->offset);
            if (own_list == NULL || place == NULL)
                return;
            *(const ProtobufCMessage ***)(void *)place = own_list;
        }
        own_list[i] = kept;
    }
}

/* ---- whole messages ---- */

static void
keep_field(struct keeper *keeper, const ProtobufCMessage *message, ProtobufCMessage **changed,
    const ProtobufCFieldDescriptor *field)
{
    if (is_minus_zero(field, (const char *)message + field->offset))
        keep_number(keeper, message, changed, field);
    else if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    else if (field->label == PROTOBUF_C_LABEL_REPEATED)
        keep_all(keeper, message, changed, field);
    else if (is_chosen(message, field))
        keep_one(keeper, message, changed, field);
}

/* A NULL message is treated as empty. */
static const ProtobufCMessage *
keep(struct keeper *keeper, const ProtobufCMessage *message)
{
    ProtobufCMessage *changed = NULL;

    if (message == NULL || keeper->depth == 0)
        return message;
    keeper->depth--;
    for (unsigned i = 0; i < message->descriptor->n_fields && !keeper->no_memory; i++)
        keep_field(keeper, message, &changed, &message->descriptor->fields[i]);
    keeper->depth++;
    return changed != NULL ? changed : message;
}

const ProtobufCMessage *
wire_message_keep_zeros(struct arena *arena, const ProtobufCMessage *message)
{
    struct keeper keeper = {.arena = arena, .depth = PROTOBUF_DEPTH_MAX};
    const ProtobufCMessage *kept = keep(&keeper, message);

    return keeper.no_memory ? NULL : kept;
}
