/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people. */
#include "userctl/table.h"

#include "usercommon/text.h"
#include <assert.h>
#include <stdlib.h>

#define GAP 2

void
table_init(struct table *table, size_t columns)
{
    assert(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns};
}

void
table_fini(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
}

static bool
make_room(struct table *table)
{
    size_t room = table->room == 0 ? 16 * table->columns : 2 * table->room;
    char **cells;

    if (table->count + table->columns <= table->room)
        return true;
    cells = realloc(table->cells, room * sizeof(*cells));
    if (cells == NULL)
        return false;
    table->cells = cells;
    table->room = room;
    return true;
}

bool
table_add(struct table *table, const char *const *cells)
{
    if (!make_room(table))
        return false;
    for (size_t i = 0; i < table->columns; i++) {
        char *visible = text_visible(cells[i]);
        if (visible == NULL)
            return false;
        table->cells[table->count++] = visible;
    }
    return true;
}

static void
measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    for (size_t column = 0; column < table->columns; column++) {
        for (size_t i = column; i < table->count; i += table->columns) {
            size_t width = text_width(table->cells[i]);
            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
}

static void
print_row(const struct table *table, char *const *cells, const size_t *widths, FILE *out)
{
    size_t last = table->columns - 1;

    for (size_t column = 0; column < last; column++) {
        size_t padding = widths[column] - text_width(cells[column]) + GAP;
        fprintf(out, "%s%*s", cells[column], (int)padding, "");
    }
    fprintf(out, "%s\n", cells[last]);
}

void
table_print(const struct table *table, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};

    measure(table, widths);
    for (size_t i = 0; i < table->count; i += table->columns)
        print_row(table, table->cells + i, widths, out);
}
