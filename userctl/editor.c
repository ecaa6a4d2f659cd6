/* SPDX-License-Identifier: Apache-2.0 */
/* A line editor, byte by byte. */
#include "userctl/editor.h"

#include "usercommon/text.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROMPT "> "
#define WIDTH_DEFAULT 80

enum {
    KEY_CTRL_C = 3,
    KEY_CTRL_D = 4,
    KEY_CTRL_H = 8,
    KEY_CTRL_U = 21,
    KEY_CTRL_W = 23,
    KEY_ESCAPE = 27,
    KEY_DELETE = 127
};

void
editor_begin(struct editor *editor, FILE *out)
{
    struct termios raw;

    editor->out = out;
    editor->escape = 0;
    editor->skipping = false;
    editor->len = 0;
    editor->terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &editor->before) == 0;
    if (!editor->terminal)
        return;
    raw = editor->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    editor_show(editor);
}

void
editor_end(struct editor *editor)
{
    if (!editor->terminal)
        return;
    editor_hide(editor);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &editor->before);
    editor->terminal = false;
}

/* ---- the screen ---- */

static size_t
screen_width(void)
{
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_DEFAULT;
    return size.ws_col;
}

/* The longest end of a visible text that fits a width. */
static const char *
tail_that_fits(const char *visible, size_t width)
{
    while (*visible != '\0' && text_width(visible) > width) {
        visible++;
        while (((unsigned char)*visible & 0xC0) == 0x80) /* inside a code point */
            visible++;
    }
    return visible;
}

void
editor_hide(struct editor *editor)
{
    if (editor->terminal)
        fputs("\r\033[K", editor->out);
}

/* If the line is wider than the screen, only its end is shown. */
void
editor_show(struct editor *editor)
{
    size_t width = screen_width();
    char *visible;

    if (!editor->terminal)
        return;
    editor->line[editor->len] = '\0';
    visible = text_visible(editor->line + (editor->len > 8 * width ? editor->len - 8 * width : 0));
    if (visible != NULL)
        fprintf(editor->out, "\r\033[K" PROMPT "%s",
            tail_that_fits(visible, width > sizeof(PROMPT) ? width - sizeof(PROMPT) : 1));
    free(visible);
    fflush(editor->out);
}

/* ---- keys ---- */

static void
erase_code_point(struct editor *editor)
{
    while (editor->len > 0 && ((unsigned char)editor->line[editor->len - 1] & 0xC0) == 0x80)
        editor->len--;
    if (editor->len > 0)
        editor->len--;
}

static void
erase_word(struct editor *editor)
{
    while (editor->len > 0 && editor->line[editor->len - 1] == ' ')
        editor->len--;
    while (editor->len > 0 && editor->line[editor->len - 1] != ' ')
        editor->len--;
}

/* Escape sequences such as those of arrow keys are skipped: ESC, a byte, and after '[' or 'O'
 * everything up to a letter or '~' (ECMA-48, section 5.4). */
static bool
is_in_escape(struct editor *editor, char byte)
{
    if (editor->escape == 0)
        editor->escape = byte == KEY_ESCAPE;
    else if (editor->escape == 1)
        editor->escape = byte == '[' || byte == 'O' ? 2 : 3;
    else
        editor->escape = byte >= '@' && byte <= '~' ? 3 : 2;
    if (editor->escape != 3)
        return editor->escape != 0;
    editor->escape = 0;
    return true;
}

/* False: the byte is part of the line. */
static bool
take_key(struct editor *editor, char byte)
{
    if (is_in_escape(editor, byte))
        return true;
    if (byte == KEY_CTRL_H || byte == KEY_DELETE)
        erase_code_point(editor);
    else if (byte == KEY_CTRL_U)
        editor->len = 0;
    else if (byte == KEY_CTRL_W)
        erase_word(editor);
    else
        return byte >= 0 && byte < ' ' && byte != '\t';
    return true;
}

/* ---- lines ---- */

static enum editor_result
end_line(struct editor *editor)
{
    bool skipped = editor->skipping;

    editor->line[editor->len] = '\0';
    editor->len = 0;
    editor->skipping = false;
    return skipped ? EDITOR_MORE : EDITOR_LINE;
}

static enum editor_result
add_byte(struct editor *editor, char byte)
{
    if (editor->skipping)
        return EDITOR_MORE;
    if (editor->len == EDITOR_LINE_MAX) {
        editor->len = 0;
        editor->skipping = true;
        return EDITOR_LONG;
    }
    editor->line[editor->len++] = byte;
    return EDITOR_MORE;
}

enum editor_result
editor_take(struct editor *editor, char byte)
{
    enum editor_result result;

    if (byte == '\n' || (editor->terminal && byte == '\r'))
        return end_line(editor);
    if (!editor->terminal)
        return add_byte(editor, byte);
    if (byte == KEY_CTRL_C || (byte == KEY_CTRL_D && editor->len == 0))
        return EDITOR_END;
    result = take_key(editor, byte) ? EDITOR_MORE : add_byte(editor, byte);
    return result;
}

bool
editor_finish(struct editor *editor)
{
    return editor->len > 0 && end_line(editor) == EDITOR_LINE;
}
