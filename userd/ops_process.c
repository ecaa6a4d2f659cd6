/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's statistics of this process, under the names of Prometheus' own client libraries. */
#include "userd/ops.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void
ops_put(weir_scrape *scrape, const char *name, const char *type, const char *help, double value)
{
    weir_scrape_name(scrape, name, type, help);
    weir_scrape_value(scrape, NULL, 0, value);
}

/* Number of entries in a folder, without "." and ".."; -1: it cannot be read. */
static double
count_entries(const char *path)
{
    DIR *folder = opendir(path);
    double count = 0;

    if (folder == NULL)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* Memory in pages: virtual and resident (proc(5), statm). */
static void
put_memory(weir_scrape *scrape)
{
    double page = (double)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128], *at = line;
    double mapped, resident;

    if (file == NULL)
        return;
    if (fgets(line, sizeof(line), file) != NULL) {
        mapped = strtod(at, &at);
        resident = strtod(at, &at);
        ops_put(scrape, "process_virtual_memory_bytes", "gauge", "Memory that is mapped.",
            mapped * page);
        ops_put(scrape, "process_resident_memory_bytes", "gauge", "Memory that is in RAM.",
            resident * page);
    }
    fclose(file);
}

static double
seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void
ops_collect_process(void *self, weir_scrape *scrape)
{
    const struct ops *ops = self;
    const struct weir_label version = {"version", weir_version()};
    struct rusage usage;
    struct rlimit limit;

    put_memory(scrape);
    ops_put(scrape, "process_open_fds", "gauge", "File descriptors that are open.",
        count_entries("/proc/self/fd"));
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        ops_put(scrape, "process_max_fds", "gauge", "File descriptors that may be open.",
            (double)limit.rlim_cur);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ops_put(scrape, "process_cpu_seconds_total", "counter",
            "CPU time of the program and the kernel.",
            seconds(usage.ru_utime) + seconds(usage.ru_stime));
    ops_put(scrape, "process_start_time_seconds", "gauge",
        "When it started, in seconds since 1970.", (double)ops->started);
    ops_put(scrape, "userd_log_dropped_lines_total", "counter",
        "Log lines that were lost because nobody took them, or their disk was full.",
        (double)weir_log_dropped(ops->log->lines));
    weir_scrape_name(scrape, "userd_build_info", "gauge", "Which userd this is.");
    weir_scrape_value(scrape, &version, 1, 1);
}
