/* SPDX-License-Identifier: Apache-2.0 */
/* weir-bench: load a gRPC server and measure its responses. */
#include "usercommon/complain.h"
#include "usercommon/streams.h"
#include "weir-bench/report.h"
#include "weir-bench/run.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static bool
close_file(FILE *file)
{
    bool good = ferror(file) == 0;

    return fclose(file) == 0 && good;
}

static bool
write_json(const struct options *options, const struct tally *tally)
{
    FILE *file;
    bool good;

    if (strcmp(options->json, "-") == 0)
        return report_json(options, tally, stdout);
    file = fopen(options->json, "w");
    if (file == NULL)
        return false;
    good = report_json(options, tally, file);
    return close_file(file) && good;
}

static bool
write_svg(const struct options *options, const struct tally *tally)
{
    FILE *file = fopen(options->svg, "w");

    if (file == NULL)
        return false;
    report_svg(options, tally, file);
    return close_file(file);
}

/* False: an error was printed. */
static bool
report(const struct options *options, const struct tally *tally)
{
    bool is_text = options->json == NULL || strcmp(options->json, "-") != 0;

    if (is_text)
        report_text(options, tally, stdout);
    if (options->json != NULL && !write_json(options, tally)) {
        complain("weir-bench", "--json %s: %s", options->json, strerror(errno));
        return false;
    }
    if (options->svg != NULL && !write_svg(options, tally)) {
        complain("weir-bench", "--svg %s: %s", options->svg, strerror(errno));
        return false;
    }
    return true;
}

/* 1 if a call failed, so that scripts notice. */
static int
measure(const struct options *options)
{
    struct tally *tally = calloc(1, sizeof(*tally));
    int status;

    if (tally == NULL) {
        complain("weir-bench", "out of memory");
        return 1;
    }
    status = run(options, tally);
    if (status == 0 && !report(options, tally))
        status = 1;
    if (status == 0 && tally_failures(tally) + tally->unfinished > 0)
        status = 1;
    free(tally);
    return status;
}

int
main(int argc, char **argv)
{
    struct options options;
    char error[FLAGS_ERROR];

    if (!streams_hold())
        return EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    if (!options_read(argc - 1, argv + 1, &options, error)) {
        complain("weir-bench", "%s", error);
        return EXIT_USAGE;
    }
    if (options.help)
        options_help(stdout);
    else if (options.version)
        printf("weir-bench %s\n", weir_version());
    else
        return measure(&options);
    return 0;
}
