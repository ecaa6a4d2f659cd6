/* SPDX-License-Identifier: Apache-2.0 */
/* Which database: URLs and the default path. */
#include "userd/database.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERROR_SIZE 512
#define SCHEME "sqlite:"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

bool
database_is_postgres(const char *url)
{
    return url != NULL &&
           (strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0);
}

static bool
is_postgres_url(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    bool valid = options != NULL;

    PQconninfoFree(options);
    return valid;
}

bool
database_url_valid(const char *url)
{
    if (database_is_postgres(url))
        return is_postgres_url(url);
    return strncmp(url, SCHEME, SCHEME_LEN) == 0 && url[SCHEME_LEN] != '\0';
}

bool
database_read_url(const struct flag *flag, const char *text, void *field)
{
    return database_url_valid(text) && flag_text(flag, text, field);
}

static const char *
value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val == NULL ? "" : options->val;
    }
    return "";
}

void
database_show(const char *url, char *out, size_t size)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    const char *port;

    if (options == NULL) {
        snprintf(out, size, "postgres");
        return;
    }
    port = value_of(options, "port");
    snprintf(out, size, "postgres://%s%s%s/%s", value_of(options, "host"),
        port[0] == '\0' ? "" : ":", port, value_of(options, "dbname"));
    PQconninfoFree(options);
}

/* Create a folder and its parents. path is modified meanwhile, and restored. */
static bool
make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        int result;
        *slash = '\0';
        result = mkdir(path, 0700);
        *slash = '/';
        if (result != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

/* False: neither variable is an absolute path; the specification says to ignore relative ones. */
static bool
default_name(char out_path[PATH_MAX])
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int len = PATH_MAX;

    if (data != NULL && data[0] == '/')
        len = snprintf(out_path, PATH_MAX, "%s/userd/users.db", data);
    else if (home != NULL && home[0] == '/')
        len = snprintf(out_path, PATH_MAX, "%s/.local/share/userd/users.db", home);
    return len < PATH_MAX;
}

static bool
default_path(char out_path[PATH_MAX], char error[ERROR_SIZE])
{
    if (!default_name(out_path)) {
        snprintf(error, ERROR_SIZE,
            "there is no data folder: set HOME or XDG_DATA_HOME, or give --db sqlite:PATH");
        return false;
    }
    if (make_folders(out_path))
        return true;
    snprintf(error, ERROR_SIZE,
        "cannot make the folder of %.300s: %s; --db sqlite:PATH chooses another place", out_path,
        strerror(errno));
    return false;
}

/* Made absolute, so that SQLite's special names (":memory:", "file:...") are ordinary files. */
static bool
absolute_path(const char *path, char out_path[PATH_MAX], char error[ERROR_SIZE])
{
    char folder[PATH_MAX] = "";
    int len;

    if (path[0] != '/' && getcwd(folder, sizeof(folder)) == NULL) {
        snprintf(error, ERROR_SIZE, "cannot tell the current folder: %s", strerror(errno));
        return false;
    }
    len = snprintf(out_path, PATH_MAX, "%s%s%s", folder, path[0] == '/' ? "" : "/", path);
    if (len < PATH_MAX)
        return true;
    snprintf(error, ERROR_SIZE, "the path of the database is too long");
    return false;
}

bool
database_path(const char *url, char out_path[PATH_MAX], char error[ERROR_SIZE])
{
    if (url == NULL)
        return default_path(out_path, error);
    return absolute_path(url + SCHEME_LEN, out_path, error);
}
