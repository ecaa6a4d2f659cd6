/* SPDX-License-Identifier: Apache-2.0 */
/* The name with the smallest edit distance wins, the first one among equals. Names that share no
 * letter are not suggested. */
#include "usercommon/typo.h"

#include <string.h>

#define NAME_MAX_LEN 64
#define NEAR 2 /* edits */

static size_t
smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein distance, computed row by row. */
static size_t
edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NAME_MAX_LEN + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[b_len];
}

void
typo_begin(struct typo *typo, const char *text, size_t len)
{
    *typo = (struct typo){.text = text, .len = len, .edits = NEAR + 1};
}

void
typo_compare(struct typo *typo, const char *name)
{
    size_t len = strlen(name), edits;

    if (typo->len > NAME_MAX_LEN || len > NAME_MAX_LEN)
        return;
    edits = edit_distance(typo->text, typo->len, name, len);
    if (edits >= typo->edits || edits == (typo->len > len ? typo->len : len))
        return;
    typo->meant = name;
    typo->edits = edits;
}
