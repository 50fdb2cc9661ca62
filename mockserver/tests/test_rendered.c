/* SPDX-License-Identifier: MIT */
/* Whatever is asked in whatever order, the cache appends what rendering does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "made.h"
#include "rendered.h"

static void compare(struct rendered_cache *cache, const struct place *place, uint64_t owner)
{
    for (size_t step = 0; step < place->script->count; step++) {
        struct buf cached = {0}, rendered = {0};
        buf_append_str(&cached, "before");
        buf_append_str(&rendered, "before");
        rendered_append(cache, &protocol_h1, place, owner, step, &cached);
        protocol_h1.render(place, step, &rendered);
        assert_true(bytes_equal(buf_bytes(&cached), buf_bytes(&rendered)));
        buf_fini(&cached);
        buf_fini(&rendered);
    }
}

static void test_same_octets(void **state)
{
    (void)state;
    struct scenario *scenario = made_scenario(
        "params: {n: {default: 5, min: 1, max: 9000}}\n"
        "script:\n  - respond: {status: 102}\n  - respond: {status: 102, fields: [{name: X, value: "
        "\"\", pad: n}]}\n  - respond: {status: 103, body: \"abc\"}\n"
        "  - respond: {status: 200}\n  - respond: {status: 200, framing: chunked}\n"
        "  - respond: {status: 200, framing: close}\n  - respond: {status: 204}\n"
        "  - respond: {status: 200, body: {size: n}}\n  - respond: {status: 302, location: start}\n"
        "  - send: \"raw\"\n");
    struct rendered_cache *cache = rendered_cache_new();
    static const int64_t numbers[] = {0, 1, 9, 10, 11, 99, 100, 12345, 5, -1, 1000000, 0};
    int64_t few[] = {5}, many[] = {9000};
    static const char *const resources[] = {"start", "other"};
    for (int i = 0; i < 4000; i++) {
        bool is_many = rand() % 2;
        bool is_first = rand() % 2;
        struct place place = {
            .scenario = scenario->id,
            .run = is_first ? "r1" : "run2",
            .resource = resources[rand() % 2],
            .params = is_many ? many : few,
            .script = &scenario->resources[0].visits[0],
            .exchange = numbers[(size_t)rand() % (sizeof numbers / sizeof numbers[0])],
            .is_head = rand() % 4 == 0,
            .is_connect = rand() % 4 == 0,
        };
        uint64_t owner = rand() % 8 == 0 ? 0 : 1 + (uint64_t)is_many + 2 * (uint64_t)is_first;
        compare(cache, &place, owner);
    }
    rendered_cache_free(cache);
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_octets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
