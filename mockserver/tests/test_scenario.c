/* SPDX-License-Identifier: MIT */
/* Runs in mockserver/: the shared set of files is looked for beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>

#include <cmocka.h>

#include "../scenario.h"
#include "../xmalloc.h"

#define SHARED_SET "../harness/tests/format"

static struct scenario *load_good(const char *name)
{
    char path[512], *error = NULL;
    snprintf(path, sizeof path, SHARED_SET "/good/%s.yaml", name);
    struct scenario *scenario = scenario_load(path, "family", &error);
    if (scenario == NULL)
        fail_msg("%s", error);
    return scenario;
}

static bool is_yaml(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

/* Calls `check` for every file of one folder of the shared set. */
static void for_each(const char *folder, size_t at_least, void (*check)(const char *path))
{
    char path[1024];
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!is_yaml(entry))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check(path);
        count++;
    }
    closedir(dir);
    assert_true(count >= at_least);
}

static void check_good(const char *path)
{
    char *error = NULL;
    struct scenario *scenario = scenario_load(path, "", &error);
    if (scenario == NULL)
        fail_msg("%s", error);
    assert_null(error);
    scenario_free(scenario);
}

/* The first line says `# expect LINE:COLUMN words`. */
static void check_bad(const char *path)
{
    char first[512], wanted[1024], *error = NULL;
    int line, column, words_at = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(first, sizeof first, file));
    fclose(file);
    first[strcspn(first, "\n")] = '\0';
    if (sscanf(first, "# expect %d:%d %n", &line, &column, &words_at) != 2 || words_at == 0)
        fail_msg("%s does not begin with \"# expect LINE:COLUMN words\"", path);
    snprintf(wanted, sizeof wanted, "%s:%d:%d: ", path, line, column);
    struct scenario *scenario = scenario_load(path, "", &error);
    if (scenario != NULL)
        fail_msg("%s was accepted", path);
    if (strncmp(error, wanted, strlen(wanted)) != 0 || strstr(error, first + words_at) == NULL)
        fail_msg("expected %s%s\n     got %s", wanted, first + words_at, error);
    free(error);
}

static void test_shared_good(void **state)
{
    (void)state;
    for_each(SHARED_SET "/good", 10, check_good);
}

static void test_shared_bad(void **state)
{
    (void)state;
    for_each(SHARED_SET "/bad", 150, check_bad);
}

static void test_harness_half_is_not_read(void **state)
{
    (void)state;
    for_each(SHARED_SET "/bad-harness", 40, check_good);
}

static void test_smallest(void **state)
{
    (void)state;
    struct scenario *scenario = load_good("smallest");
    assert_string_equal(scenario->id, "smallest");
    assert_string_equal(scenario->title, "Part of the shared set");
    assert_string_equal(scenario->family, "family");
    assert_int_equal(scenario->transports,
                     TRANSPORT_H1 | TRANSPORT_H1S | TRANSPORT_H2C | TRANSPORT_H2);
    assert_int_equal(scenario->param_count, 0);
    assert_int_equal(scenario->resource_count, 1);
    assert_false(scenario->has_on_connect);
    const struct resource *start = scenario_resource(scenario, bytes_of_str("start"));
    assert_ptr_equal(start, &scenario->resources[0]);
    assert_null(scenario_resource(scenario, bytes_of_str("star")));
    assert_int_equal(start->visit_count, 1);
    assert_int_equal(start->visits[0].count, 1);
    const struct step *step = &start->visits[0].steps[0];
    assert_int_equal(step->kind, STEP_RESPOND);
    assert_int_equal(step->line, 4);
    assert_int_equal(step->times.literal, 1);
    assert_int_equal(step->times.param, -1);
    assert_false(step->forever);
    assert_int_equal(step->every.ns, 0);
    assert_int_equal(step->every.param, -1);
    const struct respond_step *respond = &step->u.respond;
    assert_int_equal(respond->status.literal, 200);
    assert_int_equal(respond->status.param, -1);
    assert_false(respond->has_reason);
    assert_true(bytes_equal_str(respond->version, "1.1"));
    assert_int_equal(respond->framing, FRAMING_DEFAULT);
    assert_false(respond->has_length);
    assert_int_equal(respond->body, BODY_OWN);
    scenario_free(scenario);
}

