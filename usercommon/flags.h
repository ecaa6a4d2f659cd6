/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: a table of flags, read from the arguments and from the environment. */
/* Threads: flags_read belongs to the thread that starts the program; it reads the environment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Room for the text of an error. */
#define FLAGS_ERROR 512

struct flag;

/* Read a value into the flag's field. False: it is not what the flag expects. */
typedef bool flag_reader(const struct flag *flag, const char *text, void *field);

struct flag {
    const char *name;     /* "log-level", without dashes */
    const char *value;    /* what help calls its value, "D"; NULL: a switch, which has none */
    const char *help;     /* one sentence */
    const char *expected; /* what a good value is, for the error: "a duration such as ..." */
    flag_reader *read;
    bool repeats;      /* each use adds; the environment separates by commas */
    bool command_line; /* not looked up in the environment */
    bool secret;       /* it may hold a password: an error does not repeat it */
    size_t field;      /* offset of the field in the options */
    uint32_t min, max; /* for flag_number; min for flag_duration and flag_size, too */
};

/* Readers. A text is borrowed from the command line or the environment. */
flag_reader flag_switch;   /* bool */
flag_reader flag_text;     /* const char * */
flag_reader flag_list;     /* struct flag_list, for a flag that repeats */
flag_reader flag_duration; /* int64_t, nanoseconds, min at least */
flag_reader flag_size;     /* uint64_t, bytes, min at least */
flag_reader flag_number;   /* uint32_t from min to max */
flag_reader flag_integer;  /* int32_t, any */

#define FLAG_LIST_MAX 16

struct flag_list {
    const char *items[FLAG_LIST_MAX]; /* borrowed */
    size_t count;
};

/* What is not a flag. */
struct flag_words {
    const char **items; /* room for argc of them */
    size_t count;
};

struct flag_set {
    const struct flag *flags; /* at most 64 */
    size_t count;
    const char *env_prefix; /* "USERD_": a flag that is not given is looked up there; NULL: none */
    bool stop_at_word;      /* the first word and what follows are all words, as for a subcommand */
};

/* Read the arguments (without the program's name), then the environment for what they left out. A
 * flag is written --name VALUE or --name=VALUE, a switch --name; "--" ends the flags; a number
 * below zero is a word. False: error says in one line what is wrong and what would be right. */
bool flags_read(const struct flag_set *set, int argc, char *const *argv, void *options,
    struct flag_words *words, char error[FLAGS_ERROR]);

/* May an error repeat what somebody wrote? In a URL a password stands before the '@', also where
 * the rest of it is wrong. */
bool flags_may_repeat(const char *text);

/* The flags of help's list, two columns. */
void flags_help(const struct flag_set *set, FILE *out);
