/* SPDX-License-Identifier: Apache-2.0 */
/* An authority of a test's own, and what it certifies, as PEM files in a temporary folder. */
/* Threads: none. */
#pragma once

#include <openssl/x509v3.h>

struct authority {
    char folder[64];
    EVP_PKEY *key;
    X509 *cert;
};

/* Writes ca.pem. */
void authority_new(struct authority *authority, const char *name);

/* Removes the folder too. */
void authority_free(struct authority *authority);

/* Writes NAME.pem and NAME.key: a certificate for the common name and the alternative names
 * ("DNS:localhost,IP:127.0.0.1"), good from a minute ago for so many seconds. */
void authority_issue(const struct authority *authority, const char *name, const char *common_name,
    const char *alternatives, long seconds);

/* "FOLDER/FILE", in one of a few buffers that take turns. */
const char *authority_path(const struct authority *authority, const char *file);

/* Replace or make a file. */
void authority_write(const struct authority *authority, const char *file, const char *text);

/* Put one file in another's place, as a rotation does. */
void authority_move(const struct authority *authority, const char *from, const char *to);