static void check_big_respond(const struct respond_step *respond)
{
    assert_true(respond->has_reason);
    assert_true(bytes_equal_str(respond->reason, "Fine"));
    assert_int_equal(respond->fields.count, 4);
    const struct field *fields = respond->fields.items;
    assert_true(bytes_equal_str(fields[0].name, "A"));
    assert_true(bytes_equal_str(fields[0].value, "b"));
    assert_int_equal(fields[0].pad.param, -1);
    assert_int_equal(fields[0].pad.literal, 0);
    assert_true(bytes_equal_str(fields[1].name, "Empty"));
    assert_int_equal(fields[1].value.len, 0);
    assert_true(bytes_equal_str(fields[2].value, "y"));
    assert_int_equal(fields[2].pad.literal, 1024);
    assert_int_equal(fields[3].value.len, 0);
    assert_string_equal(respond->location, "moved");
    assert_true(bytes_equal_str(respond->set_cookie, "a=b"));
    assert_int_equal(respond->framing, FRAMING_CHUNKED);
    assert_int_equal(respond->body, BODY_LATER);
}

static void test_every_step(void **state)
{
    (void)state;
    struct scenario *scenario = load_good("every-step");
    assert_int_equal(scenario->transports, TRANSPORT_H1 | TRANSPORT_H1S);
    assert_int_equal(scenario_param(scenario, bytes_of_str("pause")), 1);
    assert_int_equal(scenario_param(scenario, bytes_of_str("paus")), -1);
    assert_int_equal(scenario->params[0].default_value, 5);
    assert_int_equal(scenario->params[0].max, 20000);
    const struct step *steps = scenario->resources[0].visits[0].steps;
    assert_int_equal(scenario->resources[0].visits[0].count, 18);
    assert_int_equal(steps[0].u.wait.what, WAIT_HEAD);
    assert_int_equal(steps[0].u.wait.limit_ns, INT64_C(5000000000));
    assert_int_equal(steps[1].times.param, 0);
    assert_int_equal(steps[1].every.ns, 100000000);
    assert_int_equal(steps[1].u.respond.body, BODY_NONE);
    assert_int_equal(steps[2].u.wait.what, WAIT_BODY_OCTETS);
    assert_int_equal(steps[2].u.wait.octets.literal, 4);
    assert_int_equal(steps[3].u.wait.what, WAIT_REQUEST);
    assert_int_equal(steps[3].u.wait.limit_ns, INT64_C(30000000000));
    assert_int_equal(steps[4].u.send.bytes.len, 27);
    assert_int_equal(steps[4].u.send.as, OCTETS_HEAD);
    assert_int_equal(steps[4].split.count, 1);
    assert_int_equal(steps[4].split.at[0].param, 2);
    assert_true(bytes_equal(steps[5].u.send.bytes, steps[4].u.send.bytes));
    assert_int_equal(steps[5].u.send.as, OCTETS_AUTO);
    assert_true(steps[5].split.each_byte);
    assert_int_equal(steps[6].u.sleep.param, 1);
    assert_int_equal(steps[7].u.sleep.ns, 1500000);
    assert_false(steps[8].u.reading);
    assert_true(steps[9].u.reading);
    check_big_respond(&steps[10].u.respond);
    assert_int_equal(steps[11].kind, STEP_BODY);
    assert_memory_equal(steps[11].u.body.data, "\x00\xff", 2);
    assert_int_equal(steps[11].split.at[0].literal, 1);
    assert_int_equal(steps[13].u.trailers.count, 1);
    assert_int_equal(steps[14].kind, STEP_RELEASE);
    assert_int_equal(steps[15].u.wait.what, WAIT_NEXT_REQUEST);
    assert_int_equal(steps[16].u.wait.what, WAIT_CLIENT_FIN);
    assert_int_equal(steps[17].u.close, CLOSE_ABRUPT);
    const struct resource *moved = scenario_resource(scenario, bytes_of_str("moved"));
    assert_int_equal(moved->visit_count, 2);
    assert_int_equal(moved->visits[0].steps[0].u.respond.body, BODY_SIZED);
    assert_int_equal(moved->visits[0].steps[0].u.respond.body_size.literal, 1024 * 1024);
    assert_int_equal(moved->visits[0].steps[0].u.respond.fill, FILL_OCTETS);
    assert_int_equal(moved->visits[1].steps[0].kind, STEP_STALL);
    scenario_free(scenario);
}

