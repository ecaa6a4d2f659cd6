/* SPDX-License-Identifier: Apache-2.0 */
/* The flag for the collector that traces are sent to. */
/* Threads: as usercommon/flags.h. */
#pragma once

#include "usercommon/flags.h"

#define OTLP_FORMS "http://HOST:PORT"

flag_reader otlp_read; /* const char * */
