/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/print_table.c and print_json.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "userctl/print.h"
#include <jansson.h>
#include <stdlib.h>

static User__User
user_of(int32_t id, const char *name, const char *email, const char *phone, int64_t created_at)
{
    User__User user = USER__USER__INIT;

    user.id = id;
    user.name = (char *)name;
    user.email = (char *)email;
    user.phone = (char *)phone;
    user.created_at = created_at;
    return user;
}

/* What a printer writes; the caller frees it. */
struct output {
    char *text;
    size_t size;
    FILE *file;
};

static FILE *
output_open(struct output *output)
{
    output->file = open_memstream(&output->text, &output->size);
    assert_non_null(output->file);
    return output->file;
}

static void
output_close(struct output *output, const char *expected)
{
    fclose(output->file);
    assert_string_equal(output->text, expected);
    free(output->text);
}

static void
tables_line_up(void **state)
{
    User__User users[] = {
        user_of(1, "Ann", "ann@example.org", "+49 170", 0),
        user_of(2147483647, "李小龍", "b@x", "", 1700000000),
        user_of(3, "evil\x1B[2J", "e\u0301@x", "1", -1),
    };
    User__User *list[] = {&users[0], &users[1], &users[2]};
    User__ListUsersResponse page = USER__LIST_USERS_RESPONSE__INIT;
    struct output output;

    (void)state;
    page.users = list;
    page.n_users = 3;
    page.total = 13;
    page.page = 2;
    page.limit = 10;
    assert_true(print_page(&page, output_open(&output)));
    output_close(&output,
        "ID          NAME           EMAIL            PHONE    CREATED\n"
        "1           Ann            ann@example.org  +49 170  1970-01-01T00:00:00Z\n"
        "2147483647  李小龍         b@x                       2023-11-14T22:13:20Z\n"
        "3           evil\\u{1b}[2J  e\u0301@x              1        1969-12-31T23:59:59Z\n"
        "page 2 of 2, 13 users\n");
}

static void
an_empty_page_is_a_page(void **state)
{
    User__ListUsersResponse page = USER__LIST_USERS_RESPONSE__INIT;
    struct output output;

    (void)state;
    page.page = 1;
    page.limit = 10;
    assert_true(print_page(&page, output_open(&output)));
    output_close(&output, "ID  NAME  EMAIL  PHONE  CREATED\npage 1 of 1, 0 users\n");
}

/* Numbers that no honest server sends. */
static void
absurd_numbers_do_no_harm(void **state)
{
    User__User user = user_of(INT32_MIN, "", "", "", INT64_MAX);
    User__ListUsersResponse page = USER__LIST_USERS_RESPONSE__INIT;
    struct output output;

    (void)state;
    assert_true(print_user(&user, output_open(&output)));
    output_close(&output, "ID           NAME  EMAIL  PHONE  CREATED\n"
                          "-2147483648                      9223372036854775807\n");
    page.total = INT32_MIN;
    page.limit = -1;
    page.page = INT32_MAX;
    assert_true(print_page(&page, output_open(&output)));
    output_close(
        &output, "ID  NAME  EMAIL  PHONE  CREATED\npage 2147483647 of 1, -2147483648 users\n");
}

static void
json_has_the_names_of_the_proto(void **state)
{
    User__User user = user_of(7, "Zoë \"Z\"\n😀", "z@x", "", 1700000000);
    User__User *list[] = {&user};
    User__GetUserResponse found = USER__GET_USER_RESPONSE__INIT;
    User__ListUsersResponse page = USER__LIST_USERS_RESPONSE__INIT;
    User__CreateUserResponse created = USER__CREATE_USER_RESPONSE__INIT;
    User__UpdateUserResponse updated = USER__UPDATE_USER_RESPONSE__INIT;
    User__DeleteUserResponse deleted = USER__DELETE_USER_RESPONSE__INIT;
    struct output output;

    (void)state;
#define USER_JSON                                                                    \
    "{\"id\":7,\"name\":\"Zoë \\\"Z\\\"\\n😀\",\"email\":\"z@x\",\"phone\":\"\"," \
    "\"created_at\":1700000000}"
    found.found = true;
    found.user = created.user = updated.user = &user;
    created.success = true;
    page.users = list;
    page.n_users = 1;
    page.total = page.page = 1;
    page.limit = 10;
    assert_true(print_get_json(&found, output_open(&output)));
    output_close(&output, "{\"user\":" USER_JSON ",\"found\":true}\n");
    assert_true(print_list_json(&page, output_open(&output)));
    output_close(&output, "{\"users\":[" USER_JSON "],\"total\":1,\"page\":1,\"limit\":10}\n");
    assert_true(print_create_json(&created, output_open(&output)));
    output_close(&output, "{\"user\":" USER_JSON ",\"success\":true}\n");
    assert_true(print_update_json(&updated, output_open(&output)));
    output_close(&output, "{\"user\":" USER_JSON "}\n");
    assert_true(print_delete_json(&deleted, output_open(&output)));
    output_close(&output, "{}\n");
}

static void
json_survives_hostile_answers(void **state)
{
    User__User user = user_of(1, "a\xFF", "\xC3(", "\xED\xA0\x80", INT64_MIN);
    User__UpdateUserResponse updated = USER__UPDATE_USER_RESPONSE__INIT;
    User__GetUserResponse absent = USER__GET_USER_RESPONSE__INIT;
    struct output output;

    (void)state;
    updated.user = &user;
    assert_true(print_update_json(&updated, output_open(&output)));
    output_close(&output,
        "{\"user\":{\"id\":1,\"name\":\"a\uFFFD\",\"email\":\"\uFFFD(\","
        "\"phone\":\"\uFFFD\uFFFD\uFFFD\",\"created_at\":-9223372036854775808}}\n");
    assert_true(print_get_json(&absent, output_open(&output)));
    output_close(&output, "{\"user\":null,\"found\":false}\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_line_up),
        cmocka_unit_test(an_empty_page_is_a_page),
        cmocka_unit_test(absurd_numbers_do_no_harm),
        cmocka_unit_test(json_has_the_names_of_the_proto),
        cmocka_unit_test(json_survives_hostile_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
