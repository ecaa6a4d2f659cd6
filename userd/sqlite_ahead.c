/* SPDX-License-Identifier: Apache-2.0 */
/* In a large database, most steps of a look-up wait for memory, one after the other. The waits of
 * concurrent look-ups can overlap: before SQLite starts the first one, this descends the B-tree for
 * all of them, one level at a time, and prefetches the cache lines that SQLite will read in the
 * last pages.
 *
 * It reads the file as SQLite has mapped it (sqlite.org/fileformat2.html, section 1.6):
 *
 *     page   0  5: interior, 13: leaf    3  number of cells    8  interior: the last child
 *           12 interior, 8 leaf: offset of each cell, two bytes
 *     interior cell: child, four bytes; the greatest id below it, a varint
 *
 * All that it finds is a hint and not trusted: another process may write to the file meanwhile,
 * pages in the WAL are newer than the file, and a page may be corrupt. So each number is read once
 * and checked against its bounds, and an invalid one ends the descent. */
#include "userd/sqlite_ahead.h"

#include "userd/sqlite_connection.h"

#include <endian.h>

#define LINE 64
#define KEYS 5
#define ROWS 13
#define KEYS_HEAD 12
#define ROWS_HEAD 8
#define CHILD_SIZE 4
#define LAST_CHILD 8
#define DEPTH_MAX 8
#define STEPS_MAX 4               /* linear steps from the guessed cell; then binary search */
#define NO_KEY (INT64_C(1) << 36) /* greater than any five-byte varint */

/* The descent to one user. */
struct way {
    const uint8_t *page;
    enum { ENDED, AT_KEYS, AT_ROWS } state;
    int64_t id;
    int64_t below, most; /* ids in the page are above `below`, and at most `most` */
    uint32_t cells;
    uint32_t cell; /* the cell to descend into, or that of the row */
};

struct view {
    const uint8_t *base;
    uint32_t page_size, pages;
};

/* ---- numbers in the file, each read once ---- */

struct word16 {
    uint16_t value;
} __attribute__((packed, may_alias));

struct word32 {
    uint32_t value;
} __attribute__((packed, may_alias));

struct word64 {
    uint64_t value;
} __attribute__((packed, may_alias));

static inline uint32_t
read16(const uint8_t *at)
{
    return be16toh(((const volatile struct word16 *)(const void *)at)->value);
}

static inline uint32_t
read32(const uint8_t *at)
{
    return be32toh(((const volatile struct word32 *)(const void *)at)->value);
}

/* A varint of up to five bytes, enough for any id; eight bytes are read. */
static inline int64_t
read_id(const uint8_t *at)
{
    uint64_t word = be64toh(((const volatile struct word64 *)(const void *)at)->value);
    uint64_t id = 0;

    for (int i = 0; i < 5; i++) {
        id = id << 7 | (word >> 56 & 0x7F);
        if ((word >> 63) == 0)
            return (int64_t)id;
        word <<= 8;
    }
    return NO_KEY;
}

static inline uint8_t
read8(const uint8_t *at)
{
    return *(const volatile uint8_t *)at;
}

/* ---- page headers ---- */

static void
begin_page(const struct view *view, struct way *way)
{
    uint8_t kind = read8(way->page);

    way->state = kind == KEYS ? AT_KEYS : kind == ROWS ? AT_ROWS : ENDED;
    way->cells = read16(way->page + 3);
    if (way->cells == 0 || KEYS_HEAD + 2 * way->cells > view->page_size)
        way->state = ENDED;
}

static void
enter_page(const struct view *view, struct way *way, uint32_t page)
{
    way->state = ENDED;
    if (page == 0 || page >= view->pages)
        return;
    way->state = AT_KEYS;
    way->page = view->base + (size_t)(page - 1) * view->page_size;
}

/* ---- cells ---- */

static inline const uint8_t *
pointer_to(const struct way *way, uint32_t cell)
{
    return way->page + (way->state == AT_KEYS ? KEYS_HEAD : ROWS_HEAD) + 2 * cell;
}

