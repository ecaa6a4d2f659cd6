/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers from the kernel. */
/* Threads: safe from any thread. */
#pragma once

#include <stdint.h>

/* 64 random bits, good for hash seeds and jitter; from getrandom(2). */
uint64_t random_u64(void);
