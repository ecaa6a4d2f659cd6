/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for a password. Signals that end or stop the program are blocked while the terminal's echo
 * is off, and delivered when it has been restored. */
#include "usercommon/password.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static sigset_t
held_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    return set;
}

/* Returns the signal that came before the next byte; 0: none. signals: a signalfd(2), or -1. */
static int
wait_for_byte(int fd, int signals)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    if (fds[1].revents == 0 || read(signals, &info, sizeof(info)) != sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

/* Byte by byte, so that whatever follows the line is left for the next reader. */
static bool
read_line(int fd, int signals, char out[PASSWORD_TEXT], int *out_signal)
{
    size_t len = 0;
    char c;

    while (len + 1 < PASSWORD_TEXT) {
        *out_signal = wait_for_byte(fd, signals);
        if (*out_signal != 0 || read(fd, &c, 1) != 1 || c == '\n')
            break;
        out[len++] = c;
    }
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return len > 0;
}

/* Returns the signal that came meanwhile; 0: none. */
static int
ask_silently(int fd, int signals, const char *prompt, char out[PASSWORD_TEXT], bool *out_good)
{
    struct termios before, silent;
    int number = 0;

    *out_good = tcgetattr(fd, &before) == 0;
    if (!*out_good)
        return 0;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    fprintf(stderr, "%s", prompt);
    *out_good = read_line(fd, signals, out, &number) && number == 0;
    tcsetattr(fd, TCSAFLUSH, &before);
    fprintf(stderr, "\n");
    return number;
}

/* If the user suspends and resumes the program, ask again. */
static bool
ask_terminal(int fd, const char *prompt, char out[PASSWORD_TEXT])
{
    sigset_t held = held_signals(), before;
    int signals = signalfd(-1, &held, SFD_CLOEXEC), number;
    bool good = false;

    if (signals < 0)
        return false;
    do {
        pthread_sigmask(SIG_BLOCK, &held, &before);
        number = ask_silently(fd, signals, prompt, out, &good);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (number != 0)
            raise(number);
    } while (number == SIGTSTP);
    close(signals);
    return good;
}

static bool
ask_once(int fd, const char *prompt, char out[PASSWORD_TEXT])
{
    int number;

    return isatty(fd) == 1 ? ask_terminal(fd, prompt, out) : read_line(fd, -1, out, &number);
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
