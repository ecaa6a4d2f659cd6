/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports: copies, and to messages and back. */
/* Threads: pure functions. */
#pragma once

#include "xds/service/orca/v3/orca.weir.h"
#include <weir/orca.h>

/* gRFC A51: the key of a call's report. */
extern const char orca_trailer[];

/* A report with its lists and names behind it, in one piece of memory; freed with free. */
struct orca_copy {
    struct weir_orca_report report;
};

/* NULL: no memory. */
struct orca_copy *orca_copy_new(const struct weir_orca_report *report);

/* Take over what `report` does not tell; its lists stay borrowed. The cost of a request is the
 * call's alone. */
void orca_report_complete(struct weir_orca_report *report, const struct weir_orca_report *from);

typedef Xds__Data__Orca__V3__OrcaLoadReport orca_load_report;

/* A message with its lists behind it, names copied; freed with free. */
struct orca_message {
    orca_load_report report;
};

/* NULL: no memory. */
struct orca_message *orca_message_new(const struct weir_orca_report *report);

/* Into memory of this kind, weir_call_alloc or weir_call_keep; the names stay the message's. False:
 * no memory. */
typedef void *orca_memory(weir_call *call, size_t size);
bool orca_report_read(weir_call *call, orca_memory *memory, const orca_load_report *message,
    struct weir_orca_report *out_report);
