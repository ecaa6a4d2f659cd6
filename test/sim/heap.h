/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that fails now and then, and random numbers that a seed decides; the linker puts
 * both in the place of the real ones. */
/* Threads: one world at a time. */
#pragma once

#include "chance.h"

/* ---- what the world says ---- */

bool heap_fails_now(void);
struct chance *heap_chance(void);