/* Reading past the end of a page is safe, because the last page is never read. */
static inline const uint8_t *
cell_of_keys(const struct view *view, const struct way *way, uint32_t cell)
{
    uint32_t offset = read16(way->page + KEYS_HEAD + 2 * cell);

    return way->page + (offset < view->page_size ? offset : 0);
}

static inline int64_t
key_at(const struct view *view, const struct way *way, uint32_t cell)
{
    return read_id(cell_of_keys(view, way, cell) + CHILD_SIZE);
}

/* ---- guessing the cell ---- */

/* Interpolates, as if ids were evenly distributed, with `last` in the last cell. */
static uint32_t
guess(const struct way *way, int64_t last)
{
    int64_t at = way->id - way->below - 1, span = last - way->below;

    if (at < 0)
        return 0;
    if (at >= span)
        return way->cells - 1;
    return (uint32_t)(span == way->cells ? at : at * way->cells / span);
}

/* In leaf pages, ids are consecutive unless users were removed. */
static void
guess_cell(const struct view *view, struct way *way)
{
    int64_t last = way->most;

    if (last == NO_KEY)
        last = way->state == AT_KEYS ? key_at(view, way, way->cells - 1) : way->below + way->cells;
    way->cell = guess(way, last);
}

/* Binary search for the first cell whose key is not less. */
static void
search(const struct view *view, struct way *way)
{
    uint32_t first = 0, end = way->cells;

    while (first < end) {
        uint32_t middle = (first + end) / 2;

        if (key_at(view, way, middle) < way->id)
            first = middle + 1;
        else
            end = middle;
    }
    way->cell = first;
}

/* It is usually near the guessed one. */
static void
find_cell(const struct view *view, struct way *way)
{
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        if (way->cell < way->cells && key_at(view, way, way->cell) < way->id)
            way->cell++;
        else if (way->cell > 0 && key_at(view, way, way->cell - 1) >= way->id)
            way->cell--;
        else
            return;
    }
    search(view, way);
}

/* ---- prefetching what SQLite will read of a page ---- */

/* The two-byte cell pointers that SQLite's binary search reads on its way to the cell. */
static void
fetch_pointers(const struct way *way)
{
    for (uint32_t first = 0, end = way->cells; first < end;) {
        uint32_t middle = (first + end - 1) / 2;
        bool less = middle < way->cell;

        __builtin_prefetch(pointer_to(way, middle));
        first = less ? middle + 1 : first;
        end = less ? end : middle;
    }
}

/* A prefetch of an invalid address has no effect. */
static void
fetch_cells(const struct way *way)
{
    for (uint32_t first = 0, end = way->cells; first < end;) {
        uint32_t middle = (first + end - 1) / 2;
        bool less = middle < way->cell;

        __builtin_prefetch(way->page + read16(pointer_to(way, middle)));
        first = less ? middle + 1 : first;
        end = less ? end : middle;
    }
}

static void
fetch_page(const struct way *ways, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ways[i].state == AT_KEYS) /* those of leaf pages are in the first two lines */
            fetch_pointers(&ways[i]);
    for (size_t i = 0; i < count; i++)
        if (ways[i].state != ENDED)
            fetch_cells(&ways[i]);
}

/* ---- the whole descent ---- */

static void
go_down(const struct view *view, struct way *way)
{
    const uint8_t *child = way->page + LAST_CHILD;

    find_cell(view, way);
    if (way->cell > 0)
        way->below = key_at(view, way, way->cell - 1);
    if (way->cell < way->cells) {
        way->most = key_at(view, way, way->cell);
        child = cell_of_keys(view, way, way->cell);
    }
    enter_page(view, way, read32(child));
}

/* The page headers and the first of the cell pointers. A prefetch waits for its address if that is
 * not loaded yet, so the prefetches of all pages are issued together. */
static void
fetch_heads(const struct way *ways, size_t count)
{
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(ways[i].page);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(ways[i].page + LINE);
}

