/* SPDX-License-Identifier: Apache-2.0 */
/* Error messages for the person at the terminal. */
#define _GNU_SOURCE /* vasprintf */
#include "usercommon/complain.h"

#include "usercommon/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
complain(const char *program, const char *format, ...)
{
    char *message = NULL;
    char *visible;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vasprintf(&message, format, arguments);
    va_end(arguments);
    visible = len < 0 ? NULL : text_visible(message);
    fprintf(stderr, "%s: %s\n", program, visible == NULL ? "out of memory" : visible);
    free(visible);
    if (len >= 0)
        free(message);
}
