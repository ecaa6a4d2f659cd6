/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a person for a password. */
/* Threads: belongs to the thread that has the terminal, the only one that takes signals. */
#pragma once

#include <stdbool.h>

/* Room for a password, longer than any that is taken. */
#define PASSWORD_TEXT 2048

/* Ask at the terminal, which shows nothing of what is typed, twice if so wished; where standard
 * input is no terminal, read a line of it. False: there is none, or the two differ. */
bool password_ask(const char *prompt, bool twice, char out[PASSWORD_TEXT]);
