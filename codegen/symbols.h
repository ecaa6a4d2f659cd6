/* SPDX-License-Identifier: Apache-2.0 */
/* Whether all that is generated for a file can live in C's one name space. */
/* Threads: pure functions. */
#pragma once

#include "model.h"

/* NULL, or in one line which two things would have one name, or which one has a name like
 * those of the libraries that generated code uses. */
const char *symbols_clash(const struct model_file *model, struct pool *pool);
