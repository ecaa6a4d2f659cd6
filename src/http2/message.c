/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, responses and trailers: validation of their header blocks (RFC 9113, sections 8.1
 * to 8.5).
 *
 * Characters, order and repetition were checked when the block was decoded (h2_block.malformed). */
#include "http2/h2_internal.h"

#define BIT(token) (1u << (token))
#define REQUEST_PSEUDO \
    (BIT(H2_TOKEN_METHOD) | BIT(H2_TOKEN_SCHEME) | BIT(H2_TOKEN_PATH) | BIT(H2_TOKEN_AUTHORITY))
#define ALL_PSEUDO (REQUEST_PSEUDO | BIT(H2_TOKEN_STATUS) | BIT(H2_TOKEN_PSEUDO_UNKNOWN))

/* A decimal number of at most 18 digits. False: anything else. */
static bool
parse_length(weir_str text, int64_t *out_length)
{
    int64_t length = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        length = length * 10 + (text.data[i] - '0');
    }
    *out_length = length;
    return true;
}

/* Repeated equal values count as one (RFC 9110, section 8.6). */
static bool
read_content_length(const struct h2_block *block, int64_t *out_length)
{
    int64_t length = -1, next;

    for (size_t i = 0; i < block->count; i++) {
        if (block->fields[i].token != H2_TOKEN_CONTENT_LENGTH)
            continue;
        if (!parse_length(block->fields[i].value, &next) || (length >= 0 && next != length))
            return false;
        length = next;
    }
    *out_length = length;
    return true;
}

/* The contents of a block: a bit for each token that occurs, and pointers to the pseudo-header
 * fields of requests. */
struct survey {
    uint32_t seen;
    const struct h2_field *at[H2_TOKEN_AUTHORITY + 1];
};

static inline void
survey(const struct h2_block *block, struct survey *out_survey)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < block->count; i++) {
        const struct h2_field *field = &block->fields[i];

        seen |= BIT(field->token);
        if (field->token <= H2_TOKEN_AUTHORITY)
            out_survey->at[field->token] = field;
    }
    out_survey->seen = seen;
}

static bool
equal_nocase(weir_str a, weir_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned char x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];

        x |= (x >= 'A' && x <= 'Z') ? 0x20 : 0;
        y |= (y >= 'A' && y <= 'Z') ? 0x20 : 0;
        if (x != y)
            return false;
    }
    return true;
}

/* RFC 9113, section 8.3.1: a Host that differs from :authority makes the request malformed. */
static bool
hosts_agree(const struct h2_block *block, weir_str authority)
{
    for (size_t i = 0; i < block->count; i++)
        if (block->fields[i].token == H2_TOKEN_HOST &&
            !equal_nocase(block->fields[i].value, authority))
            return false;
    return true;
}

/* 8.3.1: the path of an http or https URI is never empty. */
static bool
may_lack_path(weir_str scheme)
{
    return !equal_nocase(scheme, (weir_str){"http", 4}) &&
           !equal_nocase(scheme, (weir_str){"https", 5});
}

/* RFC 9113, section 8.3.1: exactly one value of method, scheme and path each; section 8.5: CONNECT
 * has an authority and neither scheme nor path. */
static bool
target_is_whole(const struct survey *found)
{
    const uint32_t needed = BIT(H2_TOKEN_METHOD) | BIT(H2_TOKEN_SCHEME) | BIT(H2_TOKEN_PATH);
    weir_str method, scheme;

    if ((found->seen & BIT(H2_TOKEN_METHOD)) == 0)
        return false;
    method = found->at[H2_TOKEN_METHOD]->value;
    if (weir_str_equal(method, (weir_str){"CONNECT", 7}))
        return (found->seen & REQUEST_PSEUDO) == (BIT(H2_TOKEN_METHOD) | BIT(H2_TOKEN_AUTHORITY));
    if ((found->seen & needed) != needed)
        return false;
    scheme = found->at[H2_TOKEN_SCHEME]->value;
    return method.len > 0 && scheme.len > 0 &&
           (found->at[H2_TOKEN_PATH]->value.len > 0 || may_lack_path(scheme));
}

static bool
judge_request(const struct h2_block *block, int64_t *out_content_length)
{
    const uint32_t both = BIT(H2_TOKEN_AUTHORITY) | BIT(H2_TOKEN_HOST);
    struct survey found;

    survey(block, &found);
    if (block->malformed || (found.seen & ALL_PSEUDO & ~REQUEST_PSEUDO) != 0 ||
        !target_is_whole(&found))
        return false;
    if ((found.seen & both) == both && !hosts_agree(block, found.at[H2_TOKEN_AUTHORITY]->value))
        return false;
    *out_content_length = -1;
    return (found.seen & BIT(H2_TOKEN_CONTENT_LENGTH)) == 0 ||
           read_content_length(block, out_content_length);
}

/* A block that the memo repeats is validated only once. */
bool
h2_message_read_request(struct h2_block *block, struct h2_message *out_message)
{
    if (!block->is_request)
        block->is_request = judge_request(block, &block->content_length);
    out_message->content_length = block->content_length;
    return block->is_request;
}

/* Three digits, from 100. 101 is not used in HTTP/2 (RFC 9113, section 8.6). */
static bool
parse_status(weir_str text, int *out_status)
{
    int64_t status;

    if (text.len != 3 || !parse_length(text, &status) || status < 100 || status == 101)
        return false;
    *out_status = (int)status;
    return true;
}

bool
h2_message_read_response(const struct h2_block *block, struct h2_message *out_message)
{
    struct survey found;

    survey(block, &found);
    if (block->malformed || (found.seen & ALL_PSEUDO) != BIT(H2_TOKEN_STATUS))
        return false;
    out_message->content_length = -1;
    return parse_status(h2_block_find(block, H2_TOKEN_STATUS)->value, &out_message->status) &&
           read_content_length(block, &out_message->content_length);
}

/* RFC 9113, section 8.1: trailers have no pseudo-header fields. */
bool
h2_message_read_trailers(const struct h2_block *block)
{
    struct survey found;

    survey(block, &found);
    return !block->malformed && (found.seen & ALL_PSEUDO) == 0;
}
