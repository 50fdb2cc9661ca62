/* SPDX-License-Identifier: MIT */
/* check_scenario FILE...: what the server's loader says of each file, one line each: "ok" with the
 * transports it plays on, or the message. Lets harness/tests compare the two loaders without a
 * server. Always exits 0: the lines are the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "../../scenario.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *error = NULL;
        struct scenario *scenario = scenario_load(argv[i], "", &error);
        if (scenario == NULL) {
            puts(error);
        } else {
            fputs("ok", stdout);
            for (unsigned bit = 0; bit < TRANSPORT_COUNT; bit++) {
                if (scenario->transports & (1u << bit)) {
                    printf(" %s", transport_names[bit]);
                }
            }
            putchar('\n');
        }
        scenario_free(scenario);
        free(error);
    }
    return 0;
}