/* The first two levels have few pages, which are in the caches. */
static void
descend(const struct view *view, struct way *ways, size_t count)
{
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        bool at_keys = false;

        for (size_t i = 0; i < count; i++) {
            if (ways[i].state == ENDED)
                continue;
            begin_page(view, &ways[i]);
            if (ways[i].state != ENDED)
                guess_cell(view, &ways[i]);
            at_keys |= ways[i].state == AT_KEYS;
        }
        if (depth >= 2 || !at_keys)
            fetch_page(ways, count);
        if (!at_keys)
            return;
        for (size_t i = 0; i < count; i++)
            if (ways[i].state == AT_KEYS)
                go_down(view, &ways[i]);
        fetch_heads(ways, count);
    }
}

static void
fetch(struct sqlite_ahead *ahead, const struct view *view, const int32_t *ids, size_t count)
{
    struct way ways[STORE_AHEAD];
    size_t begun = 0;

    for (size_t i = 0; i < count; i++) {
        if (ids[i] <= 0)
            continue;
        ways[begun] = (struct way){.id = ids[i], .most = NO_KEY};
        enter_page(view, &ways[begun++], ahead->root);
    }
    descend(view, ways, begun);
    ahead->first = ahead->end = 0;
    for (size_t i = 0; i < begun; i++) {
        if (ways[i].state != AT_ROWS)
            continue;
        __builtin_prefetch(ways[i].page + read16(pointer_to(&ways[i], ways[i].cell)) + LINE - 1);
        ahead->known[ahead->end++] = (int32_t)ways[i].id;
    }
}

/* ---- the mapping ---- */

static bool
borrow(const struct sqlite_ahead *ahead, uint32_t pages, struct view *out_view)
{
    void *base = NULL;
    int size = (int)(pages * ahead->page_size);

    if (ahead->methods->xFetch(ahead->file, 0, size, &base) != SQLITE_OK || base == NULL)
        return false;
    *out_view = (struct view){base, ahead->page_size, pages};
    return true;
}

/* The file is shorter than the database while its last pages are only in the WAL. */
static bool
borrow_part(struct sqlite_ahead *ahead, uint32_t pages, struct view *out_view)
{
    uint32_t fits = 0, most = pages;

    while (fits + 1 < most) {
        uint32_t middle = fits + (most - fits) / 2;

        if (borrow(ahead, middle, out_view)) {
            ahead->methods->xUnfetch(ahead->file, 0, (void *)(uintptr_t)out_view->base);
            fits = middle;
        } else
            most = middle;
    }
    ahead->mapped = fits;
    return fits > 0 && borrow(ahead, fits, out_view);
}

static bool
borrow_mapping(struct sqlite_ahead *ahead, uint32_t pages, struct view *out_view)
{
    uint32_t most = (uint32_t)(SQLITE_MAPPED_MAX / ahead->page_size);

    pages = pages < most ? pages : most;
    if (borrow(ahead, pages, out_view))
        return true;
    if (ahead->mapped > 0 && ahead->mapped < pages && borrow(ahead, ahead->mapped, out_view))
        return true;
    return borrow_part(ahead, pages, out_view);
}

uint32_t
sqlite_ahead_file_pages(const struct sqlite_ahead *ahead)
{
    sqlite3_int64 size;

    if (ahead->file == NULL || ahead->methods->xFileSize(ahead->file, &size) != SQLITE_OK)
        return 0;
    return (uint32_t)(size / ahead->page_size);
}

void
sqlite_ahead_fetch(struct sqlite_ahead *ahead, uint32_t pages, const int32_t *ids, size_t count)
{
    struct view view;

    if (ahead->file == NULL || pages == 0 || !borrow_mapping(ahead, pages, &view))
        return;
    fetch(ahead, &view, ids, count);
    ahead->methods->xUnfetch(ahead->file, 0, (void *)(uintptr_t)view.base);
}

void
sqlite_ahead_init(struct sqlite_ahead *ahead, sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int64_t page_size, root;

    ahead->file = NULL;
    if (!sqlite_number(db, "PRAGMA page_size", &page_size) ||
        !sqlite_number(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'users'", &root) ||
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
        return;
    if (file == NULL || file->pMethods == NULL || file->pMethods->iVersion < 3)
        return;
    ahead->file = file;
    ahead->methods = file->pMethods;
    ahead->page_size = (uint32_t)page_size;
    ahead->root = (uint32_t)root;
}
