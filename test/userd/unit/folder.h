/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test of userd includes: cmocka, and a folder that lives as long as a test. */
/* Threads: belongs to the thread of the test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* For cmocka_unit_test_setup_teardown: *state is the path of a new, empty folder. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* The path of a name in the folder, "FOLDER/NAME"; good until the next call. */
const char *folder_file(void *const *state, const char *name);

/* Make, or overwrite, a file. */
void folder_write(const char *path, const void *data, size_t len);

/* A whole file; the caller frees it. */
char *folder_read(const char *path, size_t *out_len);

#define test_in_folder(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
