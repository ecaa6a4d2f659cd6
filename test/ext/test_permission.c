/* SPDX-License-Identifier: Apache-2.0 */
/* Roles per method, inside of the interceptor that checks tokens. */
#include "kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <weir/permission.h>
#include <weir/signer.h>

#include <cmocka.h>

static struct running running;
static weir_loop *loop;
static weir_channel *channel;
static weir_auth *auth;
static weir_permission *permission;
static weir_signer *signer;

static weir_code
check_token(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_auth_intercept(auth, call, next);
}

static weir_code
check_role(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_permission_intercept(permission, call, next);
}

static int
open_all(void **state)
{
    static const char *const admin[] = {"admin"}, *const both[] = {"user", "admin"};
    static const struct weir_permission_rule rules[] = {
        {.method = "/rpctest.Test/Unary", .roles = admin, .role_count = 1},
        {.method = "/rpctest.Test/Talk", .roles = both, .role_count = 2},
        {.method = "/rpctest.Test/Unset", .roles = both, .role_count = 0},
        {.method = "/rpctest.Test/Expand", .roles = admin, .role_count = 1},
    };
    static const char *const skip[] = {"/rpctest.Test/Expand", NULL};
    char *pem;

    (void)state;
    assert_int_equal(weir_signer_generate("EdDSA", &signer), WEIR_OK);
    pem = weir_signer_public_pem(signer);
    assert_int_equal(
        weir_auth_new(&(struct weir_auth_options){.public_keys = pem, .skip = skip}, &auth, NULL),
        WEIR_OK);
    free(pem);
    assert_int_equal(weir_permission_new(rules, 4, &permission), WEIR_OK);
    running_start_with(
        &running, "127.0.0.1:0", NULL, (weir_interceptor *[]){check_token, check_role, NULL});
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    return 0;
}

static int
close_all(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
    weir_permission_free(permission);
    weir_auth_free(auth);
    weir_signer_free(signer);
    return 0;
}

/* A call of a bearer with this role, NULL: without any. */
static weir_call *
begin(const char *role)
{
    const char *const roles[] = {"other", role};
    const struct weir_token token = {.subject = "1",
        .roles = roles,
        .role_count = role == NULL ? 0 : 2,
        .expires = weir_unix_seconds() + 600};
    weir_call *call = weir_call_new(channel, NULL);
    char header[1024], *text;

    assert_int_equal(weir_jwt_sign(signer, &token, &text), WEIR_OK);
    snprintf(header, sizeof(header), "Bearer %s", text);
    free(text);
    assert_int_equal(weir_call_add_header(call, "authorization", weir_str_of(header)), WEIR_OK);
    return call;
}

static weir_code
call_unset(weir_call *call)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;

    return rpctest_Test_Unset(call, &request, &response);
}

static void
expect(weir_method_kind kind, const char *role, weir_code code, const char *text)
{
    weir_call *call = begin(role);

    assert_int_equal(kinds_try(call, kind), code);
    assert_string_equal(weir_call_message(call), text);
    weir_call_free(call);
}

static void
roles_decide(void **state)
{
    weir_call *call;

    (void)state;
    expect(WEIR_UNARY, "admin", WEIR_OK, "");
    expect(WEIR_UNARY, "user", WEIR_PERMISSION_DENIED, "insufficient permissions");
    expect(WEIR_UNARY, "Admin", WEIR_PERMISSION_DENIED, "insufficient permissions");
    expect(WEIR_UNARY, NULL, WEIR_PERMISSION_DENIED, "insufficient permissions");
    expect(WEIR_BIDI_STREAM, "user", WEIR_OK, "");
    expect(WEIR_BIDI_STREAM, "admin", WEIR_OK, "");
    expect(WEIR_BIDI_STREAM, "guest", WEIR_PERMISSION_DENIED, "insufficient permissions");
    expect(WEIR_CLIENT_STREAM, NULL, WEIR_OK, ""); /* has no rule */
    call = begin("admin");
    assert_int_equal(call_unset(call), WEIR_PERMISSION_DENIED);
    assert_string_equal(weir_call_message(call), "insufficient permissions");
    weir_call_free(call);
}

/* A method that auth lets everybody call, and that has a rule all the same. */
static void
without_claims_there_are_no_roles(void **state)
{
    (void)state;
    expect(WEIR_SERVER_STREAM, "admin", WEIR_PERMISSION_DENIED, "no user claims found");
}

static void
a_method_has_one_rule(void **state)
{
    static const struct weir_permission_rule rules[] = {{.method = "/a.B/C"}, {.method = "/a.B/C"}};
    static const char *const forms[] = {"", "/", "a.B/C", "/a.B", "/a.B/", "//C", "/a.B/C/D"};
    weir_permission *none;

    (void)state;
    assert_int_equal(weir_permission_new(rules, 2, &none), WEIR_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const struct weir_permission_rule rule = {.method = forms[i]};

        assert_int_equal(weir_permission_new(&rule, 1, &none), WEIR_INVALID_ARGUMENT);
    }
    assert_int_equal(weir_permission_new(NULL, 0, &none), WEIR_OK);
    weir_permission_free(none);
}

static void
peers_have_forms(void **state)
{
    static const char *const good[] = {"uri:spiffe://a/b", "dns:a.example", "cn:Ada", "uid:0"};
    static const char *const bad[] = {
        "", "uri:", "dns:", "cn:", "uid:", "uid:root", "ada", "URI:x"};
    weir_permission *none;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(weir_permission_is_peer(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct weir_permission_rule rule = {
            .method = "/a.B/C", .peers = &bad[i], .peer_count = 1};

        assert_false(weir_permission_is_peer(bad[i]));
        assert_int_equal(weir_permission_new(&rule, 1, &none), WEIR_INVALID_ARGUMENT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_decide),
        cmocka_unit_test(without_claims_there_are_no_roles),
        cmocka_unit_test(a_method_has_one_rule),
        cmocka_unit_test(peers_have_forms),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
