/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/database.c. */
#include "folder.h"
#include "userd/database.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
knows_urls(void **state)
{
    (void)state;
    assert_true(database_url_valid("sqlite:x"));
    assert_true(database_url_valid("sqlite:/var/lib/users.db"));
    assert_false(database_url_valid(""));
    assert_false(database_url_valid("sqlite:"));
    assert_false(database_url_valid("/var/lib/users.db"));
    assert_false(database_url_valid("mysql://x"));
    assert_true(database_url_valid("postgres://db.example:5433/users?sslmode=require"));
    assert_true(database_url_valid("postgresql:///users?host=/run/postgresql"));
    assert_false(database_url_valid("postgres://h/x?nonsense=1"));
    assert_true(database_is_postgres("postgresql://h/x"));
    assert_false(database_is_postgres("sqlite:postgres://"));
    assert_false(database_is_postgres(NULL));
}

static void
what_is_shown_has_no_password(void **state)
{
    char shown[256];

    (void)state;
    database_show(
        "postgres://ada:secret@db.example:5433/users?password=secret", shown, sizeof(shown));
    assert_string_equal(shown, "postgres://db.example:5433/users");
    database_show("postgres://ada:secret@/users", shown, sizeof(shown));
    assert_string_equal(shown, "postgres:///users");
}

static void
paths_are_absolute(void **state)
{
    char path[PATH_MAX], error[512], folder[PATH_MAX], expected[PATH_MAX + 16];

    (void)state;
    assert_non_null(getcwd(folder, sizeof(folder)));
    assert_true(database_path("sqlite:/a/b.db", path, error));
    assert_string_equal(path, "/a/b.db");
    assert_true(database_path("sqlite::memory:", path, error));
    snprintf(expected, sizeof(expected), "%s/:memory:", folder);
    assert_string_equal(path, expected);
}

static void
too_long_a_path_is_an_error(void **state)
{
    char path[PATH_MAX], error[512];
    char *url = calloc(1, PATH_MAX + 16);

    (void)state;
    memset(url, '/', PATH_MAX + 8);
    memcpy(url, "sqlite:", 7);
    assert_false(database_path(url, path, error));
    assert_string_equal(error, "the path of the database is too long");
    free(url);
}

static void
assert_default(void *const *state, const char *expected)
{
    char path[PATH_MAX], error[512], file[PATH_MAX];
    struct stat status;

    snprintf(file, sizeof(file), "%s", folder_file(state, expected));
    assert_true(database_path(NULL, path, error));
    assert_string_equal(path, file);
    *strrchr(file, '/') = '\0';
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void
default_is_in_the_data_folder(void **state)
{
    setenv("HOME", *state, 1);
    unsetenv("XDG_DATA_HOME");
    assert_default(state, ".local/share/userd/users.db");
    setenv("XDG_DATA_HOME", "relative/ignored", 1);
    assert_default(state, ".local/share/userd/users.db");
    setenv("XDG_DATA_HOME", folder_file(state, "data"), 1);
    assert_default(state, "data/userd/users.db");
}

static void
no_data_folder_is_an_error(void **state)
{
    char path[PATH_MAX], error[512];

    (void)state;
    unsetenv("HOME");
    unsetenv("XDG_DATA_HOME");
    assert_false(database_path(NULL, path, error));
    assert_non_null(strstr(error, "--db"));
}

static void
a_file_in_the_way_is_an_error(void **state)
{
    char path[PATH_MAX], error[512];

    folder_write(folder_file(state, "data"), "x", 1);
    setenv("XDG_DATA_HOME", folder_file(state, "data"), 1);
    assert_false(database_path(NULL, path, error));
    assert_non_null(strstr(error, "Not a directory"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_urls),
        cmocka_unit_test(what_is_shown_has_no_password),
        cmocka_unit_test(paths_are_absolute),
        cmocka_unit_test(too_long_a_path_is_an_error),
        test_in_folder(default_is_in_the_data_folder),
        cmocka_unit_test(no_data_folder_is_an_error),
        test_in_folder(a_file_in_the_way_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
