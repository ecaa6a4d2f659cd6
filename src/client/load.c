/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes the four numbers of xds.data.orca.v3.OrcaLoadReport that balancers use. ext has generated
 * code for the whole message. */
#include "client/load.h"

#include "wire/wire.h"
#include <math.h>

/* Memory for a report with a dozen names; a larger one uses the heap. */
#define REPORT_ROOM 1024

static const char load_key[] = "endpoint-load-metrics-bin";

struct reader {
    const uint8_t *next, *end;
};

static bool
read_varint(struct reader *reader, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->next < reader->end; shift += 7) {
        uint8_t byte = *reader->next++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool
skip(struct reader *reader, uint64_t len)
{
    if (len > (uint64_t)(reader->end - reader->next))
        return false;
    reader->next += len;
    return true;
}

static bool
skip_field(struct reader *reader, unsigned wire_type)
{
    uint64_t len;

    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(reader, &len);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return skip(reader, 8);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return read_varint(reader, &len) && skip(reader, len);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return skip(reader, 4);
    default:
        return false;
    }
}

double
load_checked(double number)
{
    return isfinite(number) && number > 0 ? number : 0;
}

/* Little-endian. */
static double
number_at(const uint8_t *bytes)
{
    uint64_t bits = 0;
    double number;

    for (int i = 7; i >= 0; i--)
        bits = bits << 8 | bytes[i];
    memcpy(&number, &bits, sizeof(number));
    return load_checked(number);
}

static double *
place_of(struct weir_load *load, uint64_t field)
{
    switch (field) {
    case 1:
        return &load->cpu_utilization;
    case 6:
        return &load->calls_per_second;
    case 7:
        return &load->errors_per_second;
    case 9:
        return &load->application_utilization;
    default:
        return NULL;
    }
}

static bool
parse(weir_str bytes, struct weir_load *load)
{
    struct reader reader = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len};
    uint64_t tag;

    while (reader.next < reader.end) {
        const uint8_t *value;
        double *place;

        if (!read_varint(&reader, &tag))
            return false;
        value = reader.next;
        if (!skip_field(&reader, tag & 7))
            return false;
        place = place_of(load, tag >> 3);
        if (place != NULL && (tag & 7) == PROTOBUF_C_WIRE_TYPE_64BIT)
            *place = number_at(value);
    }
    return true;
}

bool
load_read(const struct h2_block *trailers, struct weir_load *out_load)
{
    max_align_t room[REPORT_ROOM / sizeof(max_align_t)];
    struct weir_load load = {0};
    struct arena arena;
    bool told = false;

    arena_init(&arena, room, sizeof(room));
    for (size_t i = 0; !told && i < trailers->count; i++) {
        const struct h2_field *field = &trailers->fields[i];
        weir_str bytes;

        told = weir_str_equal(field->name, weir_str_of(load_key)) &&
               wire_base64_decode(&arena, field->value, &bytes) == WEIR_OK && parse(bytes, &load);
    }
    arena_fini(&arena);
    if (told)
        *out_load = load;
    return told;
}