static void test_visits_in_any_order(void **state)
{
    (void)state;
    struct scenario *scenario = load_good("visits");
    assert_int_equal(scenario->resource_count, 2);
    assert_string_equal(scenario->resources[0].name, "start");
    assert_int_equal(scenario->resources[0].visit_count, 2);
    assert_string_equal(scenario->resources[1].name, "other");
    assert_int_equal(scenario->resources[1].visit_count, 1);
    scenario_free(scenario);
}

static void test_respond_forms(void **state)
{
    (void)state;
    struct scenario *scenario = load_good("respond-forms");
    const struct step *steps = scenario->resources[0].visits[0].steps;
    assert_int_equal(steps[0].u.respond.framing, FRAMING_LENGTH);
    assert_int_equal(steps[0].u.respond.length.literal, 24);
    assert_int_equal(steps[0].u.respond.body, BODY_NONE);
    assert_int_equal(steps[1].u.respond.body, BODY_BYTES);
    assert_int_equal(steps[1].u.respond.framing, FRAMING_DEFAULT);
    assert_true(steps[3].u.respond.has_reason);
    assert_int_equal(steps[3].u.respond.reason.len, 0);
    assert_true(bytes_equal_str(steps[4].u.respond.reason, "PROCESSING"));
    assert_int_equal(steps[5].u.respond.body, BODY_NONE);
    assert_int_equal(steps[11].u.respond.trailers.count, 1);
    assert_string_equal(steps[12].u.respond.location, "probe");
    assert_int_equal(steps[13].u.respond.framing, FRAMING_NONE);
    scenario_free(scenario);
}

static void test_on_connect(void **state)
{
    (void)state;
    struct scenario *scenario = load_good("on-connect");
    assert_true(scenario->has_on_connect);
    assert_int_equal(scenario->on_connect.count, 5);
    assert_int_equal(scenario->on_connect.steps[4].kind, STEP_RESET);
    scenario_free(scenario);
    scenario = load_good("forever");
    assert_true(scenario->resources[0].visits[0].steps[0].forever);
    scenario_free(scenario);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    char *error = NULL;
    assert_null(scenario_load(SHARED_SET "/none.yaml", "", &error));
    assert_string_equal(error, SHARED_SET
                        "/none.yaml:1:1: cannot read the file: No such file or directory");
    free(error);
    assert_null(scenario_load(SHARED_SET, "", &error));
    assert_string_equal(error, SHARED_SET ":1:1: cannot read the file: not a regular file");
    free(error);
    assert_null(scenario_load("/dev/zero", "", &error));
    assert_non_null(strstr(error, "not a regular file"));
    free(error);
}

/* Whatever part of a file is there, it is read or refused, and all memory comes back. */
static void test_every_prefix(void **state)
{
    (void)state;
    static char text[8192];
    FILE *file = fopen(SHARED_SET "/good/every-step.yaml", "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    size_t accepted = 0;
    for (size_t i = 0; i <= len; i++) {
        char *error = NULL;
        struct scenario *scenario =
            scenario_parse("every-step.yaml", "", bytes_of(text, i), &error);
        assert_true((scenario == NULL) == (error != NULL));
        accepted += scenario != NULL;
        scenario_free(scenario);
        free(error);
    }
    assert_true(accepted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_good),
        cmocka_unit_test(test_shared_bad),
        cmocka_unit_test(test_harness_half_is_not_read),
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_visits_in_any_order),
        cmocka_unit_test(test_respond_forms),
        cmocka_unit_test(test_on_connect),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
