/* SPDX-License-Identifier: Apache-2.0 */
/* The token files: userctl/SERVER.token in the user's state folder (XDG Base Directory
 * Specification). */
#include "userctl/session.h"

#include "usercommon/complain.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- paths ---- */

/* False: neither variable has an absolute path, or it is too long; errno says which. */
static bool
folder_name(char out[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int len = -1;

    if (state != NULL && state[0] == '/')
        len = snprintf(out, PATH_MAX, "%s/userctl", state);
    else if (home != NULL && home[0] == '/')
        len = snprintf(out, PATH_MAX, "%s/.local/state/userctl", home);
    errno = len < 0 ? ENOENT : ENAMETOOLONG;
    return len >= 0 && len < PATH_MAX;
}

/* The path of a file named after the server, with special characters escaped. False: too long, or
 * there is no folder; errno says which. */
static bool
file_name(const char *server, const char *suffix, char out[PATH_MAX])
{
    size_t at;

    if (!folder_name(out))
        return false;
    at = strlen(out);
    if (at + 3 * strlen(server) + 32 > PATH_MAX || strlen(server) > 80) {
        errno = ENAMETOOLONG;
        return false;
    }
    out[at++] = '/';
    for (const char *c = server; *c != '\0'; c++) {
        bool plain = isalnum((unsigned char)*c) || (*c == '.' && c != server) || *c == '-';

        at += (size_t)snprintf(out + at, 4, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    snprintf(out + at, 16, "%s", suffix);
    return true;
}

/* Without an accessible folder, for example without a home, there are no logins. */
static bool
has_folder(void)
{
    char path[PATH_MAX];

    return folder_name(path) && access(path, X_OK) == 0;
}

static bool
make_folder(void)
{
    char path[PATH_MAX];

    if (!folder_name(path))
        return false;
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* ---- the file ---- */

/* Read the first line. False: errno says why. */
static bool
read_file(const char *path, char out_token[SESSION_TOKEN])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, out_token, SESSION_TOKEN - 1);
    int error = errno;

    if (fd >= 0)
        close(fd);
    out_token[len > 0 ? len : 0] = '\0';
    out_token[strcspn(out_token, "\r\n")] = '\0';
    errno = error;
    return len >= 0;
}

bool
session_load(const char *server, char out_token[SESSION_TOKEN])
{
    char path[PATH_MAX];

    out_token[0] = '\0';
    if (!has_folder() || !file_name(server, ".token", path) || read_file(path, out_token) ||
        errno == ENOENT)
        return true;
    complain("userctl", "cannot read the token in %s: %s", path, strerror(errno));
    return false;
}

/* Preserves errno. */
static void
remove_quietly(const char *path)
{
    int error = errno;

    (void)unlink(path);
    errno = error;
}

/* Atomically, so that other programs never read a part of it. False: errno says why. */
static bool
write_file(const char *path, const char *staged, const char *token)
{
    FILE *file;
    bool good;
    int fd;

    (void)unlink(staged);
    fd = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL && fd >= 0)
        close(fd);
    if (file == NULL)
        return false;
    good = fputs(token, file) >= 0 && fflush(file) == 0 && fsync(fd) == 0;
    good = fclose(file) == 0 && good && rename(staged, path) == 0;
    if (!good)
        remove_quietly(staged);
    return good;
}

bool
session_keep(const char *server, const char *token)
{
    char path[PATH_MAX], staged[PATH_MAX];

    if (file_name(server, ".token", path) && file_name(server, ".new", staged) && make_folder() &&
        write_file(path, staged, token))
        return true;
    complain("userctl", "cannot keep the token: %s", strerror(errno));
    return false;
}

bool
session_forget(const char *server)
{
    char path[PATH_MAX];

    if (!has_folder() || !file_name(server, ".token", path) || unlink(path) == 0 || errno == ENOENT)
        return true;
    complain("userctl", "cannot remove %s: %s", path, strerror(errno));
    return false;
}

/* ---- where secrets may be sent ---- */

/* The host in HOST:PORT or [V6]:PORT. */
static bool
is_loopback(const char *target)
{
    const char *colon = strrchr(target, ':');
    size_t len = colon == NULL ? strlen(target) : (size_t)(colon - target);
    bool bracketed = len > 2 && target[0] == '[' && target[len - 1] == ']';
    struct in6_addr v6;
    struct in_addr v4;
    char host[64];

    if (len >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? len - 2 : len), target + bracketed);
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0; /* RFC 6761, section 6.3 */
}

bool
session_is_private(const struct args *args)
{
    static const char *const schemes[] = {"dns:///", "dns:", "ipv4:", "ipv6:"};
    const char *target = args->server;

    if (args->tls || strncmp(target, "unix:", 5) == 0 || strncmp(target, "unix-abstract:", 14) == 0)
        return true;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (strncmp(target, schemes[i], len) == 0)
            return strchr(target, ',') == NULL && is_loopback(target + len);
    }
    return is_loopback(target);
}

/* "etcd://HOST:PORT[,HOST:PORT...]/SERVICE" */
bool
session_etcd_is_private(const struct args *args)
{
    static const char scheme[] = "etcd://";
    const char *at = args->server + strlen(scheme);
    char address[280];

    if (args->etcd_tls || strncmp(args->server, scheme, strlen(scheme)) != 0)
        return true;
    for (;;) {
        size_t len = strcspn(at, ",/");

        if (len >= sizeof(address))
            return false;
        snprintf(address, sizeof(address), "%.*s", (int)len, at);
        if (!is_loopback(address))
            return false;
        if (at[len] != ',')
            return true;
        at += len + 1;
    }
}
