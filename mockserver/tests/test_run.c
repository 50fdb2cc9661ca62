/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "made.h"
#include "run.h"

static const int ports[] = {4001, 4002, 4003};

struct fixture {
    struct scenario *scenario;
    struct run_registry *registry;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->scenario = made_scenario("params: {n: {default: 5, min: 1, max: 9}}\n"
                                      "script:\n  - respond: {status: 102}\n    times: n\n");
    fixture->registry = run_registry_new(4, ports, 3, 4000, 4443);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    run_registry_free(fixture->registry);
    scenario_free(fixture->scenario);
    free(fixture);
    return 0;
}

static struct run *make(struct fixture *fixture, const char *token, bool lease,
                        enum run_error *error)
{
    struct run_spec spec = {.scenario = fixture->scenario,
                            .transport = TRANSPORT_H1,
                            .token = bytes_of_str(token),
                            .leases_port = lease};
    return run_make(fixture->registry, &spec, error);
}

static struct run *find(struct fixture *fixture, const char *token)
{
    return run_find(fixture->registry, bytes_of_str(token), bytes_of(NULL, 0));
}

static void test_make_find_and_end(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    struct run *run = make(fixture, "a", false, &error);
    assert_int_equal(error, RUN_OK);
    assert_ptr_equal(find(fixture, "a"), run);
    assert_null(find(fixture, "b"));
    assert_int_equal(run->port, 4000);
    assert_int_equal(run->params[0], 5);
    assert_int_equal(run_count(fixture->registry), 1);
    assert_null(make(fixture, "a", false, &error));
    assert_int_equal(error, RUN_EXISTS);
    run_end(fixture->registry, run);
    assert_null(find(fixture, "a"));
    assert_null(make(fixture, "a", false, &error));
    assert_int_equal(error, RUN_GONE);
    assert_null(run_any(fixture->registry));
}

static void test_tombstones(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    uint64_t late;
    struct bytes token = bytes_of_str("a");
    struct run *run = make(fixture, "a", false, &error);
    assert_false(run_has_ended(fixture->registry, token, &late));
    assert_false(run_late_request(fixture->registry, token));
    run_end(fixture->registry, run);
    assert_true(run_late_request(fixture->registry, token));
    assert_true(run_late_request(fixture->registry, token));
    assert_true(run_has_ended(fixture->registry, token, &late));
    assert_int_equal(late, 2);
    assert_int_equal(run_late_requests(fixture->registry), 2);
}

static void test_old_tombstones_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    char token[24];
    uint64_t late;
    for (int i = 0; i <= RUN_TOMBSTONES; i++) {
        snprintf(token, sizeof token, "t%d", i);
        run_end(fixture->registry, make(fixture, token, false, &error));
    }
    assert_false(run_has_ended(fixture->registry, bytes_of_str("t0"), &late));
    assert_true(run_has_ended(fixture->registry, bytes_of_str("t1"), &late));
    assert_true(run_has_ended(fixture->registry, bytes_of_str(token), &late));
}

static void test_leases(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    struct run *runs[3];
    for (int i = 0; i < 3; i++) {
        char token[2] = {(char)('a' + i), '\0'};
        runs[i] = make(fixture, token, true, &error);
        assert_int_equal(runs[i]->port, ports[i]);
        assert_ptr_equal(run_at_lease(fixture->registry, runs[i]->lease), runs[i]);
    }
    assert_null(make(fixture, "d", true, &error));
    assert_int_equal(error, RUN_NO_PORT);
    run_end(fixture->registry, runs[1]);
    assert_null(run_at_lease(fixture->registry, 1));
    run_end(fixture->registry, runs[0]);
    /* The one that has been free for longest. */
    assert_int_equal(make(fixture, "e", true, &error)->port, 4002);
    assert_int_equal(make(fixture, "f", true, &error)->port, 4001);
}

static void test_limits_and_tokens(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    char token[2] = "a";
    for (; token[0] < 'e'; token[0]++)
        assert_non_null(make(fixture, token, false, &error));
    assert_null(make(fixture, "e", false, &error));
    assert_int_equal(error, RUN_TOO_MANY);
    char long_token[RUN_TOKEN_MAX + 2];
    memset(long_token, 'x', sizeof long_token);
    long_token[RUN_TOKEN_MAX + 1] = '\0';
    const char *bad[] = {"a/b", "a b", "\xc3\xa9", "?", long_token};
    for (size_t i = 0; i < 5; i++) {
        assert_null(make(fixture, bad[i], false, &error));
        assert_int_equal(error, RUN_BAD_TOKEN);
    }
}

