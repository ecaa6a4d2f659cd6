/* SPDX-License-Identifier: Apache-2.0 */
/* A client of one long CreateUsersStream:
 *   bench-create ADDR COUNT
 *
 * Every user must be created. Prints "created N seconds S" at the end. */
/* Threads: one. */
#include "user.weir.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/channel.h>

#define COUNT_MOST 100000000

static weir_code
send_users(struct user_UserService_CreateUsersStream_client stream, int32_t count)
{
    User__CreateUserRequest request = USER__CREATE_USER_REQUEST__INIT;
    char email[64];

    request.name = (char *)"Streamed";
    request.email = email;
    for (int32_t i = 0; i < count; i++) {
        snprintf(email, sizeof(email), "one-stream%" PRId32 "@example.org", i);
        WEIR_TRY(user_UserService_CreateUsersStream_client_send(stream, &request));
    }
    return WEIR_OK;
}

static weir_code
create(weir_call *call, int32_t count)
{
    struct user_UserService_CreateUsersStream_client stream;
    const User__CreateUsersResponse *response;

    WEIR_TRY(user_UserService_CreateUsersStream(call, &stream));
    (void)!send_users(stream, count); /* errors are in the status */
    WEIR_TRY(user_UserService_CreateUsersStream_client_finish(stream, &response));
    return response->count == count && response->n_errors == 0 ? WEIR_OK : WEIR_DATA_LOSS;
}

static weir_code
run(weir_channel *channel, int32_t count)
{
    weir_call *call = weir_call_new(channel, NULL);
    int64_t began = weir_now();
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = create(call, count);
    if (code == WEIR_OK)
        printf("created %" PRId32 " seconds %.6f\n", count,
            (double)(weir_now() - began) / (double)WEIR_SECOND);
    else
        fprintf(stderr, "bench-create: %s: %s\n", weir_code_name(code), weir_call_message(call));
    weir_call_free(call);
    return code;
}

static weir_code
connect_and_run(const char *address, int32_t count)
{
    weir_loop *loop;
    weir_channel *channel;
    weir_code code = weir_loop_new(&loop);

    WEIR_TRY(code);
    code = weir_channel_new(loop, address, NULL, &channel);
    if (code == WEIR_OK) {
        code = run(channel, count);
        weir_channel_free(channel);
    }
    weir_loop_free(loop);
    return code;
}

int
main(int argc, char **argv)
{
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

    if (count < 1 || count > COUNT_MOST) {
        fprintf(stderr, "usage: bench-create ADDR COUNT\n");
        return 2;
    }
    return connect_and_run(argv[1], (int32_t)count) == WEIR_OK ? 0 : 1;
}
