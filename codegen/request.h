/* SPDX-License-Identifier: Apache-2.0 */
/* What protoc asks for: its request, unpacked, with an index of all files and messages in it. */
/* Threads: one thread uses a request. */
#pragma once

#include "memory.h"
#include <google/protobuf/compiler/plugin.pb-c.h>

typedef Google__Protobuf__FileDescriptorProto proto_file;
typedef Google__Protobuf__DescriptorProto proto_message;
typedef Google__Protobuf__ServiceDescriptorProto proto_service;
typedef Google__Protobuf__MethodDescriptorProto proto_method;

struct request_file {
    const proto_file *proto;
    const char *package;   /* "" when there is none */
    const char *c_package; /* protobuf-c's option; NULL when it is not set */
    bool no_generate;      /* protobuf-c's option: there is no .pb-c.h */
    const char *symbol;    /* of its struct weir_file */
};

struct request_message {
    const char *name; /* "user.GetUserRequest" */
    const struct request_file *file;
};

struct request {
    Google__Protobuf__Compiler__CodeGeneratorRequest *raw;
    struct request_file *files;
    size_t file_count;
    struct request_message *messages; /* sorted by name */
    size_t message_count;
};

/* NULL: the bytes are no CodeGeneratorRequest. Freed by protobuf-c's free_unpacked. */
Google__Protobuf__Compiler__CodeGeneratorRequest *request_unpack(const uint8_t *data, size_t len);

/* False: the bytes are no CodeGeneratorRequest. Needs request_fini only after true. */
bool request_init(struct request *request, struct pool *pool, const uint8_t *data, size_t len);
void request_fini(struct request *request);

/* What is wrong with the request as a whole, in one line; NULL: nothing. */
const char *request_check(const struct request *request, struct pool *pool);

/* What protobuf-c calls the member that every message begins with: "base", unless an option says
 * otherwise. */
const char *request_base_member(const proto_message *message, struct pool *pool);

/* NULL: the request has no such file, or message. name is without a dot in front. */
const struct request_file *request_file(const struct request *request, const char *name);
const struct request_message *request_message(const struct request *request, const char *name);

/* A full name with the file's package replaced by its c_package, where that is set. */
const char *request_c_name(
    const struct request_file *file, struct pool *pool, const char *full_name);
