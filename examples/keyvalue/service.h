/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a service, and an interceptor that asks who calls. */
/* Threads: handlers run on every loop of their server at the same time. */
#pragma once

#include "keyvalue.weir.h"
#include "store.h"

/* self: a store. */
extern const struct keyvalue_KeyValue_handlers service_handlers;

/* Calls must say who makes them, in metadata "x-client". */
weir_interceptor service_ask_who;
