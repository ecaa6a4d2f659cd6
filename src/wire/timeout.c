/* SPDX-License-Identifier: Apache-2.0 */
/* The grpc-timeout header: at most eight digits and a unit (PROTOCOL-HTTP2, Timeout). */
#include "wire/wire.h"

#define MAX_DIGITS 8
#define MAX_VALUE INT64_C(99999999)

/* Finest first, so that the first unit that fits loses the least precision. */
static const struct unit {
    char letter;
    int64_t nanoseconds;
} units[] = {
    {'n', 1},
    {'u', WEIR_MICROSECOND},
    {'m', WEIR_MILLISECOND},
    {'S', WEIR_SECOND},
    {'M', 60 * WEIR_SECOND},
    {'H', 3600 * WEIR_SECOND},
};

#define UNIT_COUNT (sizeof units / sizeof units[0])

static size_t
pack_number(int64_t value, char *out)
{
    char digits[MAX_DIGITS];
    size_t len = 0;

    do {
        digits[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

size_t
wire_timeout_pack(int64_t timeout, char out_text[WIRE_TIMEOUT_TEXT])
{
    const struct unit *unit = units;
    int64_t value = timeout > 0 ? timeout : 0;
    size_t len;

    /* INT64_MAX nanoseconds are 2,562,048 hours, so the last unit always fits. */
    while (value > MAX_VALUE) {
        unit++;
        value = timeout / unit->nanoseconds + (timeout % unit->nanoseconds != 0);
    }
    len = pack_number(value, out_text);
    out_text[len++] = unit->letter;
    out_text[len] = '\0';
    return len;
}

static int64_t
unit_nanoseconds(char letter)
{
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (units[i].letter == letter)
            return units[i].nanoseconds;
    return 0;
}

bool
wire_timeout_unpack(weir_str text, int64_t *out_timeout)
{
    int64_t value = 0, scale;

    if (text.len < 2 || text.len > MAX_DIGITS + 1)
        return false;
    for (size_t i = 0; i < text.len - 1; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    scale = unit_nanoseconds(text.data[text.len - 1]);
    if (scale == 0)
        return false;
    *out_timeout = value > INT64_MAX / scale ? INT64_MAX : value * scale;
    return true;
}
