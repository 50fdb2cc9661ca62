/* SPDX-License-Identifier: MIT */
/* A scenario made of the text of its script, for tests. */
#ifndef INTERIMSPEC_TESTS_MADE_H
#define INTERIMSPEC_TESTS_MADE_H

#include "scenario.h"

/* `text` is what stands in the file after title and requirements. Never NULL: a text that does not
 * load fails the test. */
struct scenario *made_scenario(const char *text);

#endif
