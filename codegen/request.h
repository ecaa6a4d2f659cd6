/* SPDX-License-Identifier: Apache-2.0 */
/* The request from protoc, unpacked, with an index of its files and messages. */
/* Threads: one owner at a time. */
#pragma once

#include "memory.h"
#include <google/protobuf/compiler/plugin.pb-c.h>

typedef Google__Protobuf__FileDescriptorProto proto_file;
typedef Google__Protobuf__DescriptorProto proto_message;
typedef Google__Protobuf__ServiceDescriptorProto proto_service;
typedef Google__Protobuf__MethodDescriptorProto proto_method;

struct request_file {
    const proto_file *proto;
    const char *package;   /* "" if none */
    const char *c_package; /* protobuf-c's option; NULL if not set */
    bool no_generate;      /* protobuf-c's option: no .pb-c.h */
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

/* NULL: the bytes are not a CodeGeneratorRequest. Freed with protobuf-c's free_unpacked. */
Google__Protobuf__Compiler__CodeGeneratorRequest *request_unpack(const uint8_t *data, size_t len);

/* False: the bytes are not a CodeGeneratorRequest. Call request_fini only after true. */
bool request_init(struct request *request, struct pool *pool, const uint8_t *data, size_t len);
void request_fini(struct request *request);

/* Validate the request as a whole. Returns NULL, or one line about the error. */
const char *request_check(const struct request *request, struct pool *pool);

/* protobuf-c's name for the first member of every message: "base", unless an option changes it. */
const char *request_base_member(const proto_message *message, struct pool *pool);

/* NULL: not in the request. name has no leading dot. */
const struct request_file *request_file(const struct request *request, const char *name);
const struct request_message *request_message(const struct request *request, const char *name);

/* A full name with the file's package replaced by its c_package, if set. */
const char *request_c_name(
    const struct request_file *file, struct pool *pool, const char *full_name);
