/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a certificate. */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* NULL, with *failed unset, for a string with a NUL inside, which would be read truncated. */
static const char *
copy_text(struct arena *arena, const unsigned char *text, int len, bool *failed)
{
    char *copy;

    if (text == NULL || len < 0 || memchr(text, '\0', (size_t)len) != NULL)
        return NULL;
    copy = arena_dup(arena, (weir_str){(const char *)text, (size_t)len});
    *failed = *failed || copy == NULL;
    return copy;
}

/* RFC 2253, but with UTF-8 unescaped. */
static bool
write_subject(X509 *cert, struct arena *arena, const char **out_subject)
{
    const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *text = BIO_new(BIO_s_mem());
    bool failed =
        text == NULL || X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, flags) < 0;
    char *data = NULL;
    long len = failed ? 0 : BIO_get_mem_data(text, &data);

    if (!failed)
        *out_subject = len == 0 ? "" : copy_text(arena, (unsigned char *)data, (int)len, &failed);
    BIO_free(text);
    return !failed;
}

static bool
write_common_name(X509 *cert, struct arena *arena, const char **out_name)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = index < 0 ? NULL : X509_NAME_get_entry(subject, index);
    unsigned char *text = NULL;
    bool failed = false;
    int len;

    if (entry == NULL || (len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))) < 0)
        return true;
    *out_name = copy_text(arena, text, len, &failed);
    OPENSSL_free(text);
    return !failed;
}

/* Extract the alternative names of one type. */
static bool
write_names(const GENERAL_NAMES *all, int type, struct arena *arena, const char *const **out_names,
    size_t *out_count)
{
    int count = sk_GENERAL_NAME_num(all);
    const char **names = arena_alloc(arena, (size_t)(count < 0 ? 0 : count) * sizeof(char *));
    bool failed = names == NULL;
    size_t found = 0;

    for (int i = 0; i < count && !failed; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        const ASN1_STRING *text;

        if (name->type != type)
            continue;
        text = name->d.ia5;
        names[found] =
            copy_text(arena, ASN1_STRING_get0_data(text), ASN1_STRING_length(text), &failed);
        found += names[found] != NULL;
    }
    *out_names = names;
    *out_count = found;
    return !failed;
}

bool
tls_identify(X509 *cert, struct arena *arena, struct weir_peer_identity *out_identity)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool good =
        write_subject(cert, arena, &out_identity->subject) &&
        write_common_name(cert, arena, &out_identity->common_name) &&
        (names == NULL ||
            (write_names(
                 names, GEN_DNS, arena, &out_identity->dns_names, &out_identity->dns_name_count) &&
                write_names(names, GEN_URI, arena, &out_identity->uris, &out_identity->uri_count)));

    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return good;
}
