/* SPDX-License-Identifier: Apache-2.0 */
/* Responses for people. */
#include "userctl/print.h"
#include "userctl/table.h"
#include <inttypes.h>
#include <time.h>

enum column { COLUMN_ID, COLUMN_NAME, COLUMN_EMAIL, COLUMN_PHONE, COLUMN_CREATED, COLUMN_COUNT };

static const char *const heads[COLUMN_COUNT] = {"ID", "NAME", "EMAIL", "PHONE", "CREATED"};

/* ISO 8601 in UTC, or the number itself if it is out of range. */
static void
format_time(int64_t seconds, char *out, size_t size)
{
    time_t time = (time_t)seconds;
    struct tm utc;

    if (gmtime_r(&time, &utc) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, size, "%" PRId64, seconds);
}

bool
print_table_begin(struct table *table)
{
    table_init(table, COLUMN_COUNT);
    return table_add(table, heads);
}

bool
print_table_add(struct table *table, const User__User *user)
{
    char id[16], created[48];
    const char *cells[COLUMN_COUNT] = {id, user->name, user->email, user->phone, created};

    snprintf(id, sizeof(id), "%" PRId32, user->id);
    format_time(user->created_at, created, sizeof(created));
    return table_add(table, cells);
}

static bool
print_users(User__User *const *users, size_t count, FILE *out)
{
    struct table table;
    bool good;

    good = print_table_begin(&table);
    for (size_t i = 0; i < count && good; i++)
        good = print_table_add(&table, users[i]);
    if (good)
        table_print(&table, out);
    table_fini(&table);
    return good;
}

bool
print_user(const User__User *user, FILE *out)
{
    User__User *users[] = {(User__User *)user};

    return print_users(users, 1, out);
}

bool
print_page(const User__ListUsersResponse *page, FILE *out)
{
    int32_t pages =
        page->limit <= 0 ? 1 : page->total / page->limit + (page->total % page->limit > 0);

    if (!print_users(page->users, page->n_users, out))
        return false;
    fprintf(out, "page %" PRId32 " of %" PRId32 ", %" PRId32 " %s\n", page->page,
        pages < 1 ? 1 : pages, page->total, page->total == 1 ? "user" : "users");
    return true;
}
