/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers for parsing header values. */
/* Threads: pure functions. */
#pragma once

#include <weir/base.h>

static inline bool
wire_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Strip the whitespace around a list member (RFC 9110, section 5.6.1). */
static inline weir_str
wire_trim(weir_str text)
{
    while (text.len > 0 && wire_is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && wire_is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}
