/* SPDX-License-Identifier: Apache-2.0 */
/* Code points that do more than show a glyph. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Control characters, and code points that reorder or hide text (Unicode's bidirectional controls,
 * line separators, zero-width spaces, tags). Not the joiners U+200C and U+200D, which scripts and
 * emoji need. */
bool code_point_drives_terminal(uint32_t code_point);

/* Invisible code points: all of the above, every space, and code points that Unicode says to ignore
 * where they are not supported (Default_Ignorable_Code_Point: joiners, fillers, variation
 * selectors). */
bool code_point_unseen(uint32_t code_point);
