/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports: copies, and conversion to and from messages. */
/* Threads: pure functions. */
#pragma once

#include "xds/service/orca/v3/orca.weir.h"
#include <weir/orca.h>

/* gRFC A51: the metadata key of a call's report. */
extern const char orca_trailer[];

/* A report followed by its lists and names, in one allocation; freed with free. */
struct orca_copy {
    struct weir_orca_report report;
};

/* NULL: no memory. */
struct orca_copy *orca_copy_new(const struct weir_orca_report *report);

/* Complete `report` with values from `from`, whose lists are borrowed. Request costs are only per
 * call, and not taken over. */
void orca_report_complete(struct weir_orca_report *report, const struct weir_orca_report *from);

typedef Xds__Data__Orca__V3__OrcaLoadReport orca_load_report;

/* A message followed by its lists and copied names; freed with free. */
struct orca_message {
    orca_load_report report;
};

/* NULL: no memory. */
struct orca_message *orca_message_new(const struct weir_orca_report *report);

/* Convert a message, allocating with `memory` (weir_call_alloc or weir_call_keep); names still
 * belong to the message. False: no memory. */
typedef void *orca_memory(weir_call *call, size_t size);
bool orca_report_read(weir_call *call, orca_memory *memory, const orca_load_report *message,
    struct weir_orca_report *out_report);
