/* SPDX-License-Identifier: Apache-2.0 */
/* Splits input into lines. Input from a terminal gets a prompt and editing keys, and others can
 * print above the line while it is typed. */
/* Threads: belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <termios.h>

#define EDITOR_LINE_MAX (64 * 1024)

enum editor_result {
    EDITOR_MORE, /* the byte is part of a line or of a key */
    EDITOR_LINE, /* a line is complete */
    EDITOR_END,  /* Ctrl-D on an empty line, Ctrl-C */
    EDITOR_LONG  /* the line is too long; the rest of it is skipped */
};

struct editor {
    bool terminal; /* raw mode: the terminal sends each key and does not echo it */
    FILE *out;     /* where the line is drawn; borrowed */
    struct termios before;
    int escape;    /* position in an escape sequence */
    bool skipping; /* until the end of a line that was too long */
    size_t len;
    char line[EDITOR_LINE_MAX + 1]; /* what was typed; a complete line is NUL-terminated */
};

/* Puts standard input into raw mode if it is a terminal. */
void editor_begin(struct editor *editor, FILE *out);

/* Restores the terminal. */
void editor_end(struct editor *editor);

/* Process one byte. A complete line is in editor->line until the next byte. */
enum editor_result editor_take(struct editor *editor, char byte);

/* The input has ended. True: the rest in editor->line is a line. */
bool editor_finish(struct editor *editor);

/* Before and after others print: remove the line from the screen, and draw it again. */
void editor_hide(struct editor *editor);
void editor_show(struct editor *editor);
