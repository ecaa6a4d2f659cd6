/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of bytes: as they are from a file or a pipe; from a terminal with a prompt, with keys
 * that change the line, and so that others can print above it while it is typed. */
/* Threads: belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <termios.h>

#define EDITOR_LINE_MAX (64 * 1024)

enum editor_result {
    EDITOR_MORE, /* the byte is part of a line, or a key */
    EDITOR_LINE, /* a line is whole */
    EDITOR_END,  /* Ctrl-D on an empty line, Ctrl-C */
    EDITOR_LONG  /* the line is too long; the rest of it is passed over */
};

struct editor {
    bool terminal; /* keys come one by one and are not shown by the terminal */
    FILE *out;     /* where the terminal's line is drawn; borrowed */
    struct termios before;
    int escape;    /* place in a sequence of ESC */
    bool skipping; /* up to the end of a line that was too long */
    size_t len;
    char line[EDITOR_LINE_MAX + 1]; /* what is typed; a whole line ends in NUL */
};

/* Puts the standard input, where it is a terminal, into the state for this. */
void editor_begin(struct editor *editor, FILE *out);

/* Puts the terminal back. */
void editor_end(struct editor *editor);

/* Take in one byte. A whole line lives in editor->line until the next byte. */
enum editor_result editor_take(struct editor *editor, char byte);

/* The input has ended: is what is left a line? */
bool editor_finish(struct editor *editor);

/* Before and after others print: take the line that is typed from the screen, and draw it again. */
void editor_hide(struct editor *editor);
void editor_show(struct editor *editor);
