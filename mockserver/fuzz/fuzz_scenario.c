/* SPDX-License-Identifier: MIT */
/* Any octets as a scenario file: read or refused, with a place in the message, and nothing leaks.
 * The seeds are the shared set of good and bad files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *error = NULL;
    struct scenario *scenario =
        scenario_parse("fuzz.yaml", "", bytes_of((const char *)data, size), &error);
    if ((scenario == NULL) != (error != NULL))
        abort();
    if (error != NULL && strncmp(error, "fuzz.yaml:", strlen("fuzz.yaml:")) != 0)
        abort();
    scenario_free(scenario);
    free(error);
    return 0;
}
