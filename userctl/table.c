/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people. */
#include "userctl/table.h"

#include "usercommon/text.h"
#include <stdlib.h>

#define GAP 2

void
table_init(struct table *table, size_t columns)
{
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
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = 0;
    for (size_t i = 0; i < table->count; i++) {
        size_t width = text_width(table->cells[i]);
        size_t *widest = &widths[i % table->columns];
        *widest = width > *widest ? width : *widest;
    }
}

void
table_print(const struct table *table, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX];

    measure(table, widths);
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        size_t width = text_width(table->cells[i]);
        bool last = column == table->columns - 1;
        fputs(table->cells[i], out);
        if (last)
            fputc('\n', out);
        else
            fprintf(out, "%*s", (int)(widths[column] - width + GAP), "");
    }
}
