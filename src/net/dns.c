/* SPDX-License-Identifier: Apache-2.0 */
/* DNS queries that getaddrinfo does not support: of a given server, and of records other than
 * addresses. libresolv sends them, retries, and falls back to TCP for long answers. */
#include "net/net.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>

/* The maximum length of an answer over TCP. */
#define ANSWER_MAX NS_MAXMSG

struct question {
    struct __res_state state;
    ns_msg answer;
    uint8_t bytes[ANSWER_MAX];
};

/* ---- servers ---- */

/* Servers of both families are in an undocumented list of resolv.h, those of IPv4 also in the old
 * list; res_nclose frees as many as the state counts. False: no memory. */
static bool
choose_server(struct __res_state *state, const struct net_address *server)
{
    struct sockaddr_in6 *only = calloc(1, sizeof(*only));

    if (only == NULL)
        return false;
    memcpy(only, &server->storage, server->len);
    for (size_t i = 0; i < MAXNS; i++) {
        free(state->_u._ext.nsaddrs[i]);
        state->_u._ext.nsaddrs[i] = NULL;
    }
    state->_u._ext.nsaddrs[0] = only;
    state->_u._ext.nssocks[0] = -1;
    state->nscount = state->_u._ext.nscount = 1;
    state->nsaddr_list[0].sin_family = 0;
    if (server->any.sa_family == AF_INET)
        memcpy(&state->nsaddr_list[0], &server->storage, sizeof(state->nsaddr_list[0]));
    return true;
}

/* NULL: no memory, or resolv.conf cannot be read. */
static struct question *
question_new(const struct net_address *server)
{
    struct question *question = calloc(1, sizeof(*question));

    if (question == NULL)
        return NULL;
    if (res_ninit(&question->state) != 0) {
        free(question);
        return NULL;
    }
    if (server == NULL || choose_server(&question->state, server))
        return question;
    res_nclose(&question->state);
    free(question);
    return NULL;
}

static void
question_free(struct question *question)
{
    res_nclose(&question->state);
    free(question);
}

/* NOT_FOUND: the name does not exist, or has no such records. */
static weir_code
ask(struct question *question, const char *name, ns_type type)
{
    int len = res_nsearch(
        &question->state, name, ns_c_in, type, question->bytes, sizeof(question->bytes));

    if (len < 0 &&
        (question->state.res_h_errno == HOST_NOT_FOUND || question->state.res_h_errno == NO_DATA))
        return WEIR_NOT_FOUND;
    if (len < 0 || len > (int)sizeof(question->bytes) ||
        ns_initparse(question->bytes, len, &question->answer) != 0)
        return WEIR_UNAVAILABLE;
    return WEIR_OK;
}

/* The next record of this type in the answer. False: none. */
static bool
next_record(struct question *question, ns_type type, int *cursor, ns_rr *out_record)
{
    while (*cursor < ns_msg_count(question->answer, ns_s_an)) {
        if (ns_parserr(&question->answer, ns_s_an, (*cursor)++, out_record) != 0)
            return false;
        if (ns_rr_type(*out_record) == type)
            return true;
    }
    return false;
}

/* ---- addresses ---- */

static bool
make_address(const ns_rr *record, in_port_t port, struct net_address *out_address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};

    *out_address = (struct net_address){.len = 0};
    if (ns_rr_type(*record) == ns_t_a && ns_rr_rdlen(*record) == sizeof(v4.sin_addr)) {
        memcpy(&v4.sin_addr, ns_rr_rdata(*record), sizeof(v4.sin_addr));
        memcpy(&out_address->storage, &v4, out_address->len = sizeof(v4));
    } else if (ns_rr_type(*record) == ns_t_aaaa && ns_rr_rdlen(*record) == sizeof(v6.sin6_addr)) {
        memcpy(&v6.sin6_addr, ns_rr_rdata(*record), sizeof(v6.sin6_addr));
        memcpy(&out_address->storage, &v6, out_address->len = sizeof(v6));
    }
    return out_address->len > 0;
}

/* Add the addresses of one family; if its query fails, those of the other remain. */
static weir_code
add_addresses(struct question *question, const struct net_endpoint *endpoint, ns_type type,
    struct net_address *addresses, size_t max, size_t *count)
{
    in_port_t port = htons((uint16_t)strtoul(endpoint->port, NULL, 10));
    ns_rr record;
    int cursor = 0;

    WEIR_TRY(ask(question, endpoint->host, type));
    while (*count < max && next_record(question, type, &cursor, &record)) {
        if (make_address(&record, port, &addresses[*count]))
            (*count)++;
    }
    return WEIR_OK;
}

weir_code
net_dns_resolve(const struct net_address *server, const struct net_endpoint *endpoint,
    struct net_address *out_addresses, size_t max, size_t *out_count, const char **out_why)
{
    struct question *question = question_new(server);
    weir_code v6, v4;
    size_t count = 0;

    *out_why = "the resolver library cannot be set up";
    if (question == NULL)
        return WEIR_UNAVAILABLE;
    v6 = add_addresses(question, endpoint, ns_t_aaaa, out_addresses, max, &count);
    v4 = add_addresses(question, endpoint, ns_t_a, out_addresses, max, &count);
    question_free(question);
    *out_why = v6 == WEIR_UNAVAILABLE || v4 == WEIR_UNAVAILABLE ? "the DNS server does not answer"
                                                                : "Name or service not known";
    if (count == 0)
        return WEIR_UNAVAILABLE;
    *out_count = count;
    return WEIR_OK;
}

/* ---- texts ---- */

/* Join the strings of a TXT record, each of which follows its length (RFC 1035, section 3.3.14).
 * NULL: no memory. */
static char *
join_strings(const ns_rr *record)
{
    const uint8_t *at = ns_rr_rdata(*record), *end = at + ns_rr_rdlen(*record);
    char *text = malloc((size_t)ns_rr_rdlen(*record) + 1);
    size_t len = 0;

    if (text == NULL)
        return NULL;
    while (at < end) {
        size_t piece = *at++;

        piece = piece < (size_t)(end - at) ? piece : (size_t)(end - at);
        memcpy(text + len, at, piece);
        len += piece;
        at += piece;
    }
    text[len] = '\0';
    return text;
}

/* The rest of the first record that starts with the prefix. */
static weir_code
take_text(struct question *question, const char *prefix, char **out_text)
{
    size_t len = strlen(prefix);
    ns_rr record;
    int cursor = 0;

    while (next_record(question, ns_t_txt, &cursor, &record)) {
        char *text = join_strings(&record);

        if (text == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        if (strncmp(text, prefix, len) == 0) {
            memmove(text, text + len, strlen(text) - len + 1);
            *out_text = text;
            return WEIR_OK;
        }
        free(text);
    }
    return WEIR_NOT_FOUND;
}

weir_code
net_dns_text(
    const struct net_address *server, const char *name, const char *prefix, char **out_text)
{
    struct question *question = question_new(server);
    weir_code code;

    if (question == NULL)
        return WEIR_UNAVAILABLE;
    code = ask(question, name, ns_t_txt);
    if (code == WEIR_OK)
        code = take_text(question, prefix, out_text);
    question_free(question);
    return code;
}
