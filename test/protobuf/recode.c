/* SPDX-License-Identifier: Apache-2.0 */
/* recode TYPE: reads messages, each behind its length (4 bytes, little endian), and writes them as
 * we write what we have read; one that we refuse comes back as a length of 0xffffffff. */
#include "base/bytes.h"
#include "kinds.h"
#include "wire/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST (1u << 20)
#define REFUSED UINT32_MAX

static const ProtobufCMessageDescriptor *
type_of(const char *name)
{
    for (size_t i = 0; i < KINDS_TYPES; i++)
        if (strcmp(kinds_types[i]->name, name) == 0)
            return kinds_types[i];
    return NULL;
}

static bool
write_length(uint32_t len)
{
    uint8_t bytes[4];

    store_le32(bytes, len);
    return fwrite(bytes, 1, sizeof bytes, stdout) == sizeof bytes;
}

static bool
recode(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
    static uint8_t room[2 * LONGEST];
    ProtobufCMessage *message;
    uint8_t *packed;
    struct arena arena;
    bool good = false;

    arena_init(&arena, NULL, 0);
    if (wire_message_unpack(type, data, len, &arena, &message).result != WIRE_UNPACKED) {
        good = write_length(REFUSED);
    } else if (wire_message_pack(message, room, sizeof room, &packed)) {
        len = (size_t)(room + sizeof room - packed);
        good = write_length((uint32_t)len) && fwrite(packed, 1, len, stdout) == len;
    }
    arena_fini(&arena);
    return good;
}

int
main(int argc, char **argv)
{
    const ProtobufCMessageDescriptor *type = argc == 2 ? type_of(argv[1]) : NULL;
    static uint8_t data[LONGEST];
    uint8_t prefix[4];
    bool good = true;

    if (type == NULL) {
        fprintf(stderr, "usage: recode TYPE <MESSAGES\n");
        return 2;
    }
    while (good && fread(prefix, 1, sizeof prefix, stdin) == sizeof prefix) {
        uint32_t len = load_le32(prefix);

        good = len <= LONGEST && fread(data, 1, len, stdin) == len && recode(type, data, len);
    }
    return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
