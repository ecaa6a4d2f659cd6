/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/progress.c, with a file or a pseudo-terminal in the place of standard error. */
#define _GNU_SOURCE /* posix_openpt and its like */
#include "userctl/progress.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The terminal gives in pieces what was written to it. */
static void
expect(int master, const char *expected)
{
    char seen[512] = "";
    size_t len = 0;

    while (len < strlen(expected)) {
        ssize_t more = read(master, seen + len, sizeof(seen) - 1 - len);
        assert_true(more > 0);
        len += (size_t)more;
    }
    assert_string_equal(seen, expected);
}

/* What a work of 200 bytes draws on a terminal. */
static void
draws_on_a_terminal(void **state)
{
    struct progress progress;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int before = dup(STDERR_FILENO);

    (void)state;
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    assert_true(dup2(open(ptsname(master), O_RDWR | O_NOCTTY), STDERR_FILENO) >= 0);
    progress_init(&progress, 200);
    progress_tell(&progress, 100, 7, 1);
    progress_tell(&progress, 110, 8, 1); /* too soon */
    progress_clear(&progress);
    progress_clear(&progress);
    progress_tell(&progress, 2, 1, 0);
    progress_clear(&progress);
    progress_tell(&progress, 200, 9, -1);
    dup2(before, STDERR_FILENO);
    expect(master, "\r\033[K[###############               ]  50%  7 users, 1 error"
                   "\r\033[K"
                   "\r\033[K[                              ]   1%  1 user, 0 errors"
                   "\r\033[K"
                   "\r\033[K[##############################] 100%  9 users");
    close(master);
    close(before);
}

static void
draws_nothing_in_a_file(void **state)
{
    struct progress progress;
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);

    (void)state;
    dup2(fileno(file), STDERR_FILENO);
    progress_init(&progress, 200);
    progress_tell(&progress, 100, 7, 1);
    progress_clear(&progress);
    dup2(before, STDERR_FILENO);
    assert_int_equal(lseek(fileno(file), 0, SEEK_END), 0);
    fclose(file);
    close(before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_on_a_terminal),
        cmocka_unit_test(draws_nothing_in_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
