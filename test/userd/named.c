/* SPDX-License-Identifier: Apache-2.0 */
/* A client of a name in DNS that may bring a service config. For each line of standard input it
 * asks for the list of users once, and says what came of it as a line of JSON:
 *
 *   user-named TARGET [off]   off: the name is not asked for a config
 *   {"code": "OK", "why": "", "server": "ipv4:127.0.0.1:50051", "refused": ""} */
/* Threads: one, and those of the pool. */
#include "user.weir.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/config.h>
#include <weir/weir.h>

#define CALL_TIMEOUT (40 * WEIR_SECOND)

static char refused[256];

static void
note_refused(void *self, const char *why)
{
    (void)self;
    snprintf(refused, sizeof(refused), "%s", why);
}

static void
must(weir_code code, const char *what)
{
    if (code == WEIR_OK)
        return;
    fprintf(stderr, "named: %s: %s\n", what, weir_code_name(code));
    exit(1);
}

static void
report(weir_call *call, weir_code code)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "code", weir_code_name(code), "why",
        weir_call_message(call), "server", weir_call_peer(call), "refused", refused);

    json_dumpf(line, stdout, 0);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void
call_once(weir_channel *channel)
{
    User__ListUsersRequest request = USER__LIST_USERS_REQUEST__INIT;
    const User__ListUsersResponse *response;
    weir_call *call = weir_call_new(channel, NULL);

    weir_call_set_timeout(call, CALL_TIMEOUT);
    report(call, user_UserService_ListUsers(call, &request, &response));
    weir_call_free(call);
}

int
main(int argc, char **argv)
{
    struct weir_channel_options options = {.service_config_in_dns = argc == 2,
        .service_config_format = &weir_service_config_json,
        .service_config_refused = note_refused};
    weir_loop *loop;
    weir_channel *channel;
    char line[16];

    if (argc < 2)
        return 2;
    must(weir_pool_new(1, &options.pool), "pool");
    must(weir_loop_new(&loop), "loop");
    must(weir_channel_new(loop, argv[1], &options, &channel), argv[1]);
    while (fgets(line, sizeof(line), stdin) != NULL)
        call_once(channel);
    weir_channel_free(channel);
    weir_loop_free(loop);
    weir_pool_free(options.pool);
    return 0;
}