static void test_tokens_are_made_up(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    struct run *one = make(fixture, "", false, &error);
    struct run *other = make(fixture, "", false, &error);
    assert_string_not_equal(one->token, other->token);
    assert_int_equal(strlen(one->token), 11);
}

static void test_runs_by_hand(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    uint64_t late;
    struct run_spec spec = {.scenario = fixture->scenario,
                            .transport = TRANSPORT_H1,
                            .token = bytes_of_str("me"),
                            .by_hand = true};
    struct run *run = run_make(fixture->registry, &spec, &error);
    struct bytes me = bytes_of_str("me");
    assert_ptr_equal(run_find(fixture->registry, me, bytes_of_str("made")), run);
    assert_null(run_find(fixture->registry, me, bytes_of_str("other")));
    run_end(fixture->registry, run);
    /* The same name may be used again. */
    assert_false(run_has_ended(fixture->registry, me, &late));
    run = run_make(fixture->registry, &spec, &error);
    assert_non_null(run);
    struct run *second = NULL;
    for (int i = 1; i < RUN_BY_HAND_MAX; i++) {
        char token[24];
        snprintf(token, sizeof token, "h%d", i);
        spec.token = bytes_of_str(token);
        assert_ptr_equal(run_oldest_by_hand(fixture->registry),
                         i < RUN_BY_HAND_ENOUGH ? NULL : run);
        struct run *made = run_make(fixture->registry, &spec, &error);
        second = second ? second : made;
    }
    assert_ptr_equal(run_oldest_by_hand(fixture->registry), run);
    run_used(fixture->registry, run, 1);
    assert_ptr_equal(run_oldest_by_hand(fixture->registry), second);
    second->ending = true;
    assert_ptr_equal(run_oldest_by_hand(fixture->registry), second->newer);
    spec.token = bytes_of_str("one-more");
    assert_null(run_make(fixture->registry, &spec, &error));
    assert_int_equal(error, RUN_TOO_MANY);
}

static void test_a_reference_outlives_the_end(void **state)
{
    struct fixture *fixture = *state;
    enum run_error error;
    struct run *run = run_ref(make(fixture, "a", true, &error));
    run_end(fixture->registry, run);
    assert_true(run->ended);
    assert_string_equal(run->token, "a");
    run_unref(run);
}

static void test_params(void **state)
{
    struct fixture *fixture = *state;
    int64_t defaults[1] = {5}, params[1];
    char *message = NULL;
    struct {
        const char *query;
        int64_t n; /* 0: refused */
    } cases[] = {
        {"n=7", 7},     {"", 5},
        {"x=1&n=2", 2}, {"n=2&n=3", 3},
        {"utm=n", 5},   {"n=0", 0},
        {"n=10", 0},    {"n=", 0},
        {"n=1x", 0},    {"n=-1", 0},
        {"n", 5},       {"&&", 5},
        {"=&=n", 5},    {"n=99999999999999999999", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool ok = run_params_from_query(fixture->scenario, bytes_of_str(cases[i].query), defaults,
                                        params, &message);
        assert_int_equal(ok, cases[i].n != 0);
        if (ok) {
            assert_int_equal(params[0], cases[i].n);
        } else {
            assert_non_null(strstr(message, "from 1 to 9"));
            free(message);
        }
    }
    assert_false(
        run_param_set(fixture->scenario, bytes_of_str("m"), bytes_of_str("1"), params, &message));
    assert_non_null(strstr(message, "no parameter m"));
    free(message);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_make_find_and_end),
        WITH_FIXTURE(test_tombstones),
        WITH_FIXTURE(test_old_tombstones_are_forgotten),
        WITH_FIXTURE(test_leases),
        WITH_FIXTURE(test_limits_and_tokens),
        WITH_FIXTURE(test_tokens_are_made_up),
        WITH_FIXTURE(test_runs_by_hand),
        WITH_FIXTURE(test_a_reference_outlives_the_end),
        WITH_FIXTURE(test_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
