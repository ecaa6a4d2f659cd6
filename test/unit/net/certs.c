/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made with OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *
authority_path(const struct authority *authority, const char *file)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", authority->folder, file);
    return path;
}

void
authority_write(const struct authority *authority, const char *file, const char *text)
{
    FILE *out = fopen(authority_path(authority, file), "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

void
authority_move(const struct authority *authority, const char *from, const char *to)
{
    assert_int_equal(rename(authority_path(authority, from), authority_path(authority, to)), 0);
}

static void
write_cert(const struct authority *authority, const char *file, X509 *cert)
{
    FILE *out = fopen(authority_path(authority, file), "w");

    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, cert), 1);
    fclose(out);
}

static void
write_key(const struct authority *authority, const char *file, EVP_PKEY *key)
{
    FILE *out = fopen(authority_path(authority, file), "w");

    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
}

static void
extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *
make_cert(EVP_PKEY *key, const char *common_name, long seconds)
{
    static long serial;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), seconds < 0 ? 2 * seconds : -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), seconds);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(
        subject, "O", MBSTRING_UTF8, (const unsigned char *)"Weir tests", -1, -1, 0);
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    return cert;
}

void
authority_new(struct authority *authority, const char *name)
{
    snprintf(authority->folder, sizeof(authority->folder), "/tmp/weir-certs-XXXXXX");
    assert_non_null(mkdtemp(authority->folder));
    authority->key = EVP_EC_gen("P-256");
    authority->cert = make_cert(authority->key, name, 3600);
    X509_set_issuer_name(authority->cert, X509_get_subject_name(authority->cert));
    extend(authority->cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(authority->cert, authority->key, EVP_sha256()) > 0);
    write_cert(authority, "ca.pem", authority->cert);
}

void
authority_issue(const struct authority *authority, const char *name, const char *common_name,
    const char *alternatives, long seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(key, common_name, seconds);
    char file[64];

    X509_set_issuer_name(cert, X509_get_subject_name(authority->cert));
    if (alternatives != NULL)
        extend(cert, NID_subject_alt_name, alternatives);
    assert_true(X509_sign(cert, authority->key, EVP_sha256()) > 0);
    snprintf(file, sizeof(file), "%s.pem", name);
    write_cert(authority, file, cert);
    snprintf(file, sizeof(file), "%s.key", name);
    write_key(authority, file, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void
remove_folder(const char *folder)
{
    pid_t child = fork();

    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, NULL);
        _exit(127);
    }
    assert_true(child > 0);
    (void)waitpid(child, NULL, 0);
}

void
authority_free(struct authority *authority)
{
    X509_free(authority->cert);
    EVP_PKEY_free(authority->key);
    remove_folder(authority->folder);
}
