/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by GET: their only message is in the path, without a prefix, in base64url (RFC 4648,
 * section 5) without padding. A convention of gRPC implementations for cacheable calls; not
 * specified in PROTOCOL-HTTP2. */
#include "wire/wire.h"

static void
translate(char *text, size_t len, const char from[2], const char to[2])
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == from[0])
            text[i] = to[0];
        else if (text[i] == from[1])
            text[i] = to[1];
    }
}

weir_str
wire_get_pack(struct arena *arena, weir_str path, weir_str message)
{
    weir_str text = wire_base64_encode(arena, message), all = {NULL, path.len + 1 + text.len};
    char *out = text.data == NULL ? NULL : arena_alloc(arena, all.len);

    if (out == NULL)
        return all;
    memcpy(out, path.data, path.len);
    out[path.len] = '?';
    memcpy(out + path.len + 1, text.data, text.len);
    translate(out + path.len + 1, text.len, "+/", "-_");
    all.data = out;
    return all;
}

weir_code
wire_get_unpack(struct arena *arena, weir_str query, weir_str *out_message)
{
    char *text = arena_dup(arena, query);

    if (text == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    translate(text, query.len, "-_", "+/");
    return wire_base64_decode(arena, (weir_str){text, query.len}, out_message);
}
