/* SPDX-License-Identifier: MIT */
#include "made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct scenario *made_scenario(const char *text)
{
    struct buf file = {0};
    char *error = NULL;
    buf_printf(&file,
               "id: made\ntitle: made\nrequirements: []\n%sexpect: {class: trait}\nwhy: a test\n",
               text);
    struct scenario *scenario = scenario_parse("made.yaml", "tests", buf_bytes(&file), &error);
    if (!scenario) {
        fail_msg("%s", error);
        free(error);
    }
    buf_fini(&file);
    return scenario;
}
