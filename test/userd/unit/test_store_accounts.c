/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation on accounts (account_store.h), the same for each kind of store; see
 * store_fixture.h. */
#include "store_fixture.h"
#include "userd/account_store.h"
#include <stdio.h>
#include <stdlib.h>

struct seen_account {
    int32_t id;
    int64_t epoch;
    char name[64], hash[64], roles[64];
    bool has_hash;
};

static weir_code
see(void *arg, const struct account *account)
{
    struct seen_account *seen = arg;

    seen->id = account->user.id;
    seen->epoch = account->epoch;
    seen->has_hash = account->password_hash != NULL;
    snprintf(seen->name, sizeof(seen->name), "%s", account->user.name);
    snprintf(seen->hash, sizeof(seen->hash), "%s", seen->has_hash ? account->password_hash : "");
    snprintf(seen->roles, sizeof(seen->roles), "%s", account->roles);
    return WEIR_OK;
}

static weir_code
lookup(struct store *store, const char *email, int32_t id, struct seen_account *seen)
{
    struct store_cause cause;

    return store->accounts->find(store, NULL, email, id, see, seen, &cause);
}

static weir_code
make(struct store *store, const char *email, int32_t *out_id)
{
    const struct account account = {
        .user = {.name = "N", .email = email, .phone = "", .created_at = 1},
        .password_hash = "hash",
        .roles = "admin,user"};
    struct store_cause cause;

    return store->accounts->create(store, NULL, &account, out_id, &cause);
}

static weir_code
change(struct store *store, int32_t id, int64_t epoch)
{
    struct store_cause cause;

    return store->accounts->set_password(store, NULL, id, epoch, "new", &cause);
}

struct revoked {
    struct account_revocation list[8];
    size_t count;
};

static weir_code
note(void *arg, const struct account_revocation *revocation)
{
    struct revoked *revoked = arg;

    assert_true(revoked->count < COUNT(revoked->list));
    revoked->list[revoked->count++] = *revocation;
    return WEIR_OK;
}

/* How many were revoked since then. The clocks of the database and of this test may differ. */
static size_t
count_revoked(struct store *store, int64_t moment, int64_t age, struct revoked *out)
{
    const struct account_since since = {moment, age};
    struct store_cause cause;
    int64_t now = 0;

    out->count = 0;
    assert_int_equal(
        store->accounts->list_revoked(store, &since, note, out, &now, &cause), WEIR_OK);
    assert_true(now > weir_unix_seconds() - 600 && now < weir_unix_seconds() + 600);
    return out->count;
}

static void
accounts_are_users(void **state)
{
    struct fixture fixture;
    struct seen_account seen = {0};
    struct seen user;
    int32_t id = 0, plain = 0;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(make(fixture.store, "Ada@X", &id), WEIR_OK);
    assert_int_equal(make(fixture.store, "aDA@x", &id), WEIR_ALREADY_EXISTS);
    assert_int_equal(create(fixture.store, "Plain", "plain@x", &plain), WEIR_OK);
    assert_int_equal(find(fixture.store, id, &user), WEIR_OK);
    assert_string_equal(user.email, "Ada@X");
    assert_int_equal(total(fixture.store), 2);
    assert_int_equal(lookup(fixture.store, "ada@x", 0, &seen), WEIR_OK);
    assert_int_equal(seen.id, id);
    assert_string_equal(seen.hash, "hash");
    assert_string_equal(seen.roles, "admin,user");
    assert_int_equal(seen.epoch, 0);
    assert_int_equal(lookup(fixture.store, NULL, plain, &seen), WEIR_OK);
    assert_string_equal(seen.name, "Plain");
    assert_false(seen.has_hash);
    assert_string_equal(seen.roles, "");
    assert_int_equal(lookup(fixture.store, "nobody@x", 0, &seen), WEIR_NOT_FOUND);
    assert_int_equal(lookup(fixture.store, NULL, 99, &seen), WEIR_NOT_FOUND);
    fixture_close(&fixture);
}

static void
changes_and_deletions_are_noted(void **state)
{
    struct fixture fixture;
    struct seen_account seen = {0};
    struct revoked revoked = {0};
    struct store_cause cause;
    int32_t first, second, plain;
    int64_t now;

    assert_true(fixture_open(&fixture, state));
    assert_int_equal(make(fixture.store, "1@x", &first), WEIR_OK);
    assert_int_equal(make(fixture.store, "2@x", &second), WEIR_OK);
    assert_int_equal(create(fixture.store, "Plain", "plain@x", &plain), WEIR_OK);
    assert_int_equal(change(fixture.store, second, 0), WEIR_OK);
    assert_int_equal(change(fixture.store, second, 0), WEIR_NOT_FOUND); /* of two, one is first */
    assert_int_equal(change(fixture.store, second, 1), WEIR_OK);
    assert_int_equal(change(fixture.store, 99, 0), WEIR_NOT_FOUND);
    assert_int_equal(lookup(fixture.store, NULL, second, &seen), WEIR_OK);
    assert_int_equal(seen.epoch, 2);
    assert_string_equal(seen.hash, "new");
    assert_int_equal(fixture.store->ops->remove(fixture.store, NULL, first, &cause), WEIR_OK);
    assert_int_equal(fixture.store->ops->remove(fixture.store, NULL, plain, &cause), WEIR_OK);
    assert_int_equal(count_revoked(fixture.store, INT64_MIN, 0, &revoked), 2);
    assert_int_equal(revoked.list[0].id, first);
    assert_true(revoked.list[0].epoch == INT64_MAX);
    assert_int_equal(revoked.list[1].id, second);
    assert_int_equal(revoked.list[1].epoch, 2);
    /* by the earlier of both */
    now = weir_unix_seconds();
    assert_int_equal(count_revoked(fixture.store, now + 1200, -1200, &revoked), 0);
    assert_int_equal(count_revoked(fixture.store, now + 1200, 1200, &revoked), 2);
    assert_int_equal(count_revoked(fixture.store, now - 1200, -1200, &revoked), 2);
    fixture_close(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_folder(accounts_are_users),
        test_in_folder(changes_and_deletions_are_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
