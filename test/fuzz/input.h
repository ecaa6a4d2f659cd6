/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzzer's bytes, taken one after the other. */
/* Threads: none; a fuzzer runs alone. */
#pragma once

#include <weir/base.h>

struct input {
    const uint8_t *data;
    size_t left;
};

/* When there are no more, they are zeros. */
static inline uint8_t
take_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

/* As many as there are, if that is less. */
static inline weir_str
take_bytes(struct input *input, size_t len)
{
    weir_str bytes;

    if (len > input->left)
        len = input->left;
    bytes = (weir_str){(const char *)input->data, len};
    input->data += len;
    input->left -= len;
    return bytes;
}
