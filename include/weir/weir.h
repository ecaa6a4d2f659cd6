/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of the core library, but for connections.h. Extensions, such as health.h, are
 * included by name. */
/* Threads: see each header. */
#pragma once

#include <weir/balancer.h>
#include <weir/base.h>
#include <weir/call.h>
#include <weir/catalog.h>
#include <weir/channel.h>
#include <weir/credentials.h>
#include <weir/details.h>
#include <weir/fd.h>
#include <weir/http.h>
#include <weir/in_process.h>
#include <weir/interceptor.h>
#include <weir/loop.h>
#include <weir/outlier.h>
#include <weir/peer.h>
#include <weir/pool.h>
#include <weir/resolver.h>
#include <weir/retry.h>
#include <weir/server.h>
#include <weir/service.h>
#include <weir/service_config.h>
#include <weir/stats.h>
#include <weir/status.h>
#include <weir/tls.h>
#include <weir/value.h>
