/* SPDX-License-Identifier: Apache-2.0 */
/* Flags as gRPC's public interoperability tests spell them: --server_port=N, --use_tls=false. */
#include "options.h"

#include "usercommon/complain.h"
#include <stdlib.h>

static void
show_help(const struct options_program *program)
{
    printf("usage: %s %s\n", program->name, program->usage);
    flags_help(&(struct flag_set){.flags = program->flags, .count = program->flag_count}, stdout);
}

static bool
read_flags(const struct options_program *program, int argc, char **argv, void *options)
{
    const struct flag_set set = {.flags = program->flags, .count = program->flag_count};
    struct flag_words words = {.items = calloc((size_t)argc + 1, sizeof(char *))};
    char error[FLAGS_ERROR] = "out of memory";
    bool good = words.items != NULL && flags_read(&set, argc, argv, options, &words, error);

    if (good && words.count > 0) {
        good = false;
        snprintf(error, sizeof(error), "\"%.200s\" is no flag", words.items[0]);
    }
    if (!good)
        complain(program->name, "%s", error);
    free(words.items);
    return good;
}

bool
options_read(
    const struct options_program *program, int argc, char **argv, void *options, int *out_exit_code)
{
    const struct options_common *common = options;

    *out_exit_code = 2;
    if (!read_flags(program, argc - 1, argv + 1, options))
        return false;
    if (common->help) {
        show_help(program);
        *out_exit_code = 0;
        return false;
    }
    return true;
}
