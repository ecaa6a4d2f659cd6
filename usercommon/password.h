/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a person for a password. */
/* Threads: belongs to the thread that uses the terminal, the only one that receives signals. */
#pragma once

#include <stdbool.h>

/* Size of a password, above any that is accepted. */
#define PASSWORD_TEXT 2048

/* Ask at the terminal, without echo, twice if `twice`; if standard input is not a terminal, read a
 * line of it. False: there is none, or the two differ. */
bool password_ask(const char *prompt, bool twice, char out[PASSWORD_TEXT]);
