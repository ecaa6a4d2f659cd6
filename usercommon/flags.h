/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: a table of flags, read from the arguments and from the environment. */
/* Threads: flags_read belongs to the thread that starts the program; it reads the environment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Size of an error text. */
#define FLAGS_ERROR 512

struct flag;

/* Read a value into the flag's field. False: it is not a valid value of the flag. */
typedef bool flag_reader(const struct flag *flag, const char *text, void *field);

struct flag {
    const char *name;     /* "log-level", without dashes */
    const char *value;    /* the placeholder in help, "D"; NULL: a switch, which has no value */
    const char *help;     /* one sentence */
    const char *expected; /* valid values, for the error: "a duration such as ..." */
    flag_reader *read;
    bool repeats;      /* each use adds a value; in the environment they are separated by commas */
    bool command_line; /* not read from the environment */
    bool secret;       /* it may contain a password, so errors do not repeat it */
    size_t field;      /* offset of the field in the options */
    uint32_t min, max; /* for flag_number; min also for flag_duration and flag_size */
};

/* Readers. Texts are borrowed from the command line or the environment. */
flag_reader flag_switch;   /* bool */
flag_reader flag_text;     /* const char * */
flag_reader flag_list;     /* struct flag_list, for a flag that repeats */
flag_reader flag_duration; /* int64_t, nanoseconds, at least min */
flag_reader flag_size;     /* uint64_t, bytes, at least min */
flag_reader flag_number;   /* uint32_t from min to max */
flag_reader flag_integer;  /* int32_t, any */

#define FLAG_LIST_MAX 16

struct flag_list {
    const char *items[FLAG_LIST_MAX]; /* borrowed */
    size_t count;
};

/* The arguments that are not flags. */
struct flag_words {
    const char **items; /* with room for argc items */
    size_t count;
};

struct flag_set {
    const struct flag *flags; /* at most 64 */
    size_t count;
    const char *env_prefix; /* "USERD_": the prefix of variables for flags that are not given;
                               NULL: none */
    bool stop_at_word;      /* everything from the first word on is a word, as for subcommands */
};

/* Read the arguments (without the program's name), then the environment for flags that were not
 * given. A flag is written --name VALUE or --name=VALUE, a switch --name; "--" ends the flags; a
 * negative number is a word. False: error says in one line what is wrong and what would be right.
 */
bool flags_read(const struct flag_set *set, int argc, char *const *argv, void *options,
    struct flag_words *words, char error[FLAGS_ERROR]);

/* May an error repeat this text? In a URL there may be a password before the '@', even if the rest
 * of it is invalid. */
bool flags_may_repeat(const char *text);

/* Print the list of flags for --help, in two columns. */
void flags_help(const struct flag_set *set, FILE *out);
