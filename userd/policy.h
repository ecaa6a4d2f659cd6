/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call which method, and how often: a JSON file, or the defaults; see doc/AUTH.md. */
/* Threads: constant once read. */
#pragma once

#include <stdbool.h>
#include <weir/permission.h>
#include <weir/ratelimit.h>

#define POLICY_ERROR 400

struct policy {
    struct weir_permission_rule *rules;
    size_t rule_count;
    const char **skip; /* NULL-terminated */
    struct weir_method_rate *rates;
    size_t rate_count;
    bool guards;    /* the file has roles or a skip list */
    bool has_peers; /* the file says which peers may call a method */
    void *json;     /* owns the memory of the above; NULL for the defaults */
    char *text;
};

/* Read a file; NULL selects the defaults. False: error names the file, the line and the field.
 * policy_fini must be called in any case. */
bool policy_read(struct policy *policy, const char *path, char error[POLICY_ERROR]);
void policy_fini(struct policy *policy);

/* Remove all required roles: for servers without tokens, whose callers have no roles. */
void policy_forget_roles(struct policy *policy);
