/* SPDX-License-Identifier: Apache-2.0 */
/* Generates the text of FILE.weir.h and FILE.weir.c from a model. */
/* Threads: pure functions. */
#pragma once

#include "model.h"

void emit_header(struct text *out, const struct model_file *file);
void emit_source(struct text *out, const struct model_file *file);

/* The template variables of a file, a service and a method. Each array ends with an entry without a
 * name. */
struct emit_vars {
    struct text_var list[16];
};

struct emit_vars emit_file_vars(const struct model_file *file);
struct emit_vars emit_service_vars(const struct model_service *service);
struct emit_vars emit_method_vars(
    const struct model_service *service, const struct model_method *method);
