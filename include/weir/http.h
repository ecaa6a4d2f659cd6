/* SPDX-License-Identifier: Apache-2.0 */
/* Small HTTP/1.1 endpoints beside a server's calls: metrics, health, version. */
/* Threads: set up before weir_server_run; handlers run on fibers of the server's first loop. */
#pragma once

#include <weir/server.h>

WEIR_BEGIN_C

/* One request and its answer. Lives until the handler returns. */
typedef struct weir_http_exchange weir_http_exchange;

/* Answers GET and HEAD (whose content is dropped) of one path: 200, unless it says otherwise. It
 * may park, but should not for long: a server that drains waits for it. */
typedef void weir_http_handler(void *self, weir_http_exchange *exchange);

/* Serve HTTP/1.1, in the clear, on an address as weir_server_listen takes them. It is answered
 * while the server drains, until the last call has ended. The options' max_http_connections and
 * http_timeout bound what clients may hold. Errors as weir_server_listen has them. */
WEIR_API WEIR_CHECK weir_code weir_server_listen_http(weir_server *server, const char *address);

/* The nth of these addresses as bound; NULL beyond the last. Lives as long as the server. */
WEIR_API const char *weir_server_http_address(const weir_server *server, size_t index);

/* Answer requests for a path, "/metrics", compared byte by byte. Borrows path and self until the
 * server is freed. ALREADY_EXISTS: the path is taken. INVALID_ARGUMENT: it does not begin with '/'.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_server_handle(
    weir_server *server, const char *path, weir_http_handler *handler, void *self);

/* ---- the request; what is borrowed lives as long as the exchange ---- */

/* What stands behind the '?'; data is NULL when there is none. */
WEIR_API weir_str weir_http_query(const weir_http_exchange *exchange);

/* The first value of a field, without regard to the case of its name; data is NULL when it is
 * absent. */
WEIR_API weir_str weir_http_header(const weir_http_exchange *exchange, const char *name);

/* ---- the answer; without memory for it the client gets a 503 ---- */

/* 200 to 599. */
WEIR_API void weir_http_status(weir_http_exchange *exchange, int status);

/* The content's type, at most 127 bytes; "text/plain; charset=utf-8" at first. Borrowed until the
 * handler returns. */
WEIR_API void weir_http_type(weir_http_exchange *exchange, const char *type);

/* Add to the content. */
WEIR_API void weir_http_write(weir_http_exchange *exchange, const void *bytes, size_t len);
WEIR_API void weir_http_printf(weir_http_exchange *exchange, const char *format, ...)
    WEIR_PRINTF(2, 3);

WEIR_END_C
