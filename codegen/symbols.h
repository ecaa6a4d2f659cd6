/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the names generated for a file are unique in C. */
/* Threads: pure functions. */
#pragma once

#include "model.h"

/* Returns NULL, or one line about two elements with the same name, or one whose name is reserved
 * for the libraries that generated code uses. */
const char *symbols_clash(const struct model_file *model, struct pool *pool);
