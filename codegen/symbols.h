/* SPDX-License-Identifier: Apache-2.0 */
/* Whether all that is generated for a file can live in C's one name space. */
/* Threads: pure functions. */
#pragma once

#include "model.h"

/* NULL, or in one line which two things would have one name, or which a name of Weir's own. */
const char *symbols_clash(const struct model_file *model, struct pool *pool);
