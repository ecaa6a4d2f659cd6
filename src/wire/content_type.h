/* SPDX-License-Identifier: Apache-2.0 */
/* The classification of content-types. */
/* Threads: pure function. */
#pragma once

#include <weir/base.h>

/* Best first. */
enum wire_content {
    WIRE_CONTENT_PROTO,  /* application/grpc, alone or with +proto */
    WIRE_CONTENT_OTHER,  /* gRPC with another codec */
    WIRE_CONTENT_FOREIGN /* not gRPC */
};

/* PROTOCOL-HTTP2, Content-Type: application/grpc, then nothing, "+codec", or ";" and parameters. */
enum wire_content wire_content_read(weir_str content_type);
