/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what, and how often: a file of JSON, or the defaults. doc/AUTH.md describes it. */
/* Threads: constant once read. */
#pragma once

#include <stdbool.h>
#include <weir/permission.h>
#include <weir/ratelimit.h>

#define POLICY_ERROR 400

struct policy {
    struct weir_permission_rule *rules;
    size_t rule_count;
    const char **skip; /* ends in NULL */
    struct weir_method_rate *rates;
    size_t rate_count;
    bool guards;    /* the file speaks of roles or of a skip list */
    bool has_peers; /* it says which peers may call a method */
    void *json;     /* which all of that points into; NULL for defaults */
    char *text;
};

/* Read a file, NULL: the defaults. False: error names the file, the line and the field.
 * policy_fini is needed in any case. */
bool policy_read(struct policy *policy, const char *path, char error[POLICY_ERROR]);
void policy_fini(struct policy *policy);

/* Where nobody has a role, since nobody has a token, none is asked for. */
void policy_forget_roles(struct policy *policy);
