/* SPDX-License-Identifier: Apache-2.0 */
/* Basics that every other header uses: export macros, borrowed strings, time. */
/* Threads: pure functions and types; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WEIR_API __attribute__((visibility("default")))
#define WEIR_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(text, first) __attribute__((format(printf, text, first)))

#ifdef __cplusplus
#define WEIR_BEGIN_C extern "C" {
#define WEIR_END_C }
#else
#define WEIR_BEGIN_C
#define WEIR_END_C
#endif

WEIR_BEGIN_C

/* Borrowed bytes, not NUL-terminated unless stated otherwise. data is NULL when absent. */
typedef struct weir_str {
    const char *data;
    size_t len;
} weir_str;

/* Wrap a NUL-terminated string. Borrows it. */
static inline weir_str
weir_str_of(const char *text)
{
    weir_str str = {text, text == NULL ? 0 : strlen(text)};
    return str;
}

/* Compare bytes. Absent equals empty. */
static inline bool
weir_str_equal(weir_str a, weir_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Decode the first code point of a UTF-8 text. Returns its length in bytes; 0: len is 0, or the
 * bytes are not valid UTF-8. Overlong forms, surrogates and values above U+10FFFF are invalid
 * (RFC 3629, section 3). */
WEIR_API size_t weir_utf8_decode(const char *text, size_t len, uint32_t *out_code_point);

/* Durations and points in time are nanoseconds in an int64_t. */
#define WEIR_MICROSECOND INT64_C(1000)
#define WEIR_MILLISECOND INT64_C(1000000)
#define WEIR_SECOND INT64_C(1000000000)

/* "No deadline". */
#define WEIR_NEVER INT64_MAX

/* The monotonic clock, which deadlines refer to. */
WEIR_API int64_t weir_now(void);

/* The wall clock, in whole seconds since the Unix epoch. */
WEIR_API int64_t weir_unix_seconds(void);

/* The library's version, "0.1.0". */
WEIR_API const char *weir_version(void);

WEIR_END_C
