/* SPDX-License-Identifier: Apache-2.0 */
/* What a content-type says of the messages that follow. */
/* Threads: pure function. */
#pragma once

#include <weir/base.h>

/* Best first. */
enum wire_content {
    WIRE_CONTENT_PROTO,  /* application/grpc, alone or with +proto */
    WIRE_CONTENT_OTHER,  /* gRPC with a codec that is not ours */
    WIRE_CONTENT_FOREIGN /* not gRPC */
};

/* PROTOCOL-HTTP2, Content-Type: application/grpc, then nothing, "+codec", or ";" and parameters. */
enum wire_content wire_content_read(weir_str content_type);
