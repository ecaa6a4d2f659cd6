/* SPDX-License-Identifier: Apache-2.0 */
/* Code points that do something else than show a mark. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Controls; what orders or hides text (Unicode's bidirectional controls, line separators,
 * zero-width spaces, tags). The joiners U+200C and U+200D are none: scripts and emoji are written
 * with them. */
bool code_point_drives_terminal(uint32_t code_point);

/* What cannot be seen: all of the above, every space, and whatever Unicode would have ignored where
 * it is not known (Default_Ignorable_Code_Point: joiners, fillers, variation selectors). */
bool code_point_unseen(uint32_t code_point);
