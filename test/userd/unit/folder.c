/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that lives as long as a test. */
#define _XOPEN_SOURCE 700
#include "folder.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
folder_setup(void **state)
{
    char name[] = "/tmp/userd-test-XXXXXX";

    if (mkdtemp(name) == NULL)
        return -1;
    *state = strdup(name);
    return *state == NULL ? -1 : 0;
}

static int
remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

int
folder_teardown(void **state)
{
    int result = nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return result;
}

const char *
folder_file(void *const *state, const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", (const char *)*state, name);
    return path;
}

void
folder_write(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

char *
folder_read(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "r");
    char *data;
    long size;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    rewind(file);
    data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    data[size] = '\0';
    fclose(file);
    *out_len = (size_t)size;
    return data;
}
