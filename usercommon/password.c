/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for a password. */
#include "usercommon/password.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Byte by byte, so that what follows the line stays for who reads it next. */
static bool
read_line(int fd, char out[PASSWORD_TEXT])
{
    size_t len = 0;
    char c;

    while (len + 1 < PASSWORD_TEXT && read(fd, &c, 1) == 1 && c != '\n')
        out[len++] = c;
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return len > 0;
}

static bool
ask_once(int fd, const char *prompt, char out[PASSWORD_TEXT])
{
    struct termios before, silent;
    bool good;

    if (tcgetattr(fd, &before) != 0)
        return read_line(fd, out);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    fprintf(stderr, "%s", prompt);
    good = read_line(fd, out);
    tcsetattr(fd, TCSAFLUSH, &before);
    fprintf(stderr, "\n");
    return good;
}

bool
password_ask(const char *prompt, bool twice, char out[PASSWORD_TEXT])
{
    char again[PASSWORD_TEXT];
    bool good = ask_once(STDIN_FILENO, prompt, out);

    if (!good || !twice || isatty(STDIN_FILENO) == 0)
        return good;
    good = ask_once(STDIN_FILENO, "Once more: ", again) && strcmp(again, out) == 0;
    explicit_bzero(again, sizeof(again));
    return good;
}
