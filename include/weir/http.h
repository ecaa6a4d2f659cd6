/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 endpoints of a server beside gRPC: metrics, health, version. */
/* Threads: set up before weir_server_run; handlers run on fibers of the server's first loop. */
#pragma once

#include <weir/server.h>

WEIR_BEGIN_C

/* A request and its response. Lives until the handler returns. */
typedef struct weir_http_exchange weir_http_exchange;

/* Answers GET and HEAD requests for one path, with status 200 unless it sets another. For HEAD the
 * content is discarded. May suspend, but a draining server waits for it. */
typedef void weir_http_handler(void *self, weir_http_exchange *exchange);

/* Serve HTTP/1.1, without TLS, on an address. Forms of address and errors are those of
 * weir_server_listen. While the server drains requests are answered until the last call has ended.
 * Limits: weir_server_options.max_http_connections and http_timeout. */
WEIR_API WEIR_CHECK weir_code weir_server_listen_http(weir_server *server, const char *address);

/* The nth HTTP/1.1 address as bound; NULL beyond the last. Lives as long as the server. */
WEIR_API const char *weir_server_http_address(const weir_server *server, size_t index);

/* Answer requests for a path, such as "/metrics", which must match exactly. Borrows path and self
 * until the server is freed. ALREADY_EXISTS: the path is taken. FAILED_PRECONDITION: the server
 * runs already. INVALID_ARGUMENT: the path does not begin with '/'. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_server_handle(
    weir_server *server, const char *path, weir_http_handler *handler, void *self);

/* ---- the request; strings live as long as the exchange ---- */

/* The query string after '?'; data is NULL if there is none. */
WEIR_API weir_str weir_http_query(const weir_http_exchange *exchange);

/* The first value of a header field, whose name is not case-sensitive; data is NULL if it is
 * absent. */
WEIR_API weir_str weir_http_header(const weir_http_exchange *exchange, const char *name);

/* ---- the response; if there is no memory for it the client gets a 503 ---- */

/* Set the status code, 200 to 599. */
WEIR_API void weir_http_status(weir_http_exchange *exchange, int status);

/* Set the Content-Type, at most 127 bytes; default "text/plain; charset=utf-8". Borrowed until the
 * handler returns. */
WEIR_API void weir_http_type(weir_http_exchange *exchange, const char *type);

/* Append to the content. */
WEIR_API void weir_http_write(weir_http_exchange *exchange, const void *bytes, size_t len);
WEIR_API void weir_http_printf(weir_http_exchange *exchange, const char *format, ...)
    WEIR_PRINTF(2, 3);

WEIR_END_C
