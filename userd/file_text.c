/* SPDX-License-Identifier: Apache-2.0 */
/* Small files. */
#include "userd/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (1024 * 1024)

/* False: errno says why. */
static bool
read_all(int fd, char *out)
{
    size_t len = 0;
    ssize_t count;

    while ((count = read(fd, out + len, TEXT_MAX - len)) > 0)
        len += (size_t)count;
    if (count < 0)
        return false;
    out[len] = '\0';
    errno = len == TEXT_MAX ? EFBIG : EINVAL;
    return len < TEXT_MAX && strlen(out) == len;
}

char *
file_text_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : malloc(TEXT_MAX + 1);
    int error;

    if (text != NULL && !read_all(fd, text)) {
        free(text);
        text = NULL;
    }
    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return text;
}

static bool
write_all(int fd, const char *text)
{
    size_t len = strlen(text);
    ssize_t count = 0;

    for (; len > 0; len -= (size_t)count, text += count) {
        count = write(fd, text, len);
        if (count < 0)
            return false;
    }
    return fsync(fd) == 0;
}

bool
file_text_create(const char *path, const char *text, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool good = fd >= 0 && write_all(fd, text);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !good)
        unlink(path);
    errno = error;
    return good;
}
