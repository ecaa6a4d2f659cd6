/* SPDX-License-Identifier: Apache-2.0 */
/* A .proto file prepared for generation: all names chosen, all types resolved. */
/* Threads: one owner at a time; a model lives in its pool. */
#pragma once

#include "request.h"

struct model_message {
    const char *type;  /* "User__GetUserRequest" */
    const char *lower; /* "user__get_user_request" */
    const char *upper; /* "USER__GET_USER_REQUEST" */
};

struct model_method {
    const char *full_name; /* "user.UserService.GetUser" */
    const char *path;      /* "/user.UserService/GetUser" */
    const char *member;    /* in the vtable: "GetUser" */
    const char *function;  /* "user_UserService_GetUser" */
    const char *comment;   /* NULL: none */
    const char *index;     /* within the service, "0" for the first */
    bool client_streams, server_streams;
    bool safe; /* option idempotency_level = NO_SIDE_EFFECTS */
    struct model_message input, output;
};

struct model_service {
    const char *full_name; /* "user.UserService" */
    const char *prefix;    /* "user_UserService" */
    const char *comment;   /* NULL: none */
    struct model_method *methods;
    size_t method_count;
};

struct model_file {
    const char *name;   /* "user.proto" */
    const char *stem;   /* "user" */
    const char *symbol; /* "user_proto_file" */
    bool has_messages;  /* has a .pb-c.h */
    const uint8_t *descriptor;
    size_t descriptor_len;
    struct model_import {
        const char *stem, *symbol;
    } * imports;
    size_t import_count;
    struct model_service *services;
    size_t service_count;
};

/* False: *out_error has the reason why no code can be generated for the file, as one line. */
bool model_init(struct model_file *model, const struct request *request, struct pool *pool,
    const struct request_file *file, const char **out_error);
