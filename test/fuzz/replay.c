/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzzer over the files of its corpus, once each: the fuzzers' regressions as a plain test.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The whole file, in memory of exactly its size so that a sanitizer sees the first byte beyond.
 * NULL: errno says why. */
static uint8_t *
read_whole(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    uint8_t *bytes = NULL;

    if (file == NULL)
        return NULL;
    if (fstat(fileno(file), &info) == 0) {
        *out_size = (size_t)info.st_size;
        bytes = malloc(*out_size > 0 ? *out_size : 1);
    }
    if (bytes != NULL && fread(bytes, 1, *out_size, file) != *out_size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

static bool
replay_file(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *bytes;
    size_t size;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        fprintf(stderr, "replay: %s/%s: name too long\n", folder, name);
        return false;
    }
    printf("%s\n", path);
    fflush(stdout); /* so that a crash has its file's name above it */
    bytes = read_whole(path, &size);
    if (bytes == NULL) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        return false;
    }
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return true;
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of their names. A corpus that is missing or empty is a failure. */
static bool
replay_folder(const char *folder)
{
    struct dirent **entries;
    bool good;
    int count = scandir(folder, &entries, is_visible, alphasort);

    if (count <= 0) {
        fprintf(stderr, "replay: %s: %s\n", folder, count < 0 ? strerror(errno) : "no files");
        return false;
    }
    good = true;
    for (int i = 0; i < count; i++) {
        good = replay_file(folder, entries[i]->d_name) && good;
        free(entries[i]);
    }
    free(entries);
    return good;
}

int
main(int argc, char **argv)
{
    bool good = true;

    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        good = replay_folder(argv[i]) && good;
    return good ? 0 : 1;
}
